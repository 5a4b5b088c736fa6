"""Moving a manual clock.

Knows the engine and the open streams. Must not know HTTP or threads. Other coroutines run during a
long advance, so a request sees the Hub at the time of its latest event.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model.clock import NANOSECONDS

if TYPE_CHECKING:
    from kataven.sandbox.model.engine import Engine
    from kataven.sandbox.model.feeds import Feeds

_MAX_SECONDS: Final = 400 * 86_400


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

    async def __call__(self, seconds: float) -> int:
        """Move the clock, and return when everything that was due has happened and is stored.

        Args:
            seconds: How far, from 0 to 400 days.

        Returns:
            The Hub's time after the advance, in nanoseconds since 1970.

        Raises:
            RuntimeError: The clock is not manual.
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
            while True:
                if self._engine.step(until):
                    break
                await asyncio.sleep(0)
            self._feeds.advanced(until)
            return until
