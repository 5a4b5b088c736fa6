"""Whatever a list of contacts comes as - path, bytes, file, rows, table - made a binary file.

Knows which sources there are and what is refused before anything is sent. Looks at the first
record and the size, at nothing else; does not know how a file is uploaded.
"""

import io
import os
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, TypeAlias, cast

from kataven.contacts._csv import CsvSink
from kataven.contacts._files import OwnFile, ReadsBytes, measured
from kataven.contacts._problems import refusal
from kataven.contacts._rules import MAX_BYTES, PHONE_COLUMN, PIECE
from kataven.contacts.reader.header import (
    WIDE_MARKS,
    header_end,
    header_names,
    missing_header_message,
)
from kataven.contacts.source.tables import ArrowTable, is_table, write_rows, write_table
from kataven.errors import ContactsError

__all__ = [
    "ContactsSource",
    "Upload",
    "base_name",
    "open_source",
    "open_upload",
    "read_at",
    "read_piece",
]

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
"""A binary file, a path, bytes, an iterable of mappings, or a table of pandas, polars or Arrow."""

_DEFAULT_NAME: Final = "contacts.csv"


# Windows has none.
_PREAD: Final = hasattr(os, "pread")


class _Sharing:
    """What keeps uploads of one file from moving it under each other.

    Attributes:
        moving: Held while a file stands elsewhere than where its owner has left it, for the time
            of one piece: one lock for all, as two objects may share one position.
        copied: The ids of the files that are copied to temporary ones now. No lock is held for
            these: a pipe may keep its reader waiting for ever.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start with nothing under way."""
        self.moving = threading.Lock()
        self.copied: set[int] = set()


_sharing = _Sharing()
if hasattr(os, "register_at_fork"):
    # A child of a fork has none of the threads that would let go.
    os.register_at_fork(after_in_child=_sharing.begin)


class Upload:
    """A list of contacts, ready to be sent: a binary file, where it starts and how long it is.

    Made by `open_upload`; close it, or use it in a `with` block.

    Attributes:
        file: The file, at the start of the data when the upload is made.
        start: The position of the data's first byte.
        size: The number of bytes from there.
        filename: A base name for the upload.
    """

    __slots__ = ("_closing", "file", "filename", "size", "start")

    def __init__(
        self, file: BinaryIO, start: int, size: int, filename: str, closing: ExitStack
    ) -> None:
        """Take over what has been opened."""
        self.file: Final = file
        self.start: Final = start
        self.size: Final = size
        self.filename: Final = filename
        self._closing = closing

    def close(self) -> None:
        """Close what was opened for this upload; a file that was handed in stays open."""
        self._closing.close()

    def __enter__(self) -> Self:
        """Give the upload itself.

        Returns:
            The upload.
        """
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def open_source(source: ContactsSource, closing: ExitStack, *, most: int | None = None) -> BinaryIO:
    """Open any source as a file that gives bytes.

    Args:
        source: A binary file (used from where it stands), a path, bytes, rows or a table.
        closing: Takes what is opened here; closing it closes no file that was handed in.
        most: The most bytes of CSV that rows and tables may become, None for no limit.

    Returns:
        A file with `read(n)`. Paths, bytes, rows and tables give one that seeks.

    Raises:
        ContactsError: A text-mode file, or rows or a table that cannot be a list of contacts.
        FileNotFoundError: There is no such path.
        ValueError: The file is closed.
        TypeError: It is no source at all.
        ImportError: A table, and narwhals is not installed.
    """
    if isinstance(source, str | os.PathLike):
        return closing.enter_context(open(source, "rb"))  # noqa: PTH123 - keeps `name` as given
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if isinstance(source, io.TextIOBase):
        raise _text_mode()
    if callable(getattr(source, "read", None)):
        if getattr(source, "closed", False) is True:
            raise ValueError(
                "the contacts file is closed: hand it in while it is open, in binary mode ('rb')"
            )
        return cast("BinaryIO", source)
    table = is_table(source)
    if isinstance(source, Mapping) or not (table or isinstance(source, Iterable)):
        raise TypeError(
            "contacts must be a binary file, a path, bytes, an iterable of mappings, or a table "
            f"of pandas, polars or Arrow, not {type(source).__name__}"
        )
    file = closing.enter_context(OwnFile())
    sink = CsvSink(file, most)
    if table:
        write_table(source, sink)
    else:
        write_rows(cast("Iterable[Mapping[str, object]]", source), sink)
    file.seek(0)
    return file


def open_upload(source: ContactsSource) -> Upload:
    """Make any source a file that can be sent, and refuse what the Hub would refuse unread.

    Only the size and the first record are looked at. Files on disk and in memory are used as
    they stand, from their position, also by several uploads at once; pipes, packed files and
    unknown objects are first copied to a temporary file, in pieces of at most 1 MiB.

    Args:
        source: A binary file (the documented form), a path (`str` or `os.PathLike`; a `str` is
            never CSV text), bytes, an iterable of mappings, or a table.

    Returns:
        The upload, its file at the start of the data.

    Raises:
        ContactsError: A text-mode file, an empty one, one without the header `phone_number`, one
            over 10 MiB, phone numbers that are no text, a row with a key the first one lacks, a
            pipe or the like that another upload is being made of.
        FileNotFoundError: There is no such path.
        ValueError: The file is closed.
        TypeError: It is no source at all.
        OSError: What reading the file raises.
    """
    closing = ExitStack()
    try:
        return _ready(open_source(source, closing, most=MAX_BYTES), closing)
    except BaseException:
        closing.close()
        raise


