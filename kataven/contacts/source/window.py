"""The part of a file that is one upload, as a file of its own.

Knows positions and sizes. Knows nothing of CSV, and has no descriptor: an HTTP library that finds
one takes the length of the whole file from it, whatever part is meant.
"""

import os
from typing import Final

from kataven.contacts._rules import PIECE
from kataven.contacts.source.open import Upload, read_at

__all__ = ["UploadReadError", "UploadWindow", "upload_window"]


class UploadReadError(OSError):
    """The contacts could not be read to their end."""


class UploadWindow:
    """A read-only view of `file[start:start + size]`; its position 0 is the upload's start.

    The file itself stays where it stands, so that another upload of it finds its start; once it
    was sent it stands at its end.

    Args:
        upload: The open upload; it stays open.
        sends: Whether what is read is sent.
    """

    __slots__ = ("_at", "_sends", "_upload")

    def __init__(self, upload: Upload, *, sends: bool = True) -> None:
        """Stand at the upload's start."""
        self._upload: Final = upload
        self._sends: Final = sends
        self._at = 0

    def read(self, n: int | None = -1, /) -> bytes:
        """Read the next bytes.

        Args:
            n: The most bytes to return; negative or None for as many as one read gives.

        Returns:
            At most 1 MiB, empty at the end.

        Raises:
            UploadReadError: The file cannot be read, or has become shorter since it was opened.
        """
        left = self._upload.size - self._at
        most = min(PIECE, left) if n is None or n < 0 else min(n, PIECE, left)
        if most <= 0:
            return b""
        stay = most < left or not self._sends
        try:
            piece = read_at(self._upload.file, self._upload.start + self._at, most, stay=stay)
        except OSError as error:
            raise UploadReadError(str(error)) from error
        if not piece:
            raise UploadReadError(
                f"the contacts file became shorter while it was read: {left} of "
                f"{self._upload.size} bytes are missing"
            )
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move the position.

        Args:
            offset: Bytes from the place that `whence` names.
            whence: `os.SEEK_SET`, `os.SEEK_CUR` or `os.SEEK_END`.

        Returns:
            The new position.

        Raises:
            ValueError: The position would be negative, or `whence` is unknown.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._upload.size}.get(whence)
        if base is None:
            raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        if base + offset < 0:
            raise ValueError(f"the position {base + offset} lies before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Tell the position.

        Returns:
            Bytes from the upload's start.
        """
        return self._at

    def readable(self) -> bool:
        """Say that it can be read.

        Returns:
            True.
        """
        return True

    def seekable(self) -> bool:
        """Say that it seeks.

        Returns:
            True.
        """
        return True

    def writable(self) -> bool:
        """Say that it cannot be written.

        Returns:
            False.
        """
        return False


def upload_window(upload: Upload, *, sends: bool = True) -> UploadWindow:
    """Make the file that is handed to an HTTP library.

    Args:
        upload: An open upload.
        sends: Whether what is read is sent; False leaves the file at the upload's start.

    Returns:
        A new window on it, at position 0. Make one for each attempt.
    """
    return UploadWindow(upload, sends=sends)
