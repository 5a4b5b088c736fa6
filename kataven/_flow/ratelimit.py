"""The rules of the client-side rate limiter.

Knows windows, leases, headroom and the shared pause, on a clock that is passed in. Keeps no state
beyond the usage that a store holds, and does no I/O.

Windows slide. Each lasts a margin longer than the Hub's, because a request that was admitted in
time may arrive late. Control calls (pause, stop) have reserved headroom: a stop never waits for an
ordinary call.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from kataven._flow.responses import shown

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0

# What is reserved for control calls, as a share of each limit, rounded down.
_WINDOW_SHARES: Final = {MINUTE: 1 / 60, HOUR: 1 / 100, DAY: 1 / 100}
_LEASE_SHARE: Final = 1 / 20
# How long a locked or slow store is waited for at most, in seconds.
PATIENCE: Final = 30.0
# The same after a response: the result is there already, and a lease expires by itself.
HURRY: Final = 1.0
# Seconds after which a lease in a shared store expires, because a killed process releases none.
# Longer than any call with the default timeouts.
LEASE_SECONDS: Final = 150.0
_REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
# Also without slashes: redis:host must not become a file. One letter before the colon is a drive of
# Windows.
_LIKE_A_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
# Guards the rounding: 1/100 of 1000 must be 10, not 9.
_EPSILON: Final = 1e-9


def is_redis(store: str) -> bool:
    """Return whether a store is the URL of a Redis, and not the path of a file.

    Raises:
        ValueError: It is another URL. As a path, each machine would have a store of its own.
    """
    if store.lower().startswith(_REDIS_SCHEMES):
        return True
    if _LIKE_A_URL.match(store):
        # Not the URL: it may hold a password.
        raise ValueError(
            "store is a URL with an unsupported scheme: use redis://, rediss:// or unix:// for "
            "Redis (or Valkey), or the plain path of a file"
        )
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The request limits that a client keeps to.

    Off by default, because accounts differ. ``RateLimits.documented()`` has the documented limits
    of an account; an operator may set others, and a key may have its own.

    Args:
        per_minute: Requests in any 60 seconds, or None for no such limit.
        per_hour: Requests in any 3,600 seconds, or None.
        per_day: Requests in any 86,400 seconds, or None.
        concurrent: Requests in flight at once, including open event streams, or None.
        headroom: The share of the default headroom that is reserved for ``pause`` and ``stop``: 1
            for 1 of 60, 10 of 1,000, 100 of 10,000 and 1 of 20 in flight; 0 for none.
        store: Where the state is kept: ``"memory"`` (this client alone), the path of an SQLite file
            (all processes of this machine), or a ``redis://`` URL (several machines).
        name: The name of the state in a Redis store; use one for each account.
        time_scale: How many times as fast as the clock an embedded Hub runs.

    Raises:
        TypeError: If a value has the wrong type.
        ValueError: If a value is out of range, or ``store`` is a URL that is not supported.
    """

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    concurrent: int | None = None
    headroom: float = 1.0
    # A Redis URL may hold a password.
    store: str = field(default="memory", repr=False)
    name: str = "default"
    time_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("per_minute", "per_hour", "per_day", "concurrent"):
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be an int or None, not {type(value).__name__}")
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, not {shown(value)}")
        for name in ("headroom", "time_scale"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise TypeError(f"{name} must be a number, not {type(value).__name__}")
        if not 0 <= self.headroom <= 10:
            raise ValueError(f"headroom must be from 0 to 10, not {shown(self.headroom)}")
        if not 0 < self.time_scale < float("inf"):
            raise ValueError(
                f"time_scale must be finite and more than 0, not {shown(self.time_scale)}"
            )
        for name in ("store", "name"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a str, not {type(getattr(self, name)).__name__}")
        if not self.store:
            raise ValueError("store must be 'memory', a path or a redis:// URL, not empty")
        if self.store == ":memory:":
            raise ValueError("store must be 'memory', not ':memory:'; it is also the default")
        is_redis(self.store)

    @classmethod
    def documented(cls) -> RateLimits:
        """Return the documented limits: 60 a minute, 1,000 an hour, 10,000 a day, 20 in flight."""
        return cls(per_minute=60, per_hour=1000, per_day=10_000, concurrent=20)

    def windows(self) -> tuple[Window, ...]:
        """Return the windows, with their lengths scaled and their margin added."""
        margin = max(1 / self.time_scale, 0.05)
        limits = ((MINUTE, self.per_minute), (HOUR, self.per_hour), (DAY, self.per_day))
        return tuple(
            Window(
                length / self.time_scale + margin,
                limit,
                limit - _reserved(limit, _WINDOW_SHARES[length] * self.headroom),
            )
            for length, limit in limits
            if limit is not None
        )

    def leases(self) -> tuple[int, int] | None:
        """Return how many requests may be in flight: for control calls, and for all others."""
        if self.concurrent is None:
            return None
        return self.concurrent, self.concurrent - _reserved(
            self.concurrent, _LEASE_SHARE * self.headroom
        )


def least_seconds(limits: RateLimits, requests: int) -> float:
    """Return the least number of seconds that the limits make so many requests take."""
    windows = ((MINUTE, limits.per_minute), (HOUR, limits.per_hour), (DAY, limits.per_day))
    full = (max(0, requests - 1) // most * length for length, most in windows if most is not None)
    return max(full, default=0.0) / limits.time_scale


def _reserved(limit: int, share: float) -> int:
    # At most half: no headroom is over 10, and no share over a twentieth.
    return int(limit * share + _EPSILON)


@dataclass(frozen=True, slots=True)
class Window:
    """One sliding window: at most ``limit`` requests in ``seconds``."""

    seconds: float
    limit: int
    ordinary_limit: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: ask again in ``seconds``, or, if ``busy``, as soon as a lease is released."""

    seconds: float
    busy: bool = False


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """What is left of the rate limits now, for calls that are not control calls.

    Attributes:
        per_minute: Requests left in the current minute, or None if it has no limit.
        per_hour: The same for the hour.
        per_day: The same for the day.
        concurrent: Requests that may be sent in addition to those in flight, or None if there is no
            limit.
        paused_for: Seconds that a 429 of the Hub still holds back every call.
    """

    per_minute: int | None
    per_hour: int | None
    per_day: int | None
    concurrent: int | None
    paused_for: float


class Usage:
    """What was admitted and what is in flight, in memory; each method is one atomic step.

    Args:
        limits: The limits.
    """

    __slots__ = ("_leases", "_limits", "_paused_until", "_stamps", "_windows", "limits")

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._windows = limits.windows()
        self._limits = limits.leases()
        self._stamps: deque[float] = deque()
        self._leases: set[str] = set()
        self._paused_until = float("-inf")

    def acquire(self, now: float, lease: str, *, control: bool) -> Wait | None:
        """Admit one request under the name ``lease``, or return when to ask again."""
        if not control and now < self._paused_until:
            return Wait(self._paused_until - now)
        if self._limits is not None:
            most = self._limits[0] if control else self._limits[1]
            if len(self._leases) >= most:
                return Wait(0.0, busy=True)
        stamps = self._stamps
        wait = 0.0
        for window in self._windows:
            limit = window.limit if control else window.ordinary_limit
            if len(stamps) >= limit:
                wait = max(wait, stamps[-limit] + window.seconds - now)
        if wait > 0:
            return Wait(wait)
        if self._windows:
            stamps.append(now)
            longest = self._windows[-1]
            while len(stamps) > longest.limit or stamps[0] <= now - longest.seconds:
                stamps.popleft()
        self._leases.add(lease)
        return None

    def release(self, lease: str) -> None:
        """End a lease; one that was never granted is ignored."""
        self._leases.discard(lease)

    def pause(self, until: float) -> None:
        """Hold back every call until then, except control calls."""
        self._paused_until = max(self._paused_until, until)

    def status(self, now: float) -> RateLimitStatus:
        """Return what is left now."""
        used = {
            window.seconds: sum(1 for stamp in self._stamps if stamp > now - window.seconds)
            for window in self._windows
        }
        return status_of(
            self.limits, list(used.values()), len(self._leases), max(0.0, self._paused_until - now)
        )


def status_of(
    limits: RateLimits, used: list[int], in_flight: int, paused_for: float
) -> RateLimitStatus:
    """Return what is left, from the use of each window (in the order of ``limits.windows()``)."""
    rooms = [
        max(0, window.ordinary_limit - count)
        for window, count in zip(limits.windows(), used, strict=True)
    ]
    remaining = iter(rooms)
    leases = limits.leases()
    return RateLimitStatus(
        per_minute=None if limits.per_minute is None else next(remaining),
        per_hour=None if limits.per_hour is None else next(remaining),
        per_day=None if limits.per_day is None else next(remaining),
        concurrent=None if leases is None else max(0, leases[1] - in_flight),
        paused_for=paused_for,
    )
