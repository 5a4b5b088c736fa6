"""How far a campaign is, from the snapshots of its stream, and which statuses are an end.

Knows snapshots, whose keys are not documented: a missing or odd value leaves a field empty and
never raises. Reads no clock; the time of each snapshot is an argument.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven.types import CampaignStatus, ContactStatus

# Documented: a campaign in one of these has finished.
TERMINAL_STATUSES: Final = frozenset({"completed", "failed"})
# Documented: a campaign in one of these may continue.
LIVE_STATUSES: Final = frozenset({"draft", "scheduled", "running", "paused"})

_OPEN_WORDS: Final = ("pending", "in_progress")
DONE_STATUSES: Final = ("completed", "failed", "cancelled")
# Of a contact. The first, fourth and fifth are documented, the others assumed.
CONTACT_STATUSES: Final = _OPEN_WORDS + DONE_STATUSES
# The rate covers the last minutes: it soon follows a pause or a cap, and is steady enough.
_RATE_SECONDS: Final = 300.0
# Two snapshots closer together than this do not give a rate.
_LEAST_SECONDS: Final = 1.0
# Beyond this a number is not a count of contacts, and would overflow a rate.
_MOST: Final = 10**15


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """How far a campaign is, at one moment.

    Attributes:
        status: The campaign's status; statuses that the SDK does not know are kept.
        total: The number of contacts, or None if the Hub does not send it.
        counts: Contacts by status (``pending``, ``in_progress``, ``completed``, ``failed``,
            ``cancelled``), as far as the Hub sends them.
        fraction_done: From 0 to 1, or None if unknown.
        active_calls: Calls in flight, or None.
        calls_per_minute: Contacts finished per minute, measured over the last five minutes; None
            until there is enough to measure.
        eta_seconds: Seconds until the end at that rate, or None.
        elapsed_seconds: Seconds since the first snapshot.
        snapshot: What the Hub sent: a snapshot of the stream, or the campaign if it was polled.
    """

    status: CampaignStatus
    total: int | None = None
    counts: Mapping[ContactStatus, int] = field(default_factory=dict)
    fraction_done: float | None = None
    active_calls: int | None = None
    calls_per_minute: float | None = None
    eta_seconds: float | None = None
    elapsed_seconds: float = 0.0
    snapshot: Mapping[str, Any] = field(default_factory=dict)

    @property
    def terminal(self) -> bool:
        """Whether the campaign has finished."""
        return self.status in TERMINAL_STATUSES

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the status, a bar, and a table of the counts."""
        from kataven import _html  # noqa: PLC0415 - only notebooks need it

        facts: list[str] = []
        if self.fraction_done is not None:
            # Rounded down: only a campaign that has finished is at 100 %. The addition makes up for
            # fractions such as 0.58, of which a hundred is slightly less than 58.
            facts.append(f"{int(100 * self.fraction_done + 1e-9)} %")
        if self.calls_per_minute is not None:
            facts.append(f"{self.calls_per_minute:,.1f} finished per minute")
        if self.eta_seconds is not None and not self.terminal:
            facts.append(f"{_html.duration(self.eta_seconds)} left")
        numbers = {**self.counts, "total": self.total, "calls in flight": self.active_calls}
        known = {name: number for name, number in numbers.items() if number is not None}
        shown = _html.bar(self.status, self.fraction_done, " · ".join(facts))
        return shown + _html.table(list(known), [list(known.values())]) if known else shown


class ProgressMeter:
    """Turns snapshots into progress, and remembers what rate and ETA need."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._seen: deque[tuple[float, int]] = deque()
        self.last: CampaignProgress | None = None

    def take(self, snapshot: Mapping[str, Any], now: float) -> CampaignProgress:
        """Return the progress that a snapshot or a campaign shows.

        Args:
            snapshot: What the Hub sent.
            now: When it arrived, in seconds since the epoch.

        Returns:
            The progress. A polled campaign has no counts; those of the last snapshot are kept.
        """
        last = self.last
        if self._begun is None:
            self._begun = now
        counts = {
            word: count
            for word in (*_OPEN_WORDS, *DONE_STATUSES)
            if (count := _count(snapshot.get(word))) is not None
        }
        total = _count(snapshot.get("total"))
        if counts:
            if total is None and len(counts) == len(_OPEN_WORDS) + len(DONE_STATUSES):
                # If one of them were missing, their sum would be too small.
                total = sum(counts.values())
        elif last is not None:
            counts, total = dict(last.counts), last.total if total is None else total
        status = snapshot.get("status")
        if not isinstance(status, str):
            status = last.status if last is not None else "unknown"
        done = sum(counts.get(word, 0) for word in DONE_STATUSES)
        rate = self._rate(done, now) if counts else None
        fraction = None
        eta = None
        if total is not None and counts:
            fraction = min(1.0, done / total) if total > 0 else 1.0
            if status in TERMINAL_STATUSES:
                eta = 0.0
            elif rate:
                eta = max(0, total - done) / rate * 60
        self.last = CampaignProgress(
            status=status,
            total=total,
            counts=counts,
            fraction_done=fraction,
            active_calls=_count(snapshot.get("active_calls")),
            calls_per_minute=rate,
            eta_seconds=eta,
            elapsed_seconds=max(0.0, now - self._begun),
            snapshot=snapshot,
        )
        return self.last

    def _rate(self, done: int, now: float) -> float | None:
        seen = self._seen
        seen.append((now, done))
        while len(seen) > 2 and seen[1][0] <= now - _RATE_SECONDS:
            seen.popleft()
        since, then = seen[0]
        if now - since < _LEAST_SECONDS or done <= then:
            return None
        return (done - then) / (now - since) * 60


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST else None
