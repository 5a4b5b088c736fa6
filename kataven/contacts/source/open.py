"""Opens any source of contacts as a binary file, and reads the files of callers.

Knows which kinds of sources there are, and what a file of a caller may be: its position, its name,
what its ``read`` may return, and how progress is reported. Does not know what the bytes are for.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import DEFAULT_NAME, TempFile
from kataven.contacts._refusal import refusal
from kataven.contacts.source.rows import write_rows
from kataven.contacts.source.tables import ArrowTable, is_table, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.errors import ContactsError

__all__ = [
    "ContactsSource",
    "CountedFile",
    "Progress",
    "ReadsBytes",
    "base_name",
    "bytes_left",
    "check_progress",
    "open_file",
    "open_source",
    "position_of",
    "read_chunk",
    "text_mode_error",
    "write_csv",
]

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called as ``on_progress(done, total)`` after each chunk of a list: the bytes read so far, and how
many there are, None if that is unknown (a pipe, a compressed file). Rows and tables count as the
CSV that they are written as. It is called in the thread that reads; its errors end the call."""


class ReadsBytes(Protocol):
    """Any object with a ``read`` that returns bytes: a file in mode ``rb``, a pipe, a GzipFile."""

    def read(self, n: int = ..., /) -> bytes:
        """Read up to ``n`` bytes.

        Args:
            n: The maximum number of bytes to return.

        Returns:
            The bytes, empty at the end of the file.
        """
        ...


ContactsSource: TypeAlias = (
    ReadsBytes
    | str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | Iterable[Mapping[str, Any]]
    | ArrowTable
)
"""A binary file, a path, bytes, an iterable of mappings, or a pandas, polars or Arrow table."""


@contextmanager
def open_source(
    source: ContactsSource, *, keep_position: bool = False, on_progress: Progress | None = None
) -> Iterator[ReadsBytes]:
    """Open any source as a binary file; close it again unless it is the caller's.

    Rows and tables are written to a temporary CSV file first.

    Args:
        source: A binary file (used from its current position), a path, bytes, rows or a table.
        keep_position: Whether a file that can seek is set back to its position at the end.
        on_progress: Called with the bytes read so far and their total, after each chunk.

    Yields:
        A file with ``read(n)``.

    Raises:
        ContactsError: A file in text mode, or rows or a table that cannot be a contact list.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed.
        TypeError: It is not a source.
        ImportError: A table, and narwhals is not installed.
    """
    with ExitStack() as closing:
        file = open_file(source, closing)
        if file is None:
            temporary = closing.enter_context(TempFile())
            write_csv(source, CsvWriter(temporary), strict=False)
            temporary.seek(0)
            file = temporary
        position = position_of(file) if keep_position else None
        try:
            yield file if on_progress is None else CountedFile(file, on_progress)
        finally:
            if position is not None:
                cast("Any", file).seek(position)


def open_file(source: ContactsSource, closing: ExitStack) -> ReadsBytes | None:
    """Open a source that consists of bytes.

    Args:
        source: Any source.
        closing: Closes a file that is opened here; never a file that was passed in.

    Returns:
        The file, or None for rows and tables.

    Raises:
        ContactsError: A file in text mode, or a ``str`` with several lines.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed.
        TypeError: It is not a source, or a file with an async ``read``.
    """
    if isinstance(source, str) and ("\n" in source or "\r" in source):
        raise refusal(
            "bad_encoding",
            "a str is the path of the contacts file, and this one is text with several lines: pass "
            "bytes (text.encode()), or a path",
        )
    if isinstance(source, str | os.PathLike):
        return closing.enter_context(open(source, "rb"))  # noqa: PTH123 - keeps `name` as given
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if isinstance(source, io.TextIOBase):
        raise text_mode_error()
    if callable(read := getattr(source, "read", None)):
        if iscoroutinefunction(read):
            advice = "use its .file" if hasattr(source, "file") else "pass bytes (await its read())"
            raise TypeError(
                f"the contacts file has an async read() ({type(source).__name__}): {advice}"
            )
        if getattr(source, "closed", False) is True:
            raise ValueError(
                "the contacts file is closed: pass it while it is open, in binary mode ('rb')"
            )
        return cast("ReadsBytes", source)
    if isinstance(source, Mapping) or not (is_table(source) or isinstance(source, Iterable)):
        raise TypeError(
            "contacts must be a binary file, a path, bytes, an iterable of mappings, or a pandas, "
            f"polars or Arrow table, not {type(source).__name__}"
        )
    return None


