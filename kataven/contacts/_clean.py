"""A list of contacts written anew as the Hub takes it.

Rules: nothing is lost and nothing is silent - each row is kept or dropped with a reason, each
renamed column is told. Neither the encoding nor the country of a number is guessed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, Final, Literal, cast

from kataven.contacts._cells import NUL_MESSAGE
from kataven.contacts._columns import Renamed, mended, phone_index, unused
from kataven.contacts._csv import CsvSink
from kataven.contacts._exclusions import Exclusions, excluded_numbers
from kataven.contacts._files import OwnFile
from kataven.contacts._phones import Phones, explained, kind_of
from kataven.contacts._problems import Kind, counted, refusal, shortened
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.header import missing_header_message, other_form
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks, known_encoding
from kataven.contacts.source.open import ContactsSource, open_source

__all__ = ["CleanContacts", "CleanReport", "Dropped", "Reason", "clean"]

# A damaged row or two are not the wrong encoding; more than one in ten are.
_FEW: Final = 10
_OTHER: Final = ("another encoding=", "encoding='cp1252' (files of Excel), or the one it is in")

Reason = Kind | Literal["excluded"]
"""Why a row was dropped: a kind of problem, or `excluded`."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was left out.

    Args:
        row: The row in the source, as a spreadsheet shows it.
        reason: The kind of the problem, or `excluded`.
        value: The number's cell, else the row's text; cut to 80 characters.
        message: A sentence that says why, and how to keep it.
    """

    row: int
    reason: Reason
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What became of a list.

    Args:
        rows: The number of records below the header, blank ones among them.
        kept: How many of them were written; `rows == kept + len(dropped)`.
        dropped: The others, in order; the only part of the report that grows with the list.
        renamed: The columns that got another name.
        columns: The header as it was written.
        encoding: What the source was read in.
        delimiter: The character between the source's columns.
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
        """How many rows were dropped for each reason that occurred."""
        return Counter(row.reason for row in self.dropped)

    def summary(self) -> str:
        """Sum it up for people.

        Returns:
            A line on the list, one on its encoding where many rows are not in it, one for each
            renamed column, one for each reason.
        """
        lines = [f"{counted(self.rows, 'row')}, {self.kept:,} kept, {len(self.dropped):,} dropped"]
        lost = self.counts.get("bad_encoding", 0)
        if lost * _FEW > self.rows:
            lines.append(
                f"{lost:,} of {counted(self.rows, 'row')} dropped because the list seems not to be "
                f"{self.encoding.upper()}: clean it again with {_OTHER[self.encoding == 'utf-8']}"
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


class CleanContacts(OwnFile):
    """A mended list: a seekable binary file at its start, for `create(contacts=...)`.

    It lies in a temporary file that goes when it is closed or collected.

    Attributes:
        report: What became of the source's rows.
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
    """Write a list of contacts anew as the Hub takes it: UTF-8, commas, numbers in E.164.

    Header names are trimmed, the column of the numbers (`Phone`, `mobile`, ...) is called
    `phone_number`; numbers are normalised, an extension goes into a column `extension`. A row
    that cannot be mended is dropped with its reason; other cells are kept as they stand.

    Args:
        source: A binary file (read from where it stands), a path, bytes, an iterable of
            mappings, or a table of pandas, polars or Arrow.
        region: The country of numbers without a country code, two letters (`US`). It is never
            guessed: without it such numbers are dropped as `bad_number`.
        drop_duplicates: Drop rows whose number stands in a row that was kept.
        exclude: A do-not-call list; rows with its numbers are dropped as `excluded`.
        encoding: What to read the source in where no byte order mark says otherwise; None for
            UTF-8. It is never guessed.

    Returns:
        A seekable binary file at its start, with `.report`.

    Raises:
        ContactsError: There is no header with a column of numbers, or the exclusion list has an
            entry that is no number.
        FileNotFoundError: There is no such path.
        ValueError: The file is closed, the region is none, or there is no such encoding.
        LookupError: There is no such encoding (the same error).
        TypeError: It is no source at all, or an argument is of another type.
        ImportError: A number has to be normalised, or a table is given, and the extra `contacts`
            is not installed.
    """
    phones = Phones(region)
    known_encoding(encoding)
    excluded = excluded_numbers(exclude, phones)
    with ExitStack() as closing:
        file = open_source(source, closing)
        out = CleanContacts()
        closing.push(lambda kind, _error, _trace: out.close() if kind else None)
        mending = _Mending(TextBlocks(file, encoding), phones, excluded)
        mending.keep_repeats = not drop_duplicates
        out.report = mending.write(out)
        out.seek(0)
    return out


