"""``clean``: writes a contact list again, as the Hub accepts it.

No row is lost silently: each is kept or dropped with a reason, and renamed columns are reported.
Guesses neither the encoding of the list nor the country of a number.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from itertools import chain
from numbers import Real
from typing import TYPE_CHECKING, Final, Literal

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
from kataven.contacts._exclusions import ExcludedNumbers, Exclusions, excluded_numbers
from kataven.contacts._files import Progress, TempFile, check_progress, replaced
from kataven.contacts._phones import Phone, Phones, Refused
from kataven.contacts._problems import shortened
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import BLANK_LIST, EMPTY_LIST, NUL_CHARACTER, missing_header_message
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks, check_encoding
from kataven.contacts.source.open import ContactsSource, open_source
from kataven.errors import ContactsError, ContactsWarning

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["CleanContacts", "clean"]

# A list as long as this that loses more than this share is probably read in the wrong way.
_MANY_ROWS: Final = 100
_MANY_LOSSES: Final = 0.1
_CHUNK: Final = 1024 * 1024


class CleanContacts(TempFile):
    """A clean list: a seekable binary file at its start, for ``create(contacts=...)``.

    It is a temporary file that is deleted when it is closed or garbage collected.

    Attributes:
        report: What happened to the rows of the source.
    """

    report: CleanReport

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the complete list to a file, wherever the position of this one is.

        Args:
            path: Where to write. An existing file is replaced when the new one is complete.

        Raises:
            FileNotFoundError: The folder does not exist.
            OSError: The file could not be written; an existing one is unchanged.
            ValueError: The list is closed.
        """
        position = self.tell()
        try:
            with replaced(path) as file:
                self.seek(0)
                while chunk := self.read(_CHUNK):
                    file.write(chunk)
        finally:
            self.seek(position)


def clean(
    source: ContactsSource,
    *,
    region: str | None = None,
    drop_duplicates: bool = True,
    exclude: Exclusions | None = None,
    encoding: str | None = None,
    exclude_columns: Iterable[str] | None = None,
    numbers: Literal["valid", "possible"] = "valid",
    region_column: str | None = None,
    max_dropped: float | None = None,
    on_progress: Progress | None = None,
) -> CleanContacts:
    """Write a contact list as the Hub accepts it: UTF-8, commas, numbers in E.164.

    Header names are trimmed, the phone number column (``Phone``, ``mobile``, ...) is renamed to
    ``phone_number``, numbers are normalised, and an extension goes into a column ``extension``. A
    row that cannot be repaired is dropped with a reason. Other cells stay as they are.

    If more than a tenth of at least 100 rows is dropped for reasons other than ``duplicate`` and
    ``excluded``, a ``ContactsWarning`` says how many, and why.

    Args:
        source: A binary file (read from its current position), a path, bytes, an iterable of
            mappings, or a pandas, polars or Arrow table.
        region: The two-letter country code (``US``) of numbers without a country code. It is never
            guessed: without it such numbers are dropped as ``missing_country_code``.
        drop_duplicates: Whether to drop rows whose number is in a row that was kept.
        exclude: A do-not-call list; rows with its numbers are dropped as ``excluded``. Every column
            whose name or content is of phone numbers is read, and each number that an entry may
            mean is excluded.
        encoding: The encoding of the source if there is no byte order mark; None for UTF-8. It is
            never guessed.
        exclude_columns: The names of the columns of the exclusion list to read, and no others; None
            to find them.
        numbers: ``valid`` to keep a number without ``+`` only if it is in use as far as
            phonenumbers knows; ``possible`` to keep one of a possible length too.
        region_column: The name of a column with the country of each row: a name in English or in a
            language of the country, or an ISO code. ``region`` is used only where its cell is
            empty. A row whose country is unknown or ambiguous (Congo, Korea) is dropped as
            ``unknown_region``.
        max_dropped: The greatest share of rows (0 to 1) that may be dropped for reasons other than
            ``duplicate`` and ``excluded``, for a list of any length; None for any share, with the
            warning above.
        on_progress: Called with the bytes of the source that were read and their total (None if
            unknown), after each chunk.

    Returns:
        A seekable binary file at its start, with ``.report``.

    Raises:
        ContactsError: There is no header with a phone number column or with ``region_column``, the
            exclusion list has an entry that is not a number or lacks one of ``exclude_columns``, or
            more rows were dropped than ``max_dropped`` allows.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed, the region is invalid, ``max_dropped`` is not between 0 and
            1, ``numbers`` is another word, or there is no such encoding.
        LookupError: There is no such encoding (the same error).
        TypeError: It is not a source, or an argument has the wrong type.
        ImportError: A number has to be normalised, or a table is given, and the extra ``contacts``
            is not installed.
    """
    phones = Phones(region, numbers)
    check_encoding(encoding)
    _check_options(region_column, max_dropped)
    check_progress(on_progress)
    excluded = excluded_numbers(exclude, phones, exclude_columns)
    with open_source(source, on_progress=on_progress) as file:
        out = CleanContacts()
        try:
            cleaning = _Cleaning(
                TextBlocks(file, encoding), phones, excluded, drop_duplicates, region_column
            )
            report = out.report = cleaning.write(out)
            out.seek(0)
            if _lost_too_many(report, max_dropped):
                warnings.warn(report.losses_message(), ContactsWarning, stacklevel=2)
        except BaseException:
            out.close()
            raise
    return out


def _check_options(region_column: object, max_dropped: object) -> None:
    if not (region_column is None or isinstance(region_column, str)):
        raise TypeError(f"region_column must be the name of a column, not {region_column!r:.80}")
    if max_dropped is None:
        return
    if isinstance(max_dropped, bool) or not isinstance(max_dropped, Real):
        raise TypeError(f"max_dropped must be a share between 0 and 1, not {max_dropped!r:.80}")
    if not 0 <= float(max_dropped) <= 1:
        raise ValueError(f"max_dropped must be a share between 0 and 1, not {max_dropped!r:.80}")


def _lost_too_many(report: CleanReport, max_dropped: float | None) -> bool:
    """Tell whether so many rows were lost that a warning is due; refuse more than were allowed."""
    share = report.losses / report.rows if report.rows else 0.0
    if max_dropped is None:
        return report.rows >= _MANY_ROWS and share > _MANY_LOSSES
    if share > max_dropped:
        raise ContactsError(report.losses_message(), problems=report.problems())
    return False


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
