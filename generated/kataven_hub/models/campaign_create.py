from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import types
from ..types import UNSET, File, Unset

T = TypeVar("T", bound="CampaignCreate")


@_attrs_define
class CampaignCreate:
    """The form that creates a campaign.

    Attributes:
        name (str): A human-readable name.
        agent_id (str): The ID of the agent that speaks to the contacts.
        phone_number_id (str): The ID of the phone number to call from.
        contacts (File): A CSV file of at most 10 MB. The first row holds the column names and must include
            phone_number; every other column becomes one of the contact's custom_fields.
        max_concurrent_calls (int | Unset): Maximum number of concurrent calls of this campaign. Default: 5.
        retries_per_contact (int | Unset): Maximum number of retries per contact. Default: 0.
        retry_delay_seconds (int | Unset): Seconds between two calls to the same contact. Default: 300.
        scheduled_at (str | Unset): When the campaign is to start, RFC 3339. Rejected if in the past.
    """

    name: str
    agent_id: str
    phone_number_id: str
    contacts: File
    max_concurrent_calls: int | Unset = 5
    retries_per_contact: int | Unset = 0
    retry_delay_seconds: int | Unset = 300
    scheduled_at: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        agent_id = self.agent_id

        phone_number_id = self.phone_number_id

        contacts = self.contacts.to_tuple()

        max_concurrent_calls = self.max_concurrent_calls

        retries_per_contact = self.retries_per_contact

        retry_delay_seconds = self.retry_delay_seconds

        scheduled_at = self.scheduled_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "agent_id": agent_id,
                "phone_number_id": phone_number_id,
                "contacts": contacts,
            }
        )
        if max_concurrent_calls is not UNSET:
            field_dict["max_concurrent_calls"] = max_concurrent_calls
        if retries_per_contact is not UNSET:
            field_dict["retries_per_contact"] = retries_per_contact
        if retry_delay_seconds is not UNSET:
            field_dict["retry_delay_seconds"] = retry_delay_seconds
        if scheduled_at is not UNSET:
            field_dict["scheduled_at"] = scheduled_at

        return field_dict

    def to_multipart(self) -> types.RequestFiles:
        files: types.RequestFiles = []

        files.append(("name", (None, str(self.name).encode(), "text/plain")))

        files.append(("agent_id", (None, str(self.agent_id).encode(), "text/plain")))

        files.append(("phone_number_id", (None, str(self.phone_number_id).encode(), "text/plain")))

        files.append(("contacts", self.contacts.to_tuple()))

        if not isinstance(self.max_concurrent_calls, Unset):
            files.append(
                (
                    "max_concurrent_calls",
                    (None, str(self.max_concurrent_calls).encode(), "text/plain"),
                )
            )

        if not isinstance(self.retries_per_contact, Unset):
            files.append(
                (
                    "retries_per_contact",
                    (None, str(self.retries_per_contact).encode(), "text/plain"),
                )
            )

        if not isinstance(self.retry_delay_seconds, Unset):
            files.append(
                (
                    "retry_delay_seconds",
                    (None, str(self.retry_delay_seconds).encode(), "text/plain"),
                )
            )

        if not isinstance(self.scheduled_at, Unset):
            files.append(("scheduled_at", (None, str(self.scheduled_at).encode(), "text/plain")))

        for prop_name, prop in self.additional_properties.items():
            files.append((prop_name, (None, str(prop).encode(), "text/plain")))

        return files

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        agent_id = d.pop("agent_id")

        phone_number_id = d.pop("phone_number_id")

        contacts = File(payload=BytesIO(d.pop("contacts")))

        max_concurrent_calls = d.pop("max_concurrent_calls", UNSET)

        retries_per_contact = d.pop("retries_per_contact", UNSET)

        retry_delay_seconds = d.pop("retry_delay_seconds", UNSET)

        scheduled_at = d.pop("scheduled_at", UNSET)

        campaign_create = cls(
            name=name,
            agent_id=agent_id,
            phone_number_id=phone_number_id,
            contacts=contacts,
            max_concurrent_calls=max_concurrent_calls,
            retries_per_contact=retries_per_contact,
            retry_delay_seconds=retry_delay_seconds,
            scheduled_at=scheduled_at,
        )

        campaign_create.additional_properties = d
        return campaign_create

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
