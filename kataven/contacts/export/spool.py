"""The pages of an export, kept on disk until all are there.

One JSON line per page, so a page is complete or missing: a line that a killed process left half
written is removed when the file is opened again. Knows campaign, status and pages, and not the
format of the table.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote

from kataven.contacts._files import TempFile

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no such lock
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom
    from pathlib import Path

__all__ = ["PageSpool", "lock", "spool_path"]

# Version 1 did not record the account.
_VERSION: Final = 2


def spool_path(target: Path, campaign_id: str, status: str | None, origin: str = "") -> Path:
    """Return the path of the file that keeps the pages of an export.

    Args:
        target: Where the table goes; the file is in the same folder.
        campaign_id: The campaign.
        status: The requested status, None for all.
        origin: The Hub and account of the campaign.

    Returns:
        A path that is the same for every export of this campaign and status into this folder.
    """
    key = json.dumps([_VERSION, campaign_id, status, origin]).encode()
    short = f"{quote(campaign_id, safe='')[:60]}.{quote(status or 'all', safe='')[:30]}"
    return target.parent / f".{short}.{hashlib.sha256(key).hexdigest()[:10]}.kataven-export"


class PageSpool:
    """Pages of contacts in a file.

    Args:
        campaign_id: The campaign.
        status: The requested status, None for all.
        path: The file, resumed if it exists; None for a temporary file, which is not resumed.
        origin: The Hub and account of the campaign.

    Attributes:
        path: The file, None for a temporary one.
        pages: The number of complete pages in it.
    """

    def __init__(
        self, campaign_id: str, status: str | None, path: Path | None, origin: str = ""
    ) -> None:
        """Prepare; nothing is opened before ``open``."""
        self.path: Final = path
        # Hashed, so that the file does not show whose contacts these are.
        owner = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()
        self._key = [_VERSION, campaign_id, status, owner]
        self.pages = 0
        self._resumed = False
        self._opened: BufferedRandom | None = None

    def open(self) -> None:
        """Open the file, without reading its pages.

        Raises:
            BlockingIOError: Another export is writing this file.
            OSError: The file cannot be opened.
        """
        if self.path is None:
            self._opened = TempFile("export")
            return
        # Contacts are personal data: only the owner may read the file.
        self._opened = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            lock(self._opened, self.path)
        except BaseException:
            # Closed, it is not deleted by close(): it may be the other export's.
            self._opened.close()
            raise

    @property
    def _file(self) -> BufferedRandom:
        if self._opened is None:
            raise ValueError("the pages are not open")
        return self._opened

    def resume(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the contacts of each complete page, from page 0; remove what comes after them."""
        self._file.seek(0)
        good = 0
        first = self._file.readline()
        if _loaded(first) == self._key:
            good = len(first)
            for line in self._file:
                page = _loaded(line)
                if not isinstance(page, list) or page[:1] != [self.pages]:
                    break
                good += len(line)
                self.pages += 1
                yield page[1]
        self._file.seek(good)
        self._file.truncate()
        if not good:
            self._write(self._key)
        self._resumed = True

    def add(self, contacts: list[dict[str, Any]]) -> None:
        """Add the next page. Once this returns, the page survives a killed process."""
        self._write([self.pages, contacts])
        self.pages += 1

    def all_pages(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the contacts of each page, from page 0."""
        self._file.seek(0)
        self._file.readline()
        for line in self._file:
            yield json.loads(line)[1]

    def remove(self) -> None:
        """Close and delete the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def sync(self) -> None:
        """Force the pages to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, and delete it if it has no pages."""
        if self._opened is None or self._opened.closed:
            return
        # Before resume() has ended, it is not known how many it has.
        if self._resumed and self.pages == 0 and self.path is not None:
            self.path.unlink(missing_ok=True)
        # On a full disk this fails to write what is left of an incomplete line, and has still
        # closed the file. The next export removes such a line.
        with suppress(OSError):
            self._opened.close()

    def _write(self, value: object) -> None:
        self._file.write(json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n")
        self._file.flush()


def lock(file: IO[bytes], path: Path) -> None:
    """Lock an open file until it is closed, or its process has ended.

    Raises:
        BlockingIOError: Another process, or this one through another open file, has the lock.
    """
    if fcntl is None:  # pragma: no cover - Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        raise BlockingIOError(
            held.errno,
            "another export of this campaign is writing into this folder: wait for it, or choose "
            "another folder",
            str(path),
        ) from None


def _loaded(line: bytes) -> object:
    if not line.endswith(b"\n"):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None
