"""The strict reading of a contacts CSV.

Knows bytes and rows. Must not know campaigns, HTTP or the store. The Hub's pages say: the first row
is headers, `phone_number` is required, every other column is a custom field, numbers are E.164.
The rest is our choice, the strict reading, so that what passes here passes a strict Hub: UTF-8 with
one BOM at most; comma; LF or CRLF; quoting by RFC 4180; no NUL; header names exact, none empty,
none doubled; each row as long as the header; blank lines skipped but counted; at least one contact.
One bad row refuses the whole file. The header is row 1 and a record is one row however many lines
it takes.

Memory stays near the file's size: rows become JSON in blocks of 100 as they are read, header names
stand once, and the header row is bounded (it is repeated in each contact that is read back).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BLOCK: Final = 100
MAX_BYTES: Final = 10 * 1024 * 1024
MAX_HEADER: Final = 64 * 1024
PHONE: Final = "phone_number"

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_PLAIN = re.compile(r'[^",\r\n]*+')
_BLANK = re.compile(r"(?:\r?\n)++")
_SHOWN = 40


class CsvError(ValueError):
    """A file that is refused; the text names the row and says what is wrong.

    Args:
        row: The row, the header being row 1; None where the whole file is meant.
        problem: What is wrong with it.
    """

    def __init__(self, row: int | None, problem: str) -> None:
        super().__init__(
            f"contacts: {problem}" if row is None else f"contacts row {row}: {problem}"
        )


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of one file.

    Args:
        columns: The names of the custom fields, in the header's order.
        numbers: The phone number of each contact.
        blocks: JSON text for each 100 contacts: a list of lists of the custom fields' values.
    """

    columns: tuple[str, ...]
    numbers: list[str]
    blocks: list[str]


def read_contacts(data: bytes | bytearray) -> Contacts:
    """Read a whole contacts file.

    Args:
        data: The file's bytes.

    Raises:
        CsvError: The file breaks a rule; the text names the first bad row.
    """
    if len(data) > MAX_BYTES:
        raise CsvError(None, f"the file is larger than 10 MiB ({MAX_BYTES:,} bytes)")
    if not data:
        raise CsvError(None, "the file is empty; its first row must be headers")
    broken: UnicodeDecodeError | None = None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        broken = error
        text = data[: error.start].decode("utf-8")
    text = text.removeprefix("\ufeff")
    row = 1
    try:
        records = _records(text, cut=broken is not None)
        row, header = next(records, (1, []))
        contacts = _collect(header, records, cut=broken is not None)
    except _CutOffError as stop:
        row = stop.row
    else:
        return contacts
    wrong = data[broken.start] if broken is not None else 0
    raise CsvError(row, f"byte 0x{wrong:02X} is not UTF-8; save the file as UTF-8")


class _CutOffError(Exception):
    """The good prefix of a file with a wrong byte ended, in this row."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


def _collect(header: list[str], records: Iterator[tuple[int, list[str]]], *, cut: bool) -> Contacts:
    _check_header(header)
    width = len(header)
    phone_at = header.index(PHONE)
    valid = _NUMBER.fullmatch
    numbers: list[str] = []
    blocks: list[str] = []
    block: list[list[str]] = []
    for row, fields in records:
        if len(fields) != width:
            raise CsvError(row, f"{len(fields)} fields, but the header has {width}")
        number = fields.pop(phone_at)
        if valid(number) is None:
            raise CsvError(
                row,
                f"phone_number {_show(number)} is not E.164 (+ and 7 to 15 digits, no leading 0)",
            )
        numbers.append(number)
        block.append(fields)
        if len(block) == BLOCK:
            blocks.append(_encode(block))
            block = []
    if not numbers and not cut:
        raise CsvError(None, "there is no contact below the header row")
    if block:
        blocks.append(_encode(block))
    columns = tuple(name for name in header if name != PHONE)
    return Contacts(columns, numbers, blocks)


def _encode(block: list[list[str]]) -> str:
    return json.dumps(block, ensure_ascii=False, separators=(",", ":"))


def _check_header(header: list[str]) -> None:
    if not header or header == [""]:
        raise CsvError(1, "the header row is empty")
    if sum(len(name.encode()) + 1 for name in header) > MAX_HEADER:
        raise CsvError(1, f"the header row is longer than {MAX_HEADER:,} bytes")
    for position, name in enumerate(header, 1):
        if not name:
            raise CsvError(1, f"column {position} has an empty name")
    if len(set(header)) != len(header):
        seen: set[str] = set()
        for name in header:
            if name in seen:
                raise CsvError(1, f"column {_show(name)} stands twice")
            seen.add(name)
    if PHONE not in header:
        raise CsvError(1, "there is no phone_number column (names are exact)")


def _records(text: str, *, cut: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield (row, fields) of each record that is not blank."""
    find = text.find
    suspicious = "\0" in text or text.count("\r") != text.count("\r\n")
    end = len(text)
    start = 0
    row = 0
    while start < end:
        if row and (blank := _BLANK.match(text, start)) is not None:
            row += text.count("\n", start, blank.end())
            start = blank.end()
            continue
        row += 1
        stop = find("\n", start)
        if stop < 0:
            stop = end
        quote = find('"', start, stop)
        if quote >= 0:
            fields, start = _quoted_record(text, start, row, cut=cut)
            if "\0" in "".join(fields):
                raise CsvError(row, "it holds a NUL character")
            # Behind a line's end the wrong byte begins the next row, and this one is whole.
            if cut and start >= end and not text.endswith("\n"):
                raise _CutOffError(row)
            yield row, fields
            continue
        if cut and stop == end:
            raise _CutOffError(row)
        line = text[start:stop]
        if stop < end and line.endswith("\r"):
            line = line[:-1]
        start = stop + 1
        if suspicious:
            _check_plain(line, row)
        yield row, line.split(",")
    if cut:
        raise _CutOffError(row + 1)


def _check_plain(line: str, row: int) -> None:
    if "\0" in line:
        raise CsvError(row, "it holds a NUL character")
    if "\r" in line:
        raise CsvError(row, "a CR stands alone; rows end in LF or CRLF")


def _quoted_record(text: str, start: int, row: int, *, cut: bool) -> tuple[list[str], int]:
    """Read one record that has a quote in its first line; return its fields and the next start."""
    fields: list[str] = []
    end = len(text)
    at = start
    while True:
        if text.startswith('"', at):
            match = _QUOTED.match(text, at)
            if match is None:
                if cut:
                    raise _CutOffError(row)
                raise CsvError(row, f"the quote of field {len(fields) + 1} is never closed")
            fields.append(match.group(1).replace('""', '"'))
            at = match.end()
            closed = True
        else:
            plain = _PLAIN.match(text, at)
            stop = at if plain is None else plain.end()
            fields.append(text[at:stop])
            at = stop
            closed = False
        if at >= end:
            return fields, end
        following = text[at]
        if following == ",":
            at += 1
        elif following == "\n":
            return fields, at + 1
        elif text.startswith("\r\n", at):
            return fields, at + 2
        elif following == "\r":
            if cut and at + 1 == end:
                raise _CutOffError(row)
            raise CsvError(row, "a CR stands alone; rows end in LF or CRLF")
        elif closed:
            raise CsvError(row, f"text stands behind the closing quote of field {len(fields)}")
        else:
            raise CsvError(row, f"a quote stands inside the unquoted field {len(fields)}")


def _show(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "...")
