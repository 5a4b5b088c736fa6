"""Binary files: our own temporary ones, reading those of callers, and replacing a file.

Knows positions, chunks, file names and progress. Knows nothing of CSV.
"""

from __future__ import annotations

import io
import os
import re
import stat
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias

from kataven.contacts._refusal import refusal

if TYPE_CHECKING:
    from types import TracebackType

    from kataven.errors import ContactsError

__all__ = [
    "CountedFile",
    "Progress",
    "ReadsBytes",
    "TempFile",
    "base_name",
    "bytes_left",
    "check_progress",
    "position_of",
    "read_chunk",
    "text_mode_error",
]

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called as ``on_progress(done, total)`` after each chunk of a list: the bytes read so far, and how
many there are, None if that is unknown (a pipe, a compressed file). Rows and tables count as the
CSV that they are written as. It is called in the thread that reads; what it raises ends the call."""

_DEFAULT_NAME: Final = "contacts.csv"


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


class TempFile(io.BufferedRandom):
    """A seekable binary file on disk that is deleted when it is closed or garbage collected.

    Args:
        name: The value of ``.name``, which an upload uses as its filename. No such path exists.
    """

    def __init__(self, name: str = _DEFAULT_NAME) -> None:
        # On Windows this is a wrapper with the file in its attribute `file`; the file is deleted
        # when the wrapper is collected, so keep it.
        self._wrapper: Any = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115
        self._name = name
        super().__init__(getattr(self._wrapper, "file", self._wrapper), 128 * 1024)

    @property
    def name(self) -> str:
        """The filename that an upload of this file uses."""
        return self._name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Close without a ResourceWarning: callers may rely on collection to delete the file.
        try:
            self.close()
        except ValueError:
            # Interrupted before there was a buffer: only the file below it is open.
            wrapper = getattr(self, "_wrapper", None)
            if wrapper is not None:
                wrapper.close()


def position_of(file: object) -> int | None:
    """Return the position of a file in bytes, or None if the file cannot seek."""
    stream: Any = file
    try:
        return int(stream.tell()) if stream.seekable() else None
    except (AttributeError, OSError):
        return None


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
        return _DEFAULT_NAME
    return re.split(r"[/\\]", name)[-1] or _DEFAULT_NAME
