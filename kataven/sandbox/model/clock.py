"""Hub time: how fast it runs, and what time it is.

Knows the machine's clock and the scale. Must not know what happens at a given time. Times are
integers: nanoseconds since 1970 (UTC), the precision that a Go server prints.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from typing import Final

NANOSECONDS: Final = 1_000_000_000
_MAX_SCALE: Final = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Clock:
    """How fast Hub time runs.

    Args:
        scale: Hub seconds per real second, above 0. None makes a clock that only moves when
            ``Sandbox.advance`` moves it.
    """

    scale: float | None

    def __post_init__(self) -> None:
        if self.scale is not None:
            object.__setattr__(self, "scale", _checked(self.scale))

    @classmethod
    def manual(cls) -> Clock:
        """Make a clock that only moves when ``Sandbox.advance`` moves it."""
        return cls(None)

    @classmethod
    def scaled(cls, scale: float) -> Clock:
        """Make a clock that runs ``scale`` times as fast as real time.

        Args:
            scale: Hub seconds per real second, above 0.

        Raises:
            ValueError: The scale is not a finite number above 0.
        """
        return cls(_checked(scale))

    @property
    def label(self) -> str:
        """The value of ``X-Sandbox-Time-Scale``: the scale as a number, or ``manual``."""
        if self.scale is None:
            return "manual"
        return str(int(self.scale)) if self.scale.is_integer() else repr(self.scale)

    @property
    def retry_after(self) -> int | None:
        """A client's seconds until a minute of Hub time has passed; None if it never will."""
        if self.scale is None:
            return None
        return max(1, math.ceil(60 / self.scale))


def _checked(scale: float) -> float:
    number = isinstance(scale, int | float) and not isinstance(scale, bool)
    if not number or not 0 < scale <= _MAX_SCALE:
        msg = f"time_scale must be a finite number above 0 or Clock.manual(), not {scale!r:.80}"
        raise ValueError(msg)
    return float(scale)


class HubTime:
    """The time of one running Hub.

    Args:
        clock: How fast it runs.
        start: The time at which it starts, in nanoseconds since 1970.
    """

    def __init__(self, clock: Clock, start: int) -> None:
        self.clock = clock
        self._start = start
        self._machine_start = time.monotonic_ns()

    def now(self) -> int:
        """Return the Hub's time in nanoseconds since 1970. It never goes back."""
        scale = self.clock.scale
        if scale is None:
            return self._start
        return self._start + int((time.monotonic_ns() - self._machine_start) * scale)

    def move_to(self, when: int) -> None:
        """Move a manual clock forward to a time; an earlier time is ignored."""
        self._start = max(self._start, when)

    def real_seconds(self, hub_nanoseconds: int) -> float:
        """Convert a span of Hub time to real seconds; infinite on a manual clock."""
        scale = self.clock.scale
        return math.inf if scale is None else hub_nanoseconds / NANOSECONDS / scale
