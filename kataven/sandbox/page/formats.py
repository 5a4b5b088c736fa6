"""How numbers, spans and times read on the page.

Knows text for people. Must not know campaigns. Both the first HTML and every update use it, so a
value looks the same in both.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from kataven.sandbox.model.clock import NANOSECONDS

_LONGEST: Final = 200
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


def count(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun: ``1 call``, ``1,204 calls``.

    Args:
        number: The number.
        one: The noun in the singular.
        several: The plural; None adds an s.
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def span(nanoseconds: int) -> str:
    """Return a span of time, rounded: ``42 s``, ``12 min``, ``3 h 20 min``, ``4 days``."""
    seconds = round(nanoseconds / NANOSECONDS)
    if seconds < 100:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    if seconds < 2 * _DAY:
        hours, rest = divmod(seconds, _HOUR)
        return f"{hours} h {rest // _MINUTE} min"
    return f"{round(seconds / _DAY):,} days"


def rate(per_minute: float) -> str:
    """Return a rate: ``118/min``, ``2.5/min``."""
    return f"{per_minute:,.0f}/min" if per_minute >= 10 else f"{per_minute:.1f}/min"


def day_and_time(when: int | None) -> str:
    """Return a Hub time as ``2030-01-31 09:00:00``, in UTC; a dash for None."""
    return "–" if when is None else _utc(when).strftime("%Y-%m-%d %H:%M:%S")  # noqa: RUF001


def time_of_day(when: int | None) -> str:
    """Return a Hub time as ``09:00:00``, in UTC; a dash for None."""
    return "–" if when is None else _utc(when).strftime("%H:%M:%S")  # noqa: RUF001


def short(text: str) -> str:
    """Return a text that fits into a cell, with its length if it was shortened."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _utc(when: int) -> datetime:
    return datetime.fromtimestamp(when // NANOSECONDS, UTC)
