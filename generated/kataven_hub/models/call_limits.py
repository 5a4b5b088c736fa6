from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="CallLimits")


@_attrs_define
class CallLimits:
    """The account's limits on calls.

    Attributes:
        concurrent_max (int): Maximum number of concurrent calls over all campaigns.
        calls_per_minute (int): Maximum number of calls started per minute.
        daily_calls_max (int): Maximum number of calls started per day.
        daily_minutes_max (int): Maximum number of call minutes per day.
    """

    concurrent_max: int
    calls_per_minute: int
    daily_calls_max: int
    daily_minutes_max: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        concurrent_max = self.concurrent_max

        calls_per_minute = self.calls_per_minute

        daily_calls_max = self.daily_calls_max

        daily_minutes_max = self.daily_minutes_max

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "concurrent_max": concurrent_max,
                "calls_per_minute": calls_per_minute,
                "daily_calls_max": daily_calls_max,
                "daily_minutes_max": daily_minutes_max,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        concurrent_max = d.pop("concurrent_max")

        calls_per_minute = d.pop("calls_per_minute")

        daily_calls_max = d.pop("daily_calls_max")

        daily_minutes_max = d.pop("daily_minutes_max")

        call_limits = cls(
            concurrent_max=concurrent_max,
            calls_per_minute=calls_per_minute,
            daily_calls_max=daily_calls_max,
            daily_minutes_max=daily_minutes_max,
        )

        call_limits.additional_properties = d
        return call_limits

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
