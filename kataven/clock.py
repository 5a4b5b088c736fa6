"""Time, waiting and jitter.

The only module of the SDK that reads the machine's clock or its random numbers to make a decision.
Must not know requests.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["AsyncSystemClock", "Clock", "SystemClock"]


class Clock(Protocol):
    """The clock that a client uses; in tests, pass your own as ``clock=``."""

    def now(self) -> float:
        """Return the time in seconds since the epoch; it must never go back."""
        ...

    def sleep(self, seconds: float, /) -> Awaitable[object] | None:
        """Wait for some seconds; the async client awaits the result if it is awaitable."""
        ...

    def jitter(self) -> float:
        """Return a number that is at least 0 and less than 1."""
        ...


class _MachineClock:
    """What the clocks of both clients share."""

    def __init__(self) -> None:
        # Steady from here on: setting the machine's clock must not stretch or shorten a deadline.
        self._epoch = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the time in seconds since the epoch; it never goes back."""
        return self._epoch + time.monotonic()

    def jitter(self) -> float:
        """Return a random number that is at least 0 and less than 1."""
        return random.random()  # noqa: S311 - spreads retries; not used for secrets


class SystemClock(_MachineClock):
    """The machine's clock, for the blocking client."""

    def sleep(self, seconds: float, /) -> None:
        """Block this thread for some seconds."""
        time.sleep(seconds)


class AsyncSystemClock(_MachineClock):
    """The machine's clock, for the async client."""

    def sleep(self, seconds: float, /) -> Awaitable[None]:
        """Wait for some seconds without blocking the event loop."""
        import asyncio  # noqa: PLC0415 - costs 8 ms, and the blocking client does not need it

        return asyncio.sleep(seconds)
