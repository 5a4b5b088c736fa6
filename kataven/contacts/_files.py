"""Files that the SDK makes: temporary ones, and those that replace a file once they are complete.

Knows nothing of CSV. Files of callers are opened and read in ``source/open``.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["DEFAULT_NAME", "TempFile", "replaced"]

DEFAULT_NAME: Final = "contacts.csv"
"""The filename of an upload whose source has no name."""


class TempFile(io.BufferedRandom):
    """A seekable binary file on disk that is deleted when it is closed or garbage collected.

    Args:
        name: The value of ``.name``, which an upload uses as its filename. No such path exists.
    """

    def __init__(self, name: str = DEFAULT_NAME) -> None:
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


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Write a file that replaces ``path`` once it is complete; a link's target is replaced.

    A pipe, a device or the system's name for an open file (``/dev/stdout``) is appended to.

    Args:
        path: The file.

    Yields:
        A binary file to write to.

    Raises:
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: The path is a folder.
        OSError: The file could not be written; an existing one is unchanged.
        TypeError: It is not a path.
    """
    given: object = path
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"the path must be a str or a Path, not {type(given).__name__}")
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "the path is a folder; name a file in it", os.fspath(path)
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "the folder of the file does not exist", os.fspath(path)
        )
    if _is_special(Path(path)):
        with Path(path).open("ab") as file:
            yield file
        return
    draft = target.with_name(f".{os.urandom(8).hex()}.kataven-draft")
    try:
        with draft.open("xb") as file:
            if target.exists() and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield file
        draft.replace(target)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = os.fspath(path)
        raise


def _is_special(path: Path) -> bool:
    given = str(path.absolute())
    if given.startswith(("/dev/", "/proc/")) and given != os.path.realpath(path):
        return True
    return path.exists() and not path.is_file()
