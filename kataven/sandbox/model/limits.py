"""Request limits and call limits: counts in sliding windows of Hub time, and requests in flight.

Knows numbers and times. Must not know accounts, keys or HTTP. Sliding windows are our choice, the
stricter reading: at no moment do the last minute, hour or day hold more than the limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from kataven.sandbox.model.clock import NANOSECONDS

MINUTE: Final = 60 * NANOSECONDS
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

DEFAULT_LIMITS: Final[Mapping[str, int | None]] = MappingProxyType(
    {"per_minute": 60, "per_hour": 1000, "per_day": 10_000, "concurrent": 20}
)
DEFAULT_CALL_LIMITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "concurrent_max": 100,
        "calls_per_minute": 6000,
        "daily_calls_max": 1_000_000,
        "daily_minutes_max": 1_000_000,
    }
)
# A limit that is off counts up to this, so that a Hub that runs for days does not fill the memory.
_MAX_COUNTED: Final = 100_000
# Each window: its option, its name in the text of a 429, and its length.
_WINDOWS: Final = (
    ("per_minute", "per-minute", MINUTE),
    ("per_hour", "per-hour", HOUR),
    ("per_day", "per-day", DAY),
)


def checked_limits(
    limits: Mapping[str, int | None] | None, base: Mapping[str, int | None]
) -> dict[str, int | None]:
    """Check request limits, and complete them from defaults.

    Args:
        limits: ``per_minute``, ``per_hour``, ``per_day``, ``concurrent``. None as a value switches
            one limit off, None as the mapping switches all of them off.
        base: The values of missing names.

    Raises:
        ValueError: A name is unknown, or a limit is not a positive integer.
    """
    if limits is None:
        return dict.fromkeys(DEFAULT_LIMITS)
    _check("limits", limits, DEFAULT_LIMITS)
    return {name: limits.get(name, base.get(name)) for name in DEFAULT_LIMITS}


def checked_call_limits(limits: Mapping[str, int] | None) -> dict[str, int]:
    """Check an account's limits on calls, and complete them from the defaults.

    Args:
        limits: ``concurrent_max``, ``calls_per_minute``, ``daily_calls_max``,
            ``daily_minutes_max``.

    Raises:
        ValueError: A name is unknown, or a limit is not a positive integer.
    """
    limits = {} if limits is None else limits
    _check("call_limits", limits, DEFAULT_CALL_LIMITS)
    return {**DEFAULT_CALL_LIMITS, **limits}


def _check(what: str, given: Mapping[str, int | None], known: Mapping[str, int | None]) -> None:
    names = given if isinstance(given, Mapping) else None
    if names is None:
        example = next(iter(known))
        msg = f"{what} must be a dict such as {{{example!r}: 5}}, or None, not {given!r}"
        raise ValueError(msg)
    for name, value in names.items():
        if name not in known:
            msg = f"{what}: unknown limit {name!r}; the names are {', '.join(known)}"
            raise ValueError(msg)
        off = value is None and what == "limits"
        if not off and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            msg = f"{what}: {name} must be a positive integer, not {value!r}"
            raise ValueError(msg)


class Exceeded(NamedTuple):
    """A request limit that is exceeded: the error text, and whether Hub time has to pass."""

    text: str
    is_window: bool


class RequestLimiter:
    """The request rate limiter of one account, or of one key.

    Args:
        limits: The four limits; None where one is off.
    """

    def __init__(self, limits: Mapping[str, int | None]) -> None:
        self._limits = limits
        self._concurrent = limits.get("concurrent")
        self._in_flight = 0
        self._windows: list[tuple[str, int | None, int, deque[int]]] = []
        for name, word, length in _WINDOWS:
            limit = limits.get(name)
            times = deque[int](maxlen=_MAX_COUNTED if limit is None else None)
            self._windows.append((word, limit, length, times))

    def exceeded(self, now: int) -> Exceeded | None:
        """Return the limit that another request would exceed, or None."""
        self._expire(now)
        for word, limit, _, times in self._windows:
            if limit is not None and len(times) >= limit:
                return Exceeded(f"rate_limited: {word} ({limit}) exceeded", is_window=True)
        if self._concurrent is not None and self._in_flight >= self._concurrent:
            text = f"rate_limited: concurrent ({self._concurrent}) exceeded"
            return Exceeded(text, is_window=False)
        return None

    def acquire(self, now: int) -> None:
        """Count a request that begins now."""
        self._in_flight += 1
        for _, _, _, times in self._windows:
            times.append(now)

    def release(self, began: int, *, counted: bool) -> None:
        """End a request.

        Args:
            began: The time that was passed to ``acquire``.
            counted: False removes the request from the windows: it got a 401 or a 429.
        """
        self._in_flight -= 1
        if counted:
            return
        for _, _, _, times in self._windows:
            if began in times:
                times.remove(began)

    def usage(self, now: int) -> dict[str, dict[str, int | None]]:
        """Return each limit (``limit``, None if it is off) and how much of it is ``used``."""
        self._expire(now)
        used = [len(times) for _, _, _, times in self._windows] + [self._in_flight]
        return {
            name: {"limit": self._limits.get(name), "used": count}
            for name, count in zip(DEFAULT_LIMITS, used, strict=True)
        }

    def forget(self) -> None:
        """Forget the requests of the windows. Those in flight keep their slots."""
        for _, _, _, times in self._windows:
            times.clear()

    def _expire(self, now: int) -> None:
        for _, _, length, times in self._windows:
            while times and times[0] <= now - length:
                times.popleft()


class CallLimiter:
    """The limits of one account on its calls: per minute, per day, and minutes talked per day.

    Args:
        limits: The limits, complete.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._per_minute = limits["calls_per_minute"]
        self._daily_calls = limits["daily_calls_max"]
        self._daily_talk = limits["daily_minutes_max"] * MINUTE
        self._minute: deque[int] = deque()
        self._day: deque[int] = deque()
        self._talks: deque[tuple[int, int]] = deque()
        self._talked = 0

    def record_call(self, at: int) -> None:
        """Count a call that begins."""
        self._minute.append(at)
        self._day.append(at)

    def record_talk(self, at: int, talk: int) -> None:
        """Count the talk time of a call that ends, in nanoseconds."""
        if talk:
            self._talks.append((at, talk))
            self._talked += talk

    def blocked_until(self, now: int) -> int:
        """Return when the next call may begin; 0 if it may begin now."""
        self._expire(now)
        until = 0
        if len(self._minute) >= self._per_minute:
            until = self._minute[0] + MINUTE
        if len(self._day) >= self._daily_calls:
            until = max(until, self._day[0] + DAY)
        if self._talked >= self._daily_talk:
            until = max(until, self._talks[0][0] + DAY)
        return until

    def daily_refusal(self, now: int) -> str | None:
        """Return the error text if no campaign may start because a daily cap is reached."""
        self._expire(now)
        if len(self._day) >= self._daily_calls:
            return "Daily call limit reached"
        if self._talked >= self._daily_talk:
            return "Daily minute budget exhausted"
        return None

    def used(self, now: int) -> dict[str, int]:
        """Return how much of each limit is used, minutes rounded down."""
        self._expire(now)
        return {
            "calls_per_minute": len(self._minute),
            "daily_calls_max": len(self._day),
            "daily_minutes_max": self._talked // MINUTE,
        }

    def _expire(self, now: int) -> None:
        minute, day, talks = self._minute, self._day, self._talks
        while minute and minute[0] <= now - MINUTE:
            minute.popleft()
        while day and day[0] <= now - DAY:
            day.popleft()
        while talks and talks[0][0] <= now - DAY:
            self._talked -= talks.popleft()[1]
