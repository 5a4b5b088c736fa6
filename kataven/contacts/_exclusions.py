"""The numbers that must not be called, from a do-not-call list of any form.

Knows one rule more than a reader of contacts: an entry that cannot be read is an error, for it
would be called. Knows nothing of what is done with the numbers.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import chain
from typing import Any, Final, TypeAlias, cast

from kataven.contacts._columns import phone_indexes
from kataven.contacts._files import position_of
from kataven.contacts._phones import Phones
from kataven.contacts._problems import Problem, counted, problem, refusal
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.open import ContactsSource, open_source
from kataven.contacts.source.tables import is_table
from kataven.errors import ContactsError

__all__ = ["Exclusions", "excluded_numbers"]

Exclusions: TypeAlias = Iterable[str] | ContactsSource
"""Numbers as text, or any source of contacts; a file may also hold one number a line."""

_SHOWN: Final = 1_000
_ADVICE: Final = "correct it there, or give its country by region="
_NO_HEADER: Final = (
    "a list without a header may hold nothing but numbers, so name its columns in a first line, "
    f"those with numbers {PHONE_COLUMN!r} and the like, or {_ADVICE}"
)
_REPLACED: Final = "\ufffd"

_Entries: TypeAlias = Generator[tuple[int, str, str], None, None]
"""For each entry its row, its text, and what to do if that is no number."""


def excluded_numbers(exclude: Exclusions | None, phones: Phones) -> frozenset[str]:
    """Read a do-not-call list.

    Args:
        exclude: The list, None for an empty one. UTF-8, or what its byte order mark says. A file
            that seeks is set back to where it stood.
        phones: Makes numbers of what stands in it.

    Returns:
        Its numbers in E.164.

    Raises:
        ContactsError: An entry is no number, a row cannot be read for certain, or there is nothing
            at all; nothing may be called past it. For entries, its `.problems` are the first
            1,000 of them.
        TypeError: It is no list of numbers.
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
                        f"the exclusion list has {value[:40]!r}, of which no number can be made, "
                        f"so that it might be called all the same: {advice}",
                        row=row,
                        value=value,
                    )
                )
    if problems:
        raise ContactsError(str(problems[0]), problems=problems)
    return frozenset(numbers)


def _entries(exclude: Exclusions, phones: Phones) -> _Entries:
    stored: Any = exclude
    if (
        isinstance(stored, str | os.PathLike | bytes | bytearray | memoryview)
        or hasattr(stored, "read")
        or is_table(stored)
        or isinstance(stored, Mapping)
        or not isinstance(stored, Iterable)
    ):
        return _from_file(stored, phones)
    return _from_items(cast("Iterable[object]", stored))


def _nothing() -> ContactsError:
    # An open file or an iterator gives its numbers once: the next list would be called past it.
    return refusal(
        "empty_file",
        "the exclusion list is empty or was read already; pass exclude=None for none",
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
                    "an exclusion list holds numbers as text, or mappings with a "
                    f"{PHONE_COLUMN!r}; its entry {row} is {item!r:.80}"
                )
            yield row, value, _ADVICE
    if not row and isinstance(items, Iterator):
        raise _nothing()


def _from_file(source: ContactsSource, phones: Phones) -> _Entries:
    with ExitStack() as opened:
        file = open_source(source, opened)
        back = position_of(file)
        if back is not None:
            opened.callback(file.seek, back)
        blocks = iter(TextBlocks(file))
        first = next(blocks, None)
        if first is None:
            raise _nothing()
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
                            "the exclusion list names no column with numbers, and its first line "
                            f"is no number: {cells[0][:40]!r}; call the column {PHONE_COLUMN!r}"
                        )
                if columns:
                    found = _numbered(row, cells, columns, len(header))
                    advice = _ADVICE
                else:
                    found, advice = cells, _ADVICE if len(cells) == 1 else _NO_HEADER
                for value in found:
                    if _REPLACED in value:
                        raise refusal(
                            "bad_encoding",
                            "the exclusion list has bytes in a number that are not UTF-8: save it "
                            "as CSV (UTF-8)",
                            row=row,
                            value=value,
                        )
                    yield row, value, advice


def _readable(row: int, batch: Batch) -> None:
    """Refuse a row that may hold other numbers than it seems to."""
    flaw = batch.malformed.get(row - batch.first)
    if flaw is not None:
        text = batch.rows[row - batch.first][0]
        raise refusal("malformed", f"in the exclusion list {flaw}", row=row, value=text)


def _numbered(row: int, cells: list[str], columns: list[int], width: int) -> list[str]:
    """Take the numbers out of a row below a header."""
    found = [cells[index] for index in columns if index < len(cells)]
    # Spreadsheets add empty columns on the right; nothing can have moved.
    if any(cells[width:]) or not found:
        raise refusal(
            "ragged_row",
            f"the row of the exclusion list has {counted(len(cells), 'cell')}, the header {width}, "
            "so that its number cannot be told: correct its commas, or quote cells that contain "
            "one",
            row=row,
            value=",".join(cells),
        )
    return found
