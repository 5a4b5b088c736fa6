"""The results of a run: the contacts of all campaigns in one table, with their source rows.

Any number of processes read the parts into one folder next to the table, each part by one of them.
The one that finds all parts complete writes the table. A lock belongs to a process, so that of one
that was killed is free at once. Knows no ledger; which campaigns there are is an argument.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, Final

from kataven._flow.ratelimit import DAY, HOUR, MINUTE, RateLimits, least_seconds
from kataven.bulk._pages import PartPages, join
from kataven.bulk._work import sync_folder
from kataven.bulk.ledger.states import FINAL
from kataven.campaigns.export import keep_pages
from kataven.campaigns.pages import PageState, page_query
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.export.columns import Columns
from kataven.contacts.export.failures import explained
from kataven.contacts.export.spool import lock
from kataven.contacts.export.summary import ExportSummary
from kataven.contacts.export.targets import Target, copy_mode, unwritable
from kataven.contacts.export.writer import write_table
from kataven.errors import BulkError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from kataven.bulk._plan import BulkPlan
    from kataven.bulk.ledger import LedgerRow
    from kataven.client import KatavenClient
    from kataven.contacts.export.spool import PageSpool

__all__ = ["BulkResults", "Results", "ResultsCost", "ResultsProgress"]

logger = logging.getLogger("kataven")

_LOCK: Final = "lock"
_TABLE: Final = "table"
_UNITS: Final = (
    (DAY, "a day", "days"),
    (HOUR, "an hour", "hours"),
    (MINUTE, "a minute", "minutes"),
)


@dataclass(frozen=True, slots=True)
class ResultsCost:
    """What reading the results costs; as text, ``10,010 requests, about a day``.

    Attributes:
        requests: The requests that are left: one for each 100 contacts, and one for each part.
        seconds: The least number of seconds that the request limits of the client make them take,
            or, if it has none, the documented limits of an account.
    """

    requests: int
    seconds: float

    def __str__(self) -> str:
        what = f"{self.requests:,} request{'' if self.requests == 1 else 's'}"
        for unit, one, several in _UNITS:
            number = round(self.seconds / unit)
            if number:
                return f"{what}, about {one if number == 1 else f'{number:,} {several}'}"
        return what


@dataclass(frozen=True, slots=True)
class ResultsProgress:
    """How far the reading of the results is.

    Attributes:
        parts: The number of parts that are read.
        parts_done: How many of them are complete on disk.
        contacts: The contacts that this process has read.
        left: What is left to read; the first progress has all of it, before the first request.
    """

    parts: int
    parts_done: int
    contacts: int
    left: ResultsCost


@dataclass(frozen=True, slots=True)
class BulkResults(ExportSummary):
    """What ``BulkRun.results`` wrote: an ``ExportSummary``, and what does not fit together.

    Attributes:
        unmatched: Contacts that the Hub has and the plan has not; their file and row are empty.
        missing: Rows of the parts that the Hub did not show.
        parts_missing: Parts without a started campaign. Their rows are neither in the table nor in
            ``missing``.
    """

    unmatched: int = 0
    missing: int = 0
    parts_missing: int = 0


class Results:
    """Reads the results of a run into one table.

    Args:
        plan: The plan.
        rows: All its parts in the ledger.
        client: The client.
        path: Where the table goes; its ending is the format.
        poll_seconds: How often to look whether other processes have read their parts.
        on_progress: Called with a ``ResultsProgress``, or None.

    Raises:
        TypeError: The path is not a path.
        ValueError: The ending is unknown, or the path is a pipe or a device.
        ImportError: Parquet, and pyarrow is not installed.
        IsADirectoryError: The path is a folder.
    """

    def __init__(
        self,
        plan: BulkPlan,
        rows: Sequence[LedgerRow],
        client: KatavenClient,
        path: str | os.PathLike[str],
        poll_seconds: float,
        on_progress: Callable[[ResultsProgress], object] | None = None,
    ) -> None:
        given: object = path
        if not isinstance(given, str | os.PathLike):
            raise TypeError(f"the path must be a str or a Path, not {type(given).__name__}")
        self._target = Target(path, None)
        if self._target.replaced is None:
            raise ValueError(f"{str(path)!r} is not a regular file, so it cannot be replaced")
        self._path: Final = self._target.replaced
        self._plan = plan
        self._options = client._settings.options  # noqa: SLF001 - one library
        self._driver = client._driver  # noqa: SLF001
        self._limits = client._settings.rate_limits or RateLimits.documented()  # noqa: SLF001
        self._poll_seconds = poll_seconds
        self._on_progress = on_progress
        self._folder = _folder(self._path, plan.id, self._options.origin)
        started = [row for row in rows if row.state in {"started", *FINAL}]
        self._parts = [self._pages(row) for row in started]
        self._parts_missing = len(plan.parts) - len(started)
        # Of campaigns that the Hub no longer has.
        self._gone: set[int] = set()
        self._contacts = 0
        # The requests that are left, by part.
        self._left = {each.number: each.requests for each in self._parts}

    def _pages(self, row: LedgerRow) -> PartPages:
        # What was read before the end of a campaign is not its result.
        finished = row.state in FINAL
        key = hashlib.sha256(str(row.campaign).encode()).hexdigest()[:16]
        name = f"{row.number + 1:06d}-{key}{'' if finished else '-unfinished'}"
        return PartPages(
            row.number,
            self._plan.parts[row.number],
            str(row.campaign),
            self._folder / name,
            self._options.origin,
        )

    @property
    def left(self) -> ResultsCost:
        """What is left to read, as far as this process knows."""
        requests = sum(self._left.values())
        return ResultsCost(requests, least_seconds(self._limits, requests))

    def write(self) -> BulkResults:
        """Read what is missing, and write the table, unless another process does.

        Raises:
            BulkError: No campaign was started, the Hub has none of them, or the plan is damaged.
            KatavenError: Reading failed.
            OSError: A file cannot be written.
        """
        if not self._parts:
            raise BulkError("no campaign of the run was started, so there are no results")
        logger.info("reading the results of %d parts: %s", len(self._parts), self.left)
        self._report()
        with self._entered() as state:
            while True:
                found = _summary_in(state, self._target)
                if found is not None:
                    # The process that wrote it may have been killed before it deleted the folder.
                    self._clean_up()
                    return found
                try:
                    complete = self._read_all()
                    found = self._finish() if complete else None
                except FileNotFoundError:
                    # Another process has finished, and deleted the folder.
                    if _summary_in(state, self._target) is None:
                        raise
                    continue
                except BlockingIOError:
                    # Another process writes the table.
                    found = None
                if found is not None:
                    return found
                self._driver.clock.sleep(self._poll_seconds)

    def _entered(self) -> IO[bytes]:
        """Open the file that has the summary once the table is complete, even if it is deleted."""
        try:
            while True:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                try:
                    return _opened(self._folder / _LOCK)
                except FileNotFoundError:
                    # Another process has just deleted the folder.
                    continue
        except OSError as error:
            raise explained(error, self._path, unwritable(error)) from None

    # Reading.

    def _read_all(self) -> bool:
        """Read each part that is incomplete and that no other process reads.

        Returns:
            Whether all parts are complete.
        """
        busy = False
        for each in self._parts:
            if each.number in self._gone:
                continue
            try:
                each.complete(partial(self._read, each))
            except BlockingIOError:
                busy = True
            except NotFoundError as error:
                logger.warning("part %d has no results: %s", each.number + 1, error)
                self._gone.add(each.number)
                self._left[each.number] = 0
                continue
            self._left[each.number] = each.requests
        if len(self._gone) == len(self._parts):
            raise BulkError(
                "the Hub has none of the run's campaigns: check that the key belongs to the "
                "account that they were created in"
            )
        return not busy

    def _read(self, pages: PartPages, spool: PageSpool, last_page: list[Any]) -> None:
        """Read the pages of a part from the first that is missing."""
        sources = join(self._plan, pages.part)

        def keep(_page: int, rows: list[Any]) -> None:
            with self._explaining():
                spool.add([_joined(row, pages.campaign, sources) for row in rows])
            self._contacts += len(rows)
            self._left[pages.number] = max(1, self._left[pages.number] - 1)
            self._report()

        query, state = page_query(pages.campaign, None), PageState(spool.pages)
        clock = self._driver.clock
        flow = keep_pages(query, state, last_page, keep, None, self._options, clock)
        self._driver.run(flow)

    def _report(self) -> None:
        if self._on_progress is not None:
            done = sum(not left for left in self._left.values())
            progress = ResultsProgress(len(self._parts), done, self._contacts, self.left)
            self._on_progress(progress)

    # The table.

    def _finish(self) -> BulkResults | None:
        """Write the table, and delete the pages; None if a page turns out to be damaged.

        Raises:
            BlockingIOError: Another process does it.
        """
        path = self._folder / _LOCK
        with _opened(path) as state:
            lock(state, path)
            found = _summary_in(state, self._target)
            if found is None:
                columns = Columns()
                found = self._seen(columns)
                if found is None:
                    return None
                self._write(columns)
                state.seek(0)
                state.truncate()
                state.write(json.dumps(asdict(found), default=os.fspath).encode())
        self._clean_up()
        return found

    def _seen(self, columns: Columns) -> BulkResults | None:
        """Verify all pages, and count what they have."""
        counts: dict[str, int] = {}
        unmatched = missing = 0
        for each in self._present():
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
        missing += sum(each.part.rows for each in self._parts if each.number in self._gone)
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
            self._parts_missing,
        )

    def _write(self, columns: Columns) -> None:
        draft = self._folder / _TABLE
        contacts = chain.from_iterable(each.contacts() for each in self._present())
        with self._explaining():
            with draft.open("wb") as file:
                copy_mode(file, self._path)
                write_table(file, self._target.format, columns, contacts)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            sync_folder(self._path.parent)

    def _present(self) -> list[PartPages]:
        return [each for each in self._parts if each.number not in self._gone]

    def _clean_up(self) -> None:
        """Delete the folder; the file with the summary last, for processes that come now."""
        with suppress(OSError):
            for each in self._folder.iterdir():
                if each.name != _LOCK:
                    each.unlink()
            (self._folder / _LOCK).unlink()
            self._folder.rmdir()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Say in an error of the disk which table it concerns and what is kept."""
        try:
            yield
        except BlockingIOError:
            raise
        except OSError as error:
            kept = (
                f"the pages that were read are kept in {os.fspath(self._folder)!r}: put this right "
                "and call again with the same path, and the reading continues"
            )
            raise explained(error, self._path, kept) from None


def _folder(path: Path, plan: str, origin: str) -> Path:
    key = hashlib.sha256(json.dumps([path.name, plan, origin]).encode()).hexdigest()
    return path.with_name(f".{path.name[:60]}.{key[:10]}.kataven-results")


def _opened(path: Path) -> IO[bytes]:
    """Open a file that only its owner may read; unbuffered, because others write into it."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)


def _summary_in(state: IO[bytes], target: Target) -> BulkResults | None:
    """Return the summary that the process which wrote the table has left, or None."""
    state.seek(0)
    try:
        found = json.loads(state.read())
    except ValueError:
        return None
    if target.given is None or not target.given.exists():
        return None
    return BulkResults(**{**found, "paths": (target.given,)})


def _joined(
    contact: dict[str, Any], campaign: str, sources: Mapping[str, tuple[str, int]]
) -> dict[str, Any]:
    """Return a contact with its campaign and its source row."""
    number = contact.get(PHONE_COLUMN)
    file, row = sources.get(number, (None, None)) if isinstance(number, str) else (None, None)
    return {**contact, "campaign_id": campaign, "file": file, "row": row}