_NO_NUMBER: Final = (
    "no number can be made of it: a number is '+' and 7 to 15 digits; of several in one cell, "
    "keep one"
)
_MESSAGES: Final[Mapping[Reason, str]] = {
    "blank_row": "the row is blank",
    "nul": NUL_MESSAGE,
    "bad_encoding": "bytes are not of the list's encoding: name it by encoding=",
    "ragged_row": "the row has more or fewer cells than the header: correct its commas",
    "duplicate": "the number stands in an earlier row (drop_duplicates=False keeps both)",
    "excluded": "the number is on the exclusion list",
}


@dataclass(slots=True)
class _Mending:
    text: TextBlocks
    phones: Phones
    excluded: frozenset[str]
    keep_repeats: bool = False
    columns: list[str] = field(default_factory=list)
    renamed: tuple[Renamed, ...] = ()
    phone: int = 0
    rows: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    extensions: dict[int, str] = field(default_factory=dict)

    def write(self, out: OwnFile) -> CleanReport:
        blocks = iter(self.text)
        first = next(blocks, None)
        if first is None:
            raise refusal("empty_file", "there is nothing in the list: export it again")
        delimiter = delimiter_of(first.text)
        if form := other_form(first.text):
            line = first.text.lstrip().partition("\n")[0]
            if phone_index(line.split(delimiter)) is None:
                raise refusal("missing_header", form)
        sink = CsvSink(cast("BinaryIO", out))
        kept = 0
        for batch in RecordReader(chain((first,), blocks), delimiter, lenient=True):
            for row, cells in self._records(batch):
                if not self.columns:
                    self._header(row, cells, batch)
                    sink.row(self.columns)
                    continue
                self.rows += 1
                whole = self._flawed(row, cells, batch) or self._mended(row, cells, kept)
                if isinstance(whole, Dropped):
                    self.dropped.append(whole)
                    continue
                sink.row(whole)
                kept += 1
        if not self.columns:
            raise refusal("empty_file", "there is nothing in the list but blank lines")
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
            raise refusal("nul", NUL_MESSAGE, row=row)
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
        self.columns, self.renamed = mended(cells)

    def _flawed(self, row: int, cells: list[str], batch: Batch) -> Dropped | None:
        """Judge a row as a whole; surplus empty cells on the right are taken off."""
        width = len(self.columns)
        index = row - batch.first
        if not cells:
            return _dropped(row, "blank_row", "")
        if index in batch.malformed:
            kind: Reason = "nul" if "\0" in cells[0] else "malformed"
            message = NUL_MESSAGE if kind == "nul" else batch.malformed[index]
            return _dropped(row, kind, cells[0], message)
        if len(cells) > width and not any(cells[width:]):
            # Spreadsheets add empty columns on the right; nothing can have moved.
            del cells[width:]
        if len(cells) != width:
            return _dropped(row, "ragged_row", ",".join(cells))
        if index in batch.wrong:
            return _dropped(row, "bad_encoding", cells[self.phone])
        if any("\0" in cell for cell in cells):
            return _dropped(row, "nul", cells[self.phone])
        return None

    def _mended(self, row: int, cells: list[str], kept: int) -> list[str] | Dropped:
        """Normalise a row's number, unless it is not wanted."""
        value = cells[self.phone]
        phone = self.phones.of(value)
        if phone is None:
            kind = kind_of(value) or "bad_number"
            complete = kind == "bad_number" and value.strip().startswith(("+", "00"))
            message = _NO_NUMBER if complete else explained(value, kind, self.phones)
            return _dropped(row, kind, value, message)
        if phone.number in self.excluded:
            return _dropped(row, "excluded", value)
        if not self.keep_repeats:
            if phone.number in self.seen:
                return _dropped(row, "duplicate", value)
            self.seen.add(phone.number)
        if phone.extension:
            self.extensions[kept] = phone.extension
        cells[self.phone] = phone.number
        return cells

    def _add_extensions(self, out: OwnFile) -> None:
        """Write the list once more with a column on the right; few lists have extensions."""
        name = unused("extension", set(self.columns))
        self.columns = [*self.columns, name]
        with OwnFile() as before:
            out.seek(0)
            while piece := out.read(1 << 20):
                before.write(piece)
            before.seek(0)
            out.seek(0)
            out.truncate()
            sink = CsvSink(cast("BinaryIO", out))
            index = -1
            for batch in RecordReader(TextBlocks(cast("BinaryIO", before))):
                for cells in batch.rows:
                    last = name if index < 0 else self.extensions.get(index, "")
                    sink.row([*cells, last])
                    index += 1


def _dropped(row: int, reason: Reason, value: str, message: str | None = None) -> Dropped:
    text = _MESSAGES[reason] if message is None else message
    return Dropped(row, reason, shortened(value), text)
