"""The start of a campaign as people write it: ``+2h``, ``Dec 1 9am Europe/Berlin``, RFC 3339.

Knows dates, time zones and what is ambiguous about them. Reads no clock and sends nothing. What was
not written is never filled in, except the year of a date in the next half year.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["ScheduledTime", "scheduled_time"]

EXAMPLES: Final = "'2026-12-01 09:00 Europe/Berlin', 'Dec 1 9am America/New_York' or '+2h'"

_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE
)
_DELAY: Final = re.compile(r"\+(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?", re.IGNORECASE)
_OFFSET: Final = re.compile(
    r"Z|UTC|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)", re.IGNORECASE
)
# 9:00, 09:00:00, 9:30 pm, 9am, or the compact T0900. A bare 9 or 0900 may be part of a date.
_CLOCK_TIME: Final = re.compile(
    r"(?<![\d:])\d{1,2}:\d\d(:\d\d(\.\d+)?)?(?![\d:])|\d{1,2}\s*[ap]\.?m\b|(?<=\dT)\d{4}(\d\d)?\b",
    re.IGNORECASE,
)
_WRITTEN: Final = re.compile(r"[A-Za-z0-9 ,.:/-]*")
# 2026-12-01: the only order of numbers in which everybody reads the same date.
_YEAR_FIRST: Final = re.compile(r"\b(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{8})(?=\b|T)")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Two dates that differ in every part: what is equal in both readings was written.
_DEFAULTS: Final = (datetime(2000, 1, 1, 0, 0), datetime(2004, 2, 2, 1, 1, 1, 1))  # noqa: DTZ001
# A date without a year further ahead than this is more likely a mistake.
_YEAR_UNSAID: Final = timedelta(days=183)
_LARGEST_OFFSET: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class ScheduledTime:
    """When a campaign is to start.

    Attributes:
        sent: RFC 3339 with an offset, as the Hub takes it.
        shown: The full date with its time zone, and how long until then, for people.
    """

    sent: str
    shown: str


def scheduled_time(text: str, now: datetime) -> ScheduledTime:
    """Read the value of ``--scheduled-at``.

    Args:
        text: What the user wrote.
        now: The current time, with a time zone.

    Returns:
        The time as it is sent, and as it is shown.

    Raises:
        click.BadParameter: The text is not a time, leaves open which one, or is in the past. The
            message says what was understood.
    """
    text = " ".join(text.split())
    if text.startswith("+"):
        return _after(text, now)
    if _RFC_3339.fullmatch(text):
        try:
            when = datetime.fromisoformat(text.upper())
        except ValueError as error:
            raise _refusal(text, f"is not a valid time: {error}") from None
        return _future(text, when, _offset_name(when), now)
    return _from_words(text, now)


def _after(text: str, now: datetime) -> ScheduledTime:
    found = _DELAY.fullmatch(text.replace(" ", ""))
    if found is None or not any(found.groups()):
        raise _refusal(
            text, "is not a delay: write days, hours and minutes, such as +90m, +2h or +1d12h"
        )
    days, hours, minutes = (int(number or 0) for number in found.groups())
    try:
        when = now + timedelta(days=days, hours=hours, minutes=minutes)
    except OverflowError:
        raise _refusal(text, "is too far ahead") from None
    # The offset at that time, which may be another one than now.
    when = when.replace(microsecond=0).astimezone()
    return _future(text, when, _machine_name(when), now)


def _from_words(text: str, now: datetime) -> ScheduledTime:
    before, _, last = text.rpartition(" ")
    if (zone := _zone(last)) is not None:
        wall = _wall_time(text, before, now.astimezone(zone))
        when = _only_reading(text, wall, zone)
        return _future(text, when, f"{zone.key} ({_offset_name(when)})", now)
    if offset := _OFFSET.fullmatch(last):
        fixed = _fixed(text, offset)
        when = _wall_time(text, before, now.astimezone(fixed)).replace(tzinfo=fixed)
        return _future(text, when, _offset_name(when), now)
    when = _only_reading(text, _wall_time(text, text, now.astimezone()), None)
    return _future(text, when, _machine_name(when), now)


def _zone(word: str) -> ZoneInfo | None:
    """Return the time zone of this name, in upper or lower case."""
    import zoneinfo

    if not re.match(r"[A-Za-z]{3}", word) or word.lower() in {"utc", "factory", "localtime"}:
        return None
    wanted = word.lower()
    key = next((name for name in zoneinfo.available_timezones() if name.lower() == wanted), None)
    return None if key is None else zoneinfo.ZoneInfo(key)


def _fixed(text: str, found: re.Match[str]) -> timezone:
    if not found["sign"]:
        return UTC
    offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
    if offset > _LARGEST_OFFSET or int(found["minutes"]) > 59:
        raise _refusal(text, f"has an impossible offset, {found.group()}")
    return timezone(-offset if found["sign"] == "-" else offset)


def _wall_time(text: str, words: str, now: datetime) -> datetime:
    """Read date and time; the result has no time zone."""
    times = len(list(_CLOCK_TIME.finditer(words)))
    if times > 1:
        raise _refusal(text, "names two times of day")
    first, second = (_parsed(text, words, default) for default in _DEFAULTS)
    if (first.month, first.day) != (second.month, second.day):
        raise _refusal(text, "does not name a date (day and month)")
    if not times:
        raise _refusal(text, "does not name a time of day")
    if not _YEAR_FIRST.search(words):
        swapped = _parsed(text, words, _DEFAULTS[0], day_first=True)
        if swapped != first:
            raise _refusal(
                text,
                f"is either {first:%d %B} or {swapped:%d %B}: write the name of the month, or "
                "YYYY-MM-DD",
            )
    year = first.year if first.year == second.year else None
    if year is not None and f"{year:04}" not in words:
        raise _refusal(text, "has a year of two digits: write all four")
    wall = first if year is not None else _in_next_half_year(text, first, now)
    for word in re.findall(r"[a-z]+", words.lower()):
        named = next((day for day in _WEEKDAYS if len(word) > 2 and day.startswith(word)), None)
        if named and named != _WEEKDAYS[wall.weekday()]:
            raise _refusal(text, f"is inconsistent: {wall:%d %B %Y} is a {wall:%A}")
    return wall


def _parsed(text: str, words: str, default: datetime, *, day_first: bool = False) -> datetime:
    from dateutil import parser

    def refuse_zone(name: str | None, offset: int | None) -> None:
        if name is not None or offset is not None:
            shown = f"{name!r} is not the name of a time zone" if name else "the offset is unclear"
            raise _refusal(
                text,
                f"cannot be read: {shown}; end with a name such as Europe/Berlin or an offset such "
                "as +01:00, after a space",
            )

    # A plus may be that of UTC+3: three hours east for people, three hours west for POSIX.
    if not _WRITTEN.fullmatch(words) or re.search(r"[A-Za-z]-\d", words):
        raise _refusal(text, "cannot be read")
    try:
        return parser.parse(words, default=default, dayfirst=day_first, tzinfos=refuse_zone)
    except (ValueError, OverflowError):
        raise _refusal(text, "cannot be read as a date and a time") from None


def _in_next_half_year(text: str, date: datetime, now: datetime) -> datetime:
    """Return the next such date, if it is near enough that the year need not be written."""
    here = now.replace(tzinfo=None)
    for year in (here.year, here.year + 1):
        try:
            wall = date.replace(year=year)
        except ValueError:  # 29 February
            continue
        if timedelta(0) < wall - here <= _YEAR_UNSAID:
            return wall
    raise _refusal(
        text,
        f"does not name a year, and the next {date:%d %B} is more than half a year ahead: write "
        "the year",
    )


def _only_reading(text: str, wall: datetime, zone: ZoneInfo | None) -> datetime:
    """Return the moment that a clock on the wall shows this time; refuse none and two.

    Args:
        text: What the user wrote.
        wall: The time on the clock.
        zone: The time zone; None for the one of this machine.
    """
    readings: dict[timedelta | None, datetime] = {}
    for fold in (0, 1):
        moment = wall.replace(fold=fold, tzinfo=zone).astimezone(UTC)
        back = moment.astimezone(zone)
        # Where clocks go forward, the time on the wall comes back as another one.
        if back.replace(tzinfo=None, fold=0) == wall:
            readings[back.utcoffset()] = back
    where = f"in {zone.key}" if zone else "in the time zone of this machine"
    if not readings:
        raise _refusal(
            text, f"does not exist {where}: the clocks go forward over {wall:%H:%M} that day"
        )
    if len(readings) > 1:
        shown = " or ".join(repr(reading.isoformat()) for reading in readings.values())
        raise _refusal(
            text, f"happens twice {where}, because the clocks go back that day: write {shown}"
        )
    return next(iter(readings.values()))


def _future(text: str, when: datetime, zone: str, now: datetime) -> ScheduledTime:
    shown = f"{when:%A} {when.day} {when:%B %Y, %H:%M}{f':{when:%S}' if when.second else ''} {zone}"
    # Compared in UTC: within one zone Python compares the clocks on the wall.
    seconds = (when.astimezone(UTC) - now.astimezone(UTC)).total_seconds()
    if seconds <= 0:
        raise _refusal(text, f"is in the past: {shown}")
    return ScheduledTime(when.isoformat(timespec="seconds"), f"{shown}, in {_span(seconds)}")


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{round(seconds)} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min")]
    # The two largest units say enough.
    first = next(index for index, (count, _) in enumerate(units) if count)
    return " ".join(f"{count} {unit}" for count, unit in units[first : first + 2] if count)


def _offset_name(when: datetime) -> str:
    offset = when.isoformat()[-6:] if when.utcoffset() else ""
    return f"UTC{offset}"


def _machine_name(when: datetime) -> str:
    name, offset = when.tzname() or "", _offset_name(when)
    if not name.isalpha() or name == offset:
        return f"{offset} (the time zone of this machine)"
    return f"{name} ({offset}, the time zone of this machine)"


def _refusal(text: str, why: str) -> click.BadParameter:
    return click.BadParameter(
        f"{text!r} {why}. Write a time such as {EXAMPLES}.", param_hint="'--scheduled-at'"
    )
