"""Which columns a table of contacts has, collected page by page.

Knows the fields of a contact and its ``custom_fields``, in order of first occurrence, and which of
them are times. Keeps no contacts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from kataven.contacts._rules import PHONE_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ColumnType", "Columns", "Contact", "nanoseconds"]

Contact: TypeAlias = Mapping[str, Any]
"""A contact as the Hub sends it: JSON."""

ColumnType = Literal["int", "float", "bool", "text", "time"]

_CUSTOM: Final = "custom_fields"
_LARGEST: Final = 2**63 - 1
# Every time that the Hub documents has such a name, and the one of a contact that we assume too.
_TIME: Final = "_at"
_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Columns:
    """The columns of a table: the fields of the contacts, then the union of all custom fields.

    Attributes:
        rows: The number of contacts seen.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._fields: dict[str, set[ColumnType]] = {}
        self._custom: dict[str, set[ColumnType]] = {}

    def see(self, contacts: Iterable[Contact]) -> None:
        """Add the columns of some contacts."""
        for contact in contacts:
            self.rows += 1
            fields, custom = _fields_and_custom(contact)
            for name, value in fields.items():
                _add_type(self._fields, name, value, time=name.endswith(_TIME))
            for name, value in custom.items():
                _add_type(self._custom, name, value)

    def names(self) -> list[str]:
        """Return the names of the columns.

        Fields come first, then custom fields under their own names. A custom field with the name
        of a field gets the prefix ``custom_``, repeated until the name is unique.
        """
        return [*self._field_names(), *self._custom_names().values()]

    def types(self) -> dict[str, ColumnType]:
        """Return the type of each column; ``text`` if its values have several types.

        A field whose name ends in ``_at`` has the type ``time`` if all of its values are times or
        None. A custom field never has: its values are what somebody wrote into a list.
        """
        types: dict[str, ColumnType] = {}
        for name in self._field_names():
            found = self._fields.get(name, set())
            types[name] = "time" if not found and name.endswith(_TIME) else _one_type(found)
        for name, new in self._custom_names().items():
            types[new] = _one_type(self._custom[name])
        return types

    def odd_times(self) -> list[str]:
        """Return the fields that have times and other values, and so are text."""
        return [name for name, types in self._fields.items() if "time" in types and len(types) > 1]

    def rows_of(self, contacts: Iterable[Contact]) -> Iterator[list[Any]]:
        """Yield the values of each contact in the order of the columns, None for a missing one."""
        field_names, custom_names = self._field_names(), list(self._custom_names())
        for contact in contacts:
            fields, custom = _fields_and_custom(contact)
            yield [
                *(fields.get(name) for name in field_names),
                *(custom.get(name) for name in custom_names),
            ]

    def _field_names(self) -> list[str]:
        # A table without rows still has a header.
        return list(self._fields) if self.rows else [PHONE_COLUMN]

    def _custom_names(self) -> dict[str, str]:
        taken = {*self._field_names(), *self._custom}
        names: dict[str, str] = {}
        for name in self._custom:
            new = name
            if name in self._fields:
                new = f"custom_{name}"
                while new in taken:
                    new = f"custom_{new}"
            taken.add(new)
            names[name] = new
        return names


def _fields_and_custom(contact: Contact) -> tuple[dict[str, Any], Mapping[str, Any]]:
    custom = contact.get(_CUSTOM)
    if custom is not None and not isinstance(custom, Mapping):
        return dict(contact), {}
    return {name: value for name, value in contact.items() if name != _CUSTOM}, custom or {}


def nanoseconds(text: str) -> int | None:
    """Return the nanoseconds from 1970 to an RFC 3339 time with an offset.

    Returns:
        None if the text is not such a time, or if the number does not fit into 64 bits.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    date, time, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}{offset or '+00:00'}")
    except ValueError:
        return None
    difference = moment - _EPOCH
    seconds = difference.days * 86400 + difference.seconds
    total = seconds * 10**9 + int((fraction or "").ljust(9, "0"))
    # The smallest number means null in Parquet readers.
    return total if -_LARGEST <= total <= _LARGEST else None


def _add_type(
    columns: dict[str, set[ColumnType]], name: str, value: object, *, time: bool = False
) -> None:
    types = columns.setdefault(name, set())
    if value is None:
        return
    if isinstance(value, bool):
        types.add("bool")
    elif isinstance(value, int):
        types.add("int" if -_LARGEST <= value <= _LARGEST else "text")
    elif time and isinstance(value, str):
        types.add("time" if nanoseconds(value) is not None else "text")
    else:
        types.add("float" if isinstance(value, float) else "text")


def _one_type(types: set[ColumnType]) -> ColumnType:
    if types == {"int", "float"}:
        return "float"
    return next(iter(types)) if len(types) == 1 else "text"
