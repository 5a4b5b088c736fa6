"""``estimate``: how long a campaign will take and how many calls it will make.

Pure arithmetic. Knows neither campaigns nor a clock, and of a list only its number of rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Final

from kataven.contacts._clean_report import CleanReport
from kataven.contacts._problems import counted
from kataven.contacts._report import ContactsReport

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Estimate", "estimate"]

_DAY: Final = 86_400.0
# Three standard deviations, and the number of contacts from which it is nearly certain that at
# least one needs another attempt.
_SIGMAS: Final = 3.0
_NEARLY_CERTAIN: Final = 10.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected duration and number of calls of a campaign.

    Attributes:
        contacts: The number of contacts.
        calls: The total number of calls, (low, high).
        duration: From the start to the end of the last call in seconds, (low, high).
    """

    contacts: int
    calls: tuple[int, int]
    duration: tuple[float, float]

    def summary(self) -> str:
        """Summarise the estimate for people, in one line."""
        low, high = self.calls
        return (
            f"{counted(self.contacts, 'contact')}: {low:,} to {high:,} calls in "
            f"{_readable(self.duration[0])} to {_readable(self.duration[1])}"
        )


def estimate(
    rows: int | ContactsReport | CleanReport,
    *,
    max_concurrent_calls: int = 5,
    average_call_seconds: float = 35.0,
    answer_rate: float = 0.67,
    retries_per_contact: int = 0,
    retry_delay_seconds: float = 300,
    calls_per_minute: int | None = None,
    daily_calls_max: int | None = None,
) -> Estimate:
    """Estimate a campaign's duration and number of calls.

    With N contacts, answer rate p, r retries, s seconds per call, c concurrent calls (at most N)
    and the delay d::

        attempts of a contact   m = sum of (1 - p)**k for k = 0..r,  v = their variance
        calls                   K = N * m -+ 3 * sqrt(N * v), within N and N * (r + 1)
        lines                   L = (K -+ 3 * sqrt(K)) * s / c       calls differ in length
        rate                    R = (K - 1) * 60 / calls_per_minute  rounded to whole minutes
        rounds                  k = the most retries that at least 10 contacts will need
        low                     max(L, R, k * d)
        high                    max(L, R) + min(L, R) / 4 + r * d + s * (ln c + 4)
        day                     D = ceil(K / daily_calls_max) - 1 more days;
                                low at least D - 1 days (the Hub does not document whether a day
                                is a calendar day), high D days more

    The estimate assumes that c concurrent calls are available to the campaign all the time, and
    that the campaign is not paused.

    Args:
        rows: The number of contacts, or the report of ``check`` (its rows) or ``clean`` (its kept
            rows).
        max_concurrent_calls: As passed to ``create``.
        average_call_seconds: The mean duration of all attempts, including ringing and attempts
            that are not answered.
        answer_rate: The share of attempts that complete a contact, 0 to 1; others are retried.
        retries_per_contact: As passed to ``create``.
        retry_delay_seconds: As passed to ``create``.
        calls_per_minute: The limit of the account, None for no limit.
        daily_calls_max: The limit of the account, None for no limit.

    Returns:
        The duration and the number of calls, each as (low, high).

    Raises:
        ValueError: A number is out of range.
        TypeError: An argument is not a number, or ``rows`` is neither a number nor a report.
    """
    contacts = _contacts(rows)
    for name, value, least in (
        ("max_concurrent_calls", max_concurrent_calls, 1),
        ("retries_per_contact", retries_per_contact, 0),
        ("retry_delay_seconds", retry_delay_seconds, 0),
        ("calls_per_minute", 1 if calls_per_minute is None else calls_per_minute, 1),
        ("daily_calls_max", 1 if daily_calls_max is None else daily_calls_max, 1),
    ):
        if name == "retry_delay_seconds":
            _check_type(name, value, Real, "a number of seconds")
        else:
            _check_type(name, value, Integral, f"a whole number, at least {least}")
        if not value >= least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    _check_type("answer_rate", answer_rate, Real, "a number from 0 to 1")
    _check_type("average_call_seconds", average_call_seconds, Real, "a number of seconds")
    if not 0 <= answer_rate <= 1:
        raise ValueError(f"answer_rate must be from 0 to 1, not {answer_rate}")
    if not average_call_seconds > 0:
        raise ValueError(f"average_call_seconds must be greater than 0, not {average_call_seconds}")
    if contacts == 0:
        return Estimate(0, (0, 0), (0.0, 0.0))
    calls = _calls(contacts, answer_rate, retries_per_contact)
    lines = min(max_concurrent_calls, contacts)
    per_call = average_call_seconds / lines
    low = max(
        (calls[0] - _SIGMAS * math.sqrt(calls[0])) * per_call,
        _paced(calls[0], calls_per_minute, math.floor),
        _certain_rounds(contacts, answer_rate, retries_per_contact) * retry_delay_seconds,
        0.0,
    )
    busy = (calls[1] + _SIGMAS * math.sqrt(calls[1])) * per_call
    paced = _paced(calls[1], calls_per_minute, math.ceil)
    high = (
        max(busy, paced)
        + min(busy, paced) / 4
        + retries_per_contact * retry_delay_seconds
        + average_call_seconds * (math.log(lines) + 4)
    )
    if daily_calls_max is not None:
        low = max(low, (math.ceil(calls[0] / daily_calls_max) - 2) * _DAY)
        high += (math.ceil(calls[1] / daily_calls_max) - 1) * _DAY
    return Estimate(contacts, calls, (low, high))


def _contacts(rows: int | ContactsReport | CleanReport) -> int:
    if isinstance(rows, CleanReport):
        return rows.kept
    contacts = rows.rows if isinstance(rows, ContactsReport) else rows
    form = "the number of contacts, or the report of check() or clean()"
    _check_type("rows", contacts, Integral, form)
    if contacts < 0:
        raise ValueError(f"rows must be at least 0, not {contacts}")
    return contacts


def _check_type(name: str, value: object, kind: type[Integral | Real], form: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} must be {form}, not {value!r:.80}")


def _calls(contacts: int, answer_rate: float, retries: int) -> tuple[int, int]:
    # The probability that a contact needs more than k attempts is (1 - p)**k.
    more = [(1 - answer_rate) ** k for k in range(retries + 1)]
    mean = sum(more)
    variance = max(0.0, sum((2 * k + 1) * share for k, share in enumerate(more)) - mean**2)
    spread = _SIGMAS * math.sqrt(contacts * variance)
    low = max(contacts, math.floor(contacts * mean - spread))
    high = min(contacts * (retries + 1), math.ceil(contacts * mean + spread))
    return low, max(low, high)


def _paced(calls: int, per_minute: int | None, rounded: Callable[[float], int]) -> float:
    return 0.0 if per_minute is None else 60.0 * rounded((calls - 1) / per_minute)


def _certain_rounds(contacts: int, answer_rate: float, retries: int) -> int:
    rounds = 0
    while rounds < retries and contacts * (1 - answer_rate) ** (rounds + 1) >= _NEARLY_CERTAIN:
        rounds += 1
    return rounds


def _readable(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.1f} days"
