"""The numbers that were called twice.

Knows calls. Must not know how they are shown. A number was called twice if it got two first
attempts: from two campaigns, or from two rows of one list. Retries of one contact do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.sandbox.model.calls import CallRow


class Twice:
    """Finds numbers that were called twice. Each read only looks at the calls that are new.

    Attributes:
        numbers: The campaign of each first attempt, by number.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, list[str]] = {}
        self._campaign_of: dict[str, str] = {}
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
            self._campaign_of.clear()
            self._calls = calls
            self._seen = 0
        for place in range(self._seen, len(calls)):
            call = calls[place]
            if call.attempt > 1:
                continue
            first = self._campaign_of.get(call.number)
            if first is None:
                self._campaign_of[call.number] = call.campaign
            else:
                self.numbers.setdefault(call.number, [first]).append(call.campaign)
        self._seen = len(calls)
