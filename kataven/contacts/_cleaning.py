"""One pass over a list that is cleaned: each row is kept or dropped with a reason.

Knows header, rows and numbers, and writes the clean list. Does not know where the list comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final

from kataven.contacts._clean_report import CleanReport, Dropped, DroppedCells, Reason
from kataven.contacts._columns import (
    Renamed,
    clean_names,
    column_index,
    not_csv_message,
    phone_index,
    unused_name,
)
from kataven.contacts._countries import Countries
from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import TempFile
from kataven.contacts._phones import Phone, Phones, Refused
from kataven.contacts._problems import shortened
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import BLANK_LIST, EMPTY_LIST, NUL_CHARACTER, missing_header_message
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kataven.contacts._exclusion_columns import ExcludedNumbers

__all__ = ["Cleaning"]

_MESSAGES: Final[Mapping[Reason, str]] = {
    "blank_row": "the row is blank",
    "nul": NUL_CHARACTER,
    "bad_encoding": "bytes are not valid in the encoding of the list: name it with encoding=",
    "ragged_row": "the row has more or fewer cells than the header: correct its commas",
    "duplicate": "the number is in an earlier row (drop_duplicates=False keeps both)",
    "excluded": "the number is on the exclusion list",
}


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
    columns: list[str] = field(default_factory=list)
    renamed: tuple[Renamed, ...] = ()
    source_columns: tuple[str, ...] = ()
    phone: int = 0
    country: int | None = None
    countries: Countries = field(default_factory=Countries)
    rows: int = 0
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
        blocks = iter(self.text)
        first = next(blocks, None)
        if first is None:
            raise refusal("empty_file", EMPTY_LIST)
        delimiter = self.text.separator or delimiter_of(first.text)
        if message := not_csv_message(first.text, delimiter):
            raise refusal("missing_header", message)
        writer = CsvWriter(out)
        kept = 0
        for batch in RecordReader(chain((first,), blocks), delimiter, lenient=True):
            for row, cells in self._records(batch):
                if not self.columns:
                    self._header(row, cells, batch)
                    writer.row(self.columns)
                    continue
                self.rows += 1
                lost = self._flawed(row, cells, batch) or self._normalised(row, cells, kept)
                if lost is not None:
                    self.dropped.append(lost)
                    self.dropped_cells.add(cells)
                    continue
                writer.row(cells)
                kept += 1
        if not self.columns:
            raise refusal("empty_file", BLANK_LIST)
        if self.extensions:
            self._add_extensions(out)
        return CleanReport(
            rows=self.rows,
            kept=kept,
            dropped=tuple(self.dropped),
            renamed=self.renamed,
            columns=tuple(self.columns),
            encoding=self.text.encoding,
            delimiter=delimiter,
            source_columns=self.source_columns,
            exclusions=self.excluded.columns,
            unconfirmed=self.unconfirmed,
            _cells=self.dropped_cells,
        )

    def _records(self, batch: Batch) -> Iterator[tuple[int, list[str]]]:
        for row, cells in enumerate(batch.rows, batch.first):
            if cells or self.columns:
                yield row, cells

    def _header(self, row: int, cells: list[str], batch: Batch) -> None:
        index = row - batch.first
        if any("\0" in cell for cell in cells):
            raise refusal("nul", NUL_CHARACTER, row=row)
        if index in batch.malformed:
            raise refusal("malformed", batch.malformed[index], row=row, value=cells[0])
        if index in batch.wrong:
            place = batch.wrong[index]
            raise refusal(
                "bad_encoding",
                f"byte {place.offset} (0x{place.byte:02x}) of the header is not "
                f"{self.text.encoding.upper()}: name the encoding, for example encoding='cp1252'",
                row=row,
            )
        phone = phone_index(cells)
        if phone is None:
            raise refusal("missing_header", missing_header_message(cells, cleaning=True), row=row)
        self.phone = phone
        if self.region_column is not None:
            self.country = column_index(cells, self.region_column)
        self.source_columns = tuple(cells)
        self.columns, self.renamed = clean_names(cells)

    def _flawed(self, row: int, cells: list[str], batch: Batch) -> Dropped | None:
        """Drop a row that cannot be read for certain; remove extra empty cells on the right."""
        width = len(self.columns)
        index = row - batch.first
        if not cells:
            return _dropped(row, "blank_row", "")
        if index in batch.malformed:
            kind: Reason = "nul" if "\0" in cells[0] else "malformed"
            message = NUL_CHARACTER if kind == "nul" else batch.malformed[index]
            return _dropped(row, kind, cells[0], message)
        if len(cells) > width and not any(cells[width:]):
            # Spreadsheets add empty columns on the right, so no cell is in the wrong column.
            del cells[width:]
        if len(cells) != width:
            return _dropped(row, "ragged_row", ",".join(cells))
        if index in batch.wrong:
            return _dropped(row, "bad_encoding", cells[self.phone])
        if any("\0" in cell for cell in cells):
            return _dropped(row, "nul", cells[self.phone])
        return None

    def _normalised(self, row: int, cells: list[str], kept: int) -> Dropped | None:
        """Normalise the number of a row in place, or drop the row."""
        value = cells[self.phone]
        phone = self._phone(cells)
        if isinstance(phone, Refused):
            return _dropped(row, phone.reason, value, phone.message)
        if phone.number in self.excluded.numbers:
            return _dropped(row, "excluded", value)
        if self.drop_duplicates:
            if phone.number in self.seen:
                return _dropped(row, "duplicate", value)
            self.seen.add(phone.number)
        if phone.in_use is False:
            self.unconfirmed += 1
        if phone.extension:
            self.extensions[kept] = phone.extension
        cells[self.phone] = phone.number
        return None

    def _phone(self, cells: list[str]) -> Phone | Refused:
        if self.country is None or not (country := cells[self.country].strip()):
            return self.phones.read(cells[self.phone])
        region = self.countries.region(country)
        if isinstance(region, Refused):
            return region
        return self.phones.read(cells[self.phone], region)

    def _add_extensions(self, out: TempFile) -> None:
        """Write the list again with one more column; few lists have extensions."""
        name = unused_name("extension", set(self.columns))
        self.columns = [*self.columns, name]
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


def _dropped(row: int, reason: Reason, value: str, message: str | None = None) -> Dropped:
    text = _MESSAGES[reason] if message is None else message
    return Dropped(row, reason, shortened(value), text)
