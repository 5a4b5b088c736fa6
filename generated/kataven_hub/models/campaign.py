from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.known_campaign_status import KnownCampaignStatus
from ..types import UNSET, Unset, parse_time, time_text

T = TypeVar("T", bound="Campaign")


@_attrs_define
class Campaign:
    """A campaign, without counters.

    Attributes:
        id (str): The campaign's ID, an opaque string.
        name (str): The campaign's name.
        agent_id (str): The ID of the agent that speaks to the contacts.
        phone_number_id (str): The ID of the phone number to call from.
        status (KnownCampaignStatus | str): The campaign's status.
        max_concurrent_calls (int): Maximum number of concurrent calls of this campaign.
        retries_per_contact (int): Maximum number of retries per contact.
        retry_delay_seconds (int): Seconds between two calls to the same contact.
        created_at (datetime.datetime | str): When the campaign was created, RFC 3339 with up to nine fractional digits.
        created_by (str): Who created the campaign.
        scheduled_at (datetime.datetime | None | str | Unset): When the campaign is scheduled to start, RFC 3339.
        started_at (datetime.datetime | None | str | Unset): When the campaign started, RFC 3339 with up to nine
            fractional digits.
        completed_at (datetime.datetime | None | str | Unset): When the campaign ended, RFC 3339 with up to nine
            fractional digits.
    """

    id: str
    name: str
    agent_id: str
    phone_number_id: str
    status: KnownCampaignStatus | str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    created_at: datetime.datetime | str
    created_by: str
    scheduled_at: datetime.datetime | None | str | Unset = UNSET
    started_at: datetime.datetime | None | str | Unset = UNSET
    completed_at: datetime.datetime | None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        agent_id = self.agent_id

        phone_number_id = self.phone_number_id

        status: str
        if isinstance(self.status, KnownCampaignStatus):
            status = self.status.value
        else:
            status = self.status

        max_concurrent_calls = self.max_concurrent_calls

        retries_per_contact = self.retries_per_contact

        retry_delay_seconds = self.retry_delay_seconds

        created_at: str
        if isinstance(self.created_at, datetime.datetime):
            created_at = time_text(self.created_at)
        else:
            created_at = self.created_at

        created_by = self.created_by

        scheduled_at: None | str | Unset
        if isinstance(self.scheduled_at, Unset):
            scheduled_at = UNSET
        elif isinstance(self.scheduled_at, datetime.datetime):
            scheduled_at = time_text(self.scheduled_at)
        else:
            scheduled_at = self.scheduled_at

        started_at: None | str | Unset
        if isinstance(self.started_at, Unset):
            started_at = UNSET
        elif isinstance(self.started_at, datetime.datetime):
            started_at = time_text(self.started_at)
        else:
            started_at = self.started_at

        completed_at: None | str | Unset
        if isinstance(self.completed_at, Unset):
            completed_at = UNSET
        elif isinstance(self.completed_at, datetime.datetime):
            completed_at = time_text(self.completed_at)
        else:
            completed_at = self.completed_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "agent_id": agent_id,
                "phone_number_id": phone_number_id,
                "status": status,
                "max_concurrent_calls": max_concurrent_calls,
                "retries_per_contact": retries_per_contact,
                "retry_delay_seconds": retry_delay_seconds,
                "created_at": created_at,
                "created_by": created_by,
            }
        )
        if scheduled_at is not UNSET:
            field_dict["scheduled_at"] = scheduled_at
        if started_at is not UNSET:
            field_dict["started_at"] = started_at
        if completed_at is not UNSET:
            field_dict["completed_at"] = completed_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        agent_id = d.pop("agent_id")

        phone_number_id = d.pop("phone_number_id")

        def _parse_status(data: object) -> KnownCampaignStatus | str:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_campaign_status_type_0 = KnownCampaignStatus(data)

                return componentsschemas_campaign_status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KnownCampaignStatus | str, data)

        status = _parse_status(d.pop("status"))

        max_concurrent_calls = d.pop("max_concurrent_calls")

        retries_per_contact = d.pop("retries_per_contact")

        retry_delay_seconds = d.pop("retry_delay_seconds")

        def _parse_created_at(data: object) -> datetime.datetime | str:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = parse_time(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | str, data)

        created_at = _parse_created_at(d.pop("created_at"))

        created_by = d.pop("created_by")

        def _parse_scheduled_at(data: object) -> datetime.datetime | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                scheduled_at_type_0 = parse_time(data)

                return scheduled_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | str | Unset, data)

        scheduled_at = _parse_scheduled_at(d.pop("scheduled_at", UNSET))

        def _parse_started_at(data: object) -> datetime.datetime | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = parse_time(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | str | Unset, data)

        started_at = _parse_started_at(d.pop("started_at", UNSET))

        def _parse_completed_at(data: object) -> datetime.datetime | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                completed_at_type_0 = parse_time(data)

                return completed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | str | Unset, data)

        completed_at = _parse_completed_at(d.pop("completed_at", UNSET))

        campaign = cls(
            id=id,
            name=name,
            agent_id=agent_id,
            phone_number_id=phone_number_id,
            status=status,
            max_concurrent_calls=max_concurrent_calls,
            retries_per_contact=retries_per_contact,
            retry_delay_seconds=retry_delay_seconds,
            created_at=created_at,
            created_by=created_by,
            scheduled_at=scheduled_at,
            started_at=started_at,
            completed_at=completed_at,
        )

        campaign.additional_properties = d
        return campaign

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
