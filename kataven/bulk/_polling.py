"""What the Hub shows of the campaigns of a run, and how it gets into the ledger.

Any number of workers poll at once: they share turns through the ledger. Creates and starts nothing:
that is for a launch, in ``_worker``.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kataven.bulk._marked import Marked, marked
from kataven.bulk.ledger.states import OPEN, state_of
from kataven.errors import (
    APIConnectionError,
    APIStatusError,
    KatavenError,
    NotFoundError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.bulk._context import RunContext
    from kataven.bulk._launch import Launcher
    from kataven.bulk.ledger import LedgerRow
    from kataven.bulk.ledger.states import State

__all__ = ["Polling", "for_each"]

logger = logging.getLogger("kataven")

# Requests of one poll for campaigns that the list lacks.
_GETS: Final = 10
# Polls in a row that may fail.
_FAILURES: Final = 20
# Seconds between two polls while no campaign may call: a night of polls would use up the quota of a
# day.
_IDLE_SECONDS: Final = 60.0


class Polling:
    """Asks the Hub for the campaigns of a run, and records what it shows.

    Args:
        run: The run.
        launcher: What does the work on single parts.
        poll_seconds: How often the Hub is asked, by all workers together.
    """

    def __init__(self, run: RunContext, launcher: Launcher, poll_seconds: float) -> None:
        self._run = run
        self._campaigns = run.campaigns
        self._ledger = run.ledger
        self._hours = run.hours
        self._launcher = launcher
        self._poll_seconds = poll_seconds
        self._next_get = 0
        self._warned: set[str] = set()
        self._failures = 0

    def interval(self) -> float:
        """Return the seconds between two polls: fewer polls while nothing may call, as at night."""
        if not self._hours.given:
            return self._poll_seconds
        for row in self._ledger.rows(("started", *OPEN)):
            paused = row.state == "started" and row.status == "paused"
            if self._hours.is_open(row.number) or (row.state == "started" and not paused):
                return self._poll_seconds
        return max(self._poll_seconds, min(_IDLE_SECONDS, self._hours.change()))

    def poll(self) -> None:
        """Record what the Hub shows of the campaigns, if it is this worker's turn."""
        try:
            if self._hours.given or self._ledger.wanted() != "running":
                for_each(self._ledger.rows(("starting",)), self.settle_starting)
            rows = self._ledger.rows(("created", "started", "unknown"))
            if not rows or not self._ledger.turn("poll", self.interval()):
                return
            self._take(rows, marked(self._campaigns.list()))
        except (APIConnectionError, ServerError, RateLimitError) as error:
            # A run takes days, and the next poll may succeed.
            self._failures += 1
            if self._failures >= _FAILURES:
                raise
            logger.warning("a poll failed: %s", error)
        else:
            self._failures = 0

    def look(self) -> list[LedgerRow]:
        """Look once while the run is being paused or stopped.

        Records which campaigns a person has paused since the last poll: they stay paused.

        Returns:
            The created parts that the Hub does not show as drafts. A start that its worker had
            given up may have arrived since.
        """
        paused = self._ledger.wanted() == "paused"
        drafts = self._ledger.rows(("created",))
        if not (paused or drafts):
            return []
        try:
            shown = marked(self._campaigns.list())
        except KatavenError as error:
            logger.warning(
                "which campaigns a person has paused, or a late start has started, is not known: "
                "%s",
                error,
            )
            return []

        def status(row: LedgerRow) -> object:
            return shown.by_id.get(row.campaign or "", {}).get("status")

        if paused:
            for row in self._ledger.rows(("started",)):
                if not row.held and status(row) == "paused":
                    self._ledger.observe(row, "started", "paused")
        return [row for row in drafts if status(row) != "draft"]

    def settle_created(self, row: LedgerRow) -> None:
        """Find out about a campaign that may have been started since it was recorded."""
        self._work(row, "created")

    def settle_starting(self, row: LedgerRow) -> None:
        """Find out about a campaign whose worker was killed while it started it."""
        # Of those that may be started, a launch finds out.
        if not (self._ledger.wanted() == "running" and self._hours.is_open(row.number)):
            self._work(row, "starting")

    def _take(self, rows: list[LedgerRow], shown: Marked) -> None:
        lacking: list[LedgerRow] = []

        def take(row: LedgerRow) -> None:
            self._warn_of_others(row, shown)
            campaign = shown.by_id.get(row.campaign or "")
            status = None if campaign is None else campaign.get("status")
            if row.state == "started":
                if isinstance(status, str):
                    self._observe(row, status)
                else:
                    lacking.append(row)
            elif row.state == "created":
                # A person has started it, or a worker that was killed after it had slept.
                if isinstance(status, str) and status != "draft":
                    self.settle_created(row)
            elif row.campaign is None:
                self._adopt(row, shown)
            elif isinstance(status, str):
                self._work(row, "unknown")

        for_each(rows, take)
        self._get(lacking)

    def _observe(self, row: LedgerRow, status: str) -> None:
        state = state_of(status)
        if state == "created":
            # A list that is behind: the campaign was started.
            return
        if (state, status) != (row.state, row.status):
            self._ledger.observe(row, state, status)
        # A campaign that a person has paused can be stopped, and is not paused again.
        if state == "started" and (status != "paused" or self._ledger.wanted() == "stopped"):
            self._launcher.pausing.obey(replace(row, status=status))

    def _get(self, lacking: list[LedgerRow]) -> None:
        """Ask for campaigns that the list lacks, a few in each poll."""
        for _ in range(min(_GETS, len(lacking))):
            row = lacking[self._next_get % len(lacking)]
            self._next_get += 1
            try:
                status = self._campaigns.get(str(row.campaign)).get("status")
            except NotFoundError:
                # A campaign that was deleted calls nobody.
                self._ledger.observe(row, "failed", "deleted")
            else:
                if isinstance(status, str):
                    self._observe(row, status)

    def _work(self, row: LedgerRow, state: State) -> None:
        """Find out about a campaign; a launch starts it, if it is a draft."""
        claimed = self._ledger.claim((state,), self._run.lease_seconds, row.number)
        if claimed is not None:
            self._launcher.work(claimed, start=False)

    def _adopt(self, row: LedgerRow, shown: Marked) -> None:
        if shown.incomplete is not None or self._run.marker(row) not in shown.by_marker:
            return
        claimed = self._ledger.claim(("unknown",), self._run.lease_seconds, row.number)
        if claimed is not None:
            with self._launcher.leased(claimed):
                self._launcher.creating.adopt(claimed, shown)

    def _warn_of_others(self, row: LedgerRow, shown: Marked) -> None:
        if row.campaign is None:
            return
        for campaign in shown.by_marker.get(self._run.marker(row), ()):
            other = str(campaign.get("id"))
            if other != row.campaign and other not in self._warned:
                self._warned.add(other)
                logger.warning(
                    "part %d has the campaign %s, and another one (%s, %s) has its marker: do not "
                    "start that one, and delete it",
                    row.number + 1,
                    row.campaign,
                    other,
                    campaign.get("status"),
                )


def for_each(rows: list[LedgerRow], act: Callable[[LedgerRow], None]) -> None:
    """Do something for each part, also if it fails for one; then raise the first error."""
    first: KatavenError | None = None
    for row in rows:
        try:
            act(row)
        except (APIConnectionError, APIStatusError) as error:
            first = first or error
    if first is not None:
        raise first