def write_csv(source: ContactsSource, writer: CsvWriter, *, strict: bool = True) -> None:
    """Write rows or a table as CSV.

    Args:
        source: An iterable of mappings, or a table.
        writer: Where the CSV goes.
        strict: Whether to refuse at once what an upload would be refused for, such as a missing
            column ``phone_number``; False for lists that are judged as files are.

    Raises:
        ContactsError: It cannot be a contact list, or the CSV is too large.
        TypeError: A row is not a mapping, or the table is not in memory.
        ImportError: A table, and narwhals is not installed.
    """
    if is_table(source):
        write_table(source, writer, strict=strict)
    else:
        write_rows(cast("Iterable[Mapping[str, object]]", source), writer, strict=strict)


def read_chunk(file: ReadsBytes, size: int) -> bytes:
    """Read one chunk of a caller's file and verify that it is bytes.

    Args:
        file: The file.
        size: The maximum number of bytes to ask for.

    Returns:
        The bytes, empty at the end.

    Raises:
        ContactsError: The file returns text.
        BlockingIOError: The file is non-blocking and has no data yet.
        TypeError: ``read`` returned something that is not bytes.
    """
    chunk: object = file.read(size)
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        raise text_mode_error()
    if chunk is None:
        raise BlockingIOError("the contacts file is non-blocking and has no data yet")
    if isinstance(chunk, bytearray | memoryview):
        return bytes(chunk)
    raise TypeError(f"the contacts file's read() must return bytes, not {type(chunk).__name__}")


def text_mode_error() -> ContactsError:
    """Return the error that refuses a file opened in text mode."""
    return refusal(
        "bad_encoding",
        "the contacts file is open in text mode, so it is already decoded: open it in binary mode "
        "('rb')",
    )


def base_name(file: object) -> str:
    """Return the last part of a file's ``name`` if that is a ``str``, else ``contacts.csv``."""
    name = getattr(file, "name", None)
    if not isinstance(name, str):
        return DEFAULT_NAME
    return re.split(r"[/\\]", name)[-1] or DEFAULT_NAME


def position_of(file: object) -> int | None:
    """Return the position of a file in bytes, or None if the file cannot seek."""
    stream: Any = file
    try:
        return int(stream.tell()) if stream.seekable() else None
    except (AttributeError, OSError):
        return None


def bytes_left(file: object) -> int | None:
    """Return how many bytes follow the position of a file, without reading them.

    Returns:
        None where that is unknown: a pipe, a compressed file, an object of an unknown kind.
    """
    if isinstance(file, io.BytesIO):
        return max(0, file.getbuffer().nbytes - file.tell())
    # Not any object with a `fileno`: that of a GzipFile is the compressed file.
    raw = getattr(file, "raw", None) if isinstance(file, io.BufferedIOBase) else file
    if not isinstance(raw, io.FileIO):
        return None
    status = os.fstat(raw.fileno())
    position = position_of(file)
    if position is None or not stat.S_ISREG(status.st_mode):
        return None
    return max(0, status.st_size - position)


class CountedFile:
    """A caller's file whose bytes are counted as they are read.

    Args:
        file: The file, counted from its current position.
        on_progress: Called after each chunk.
    """

    def __init__(self, file: ReadsBytes, on_progress: Progress) -> None:
        self._file = file
        self._on_progress = on_progress
        self._total = bytes_left(file)
        self._done = 0

    @property
    def name(self) -> object:
        """The name of the file, None if it has none."""
        return getattr(self._file, "name", None)

    def read(self, n: int = -1, /) -> bytes:
        """Read up to ``n`` bytes, and report them."""
        chunk = read_chunk(self._file, n)
        if chunk:
            self._done += len(chunk)
            # The file may have grown since its size was taken.
            total = None if self._total is None else max(self._total, self._done)
            self._on_progress(self._done, total)
        return chunk


def check_progress(on_progress: object) -> None:
    """Refuse an ``on_progress`` that cannot be called, before anything is read.

    Raises:
        TypeError: It is neither None nor callable.
    """
    if on_progress is not None and not callable(on_progress):
        raise TypeError(
            "on_progress must be a function of (done, total), both in bytes, not "
            f"{type(on_progress).__name__}"
        )
