"""The dialler: a discrete-event simulation of an account's calls, in Hub time.

Knows calls, retries, caps and turns. Must not know the store, HTTP, or how time passes: its caller
passes the time to run to, and it handles what is due in order. Calls respect the campaign's own
concurrency and the account's caps (calls in flight over all campaigns, calls per minute, calls and
minutes per day), and running campaigns take turns.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model import journal, outcomes, states
from kataven.sandbox.model.accounts import Account, Accounts
from kataven.sandbox.model.clock import NANOSECONDS
from kataven.sandbox.model.contacts import BLOCK, COMPLETED, FAILED, IN_PROGRESS, PENDING
from kataven.sandbox.model.journal import JournalRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.sandbox.model.campaign import Campaign
    from kataven.sandbox.model.journal import JournalAction
    from kataven.sandbox.model.outcome_rules import OutcomeRules

# The kinds of events.
_CALL_ENDS: Final = 0
_RETRY_IS_DUE: Final = 1
_SCHEDULE_IS_DUE: Final = 2
_MAY_BE_DONE: Final = 3
_CAP_ALLOWS: Final = 4

_LATEST: Final = 2**63 - 1


class Dialler:
    """Begins and ends calls.

    Args:
        accounts: The accounts.
        seed: The Hub's seed.
        rules: The outcomes that are not drawn.
        on_status: Called after a campaign's status changed, with the campaign and the time.
        on_schedule: Called when the start time of a scheduled campaign has come. It starts the
            campaign, or returns the time of the next attempt.
    """

    def __init__(
        self,
        accounts: Accounts,
        seed: int,
        rules: OutcomeRules,
        on_status: Callable[[Campaign, int], None],
        on_schedule: Callable[[Campaign, int], int | None],
    ) -> None:
        self._accounts = accounts
        self._concurrent_max = accounts.call_limits["concurrent_max"]
        self._seed = seed
        self._rules = rules
        self._on_status = on_status
        self._on_schedule = on_schedule
        # Time, order of insertion, kind, subject, and row of the contact (0 if it has none).
        self._heap: list[tuple[int, int, int, Campaign | Account, int]] = []
        self._pushed = 0
        # What changed since the last time it was stored.
        self.touched: set[Campaign] = set()
        self.journal: list[JournalRow] = []
        self.now = 0

    def next_time(self) -> int | None:
        """Return when the next event is due, or None."""
        return self._heap[0][0] if self._heap else None

    def run(self, until: int, at_most: int, ending: Campaign | None = None) -> bool:
        """Handle the events that are due, in order.

        Args:
            until: The time to stop at, in nanoseconds since 1970.
            at_most: Maximum number of events to handle.
            ending: A campaign at whose end to stop, or None. With one, the time stays that of the
                last event.

        Returns:
            Whether every event up to ``until`` is handled.
        """
        heap = self._heap
        pop = heapq.heappop
        while heap and heap[0][0] <= until:
            if at_most <= 0 or (ending is not None and ending.terminal):
                return False
            at_most -= 1
            at, _, kind, subject, row = pop(heap)
            # Events that were due while the Hub was down happen when it is started again.
            self.now = at = max(at, self.now)
            if isinstance(subject, Account):
                subject.wake_at = 0
                self.dispatch(subject, at)
            elif kind == _CALL_ENDS:
                self._end_call(subject, row, at)
            elif kind == _RETRY_IS_DUE:
                if subject.roster.status[row] == PENDING and not subject.terminal:
                    subject.ready.append(row)
                    if subject.status == states.RUNNING:
                        self.dispatch(self._accounts.get(subject.account), at)
            elif kind == _SCHEDULE_IS_DUE:
                self._start_scheduled(subject, at)
            else:
                # A campaign that was restored after a restart may have calls to begin.
                self.dispatch(self._accounts.get(subject.account), at)
                self._complete_if_done(subject, at)
        if ending is None:
            self.now = max(self.now, until)
        return True

    def record(self, action: JournalAction, campaign: Campaign, at: int) -> None:
        """Add an entry to the journal that is not about a call."""
        self.journal.append(JournalRow(at, action, campaign.account, campaign.id))

    def schedule(self, campaign: Campaign, at: int) -> None:
        """Start a scheduled campaign at a time."""
        self._push(at, _SCHEDULE_IS_DUE, campaign, 0)

    def set_status(self, campaign: Campaign, status: str, at: int) -> None:
        """Change a campaign's status, with all consequences."""
        account = self._accounts.get(campaign.account)
        if campaign.status == states.RUNNING:
            account.rotation.remove(campaign)
        campaign.status = status
        campaign.changed = True
        self.touched.add(campaign)
        if status == states.RUNNING:
            campaign.started_ns = campaign.started_ns or at
            account.rotation.append(campaign)
            self.dispatch(account, at)
            # A campaign with nothing left to dial completes as soon as it runs.
            self._push(at, _MAY_BE_DONE, campaign, 0)
        elif status in states.TERMINAL:
            campaign.completed_ns = at
            campaign.ready.clear()
        self._on_status(campaign, at)

    def forget(self, now: int) -> None:
        """Forget every event and change, before campaigns are read from the store again."""
        self._heap.clear()
        self.touched.clear()
        self.journal.clear()
        self.now = now

    def restore(self, campaign: Campaign, now: int) -> None:
        """Continue a campaign that was read from the store."""
        account = self._accounts.get(campaign.account)
        roster = campaign.roster
        cursor = len(roster)
        for row, status in enumerate(roster.status):
            if status == IN_PROGRESS:
                campaign.in_flight += 1
                account.in_flight += 1
                self._push(roster.due[row], _CALL_ENDS, campaign, row)
            elif status == PENDING and roster.attempts[row]:
                self._push(roster.due[row], _RETRY_IS_DUE, campaign, row)
            elif status == PENDING and cursor == len(roster):
                cursor = row
        campaign.cursor = cursor
        if campaign.status == states.SCHEDULED:
            self.schedule(campaign, max(campaign.settings.scheduled_ns or now, now))
        elif campaign.status == states.RUNNING:
            account.rotation.append(campaign)
            self._push(now, _MAY_BE_DONE, campaign, 0)

    def dispatch(self, account: Account, at: int) -> None:
        """Begin every call that may begin now. Running campaigns take turns."""
        rotation = account.rotation
        idle = 0
        while idle < len(rotation):
            if account.in_flight >= self._concurrent_max:
                return
            campaign = rotation[0]
            rotation.rotate(-1)
            if campaign.in_flight >= campaign.settings.max_concurrent_calls or not (
                campaign.ready or campaign.cursor < len(campaign.roster)
            ):
                idle += 1
                continue
            until = account.calls.blocked_until(at)
            if until:
                # The campaign keeps its turn.
                rotation.rotate(1)
                if not account.wake_at or until < account.wake_at:
                    account.wake_at = until
                    self._push(until, _CAP_ALLOWS, account, 0)
                return
            row = campaign.next_row()
            if row is not None:
                self._begin_call(account, campaign, row, at)
            idle = 0

    def _push(self, at: int, kind: int, subject: Campaign | Account, row: int) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (at, self._pushed, kind, subject, row))

    def _begin_call(self, account: Account, campaign: Campaign, row: int, at: int) -> None:
        roster = campaign.roster
        attempt = roster.attempts[row] + 1
        number = roster.numbers[row]
        fixed = self._rules.code(campaign, number, attempt)
        call = outcomes.draw(self._seed, campaign.number, row, attempt, fixed)
        ends = at + call.ring + call.talk
        roster.attempts[row] = attempt
        roster.status[row] = IN_PROGRESS
        roster.outcome[row] = call.outcome
        roster.due[row] = ends
        roster.last[row] = at
        roster.counts[PENDING] -= 1
        roster.counts[IN_PROGRESS] += 1
        roster.dirty.add(row // BLOCK)
        self.touched.add(campaign)
        campaign.in_flight += 1
        account.in_flight += 1
        account.calls.record_call(at)
        self.journal.append(
            JournalRow(at, journal.CALL, account.name, campaign.id, number, attempt)
        )
        self._push(ends, _CALL_ENDS, campaign, row)

    def _end_call(self, campaign: Campaign, row: int, at: int) -> None:
        account = self._accounts.get(campaign.account)
        roster = campaign.roster
        attempt = roster.attempts[row]
        code = roster.outcome[row]
        # The same draw again, with the outcome that the call began with.
        talk = outcomes.draw(self._seed, campaign.number, row, attempt, code).talk
        campaign.in_flight -= 1
        account.in_flight -= 1
        account.calls.record_talk(at, talk)
        if code in outcomes.REACHED:
            roster.error[row] = outcomes.NONE
            status = COMPLETED
        else:
            roster.error[row] = code
            status = FAILED
            if attempt <= campaign.settings.retries_per_contact and not campaign.terminal:
                status = PENDING
                due = min(at + campaign.settings.retry_delay_seconds * NANOSECONDS, _LATEST)
                roster.due[row] = due
                self._push(due, _RETRY_IS_DUE, campaign, row)
        roster.status[row] = status
        roster.counts[IN_PROGRESS] -= 1
        roster.counts[status] += 1
        roster.dirty.add(row // BLOCK)
        self.touched.add(campaign)
        self.journal.append(
            JournalRow(
                at,
                journal.CALL_ENDED,
                account.name,
                campaign.id,
                roster.numbers[row],
                attempt,
                outcomes.WORDS[code],
                talk,
            )
        )
        if account.rotation:
            self.dispatch(account, at)
        self._complete_if_done(campaign, at)

    def _complete_if_done(self, campaign: Campaign, at: int) -> None:
        counts = campaign.roster.counts
        if campaign.status != states.RUNNING or counts[PENDING] or counts[IN_PROGRESS]:
            return
        self.record("complete", campaign, at)
        self.set_status(campaign, states.COMPLETED, at)

    def _start_scheduled(self, campaign: Campaign, at: int) -> None:
        if campaign.status != states.SCHEDULED or campaign.deleted:
            return
        next_attempt = self._on_schedule(campaign, at)
        if next_attempt is not None:
            self.schedule(campaign, next_attempt)
