from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.known_contact_status import KnownContactStatus
from ..types import UNSET, Unset, parse_time, time_text

if TYPE_CHECKING:
    from ..models.contact_custom_fields import ContactCustomFields


T = TypeVar("T", bound="Contact")


@_attrs_define
class Contact:
    """One contact of a campaign.

    Attributes:
        id (str | Unset): The contact's ID.
        phone_number (str | Unset): The phone number in E.164, as in the CSV file.
        custom_fields (ContactCustomFields | Unset): The other columns of the CSV file, variables for the agent's
            prompt.
        status (KnownContactStatus | str | Unset): A contact's status. Statuses that the SDK does not know are passed
            through.
        attempts (int | Unset): Number of calls made to the contact.
        last_attempt_at (datetime.datetime | None | str | Unset): When the contact was last called, RFC 3339, or null.
        last_error (None | str | Unset): Why the last call failed, or null.
    """

    id: str | Unset = UNSET
    phone_number: str | Unset = UNSET
    custom_fields: ContactCustomFields | Unset = UNSET
    status: KnownContactStatus | str | Unset = UNSET
    attempts: int | Unset = UNSET
    last_attempt_at: datetime.datetime | None | str | Unset = UNSET
    last_error: None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        phone_number = self.phone_number

        custom_fields: dict[str, Any] | Unset = UNSET
        if not isinstance(self.custom_fields, Unset):
            custom_fields = self.custom_fields.to_dict()

        status: str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, KnownContactStatus):
            status = self.status.value
        else:
            status = self.status

        attempts = self.attempts

        last_attempt_at: None | str | Unset
        if isinstance(self.last_attempt_at, Unset):
            last_attempt_at = UNSET
        elif isinstance(self.last_attempt_at, datetime.datetime):
            last_attempt_at = time_text(self.last_attempt_at)
        else:
            last_attempt_at = self.last_attempt_at

        last_error: None | str | Unset
        if isinstance(self.last_error, Unset):
            last_error = UNSET
        else:
            last_error = self.last_error

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if id is not UNSET:
            field_dict["id"] = id
        if phone_number is not UNSET:
            field_dict["phone_number"] = phone_number
        if custom_fields is not UNSET:
            field_dict["custom_fields"] = custom_fields
        if status is not UNSET:
            field_dict["status"] = status
        if attempts is not UNSET:
            field_dict["attempts"] = attempts
        if last_attempt_at is not UNSET:
            field_dict["last_attempt_at"] = last_attempt_at
        if last_error is not UNSET:
            field_dict["last_error"] = last_error

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.contact_custom_fields import ContactCustomFields  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id", UNSET)

        phone_number = d.pop("phone_number", UNSET)

        _custom_fields = d.pop("custom_fields", UNSET)
        custom_fields: ContactCustomFields | Unset
        if isinstance(_custom_fields, Unset):
            custom_fields = UNSET
        else:
            custom_fields = ContactCustomFields.from_dict(_custom_fields)

        def _parse_status(data: object) -> KnownContactStatus | str | Unset:
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_contact_status_type_0 = KnownContactStatus(data)

                return componentsschemas_contact_status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KnownContactStatus | str | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        attempts = d.pop("attempts", UNSET)

        def _parse_last_attempt_at(data: object) -> datetime.datetime | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_attempt_at_type_0 = parse_time(data)

                return last_attempt_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | str | Unset, data)

        last_attempt_at = _parse_last_attempt_at(d.pop("last_attempt_at", UNSET))

        def _parse_last_error(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        last_error = _parse_last_error(d.pop("last_error", UNSET))

        contact = cls(
            id=id,
            phone_number=phone_number,
            custom_fields=custom_fields,
            status=status,
            attempts=attempts,
            last_attempt_at=last_attempt_at,
            last_error=last_error,
        )

        contact.additional_properties = d
        return contact

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
