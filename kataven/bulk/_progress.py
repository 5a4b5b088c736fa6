"""How far a run is, over all parts. Counts what it is given; reads no ledger and asks no Hub."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.bulk.ledger.states import FINAL, STATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven.bulk._opening import GroupHours, PlanHours
    from kataven.bulk._plan import BulkPlan
    from kataven.bulk.ledger import LedgerRow
    from kataven.bulk.ledger.states import Wanted

__all__ = ["BulkMeter", "BulkProgress", "PartStatus"]

# Parts end rarely, so the rate covers an hour.
_RATE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part of a run.

    Attributes:
        sha256: The part.
        rows: The number of its contacts.
        state: ``planned``, ``sending``, ``created``, ``starting``, ``started``, ``finished``,
            ``failed`` or ``unknown``.
        campaign_id: Its campaign, or None.
        status: The status that the Hub last showed, or an empty text.
        detail: Why it is unknown, or what went wrong; for people.
        group: Its time-zone group, one of ``BulkProgress.groups``; None without windows.
    """

    sha256: str
    rows: int
    state: str
    campaign_id: str | None
    status: str
    detail: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How far a run is, at one moment.

    Attributes:
        wanted: ``running``, ``paused`` or ``stopped``.
        parts: Each part, in the order of the plan.
        counts: The number of parts in each state.
        contacts: The number of contacts in all parts.
        contacts_done: The contacts of parts that are finished or failed, and those that are done in
            parts that run, as far as a worker with ``on_progress`` follows their event streams.
        contacts_per_minute: How fast ``contacts_done`` grows, measured over the last hour in this
            process; None until there is enough to measure.
        eta_seconds: Seconds until all contacts are done at that rate, or None.
        quota_eta_seconds: The least number of seconds that the call limits of the account
            (``calls_per_minute`` and ``daily_calls_max``) make the contacts take that are left, or
            None if they are not known.
        groups: The time-zone groups of a plan with ``windows=``, and whether each may call now.
    """

    wanted: Wanted
    parts: tuple[PartStatus, ...]
    counts: Mapping[str, int]
    contacts: int
    contacts_done: int
    contacts_per_minute: float | None = None
    eta_seconds: float | None = None
    quota_eta_seconds: float | None = None
    groups: tuple[GroupHours, ...] = ()

    @property
    def needs_watch(self) -> bool:
        """Whether campaigns were started that have local hours.

        A process has to pause and resume them, with ``watch`` or ``apply``: nothing else does.
        """
        return bool(self.groups) and any(part.state == "started" for part in self.parts)

    @property
    def unknown(self) -> tuple[PartStatus, ...]:
        """The parts that were perhaps sent, and whose campaign cannot be found."""
        return tuple(part for part in self.parts if part.state == "unknown")

    @property
    def finished(self) -> bool:
        """Whether each part is finished, failed or unknown, or never may call."""
        never = {group.group for group in self.groups if group.never}
        return all(
            part.state in {"finished", "failed", "unknown"}
            or (part.group in never and part.state != "started")
            for part in self.parts
        )


class BulkMeter:
    """Turns rows of the ledger into progress, and remembers what the rate needs."""

    def __init__(self, plan: BulkPlan, hours: PlanHours) -> None:
        self._plan = plan
        self._hours = hours
        self._seen: deque[tuple[float, int]] = deque()

    def take(
        self,
        rows: Sequence[LedgerRow],
        wanted: Wanted,
        now: float,
        running: Mapping[int, int],
    ) -> BulkProgress:
        """Return the progress.

        Args:
            rows: All parts in the ledger.
            wanted: What is wanted of the run.
            now: The time in seconds.
            running: How many contacts are done in parts that run, by the number of the part.
        """
        parts = tuple(
            PartStatus(
                part.sha256,
                part.rows,
                row.state,
                row.campaign,
                row.status,
                row.detail,
                part.group,
            )
            for part, row in zip(self._plan.parts, rows, strict=True)
        )
        counted = Counter(part.state for part in parts)
        done = sum(part.rows for part in parts if part.state in FINAL)
        done += sum(
            min(part.rows, running.get(number, 0))
            for number, part in enumerate(parts)
            if part.state == "started"
        )
        total = self._plan.totals.kept
        rate = self._rate(done, now)
        return BulkProgress(
            wanted=wanted,
            parts=parts,
            counts={state: counted[state] for state in STATES},
            contacts=total,
            contacts_done=done,
            contacts_per_minute=rate,
            eta_seconds=None if rate is None else (total - done) / rate * 60,
            groups=self._hours.groups(),
        )

    def _rate(self, done: int, now: float) -> float | None:
        seen = self._seen
        seen.append((now, done))
        while len(seen) > 2 and seen[1][0] <= now - _RATE_SECONDS:
            seen.popleft()
        since, then = seen[0]
        return (done - then) / (now - since) * 60 if done > then and now > since else None
