"""Which column of a header holds the phone numbers, and how ``clean`` renames columns.

Knows the names that exports use for phone number columns. Knows nothing of rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.contacts._not_csv import other_format
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import PHONE_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Renamed",
    "clean_names",
    "column_index",
    "not_csv_message",
    "phone_index",
    "phone_indexes",
    "unused_name",
]

# Names of phone number columns in exports, normalised; the best match first.
_ALIASES: Final = (
    "phone_number",
    "phonenumber",
    "phone",
    "mobile_phone_number",
    "mobile_number",
    "mobile_phone",
    "mobilephone",
    "mobile",
    "cell_phone",
    "cellphone",
    "cell",
    "telephone_number",
    "telephone",
    "tel",
    "phone_no",
    "phone_1_value",
    "primary_phone",
    "contact_number",
    "e164",
    "msisdn",
    "handynummer",
    "handy",
    "telefonnummer",
    "telefon",
    "telefono",
    "teléfono",
    "téléphone",
    "móvil",
    "celular",
)
_NOT_WORD: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Renamed:
    """A column that ``clean`` renamed.

    Attributes:
        column: Its position, from 1.
        old: The name in the source.
        new: The name in the clean list.
    """

    column: int
    old: str
    new: str


def _normalised(name: str) -> str:
    return _NOT_WORD.sub("_", name.strip().removeprefix("\ufeff").casefold()).strip("_")


def phone_index(names: Sequence[str]) -> int | None:
    """Return the index of ``phone_number``, else of the best known alias, else None."""
    if PHONE_COLUMN in names:
        return list(names).index(PHONE_COLUMN)
    normalised = [_normalised(name) for name in names]
    return next((normalised.index(alias) for alias in _ALIASES if alias in normalised), None)


def phone_indexes(names: Sequence[str]) -> list[int]:
    """Return the indexes of ``phone_number`` and of all its aliases, in order.

    A do-not-call list may have two numbers for each person.
    """
    return [index for index, name in enumerate(names) if _normalised(name) in _ALIASES]


def column_index(names: Sequence[str], wanted: str) -> int:
    """Return the index of a column that a caller names; white space around names is ignored.

    Args:
        names: The header of the list.
        wanted: The name.

    Raises:
        ContactsError: There is no such column, or two of them.
    """
    bare = [name.removeprefix("\ufeff").strip() for name in names]
    count = bare.count(wanted.strip())
    if count == 1:
        return bare.index(wanted.strip())
    shown = ", ".join(repr(name[:40]) for name in bare[:8])
    raise refusal(
        "doubled_header" if count else "missing_header",
        f"the list has {'more than one' if count else 'no'} column {wanted[:80]!r}; its columns "
        f"are {shown}{f' and {len(bare) - 8} more' if len(bare) > 8 else ''}",
        row=1,
    )


def not_csv_message(text: str, delimiter: str) -> str | None:
    """Recognise a file that is not CSV, unless its first line names a phone number column.

    Args:
        text: The beginning of the list.
        delimiter: The character between the columns.

    Returns:
        A sentence that says what it seems to be and what to do; None if it may be a CSV list.
    """
    message = other_format(text)
    line = text.lstrip().partition("\n")[0]
    return None if phone_index(line.split(delimiter)) is not None else message


def clean_names(names: Sequence[str]) -> tuple[list[str], tuple[Renamed, ...]]:
    """Make a header that the Hub accepts.

    Names are trimmed, the phone number column becomes ``phone_number``, an empty name becomes
    ``column_N``, and a doubled one gets a number.

    Args:
        names: The names as they are in the source.

    Returns:
        The new names, and those that changed.
    """
    phone = phone_index(names)
    taken = {PHONE_COLUMN}
    numbers: dict[str, int] = {}
    new: list[str] = []
    for index, name in enumerate(names):
        if index == phone:
            new.append(PHONE_COLUMN)
            continue
        bare = name.strip().removeprefix("\ufeff").strip() or f"column_{index + 1}"
        free = unused_name(bare, taken, numbers)
        taken.add(free)
        new.append(free)
    renamed = tuple(
        Renamed(index + 1, before, after)
        for index, (before, after) in enumerate(zip(names, new, strict=True))
        if before != after
    )
    return new, renamed


def unused_name(name: str, taken: set[str], numbers: dict[str, int] | None = None) -> str:
    """Return a name that is not taken.

    Args:
        name: The preferred name.
        taken: The names in use.
        numbers: For each name the number to try next. Pass the same dict to every call with the
            same ``taken``, so that a thousand columns of one name take linear time.

    Returns:
        The name, or the name with the first free number: ``name_2``.
    """
    free = name
    number = 2 if numbers is None else numbers.get(name, 2)
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    if numbers is not None:
        numbers[name] = number
    return free
