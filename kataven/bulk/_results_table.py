"""The table of a run's results, and the folder next to it in which processes collect its pages.

Knows which process writes the table, and what the others learn of that. A lock belongs to a
process, so that of one that was killed is free at once. Does not know the Hub.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, Final

from kataven.bulk._results_values import BulkResults
from kataven.bulk._work import sync_folder
from kataven.contacts.export.columns import Columns
from kataven.contacts.export.failures import explained
from kataven.contacts.export.spool import lock
from kataven.contacts.export.targets import Target, copy_mode, unwritable
from kataven.contacts.export.writer import write_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kataven.bulk._pages import PartPages

__all__ = ["ResultsTable"]

logger = logging.getLogger("kataven")

_LOCK: Final = "lock"
_TABLE: Final = "table"


class ResultsTable:
    """One table, which any number of processes make together.

    Args:
        path: Where it goes; its ending is the format.
        plan_id: The plan.
        origin: The Hub and account.

    Attributes:
        folder: Where the pages are until the table is complete.

    Raises:
        ValueError: The ending is unknown, or the path is a pipe or a device.
        ImportError: Parquet, and pyarrow is not installed.
        IsADirectoryError: The path is a folder.
    """

    def __init__(self, path: str | os.PathLike[str], plan_id: str, origin: str) -> None:
        self._target = Target(path, None)
        if self._target.replaced is None:
            raise ValueError(f"{str(path)!r} is not a regular file, so it cannot be replaced")
        self._path: Final = self._target.replaced
        self.folder: Final = _folder(self._path, plan_id, origin)

    def entered(self) -> IO[bytes]:
        """Open the file that has the summary once the table is complete, even if it is deleted."""
        try:
            while True:
                self.folder.mkdir(mode=0o700, exist_ok=True)
                try:
                    return _opened(self.folder / _LOCK)
                except FileNotFoundError:
                    # Another process has just deleted the folder.
                    continue
        except OSError as error:
            raise explained(error, self._path, unwritable(error)) from None

    def summary_in(self, state: IO[bytes]) -> BulkResults | None:
        """Return the summary that the process which wrote the table has left, or None."""
        state.seek(0)
        try:
            found = json.loads(state.read())
        except ValueError:
            return None
        target = self._target
        if target.given is None or not target.given.exists():
            return None
        return BulkResults(**{**found, "paths": (target.given,)})

    def finish(
        self, parts: Sequence[PartPages], gone: int, parts_missing: int
    ) -> BulkResults | None:
        """Write the table, and delete the pages.

        Args:
            parts: The parts that were read.
            gone: The rows of parts whose campaigns the Hub no longer has.
            parts_missing: The number of parts without a started campaign.

        Returns:
            What was written; None if a page turns out to be damaged.

        Raises:
            BlockingIOError: Another process does it.
        """
        path = self.folder / _LOCK
        with _opened(path) as state:
            lock(state, path)
            found = self.summary_in(state)
            if found is None:
                columns = Columns()
                found = self._seen(columns, parts, gone, parts_missing)
                if found is None:
                    return None
                self._write(columns, parts)
                state.seek(0)
                state.truncate()
                state.write(json.dumps(asdict(found), default=os.fspath).encode())
        self.clean_up()
        return found

    def _seen(
        self, columns: Columns, parts: Sequence[PartPages], gone: int, parts_missing: int
    ) -> BulkResults | None:
        """Verify all pages, and count what they have."""
        counts: dict[str, int] = {}
        unmatched = missing = 0
        for each in parts:
            shown: set[tuple[str, int]] = set()

            def see(page: list[dict[str, Any]], shown: set[tuple[str, int]] = shown) -> None:
                nonlocal unmatched
                columns.see(page)
                for contact in page:
                    if contact["file"] is None:
                        unmatched += 1
                    else:
                        shown.add((contact["file"], contact["row"]))
                    status = contact.get("status")
                    if isinstance(status, str):
                        counts[status] = counts.get(status, 0) + 1

            if not each.verify(see):
                logger.warning(
                    "the pages of part %d are damaged and are read again", each.number + 1
                )
                return None
            missing += each.part.rows - len(shown)
        missing += gone
        if unmatched:
            logger.warning("%d contacts of the campaigns are not in the plan", unmatched)
        if missing:
            logger.warning("the Hub did not show %d contacts of the plan", missing)
        return BulkResults(
            columns.rows,
            () if self._target.given is None else (self._target.given,),
            counts,
            unmatched,
            missing,
            parts_missing,
        )

    def _write(self, columns: Columns, parts: Sequence[PartPages]) -> None:
        draft = self.folder / _TABLE
        contacts = chain.from_iterable(each.contacts() for each in parts)
        with self.explaining():
            with draft.open("wb") as file:
                copy_mode(file, self._path)
                write_table(file, self._target.format, columns, contacts)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            sync_folder(self._path.parent)

    def clean_up(self) -> None:
        """Delete the folder; the file with the summary last, for processes that come now."""
        with suppress(OSError):
            for each in self.folder.iterdir():
                if each.name != _LOCK:
                    each.unlink()
            (self.folder / _LOCK).unlink()
            self.folder.rmdir()

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Say in an error of the disk which table it concerns and what is kept."""
        try:
            yield
        except BlockingIOError:
            raise
        except OSError as error:
            kept = (
                f"the pages that were read are kept in {os.fspath(self.folder)!r}: put this right "
                "and call again with the same path, and the reading continues"
            )
            raise explained(error, self._path, kept) from None


def _folder(path: Path, plan: str, origin: str) -> Path:
    key = hashlib.sha256(json.dumps([path.name, plan, origin]).encode()).hexdigest()
    return path.with_name(f".{path.name[:60]}.{key[:10]}.kataven-results")


def _opened(path: Path) -> IO[bytes]:
    """Open a file that only its owner may read; unbuffered, because others write into it."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
