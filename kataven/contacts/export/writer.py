"""Collects the pages of a campaign's contacts and writes them as a table.

Pages go into a spool first. The table is then written in one pass and renamed into place, so the
target is either complete or unchanged. Does not know where the pages come from.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self, cast

from kataven.contacts.export.columns import Columns
from kataven.contacts.export.formats import (
    FORMATS,
    TEXT_FORMATS,
    ExportFormat,
    load_pyarrow,
    write_parquet,
)
from kataven.contacts.export.spool import PageSpool, spool_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["ExportWriter"]

_ENDINGS: Final[Mapping[str, ExportFormat]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class ExportWriter:
    """Collects pages of contacts and writes them as a table.

    If the target is a path, an interrupted export is resumed: pages that an export of the same
    campaign and status, at the same Hub and for the same account, left in the same folder are used,
    and ``next_page`` is greater than 0.

    Args:
        campaign_id: The campaign.
        target: A path, or an open file that gets the finished table (text or binary for CSV and
            JSON Lines, binary for Parquet) and stays open.
        format: ``csv``, ``jsonl`` or ``parquet``; None to use the ending of the path or of the
            file's name (CSV for a file without a name).
        status: The requested status, None for all.
        origin: The Hub and account of the campaign.

    Attributes:
        format: The format of the table.
    """

    def __init__(
        self,
        campaign_id: str,
        target: str | os.PathLike[str] | IO[bytes] | IO[str],
        format: ExportFormat | None = None,
        status: str | None = None,
        origin: str = "",
    ) -> None:
        """Check the target; nothing is opened before ``open``.

        Raises:
            ValueError: The format is unknown, or the ending does not determine it.
            TypeError: The target is neither a path nor a file, or a text file for Parquet.
            ImportError: Parquet, and pyarrow is not installed.
            IsADirectoryError: The target is a folder.
        """
        self._path, self._file = _opened(target)
        self.format: Final = _format(format, self._path, self._file)
        if self.format == "parquet":
            load_pyarrow()
            if self._file is not None and _is_text(self._file):
                raise TypeError("Parquet is binary: open the file in binary mode ('wb')")
        path = self._path
        # A pipe or a device cannot be replaced, and its folder is not a place for a spool.
        self._special: Final = path is not None and _is_special(path)
        spool = None
        if path is not None and not self._special:
            spool = spool_path(path, campaign_id, status, origin)
        self._columns = Columns()
        self._spool = PageSpool(campaign_id, status, spool, origin)
        self._last_page: list[dict[str, Any]] = []

    def open(self) -> None:
        """Open the spool and read its pages; call ``close`` afterwards, also if this fails.

        Raises:
            BlockingIOError: Another export of this campaign is writing into the same folder.
            OSError: The folder does not exist or is not writable.
        """
        self._spool.open()
        for contacts in self._spool.resume():
            self._columns.see(contacts)
            self._last_page = contacts

    @property
    def next_page(self) -> int:
        """The page to read next, counted from 0."""
        return self._spool.pages

    def take_last_page(self) -> list[dict[str, Any]]:
        """Return the contacts of the last page of a resumed export, and forget them.

        Returns:
            The contacts; empty for an export that is not resumed, and at the second call.
        """
        last, self._last_page = self._last_page, []
        return last

    @property
    def rows(self) -> int:
        """The number of contacts added so far."""
        return self._columns.rows

    def add_page(self, page: int, contacts: list[dict[str, Any]]) -> None:
        """Add a page. Once this returns, the page is on disk.

        Args:
            page: Its number, which must be ``next_page``.
            contacts: Its contacts as the Hub sent them.

        Raises:
            ValueError: It is not the next page.
        """
        if page != self.next_page:
            raise ValueError(f"page {page} is out of order: the next one is {self.next_page}")
        self._spool.add(contacts)
        self._columns.see(contacts)

    def finish(self) -> None:
        """Write the table, move it into place and delete the spool.

        Raises:
            OSError: The table could not be written; the spool remains, the target is unchanged.
        """
        if self._path is None:
            self._write(cast("IO[Any]", self._file))
        elif self._special:
            # Append: /dev/stdout may be a file that already has lines.
            with self._path.open("ab") as file:
                self._write(file)
        else:
            draft = cast("Path", self._spool.path).with_suffix(".kataven-table")
            try:
                with draft.open("wb") as file:
                    _copy_mode(file, self._path)
                    self._write(file)
                draft.replace(self._path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        self._spool.remove()

    def close(self) -> None:
        """Keep the pages for the next export of this campaign. Does nothing after ``finish``."""
        self._spool.close()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, file: IO[Any]) -> None:
        rows = self._columns.rows_of(self._spool.contacts())
        if self.format == "parquet":
            write_parquet(file, self._columns.types(), rows)
            return
        names = self._columns.names()
        write_text = TEXT_FORMATS[self.format]
        if _is_text(file):
            write_text(file.write, names, rows)
            return
        write_text(lambda text: file.write(text.encode("utf-8", "surrogatepass")), names, rows)


def _opened(target: object) -> tuple[Path | None, IO[Any] | None]:
    if isinstance(target, str | os.PathLike):
        # Replace what a link points to, not the link.
        path = Path(os.path.realpath(target))
        if path.is_dir():
            raise IsADirectoryError(
                errno.EISDIR, "the target is a folder; name a file in it", str(path)
            )
        return Path(target) if _is_special(Path(target)) else path, None
    if callable(getattr(target, "write", None)):
        return None, cast("IO[Any]", target)
    raise TypeError(f"the target must be a path or an open file, not {type(target).__name__}")


def _is_special(path: Path) -> bool:
    """Tell whether a target is a pipe, a device, or the system's name for an open file."""
    given = str(path.absolute())
    if given.startswith(("/dev/", "/proc/")) and given != os.path.realpath(path):
        return True
    return path.exists() and not path.is_file()


def _copy_mode(draft: IO[bytes], target: Path) -> None:
    """Give the new table the permissions of the one it replaces."""
    if target.exists() and hasattr(os, "fchmod"):
        os.fchmod(draft.fileno(), stat.S_IMODE(target.stat().st_mode))


def _format(requested: ExportFormat | None, path: Path | None, file: object) -> ExportFormat:
    if requested is not None:
        if requested not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {requested!r}")
        return requested
    name = path if path is not None else getattr(file, "name", None)
    ending = Path(name).suffix.lower() if isinstance(name, str | Path) else ""
    if path is None and not ending:
        return "csv"
    if ending not in _ENDINGS:
        raise ValueError(
            f"the ending of {str(name)!r} is not a known format: use one of "
            f"{', '.join(_ENDINGS)}, or pass format="
        )
    return _ENDINGS[ending]


def _is_text(file: object) -> bool:
    return isinstance(file, io.TextIOBase) or hasattr(file, "encoding")
