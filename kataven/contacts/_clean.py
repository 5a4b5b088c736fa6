"""``clean``: writes a contact list again, as the Hub accepts it.

No row is lost silently: each is kept or dropped with a reason, and renamed columns are reported.
Guesses neither the encoding of the list nor the country of a number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal

from kataven.contacts._columns import (
    Renamed,
    clean_names,
    not_csv_message,
    phone_index,
    unused_name,
)
from kataven.contacts._csv import CsvWriter
from kataven.contacts._exclusions import Exclusions, excluded_numbers
from kataven.contacts._files import TempFile
from kataven.contacts._phones import Phones, number_message
from kataven.contacts._problems import Kind, counted, shortened
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import (
    BLANK_LIST,
    EMPTY_LIST,
    NUL_CHARACTER,
    NUMBER_FORM,
    missing_header_message,
    number_problem,
)
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks, check_encoding
from kataven.contacts.source.open import ContactsSource, open_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CleanContacts", "CleanReport", "Dropped", "Reason", "clean"]

# One damaged row in ten may be damage; more of them mean another encoding.
_FEW: Final = 10
_OTHER: Final = ("another encoding=", "encoding='cp1252' (files from Excel), or the right one")

Reason = Kind | Literal["excluded"]
"""Why a row was dropped: a kind of problem, or ``excluded``."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that ``clean`` left out.

    Attributes:
        row: The row in the source, as a spreadsheet shows it.
        reason: The kind of the problem, or ``excluded``.
        value: The phone number cell, else the text of the row; cut to 80 characters.
        message: A sentence that says why, and how to keep the row.
    """

    row: int
    reason: Reason
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What ``clean`` did with a list.

    Attributes:
        rows: The number of records below the header, including blank ones.
        kept: How many of them were written; ``rows == kept + len(dropped)``.
        dropped: The others, in order. The only part of the report that grows with the list.
        renamed: The columns with a new name.
        columns: The header that was written.
        encoding: The encoding the source was read in.
        delimiter: The character between the columns of the source.
    """

    rows: int
    kept: int
    dropped: tuple[Dropped, ...]
    renamed: tuple[Renamed, ...]
    columns: tuple[str, ...]
    encoding: str
    delimiter: str

    @property
    def counts(self) -> Mapping[Reason, int]:
        """How many rows were dropped, for each reason that occurred."""
        return Counter(row.reason for row in self.dropped)

    def summary(self) -> str:
        """Summarise the report for people.

        Returns:
            One line about the list, one about its encoding if that cost many rows, one for each
            renamed column, one for each reason.
        """
        lines = [f"{counted(self.rows, 'row')}, {self.kept:,} kept, {len(self.dropped):,} dropped"]
        misread = self.counts.get("bad_encoding", 0)
        if misread * _FEW > self.rows:
            lines.append(
                f"{misread:,} of {counted(self.rows, 'row')} dropped because the list seems not to "
                f"be {self.encoding.upper()}: clean it again with "
                f"{_OTHER[self.encoding == 'utf-8']}"
            )
        lines += (
            f"column {each.column}: {each.old!r} is now {each.new!r}" for each in self.renamed
        )
        for reason, count in self.counts.items():
            first = next(row for row in self.dropped if row.reason == reason)
            lines.append(
                f"dropped {reason}: {count:,}; the first: row {first.row}, {first.message}"
            )
        return "\n".join(lines)


class CleanContacts(TempFile):
    """A clean list: a seekable binary file at its start, for ``create(contacts=...)``.

    It is a temporary file that is deleted when it is closed or garbage collected.

    Attributes:
        report: What happened to the rows of the source.
    """

    report: CleanReport


