"""A list of contacts judged row by row, before anyone is called.

Rules: what is known of the Hub, and where nothing is known our strict choices (see `rules` and the
page on contacts in the docs). Blocks of rows are checked at C speed; single rows and cells are
looked at only in blocks with a hit. Changes nothing and sends nothing.
"""

from contextlib import ExitStack
from itertools import chain
from typing import BinaryIO, Final

from kataven.contacts._cells import NUL_MESSAGE, TextScan, is_formula, is_unprintable
from kataven.contacts._columns import header_problems, phone_index
from kataven.contacts._duplicates import FirstRows
from kataven.contacts._files import position_of
from kataven.contacts._phones import Phones, all_well_formed, explained, kind_of
from kataven.contacts._problems import counted
from kataven.contacts._report import KEPT, ContactsReport, Findings
from kataven.contacts._rules import MAX_BYTES, MAX_ROWS
from kataven.contacts.reader.delimiter import DELIMITER_NAMES, delimiter_of
from kataven.contacts.reader.header import other_form
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks, WrongByte, known_encoding
from kataven.contacts.source.open import ContactsSource, open_source

__all__ = ["check"]


def check(
    source: ContactsSource, *, region: str | None = None, encoding: str | None = None
) -> ContactsReport:
    """Check a list of contacts as the Hub would, row by row, without sending anything.

    The list is judged by what is documented of the Hub and, where nothing is, by our own strict
    choices: UTF-8 with or without byte order mark, commas, LF or CRLF, quoting by RFC 4180,
    header names exact, each row as long as the header, numbers of `+` and 7 to 15 digits. The
    encoding is never guessed.

    Args:
        source: A binary file (read from where it stands; one that seeks is set back to it), a
            path, bytes, an iterable of mappings, or a table of pandas, polars or Arrow.
        region: A country of two letters (`US`), so that messages on numbers without country code
            show what `clean` would make of them. It changes nothing else.
        encoding: What to read the list in where no byte order mark says otherwise. The Hub takes
            UTF-8 only, so another encoding stays an error, but the rows are checked.

    Returns:
        The report; `.ok` says whether there is no error.

    Raises:
        ContactsError: A text-mode file, or rows or a table whose numbers are no text.
        FileNotFoundError: There is no such path.
        ValueError: The file is closed, the region is none, or there is no such encoding.
        LookupError: There is no such encoding (the same error).
        TypeError: It is no source at all, or an argument is of another type.
        ImportError: A region or a table is given, and the extra `contacts` is not installed.
    """
    phones = Phones(region)
    known_encoding(encoding)
    with ExitStack() as closing:
        file = open_source(source, closing)
        back = position_of(file)
        try:
            return _Inspection(file, encoding, phones).report()
        finally:
            if back is not None:
                file.seek(back)


def _other_form(text: str, delimiter: str) -> str | None:
    form = other_form(text)
    line = text.lstrip().partition("\n")[0]
    return None if form is None or phone_index(line.split(delimiter)) is not None else form


_CLEAN: Final = "kataven.contacts.clean() writes it anew"


