"""Rows as mappings, written as CSV.

Knows that the first row's keys are the header and that a phone number is accepted only as text.
Does not know where the CSV goes, and judges nothing that a file would not be refused for.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from kataven.contacts._columns import phone_index
from kataven.contacts._csv import CsvFull, cell_text
from kataven.contacts._problems import shortened
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import PHONE_COLUMN, TOO_LARGE, missing_header_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kataven.contacts._csv import CsvWriter
    from kataven.errors import ContactsError

__all__ = ["checked_names", "refuse_too_large", "spreadsheet_refusal", "write_row", "write_rows"]


def write_rows(
    rows: Iterable[Mapping[str, object]], writer: CsvWriter, *, strict: bool = True
) -> None:
    """Write mappings as CSV; the keys of the first one are the header.

    A missing key and None become an empty cell. The key None of a ``csv.DictReader``, under which
    it keeps the extra cells of a long row, becomes extra cells again.

    Args:
        rows: The rows; read once, one at a time.
        writer: Where the CSV goes.
        strict: Whether to refuse at once what an upload would be refused for: no rows, no column
            ``phone_number``, and extra cells.

    Raises:
        ContactsError: A row has a key that the first row lacks, a phone number is not text, the CSV
            is too large, or the rows are refused because of ``strict``.
        TypeError: A row is not a mapping, or a key is not text.
    """
    stream = iter(rows)
    first = next(stream, _END)
    if first is _END:
        if strict:
            raise refusal("no_rows", "there are no rows: add at least one contact")
        return
    keys: list[Any] = list(_mapping(first, 2))
    names = checked_names([key for key in keys if key is not None], strict=strict)
    phone = phone_index(names)
    known: frozenset[str | None] = frozenset(names if strict else (*names, None))
    with refuse_too_large():
        writer.row(names)
        number = 2
        row: object = first
        while row is not _END:
            mapping = _mapping(row, number)
            if not known.issuperset(mapping):
                raise _unknown_key(mapping, known, number)
            values = [mapping.get(name) for name in names]
            extra: Any = mapping.get(None) if None in known else None
            if isinstance(extra, list):
                values += extra
            write_row(writer, phone, values, number)
            row = next(stream, _END)
            number += 1


_END: Final = object()


def checked_names(names: list[Any], *, strict: bool = True) -> list[str]:
    """Return the column names of rows or a table if they can be a header.

    Args:
        names: The names.
        strict: Whether there must be a column ``phone_number``.

    Raises:
        ContactsError: There is no phone number column, or two columns have the same name.
        TypeError: A name is not text.
    """
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"a column name must be a str, not {name!r:.80} ({type(name).__name__})"
            )
    if strict and PHONE_COLUMN not in names:
        raise refusal("missing_header", missing_header_message(names), row=1)
    if len(set(names)) != len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise refusal(
            "doubled_header",
            f"two columns are named {shortened(doubled)!r}: rename one of them",
            row=1,
            column=doubled,
        )
    return names


def write_row(writer: CsvWriter, phone: int | None, values: Sequence[object], number: int) -> None:
    """Write one row of a table.

    Args:
        writer: Where the CSV goes.
        phone: The index of the phone number column, None if there is none.
        values: The values of the row, in the order of the header.
        number: The number of the row, for errors.

    Raises:
        ContactsError: The phone number is not text, or a cell contains an unpaired surrogate.
    """
    value = None if phone is None else values[phone]
    if isinstance(value, numbers.Number) and cell_text(value):
        raise spreadsheet_refusal(number, str(value), f"this is of type {type(value).__name__}")
    try:
        writer.row([cell_text(value) for value in values])
    except UnicodeEncodeError as broken:
        raise refusal(
            "bad_encoding",
            f"the row contains an unpaired surrogate ({broken.object[broken.start]!r}), which is "
            "not text: decode the source with the right encoding",
            row=number,
        ) from broken


def spreadsheet_refusal(row: int | None, value: str, found: str) -> ContactsError:
    """Return the error that refuses phone numbers which are not text."""
    return refusal(
        "spreadsheet_number",
        f"phone numbers must be text, and {found}: a number has lost its '+' and leading zeros, "
        "and may have lost digits; read the column as text (pandas: dtype=str)",
        row=row,
        column=PHONE_COLUMN,
        value=value,
    )


@contextmanager
def refuse_too_large() -> Iterator[None]:
    """Raise a ContactsError in place of the signal that the CSV is full."""
    try:
        yield
    except CsvFull as full:
        raise refusal("too_large", TOO_LARGE) from full


def _mapping(row: object, number: int) -> Mapping[Any, object]:
    if isinstance(row, Mapping):
        return row
    raise TypeError(
        f"contacts as rows must be mappings like {{'phone_number': '+1...'}}; "
        f"row {number} is of type {type(row).__name__}"
    )


def _unknown_key(
    row: Mapping[Any, object], known: frozenset[str | None], number: int
) -> ContactsError:
    extra = next(key for key in row if key not in known)
    return refusal(
        "ragged_row",
        f"the row has the key {extra!r:.80}, which the first row lacks: add every key that a "
        "later row has to the first row (its value may be None)",
        row=number,
        column=str(extra),
        value=cell_text(row[extra]),
    )
