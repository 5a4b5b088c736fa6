"""The journal: what the Hub did and when, so that tests can check that no one is called twice.

Knows entries. Must not know how they are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - typing.get_type_hints() works on JournalEntry
from typing import Final, Literal, NamedTuple, TypeAlias

from kataven.sandbox.model import rfc3339
from kataven.sandbox.model.outcomes import Outcome  # noqa: TC001 - typing.get_type_hints()

JournalAction: TypeAlias = Literal[
    "create",
    "start",
    "pause",
    "resume",
    "stop",
    "delete",
    "fail",
    "scheduled_start",
    "complete",
    "call",
    "call_ended",
]
"""What an entry of the journal is about."""

CALL: Final = "call"
CALL_ENDED: Final = "call_ended"


class JournalRow(NamedTuple):
    """An entry as the Hub stores it: times and durations are nanoseconds."""

    time: int
    action: JournalAction
    account: str
    campaign: str
    number: str | None = None
    attempt: int | None = None
    outcome: Outcome | None = None
    talk: int = 0


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that the Hub did.

    Args:
        time: The Hub time at which it happened (aware, UTC, truncated to microseconds).
        action: ``create``, ``start``, ``pause``, ``resume``, ``stop``, ``delete``, ``fail``,
            ``scheduled_start``, ``complete``, ``call`` (a call begins) or ``call_ended``.
        account: The account's name.
        campaign: The campaign's id.
        number: The number called; None unless the entry is about a call.
        attempt: The number of this call to the contact, from 1; None unless the entry is about a
            call.
        outcome: The outcome of a call (``answered``, ``no_answer``, ``voicemail``, ``busy``,
            ``failed``); None until it has ended.
    """

    time: datetime
    action: JournalAction
    account: str
    campaign: str
    number: str | None
    attempt: int | None
    outcome: Outcome | None

    @classmethod
    def from_row(cls, row: JournalRow) -> JournalEntry:
        """Make an entry from a stored row."""
        return cls(
            rfc3339.to_datetime(row.time),
            row.action,
            row.account,
            row.campaign,
            row.number,
            row.attempt,
            row.outcome,
        )
