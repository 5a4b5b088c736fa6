"""Reads a contact list into memory, ready to be sent any number of times.

Refuses what the Hub would refuse without reading the rows: the size, the encoding and the header.
Does not know how an upload is sent.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.contacts._csv import CsvWriter
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import (
    MAX_BYTES,
    PHONE_COLUMN,
    TOO_LARGE,
    WIDE_MARKS,
    missing_header_message,
)
from kataven.contacts.source.open import CountedFile, base_name, open_file, read_chunk, write_csv
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from kataven.contacts.source.open import ContactsSource, Progress, ReadsBytes

__all__ = ["Upload", "read_upload"]

_CHUNK: Final = 1024 * 1024
_REPORTED_BYTES: Final = 64 * 1024
_QUOTE: Final = ord('"')
_QUOTED_OR_END: Final = re.compile(rb'"[^"]*+(?:"|\Z)|[\r\n]')


@dataclass(frozen=True, slots=True)
class Upload:
    """A contact list in memory.

    Attributes:
        file: The bytes of the list, at position 0.
        filename: The base name of the source, ``contacts.csv`` if it has none.
    """

    file: io.BytesIO
    filename: str


def read_upload(
    source: ContactsSource,
    *,
    check: bool = False,
    allow_duplicates: bool = False,
    on_progress: Progress | None = None,
) -> Upload:
    """Read a contact list into memory, and refuse what the Hub would refuse.

    The source is read in chunks of at most 1 MiB, and never more than 10 MiB and one byte. A file
    that is passed in is read from its current position, left where reading ended, and not closed.

    Args:
        source: A binary file, a path (``str`` or ``os.PathLike``; a ``str`` is never CSV text),
            bytes, an iterable of mappings, or a table.
        check: Whether to check the rows too, as ``kataven.contacts.check`` does, and to refuse
            duplicates.
        allow_duplicates: With ``check``, whether duplicates pass.
        on_progress: Called with the bytes read so far and their total, after each chunk. What it
            raises is passed on.

    Returns:
        The upload.

    Raises:
        ContactsError: A file in text mode, an empty file, a retry list of nobody, a list without
            the header ``phone_number`` or over 10 MiB, phone numbers that are not text, a row with
            a key that the first row lacks, a file or iterator that another call is reading, or
            reading failed. With ``check``, also a list with errors or duplicates; its
            ``.problems`` say which.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed.
        TypeError: It is not a source.
        ImportError: A table, and the extra ``contacts`` is not installed.
    """
    report = None if on_progress is None else _Report(on_progress)
    with _one_call_at_a_time(source), ExitStack() as closing:
        opened = open_file(source, closing)
        filename = base_name(opened)
        try:
            if opened is None:
                file = _read_rows(source, report)
            elif isinstance(opened, io.BytesIO) and opened is not source:
                # Made from the caller's bytes just now: already in memory, and ours.
                file = opened
                if report is not None:
                    size = file.seek(0, os.SEEK_END)
                    report(size, size)
            else:
                file = _read_file(opened if report is None else CountedFile(opened, report))
        except OSError as error:
            if report is not None and error is report.raised:
                raise
            raise ContactsError(
                f"the contacts could not be read ({filename}): {error}; nothing was sent"
            ) from error
    file.seek(0)
    _refuse_unread(source, file.getvalue())
    if check:
        _refuse_rows(file, allow_duplicates)
    return Upload(file, filename)


def _refuse_unread(source: object, data: bytes) -> None:
    """Refuse a list of nobody, and what the Hub would refuse without reading the rows."""
    # Only retry_list makes such a file. A table has an attribute of this name that is not a count.
    rows = getattr(source, "rows", None)
    if type(rows) is int and rows == 0:
        raise refusal(
            "no_rows",
            "there is nobody to retry: the list that retry_list made has no contacts; nothing was "
            "sent",
        )
    if not data:
        raise refusal(
            "empty_file",
            "there is nothing to read: the list is empty, or the file is at its end (seek(0) goes "
            "back to the start)",
        )
    if len(data) > MAX_BYTES:
        raise refusal("too_large", TOO_LARGE)
    for mark, encoding in WIDE_MARKS:
        if data.startswith(mark):
            raise refusal(
                "bad_encoding",
                f"the file is {encoding.upper()}, the Hub accepts UTF-8: "
                "kataven.contacts.clean() converts it",
            )
    names = _header_names(data)
    if PHONE_COLUMN not in names:
        raise refusal("missing_header", missing_header_message(names), row=1)


def _header_names(data: bytes) -> list[str]:
    """Read the names in the first record of a list in UTF-8, neither trimmed nor case-folded."""
    ends = (
        found.start() for found in _QUOTED_OR_END.finditer(data) if data[found.start()] != _QUOTE
    )
    end = next(ends, len(data))
    # A quoted name longer than the csv module's limit can only be a quote that is never closed.
    # Cut the bytes first: a character takes at most four, and a record may have 10 MiB.
    limit = csv.field_size_limit()
    start = data[: min(end, 4 * limit + len(codecs.BOM_UTF8))].removeprefix(codecs.BOM_UTF8)
    text = start.decode("utf-8", "replace")[:limit]
    # Not splitlines, which also splits at characters that do not end a line of CSV (U+2028, VT).
    return next(csv.reader(io.StringIO(text, newline="")), [])


def _refuse_rows(file: io.BytesIO, allow_duplicates: bool) -> None:  # noqa: FBT001 - private
    """Check the rows; refuse errors, and duplicates unless they are allowed."""
    from kataven.contacts._check import check  # noqa: PLC0415 - not every create checks

    report = check(file)
    duplicates = 0 if allow_duplicates else report.counts["duplicate"]
    count = report.errors + duplicates
    if not count:
        return
    refused = [
        found
        for found in report.problems
        if found.severity == "error" or (duplicates and found.kind == "duplicate")
    ]
    text = str(refused[0])
    if count > 1:
        text += f" (and {count - 1:,} more)"
    if duplicates:
        text += ". To call a number once for each row that has it, pass allow_duplicates=True."
    raise ContactsError(text, problems=refused)


_being_read: dict[tuple[int, int], list[object]] = {}
# The sources that calls are reading now, by process and object id. A child of a fork has none of
# its parent's calls, hence the process.


@contextmanager
def _one_call_at_a_time(source: object) -> Iterator[None]:
    """Refuse a file or iterator that another call is reading: each would get part of the list."""
    if not (hasattr(source, "read") or isinstance(source, Iterator)):
        yield
        return
    key = (os.getpid(), id(source))
    # Holds the source, so that its id is not reused while it is registered.
    claim = [source]
    try:
        # One atomic step, so no lock is held while a pipe waits for its writer.
        if _being_read.setdefault(key, claim) is not claim:
            raise ContactsError(
                "another create is reading this file or iterator of contacts: pass each create a "
                "file of its own, or a path"
            )
        yield
    finally:
        if _being_read.get(key) is claim:
            del _being_read[key]


class _Report:
    """The caller's ``on_progress``; remembers what it raised, which is no failure of reading."""

    def __init__(self, on_progress: Progress) -> None:
        self._on_progress = on_progress
        self.raised: BaseException | None = None

    def __call__(self, done: int, total: int | None) -> None:
        try:
            self._on_progress(done, total)
        except BaseException as error:
            self.raised = error
            raise


class _Counted:
    """Where the CSV of rows goes; reports its bytes as they are written."""

    def __init__(self, file: io.BytesIO, report: _Report) -> None:
        self._file = file
        self._report = report
        self._reported = 0

    def write(self, data: bytes, /) -> None:
        """Write a row, and report if there is another chunk."""
        self._file.write(data)
        done = self._file.tell()
        # A call for each row would take longer than the row.
        if done - self._reported >= _REPORTED_BYTES:
            self._reported = done
            self._report(done, None)


def _read_rows(source: ContactsSource, report: _Report | None) -> io.BytesIO:
    file = io.BytesIO()
    target = file if report is None else _Counted(file, report)
    write_csv(source, CsvWriter(target, MAX_BYTES))
    if report is not None:
        report(file.tell(), file.tell())
    return file


def _read_file(opened: ReadsBytes) -> io.BytesIO:
    file = io.BytesIO()
    size = 0
    while size <= MAX_BYTES:
        chunk = read_chunk(opened, min(_CHUNK, MAX_BYTES + 1 - size))
        if not chunk:
            break
        size += file.write(chunk)
    return file
