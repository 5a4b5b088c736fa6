"""The numbers that were called twice.

Knows calls. Must not know how they are shown. A second round is meant: a number may be called by
another campaign after its calls in the one before have all ended, and none has reached the person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven.sandbox.model import outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.sandbox.model.calls import CallRow


class Twice:
    """Finds numbers that were called twice. Each read only looks at the calls that are new.

    A number was called twice if two rows of one list have it, or if another campaign called it
    after it was reached, during a call, or between two attempts.

    Attributes:
        numbers: The campaigns that called each number that was called twice.
        second_rounds: The numbers that another campaign called because they were not reached.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, list[str]] = {}
        self.second_rounds: set[str] = set()
        self._last: dict[str, CallRow] = {}
        self._calls: Sequence[CallRow] = ()
        self._seen = 0

    def read(self, calls: Sequence[CallRow]) -> None:
        """Look at the calls so far.

        Args:
            calls: All calls of the Hub, in the order in which they began. A Hub that was reset
                passes another list.
        """
        if calls is not self._calls:
            self.numbers.clear()
            self.second_rounds.clear()
            self._last.clear()
            self._calls = calls
            self._seen = 0
        for place in range(self._seen, len(calls)):
            call = calls[place]
            last = self._last.get(call.number)
            self._last[call.number] = call
            if last is not None:
                self._judge(last, call)
        self._seen = len(calls)

    def _judge(self, last: CallRow, call: CallRow) -> None:
        if last.campaign == call.campaign and call.attempt > 1:
            return
        found = self.numbers.get(call.number)
        if found is not None:
            if call.attempt == 1:
                found.append(call.campaign)
        elif call.attempt == 1 and last.campaign != call.campaign and _ended_in_vain(last, call):
            self.second_rounds.add(call.number)
        else:
            self.numbers[call.number] = [last.campaign, call.campaign]


def _ended_in_vain(last: CallRow, call: CallRow) -> bool:
    """Tell whether a call had ended before another one began, and did not reach the person."""
    return (
        last.ended is not None
        and last.ended <= call.started
        and last.outcome is not None
        and outcomes.code_of(last.outcome) not in outcomes.REACHED
    )
