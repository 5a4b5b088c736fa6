"""What one worker does next: which part, when to ask the Hub, when to wait.

Any number of workers run this at once. They share turns through the ledger, so that a fleet polls
the Hub as often as one worker would. What happens with one part is in ``_launch``.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kataven.bulk._keeper import HoursKeeper
from kataven.bulk._marked import Marked, marked, marker
from kataven.bulk.ledger.states import FINAL, OPEN, state_of
from kataven.errors import (
    APIConnectionError,
    APIStatusError,
    BulkError,
    ContactsError,
    KatavenError,
    NotFoundError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kataven.bulk._context import Campaigns
    from kataven.bulk._launch import Launcher
    from kataven.bulk._plan import BulkPlan
    from kataven.bulk.ledger import Ledger, LedgerRow
    from kataven.bulk.ledger.states import State
    from kataven.clock import Clock

__all__ = ["Worker"]

logger = logging.getLogger("kataven")

# A limit can be freed by what is not of this run, so that no end of a part shows it.
_RETRY_SECONDS: Final = 60.0
# Requests of one poll for campaigns that the list lacks.
_GETS: Final = 10
# Polls in a row that may fail.
_FAILURES: Final = 20
# The same, while no campaign may call: a night of polls would use up the quota of a day.
_IDLE_SECONDS: Final = 60.0
_FULL: Final = "full"
# The Hub refuses this part, and not the run.
_OF_THE_PART: Final = frozenset((400, 413, 422))


class Worker:
    """Launches and follows the parts of a run.

    Args:
        campaigns: The client's ``campaigns``.
        ledger: The ledger.
        plan: The plan.
        launcher: What does the work on single parts.
        clock: How to wait.
        lease_seconds: How long a part belongs to a worker that shows no sign of life.
        poll_seconds: How often the Hub is asked, by all workers together.
        on_change: Called after each step.
    """

    def __init__(
        self,
        campaigns: Campaigns,
        ledger: Ledger,
        plan: BulkPlan,
        launcher: Launcher,
        clock: Clock,
        lease_seconds: float,
        poll_seconds: float,
        on_change: Callable[[], None],
    ) -> None:
        self._campaigns = campaigns
        self._ledger = ledger
        self._plan = plan
        self._launcher = launcher
        self._clock = clock
        self._lease = lease_seconds
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        # Unknown parts that this worker has looked for.
        self._looked: set[int] = set()
        self._next_get = 0
        self._warned: set[str] = set()
        self._warned_idle = False
        self._failures = 0
        # The parts that the Hub has refused, or that are damaged.
        self._refused: dict[int, KatavenError] = {}
        self._hours = launcher.hours
        # Planned parts that were read and not yet looked at, and which groups were open then.
        self._planned: Iterator[LedgerRow] = iter(())
        self._opened: tuple[bool, ...] | None = None
        self._keeper = HoursKeeper(ledger, launcher.hours, launcher.pausing)

    def launch(self, *, resend_unknown: bool = False, number: int | None = None) -> None:
        """Create and start what is missing, until nothing is, or the run is paused or stopped.

        Args:
            resend_unknown: Whether to send parts once more whose campaign cannot be found.
            number: Only this part; None for all.
        """
        with self._keeper:
            self._launch(resend_unknown=resend_unknown, number=number)
            self._raise_refusal()

    def _launch(self, *, resend_unknown: bool = False, number: int | None = None) -> None:
        while self._ledger.wanted() == "running":
            self._keeper.keep()
            ended = self._ended()
            free = self._has_room(ended)
            if number is None and free and self._resume_one(ended):
                self._on_change()
                continue
            row = self._next(number, free=free)
            if row is not None:
                # Looked for, or sent, once in each launch.
                self._looked.add(row.number)
                try:
                    self._note(self._launcher.work(row, resend=resend_unknown), ended)
                except (APIStatusError, BulkError, ContactsError) as error:
                    if isinstance(error, APIStatusError) and error.status_code not in _OF_THE_PART:
                        raise
                    # The other parts do not have to wait until this one is put right.
                    self._refused[row.number] = error
                self._on_change()
                continue
            if not self._left(number):
                break
            self.poll()
            self._on_change()
            self._sleep()

    def _raise_refusal(self) -> None:
        for error in self._refused.values():
            raise error

    def _next(self, number: int | None, *, free: bool) -> LedgerRow | None:
        """Claim the next part, or return None."""
        # What may be on the Hub already comes first, and drafts before parts that are not created.
        row = self._ledger.claim(("sending", "starting"), self._lease, number)
        if row is None and free:
            row = self._claim_open(number)
        if row is not None:
            return row
        for unknown in self._ledger.rows(("unknown",)):
            if unknown.number in self._looked or number not in {None, unknown.number}:
                continue
            row = self._ledger.claim(("unknown",), self._lease, unknown.number)
            if row is not None:
                return row
        return None

    def _claim_open(self, number: int | None) -> LedgerRow | None:
        """Claim the next part that is to be started and may call now."""
        states: tuple[State, ...] = ("created", "planned")
        if not (self._hours.given or self._refused):
            return self._ledger.claim(states, self._lease, number)
        if number is not None:
            row = self._ledger.row(number)
            return self._claim_first([row] if row.state in states else [])
        return self._claim_first(self._ledger.rows(("created",))) or self._claim_planned()

    def _claim_planned(self) -> LedgerRow | None:
        """Claim the next planned part that may call now.

        There may be thousands, so they are read again only after the last one, or when a group has
        opened or closed.
        """
        opened = tuple(group.open for group in self._hours.groups())
        row = None
        if opened == self._opened:
            row = self._claim_first(self._planned)
        if row is None:
            self._opened = opened
            self._planned = iter(self._ledger.rows(("planned",)))
            row = self._claim_first(self._planned)
        return row

    def _claim_first(self, rows: Iterable[LedgerRow]) -> LedgerRow | None:
        """Claim the first of some parts that may call now, and read no further."""
        for row in rows:
            if row.number not in self._refused and self._hours.is_open(row.number):
                claimed = self._ledger.claim((row.state,), self._lease, row.number)
                if claimed is not None:
                    return claimed
        return None

    def _left(self, number: int | None) -> bool:
        if number is not None:
            return self._has_work(self._ledger.row(number))
        if self._hours.given or self._refused:
            left = any(map(self._has_work, self._ledger.rows(OPEN)))
        else:
            left = self._ledger.count(OPEN) > 0
        return left or bool(self._held())

    def _has_work(self, row: LedgerRow) -> bool:
        """Return whether a launch has something to do with a part, now or later."""
        never = row.number in self._refused or self._hours.never(row.number)
        return row.state in OPEN and not never

    def _held(self) -> list[LedgerRow]:
        """Return the parts whose campaigns are paused on behalf of the run, and may call now."""
        return [
            row
            for row in self._ledger.held()
            if row.status == "paused" and self._hours.is_open(row.number)
        ]

    def resume(self) -> None:
        """Resume all campaigns that were paused on behalf of the run, and may call now."""
        with self._keeper:
            self._resume_all()

    def _resume_all(self) -> None:
        for row in self._ledger.held():
            if row.status != "paused" and self._ledger.wanted() == "running":
                # A worker was killed before it could record that it had paused the campaign.
                self._resume(row.number, self._ended())
        while self._ledger.wanted() == "running" and self._held():
            self._keeper.keep()
            ended = self._ended()
            if not (self._has_room(ended) and self._resume_one(ended)):
                self.poll()
                self._sleep()
            self._on_change()

    def _resume_one(self, ended: int) -> bool:
        """Resume one campaign that was paused on behalf of the run.

        Returns:
            False if there is none, if a limit is reached, or if the Hub's responses are behind.
        """
        for held in self._held():
            resumed = self._resume(held.number, ended)
            if resumed is not None:
                return resumed
        return False

    def _resume(self, number: int, ended: int) -> bool | None:
        """Resume one campaign; False if a limit is reached, None if to be asked for again."""
        row = self._ledger.claim(("started",), self._lease, number)
        if row is None:
            return None
        with self._launcher.leased(row):
            if row.held:
                resumed = self._launcher.pausing.resume(row)
                self._note(resumed, ended)
                if resumed is not None:
                    return resumed
                now = self._ledger.row(number)
                return None if now.held and now.status == "paused" else True
        return True

    # The account's limits. A note says that they are reached, and how many parts had ended then.

    def _ended(self) -> int:
        return self._ledger.count(FINAL)

    def _has_room(self, ended: int) -> bool:
        """Return whether a campaign may be started now."""
        full = self._ledger.note(_FULL)
        if not full:
            return True
        if full == str(ended):
            return self._ledger.turn("retry", _RETRY_SECONDS)
        # Once a limit was reached, one worker after the other tries, and not all at once.
        return self._ledger.turn("start", self._poll_seconds)

    def _note(self, started: bool | None, ended: int) -> None:  # noqa: FBT001 - of a step
        if started is False:
            self._ledger.set_note(_FULL, str(ended))
        elif started and self._ledger.note(_FULL) == str(ended):
            self._ledger.set_note(_FULL, "some")

    # Following.

    def watch(self) -> None:
        """Follow the campaigns until each part is finished, failed or unknown.

        In a run that is stopped, until all started campaigns have finished. Campaigns are paused
        when their local hours end, and resumed when they begin again.
        """
        with self._keeper:
            while True:
                self._keeper.keep()
                self.poll()
                self._on_change()
                if self._ended_for_now():
                    return
                self._warn_of_idleness()
                if not (self._hours.given and self._resume_opened()):
                    self._sleep()

    def _warn_of_idleness(self) -> None:
        """Say once that nothing is called, because nobody launches what is left."""
        if not self._warned_idle and not self._ledger.count(("sending", "starting", "started")):
            self._warned_idle = True
            logger.warning(
                "%d parts are not started, and watch() starts nothing: it waits until another "
                "process calls launch() or apply()",
                self._ledger.count(OPEN),
            )

    def _resume_opened(self) -> bool:
        """Resume a campaign whose local hours have begun; False if there is none, or no room."""
        if self._ledger.wanted() != "running" or not self._held():
            return False
        ended = self._ended()
        return self._has_room(ended) and self._resume_one(ended)

    def _sleep(self) -> None:
        self._clock.sleep(min(self._interval(), self._hours.change()))

    def _interval(self) -> float:
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
                self._for_each(self._ledger.rows(("starting",)), self._settle_starting)
            rows = self._ledger.rows(("created", "started", "unknown"))
            if not rows or not self._ledger.turn("poll", self._interval()):
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

    def apply(self, *, resend_unknown: bool = False) -> None:
        """Launch and watch, until nothing is left to do."""
        with self._keeper:
            while True:
                self._launch(resend_unknown=resend_unknown)
                if self._ledger.wanted() == "running":
                    resend_unknown = False
                self._keeper.keep()
                self.poll()
                self._on_change()
                if self._ended_for_now():
                    self._raise_refusal()
                    return
                self._sleep()

    def _ended_for_now(self) -> bool:
        stopped = self._ledger.wanted() == "stopped"
        waiting: tuple[State, ...] = ("started", "starting") if stopped else ("started", *OPEN)
        for row in self._ledger.rows(waiting):
            if row.number in self._refused:
                continue
            calls = row.state == "started" and row.status != "paused"
            if calls or stopped or not self._hours.never(row.number):
                return False
        return True

    def settle(self) -> None:
        """Make the started campaigns what is wanted of the run: pause or stop them.

        Raises:
            KatavenError: Some could not be paused or stopped; the others were.
        """
        if self._ledger.wanted() == "paused":
            self._find_paused()
        self._for_each(self._ledger.rows(("starting", "started")), self._settle)
        # Another process has resumed the run meanwhile.
        self.resume()

    def _settle(self, row: LedgerRow) -> None:
        if row.state == "starting":
            self._settle_starting(row)
        else:
            self._launcher.pausing.obey(row)
        self._on_change()

    def _find_paused(self) -> None:
        """Record which campaigns a person has paused since the last poll: they stay paused."""
        try:
            shown = marked(self._campaigns.list())
        except KatavenError as error:
            logger.warning("which campaigns a person has paused is not known: %s", error)
            return
        for row in self._ledger.rows(("started",)):
            campaign = shown.by_id.get(row.campaign or "", {})
            if not row.held and campaign.get("status") == "paused":
                self._ledger.observe(row, "started", "paused")

    def _settle_starting(self, row: LedgerRow) -> None:
        """Find out about a campaign whose worker was killed while it started it."""
        # Of those that may be started, a launch finds out.
        if not (self._ledger.wanted() == "running" and self._hours.is_open(row.number)):
            self._work(row, "starting")

    def _for_each(self, rows: list[LedgerRow], act: Callable[[LedgerRow], None]) -> None:
        """Do something for each part, also if it fails for one; then raise the first error."""
        first: KatavenError | None = None
        for row in rows:
            try:
                act(row)
            except (APIConnectionError, APIStatusError) as error:
                first = first or error
        if first is not None:
            raise first

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
                    self._work(row, "created")
            elif row.campaign is None:
                self._adopt(row, shown)
            elif isinstance(status, str):
                self._work(row, "unknown")

        self._for_each(rows, take)
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
        claimed = self._ledger.claim((state,), self._lease, row.number)
        if claimed is not None:
            self._launcher.work(claimed, start=False)

    def _adopt(self, row: LedgerRow, shown: Marked) -> None:
        if shown.incomplete is not None or self._marker(row) not in shown.by_marker:
            return
        claimed = self._ledger.claim(("unknown",), self._lease, row.number)
        if claimed is not None:
            with self._launcher.leased(claimed):
                self._launcher.creating.adopt(claimed, shown)

    def _marker(self, row: LedgerRow) -> str:
        return marker(self._plan, self._plan.parts[row.number])

    def _warn_of_others(self, row: LedgerRow, shown: Marked) -> None:
        if row.campaign is None:
            return
        for campaign in shown.by_marker.get(self._marker(row), ()):
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
