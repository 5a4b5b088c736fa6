"""The pages of an export, kept on disk until all are there.

One JSON line for each page, so that a page is there whole or not at all: what a killed process
has half written is cut off when its file is opened again. Knows campaign, status and pages; does
not know what becomes of them.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from urllib.parse import quote

from kataven.contacts._files import OwnFile

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no such lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["PageSpool", "spool_path"]

# Spools of version 1 do not say which account they are of.
_VERSION: Final = 2


def spool_path(target: Path, campaign_id: str, status: str | None, origin: str = "") -> Path:
    """Name the file that keeps an export's pages.

    Args:
        target: Where the table goes; the file lies beside it.
        campaign_id: The campaign.
        status: The status that is asked for, None for all.
        origin: Which Hub and account the campaign is of.

    Returns:
        A path that is the same for each export of this campaign and status into this folder.
    """
    key = json.dumps([_VERSION, campaign_id, status, origin]).encode()
    short = f"{quote(campaign_id, safe='')[:60]}.{quote(status or 'all', safe='')[:30]}"
    return target.parent / f".{short}.{hashlib.sha256(key).hexdigest()[:10]}.kataven-export"


class PageSpool:
    """Pages of contacts in a file.

    Args:
        campaign_id: The campaign the pages are of.
        status: The status that is asked for, None for all.
        path: The file, continued if it is there; None for a temporary file that is not.
        origin: Which Hub and account the campaign is of.
    """

    def __init__(
        self, campaign_id: str, status: str | None, path: Path | None, origin: str = ""
    ) -> None:
        """Open the file; its pages have not been looked at.

        Raises:
            BlockingIOError: Another export writes this file.
            OSError: The file cannot be opened.
        """
        self.path: Final = path
        # Hashed: whose contacts these are is nobody's business.
        owner = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()
        self._key = [_VERSION, campaign_id, status, owner]
        self.pages = 0
        if path is None:
            self._file = cast("BinaryIO", OwnFile("export"))
        else:
            # Contacts are personal data: nobody else may read them while they lie here.
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            try:
                _lock(self._file, path)
            except BaseException:
                self._file.close()
                raise

    def resume(self) -> Iterator[list[dict[str, Any]]]:
        """Read the whole pages that are there, and cut off what is behind them.

        Yields:
            The contacts of each page, from page 0.
        """
        self._file.seek(0)
        good = 0
        head = self._file.readline()
        if _loaded(head) == self._key:
            good = len(head)
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

    def add(self, contacts: list[dict[str, Any]]) -> None:
        """Add the next page; when this returns a killed process does not lose it.

        Args:
            contacts: Its contacts.
        """
        self._write([self.pages, contacts])
        self.pages += 1

    def contacts(self) -> Iterator[dict[str, Any]]:
        """Read all contacts.

        Yields:
            One contact after the other.
        """
        self._file.seek(0)
        self._file.readline()
        for line in self._file:
            yield from json.loads(line)[1]

    def remove(self) -> None:
        """Close and delete the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def close(self) -> None:
        """Close the file and leave it where it is, if there is a page in it."""
        if self.pages == 0 and self.path is not None and not self._file.closed:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def _write(self, value: object) -> None:
        self._file.write(json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n")
        self._file.flush()


def _lock(file: BinaryIO, path: Path) -> None:
    if fcntl is None:  # pragma: no cover - Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        raise BlockingIOError(
            held.errno,
            "another export of this campaign writes into this folder: wait for it, or choose "
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
