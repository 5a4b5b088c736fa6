from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.known_campaign_status import KnownCampaignStatus
from ..types import UNSET, Unset, parse_time, time_text

T = TypeVar("T", bound="CampaignSnapshot")


@_attrs_define
class CampaignSnapshot:
    """The data of one event of the stream.

    Attributes:
        campaign_id (str | Unset): The campaign.
        status (KnownCampaignStatus | str | Unset): The campaign's status.
        total (int | Unset): Number of contacts.
        pending (int | Unset): Contacts still to be called.
        in_progress (int | Unset): Contacts in a call.
        completed (int | Unset): Contacts reached.
        failed (int | Unset): Contacts that could not be reached.
        cancelled (int | Unset): Contacts not called because the campaign was stopped.
        active_calls (int | Unset): Calls in progress.
        timestamp (datetime.datetime | str | Unset): When the snapshot was taken, RFC 3339.
    """

    campaign_id: str | Unset = UNSET
    status: KnownCampaignStatus | str | Unset = UNSET
    total: int | Unset = UNSET
    pending: int | Unset = UNSET
    in_progress: int | Unset = UNSET
    completed: int | Unset = UNSET
    failed: int | Unset = UNSET
    cancelled: int | Unset = UNSET
    active_calls: int | Unset = UNSET
    timestamp: datetime.datetime | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        campaign_id = self.campaign_id

        status: str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, KnownCampaignStatus):
            status = self.status.value
        else:
            status = self.status

        total = self.total

        pending = self.pending

        in_progress = self.in_progress

        completed = self.completed

        failed = self.failed

        cancelled = self.cancelled

        active_calls = self.active_calls

        timestamp: str | Unset
        if isinstance(self.timestamp, Unset):
            timestamp = UNSET
        elif isinstance(self.timestamp, datetime.datetime):
            timestamp = time_text(self.timestamp)
        else:
            timestamp = self.timestamp

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if campaign_id is not UNSET:
            field_dict["campaign_id"] = campaign_id
        if status is not UNSET:
            field_dict["status"] = status
        if total is not UNSET:
            field_dict["total"] = total
        if pending is not UNSET:
            field_dict["pending"] = pending
        if in_progress is not UNSET:
            field_dict["in_progress"] = in_progress
        if completed is not UNSET:
            field_dict["completed"] = completed
        if failed is not UNSET:
            field_dict["failed"] = failed
        if cancelled is not UNSET:
            field_dict["cancelled"] = cancelled
        if active_calls is not UNSET:
            field_dict["active_calls"] = active_calls
        if timestamp is not UNSET:
            field_dict["timestamp"] = timestamp

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        campaign_id = d.pop("campaign_id", UNSET)

        def _parse_status(data: object) -> KnownCampaignStatus | str | Unset:
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_campaign_status_type_0 = KnownCampaignStatus(data)

                return componentsschemas_campaign_status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KnownCampaignStatus | str | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        total = d.pop("total", UNSET)

        pending = d.pop("pending", UNSET)

        in_progress = d.pop("in_progress", UNSET)

        completed = d.pop("completed", UNSET)

        failed = d.pop("failed", UNSET)

        cancelled = d.pop("cancelled", UNSET)

        active_calls = d.pop("active_calls", UNSET)

        def _parse_timestamp(data: object) -> datetime.datetime | str | Unset:
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                timestamp_type_0 = parse_time(data)

                return timestamp_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | str | Unset, data)

        timestamp = _parse_timestamp(d.pop("timestamp", UNSET))

        campaign_snapshot = cls(
            campaign_id=campaign_id,
            status=status,
            total=total,
            pending=pending,
            in_progress=in_progress,
            completed=completed,
            failed=failed,
            cancelled=cancelled,
            active_calls=active_calls,
            timestamp=timestamp,
        )

        campaign_snapshot.additional_properties = d
        return campaign_snapshot

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
