"""``kataven contacts estimate``: how long a list takes, and how many calls.

Arithmetic of ``kataven.contacts.estimate``; nothing is sent, so the account's limits are options.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from kataven.cli.call_settings import call_settings
from kataven.cli.contacts.problems import open_list, refuse
from kataven.cli.output import document, say
from kataven.cli.session import Session, command, not_empty
from kataven.contacts import check
from kataven.contacts import estimate as estimate_rows
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from kataven.contacts import Estimate

__all__ = ["calls", "duration", "estimate"]


@command(
    "estimate",
    hub=False,
    json=True,
    examples=[
        "kataven contacts estimate contacts.csv --max-concurrent-calls 20",
        "kataven contacts estimate --rows 12000 --retries-per-contact 2",
    ],
)
@click.argument("file", metavar="[FILE]", required=False, callback=not_empty)
@click.option("--rows", type=click.IntRange(min=0), help="The number of contacts, without a list.")
@call_settings
@click.option(
    "--average-call-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=35.0,
    show_default=True,
    help="The mean duration of all attempts, with ringing.",
)
@click.option(
    "--answer-rate",
    type=click.FloatRange(0, 1),
    default=0.67,
    show_default=True,
    help="The share of attempts that complete a contact.",
)
@click.option(
    "--calls-per-minute", type=click.IntRange(min=1), help="The account's limit, if there is one."
)
@click.option(
    "--daily-calls-max", type=click.IntRange(min=1), help="The account's limit, if there is one."
)
def estimate(
    session: Session,
    file: str | None,
    rows: int | None,
    max_concurrent_calls: int,
    retries_per_contact: int,
    retry_delay_seconds: int,
    average_call_seconds: float,
    answer_rate: float,
    calls_per_minute: int | None,
    daily_calls_max: int | None,
) -> None:
    """Estimate how long a list takes; '-' reads standard input.

    Counts the rows, and does not check them. 'kataven limits' shows the limits of the account.
    """
    if (file is None) == (rows is None):
        raise click.UsageError("Name a contact list, or pass --rows.")
    if file is not None:
        with open_list(file) as opened:
            report = check(opened)
        rows = report.rows
        if not rows:
            refuse(report, allow_duplicates=True)
    found = estimate_rows(
        rows or 0,
        max_concurrent_calls=max_concurrent_calls,
        average_call_seconds=average_call_seconds,
        answer_rate=answer_rate,
        retries_per_contact=retries_per_contact,
        retry_delay_seconds=retry_delay_seconds,
        calls_per_minute=calls_per_minute,
        daily_calls_max=daily_calls_max,
    )
    if session.json:
        document(
            {"contacts": found.contacts, "calls": found.calls, "duration_seconds": found.duration}
        )
        return
    say(f"{counted(found.contacts, 'contact')}, {calls(found)}")
    say(duration(found))


def calls(found: Estimate) -> str:
    """Format how many calls a list takes."""
    low, high = found.calls
    return counted(low, "call") if low == high else f"{low:,} to {high:,} calls"


def duration(found: Estimate) -> str:
    """Format how long a list takes."""
    return f"{_hours(found.duration[0])} to {_hours(found.duration[1])}"


def _hours(seconds: float) -> str:
    """Format a duration in hours and minutes, rounded up to a minute."""
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
