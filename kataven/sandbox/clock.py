"""Hub time: how fast it runs and what time it is.

Knows the machine's clock and the scale. Must not know what happens at a time: the dialler asks for
the time and is told nothing else. All times are whole nanoseconds since 1970 (UTC), the precision
a Go server shows.
"""

import math
import time
from dataclasses import dataclass

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """How fast Hub time runs.

    Args:
        scale: Hub seconds for each second of the machine, above 0; None for a clock that moves only
            when `Sandbox.advance` moves it.
    """

    scale: float | None

    def __post_init__(self) -> None:
        if self.scale is not None and not (math.isfinite(self.scale) and self.scale > 0):
            msg = (
                f"time_scale must be a finite number above 0 or Clock.manual(), not {self.scale!r}"
            )
            raise ValueError(msg)

    @classmethod
    def manual(cls) -> "Clock":
        """Make a clock that stands still until `Sandbox.advance` moves it."""
        return cls(None)

    @classmethod
    def scaled(cls, scale: float) -> "Clock":
        """Make a clock that runs `scale` times as fast as the machine's.

        Args:
            scale: Hub seconds for each second of the machine, above 0.

        Raises:
            ValueError: The scale is not a finite number above 0.
        """
        return cls(float(scale))

    @property
    def label(self) -> str:
        """What `X-Sandbox-Time-Scale` says: the scale as a number, or `manual`."""
        if self.scale is None:
            return "manual"
        return str(int(self.scale)) if self.scale.is_integer() else repr(self.scale)

    @property
    def retry_after(self) -> int:
        """Seconds of the client's own time until a minute of Hub time has passed; 60 if manual."""
        return 60 if self.scale is None else max(1, math.ceil(60 / self.scale))


class HubTime:
    """The time of one running Hub.

    Args:
        clock: How fast it runs.
        start: The first time, in nanoseconds since 1970.
    """

    def __init__(self, clock: Clock, start: int) -> None:
        self.clock = clock
        self._start = start
        self._machine_start = time.monotonic_ns()

    def now(self) -> int:
        """Return the Hub's time in nanoseconds since 1970; it never goes back."""
        scale = self.clock.scale
        if scale is None:
            return self._start
        return self._start + int((time.monotonic_ns() - self._machine_start) * scale)

    def move_to(self, when: int) -> None:
        """Set a manual clock to a later time; an earlier one is ignored."""
        self._start = max(self._start, when)

    def machine_seconds(self, hub_nanoseconds: int) -> float:
        """Turn a span of Hub time into seconds of the machine; endless on a manual clock."""
        scale = self.clock.scale
        return math.inf if scale is None else hub_nanoseconds / NANOSECONDS / scale