class _Inspection:
    def __init__(self, file: BinaryIO, encoding: str | None, phones: Phones) -> None:
        self._text = TextBlocks(file, encoding)
        self._phones = phones
        self._findings = Findings()
        self._seen = FirstRows()
        self._repeats: list[tuple[int, str]] = []
        self._columns: list[str] | None = None
        self._phone: int | None = None
        self._rows = 0

    def report(self) -> ContactsReport:
        blocks = iter(self._text)
        first = next(blocks, None)
        delimiter = ","
        if first is None:
            self._findings.add("empty_file", "there is nothing in the list: export it again")
        else:
            delimiter = delimiter_of(first.text)
            if form := _other_form(first.text, delimiter):
                self._findings.add("missing_header", form)
                # Nothing in it means anything as a row, but it has a size.
                self._text.skip()
                return self._result(",")
            self._scan = TextScan(delimiter)
            if delimiter != ",":
                self._findings.add(
                    "delimiter",
                    f"the columns are separated by {DELIMITER_NAMES[delimiter]}s, the Hub takes "
                    f"commas: {_CLEAN}",
                    row=1,
                )
            for batch in RecordReader(chain((first,), blocks), delimiter):
                self._batch(batch)
                del batch
        self._whole()
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
            head, batch = batch.parted()
            self._one_by_one(head)
        rows = batch.rows
        if self._columns is None or not rows:
            self._one_by_one(batch)
            return
        if (
            batch.malformed
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
                self._text_of(number, row)
        self._take(numbers, range(batch.first, batch.first + len(rows)))

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
            self._text_of(row, cells, wrong=index in batch.wrong)
        self._take(numbers, places)

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
        self._text_of(row, cells, formulas=False)

    def _blank(self, row: int) -> None:
        if row == 1:
            message = "the first row is blank, it must be the header: delete the blank row"
            self._findings.add("missing_header", message, row=1)
        else:
            self._findings.add("blank_row", "the row is blank: it is skipped", row=row)

    def _malformed(self, row: int, text: str, flaw: str) -> None:
        if "\0" in text:
            self._findings.add("nul", NUL_MESSAGE, row=row, value=text)
        else:
            self._findings.add("malformed", flaw, row=row, value=text)

    def _number(self, row: int, value: str) -> bool:
        kind = kind_of(value)
        if kind is None:
            return True
        if "\0" not in value and self._findings.wanted(kind):
            message = explained(value, kind, self._phones)
            column = (self._columns or ())[self._phone or 0]
            self._findings.keep(kind, message, row=row, column=column, value=value)
        return False

    def _ragged(self, row: int, cells: list[str]) -> None:
        width = len(self._columns or ())
        self._findings.add(
            "ragged_row",
            f"the row has {counted(len(cells), 'cell')}, the header {width}: add or take out "
            f"{'commas' if abs(len(cells) - width) > 1 else 'a comma'}, or quote cells that "
            "contain one",
            row=row,
            value=",".join(cells[:width]),
        )

    def _text_of(
        self, row: int, cells: list[str], *, wrong: bool = False, formulas: bool = True
    ) -> None:
        columns = self._columns or ()
        for index, (column, cell) in enumerate(zip(columns, cells, strict=True)):
            if "\0" in cell:
                self._findings.add("nul", NUL_MESSAGE, row=row, column=column, value=cell)
            elif not wrong and is_unprintable(cell):
                self._findings.add(
                    "unprintable",
                    "the cell holds characters that nobody sees, or that stand for lost ones: "
                    "type it anew",
                    row=row,
                    column=column,
                    value=cell,
                )
            if formulas and index != self._phone and is_formula(cell):
                self._findings.add(
                    "formula",
                    "a spreadsheet would take the cell for a formula: put a word before it if the "
                    "list is opened in one",
                    row=row,
                    column=column,
                    value=cell,
                )

    def _take(self, numbers: list[str], rows: range | list[int]) -> None:
        for index in self._seen.add(numbers, rows):
            if self._findings.wanted("duplicate"):
                self._repeats.append((rows[index], numbers[index]))

    def _name_first_rows(self) -> None:
        first = self._seen.rows_of(number for _, number in self._repeats[:KEPT])
        for row, number in self._repeats:
            self._findings.keep(
                "duplicate",
                f"the number stands in row {first[number]} already, and would be called twice: "
                "delete one of them, or let kataven.contacts.clean() do it",
                row=row,
                column=(self._columns or ())[self._phone or 0],
                value=number,
            )

    def _wrong_byte(self, row: int, place: WrongByte) -> None:
        advice = "name the encoding it is in, for example encoding='cp1252' for files of Excel"
        if self._text.encoding != "utf-8":
            advice = "the encoding is another one, or the file is damaged"
        self._findings.add(
            "bad_encoding",
            f"byte {place.offset} (0x{place.byte:02x}) is not {self._text.encoding.upper()}: "
            f"{advice}",
            row=row,
        )

    def _whole(self) -> None:
        text, findings = self._text, self._findings
        if text.foreign:
            findings.add(
                "bad_encoding",
                f"the list is {text.encoding.upper()}, the Hub takes UTF-8: {_CLEAN}"
                + ("" if text.mark else f" (with encoding={text.encoding!r})"),
            )
        if text.old_mac:
            findings.add(
                "malformed",
                f"the lines end with a bare CR (old Mac), the Hub takes LF or CRLF: {_CLEAN}",
            )
        if text.size > MAX_BYTES:
            findings.add(
                "too_large",
                f"the list has {text.size:,} bytes, the Hub takes {MAX_BYTES:,}: cut it with "
                "kataven.contacts.split()",
            )
        if self._rows > MAX_ROWS:
            findings.add(
                "too_many_rows",
                f"the list has {self._rows:,} rows, the Hub speaks of about {MAX_ROWS:,}: cut it "
                "with kataven.contacts.split(max_rows=...)",
            )
        if self._columns is not None and not self._rows:
            findings.add("no_rows", "there is no row below the header: at least one is needed")
        elif self._columns is None and not findings.counts()["empty_file"]:
            findings.add("empty_file", "there is nothing in the list but blank lines")
