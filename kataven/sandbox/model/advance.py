"""Moving a manual clock.

Knows the engine and the open streams. Must not know HTTP or threads. Other coroutines run during a
long advance, so a request sees the Hub at the time of its latest event.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model import states
from kataven.sandbox.model.clock import NANOSECONDS

if TYPE_CHECKING:
    from kataven.sandbox.model.campaign import Campaign, CampaignFields
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.feeds import Feeds

_MAX_SECONDS: Final = 400 * 86_400
# Real seconds between two looks at a campaign, on a clock that runs by itself.
_POLL: Final = 0.005


class Advance:
    """Moves the clock of a Hub, one advance after another.

    Args:
        engine: The Hub.
        feeds: Its open streams.
    """

    def __init__(self, engine: Engine, feeds: Feeds) -> None:
        self._engine = engine
        self._feeds = feeds
        self._lock = asyncio.Lock()

    async def to(self, when: int) -> None:
        """Move the clock to a time, unless it is later already.

        Args:
            when: Nanoseconds since 1970.

        Raises:
            NotStored: The database cannot be written.
        """
        async with self._lock:
            if when > self._engine.time.now():
                await self._move(when)

    async def to_end(self, campaign: Campaign) -> None:
        """Move the clock until a campaign is over, and until its streams have sent the end.

        A clock that is not manual is waited for.

        Raises:
            NotStored: The database cannot be written.
            RuntimeError: The campaign does not end: it is a draft, is paused or was deleted, or it
                is not over after 400 days of Hub time.
        """
        engine = self._engine
        latest = engine.time.now() + _MAX_SECONDS * NANOSECONDS
        manual = engine.time.clock.scale is None
        async with self._lock if manual else contextlib.nullcontext():
            engine.catch_up_or_fail()
            while not campaign.terminal:
                _check_ends(campaign, engine.dialler.next_time(), latest)
                if manual:
                    engine.step(latest, campaign)
                    await asyncio.sleep(0)
                else:
                    await asyncio.sleep(_POLL)
                    engine.catch_up_or_fail()
            if manual:
                self._feeds.advanced(engine.time.now())
        await self._feeds.received(campaign)
        engine.outcomes.raise_error()

    async def run_to_end(self, campaign_id: str) -> CampaignFields:
        """Move the clock until a campaign is over, as ``to_end``, and return the campaign.

        Raises:
            LookupError: The Hub has no such campaign.
            NotStored: The database cannot be written.
            RuntimeError: The campaign does not end, or a function of ``outcomes`` failed.
        """
        campaign = self._engine.find_anywhere(campaign_id)
        await self.to_end(campaign)
        return campaign.fields()

    async def __call__(self, seconds: float) -> int:
        """Move the clock, and return when everything that was due has happened and is stored.

        Args:
            seconds: How far, from 0 to 400 days.

        Returns:
            The Hub's time after the advance, in nanoseconds since 1970.

        Raises:
            RuntimeError: The clock is not manual, or a function of ``outcomes`` failed.
            ValueError: The span is not a number, is negative or is too long.
            NotStored: The database cannot be written.
        """
        time = self._engine.time
        if time.clock.scale is not None:
            raise RuntimeError(
                f"only a manual clock can be advanced, and this one runs at {time.clock.label} "
                "times real time: use Sandbox(time_scale=Clock.manual())"
            )
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds <= _MAX_SECONDS:
            msg = f"seconds must be a number from 0 to {_MAX_SECONDS:,}, not {seconds!r}"
            raise ValueError(msg)
        async with self._lock:
            until = time.now() + round(seconds * NANOSECONDS)
            await self._move(until)
        self._engine.outcomes.raise_error()
        return until

    async def _move(self, until: int) -> None:
        while True:
            if self._engine.step(until):
                break
            await asyncio.sleep(0)
        self._feeds.advanced(until)


def _check_ends(campaign: Campaign, next_time: int | None, latest: int) -> None:
    if campaign.deleted:
        problem = "was deleted"
    elif campaign.status not in {states.RUNNING, states.SCHEDULED}:
        problem = f"is {campaign.status}: start or resume it first"
    elif next_time is None or next_time > latest:
        problem = "is not over after 400 days of Hub time"
    else:
        return
    msg = f"campaign {campaign.id} does not end, because it {problem}"
    raise RuntimeError(msg)
