"""When the campaigns of a plan may call: which groups of its parts are open now, and until when.

Knows the plan's ``windows``, the groups of its parts, and the time. Asks neither ledger nor Hub.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.bulk._hours import UNKNOWN_GROUP, Windows, zones_of
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.bulk._hours import Span
    from kataven.bulk._plan import BulkPlan

__all__ = ["GroupHours", "PlanHours", "never_warning"]

# A group that never opens is looked at again after a day.
_NEVER_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class GroupHours:
    """The parts of one time-zone group of a plan with ``windows=``, at one moment.

    Attributes:
        group: The time zones of its numbers, joined by ``+``: ``America/New_York``; ``unknown`` if
            there is none.
        parts: The number of its parts.
        open: Whether its campaigns may call now.
        until: When that changes, in UTC: ``2026-11-30T14:00:00Z``. An open group closes a minute
            before its window ends. None for a group that never opens, because its time zone is
            unknown, or its zones share no open hour.
    """

    group: str
    parts: int
    open: bool
    until: str | None

    @property
    def never(self) -> bool:
        """Whether the group never opens, so that its parts are never started."""
        return self.until is None


class PlanHours:
    """The local hours of a plan; a plan without ``windows=`` is always open.

    Args:
        plan: The plan.
        now: Returns the time of day, in seconds since the epoch.

    Raises:
        BulkError: This machine does not know one of the time zones.
        ValueError: The windows of the plan cannot be read.
    """

    def __init__(self, plan: BulkPlan, now: Callable[[], float]) -> None:
        text = plan.options.get("windows")
        self._windows = None if text is None else Windows.parse(text)
        self._now = now
        self._groups = [part.group or UNKNOWN_GROUP for part in plan.parts]
        # In the order of the plan.
        self._parts = Counter(self._groups)
        # From when until when each is valid.
        self._spans: dict[str, tuple[float, float, Span | None]] = {}
        # A time zone that is missing is reported here, and not in the middle of a run.
        for group in self._parts:
            self._span(group, now())

    @property
    def given(self) -> bool:
        """Whether the plan has windows."""
        return self._windows is not None

    def now(self) -> float:
        """Return the time of day."""
        return self._now()

    def left(self, number: int) -> float:
        """Return for how many seconds a part may call from now on: 0 if it may not now."""
        if self._windows is None:
            return math.inf
        now = self._now()
        span = self._span(self._groups[number], now)
        return span[1] - now if span is not None and span[0] <= now else 0.0

    def is_open(self, number: int) -> bool:
        """Return whether a part may call now."""
        return self.left(number) > 0

    def never(self, number: int) -> bool:
        """Return whether a part may never call."""
        return self.given and self._span(self._groups[number], self._now()) is None

    def change(self) -> float:
        """Return the seconds until the next group opens or closes, at least one millisecond."""
        now = self._now()
        spans = (self._span(group, now) for group in self._parts)
        moments = (span[0] if now < span[0] else span[1] for span in spans if span is not None)
        return max(min(moments, default=math.inf) - now, 0.001)

    def groups(self) -> tuple[GroupHours, ...]:
        """Return what holds for each group now, in the order of the plan."""
        if not self.given:
            return ()
        now = self._now()
        return tuple(self._hours(group, parts, now) for group, parts in self._parts.items())

    def _hours(self, group: str, parts: int, now: float) -> GroupHours:
        span = self._span(group, now)
        if span is None:
            return GroupHours(group, parts, open=False, until=None)
        begun = span[0] <= now
        until = dt.datetime.fromtimestamp(span[1] if begun else span[0], dt.UTC)
        return GroupHours(group, parts, open=begun, until=f"{until:%Y-%m-%dT%H:%M:%SZ}")

    def _span(self, group: str, now: float) -> Span | None:
        """Return when a group may call: now, or next."""
        if self._windows is None:
            return None
        since, until, span = self._spans.get(group, (math.inf, 0.0, None))
        # The time of day may be set back.
        if not since <= now < until:
            span = self._windows.next_span(zones_of(group), now)
            until = now + _NEVER_SECONDS if span is None else span[1]
            self._spans[group] = now, until, span
        return span


def never_warning(plan: BulkPlan, now: float) -> str:
    """Return a warning about the rows of a plan that are never called, empty if there are none."""
    hours = PlanHours(plan, lambda: now)
    rows = Counter[str]()
    for part in plan.parts:
        rows[part.group or UNKNOWN_GROUP] += part.rows
    lines = [
        f"never called: {counted(rows[each.group], 'row')} of {_named(each.group)}"
        for each in hours.groups()
        if each.never
    ]
    if not lines:
        return ""
    never = sum(rows[each.group] for each in hours.groups() if each.never)
    head = (
        f"{counted(never, 'row')} can never be called inside windows={plan.options['windows']!r}, "
        "and the parts with them are never started (their group in plan.json says which)"
    )
    return "\n".join((head, *lines))


def _named(group: str) -> str:
    zones = zones_of(group)
    if not zones:
        return "numbers whose time zone is unknown"
    if len(zones) == 1:
        return f"numbers in {zones[0]}"
    return (
        f"numbers that may be in any of {len(zones)} time zones without a shared open hour "
        f"({zones[0]} to {zones[-1]})"
    )
