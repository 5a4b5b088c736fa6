"""The numbers that must not be called, from a do-not-call list in any form.

Stricter than reading contacts: an entry that cannot be read is an error, because it would be
called. Does not know what the numbers are used for.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from kataven.contacts._columns import phone_indexes
from kataven.contacts._problems import Problem, counted, problem
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.open import ContactsSource, open_source
from kataven.contacts.source.tables import is_table
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from kataven.contacts._phones import Phones

__all__ = ["Exclusions", "excluded_numbers"]

Exclusions: TypeAlias = Iterable[str] | ContactsSource
"""Numbers as text, or any source of contacts; a file may also have one number per line."""

_SHOWN: Final = 1_000
_ADVICE: Final = "correct the entry, or name its country with region="
_NO_HEADER: Final = (
    f"add a header line that names the phone number columns {PHONE_COLUMN!r} or the like (without "
    f"a header every cell must be a number), or {_ADVICE}"
)
_REPLACEMENT: Final = "\ufffd"

_Entries: TypeAlias = Generator[tuple[int, str, str], None, None]
"""For each entry its row, its text, and what to do if it is not a number."""


def excluded_numbers(exclude: Exclusions | None, phones: Phones) -> frozenset[str]:
    """Read a do-not-call list.

    Args:
        exclude: The list, None for an empty one. It is UTF-8, or what its byte order mark says. A
            file that can seek is set back to its position.
        phones: Normalises its entries.

    Returns:
        Its numbers in E.164.

    Raises:
        ContactsError: An entry is not a number, a row cannot be read for certain, or the list is
            empty: no one may be called because an entry was unreadable. For entries, its
            ``.problems`` are the first 1,000 of them.
        TypeError: It is not a list of numbers.
    """
    if exclude is None:
        return frozenset()
    numbers: set[str] = set()
    problems: list[Problem] = []
    with closing(_entries(exclude, phones)) as entries:
        for row, value, advice in entries:
            if not value.strip():
                continue
            phone = phones.of(value)
            if phone is not None:
                numbers.add(phone.number)
            elif len(problems) < _SHOWN:
                problems.append(
                    problem(
                        "bad_number",
                        f"the exclusion list has {value[:40]!r}, which is not a valid number, so "
                        f"the person might be called: {advice}",
                        row=row,
                        value=value,
                    )
                )
    if problems:
        raise ContactsError(str(problems[0]), problems=problems)
    return frozenset(numbers)


def _entries(exclude: Exclusions, phones: Phones) -> _Entries:
    if (
        isinstance(exclude, str | os.PathLike | bytes | bytearray | memoryview | Mapping)
        or hasattr(exclude, "read")
        or is_table(exclude)
        or not isinstance(exclude, Iterable)
    ):
        return _from_file(cast("ContactsSource", exclude), phones)
    return _from_items(exclude)


def _empty_list() -> ContactsError:
    # An open file or an iterator can be read once; the next list would not be protected by it.
    return refusal(
        "empty_file",
        "the exclusion list is empty or has already been read; pass exclude=None for no exclusions",
    )


def _from_items(items: Iterable[object]) -> _Entries:
    row = 0
    for row, item in enumerate(items, 1):
        values: list[object] = [item]
        if isinstance(item, Mapping):
            cells = list(item.values())
            values = [cells[index] for index in phone_indexes([str(key) for key in item])]
            if len(values) > 1:
                values = ["" if value is None else value for value in values]
        for value in values or [None]:
            if not isinstance(value, str):
                raise TypeError(
                    "an exclusion list must contain numbers as text, or mappings with the key "
                    f"{PHONE_COLUMN!r}; entry {row} is {item!r:.80}"
                )
            yield row, value, _ADVICE
    if not row and isinstance(items, Iterator):
        raise _empty_list()


def _from_file(source: ContactsSource, phones: Phones) -> _Entries:
    with open_source(source, keep_position=True) as file:
        blocks = iter(TextBlocks(file))
        first = next(blocks, None)
        if first is None:
            raise _empty_list()
        header: list[str] | None = None
        columns: list[int] = []
        reader = RecordReader(chain((first,), blocks), delimiter_of(first.text), lenient=True)
        for batch in reader:
            for row, cells in enumerate(batch.rows, batch.first):
                if not cells:
                    continue
                _readable(row, batch)
                if header is None:
                    header = cells
                    columns = phone_indexes(cells)
                    if columns:
                        continue
                    if not any(map(phones.of, cells)):
                        raise ContactsError(
                            "the exclusion list has no phone number column, and its first line is "
                            f"not a number: {cells[0][:40]!r}; name the column {PHONE_COLUMN!r}"
                        )
                if columns:
                    found = _numbers(row, cells, columns, len(header))
                    advice = _ADVICE
                else:
                    found, advice = cells, _ADVICE if len(cells) == 1 else _NO_HEADER
                for value in found:
                    if _REPLACEMENT in value:
                        raise refusal(
                            "bad_encoding",
                            "a number in the exclusion list contains bytes that are not UTF-8: "
                            "save the list as CSV (UTF-8)",
                            row=row,
                            value=value,
                        )
                    yield row, value, advice


def _readable(row: int, batch: Batch) -> None:
    """Refuse a row that may contain other numbers than it seems to."""
    flaw = batch.malformed.get(row - batch.first)
    if flaw is not None:
        text = batch.rows[row - batch.first][0]
        raise refusal("malformed", f"in the exclusion list, {flaw}", row=row, value=text)


def _numbers(row: int, cells: list[str], columns: list[int], width: int) -> list[str]:
    """Return the numbers in a row below a header."""
    found = [cells[index] for index in columns if index < len(cells)]
    # Spreadsheets add empty columns on the right, so no cell is in the wrong column.
    if any(cells[width:]) or not found:
        raise refusal(
            "ragged_row",
            f"the row of the exclusion list has {counted(len(cells), 'cell')}, the header {width}, "
            "so it is unclear which cell is the number: correct its commas, or quote cells that "
            "contain one",
            row=row,
            value=",".join(cells),
        )
    return found
