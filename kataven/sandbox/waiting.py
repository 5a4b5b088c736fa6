"""Clients that wait on the Hub's clock.

Knows how to move a manual clock to the next wake-up time. Must not know the clients, or why they
wait. The clock only moves when no request is in progress and no client is about to wait, so clients
that begin to wait at the same moment wait for the same time, not one after the other.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kataven.sandbox.http.request_log import RequestLog
    from kataven.sandbox.model.advance import Advance
    from kataven.sandbox.model.clock import HubTime

# Real seconds without a request or a response, after which the clock moves.
_QUIET: Final = 0.005
# So often: a request that takes long, such as one with a scripted latency, does not stop the clock,
# and neither does a client that got a failure and gave up.
_LONGEST_WAIT: Final = 50
_MICROSECOND: Final = 1000


class Sleepers:
    """The clients that wait on the clock of one Hub.

    Args:
        time: The Hub's time.
        advance: Moves its clock, if it is manual.
        requests: Its requests.
    """

    def __init__(self, time: HubTime, advance: Advance, requests: RequestLog) -> None:
        self._time = time
        self._advance = advance
        self._requests = requests
        self._wake_ups: list[int] = []
        # The number of failures after which a client began to wait, or had the time to do so.
        self._followed = requests.failures

    async def sleep(self, begin: int, seconds: float) -> None:
        """Wait until some seconds of Hub time have passed.

        Args:
            begin: The Hub's time when the wait began, in nanoseconds since 1970.
            seconds: How long.

        Raises:
            NotStored: The database cannot be written.
        """
        # Rounded up to microseconds: a client that computes with floats must not wake up too early.
        wake_up = begin + math.ceil(seconds * 1_000_000) * _MICROSECOND
        if self._time.clock.scale is not None:
            await asyncio.sleep(self._time.real_seconds(wake_up - self._time.now()))
            return
        self._wake_ups.append(wake_up)
        self._followed = min(self._followed + 1, self._requests.failures)
        try:
            while self._time.now() < wake_up:
                await self._quiet()
                await self._advance.to(min(self._wake_ups))
        finally:
            self._wake_ups.remove(wake_up)

    async def _quiet(self) -> None:
        requests = self._requests
        for _ in range(_LONGEST_WAIT):
            before = requests.changes
            await asyncio.sleep(_QUIET)
            undecided = requests.waiting or self._followed < requests.failures
            if requests.changes == before and not undecided:
                return
        self._followed = requests.failures
