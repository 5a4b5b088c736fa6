"""The calls of a Hub, from its journal, and whether each number was called once.

Knows entries of the journal. Must not know a running Hub.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, replace
from datetime import datetime  # noqa: TC003 - typing.get_type_hints() works on Call
from typing import TYPE_CHECKING, Final

from kataven.sandbox.model.journal import CALL, CALL_ENDED
from kataven.sandbox.model.outcomes import Outcome  # noqa: TC001 - typing.get_type_hints()

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kataven.sandbox.model.journal import JournalEntry

_SHOWN: Final = 10


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


def calls_of(journal: Iterable[JournalEntry], campaign_id: str | None) -> list[Call]:
    """Return the calls in a journal, in the order in which they began.

    Contacts of one campaign with the same number cannot be told apart: of two such calls, the first
    that began is taken for the first that ended.

    Args:
        journal: The entries, oldest first.
        campaign_id: Only the calls of this campaign; None for all.
    """
    calls: list[Call] = []
    in_flight: defaultdict[tuple[str, str, int], deque[int]] = defaultdict(deque)
    for entry in journal:
        number, attempt = entry.number, entry.attempt
        if number is None or attempt is None or campaign_id not in {None, entry.campaign}:
            continue
        key = (entry.campaign, number, attempt)
        if entry.action == CALL:
            in_flight[key].append(len(calls))
            calls.append(
                Call(number, attempt, entry.time, None, None, entry.campaign, entry.account)
            )
        elif entry.action == CALL_ENDED:
            place = in_flight[key].popleft()
            calls[place] = replace(calls[place], ended=entry.time, outcome=entry.outcome)
    return calls


def not_called_once(numbers: Iterable[str], calls: Iterable[Call], *, retries: bool) -> str | None:
    """Return what is wrong if some numbers were not called exactly once, or None.

    Args:
        numbers: The numbers that were to be called.
        calls: The calls.
        retries: Whether only the first attempts count.
    """
    found: dict[str, list[Call]] = {number: [] for number in numbers}
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


def _described(calls: list[Call]) -> str:
    if not calls:
        return "never"
    each = ", ".join(f"attempt {call.attempt} of {call.campaign}" for call in calls)
    return f"{len(calls)} times ({each})"
