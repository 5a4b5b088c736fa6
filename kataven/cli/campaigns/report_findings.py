"""What ``kataven campaigns report`` counts, contact by contact.

Knows the fields of a contact. Must not know how the counts are shown (report_page, report_charts).
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kataven.cli.render import STATUSES
from kataven.types import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONTACT_COLUMNS", "Findings", "text"]

CONTACT_COLUMNS: Final = (
    "phone_number",
    "status",
    "attempts",
    "last_error",
    "last_attempt_at",
)


@dataclass(slots=True)
class Findings:
    """What a report counts, contact by contact.

    Attributes:
        outcomes: Contacts by status and last error.
        calls: Calls by status and last error, as far as the Hub says how many there were.
        attempts: Contacts by number of attempts, completed ones and others.
        last: Contacts by the minute of their last attempt, completed ones and others.
        rows: The contacts, if the page is to list them.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    attempts: Counter[tuple[int, bool]] = field(default_factory=Counter)
    last: Counter[tuple[datetime, bool]] = field(default_factory=Counter)
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, contact: Mapping[str, object], *, keep: bool) -> None:
        """Count a contact.

        Args:
            contact: The contact, as the Hub sent it.
            keep: Whether to keep it for the list of contacts.
        """
        outcome = str(contact.get("status") or ""), str(contact.get("last_error") or "")
        completed = outcome[0] == "completed"
        self.outcomes[outcome] += 1
        attempts = contact.get("attempts")
        if isinstance(attempts, int):
            self.calls[outcome] += attempts
            self.attempts[attempts, completed] += 1
        when = contact.get("last_attempt_at")
        if isinstance(when, str):
            # An odd time is not drawn; the contact is counted above.
            with suppress(ValueError):
                minute = parse_time(when).astimezone(UTC).replace(second=0, microsecond=0)
                self.last[minute, completed] += 1
        if keep:
            self.rows.append(tuple(text(contact.get(name)) for name in CONTACT_COLUMNS))

    @property
    def contacts(self) -> int:
        """The number of contacts."""
        return self.outcomes.total()

    def by_status(self) -> dict[str, int]:
        """Return contacts by status: the known statuses first, then others by frequency."""
        found: Counter[str] = Counter()
        for (status, _), count in self.outcomes.items():
            found[status] += count
        known = {status: found[status] for status in STATUSES if found[status]}
        return {**known, **dict(found.most_common())}


def text(value: object) -> str:
    """Return a value of the Hub as text, empty if there is none."""
    return "" if value is None else str(value)
