"""What was done when: the witness that tests ask whether anybody was called twice.

Knows entries. Must not know how they are kept.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kataven.sandbox import rfc3339

CALL: Final = "call"
CALL_ENDED: Final = "call_ended"

# time, action, account, campaign, number, attempt, outcome, talk in nanoseconds
Row = tuple[int, str, str, str, str | None, int | None, str | None, int]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that the Hub did.

    Args:
        time: When, in Hub time (aware, UTC, cut to microseconds).
        action: `create`, `start`, `pause`, `resume`, `stop`, `delete`, `fail`, `scheduled_start`,
            `complete`, `call` (a call begins) or `call_ended`.
        account: The account.
        campaign: The campaign's id.
        number: The number called; None for what is no call.
        attempt: Which call to this contact it is, from 1; None for what is no call.
        outcome: How a call went (`answered`, `no_answer`, `voicemail`, `busy`, `failed`); None
            until it has ended.
    """

    time: datetime
    action: str
    account: str
    campaign: str
    number: str | None
    attempt: int | None
    outcome: str | None


def entry(row: Row) -> JournalEntry:
    """Return a kept row as an entry."""
    return JournalEntry(rfc3339.to_datetime(row[0]), *row[1:7])


def as_json(row: Row) -> dict[str, object]:
    """Return a kept row as `GET /_sandbox/journal` answers it."""
    return {
        "time": rfc3339.write(row[0]),
        "action": row[1],
        "account": row[2],
        "campaign": row[3],
        "number": row[4],
        "attempt": row[5],
        "outcome": row[6],
    }
