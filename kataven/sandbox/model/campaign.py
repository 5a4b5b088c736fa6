"""One campaign: its settings, its state, and what clients see of both.

Knows the fields of a campaign, of a snapshot and of a contact. Must not know the clock, which
contact is dialled when, or HTTP.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TypedDict

from kataven.sandbox.model import outcomes, rfc3339, states
from kataven.sandbox.model.contacts import CONTACT_STATUSES, Roster


class CampaignFields(TypedDict):
    """A campaign as clients see it: the thirteen documented fields."""

    id: str
    name: str
    agent_id: str
    phone_number_id: str
    status: str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    scheduled_at: str | None
    started_at: str | None
    completed_at: str | None
    created_at: str
    created_by: str


class Snapshot(TypedDict):
    """The data of one event (assumed keys)."""

    campaign_id: str
    status: str
    total: int
    pending: int
    in_progress: int
    completed: int
    failed: int
    cancelled: int
    active_calls: int
    timestamp: str


class ContactFields(TypedDict):
    """A contact as clients see it (assumed keys)."""

    id: str
    phone_number: str
    custom_fields: dict[str, str]
    status: str
    attempts: int
    last_attempt_at: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings a campaign is created with.

    Args:
        name: The display name.
        agent_id: The agent that speaks.
        phone_number_id: The number that calls.
        max_concurrent_calls: Maximum number of calls in flight, 1 to 100.
        retries_per_contact: Maximum number of calls after the first one, 0 to 5.
        retry_delay_seconds: Seconds from the end of a call to the next attempt, at least 60.
        scheduled_at: The start time as the Hub prints it, or None.
        scheduled_ns: The same time in nanoseconds since 1970, or None.
    """

    name: str
    agent_id: str
    phone_number_id: str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    scheduled_at: str | None
    scheduled_ns: int | None


@dataclass(eq=False, slots=True)
class Campaign:
    """A campaign of one account.

    Args:
        key: The row in the store.
        id: The id that clients see.
        number: Its number in the account, from 1, never reused.
        account: The account's name.
        settings: The settings it was created with.
        columns: The names of the custom fields.
        created_ns: When it was created.
        created_by: ``api_key`` or ``jwt``.
        roster: Its contacts.
        status: One of ``states.STATUSES``.
        started_ns: When it first ran, or None.
        completed_ns: When it ended, or None.
        deleted: Whether it is deleted. Its calls in flight still finish.
        in_flight: The number of calls in flight.
        cursor: The first row that was never dialled.
        ready: Rows whose retry is due.
        changed: Whether the campaign's own fields differ from the stored ones.
    """

    key: int
    id: str
    number: int
    account: str
    settings: Settings
    columns: tuple[str, ...]
    created_ns: int
    created_by: str
    roster: Roster
    status: str = states.DRAFT
    started_ns: int | None = None
    completed_ns: int | None = None
    deleted: bool = False
    in_flight: int = 0
    cursor: int = 0
    ready: deque[int] = field(default_factory=deque)
    changed: bool = False

    def restore(self, stored: Campaign) -> None:
        """Return to the stored state. Open streams keep this object."""
        self.roster = stored.roster
        self.status = stored.status
        self.started_ns = stored.started_ns
        self.completed_ns = stored.completed_ns
        self.deleted = stored.deleted
        self.in_flight = self.cursor = 0
        self.ready.clear()
        self.changed = False

    @property
    def terminal(self) -> bool:
        """Whether the campaign has ended."""
        return self.status in states.TERMINAL

    def next_row(self) -> int | None:
        """Take the next contact to dial: due retries first, then the order of the CSV."""
        if self.ready:
            return self.ready.popleft()
        if self.cursor < len(self.roster):
            self.cursor += 1
            return self.cursor - 1
        return None

    def fields(self) -> CampaignFields:
        """Return the campaign as clients see it."""
        settings = self.settings
        return {
            "id": self.id,
            "name": settings.name,
            "agent_id": settings.agent_id,
            "phone_number_id": settings.phone_number_id,
            "status": self.status,
            "max_concurrent_calls": settings.max_concurrent_calls,
            "retries_per_contact": settings.retries_per_contact,
            "retry_delay_seconds": settings.retry_delay_seconds,
            "scheduled_at": settings.scheduled_at,
            "started_at": _time(self.started_ns),
            "completed_at": _time(self.completed_ns),
            "created_at": rfc3339.write(self.created_ns),
            "created_by": self.created_by,
        }

    def snapshot(self, now: int) -> Snapshot:
        """Return the data of an event.

        Args:
            now: The Hub's time.
        """
        pending, in_progress, completed, failed, cancelled = self.roster.counts
        return {
            "campaign_id": self.id,
            "status": self.status,
            "total": len(self.roster),
            "pending": pending,
            "in_progress": in_progress,
            "completed": completed,
            "failed": failed,
            "cancelled": cancelled,
            "active_calls": self.in_flight,
            "timestamp": rfc3339.write(now),
        }

    def contact(self, row: int, values: list[str]) -> ContactFields:
        """Return one contact as clients see it.

        Args:
            row: The contact's index in the CSV, from 0.
            values: Its custom fields, in the order of ``columns``.
        """
        roster = self.roster
        error = roster.error[row]
        return {
            "id": f"contact_{self.id.removeprefix('camp_')}_{row}",
            "phone_number": roster.numbers[row],
            "custom_fields": dict(zip(self.columns, values, strict=True)),
            "status": CONTACT_STATUSES[roster.status[row]],
            "attempts": roster.attempts[row],
            "last_attempt_at": _time(roster.last[row] or None),
            "last_error": None if error == outcomes.NONE else outcomes.WORDS[error],
        }


def _time(when: int | None) -> str | None:
    return None if when is None else rfc3339.write(when)
