"""Files of bytes: our own temporary ones, and which files of others can be used as they stand.

Knows about descriptors, positions and sizes. Knows nothing of CSV and of what is refused.
"""

import io
import os
import stat
import tempfile
from types import TracebackType
from typing import Any, Protocol, Self

__all__ = ["OwnFile", "ReadsBytes", "measured", "position_of"]


class ReadsBytes(Protocol):
    """Anything with a `read` that gives bytes: a file opened with `rb`, a pipe, a gzip member."""

    def read(self, n: int = ..., /) -> bytes:
        """Read up to n bytes.

        Args:
            n: The most bytes to return.

        Returns:
            The bytes, empty at the end of the file.
        """
        ...


class OwnFile(io.BufferedRandom):
    """A temporary binary file of ours: on disk, seekable, gone when it is closed or collected.

    Args:
        name: What `.name` says; an upload takes its filename from it. No such path exists.
    """

    def __init__(self, name: str = "contacts.csv") -> None:
        """Make an empty file."""
        # On Windows this is a wrapper that closes its file when it is collected: hold it.
        self._held: Any = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115
        self._name = name
        super().__init__(getattr(self._held, "file", self._held), 128 * 1024)

    @property
    def name(self) -> str:
        """The file's name for an upload."""
        return self._name

    def __enter__(self) -> Self:
        """Give the file itself.

        Returns:
            The file.
        """
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, which removes it."""
        self.close()

    def __del__(self) -> None:
        """Close quietly: a list of ours that nobody closed is no reason for a warning."""
        if hasattr(self, "_name"):
            self.close()


def _innermost(file: object) -> object:
    """Look through tempfile's wrapper and a buffer at what lies below."""
    if isinstance(file, tempfile._TemporaryFileWrapper):  # noqa: SLF001 - it has no public name
        file = file.file
    if isinstance(file, io.BufferedReader | io.BufferedRandom):
        return file.raw
    return file


def measured(file: object) -> tuple[int, int] | None:
    """Tell position and remaining bytes of a file whose seeking is cheap and exact.

    Only such files are used as they stand: memory, and regular files on disk. Others may seek
    badly (a gzip member unpacks everything again) or lie about their size (its descriptor
    names the packed file).

    Args:
        file: Any object.

    Returns:
        (position, bytes from there to the end), or None if it is not such a file. The size is
        0 where the position lies behind the end.

    Raises:
        ValueError: The file is closed.
    """
    inner = _innermost(file)
    if isinstance(inner, io.FileIO):
        if not inner.readable() or not stat.S_ISREG(os.fstat(inner.fileno()).st_mode):
            return None
    elif not isinstance(inner, io.BytesIO):
        return None
    stream: Any = file
    start = int(stream.tell())
    stream.seek(0, os.SEEK_END)
    end = int(stream.tell())
    stream.seek(start)
    return start, max(0, end - start)


def position_of(file: object) -> int | None:
    """Tell where a file stands, if it can be set back to it.

    Args:
        file: Any object with `read`.

    Returns:
        The position in bytes, None for a file that does not seek.
    """
    stream: Any = file
    try:
        return int(stream.tell()) if stream.seekable() else None
    except (AttributeError, OSError):
        return None
