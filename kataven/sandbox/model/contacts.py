"""A campaign's contacts: the list as it was uploaded, and the dialling state of each contact.

Knows how both are packed for the store. Must not know campaigns, the clock or CSV. Contacts are
rows of arrays, not objects: a hundred thousand of them take about 3 MB. A block of 100 contacts,
the size of a page, is what the store writes at a time.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from typing import Final

BLOCK: Final = 100
# Documented: E.164, ``+`` and 7 to 15 digits. Assumed: no 0 after the ``+``.
NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")

PENDING: Final = 0
IN_PROGRESS: Final = 1
COMPLETED: Final = 2
FAILED: Final = 3
CANCELLED: Final = 4

# The index of each word is its code.
CONTACT_STATUSES: Final = ("pending", "in_progress", "completed", "failed", "cancelled")
_BYTES_PER_CONTACT: Final = 4 + 2 * 8


@dataclass(frozen=True, slots=True)
class ContactList:
    """The contacts of one uploaded file.

    Args:
        columns: The names of the custom fields, in the header's order.
        numbers: The phone number of each contact.
        blocks: JSON text for each 100 contacts: a list of lists of the custom fields' values.
    """

    columns: tuple[str, ...]
    numbers: list[str]
    blocks: list[str]


class Roster:
    """The dialling state of all contacts of one campaign, in arrays indexed by row.

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
        # The outcome that the call in flight will have, and the one that ``last_error`` shows.
        self.outcome = bytearray(b"\xff" * size)
        self.error = bytearray(b"\xff" * size)
        # When the call in flight ends, or when the next attempt is due.
        self.due = array("q", bytes(8 * size))
        # When the last call began.
        self.last = array("q", bytes(8 * size))
        # The number of contacts of each status, by its code.
        self.counts = [size, 0, 0, 0, 0]
        # The blocks that differ from the stored ones.
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
        """Restore the state of one block. Call ``recount`` after the last one."""
        size = len(packed) // _BYTES_PER_CONTACT
        start = block * BLOCK
        part = slice(start, start + size)
        self.status[part] = packed[:size]
        self.attempts[part] = packed[size : 2 * size]
        self.outcome[part] = packed[2 * size : 3 * size]
        self.error[part] = packed[3 * size : 4 * size]
        self.due[part] = array("q", packed[4 * size : 12 * size])
        self.last[part] = array("q", packed[12 * size : 20 * size])

    def recount(self) -> None:
        """Count the contacts of each status again."""
        self.counts = [self.status.count(code) for code in range(len(CONTACT_STATUSES))]

    def cancel_pending(self) -> None:
        """Mark every pending contact as cancelled."""
        at = self.status.find(PENDING)
        while at >= 0:
            self.dirty.add(at // BLOCK)
            at = self.status.find(PENDING, (at // BLOCK + 1) * BLOCK)
        self.status = bytearray(self.status.replace(bytes([PENDING]), bytes([CANCELLED])))
        self.counts[CANCELLED] += self.counts[PENDING]
        self.counts[PENDING] = 0

    def rows_of(self, status: int | None, error: int | None) -> list[int]:
        """Return the rows of one status and one last error (None for any), in the CSV's order."""
        rows = list(range(len(self)))
        if status is not None:
            rows = [row for row, code in enumerate(self.status) if code == status]
        if error is not None:
            rows = [row for row in rows if self.error[row] == error]
        return rows