def read_piece(file: ReadsBytes, most: int) -> bytes:
    """Read one piece of a file that was handed in, and see that it is bytes.

    Args:
        file: The file.
        most: The most bytes to ask for.

    Returns:
        The bytes, empty at the end.

    Raises:
        ContactsError: The file gives text.
        BlockingIOError: The file does not block and has nothing yet.
        TypeError: What came is no bytes.
    """
    piece: object = file.read(most)
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, str):
        raise _text_mode()
    if piece is None:
        raise BlockingIOError("the contacts file does not block and has no data yet")
    if isinstance(piece, bytearray | memoryview):
        return bytes(piece)
    raise TypeError(f"the contacts file's read() must give bytes, not {type(piece).__name__}")


def read_at(file: BinaryIO, position: int, most: int, *, stay: bool) -> bytes:
    """Read one piece from any place of a file, which other uploads may be reading too.

    Args:
        file: The file; it seeks.
        position: Where to read.
        most: The most bytes to ask for.
        stay: Whether the file is set back to where it stood; else it stands behind the piece.

    Returns:
        The bytes, empty at the end.

    Raises:
        ContactsError: The file gives text.
        OSError: What reading the file raises.
    """
    if stay and type(file) is io.BufferedReader and type(file.raw) is io.FileIO and _PREAD:
        # A file on disk can be read anywhere without being moved, and without a lock.
        return os.pread(file.fileno(), most, position)
    with _sharing.moving:
        stood = file.tell()
        file.seek(position)
        try:
            return read_piece(file, most)
        finally:
            if stay:
                file.seek(stood)


def _ready(file: BinaryIO, closing: ExitStack) -> Upload:
    filename = base_name(file)
    with _sharing.moving:
        place = measured(file)
    if place is None:
        file, place = _spooled(file, closing)
    start, size = place
    if not size:
        raise refusal(
            "empty_file",
            "there is nothing to read: the list is empty, or the file stands at its end "
            "(seek(0) sets it to its start)",
        )
    if size > MAX_BYTES:
        raise refusal(
            "too_large",
            f"the list is larger than {MAX_BYTES:,} bytes, the most the Hub takes: cut it into "
            "several campaigns (kataven.contacts.split)",
        )
    _look_at_header(file, start, size)
    return Upload(file, start, size, filename, closing)


def _spooled(file: BinaryIO, closing: ExitStack) -> tuple[BinaryIO, tuple[int, int]]:
    copied = _sharing.copied
    with _sharing.moving:
        if id(file) in copied:
            raise ContactsError(
                "another create is reading this contacts file now, and it cannot be read twice: "
                "give each create a file of its own, or a path",
            )
        copied.add(id(file))
    try:
        return _copied(file, closing.enter_context(OwnFile()))
    finally:
        copied.discard(id(file))


def _copied(file: BinaryIO, own: OwnFile) -> tuple[BinaryIO, tuple[int, int]]:
    size = 0
    while size <= MAX_BYTES:
        piece = read_piece(file, min(PIECE, MAX_BYTES + 1 - size))
        if not piece:
            break
        own.write(piece)
        size += len(piece)
    own.seek(0)
    return own, (0, size)


def _look_at_header(file: BinaryIO, start: int, size: int) -> None:
    data = bytearray()
    end: int | None = None
    while end is None:
        # Twice as much each time, so that a header of 10 MiB is not searched 160 times.
        most = min(PIECE, max(64 * 1024, len(data)), size - len(data))
        piece = read_at(file, start + len(data), most, stay=True)
        data += piece
        end = header_end(bytes(data), complete=not piece or len(data) >= size)
    for mark, encoding in WIDE_MARKS:
        if data.startswith(mark):
            raise refusal(
                "bad_encoding",
                f"the file is {encoding.upper()}, the Hub takes UTF-8: "
                "kataven.contacts.clean() writes it anew",
            )
    names = header_names(bytes(data[:end]))
    if PHONE_COLUMN not in names:
        raise refusal("missing_header", missing_header_message(names), row=1)


def base_name(file: object) -> str:
    """Name an upload after its file.

    Args:
        file: Any file.

    Returns:
        The last part of the file's `name` where that is a `str`, else `contacts.csv`.
    """
    name = getattr(file, "name", None)
    if not isinstance(name, str):
        return _DEFAULT_NAME
    return re.split(r"[/\\]", name)[-1] or _DEFAULT_NAME


def _text_mode() -> Exception:
    return refusal(
        "bad_encoding",
        "the contacts file is open in text mode, which has already decoded it: open it in binary "
        "mode ('rb')",
    )
