"""How fast a campaign runs, from what the page saw of it, and how long it still takes.

Knows counts at Hub times. Must not know how they are shown. The rate is that of the last minutes,
because a campaign that was paused for an hour has a poor average.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model import states
from kataven.sandbox.model.limits import MINUTE

if TYPE_CHECKING:
    from kataven.sandbox.model.campaign import Campaign

_WINDOW: Final = 5 * MINUTE
_SAMPLES: Final = 50


class Rates:
    """The rates of the running campaigns of a Hub."""

    def __init__(self) -> None:
        # By campaign: the time, and the number of contacts that were done.
        self._samples: dict[Campaign, deque[tuple[int, int]]] = {}

    def per_minute(self, campaign: Campaign, now: int) -> float | None:
        """Note how far a campaign is, and return its rate.

        Args:
            campaign: The campaign.
            now: The Hub's time.

        Returns:
            Contacts done per minute of Hub time; None if it is not running or nothing is known.
        """
        if campaign.status != states.RUNNING:
            self._samples.pop(campaign, None)
            return None
        finished = done(campaign)
        started = campaign.started_ns or campaign.created_ns
        samples = self._samples.setdefault(campaign, deque([(started, 0)]))
        if now - samples[-1][0] >= _WINDOW // _SAMPLES:
            samples.append((now, finished))
        # The last sample before the window stays: on a fast clock it may be the only other one.
        while len(samples) > 2 and samples[1][0] <= now - _WINDOW:
            samples.popleft()
        since, before = samples[0]
        if now <= since or finished <= before:
            return None
        return (finished - before) * MINUTE / (now - since)

    def forget(self, known: set[Campaign]) -> None:
        """Forget campaigns that are gone."""
        for campaign in set(self._samples) - known:
            del self._samples[campaign]


def done(campaign: Campaign) -> int:
    """Return the number of contacts of a campaign that will not be called any more."""
    _, _, completed, failed, cancelled = campaign.roster.counts
    return completed + failed + cancelled
