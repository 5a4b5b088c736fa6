"""What the Hub accepts: size, number of rows, encoding, header, and the form of a phone number.

Documented rules of the Hub and, where it documents nothing, our strict assumptions. Each limit of
a list is here, with its wording; the embedded Hub has its own on purpose. The sentences about
single numbers are in ``_number_refusals``. Reads no files.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from kataven.contacts._not_csv import other_format
from kataven.contacts._problems import Kind, Problem, problem

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BLANK_LIST",
    "E164",
    "EMPTY_LIST",
    "MAX_BYTES",
    "MAX_ROWS",
    "NO_ROWS",
    "NUL_CHARACTER",
    "NUMBER_FORM",
    "PART_BYTES",
    "PHONE_COLUMN",
    "SPREADSHEET_NUMBER",
    "TOO_LARGE",
    "TOO_MANY_ROWS",
    "WIDE_MARKS",
    "all_well_formed",
    "header_problems",
    "missing_header_message",
    "number_problem",
]

# Size and rows.

MAX_BYTES: Final = 10 * 1024 * 1024
"""The largest file in bytes. The Hub documents "10 MB"; reading it as 10 MiB is our assumption."""

PART_BYTES: Final = 10_000_000
"""The default size of a part in bytes: accepted whichever of the two 10 MB means."""

MAX_ROWS: Final = 100_000
"""The most rows of a list. Documented as "about" so many contacts, hence a warning only."""

_MAX_HEADER_BYTES: Final = 64 * 1024
# The column names with one separator each (assumed: the Hub repeats them with every contact).

EMPTY_LIST: Final = "the list is empty: export it again"
BLANK_LIST: Final = "the list contains only blank lines: export it again"
NO_ROWS: Final = "there is no row below the header: add at least one contact"
TOO_LARGE: Final = (
    f"the list is larger than {MAX_BYTES:,} bytes, the maximum the Hub accepts: split it into "
    "several campaigns (kataven.contacts.split)"
)
TOO_MANY_ROWS: Final = (
    f"the list has more than {MAX_ROWS:,} rows, about the maximum that the Hub documents: split "
    "it with kataven.contacts.split(max_rows=...)"
)
NUL_CHARACTER: Final = (
    "there is a NUL character: export the list again; if there are many, it is UTF-16 without a "
    "byte order mark, and encoding='utf-16-le' reads it"
)


# Encoding.

WIDE_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks of encodings that the Hub does not accept, the longer ones first."""

# Header.

PHONE_COLUMN: Final = "phone_number"
"""The column that every list needs (documented)."""

# A name that looks like this is a cell of the first contact. Some exports use dates as names.
_LOOKS_LIKE_NUMBER: Final = re.compile(r"\s*(?!\d{4}-\d\d-\d\d)(?:\+|00)?[(]?\d[\d ().-]{5,}\d\s*")


def header_problems(names: Sequence[str]) -> list[Problem]:
    """Return what the Hub would refuse about a header.

    Args:
        names: The column names as they are in the list.

    Returns:
        The problems, empty if the header is fine.
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
                f"column {place} has the same name as column {before}: rename one of them, or let "
                "kataven.contacts.clean() do it"
            )
            found.append(problem("doubled_header", message, row=1, column=name, value=name))
    size = sum(len(name.encode("utf-8", "surrogatepass")) + 1 for name in names)
    if size > _MAX_HEADER_BYTES:
        message = (
            f"the column names take {size:,} bytes, the maximum is {_MAX_HEADER_BYTES:,}: shorten "
            "them"
        )
        found.append(problem("too_large", message, row=1))
    return found


def missing_header_message(names: list[str], *, cleaning: bool = False) -> str:
    """Describe a first row without a phone number column, and what to do about it.

    Args:
        names: The names in the first record.
        cleaning: Whether ``clean`` is the caller, so that the advice cannot be to call it.

    Returns:
        A sentence.
    """
    first = names[0] if names else ""
    if message := other_format(first):
        return message
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (
        f"the first row must name a column {PHONE_COLUMN!r} (exact spelling); it has "
        f"{shown or 'no names'}{more}: {_header_advice(names, first, cleaning=cleaning)}"
    )


def _header_advice(names: list[str], first: str, *, cleaning: bool) -> str:
    for wide, high in (("utf-16-le", first[1::2]), ("utf-16-be", first[::2])):
        if high and not high.strip("\0"):
            return (
                "this seems to be UTF-16 without a byte order mark: save the list as CSV (UTF-8), "
                f"or let kataven.contacts.clean(encoding={wide!r}) do it"
            )
    if first.casefold().removeprefix('"').startswith("sep="):
        if cleaning:
            return "this line is a note to Excel: delete it, and separate the columns with commas"
        return "this line is a note to Excel: delete it, or let kataven.contacts.clean() do it"
    if any(char < " " and char not in "\t\r\n" for name in names for char in name):
        return "these are not names, so it may not be CSV at all: save the list as CSV (UTF-8)"
    if any(_LOOKS_LIKE_NUMBER.fullmatch(cell) for name in names for cell in _split_any(name)):
        return (
            "this looks like a contact, and the first row must name the columns: add a header row"
        )
    if cleaning:
        return "rename the phone number column"
    if len(names) == 1 and any(mark in first for mark in ";\t|"):
        return "the columns are not separated by commas; kataven.contacts.clean() fixes that"
    return "rename the phone number column, or let kataven.contacts.clean() do it"


def _split_any(name: str) -> list[str]:
    return re.split(r"[;\t|]", name)


# Phone numbers.

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""A number as the Hub takes it: ``+`` and 7 to 15 ASCII digits, the first not 0 (documented)."""

NUMBER_FORM: Final = "'+' and 7 to 15 digits, the first not 0"

SPREADSHEET_NUMBER: Final = re.compile(
    r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+|[+-]?[0-9]{4,}[.,]0*"
)
"""What spreadsheets make of a number: 1.4155550100E+10, 1,41556E+10, 14155550100.0"""

_SHORTEST_LENGTH: Final = 8
_LONGEST_LENGTH: Final = 16


def number_problem(value: str) -> Kind | None:
    """Judge one cell of the phone number column.

    Args:
        value: The text of the cell.

    Returns:
        None for a well-formed number, else the kind of the problem.
    """
    if E164.fullmatch(value):
        return None
    bare = value.strip()
    if not bare:
        return "empty_number"
    return "spreadsheet_number" if SPREADSHEET_NUMBER.fullmatch(bare) else "bad_number"


def all_well_formed(numbers: Sequence[str]) -> bool:
    """Tell whether all of many cells are well-formed numbers, without a Python loop over them.

    Args:
        numbers: The text of the cells.

    Returns:
        True if ``number_problem`` is None for each of them.
    """
    if not numbers:
        return True
    lengths = set(map(len, numbers))
    if min(lengths) < _SHORTEST_LENGTH or max(lengths) > _LONGEST_LENGTH:
        return False
    text = "\n" + "\n".join(numbers)
    # Each cell starts with a plus, or fewer line ends than cells are followed by one. What remains
    # after removing these pairs must be digits.
    if not text.isascii() or text.count("\n+") != len(numbers):
        return False
    return "+0" not in text and text.replace("\n+", "").isdigit()