def clean(
    source: ContactsSource,
    *,
    region: str | None = None,
    drop_duplicates: bool = True,
    exclude: Exclusions | None = None,
    encoding: str | None = None,
) -> CleanContacts:
    """Write a contact list as the Hub accepts it: UTF-8, commas, numbers in E.164.

    Header names are trimmed, the phone number column (``Phone``, ``mobile``, ...) is renamed to
    ``phone_number``, numbers are normalised, and an extension goes into a column ``extension``. A
    row that cannot be repaired is dropped with a reason. Other cells stay as they are.

    Args:
        source: A binary file (read from its current position), a path, bytes, an iterable of
            mappings, or a pandas, polars or Arrow table.
        region: The two-letter country code (``US``) of numbers without a country code. It is never
            guessed: without it such numbers are dropped as ``bad_number``.
        drop_duplicates: Whether to drop rows whose number is in a row that was kept.
        exclude: A do-not-call list; rows with its numbers are dropped as ``excluded``.
        encoding: The encoding of the source if there is no byte order mark; None for UTF-8. It is
            never guessed.

    Returns:
        A seekable binary file at its start, with ``.report``.

    Raises:
        ContactsError: There is no header with a phone number column, or the exclusion list has an
            entry that is not a number.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed, the region is invalid, or there is no such encoding.
        LookupError: There is no such encoding (the same error).
        TypeError: It is not a source, or an argument has the wrong type.
        ImportError: A number has to be normalised, or a table is given, and the extra ``contacts``
            is not installed.
    """
    phones = Phones(region)
    check_encoding(encoding)
    excluded = excluded_numbers(exclude, phones)
    with open_source(source) as file:
        out = CleanContacts()
        try:
            cleaning = _Cleaning(TextBlocks(file, encoding), phones, excluded, drop_duplicates)
            out.report = cleaning.write(out)
            out.seek(0)
        except BaseException:
            out.close()
            raise
    return out


_NOT_A_NUMBER: Final = (
    f"this is not a valid number: a number is {NUMBER_FORM}; if there are several in the cell, "
    "keep one"
)
_MESSAGES: Final[Mapping[Reason, str]] = {
    "blank_row": "the row is blank",
    "nul": NUL_CHARACTER,
    "bad_encoding": "bytes are not valid in the encoding of the list: name it with encoding=",
    "ragged_row": "the row has more or fewer cells than the header: correct its commas",
    "duplicate": "the number is in an earlier row (drop_duplicates=False keeps both)",
    "excluded": "the number is on the exclusion list",
}


@dataclass(slots=True)
class _Cleaning:
    """One pass over a list."""

    text: TextBlocks
    phones: Phones
    excluded: frozenset[str]
    drop_duplicates: bool
    columns: list[str] = field(default_factory=list)
    renamed: tuple[Renamed, ...] = ()
    phone: int = 0
    rows: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    extensions: dict[int, str] = field(default_factory=dict)

    def write(self, out: TempFile) -> CleanReport:
        blocks = iter(self.text)
        first = next(blocks, None)
        if first is None:
            raise refusal("empty_file", EMPTY_LIST)
        delimiter = delimiter_of(first.text)
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
                cleaned = self._flawed(row, cells, batch) or self._normalised(row, cells, kept)
                if isinstance(cleaned, Dropped):
                    self.dropped.append(cleaned)
                    continue
                writer.row(cleaned)
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

    def _normalised(self, row: int, cells: list[str], kept: int) -> list[str] | Dropped:
        """Normalise the number of a row, or drop the row."""
        value = cells[self.phone]
        phone = self.phones.of(value)
        if phone is None:
            kind = number_problem(value) or "bad_number"
            complete = kind == "bad_number" and value.strip().startswith(("+", "00"))
            message = _NOT_A_NUMBER if complete else number_message(value, kind, self.phones)
            return _dropped(row, kind, value, message)
        if phone.number in self.excluded:
            return _dropped(row, "excluded", value)
        if self.drop_duplicates:
            if phone.number in self.seen:
                return _dropped(row, "duplicate", value)
            self.seen.add(phone.number)
        if phone.extension:
            self.extensions[kept] = phone.extension
        cells[self.phone] = phone.number
        return cells

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
