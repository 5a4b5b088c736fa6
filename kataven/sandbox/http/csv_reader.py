"""The strict reader of a contacts CSV.

Knows bytes and rows. Must not know campaigns, responses or the store. Documented: the first row is
the header, ``phone_number`` is required, every other column is a custom field, numbers are E.164.
The rest is our choice, a strict reading, so that a list which passes here also passes a strict Hub:
UTF-8 with at most one BOM; comma; LF or CRLF; quoting by RFC 4180; no NUL; header names exact, not
empty, no duplicates; each row as long as the header; blank lines skipped but counted; at least one
contact. One bad row refuses the entire file. The header is row 1, and a record is one row however
many lines it takes.

Memory stays near the size of the file: rows become JSON in blocks of 100 as they are read, header
names are stored once, and the header row has a maximum size, because every contact of a page
repeats it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model.contacts import BLOCK, NUMBER, ContactList

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_HEADER: Final = 64 * 1024
PHONE: Final = "phone_number"

_QUOTED: Final = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_PLAIN: Final = re.compile(r'[^",\r\n]*+')
_BLANK: Final = re.compile(r"(?:\r?\n)++")
_SHOWN: Final = 40


class CsvError(ValueError):
    """A file that is refused. The text names the row and the problem.

    Args:
        row: The row, where the header is row 1; None if the problem is not about one row.
        problem: What is wrong.
    """

    def __init__(self, row: int | None, problem: str) -> None:
        super().__init__(
            f"contacts: {problem}" if row is None else f"contacts row {row}: {problem}"
        )


class _TruncatedError(Exception):
    """The text before the invalid byte ended, in this row."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


def read_contacts(data: bytes | bytearray) -> ContactList:
    """Read a complete contacts file.

    Args:
        data: The file's bytes.

    Raises:
        CsvError: The file breaks a rule. The text names the first bad row.
    """
    if len(data) > MAX_BYTES:
        raise CsvError(None, f"the file is larger than 10 MiB ({MAX_BYTES:,} bytes)")
    if not data:
        raise CsvError(None, "the file is empty; its first row must be a header")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _byte_error(data, error.start) from None
    return _collect(_records(text.removeprefix("\ufeff"), truncated=False), truncated=False)


def _byte_error(data: bytes | bytearray, at: int) -> CsvError:
    """Return the first error of a file with an invalid byte: an earlier row may be bad as well."""
    text = data[:at].decode("utf-8").removeprefix("\ufeff")
    row = 1
    try:
        _collect(_records(text, truncated=True), truncated=True)
    except CsvError as error:
        return error
    except _TruncatedError as end:
        row = end.row
    return CsvError(row, f"byte 0x{data[at]:02X} is not UTF-8; save the file as UTF-8")


def _collect(records: Iterator[tuple[int, list[str]]], *, truncated: bool) -> ContactList:
    _, header = next(records, (1, []))
    _check_header(header)
    width = len(header)
    phone_at = header.index(PHONE)
    valid = NUMBER.fullmatch
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
    if not numbers and not truncated:
        raise CsvError(None, "no contact after the header row")
    if block:
        blocks.append(_encode(block))
    columns = tuple(name for name in header if name != PHONE)
    return ContactList(columns, numbers, blocks)


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
                raise CsvError(1, f"duplicate column {_show(name)}")
            seen.add(name)
    if PHONE not in header:
        raise CsvError(1, "the phone_number column is missing (names are exact)")


def _records(text: str, *, truncated: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield (row, fields) of each record that is not blank.

    A truncated text ends with ``_TruncatedError``, in the row that the invalid byte belongs to.
    """
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
            fields, start = _quoted_record(text, start, row, truncated=truncated)
            if "\0" in "".join(fields):
                raise CsvError(row, "it contains a NUL character")
            # After a line end the invalid byte begins the next row, and this row is complete.
            if truncated and start >= end and not text.endswith("\n"):
                raise _TruncatedError(row)
            yield row, fields
            continue
        if truncated and stop == end:
            raise _TruncatedError(row)
        line = text[start:stop]
        if stop < end and line.endswith("\r"):
            line = line[:-1]
        start = stop + 1
        if suspicious:
            _check_plain(line, row)
        yield row, line.split(",")
    if truncated:
        raise _TruncatedError(row + 1)


def _check_plain(line: str, row: int) -> None:
    if "\0" in line:
        raise CsvError(row, "it contains a NUL character")
    if "\r" in line:
        raise CsvError(row, "a CR without LF; rows end in LF or CRLF")


def _quoted_record(text: str, start: int, row: int, *, truncated: bool) -> tuple[list[str], int]:
    """Read one record that has a quote in its first line; return its fields and the next start."""
    fields: list[str] = []
    end = len(text)
    at = start
    while True:
        if text.startswith('"', at):
            match = _QUOTED.match(text, at)
            if match is None:
                if truncated:
                    raise _TruncatedError(row)
                raise CsvError(row, f"the quote of field {len(fields) + 1} is not closed")
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
            if truncated and at + 1 == end:
                raise _TruncatedError(row)
            raise CsvError(row, "a CR without LF; rows end in LF or CRLF")
        elif closed:
            raise CsvError(row, f"text after the closing quote of field {len(fields)}")
        else:
            raise CsvError(row, f"a quote inside the unquoted field {len(fields)}")


def _show(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "...")
