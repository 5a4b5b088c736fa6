"""The results of a run: the contacts of all campaigns in one table, with their source rows.

Any number of processes read the parts into one folder next to the table, each part by one of them.
The one that finds all parts complete writes the table, which is in ``_results_table``. Knows no
ledger; which campaigns there are is an argument.
"""

from __future__ import annotations

import hashlib
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from kataven._flow.ratelimit import RateLimits, least_seconds
from kataven.bulk._pages import PartPages, join
from kataven.bulk._results_table import ResultsTable
from kataven.bulk._results_values import ResultsCost, ResultsProgress
from kataven.bulk.ledger.states import FINAL
from kataven.campaigns.export import keep_pages
from kataven.campaigns.pages import PageState, page_query
from kataven.contacts._rules import PHONE_COLUMN
from kataven.errors import BulkError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kataven.bulk._plan import BulkPlan
    from kataven.bulk._results_values import BulkResults
    from kataven.bulk.ledger import LedgerRow
    from kataven.client import KatavenClient
    from kataven.contacts.export.spool import PageSpool

__all__ = ["Results"]

logger = logging.getLogger("kataven")


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
        self._plan = plan
        self._options = client._settings.options  # noqa: SLF001 - one library
        self._driver = client._driver  # noqa: SLF001
        self._limits = client._settings.rate_limits or RateLimits.documented()  # noqa: SLF001
        self._poll_seconds = poll_seconds
        self._on_progress = on_progress
        self._table = ResultsTable(path, plan.id, self._options.origin)
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
            self._table.folder / name,
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
        with self._table.entered() as state:
            while True:
                found = self._table.summary_in(state)
                if found is not None:
                    # The process that wrote it may have been killed before it deleted the folder.
                    self._table.clean_up()
                    return found
                try:
                    complete = self._read_all()
                    found = self._finish() if complete else None
                except FileNotFoundError:
                    # Another process has finished, and deleted the folder.
                    if self._table.summary_in(state) is None:
                        raise
                    continue
                except BlockingIOError:
                    # Another process writes the table.
                    found = None
                if found is not None:
                    return found
                self._driver.clock.sleep(self._poll_seconds)

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
            with self._table.explaining():
                spool.add([_joined(row, pages.campaign, sources) for row in rows])
            self._contacts += len(rows)
            self._left[pages.number] = max(1, self._left[pages.number] - 1)
            self._report()

        query, state = page_query(pages.campaign, None), PageState(spool.pages)
        clock = self._driver.clock
        flow = keep_pages(query, state, last_page, keep, None, self._options, clock)
        self._driver.run(flow)

    def _finish(self) -> BulkResults | None:
        present = [each for each in self._parts if each.number not in self._gone]
        gone = sum(each.part.rows for each in self._parts if each.number in self._gone)
        return self._table.finish(present, gone, self._parts_missing)

    def _report(self) -> None:
        if self._on_progress is not None:
            done = sum(not left for left in self._left.values())
            progress = ResultsProgress(len(self._parts), done, self._contacts, self.left)
            self._on_progress(progress)


def _joined(
    contact: dict[str, Any], campaign: str, sources: Mapping[str, tuple[str, int]]
) -> dict[str, Any]:
    """Return a contact with its campaign and its source row."""
    number = contact.get(PHONE_COLUMN)
    file, row = sources.get(number, (None, None)) if isinstance(number, str) else (None, None)
    return {**contact, "campaign_id": campaign, "file": file, "row": row}
