"""The numbers that must not be called, from a do-not-call list in any form.

Stricter than reading contacts: an entry that cannot be read is an error, because it would be
called. Does not know what the numbers are used for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from kataven.contacts._columns import column_index, phone_indexes
from kataven.contacts._csv import cell_text
from kataven.contacts._number_columns import are_numbers, form_of, is_number_name
from kataven.contacts._phones import Refused
from kataven.contacts._problems import Problem, counted, escaped, problem
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.open import ContactsSource, open_source
from kataven.contacts.source.tables import is_column, is_table
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from kataven.contacts._phones import Phones

__all__ = ["ExcludedNumbers", "ExclusionColumn", "Exclusions", "excluded_numbers"]

Exclusions: TypeAlias = Iterable[str] | ContactsSource
"""Numbers as text, or any source of contacts; a file may also have one number per line."""

_SHOWN: Final = 1_000
_SAMPLE: Final = 200
_NAMES: Final = 8
_MOSTLY: Final = 0.9
_HALF: Final = 0.5
_ADVICE: Final = "correct the entry, or name its country with region="
_NO_HEADER: Final = (
    f"add a header line that names the phone number columns {PHONE_COLUMN!r} or the like (without "
    f"a header every cell must be a number), or {_ADVICE}"
)
_CHOOSE: Final = "name the columns to read with exclude_columns="
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class ExclusionColumn:
    """A column of an exclusion list from which numbers were read.

    Attributes:
        name: Its name, None for a list without a header.
        numbers: How many of its cells had a number; the same number may occur twice.
    """

    name: str | None
    numbers: int

    def __str__(self) -> str:
        """Return ``2 numbers from column Phone 1 - Value``."""
        place = "a list without column names"
        if self.name is not None:
            place = f"column {escaped(self.name)}"
        return f"{counted(self.numbers, 'number')} from {place}"


@dataclass(frozen=True, slots=True)
class ExcludedNumbers:
    """What was read from an exclusion list.

    Attributes:
        numbers: The numbers in E.164, with every number that an entry may mean.
        columns: The columns that were read.
    """

    numbers: frozenset[str] = frozenset()
    columns: tuple[ExclusionColumn, ...] = ()


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


@dataclass(slots=True)
class _Column:
    """What is known of a column so far.

    Attributes:
        name: Its name, None without a header.
        kind: ``numbers`` if each cell must be a number, ``named`` if each cell with a digit must
            be, ``unknown`` if its content decides.
        numbers: How many cells were read.
        filled: How many cells are not empty.
        national: How many cells are written as people write national numbers.
        waiting: Cells that may be numbers or ids, for the decision about the column.
        decided: Whether such cells are read, None before the decision.
        passed: The first such cell that was not read: row and text.
    """

    name: str | None
    kind: str
    numbers: int = 0
    filled: int = 0
    national: int = 0
    international: int = 0
    waiting: list[tuple[int, str]] = field(default_factory=list)
    decided: bool | None = None
    passed: tuple[int, str] | None = None


class _Reading:
    """One pass over an exclusion list."""

    def __init__(self, phones: Phones, wanted: tuple[str, ...] | None) -> None:
        self._phones = phones
        self._wanted = wanted
        self._numbers: set[str] = set()
        self._problems: list[Problem] = []
        self._columns: list[_Column] = []
        self._advice = _ADVICE
        # The number of cells of a row that reaches the first column known to have numbers.
        self._shortest = 1

    def result(self) -> ExcludedNumbers:
        for column in self._columns:
            if column.waiting:
                self._decide(column)
            self._judge(column)
        if self._problems:
            raise ContactsError(str(self._problems[0]), problems=self._problems)
        read = tuple(
            ExclusionColumn(column.name, column.numbers)
            for column in self._columns
            if column.numbers
        )
        return ExcludedNumbers(frozenset(self._numbers), read)

    # Entries in memory.

    def items(self, items: Iterable[object]) -> None:
        """Read numbers as text, or mappings."""
        plain = _Column(None, "numbers")
        by_name: dict[str, _Column] = {}
        row = 0
        for row, item in enumerate(items, 1):
            if isinstance(item, Mapping):
                self._mapping(row, item, by_name)
                continue
            # The values of an Arrow array are scalars of its own.
            value: object = item.as_py() if hasattr(item, "as_py") else item
            if isinstance(value, str) and self._wanted is None:
                self._cell(plain, row, value)
            elif cell_text(value):
                raise _not_text(row, value)
        if not row and isinstance(items, Iterator):
            raise _empty_list()
        self._columns = [*by_name.values()]
        if by_name:
            for name in self._wanted or ():
                column_index([*by_name], name)
            self._require_content()
        self._columns.append(plain)

    def _mapping(self, row: int, item: Mapping[Any, object], by_name: dict[str, _Column]) -> None:
        numbered = False
        for key, value in item.items():
            name = str(key)
            column = by_name.get(name)
            if column is None:
                column = by_name[name] = _Column(name, self._kind(name))
            text = cell_text(value)
            certain = column.kind == "numbers"
            if text and certain and not isinstance(value, str):
                raise _not_text(row, item)
            numbered = numbered or column.kind in _NAMED_KINDS
            self._cell(column, row, text)
        if not numbered and any(column.kind in _NAMED_KINDS for column in by_name.values()):
            raise _not_text(row, item)

    def _kind(self, name: str) -> str:
        if self._wanted is not None:
            return "numbers" if name.strip() in self._wanted else "ignored"
        if phone_indexes([name]):
            return "numbers"
        return "named" if is_number_name(name) else "unknown"

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
            for batch in RecordReader(chain((first,), blocks), mark, lenient=True):
                for row, cells in enumerate(batch.rows, batch.first):
                    if not cells:
                        continue
                    _readable(row, batch)
                    if self._columns:
                        self._row(row, cells, header)
                    elif self._has_no_header(cells):
                        self._columns = [_Column(None, "numbers")]
                        self._row(row, cells, header)
                    else:
                        header = cells
                        self._columns = self._named(cells)
                        self._shortest = 1 + next(
                            (
                                i
                                for i, each in enumerate(self._columns)
                                if each.kind in _NAMED_KINDS
                            ),
                            len(header) - 1,
                        )
            if header:
                self._require_content()

    def _has_no_header(self, cells: list[str]) -> bool:
        if self._wanted is not None:
            return False
        forms = {form_of(cell): cell for cell in cells}
        if "international" in forms:
            return True
        if any(self._kind(name) != "unknown" for name in cells):
            return False
        return any(
            self._phones.readings(forms[form]) for form in ("national", "digits") if form in forms
        )

    def _named(self, names: list[str]) -> list[_Column]:
        if self._wanted is None:
            return [_Column(name, self._kind(name)) for name in names]
        indexes = {column_index(names, name) for name in self._wanted}
        return [
            _Column(name, "numbers" if index in indexes else "ignored")
            for index, name in enumerate(names)
        ]

    def _row(self, row: int, cells: list[str], header: list[str]) -> None:
        if not header:
            self._advice = _ADVICE if len(cells) == 1 else _NO_HEADER
            for cell in cells:
                self._cell(self._columns[0], row, cell)
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
            self._cell(column, row, cell)

    def _require_content(self) -> None:
        """Refuse a header without any column of numbers."""
        for column in self._columns:
            if column.kind != "unknown":
                return
            if column.waiting:
                self._decide(column)
            self._judge(column)
        if self._problems or any(column.numbers for column in self._columns):
            return
        names = [repr((column.name or "")[:40]) for column in self._columns]
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        raise ContactsError(
            "the exclusion list has no phone number column, and does not begin with a number; its "
            f"columns are {', '.join(names[:_NAMES])}{more}: name the column {PHONE_COLUMN!r}, or "
            f"{_CHOOSE}"
        )

    # Cells.

    def _cell(self, column: _Column, row: int, value: str) -> None:
        if column.kind == "ignored" or not value.strip():
            return
        column.filled += 1
        if column.kind == "numbers":
            self._read(column, row, value)
            return
        form = form_of(value)
        if column.kind == "named":
            if form != "words":
                self._read(column, row, value)
        elif form == "international":
            column.international += 1
            self._read(column, row, value)
        elif form in ("national", "digits"):
            column.national += form == "national"
            if column.decided is None:
                column.waiting.append((row, value))
                if len(column.waiting) == _SAMPLE:
                    self._decide(column)
            else:
                self._maybe(column, row, value)

    def _read(self, column: _Column, row: int, value: str) -> None:
        if _REPLACEMENT in value:
            raise refusal(
                "bad_encoding",
                "a number in the exclusion list contains bytes that are not UTF-8: save the list "
                "as CSV (UTF-8)",
                row=row,
                column=column.name,
                value=value,
            )
        readings = self._phones.readings(value)
        if readings and not self._lacks_country(value):
            self._numbers |= readings
            column.numbers += 1
        elif len(self._problems) < _SHOWN:
            self._problems.append(
                problem(
                    "bad_number",
                    f"the exclusion list has {value[:40]!r}, which is not a valid number, so the "
                    f"person might be called: {self._advice}",
                    row=row,
                    column=column.name,
                    value=value,
                )
            )

    def _lacks_country(self, value: str) -> bool:
        """Tell whether the country of a number is open, so that other people may be meant too."""
        if self._phones.region is not None or value.startswith("+"):
            return False
        found = self._phones.read(value)
        return isinstance(found, Refused) and found.reason == "missing_country_code"

    def _decide(self, column: _Column) -> None:
        """Decide whether the cells that wait are numbers, or ids that look like numbers."""
        cells = [value for _, value in column.waiting]
        mostly = column.national >= _HALF * column.filled
        column.decided = (
            column.international > 0
            or (len(cells) >= _MOSTLY * column.filled and are_numbers(cells, self._phones))
            or (mostly and are_numbers(cells, self._phones, _HALF))
        )
        waiting, column.waiting = column.waiting, []
        for row, value in waiting:
            self._maybe(column, row, value)

    def _maybe(self, column: _Column, row: int, value: str) -> None:
        """Read a cell of a column without a telling name if its column was decided to be read."""
        if column.decided and (column.international or column.national):
            self._read(column, row, value)
        elif column.decided:
            # Digits alone may be ids after all, so one that is not a number is not an error.
            readings = self._phones.readings(value)
            self._numbers |= readings
            column.numbers += bool(readings)
        elif column.passed is None:
            column.passed = row, value

    def _judge(self, column: _Column) -> None:
        """Refuse a column that looks like numbers and was not read."""
        if column.passed is None or self._problems:
            return
        mixed = column.international > 0
        if not mixed and (self._phones.region or column.national < _HALF * column.filled):
            return
        row, value = column.passed
        found = "has numbers and other digits" if mixed else "looks like phone numbers"
        self._problems.append(
            problem(
                "bad_number",
                f"the column of the exclusion list {found}, and {value[:40]!r} cannot be read as "
                f"one, so the person might be called: {_ADVICE}, or {_CHOOSE}",
                row=row,
                column=column.name,
                value=value,
            )
        )


_NAMED_KINDS: Final = frozenset({"numbers", "named"})


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
