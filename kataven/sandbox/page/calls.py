"""The calls of each campaign, and the numbers that were called twice, read from the journal once.

Knows rows of the journal. Must not know how they are shown. A number was called twice if it got two
first attempts: from two campaigns, or from two rows of one list. Retries of one contact are not.
"""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from sys import intern
from typing import TYPE_CHECKING, Final, NamedTuple

from kataven.sandbox.model.journal import CALL, CALL_ENDED

if TYPE_CHECKING:
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.journal import JournalRow

# Rows that are read at a time, so that the Hub is not held up.
_STEP: Final = 20_000


class Call(NamedTuple):
    """One call: the row of its beginning, and of its end if it has ended."""

    began: JournalRow
    ended: JournalRow | None


class Calls:
    """An index of the journal, which holds numbers of entries and no rows.

    Args:
        engine: The Hub.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clear()

    def _clear(self) -> None:
        self.last = 0
        # By campaign: the entries at which its calls began, and at which they ended (0: not yet).
        self._began: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._ended: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._in_flight: defaultdict[tuple[str, str, int], deque[int]] = defaultdict(deque)
        # By number: the campaigns of its first attempts.
        self._campaign_of: dict[str, str] = {}
        self.twice: dict[str, list[str]] = {}

    def catch_up(self) -> bool:
        """Read what is new in the journal, at most some thousand rows.

        Returns:
            Whether everything is read.
        """
        # The last row that was read is read again: if it is not there, the Hub was reset.
        after = max(0, self.last - 1)
        rows = self._engine.journal(after, _STEP)
        if self.last and (not rows or rows[0][0] != self.last):
            self._clear()
            rows = self._engine.journal(0, _STEP)
        for entry, row in rows:
            if entry > self.last:
                self._read(entry, row)
                self.last = entry
        return len(rows) < _STEP

    def number_of(self, campaign_id: str) -> int:
        """Return the number of calls of a campaign."""
        return len(self._began.get(campaign_id, ()))

    def newest(self, campaign_id: str, skip: int, at_most: int) -> list[Call]:
        """Return calls of a campaign, the newest first.

        Args:
            campaign_id: The campaign.
            skip: How many of the newest to leave out.
            at_most: Maximum number of calls.
        """
        began, ended = self._began.get(campaign_id), self._ended.get(campaign_id)
        if began is None or ended is None:
            return []
        until = max(0, len(began) - skip)
        places = range(max(0, until - at_most), until)
        return [self._call(began[place], ended[place]) for place in reversed(places)]

    def _call(self, began: int, ended: int) -> Call:
        return Call(self._row(began), self._row(ended) if ended else None)

    def _row(self, entry: int) -> JournalRow:
        return self._engine.store.journal(entry - 1, 1)[0][1]

    def _read(self, entry: int, row: JournalRow) -> None:
        number, attempt = row.number, row.attempt
        if number is None or attempt is None:
            return
        key = (row.campaign, number, attempt)
        if row.action == CALL:
            self._in_flight[key].append(len(self._began[row.campaign]))
            self._began[row.campaign].append(entry)
            self._ended[row.campaign].append(0)
            if attempt == 1:
                self._first_attempt(number, row.campaign)
        elif row.action == CALL_ENDED:
            places = self._in_flight[key]
            self._ended[row.campaign][places.popleft()] = entry
            if not places:
                del self._in_flight[key]

    def _first_attempt(self, number: str, campaign: str) -> None:
        first = self._campaign_of.get(number)
        if first is None:
            self._campaign_of[number] = intern(campaign)
        else:
            self.twice.setdefault(number, [first]).append(intern(campaign))
