"""One pass over a list that is cleaned: each row is kept or dropped with a reason.

Knows header, rows and numbers, and writes the clean list. Does not know where the list comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kataven.contacts._clean_header import Header, header_of, opened, without_added
from kataven.contacts._clean_report import (
    CleanReport,
    Dropped,
    DroppedCells,
    Reason,
)
from kataven.contacts._columns import (
    unused_name,
)
from kataven.contacts._countries import Countries
from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import TempFile
from kataven.contacts._number_refusals import Refused
from kataven.contacts._phones import Phone, Phones
from kataven.contacts._problems import shortened
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import BLANK_LIST, NUL_CHARACTER
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.contacts._dropped_file import AddedColumns
    from kataven.contacts._exclusion_columns import ExcludedNumbers

__all__ = ["Cleaning", "RowCleaner", "dropped_again", "dropped_row"]

_MESSAGES: Final[Mapping[Reason, str]] = {
    "blank_row": "the row is blank",
    "nul": NUL_CHARACTER,
    "bad_encoding": "bytes are not valid in the encoding of the list: name it with encoding=",
    "ragged_row": "the row has more or fewer cells than the header: correct its commas",
    "duplicate": "the number is in an earlier row (drop_duplicates=False keeps both)",
    "excluded": "the number is on the exclusion list",
}

# In a file of dropped rows, without the lists that these numbers are in.
_DROPPED_BEFORE: Final[Mapping[Reason, str]] = {
    "duplicate": (
        "the number is in an earlier row of the list that this row was dropped from; to keep the "
        "row, clean it without the columns 'row', 'reason' and 'message'"
    ),
    "excluded": (
        "the number was on the exclusion list when the row was dropped; to keep the row, clean it "
        "without the columns 'row', 'reason' and 'message'"
    ),
}


class RowCleaner:
    """Cleans the rows below a header, one at a time.

    ``kataven.bulk`` has fast paths for rows that are kept as they are: ``are_plain`` and
    ``plain_numbers`` in ``bulk/_plain.py``. Whatever changes here must leave them equal: a row that
    they keep is one that ``clean`` returns with its number unchanged.

    Args:
        header: The header.
        phones: Reads the numbers.
    """

    def __init__(self, header: Header, phones: Phones) -> None:
        self._width = len(header.columns)
        self._phone = header.phone
        self._country = header.country
        self._phones = phones
        self._countries = Countries()

    def clean(self, row: int, cells: list[str], batch: Batch) -> Phone | Dropped:
        """Judge a row, and remove extra empty cells on its right.

        Args:
            row: The row.
            cells: Its cells.
            batch: The batch that it is in.

        Returns:
            Its number, which the caller writes into its cell, or why it cannot be kept.
        """
        width = self._width
        index = row - batch.first
        if not cells:
            return dropped_row(row, "blank_row", "")
        if index in batch.malformed:
            kind: Reason = "nul" if "\0" in cells[0] else "malformed"
            message = NUL_CHARACTER if kind == "nul" else batch.malformed[index]
            return dropped_row(row, kind, cells[0], message)
        if len(cells) > width and not any(cells[width:]):
            # Spreadsheets add empty columns on the right, so no cell is in the wrong column.
            del cells[width:]
        if len(cells) != width:
            return dropped_row(row, "ragged_row", ",".join(cells))
        value = cells[self._phone]
        if index in batch.wrong:
            return dropped_row(row, "bad_encoding", value)
        if any("\0" in cell for cell in cells):
            return dropped_row(row, "nul", value)
        phone = self._read(cells)
        if isinstance(phone, Refused):
            return dropped_row(row, phone.reason, value, phone.message)
        return phone

    def knows(self, countries: set[str]) -> bool:
        """Tell whether each cell of the column with the country is empty or names a country.

        Args:
            countries: The texts of the cells.
        """
        found = (self._countries.region(each.strip()) for each in countries if each.strip())
        return not any(isinstance(each, Refused) for each in found)

    def _read(self, cells: list[str]) -> Phone | Refused:
        if self._country is None or not (country := cells[self._country].strip()):
            return self._phones.read(cells[self._phone])
        region = self._countries.region(country)
        if isinstance(region, Refused):
            return region
        return self._phones.read(cells[self._phone], region)


@dataclass(slots=True)
class Cleaning:
    """One pass over a list.

    Args:
        text: The list.
        phones: Reads its numbers.
        excluded: The numbers to leave out.
        drop_duplicates: Whether to drop rows with a number of an earlier row.
        region_column: The name of the column with the country of each row, if there is one.
    """

    text: TextBlocks
    phones: Phones
    excluded: ExcludedNumbers
    drop_duplicates: bool
    region_column: str | None
    header: Header | None = None
    added: AddedColumns | None = None
    columns: tuple[str, ...] = ()
    rows: int = 0
    kept: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    dropped_cells: DroppedCells = field(default_factory=DroppedCells)
    unconfirmed: int = 0
    seen: set[str] = field(default_factory=set)
    extensions: dict[int, str] = field(default_factory=dict)

    def write(self, out: TempFile) -> CleanReport:
        """Write the clean list.

        Args:
            out: An empty file.

        Returns:
            What was kept and dropped.

        Raises:
            ContactsError: The list is empty, or its header cannot be cleaned.
        """
        delimiter, blocks = opened(self.text)
        writer = CsvWriter(out)
        header: Header | None = None
        cleaner: RowCleaner | None = None
        for batch in RecordReader(blocks, delimiter, lenient=True):
            for row, cells in enumerate(batch.rows, batch.first):
                if header is None:
                    if cells:
                        header = header_of(
                            row, cells, batch, self.text.encoding, self.region_column
                        )
                    continue
                self.rows += 1
                if cleaner is None:
                    if not cells:
                        self.dropped.append(dropped_row(row, "blank_row", ""))
                        self.dropped_cells.add(cells)
                        continue
                    header = self._begin(header, cells, writer)
                    cleaner = RowCleaner(header, self.phones)
                before = "" if self.added is None else self.added.take_from(cells)
                outcome = cleaner.clean(row, cells, batch)
                if isinstance(outcome, Phone):
                    outcome = self._judged(row, cells, outcome, before)
                if isinstance(outcome, Dropped):
                    self.dropped.append(outcome)
                    self.dropped_cells.add(cells)
                    continue
                writer.row(cells)
                self.kept += 1
        if header is None:
            raise refusal("empty_file", BLANK_LIST)
        if cleaner is None:
            header = self._begin(header, [], writer)
        if self.extensions:
            self._add_extensions(out)
        return CleanReport(
            rows=self.rows,
            kept=self.kept,
            dropped=tuple(self.dropped),
            renamed=header.renamed,
            columns=self.columns,
            encoding=self.text.encoding,
            delimiter=delimiter,
            source_columns=header.names,
            exclusions=self.excluded.columns,
            unconfirmed=self.unconfirmed,
            left_out=() if self.added is None else self.added.names,
            _cells=self.dropped_cells,
        )

    def _begin(self, header: Header, first: list[str], writer: CsvWriter) -> Header:
        """Write the header, without the columns that a file of dropped rows has besides.

        Args:
            header: The header of the source.
            first: The first row below it.
            writer: Where it is written.

        Returns:
            The header without these columns.
        """
        header, self.added = without_added(header, first)
        self.header = header
        self.columns = header.columns
        writer.row(self.columns)
        return header

    def _judged(self, row: int, cells: list[str], phone: Phone, before: str) -> Phone | Dropped:
        """Drop a row whose number is not wanted, or write the number into its cell.

        Args:
            row: The row.
            cells: Its cells.
            phone: Its number.
            before: Why it was dropped before, if the list is a file of dropped rows.
        """
        place = self.header.phone if self.header else 0
        if phone.number in self.excluded.numbers:
            return dropped_row(row, "excluded", cells[place])
        if before == "excluded":
            return dropped_row(row, "excluded", cells[place], _DROPPED_BEFORE["excluded"])
        if self.drop_duplicates:
            if phone.number in self.seen:
                return dropped_row(row, "duplicate", cells[place])
            if before == "duplicate":
                return dropped_row(row, "duplicate", cells[place], _DROPPED_BEFORE["duplicate"])
            self.seen.add(phone.number)
        if phone.in_use is False:
            self.unconfirmed += 1
        if phone.extension:
            self.extensions[self.kept] = phone.extension
        cells[place] = phone.number
        return phone

    def _add_extensions(self, out: TempFile) -> None:
        """Write the list again with one more column; few lists have extensions."""
        name = unused_name("extension", set(self.columns))
        self.columns = (*self.columns, name)
        with TempFile() as before:
            out.seek(0)
            while chunk := out.read(1 << 20):
                before.write(chunk)
            before.seek(0)
            out.seek(0)
            out.truncate()
            writer = CsvWriter(out)
            index = -1
            for batch in RecordReader(TextBlocks(before)):
                for cells in batch.rows:
                    last = name if index < 0 else self.extensions.get(index, "")
                    writer.row([*cells, last])
                    index += 1


def dropped_row(row: int, reason: Reason, value: str, message: str | None = None) -> Dropped:
    """Say why a row is dropped.

    Args:
        row: The row.
        reason: The reason.
        value: The phone number cell, else the text of the row.
        message: A sentence, None for the usual one of the reason.
    """
    text = _MESSAGES[reason] if message is None else message
    return Dropped(row, reason, shortened(value), text)


def dropped_again(row: int, before: str, value: str) -> Dropped | None:
    """Drop a row of a file of dropped rows again, None unless it was dropped on purpose.

    Args:
        row: The row.
        before: Why it was dropped before.
        value: The phone number cell.
    """
    for reason, message in _DROPPED_BEFORE.items():
        if reason == before:
            return dropped_row(row, reason, value, message)
    return None
