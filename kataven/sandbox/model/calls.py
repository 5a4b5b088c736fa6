"""The calls of a Hub, from its journal, and whether each number was called once.

Knows entries of the journal. Must not know how they are stored, or a running Hub.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - typing.get_type_hints() works on Call
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model import rfc3339
from kataven.sandbox.model.journal import CALL
from kataven.sandbox.model.outcomes import Outcome  # noqa: TC001 - typing.get_type_hints()

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kataven.sandbox.model.journal import JournalRow

_SHOWN: Final = 10
# Entries of the journal that are read at a time.
_BATCH: Final = 5_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the Hub.

    Attributes:
        number: The number called.
        attempt: The number of this call to the contact, from 1.
        started: The Hub time at which it began (aware, UTC).
        ended: The Hub time at which it ended; None while it is in flight.
        outcome: ``answered``, ``no_answer``, ``voicemail``, ``busy`` or ``failed``; None while it
            is in flight.
        campaign: The campaign's id.
        account: The account's name.
    """

    number: str
    attempt: int
    started: datetime
    ended: datetime | None
    outcome: Outcome | None
    campaign: str
    account: str

    @classmethod
    def from_row(cls, row: CallRow) -> Call:
        """Make a call from a row."""
        return cls(
            row.number,
            row.attempt,
            rfc3339.to_datetime(row.started),
            None if row.ended is None else rfc3339.to_datetime(row.ended),
            row.outcome,
            row.campaign,
            row.account,
        )


@dataclass(slots=True)
class CallRow:
    """A call as the Hub keeps it: times are nanoseconds since 1970."""

    number: str
    attempt: int
    started: int
    campaign: str
    account: str
    ended: int | None = None
    outcome: Outcome | None = None


class CallHistory:
    """The calls of a Hub. Each read adds what the journal has got since the last one.

    Contacts of one campaign with the same number cannot be told apart: of two such calls, the first
    that began is taken for the first that ended.

    Args:
        journal: Returns up to some number of entries of the journal that follow an entry, each with
            its number.
    """

    def __init__(self, journal: Callable[[int, int], list[tuple[int, JournalRow]]]) -> None:
        self._journal = journal
        self.forget()

    def forget(self) -> None:
        """Forget everything, because the journal begins again."""
        self._last = 0
        self._all: list[CallRow] = []
        self._by_campaign: defaultdict[str, list[CallRow]] = defaultdict(list)
        self._in_flight: defaultdict[tuple[str, str, int], deque[CallRow]] = defaultdict(deque)

    def read_some(self) -> bool:
        """Read a batch of the journal, and return whether there was one."""
        rows = self._journal(self._last, _BATCH)
        for self._last, row in rows:
            self._add(row)
        return bool(rows)

    def read(self, campaign_id: str | None) -> Sequence[CallRow]:
        """Return the calls so far, in the order in which they began.

        Args:
            campaign_id: Only the calls of this campaign; None for all.
        """
        while self.read_some():
            pass
        return self.known(campaign_id)

    def known(self, campaign_id: str | None) -> Sequence[CallRow]:
        """Return the calls of the journal as far as it was read.

        Args:
            campaign_id: Only the calls of this campaign; None for all.
        """
        return self._all if campaign_id is None else self._by_campaign.get(campaign_id, ())

    def _add(self, row: JournalRow) -> None:
        number, attempt = row.number, row.attempt
        if number is None or attempt is None:
            return
        key = (row.campaign, number, attempt)
        if row.action == CALL:
            call = CallRow(number, attempt, row.time, row.campaign, row.account)
            self._all.append(call)
            self._by_campaign[row.campaign].append(call)
            self._in_flight[key].append(call)
        else:
            calls = self._in_flight[key]
            call = calls.popleft()
            call.ended, call.outcome = row.time, row.outcome
            if not calls:
                del self._in_flight[key]


def not_called_once(
    numbers: Iterable[str], calls: Iterable[CallRow], *, retries: bool
) -> str | None:
    """Return what is wrong if some numbers were not called exactly once, or None.

    Args:
        numbers: The numbers that were to be called.
        calls: The calls.
        retries: Whether only the first attempts count.
    """
    found: dict[str, list[CallRow]] = {number: [] for number in numbers}
    for call in calls:
        if call.attempt == 1 or not retries:
            found.setdefault(call.number, []).append(call)
    if not found:
        return "no number was called, and no campaign has a contact"
    wrong = {number: calls for number, calls in found.items() if len(calls) != 1}
    if not wrong:
        return None
    lines = [f"{len(wrong)} of {len(found)} numbers were not called exactly once:"]
    lines += [f"  {number}: {_described(calls)}" for number, calls in list(wrong.items())[:_SHOWN]]
    if len(wrong) > _SHOWN:
        lines.append(f"  and {len(wrong) - _SHOWN} more")
    return "\n".join(lines)


def _described(calls: list[CallRow]) -> str:
    if not calls:
        return "never"
    each = ", ".join(f"attempt {call.attempt} of {call.campaign}" for call in calls)
    return f"{len(calls)} times ({each})"
