"""The first record of a list: where it ends, and the names in it.

Knows byte order marks, quoting and line ends. Reads no rows.
"""

import codecs
import csv
import re
from typing import Final

from kataven.contacts.rules import PHONE_COLUMN

__all__ = ["WIDE_MARKS", "header_end", "header_names", "missing_header_message"]

WIDE_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks of encodings the Hub does not take, the longer ones first."""

_QUOTE_OR_END: Final = re.compile(rb'"[^"]*(?:"|\Z)|[\r\n]')


def header_end(data: bytes, *, complete: bool) -> int | None:
    """Find the end of the first record, quoted line ends skipped.

    Args:
        data: The bytes from the start of the list, in an encoding that contains ASCII.
        complete: Whether these are all the bytes there are.

    Returns:
        The length of the first record without its line end; None if more bytes are needed.
    """
    for found in _QUOTE_OR_END.finditer(data):
        text = found.group()
        if text in (b"\r", b"\n"):
            return found.start()
    return len(data) if complete else None


def header_names(record: bytes) -> list[str]:
    """Read the names of a first record.

    Args:
        record: Its bytes, with or without a UTF-8 byte order mark.

    Returns:
        The names as they stand: not trimmed, not folded. Empty for an empty record.
    """
    text = record.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    # A quoted name longer than the csv module's limit can only be a quote that never ends.
    if len(text) > csv.field_size_limit():
        text = text[: csv.field_size_limit()]
    return next(csv.reader(text.splitlines(keepends=True)), [])


def missing_header_message(names: list[str]) -> str:
    """Say that there is no phone number column, and what is there instead.

    Args:
        names: The names of the first record.

    Returns:
        A sentence for people.
    """
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    advice = "rename the column with the numbers, or let kataven.contacts.clean() do it"
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        advice = "the columns are not separated by commas; kataven.contacts.clean() mends that"
    return (
        f"the first row must name a column {PHONE_COLUMN!r}, exactly so; "
        f"it has {shown or 'nothing'}{more}: {advice}"
    )
