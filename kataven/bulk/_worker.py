"""What one worker does next: which part to launch or resume, when to look, when to wait.

Any number of workers run this at once. What happens with one part is in ``_launch``, what the Hub
shows in ``_polling``, the limits of the account in ``_room``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kataven.bulk._keeper import HoursKeeper
from kataven.bulk._launch import Launcher
from kataven.bulk._polling import Polling, for_each
from kataven.bulk._room import AccountRoom
from kataven.bulk.ledger.states import OPEN
from kataven.errors import APIStatusError, BulkError, ContactsError, KatavenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kataven.bulk._context import RunContext
    from kataven.bulk.ledger import LedgerRow
    from kataven.bulk.ledger.states import State
    from kataven.clock import Clock

__all__ = ["Worker"]

logger = logging.getLogger("kataven")

# The Hub refuses this part, and not the run.
_OF_THE_PART: Final = frozenset((400, 413, 422))


class Worker:
    """Launches and follows the parts of a run.

    Args:
        run: The run.
        clock: How to wait.
        poll_seconds: How often the Hub is asked, by all workers together.
        on_change: Called after each step.
    """

    def __init__(
        self,
        run: RunContext,
        clock: Clock,
        poll_seconds: float,
        on_change: Callable[[], None],
    ) -> None:
        self._ledger = run.ledger
        self._hours = run.hours
        self._lease = run.lease_seconds
        self._clock = clock
        self._on_change = on_change
        self._launcher = Launcher(run)
        self._polling = Polling(run, self._launcher, poll_seconds)
        self._room = AccountRoom(run.ledger, poll_seconds)
        self._keeper = HoursKeeper(run.ledger, run.hours, self._launcher.pausing)
        # Unknown parts that this worker has looked for.
        self._looked: set[int] = set()
        self._warned_idle = False
        # The parts that the Hub has refused, or that are damaged.
        self._refused: dict[int, KatavenError] = {}
        # Planned parts that were read and not yet looked at, and which groups were open then.
        self._planned: Iterator[LedgerRow] = iter(())
        self._opened: tuple[bool, ...] | None = None

    def launch(self, *, resend_unknown: bool = False, number: int | None = None) -> None:
        """Create and start what is missing, until nothing is, or the run is paused or stopped.

        Args:
            resend_unknown: Whether to send parts once more whose campaign cannot be found.
            number: Only this part; None for all.
        """
        with self._keeper:
            self._launch(resend_unknown=resend_unknown, number=number)
            self._raise_refusal()

    def _launch(self, *, resend_unknown: bool = False, number: int | None = None) -> bool:
        """Launch; return False if a pause or a stop ended it, or did not let it begin."""
        while self._ledger.wanted() == "running":
            self._keeper.keep()
            ended = self._room.ended()
            free = self._room.is_there(ended)
            if number is None and free and self._resume_one(ended):
                self._on_change()
                continue
            row = self._next(number, free=free)
            if row is not None:
                # Looked for, or sent, once in each launch.
                self._looked.add(row.number)
                try:
                    self._room.note(self._launcher.work(row, resend=resend_unknown), ended)
                except (APIStatusError, BulkError, ContactsError) as error:
                    if isinstance(error, APIStatusError) and error.status_code not in _OF_THE_PART:
                        raise
                    # The other parts do not have to wait until this one is put right.
                    self._refused[row.number] = error
                self._on_change()
                continue
            if not self._left(number):
                return True
            self._polling.poll()
            self._on_change()
            self._sleep()
        return False

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
                self._resume(row.number, self._room.ended())
        while self._ledger.wanted() == "running" and self._held():
            self._keeper.keep()
            ended = self._room.ended()
            if not (self._room.is_there(ended) and self._resume_one(ended)):
                self._polling.poll()
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
                self._room.note(resumed, ended)
                if resumed is not None:
                    return resumed
                now = self._ledger.row(number)
                return None if now.held and now.status == "paused" else True
        return True

    # Following.

    def watch(self) -> None:
        """Follow the campaigns until each part is finished, failed or unknown.

        In a run that is stopped, until all started campaigns have finished. Campaigns are paused
        when their local hours end, and resumed when they begin again.
        """
        with self._keeper:
            while True:
                self._keeper.keep()
                self._polling.poll()
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
        ended = self._room.ended()
        return self._room.is_there(ended) and self._resume_one(ended)

    def poll(self) -> None:
        """Record what the Hub shows of the campaigns, if it is this worker's turn."""
        self._polling.poll()

    def _sleep(self) -> None:
        self._clock.sleep(min(self._polling.interval(), self._hours.change()))

    def apply(self, *, resend_unknown: bool = False) -> None:
        """Launch and watch, until nothing is left to do."""
        with self._keeper:
            while True:
                # A launch that was paused has not looked for all unknown parts.
                if self._launch(resend_unknown=resend_unknown):
                    resend_unknown = False
                self._keeper.keep()
                self._polling.poll()
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
        late = self._polling.look()
        for_each([*self._ledger.rows(("starting", "started")), *late], self._settle)
        # Another process has resumed the run meanwhile.
        self.resume()

    def _settle(self, row: LedgerRow) -> None:
        if row.state == "starting":
            self._polling.settle_starting(row)
        elif row.state == "created":
            self._polling.settle_created(row)
        else:
            self._launcher.pausing.obey(row)
        self._on_change()
