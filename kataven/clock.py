"""Time, waiting and jitter.

The only module of the SDK that reads the machine's clock or its random numbers to make a decision.
Must not know requests.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["AsyncSystemClock", "Clock", "SystemClock", "Uptime", "time_of_day"]


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


def time_of_day(clock: Clock) -> float:
    """Return the seconds since the epoch as the machine's clock shows them now.

    ``SystemClock.now()`` does not follow a correction of the machine's clock. A date that a server
    sent must be compared to the corrected time.

    Args:
        clock: The clock of the client. One that is not the machine's own is asked for its ``now``.
    """
    return time.time() if isinstance(clock, _MachineClock) else clock.now()


class Uptime:
    """The seconds since the machine was started.

    All processes of a machine see the same value, and setting the time of day does not change it.

    Attributes:
        boot: An identifier of this start of the machine, or an empty text if there is none.
    """

    def __init__(self) -> None:
        from pathlib import Path  # noqa: PLC0415 - only a store in a file needs it

        self.boot = ""
        self._clock = getattr(time, "CLOCK_BOOTTIME", None)
        self._correction = 0.0
        with suppress(OSError, ValueError, IndexError):
            self.boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
            # What the kernel says. A library that simulates another time for one process changes
            # its system calls, but not this file, which counts hundredths of a second.
            uptime = float(Path("/proc/uptime").read_text("ascii").split()[0])
            difference = uptime - self.seconds()
            if abs(difference) > 1:
                self._correction = difference

    def seconds(self) -> float:
        """Return the seconds since the machine was started."""
        if self._clock is None:
            return time.monotonic() + self._correction
        return time.clock_gettime(self._clock) + self._correction
