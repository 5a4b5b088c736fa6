"""What time it is, how to wait, and chance.

The only place of the SDK that reads the machine's clock or its random numbers for a decision. It
knows nothing of requests.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["AsyncSystemClock", "Clock", "SystemClock"]


class Clock(Protocol):
    """What a client asks of its clock; for tests, hand in your own as ``clock=``."""

    def now(self) -> float:
        """Seconds since the epoch, never going back."""
        ...

    def sleep(self, seconds: float, /) -> Awaitable[Any] | None:
        """Wait; the async client awaits what this returns if it is awaitable."""
        ...

    def jitter(self) -> float:
        """A number from 0 up to, but without, 1."""
        ...


class SystemClock:
    """The machine's clock, for the blocking client."""

    def __init__(self) -> None:
        # Steady from here on: a step of the machine's clock must not stretch or cut a deadline.
        self._epoch = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, never going back."""
        return self._epoch + time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        """Block this thread for so many seconds."""
        time.sleep(seconds)

    def jitter(self) -> float:
        """A random number from 0 up to, but without, 1."""
        return random.random()  # noqa: S311 - spreads retries; no secret hangs on it


class AsyncSystemClock(SystemClock):
    """The machine's clock, for the async client."""

    def sleep(self, seconds: float, /) -> Awaitable[None]:  # type: ignore[override]
        """Wait so many seconds without blocking the event loop."""
        import asyncio  # noqa: PLC0415 - costs 8 ms, and the blocking client never needs it

        return asyncio.sleep(seconds)
