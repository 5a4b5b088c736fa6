"""``check``: judges a contact list row by row, before anyone is called.

Applies ``_rules`` and the rules of ``reader.records``. Checks blocks of rows in bulk and looks at
single rows and cells only in blocks where something was found. Changes and sends nothing.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from kataven.contacts._cells import TextScan, is_formula, is_unprintable
from kataven.contacts._columns import not_csv_message, phone_index
from kataven.contacts._duplicates import FirstRows
from kataven.contacts._number_refusals import Refused, missing_country_code
from kataven.contacts._phones import Phones
from kataven.contacts._problems import counted
from kataven.contacts._report import KEPT, ContactsReport, Findings
from kataven.contacts._rules import (
    BLANK_LIST,
    EMPTY_LIST,
    MAX_BYTES,
    MAX_ROWS,
    NO_ROWS,
    NUL_CHARACTER,
    NUMBER_FORM,
    TOO_LARGE,
    TOO_MANY_ROWS,
    all_well_formed,
    header_problems,
    number_problem,
)
from kataven.contacts._writing import writing_of
from kataven.contacts.reader.delimiter import DELIMITER_NAMES, delimiter_of
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks, WrongByte, check_encoding
from kataven.contacts.source.open import ContactsSource, check_progress, open_source

if TYPE_CHECKING:
    from kataven.contacts.source.open import Progress, ReadsBytes

__all__ = ["check"]


def check(
    source: ContactsSource,
    *,
    region: str | None = None,
    encoding: str | None = None,
    on_progress: Progress | None = None,
) -> ContactsReport:
    """Check a contact list as the Hub would, row by row, without sending anything.

    The list is judged by the documented rules of the Hub and, where nothing is documented, by our
    strict assumptions: UTF-8 with or without a byte order mark, commas, LF or CRLF, RFC 4180
    quoting, exact header names, rows as long as the header, numbers of ``+`` and 7 to 15 digits.
    The encoding is never guessed.

    Args:
        source: A binary file (read from its current position; one that can seek is set back to
            it), a path, bytes, an iterable of mappings, or a pandas, polars or Arrow table.
        region: A two-letter country code (``US``) of numbers without a country code, so that
            messages show what ``clean`` would make of them, and numbers in E.164 that ``clean``
            would drop are reported as ``doubtful_number`` (a warning).
        encoding: The encoding of the list if there is no byte order mark. The Hub accepts only
            UTF-8, so another encoding remains an error, but the rows are checked.
        on_progress: Called with the bytes of the list that were read and their total (None if
            unknown), after each chunk.

    Returns:
        The report; ``.ok`` says whether there are no errors.

    Raises:
        ContactsError: A file in text mode, or rows or a table whose numbers are not text.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed, the region is invalid, or there is no such encoding.
        LookupError: There is no such encoding (the same error).
        TypeError: It is not a source, or an argument has the wrong type.
        ImportError: A region or a table is given, and the extra ``contacts`` is not installed.
    """
    phones = Phones(region)
    check_encoding(encoding)
    check_progress(on_progress)
    with open_source(source, keep_position=True, on_progress=on_progress) as file:
        return _Check(file, encoding, phones).report()


_CLEAN: Final = "kataven.contacts.clean() converts it"


class _Check:
    """One pass over a list."""

    def __init__(self, file: ReadsBytes, encoding: str | None, phones: Phones) -> None:
        self._text = TextBlocks(file, encoding)
        self._phones = phones
        self._findings = Findings()
        self._first_rows = FirstRows()
        # The row, the number that it has in common with an earlier row, and the text of the cell.
        self._duplicates: list[tuple[int, str, str]] = []
        self._columns: list[str] | None = None
        self._phone: int | None = None
        self._rows = 0

    def report(self) -> ContactsReport:
        blocks = iter(self._text)
        first = next(blocks, None)
        delimiter = ","
        if first is None:
            self._findings.add("empty_file", EMPTY_LIST)
        else:
            delimiter = self._text.separator or delimiter_of(first.text)
            if self._text.separator:
                self._findings.add(
                    "missing_header",
                    f"the first line, 'sep={delimiter}', is a note to Excel, and the Hub takes it "
                    "for the header: delete it, or let kataven.contacts.clean() do it",
                    row=1,
                )
            if message := not_csv_message(first.text, delimiter):
                self._findings.add("missing_header", message)
                # Its lines are not rows, but it has a size.
                self._text.skip()
                return self._result(",")
            self._scan = TextScan(delimiter)
            if delimiter != ",":
                self._findings.add(
                    "delimiter",
                    f"the columns are separated by {DELIMITER_NAMES[delimiter]}s, the Hub accepts "
                    f"commas: {_CLEAN}",
                    row=1,
                )
            for batch in RecordReader(chain((first,), blocks), delimiter):
                self._batch(batch)
                del batch
        self._judge_list()
        self._name_first_rows()
        return self._result(delimiter)

    def _result(self, delimiter: str) -> ContactsReport:
        mark = "-sig" if self._text.mark and self._text.encoding == "utf-8" else ""
        return ContactsReport(
            rows=self._rows,
            columns=tuple(self._columns or ()),
            size=self._text.size,
            encoding=self._text.encoding + mark,
            delimiter=delimiter,
            problems=self._findings.problems(),
            counts=self._findings.counts(),
        )

    def _batch(self, batch: Batch) -> None:
        if self._columns is None:
            header, batch = batch.split_first()
            self._one_by_one(header)
        rows = batch.rows
        if (
            self._columns is None
            or not rows
            or batch.malformed
            or batch.wrong
            or self._phone is None
            or set(map(len, rows)) != {len(self._columns)}
        ):
            self._one_by_one(batch)
            return
        phone = self._phone
        numbers = [row[phone] for row in rows]
        if not all_well_formed(numbers):
            self._one_by_one(batch)
            return
        self._rows += len(rows)
        if self._scan.may_be_odd(batch.utf8, len(rows)):
            for number, row in enumerate(rows, batch.first):
                self._cells(number, row)
        self._add_numbers(numbers, range(batch.first, batch.first + len(rows)))

    def _one_by_one(self, batch: Batch) -> None:
        numbers: list[str] = []
        places: list[int] = []
        for index, cells in enumerate(batch.rows):
            row = batch.first + index
            if not cells:
                self._blank(row)
                continue
            if index in batch.wrong:
                self._wrong_byte(row, batch.wrong[index])
            if self._columns is None:
                self._header(row, cells, batch.malformed.get(index))
                continue
            self._rows += 1
            if index in batch.malformed:
                self._malformed(row, cells[0], batch.malformed[index])
                continue
            if len(cells) != len(self._columns):
                self._ragged(row, cells)
                continue
            if self._phone is not None and self._number(row, cells[self._phone]):
                numbers.append(cells[self._phone])
                places.append(row)
            self._cells(row, cells, wrong=index in batch.wrong)
        self._add_numbers(numbers, places)

    def _header(self, row: int, cells: list[str], flaw: str | None) -> None:
        self._columns = cells
        if flaw is not None:
            self._columns = []
            self._malformed(row, cells[0], flaw)
            return
        self._phone = phone_index(cells)
        for found in header_problems(cells):
            self._findings.add(
                found.kind, found.message, row=row, column=found.column, value=found.value
            )
        self._cells(row, cells, formulas=False)

    def _blank(self, row: int) -> None:
        if row == 1:
            message = "the first row is blank, it must be the header: delete the blank row"
            self._findings.add("missing_header", message, row=1)
        else:
            self._findings.add("blank_row", "the row is blank: it is skipped", row=row)

    def _malformed(self, row: int, text: str, flaw: str) -> None:
        if "\0" in text:
            self._findings.add("nul", NUL_CHARACTER, row=row, value=text)
        else:
            self._findings.add("malformed", flaw, row=row, value=text)

    def _number(self, row: int, value: str) -> bool:
        """Tell whether a number is well formed; add a problem if it is not."""
        kind = number_problem(value)
        if kind is None:
            return True
        if "\0" not in value and self._findings.count(kind):
            message = _number_message(value, self._phones)
            column = (self._columns or ())[self._phone or 0]
            self._findings.keep(kind, message, row=row, column=column, value=value)
        return False

    def _doubtful(self, row: int, value: str, refused: Refused) -> None:
        """Add a problem for a number in E.164 that ``clean`` would drop."""
        self._findings.add(
            "doubtful_number",
            f"{_with_reason(refused)}; kataven.contacts.clean() would drop the row",
            row=row,
            column=(self._columns or ())[self._phone or 0],
            value=value,
        )

    def _ragged(self, row: int, cells: list[str]) -> None:
        width = len(self._columns or ())
        self._findings.add(
            "ragged_row",
            f"the row has {counted(len(cells), 'cell')}, the header {width}: add or remove "
            f"{'commas' if abs(len(cells) - width) > 1 else 'a comma'}, or quote cells that "
            "contain one",
            row=row,
            value=",".join(cells[:width]),
        )

    def _cells(
        self, row: int, cells: list[str], *, wrong: bool = False, formulas: bool = True
    ) -> None:
        columns = self._columns or ()
        for index, (column, cell) in enumerate(zip(columns, cells, strict=True)):
            if "\0" in cell:
                self._findings.add("nul", NUL_CHARACTER, row=row, column=column, value=cell)
            elif not wrong and is_unprintable(cell):
                self._findings.add(
                    "unprintable",
                    "the cell contains invisible or replacement characters (U+FFFD): retype it",
                    row=row,
                    column=column,
                    value=cell,
                )
            if formulas and index != self._phone and is_formula(cell):
                self._findings.add(
                    "formula",
                    "a spreadsheet would evaluate the cell as a formula: put a word in front of it "
                    "if the list is opened in one",
                    row=row,
                    column=column,
                    value=cell,
                )

    def _add_numbers(self, numbers: list[str], rows: range | list[int]) -> None:
        if self._phones.region is not None:
            for index, refused in self._phones.doubtful(numbers):
                self._doubtful(rows[index], numbers[index], refused)
        keys = self._phones.keys(numbers)
        for index in self._first_rows.add(keys, rows):
            if self._findings.count("duplicate"):
                self._duplicates.append((rows[index], keys[index], numbers[index]))

    def _name_first_rows(self) -> None:
        first = self._first_rows.rows_of(key for _, key, _ in self._duplicates[:KEPT])
        for row, key, number in self._duplicates:
            self._findings.keep(
                "duplicate",
                f"the number is also in row {first[key]} and would be called twice: delete one "
                "of the rows, or let kataven.contacts.clean() do it",
                row=row,
                column=(self._columns or ())[self._phone or 0],
                value=number,
            )

    def _wrong_byte(self, row: int, place: WrongByte) -> None:
        advice = "name the encoding of the list, for example encoding='cp1252' for files from Excel"
        if self._text.encoding != "utf-8":
            advice = "the list has another encoding, or the file is damaged"
        self._findings.add(
            "bad_encoding",
            f"byte {place.offset} (0x{place.byte:02x}) is not {self._text.encoding.upper()}: "
            f"{advice}",
            row=row,
        )

    def _judge_list(self) -> None:
        """Add the problems of the entire list."""
        text, findings = self._text, self._findings
        if text.foreign:
            findings.add(
                "bad_encoding",
                f"the list is {text.encoding.upper()}, the Hub accepts UTF-8: {_CLEAN}"
                + ("" if text.mark else f" (with encoding={text.encoding!r})"),
            )
        if text.old_mac:
            findings.add(
                "malformed",
                f"the lines end with a lone CR (old Mac), the Hub accepts LF or CRLF: {_CLEAN}",
            )
        if text.size > MAX_BYTES:
            findings.add("too_large", TOO_LARGE)
        if self._rows > MAX_ROWS:
            findings.add("too_many_rows", TOO_MANY_ROWS)
        if self._columns is not None and not self._rows:
            findings.add("no_rows", NO_ROWS)
        elif self._columns is None and not findings.counts()["empty_file"]:
            findings.add("empty_file", BLANK_LIST)


def _number_message(value: str, phones: Phones) -> str:
    """Describe what is wrong with a cell that is not in E.164, and what ``clean`` would do."""
    if phones.region is not None:
        outcome = phones.read(value)
        if not isinstance(outcome, Refused):
            return (
                f"a number is {NUMBER_FORM}, and nothing else: with region={phones.region!r} "
                f"kataven.contacts.clean() changes it to {outcome.number}"
            )
        return _with_reason(outcome)
    writing = writing_of(value)
    if isinstance(writing, Refused):
        return _with_reason(writing)
    if writing.text.startswith("+"):
        return (
            f"a number is {NUMBER_FORM}, and nothing else: kataven.contacts.clean() removes "
            "spaces, brackets and dashes"
        )
    return _with_reason(missing_country_code())


def _with_reason(refused: Refused) -> str:
    return f"{refused.message} ({refused.reason})"
