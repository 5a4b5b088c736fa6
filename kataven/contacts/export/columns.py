"""Which columns a table of contacts has, learned while the contacts go by.

Knows the fields of a contact and its `custom_fields`, in order of first sight. Keeps no contact.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kataven.contacts._rules import PHONE_COLUMN

__all__ = ["Outline"]

CUSTOM: Final = "custom_fields"
_LARGEST: Final = 2**63 - 1


class Outline:
    """The columns of a table: the contact's fields, then the union of all custom fields."""

    def __init__(self) -> None:
        """Start with no column."""
        self.rows = 0
        self._fields: dict[str, set[str]] = {}
        self._custom: dict[str, set[str]] = {}

    def see(self, contacts: Iterable[Mapping[str, Any]]) -> None:
        """Learn from some contacts.

        Args:
            contacts: Contacts as the Hub gives them.
        """
        for contact in contacts:
            self.rows += 1
            fields, custom = _parted(contact)
            for name, value in fields.items():
                self._fields.setdefault(name, set()).add(_kind(value))
            for name, value in custom.items():
                self._custom.setdefault(name, set()).add(_kind(value))

    def columns(self) -> list[str]:
        """Name the columns.

        Returns:
            The fields, then the custom fields under their own names; one that a field has
            already, or another custom field, gets the prefix `custom_`.
        """
        return [*self._field_names(), *self._custom_names().values()]

    def kinds(self) -> dict[str, str]:
        """Tell what is in each column.

        Returns:
            For each column `int`, `float`, `bool` or `text`, which takes everything.
        """
        names = self._custom_names()
        kinds = {name: _one_kind(self._fields.get(name, set())) for name in self._field_names()}
        kinds.update({names[name]: _one_kind(found) for name, found in self._custom.items()})
        return kinds

    def rows_of(self, contacts: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
        """Lay contacts out in columns.

        Args:
            contacts: Contacts that have been seen.

        Yields:
            For each its values in the order of the columns, None where it has none.
        """
        field_names, custom_names = self._field_names(), list(self._custom_names())
        for contact in contacts:
            fields, custom = _parted(contact)
            yield [
                *(fields.get(name) for name in field_names),
                *(custom.get(name) for name in custom_names),
            ]

    def _field_names(self) -> list[str]:
        # A table without rows still says what its rows would be.
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


def _parted(contact: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    custom = contact.get(CUSTOM)
    if custom is not None and not isinstance(custom, Mapping):
        return dict(contact), {}
    return {name: value for name, value in contact.items() if name != CUSTOM}, custom or {}


def _kind(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_LARGEST <= value <= _LARGEST else "text"
    return "float" if isinstance(value, float) else "text"


def _one_kind(found: set[str]) -> str:
    kinds = found - {""}
    if kinds == {"int", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else "text"
