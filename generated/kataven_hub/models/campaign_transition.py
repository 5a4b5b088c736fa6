from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.known_campaign_status import KnownCampaignStatus
from ..types import UNSET, Unset, parse_time, time_text

T = TypeVar("T", bound="CampaignTransition")


@_attrs_define
class CampaignTransition:
    """What start, pause, resume and stop return: the fields of a campaign, none of them guaranteed.

    Attributes:
        id (str | Unset): The campaign's ID, an opaque string.
        name (str | Unset): The campaign's name.
        agent_id (str | Unset): The ID of the agent that speaks to the contacts.
        phone_number_id (str | Unset): The ID of the phone number to call from.
        status (KnownCampaignStatus | str | Unset): The campaign's status.
        max_concurrent_calls (int | Unset): Maximum number of concurrent calls of this campaign.
        retries_per_contact (int | Unset): Maximum number of retries per contact.
        retry_delay_seconds (int | Unset): Seconds between two calls to the same contact.
        scheduled_at (datetime.datetime | None | str | Unset): When the campaign is scheduled to start, RFC 3339.
        started_at (datetime.datetime | None | str | Unset): When the campaign started, RFC 3339 with up to nine
            fractional digits.
        completed_at (datetime.datetime | None | str | Unset): When the campaign ended, RFC 3339 with up to nine
            fractional digits.
        created_at (datetime.datetime | str | Unset): When the campaign was created, RFC 3339 with up to nine fractional
            digits.
        created_by (str | Unset): Who created the campaign.
    """

    id: str | Unset = UNSET
    name: str | Unset = UNSET
    agent_id: str | Unset = UNSET
    phone_number_id: str | Unset = UNSET
    status: KnownCampaignStatus | str | Unset = UNSET
    max_concurrent_calls: int | Unset = UNSET
    retries_per_contact: int | Unset = UNSET
    retry_delay_seconds: int | Unset = UNSET
    scheduled_at: datetime.datetime | None | str | Unset = UNSET
    started_at: datetime.datetime | None | str | Unset = UNSET
    completed_at: datetime.datetime | None | str | Unset = UNSET
    created_at: datetime.datetime | str | Unset = UNSET
    created_by: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        agent_id = self.agent_id

        phone_number_id = self.phone_number_id

        status: str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, KnownCampaignStatus):
            status = self.status.value
        else:
            status = self.status

        max_concurrent_calls = self.max_concurrent_calls

        retries_per_contact = self.retries_per_contact

        retry_delay_seconds = self.retry_delay_seconds

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

        created_at: str | Unset
        if isinstance(self.created_at, Unset):
            created_at = UNSET
        elif isinstance(self.created_at, datetime.datetime):
            created_at = time_text(self.created_at)
        else:
            created_at = self.created_at

        created_by = self.created_by

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if id is not UNSET:
            field_dict["id"] = id
        if name is not UNSET:
            field_dict["name"] = name
        if agent_id is not UNSET:
            field_dict["agent_id"] = agent_id
        if phone_number_id is not UNSET:
            field_dict["phone_number_id"] = phone_number_id
        if status is not UNSET:
            field_dict["status"] = status
        if max_concurrent_calls is not UNSET:
            field_dict["max_concurrent_calls"] = max_concurrent_calls
        if retries_per_contact is not UNSET:
            field_dict["retries_per_contact"] = retries_per_contact
        if retry_delay_seconds is not UNSET:
            field_dict["retry_delay_seconds"] = retry_delay_seconds
        if scheduled_at is not UNSET:
            field_dict["scheduled_at"] = scheduled_at
        if started_at is not UNSET:
            field_dict["started_at"] = started_at
        if completed_at is not UNSET:
            field_dict["completed_at"] = completed_at
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if created_by is not UNSET:
            field_dict["created_by"] = created_by

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id", UNSET)

        name = d.pop("name", UNSET)

        agent_id = d.pop("agent_id", UNSET)

        phone_number_id = d.pop("phone_number_id", UNSET)

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

        max_concurrent_calls = d.pop("max_concurrent_calls", UNSET)

        retries_per_contact = d.pop("retries_per_contact", UNSET)

        retry_delay_seconds = d.pop("retry_delay_seconds", UNSET)

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

        def _parse_created_at(data: object) -> datetime.datetime | str | Unset:
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = parse_time(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | str | Unset, data)

        created_at = _parse_created_at(d.pop("created_at", UNSET))

        created_by = d.pop("created_by", UNSET)

        campaign_transition = cls(
            id=id,
            name=name,
            agent_id=agent_id,
            phone_number_id=phone_number_id,
            status=status,
            max_concurrent_calls=max_concurrent_calls,
            retries_per_contact=retries_per_contact,
            retry_delay_seconds=retry_delay_seconds,
            scheduled_at=scheduled_at,
            started_at=started_at,
            completed_at=completed_at,
            created_at=created_at,
            created_by=created_by,
        )

        campaign_transition.additional_properties = d
        return campaign_transition

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
