"""The numbers that must not be called, from a do-not-call list in any form.

Stricter than reading contacts: an entry that cannot be read is an error, because it would be
called. Does not know what the numbers are used for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from kataven.contacts._columns import column_index, not_csv_message, phone_indexes
from kataven.contacts._csv import cell_text
from kataven.contacts._exclusion_columns import (
    ADVICE,
    NAMED_KINDS,
    Cells,
    Column,
    ColumnKind,
    ExcludedNumbers,
    ExclusionColumn,
)
from kataven.contacts._number_columns import form_of, has_enough_digits, name_kind
from kataven.contacts._problems import counted
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import Block, TextBlocks
from kataven.contacts.source.open import ContactsSource, open_source
from kataven.contacts.source.tables import is_column, is_table

if TYPE_CHECKING:
    from kataven.contacts._phones import Phones
    from kataven.errors import ContactsError

__all__ = ["ExcludedNumbers", "ExclusionColumn", "Exclusions", "excluded_numbers"]

Exclusions: TypeAlias = Iterable[str] | ContactsSource
"""Numbers as text, or any source of contacts; a file may also have one number per line."""

_NO_HEADER: Final = (
    f"add a header line that names the phone number columns {PHONE_COLUMN!r} or the like (without "
    f"a header every cell must be a number), or {ADVICE}"
)


def excluded_numbers(
    exclude: Exclusions | None, phones: Phones, columns: Iterable[str] | None = None
) -> ExcludedNumbers:
    """Read a do-not-call list.

    Args:
        exclude: The list, None for an empty one. It is UTF-8, or what its byte order mark says. A
            file that can seek is set back to its position.
        phones: Reads its entries.
        columns: The names of the columns to read, None for every column whose name or content is of
            phone numbers.

    Returns:
        Its numbers, and the columns that they are from.

    Raises:
        ContactsError: An entry is not a number, a column looks like numbers and cannot be read, a
            row cannot be read for certain, there is no column of one of the names, or the list is
            empty: no one may be called because an entry was unreadable. For entries, its
            ``.problems`` are the first 1,000 of them.
        TypeError: It is not a list of numbers, or ``columns`` are not names.
        ValueError: There are columns and no list.
    """
    wanted = _wanted(columns)
    if exclude is None:
        if wanted is not None:
            raise ValueError("exclude_columns names columns of exclude=, which is not given")
        return ExcludedNumbers()
    reading = _Reading(phones, wanted)
    if (
        isinstance(exclude, str | os.PathLike | bytes | bytearray | memoryview | Mapping)
        or hasattr(exclude, "read")
        or (is_table(exclude) and not is_column(exclude))
        or not isinstance(exclude, Iterable)
    ):
        reading.file(cast("ContactsSource", exclude))
    else:
        reading.items(exclude)
    return reading.result()


def _wanted(columns: object) -> tuple[str, ...] | None:
    if columns is None:
        return None
    if isinstance(columns, Iterable) and not isinstance(columns, str | bytes):
        names = tuple(columns)
        if names and all(isinstance(name, str) for name in names):
            return tuple(name.strip() for name in names)
    raise TypeError(f"exclude_columns must be a list of column names, not {columns!r:.80}")


class _Reading:
    """One pass over an exclusion list."""

    def __init__(self, phones: Phones, wanted: tuple[str, ...] | None) -> None:
        self._phones = phones
        self._wanted = wanted
        self._columns: list[Column] = []
        self._cells = Cells(phones)
        # The number of cells of a row that reaches the first column known to have numbers.
        self._shortest = 1

    def result(self) -> ExcludedNumbers:
        return self._cells.result(self._columns)

    # Entries in memory.

    def items(self, items: Iterable[object]) -> None:
        """Read numbers as text, or mappings."""
        plain = Column(None, "numbers")
        by_name: dict[str, Column] = {}
        row = 0
        for row, item in enumerate(items, 1):
            if isinstance(item, Mapping):
                self._mapping(row, item, by_name, plain)
                continue
            # The values of an Arrow array are scalars of its own.
            as_py: Any = getattr(item, "as_py", None)
            value: object = item if as_py is None else as_py()
            if isinstance(value, str) and self._wanted is None:
                self._cells.read(plain, row, value)
            elif cell_text(value):
                raise _not_text(row, value)
        if not row and isinstance(items, Iterator):
            raise _empty_list()
        self._columns = [*by_name.values()]
        if by_name:
            for name in self._wanted or ():
                column_index([*by_name], name)
            self._cells.require_numbers(self._columns)
        self._columns.append(plain)

    def _mapping(
        self, row: int, item: Mapping[Any, object], by_name: dict[str, Column], plain: Column
    ) -> None:
        numbered = False
        for key, value in item.items():
            name = str(key)
            column = by_name.get(name)
            if column is None:
                column = by_name[name] = Column(name, self._kind(name))
                if self._wanted is None and self._is_number(name):
                    # The list had no header, so a reader took its first entry for one.
                    self._cells.read(plain, 1, name)
            text = cell_text(value)
            certain = column.kind == "numbers"
            if text and certain and not isinstance(value, str):
                raise _not_text(row, item)
            numbered = numbered or column.kind in NAMED_KINDS
            self._cells.read(column, row, text)
        if not numbered and any(column.kind in NAMED_KINDS for column in by_name.values()):
            raise _not_text(row, item)

    def _kind(self, name: str) -> ColumnKind:
        if self._wanted is not None:
            return "numbers" if name.strip() in self._wanted else "ignored"
        if phone_indexes([name]):
            return "numbers"
        kind = name_kind(name)
        if kind == "numbers":
            return "named"
        return "likely" if kind == "likely" else "unknown"

    # Files.

    def file(self, source: ContactsSource) -> None:
        """Read a file, or a table or rows that were written as one."""
        with open_source(source, keep_position=True) as file:
            text = TextBlocks(file)
            blocks = iter(text)
            first = next(blocks, None)
            if first is None:
                raise _empty_list()
            header: list[str] = []
            mark = text.separator or delimiter_of(first.text)
            if message := not_csv_message(first.text, mark):
                raise refusal(
                    "missing_header", message.replace("the list", "the exclusion list", 1)
                )
            for batch in RecordReader(chain((first,), blocks), mark, lenient=True):
                for row, cells in enumerate(batch.rows, batch.first):
                    if not cells:
                        continue
                    _readable(row, batch)
                    if self._columns:
                        self._row(row, cells, header)
                    elif self._has_no_header(cells):
                        self._columns = [Column(None, "numbers")]
                        self._row(row, cells, header)
                    else:
                        header = cells
                        self._columns = self._named(cells)
                        self._shortest = 1 + next(
                            (i for i, each in enumerate(self._columns) if each.kind in NAMED_KINDS),
                            len(header) - 1,
                        )
            if header:
                self._cells.require_numbers(self._columns)

    def _has_no_header(self, cells: list[str]) -> bool:
        if self._wanted is not None:
            return False
        if "international" in map(form_of, cells):
            return True
        # A number without its country is not a name either: as an entry it is an error.
        return not any(self._kind(name) != "unknown" for name in cells) and any(
            map(has_enough_digits, cells)
        )

    def _is_number(self, name: str) -> bool:
        form = form_of(name)
        return form == "international" or (
            form in ("national", "digits") and bool(self._phones.readings(name))
        )

    def _named(self, names: list[str]) -> list[Column]:
        if self._wanted is None:
            return [Column(name, self._kind(name)) for name in names]
        indexes = {column_index(names, name) for name in self._wanted}
        return [
            Column(name, "numbers" if index in indexes else "ignored")
            for index, name in enumerate(names)
        ]

    def _row(self, row: int, cells: list[str], header: list[str]) -> None:
        if not header:
            self._cells.advice = ADVICE if len(cells) == 1 else _NO_HEADER
            for cell in cells:
                self._cells.read(self._columns[0], row, cell)
            return
        if cells == header:
            # Several exports in one file, each with its header.
            return
        width = len(header)
        # Spreadsheets add empty columns on the right, so no cell is in the wrong column.
        if len(cells) < self._shortest or any(cells[width:]):
            raise refusal(
                "ragged_row",
                f"the row of the exclusion list has {counted(len(cells), 'cell')}, the header "
                f"{width}, so it is unclear which cell is the number: correct its commas, or quote "
                "cells that contain one",
                row=row,
                value=",".join(cells),
            )
        for column, cell in zip(self._columns, cells, strict=False):
            self._cells.read(column, row, cell)


def _opened(text: TextBlocks) -> tuple[str, Iterator[Block]]:
    """Return the delimiter and all blocks of a list; refuse what is empty or not CSV."""
    blocks = iter(text)
    first = next(blocks, None)
    if first is None:
        raise _empty_list()
    mark = text.separator or delimiter_of(first.text)
    if message := not_csv_message(first.text, mark):
        raise refusal("missing_header", message.replace("the list", "the exclusion list", 1))
    return mark, chain((first,), blocks)


def _empty_list() -> ContactsError:
    # An open file or an iterator can be read once; the next list would not be protected by it.
    return refusal(
        "empty_file",
        "the exclusion list is empty or has already been read; pass exclude=None for no exclusions",
    )


def _not_text(row: int, item: object) -> TypeError:
    return TypeError(
        "an exclusion list must contain numbers as text, or mappings with the key "
        f"{PHONE_COLUMN!r}; entry {row} is {item!r:.80}"
    )


def _readable(row: int, batch: Batch) -> None:
    """Refuse a row that may contain other numbers than it seems to."""
    flaw = batch.malformed.get(row - batch.first)
    if flaw is not None:
        text = batch.rows[row - batch.first][0]
        raise refusal("malformed", f"in the exclusion list, {flaw}", row=row, value=text)
