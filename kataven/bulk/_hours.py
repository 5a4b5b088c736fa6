"""Local hours: the group of a number, and the moments that ``windows=`` allows to a group.

Pure: knows days, times of day, time zones and moments; asks no clock, no ledger and no Hub. A help,
not legal advice: a number shows where it was assigned, not where its owner is.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import DAILY, rrule

from kataven.contacts._timezones import NumberZones
from kataven.errors import BulkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "LEAD_SECONDS",
    "UNKNOWN_GROUP",
    "Span",
    "Windows",
    "check_windows",
    "zone_group",
    "zones_of",
]

LEAD_SECONDS: Final = 60.0
"""A campaign is paused so long before its window ends: the clock of the Hub is another one."""
UNKNOWN_GROUP: Final = "unknown"
"""The group of numbers whose time zone is unknown."""

Span: TypeAlias = tuple[float, float]
"""When calls may begin: from a moment to another one, in seconds since the epoch."""

_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_SHOWN_WINDOWS: Final = "'MO-FR 09:00-17:00, SA 10:00-13:00'"
_WINDOW: Final = re.compile(
    r"(?P<first>[A-Z]{2})(?:-(?P<last>[A-Z]{2}))? +"
    r"(?P<begin>\d{1,2}:\d\d) *- *(?P<end>\d{1,2}:\d\d)",
    re.ASCII,
)
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|(24):(00)", re.ASCII)
# Most groups open within days. What does not within a year never does: clocks change twice a year.
_HORIZONS: Final = (dt.timedelta(days=9), dt.timedelta(days=370))
_SEPARATOR: Final = "+"
_NORTH_AMERICAN: Final = 12
_EXCHANGES: Final = 2**18


# Groups.


def check_windows(text: str) -> str:
    """Check windows, and what their use needs, before a list is read.

    Returns:
        The same windows, written in one way.

    Raises:
        ValueError, TypeError: As for ``Windows.parse``.
        BulkError: This machine has no time zones.
        ImportError: The extra ``contacts`` is not installed.
    """
    windows = Windows.parse(text)
    _number_zones()
    _zone("America/New_York")
    return str(windows)


def zone_group(number: str) -> str:
    """Return the group of a number in E.164: its time zones, joined by ``+``.

    A number that may be in several zones belongs to a group with all of them.
    """
    if number.startswith("+1") and len(number) == _NORTH_AMERICAN:
        # Most of the time goes into the patterns of number types, and lists are long. What
        # decides is in the area code and the exchange; the last four digits count up.
        return _group_of_exchange(number[:-4])
    return _group(number)


@lru_cache(maxsize=_EXCHANGES)
def _group_of_exchange(digits: str) -> str:
    return _group(f"{digits}0000")


def _group(number: str) -> str:
    return _joined(_number_zones().of(number))


@lru_cache(maxsize=1)
def _number_zones() -> NumberZones:
    return NumberZones()


# One text for each group: a chunk has many rows, and +1 800 has 42 zones.
@lru_cache(maxsize=4096)
def _joined(zones: tuple[str, ...]) -> str:
    return _SEPARATOR.join(zones) or UNKNOWN_GROUP


def zones_of(group: str | None) -> tuple[str, ...]:
    """Return the time zones of a group; none if they are unknown."""
    return () if group is None or group == UNKNOWN_GROUP else tuple(group.split(_SEPARATOR))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as missing:
        raise BulkError(
            f"this machine has no time zone {name!r}, so the local hours of the plan are not "
            "known: pip install --upgrade tzdata"
        ) from missing


# Windows.


@dataclass(frozen=True, slots=True)
class _Window:
    """Some days of the week, and the minutes of the day between which calls may begin."""

    first: int
    last: int
    begin: int
    end: int

    @property
    def days(self) -> tuple[int, ...]:
        return tuple((self.first + day) % 7 for day in range((self.last - self.first) % 7 + 1))

    def __str__(self) -> str:
        days = _DAYS[self.first] + (f"-{_DAYS[self.last]}" if self.last != self.first else "")
        begin, end = (f"{each // 60:02d}:{each % 60:02d}" for each in (self.begin, self.end))
        return f"{days} {begin}-{end}"


@dataclass(frozen=True, slots=True)
class Windows:
    """The hours of a week in which calls may begin, as the clocks of a place show them."""

    windows: tuple[_Window, ...]

    @classmethod
    def parse(cls, text: str) -> Windows:
        """Read windows such as ``MO-FR 09:00-17:00, SA 10:00-13:00``.

        Args:
            text: Windows, separated by commas or semicolons.

        Returns:
            The windows.

        Raises:
            ValueError: It cannot be read; the text says which window.
            TypeError: It is not a text.
        """
        given: object = text
        if not isinstance(given, str):
            raise TypeError(
                f"windows must be a str, such as {_SHOWN_WINDOWS}, not {type(given).__name__}"
            )
        items = [item.strip() for item in re.split("[,;]", text)]
        return cls(tuple(_window(item) for item in items))

    def __str__(self) -> str:
        return ", ".join(map(str, self.windows))

    def next_span(self, zones: Iterable[str], now: float) -> Span | None:
        """Return when calls may begin next.

        Args:
            zones: The time zones; calls may begin only when it is inside the windows in all.
            now: A moment, in seconds since the epoch.

        Returns:
            A span that ends later than ``now``: calls may begin if it has begun. It ends 60 seconds
            before the window does. None if no moment of a year is inside in all zones, or there is
            no zone.

        Raises:
            BulkError: This machine does not know a zone.
        """
        places = [_zone(name) for name in zones]
        if not places:
            return None
        # A day earlier, because it is still yesterday in the west.
        first = dt.datetime.fromtimestamp(now, dt.UTC).replace(tzinfo=None) - dt.timedelta(days=2)
        first = first.replace(hour=0, minute=0, second=0, microsecond=0)
        for horizon in _HORIZONS:
            walls = self._walls(first, first + horizon)
            shared = _spans(walls, places[0])
            for place in places[1:]:
                shared = _intersection(shared, _spans(walls, place))
            for start, end in shared:
                if start < end - LEAD_SECONDS and now < end - LEAD_SECONDS:
                    return start, end - LEAD_SECONDS
        return None

    def _walls(self, first: dt.datetime, last: dt.datetime) -> list[tuple[_Wall, _Wall]]:
        """Return what clocks on the wall show when the windows begin and end."""
        walls: list[tuple[_Wall, _Wall]] = []
        for window in self.windows:
            begin, end = (dt.timedelta(minutes=each) for each in (window.begin, window.end))
            for day in rrule(DAILY, dtstart=first, until=last, byweekday=window.days):
                walls.append((_Wall.at(day + begin), _Wall.at(day + end)))
        return walls


@dataclass(frozen=True, slots=True)
class _Wall:
    """What a clock on the wall shows, as seconds if the clock were that of UTC."""

    seconds: float
    first: dt.datetime
    second: dt.datetime

    @classmethod
    def at(cls, wall: dt.datetime) -> _Wall:
        return cls(wall.replace(tzinfo=dt.UTC).timestamp(), wall, wall.replace(fold=1))

    def moments(self, zone: ZoneInfo) -> tuple[float, float]:
        """Return both readings in a zone, which are usually the same."""
        first, second = (
            self.seconds - (zone.utcoffset(wall) or dt.timedelta()).total_seconds()
            for wall in (self.first, self.second)
        )
        return first, second


def _spans(walls: Iterable[tuple[_Wall, _Wall]], zone: ZoneInfo) -> list[Span]:
    """Return when it is inside the windows in one zone, in order and without touching spans."""
    found: list[Span] = []
    for begin, end in walls:
        # What clocks skip or show twice is not inside: of two readings the later start and the
        # earlier end.
        start, stop = max(begin.moments(zone)), min(end.moments(zone))
        if start < stop:
            found.append((start, stop))
    return list(_joined_spans(sorted(found)))


def _joined_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """Join spans that touch or overlap: nobody pauses at midnight between two days of 24 hours."""
    last: Span | None = None
    for start, end in spans:
        if last is not None and start <= last[1]:
            last = last[0], max(last[1], end)
            continue
        if last is not None:
            yield last
        last = start, end
    if last is not None:
        yield last


def _intersection(some: list[Span], others: list[Span]) -> list[Span]:
    """Return what two lists of spans share; both are in order."""
    found: list[Span] = []
    one = other = 0
    while one < len(some) and other < len(others):
        start = max(some[one][0], others[other][0])
        end = min(some[one][1], others[other][1])
        if start < end:
            found.append((start, end))
        if some[one][1] < others[other][1]:
            one += 1
        else:
            other += 1
    return found


def _window(item: str) -> _Window:
    found = _WINDOW.fullmatch(item.upper())
    if found is None:
        raise ValueError(
            f"windows has {item!r:.80}, which is not a window: write days and hours, such as "
            f"{_SHOWN_WINDOWS}"
        )
    first, last = (_day(item, found[name] or found["first"]) for name in ("first", "last"))
    begin, end = (_minute(item, found[name]) for name in ("begin", "end"))
    if begin >= end:
        raise ValueError(
            f"windows has {item!r:.80}, which does not end after it begins: write a window over "
            "midnight as two, such as 'FR 22:00-24:00, SA 00:00-02:00'"
        )
    return _Window(first, last, begin, end)


def _day(item: str, name: str) -> int:
    if name not in _DAYS:
        raise ValueError(
            f"windows has {item!r:.80} with the day {name!r}: use {', '.join(_DAYS[:-1])} or "
            f"{_DAYS[-1]}"
        )
    return _DAYS.index(name)


def _minute(item: str, text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(
            f"windows has {item!r:.80} with the time {text!r}: use 00:00 to 24:00, such as 09:00"
        )
    return 60 * int(found[1] or found[3]) + int(found[2] or found[4])
