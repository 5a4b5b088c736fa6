"""One campaign and where each of its contacts stands.

Knows the fields of a campaign and of a contact, and how their state is packed for the store. Must
not know the clock, who dials next, or HTTP. Contacts are rows of arrays, not objects: a hundred
thousand of them cost about 3 MB, and a block of 100 packs into bytes for the store.
"""

from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from kataven.sandbox import outcomes, rfc3339, states
from kataven.sandbox.csv_reader import BLOCK

PENDING: Final = 0
IN_PROGRESS: Final = 1
COMPLETED: Final = 2
FAILED: Final = 3
CANCELLED: Final = 4

CONTACT_STATUSES: Final = ("pending", "in_progress", "completed", "failed", "cancelled")
_BYTES_A_CONTACT = 4 + 2 * 8


@dataclass(frozen=True, slots=True)
class Settings:
    """What a campaign was created with.

    Args:
        name: A name for people.
        agent_id: The agent that speaks.
        phone_number_id: The number that calls.
        max_concurrent_calls: Calls in flight at once, 1 to 100.
        retries_per_contact: Calls after the first one, 0 to 5.
        retry_delay_seconds: Seconds from a call's end to the next try, at least 60.
        scheduled_at: The start as the Hub prints it back, or None.
        scheduled_ns: The same in nanoseconds since 1970, or None.
    """

    name: str
    agent_id: str
    phone_number_id: str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    scheduled_at: str | None
    scheduled_ns: int | None


class Roster:
    """The dialling state of all contacts of one campaign, in arrays.

    Args:
        numbers: The phone number of each contact.
    """

    __slots__ = (
        "attempts",
        "counts",
        "dirty",
        "due",
        "error",
        "last",
        "numbers",
        "outcome",
        "status",
    )

    def __init__(self, numbers: list[str]) -> None:
        size = len(numbers)
        self.numbers = numbers
        self.status = bytearray(size)
        self.attempts = bytearray(size)
        # The outcome that the call in flight will have; and the one that `last_error` shows.
        self.outcome = bytearray(b"\xff" * size)
        self.error = bytearray(b"\xff" * size)
        # When the call in flight ends, or when the next try is due.
        self.due = array("q", bytes(8 * size))
        self.last = array("q", bytes(8 * size))
        self.counts = [size, 0, 0, 0, 0]
        self.dirty: set[int] = set()

    def __len__(self) -> int:
        return len(self.numbers)

    def pack(self, block: int) -> bytes:
        """Return the state of one block of 100 contacts as bytes."""
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        return b"".join(
            (
                self.status[part],
                self.attempts[part],
                self.outcome[part],
                self.error[part],
                self.due[part].tobytes(),
                self.last[part].tobytes(),
            )
        )

    def unpack(self, block: int, packed: bytes) -> None:
        """Put the state of one block back; `recount` follows after the last one."""
        size = len(packed) // _BYTES_A_CONTACT
        start = block * BLOCK
        part = slice(start, start + size)
        self.status[part] = packed[:size]
        self.attempts[part] = packed[size : 2 * size]
        self.outcome[part] = packed[2 * size : 3 * size]
        self.error[part] = packed[3 * size : 4 * size]
        self.due[part] = array("q", packed[4 * size : 12 * size])
        self.last[part] = array("q", packed[12 * size : 20 * size])

    def recount(self) -> None:
        """Count the contacts of each status anew."""
        self.counts = [self.status.count(code) for code in range(len(CONTACT_STATUSES))]

    def cancel_pending(self) -> None:
        """Make every pending contact cancelled."""
        at = self.status.find(PENDING)
        while at >= 0:
            self.dirty.add(at // BLOCK)
            at = self.status.find(PENDING, (at // BLOCK + 1) * BLOCK)
        self.status = bytearray(self.status.replace(bytes([PENDING]), bytes([CANCELLED])))
        self.counts[CANCELLED] += self.counts[PENDING]
        self.counts[PENDING] = 0

    def rows_of(self, status: int) -> list[int]:
        """Return the rows of one status, in the order of the CSV."""
        return [row for row, code in enumerate(self.status) if code == status]


@dataclass(eq=False, slots=True)
class Campaign:
    """A campaign of one account.

    Args:
        key: The row in the store.
        id: The id that clients see.
        number: Its number in the account, from 1, never used again.
        account: The account's name.
        settings: What it was created with.
        columns: The names of the custom fields.
        created_ns: When it was created.
        created_by: Who created it: `api_key` or `jwt`.
        roster: Its contacts.
        status: One of `states.STATUSES`.
        started_ns: When it first ran, or None.
        completed_ns: When it ended, or None.
        deleted: Deleted, but calls of it are still in flight.
        in_flight: Calls in flight.
        cursor: The first row that was never dialled.
        ready: Rows whose retry is due.
        changed: The campaign's own fields differ from the stored ones.
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

    @property
    def terminal(self) -> bool:
        """Whether the campaign has ended."""
        return self.status in states.TERMINAL

    def next_row(self) -> int | None:
        """Take the next contact to dial: due retries first, then the CSV's order."""
        if self.ready:
            return self.ready.popleft()
        if self.cursor < len(self.roster):
            self.cursor += 1
            return self.cursor - 1
        return None

    def as_json(self) -> dict[str, object]:
        """Return the campaign's thirteen documented fields."""
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

    def snapshot(self, now: int) -> dict[str, object]:
        """Return what a data frame of the event stream says."""
        counts = self.roster.counts
        return {
            "campaign_id": self.id,
            "status": self.status,
            "total": len(self.roster),
            **dict(zip(CONTACT_STATUSES, counts, strict=True)),
            "active_calls": self.in_flight,
            "timestamp": rfc3339.write(now),
        }

    def contact(self, row: int, values: list[str]) -> dict[str, object]:
        """Return one contact as clients see it.

        Args:
            row: The contact's index in the CSV, from 0.
            values: Its custom fields, in the order of `columns`.
        """
        roster = self.roster
        fields = dict(zip(self.columns, values, strict=True))
        error = roster.error[row]
        return {
            "id": f"contact_{self.id.removeprefix('camp_')}_{row}",
            "phone_number": roster.numbers[row],
            "custom_fields": fields,
            "status": CONTACT_STATUSES[roster.status[row]],
            "attempts": roster.attempts[row],
            "last_attempt_at": _time(roster.last[row] or None),
            "last_error": None if error == outcomes.NONE else outcomes.WORDS[error],
        }


def _time(when: int | None) -> str | None:
    return None if when is None else rfc3339.write(when)
