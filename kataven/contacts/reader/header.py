"""The first record of a list: where it ends, the names in it, and what it is if it is no header.

Knows byte order marks, quoting, line ends, and how files of other kinds begin. Reads no rows.
"""

import codecs
import csv
import io
import re
from typing import Final

from kataven.contacts._rules import PHONE_COLUMN

__all__ = ["WIDE_MARKS", "header_end", "header_names", "missing_header_message", "other_form"]

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
    # Not splitlines, which also cuts at characters that end no line of a CSV (U+2028, VT, ...).
    return next(csv.reader(io.StringIO(text, newline="")), [])


# Their first bytes as text: as UTF-8 with U+FFFD for what is none, and as Latin-1 and cp1252.
_FORMS: Final = (
    (re.compile("PK\x03\x04"), "a zip archive, as Excel files (.xlsx) are"),
    (re.compile("\x1f[\ufffd\x8b\u2039]\x08"), "packed with gzip"),
    (re.compile("(?:\ufffd\ufffd|\xd0\xcf)\x11"), "an old Excel file (.xls)"),
    (re.compile("%PDF-"), "a PDF file"),
    (re.compile("PAR1[\0-\x1f]"), "a Parquet file"),
    (re.compile(r"\s*<[!?A-Za-z]"), "HTML or XML"),
    (re.compile(r"\s*(?:\{\s*(?:[\"}]|\Z)|\[\s*(?:[\[{\"\]]|\Z))"), "JSON"),
)
# Names that look like this are cells of the first contact; dates are names in some exports.
_NUMBER: Final = re.compile(r"\s*(?!\d{4}-\d\d-\d\d)(?:\+|00)?[(]?\d[\d ().-]{5,}\d\s*")


def other_form(text: str) -> str | None:
    """Recognise a file that is no CSV by its first characters.

    A column may be called `<b>` or `[id]`: ask only where no column of numbers was found.

    Args:
        text: The beginning of the list, or the first name in it.

    Returns:
        A sentence that says what it seems to be and what to do; None if it may be a list.
    """
    for start, form in _FORMS:
        if start.match(text):
            return f"the list seems to be {form}, not CSV: save it as CSV (UTF-8)"
    return None


def missing_header_message(names: list[str], *, cleaning: bool = False) -> str:
    """Say that there is no phone number column, and what is there instead.

    Args:
        names: The names of the first record.
        cleaning: Whether `clean` says so itself, which then cannot be the advice.

    Returns:
        A sentence for people.
    """
    first = names[0] if names else ""
    if form := other_form(first):
        return form
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (
        f"the first row must name a column {PHONE_COLUMN!r}, exactly so; "
        f"it has {shown or 'nothing'}{more}: {_advice(names, first, cleaning=cleaning)}"
    )


def _advice(names: list[str], first: str, *, cleaning: bool) -> str:
    for wide, high in (("utf-16-le", first[1::2]), ("utf-16-be", first[::2])):
        if high and not high.strip("\0"):
            return (
                "that seems to be UTF-16 without a byte order mark: save the list as CSV (UTF-8), "
                f"or let kataven.contacts.clean(encoding={wide!r}) do it"
            )
    if any(char < " " and char not in "\t\r\n" for name in names for char in name):
        return "those are no names, so it may be no CSV at all: save the list as CSV (UTF-8)"
    if any(_NUMBER.fullmatch(cell) for name in names for cell in re.split(r"[;\t|]", name)):
        return (
            "that looks like a contact, and the first row must name the columns: add a header row"
        )
    if cleaning:
        return "rename the column with the numbers"
    if len(names) == 1 and any(mark in first for mark in ";\t|"):
        return "the columns are not separated by commas; kataven.contacts.clean() mends that"
    return "rename the column with the numbers, or let kataven.contacts.clean() do it"
