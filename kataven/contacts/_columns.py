"""The header of a list: what its names are, what is wrong with them, which one is the number.

Knows names that exports give the phone number column. Knows nothing of rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kataven.contacts._problems import Problem, problem
from kataven.contacts._rules import MAX_HEADER, PHONE_COLUMN
from kataven.contacts.reader.header import missing_header_message

__all__ = ["Renamed", "header_problems", "mended", "phone_index", "phone_indexes", "unused"]

# Names of the number's column in exports, folded; the better ones first.
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
    """A column that got another name.

    Args:
        column: Its place, from 1.
        old: The name in the source.
        new: The name in what was written.
    """

    column: int
    old: str
    new: str


def _folded(name: str) -> str:
    return _NOT_WORD.sub("_", name.strip().removeprefix("\ufeff").casefold()).strip("_")


def phone_index(names: Sequence[str]) -> int | None:
    """Find the column of the numbers, also under another name.

    Args:
        names: The names in the header.

    Returns:
        The index of `phone_number`, else of the best known alias, else None.
    """
    if PHONE_COLUMN in names:
        return list(names).index(PHONE_COLUMN)
    folded = [_folded(name) for name in names]
    return next((folded.index(alias) for alias in _ALIASES if alias in folded), None)


def phone_indexes(names: Sequence[str]) -> list[int]:
    """Find every column of numbers: a list of numbers may name two for each person.

    Args:
        names: The names in the header.

    Returns:
        The indexes of `phone_number` and of all its aliases, in order.
    """
    return [index for index, name in enumerate(names) if _folded(name) in _ALIASES]


def header_problems(names: Sequence[str]) -> list[Problem]:
    """Find what the Hub would refuse about a header.

    Args:
        names: The names as they stand.

    Returns:
        The problems, none if the header is fine.
    """
    found: list[Problem] = []
    if PHONE_COLUMN not in names:
        found.append(problem("missing_header", missing_header_message(list(names)), row=1))
    first: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        before = first.setdefault(name, place)
        if not name:
            message = f"column {place} has no name: name it, or let kataven.contacts.clean() do it"
            found.append(problem("missing_header", message, row=1, value=""))
        elif before < place:
            message = (
                f"column {place} has the name of column {before}: rename one of them, or let "
                "kataven.contacts.clean() do it"
            )
            found.append(problem("doubled_header", message, row=1, column=name, value=name))
    size = sum(len(name.encode("utf-8", "surrogatepass")) + 1 for name in names)
    if size > MAX_HEADER:
        message = f"the names have {size:,} bytes in all, {MAX_HEADER:,} are allowed: shorten them"
        found.append(problem("too_large", message, row=1))
    return found


def mended(names: Sequence[str]) -> tuple[list[str], tuple[Renamed, ...]]:
    """Make a header that the Hub takes.

    Names are trimmed, the column of the numbers is called `phone_number`, an empty name becomes
    `column_N`, and a doubled one gets a number.

    Args:
        names: The names as they stand.

    Returns:
        The new names, and those that differ.
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
        free = unused(bare, taken, numbers)
        taken.add(free)
        new.append(free)
    renamed = tuple(
        Renamed(index + 1, before, after)
        for index, (before, after) in enumerate(zip(names, new, strict=True))
        if before != after
    )
    return new, renamed


def unused(name: str, taken: set[str], numbers: dict[str, int] | None = None) -> str:
    """Find a name that is not taken.

    Args:
        name: The name that is wished for.
        taken: Names that are in use.
        numbers: Remembers from which number on to look for each name, for many calls.

    Returns:
        The name, or the name with the first number that is free: `name_2`.
    """
    free = name
    number = 2 if numbers is None else numbers.get(name, 2)
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    if numbers is not None:
        numbers[name] = number
    return free
