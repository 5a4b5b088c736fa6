"""The options of ``create`` and ``run``, under the names of the library's parameters.

Knows the form of a campaign. Sends nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

import click

from kataven.cli.call_settings import CALL_SETTINGS
from kataven.cli.session import not_empty
from kataven.cli.times import scheduled_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven.cli.times import ScheduledTime

__all__ = ["Form", "Settings", "form_options", "settings_of"]


class Form(TypedDict):
    """What ``create`` and ``run`` are asked to create, as click passes it.

    Attributes:
        name: The name of the campaign.
        agent_id: The agent that speaks.
        phone_number_id: The number that calls.
        contacts: The path of the list, ``-`` for standard input.
        max_concurrent_calls: Calls in flight at once.
        retries_per_contact: How often a contact is dialled again.
        retry_delay_seconds: Seconds between two calls to one contact.
        scheduled_at: When to begin, or None.
        allow_duplicates: Whether a telephone may be in the list twice.
        no_check: Whether the rows of the list are not checked first.
    """

    name: str
    agent_id: str
    phone_number_id: str
    contacts: str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    scheduled_at: ScheduledTime | None
    allow_duplicates: bool
    no_check: bool


class Settings(TypedDict):
    """What a campaign is created with, as the Hub takes it; see ``Form``."""

    name: str
    agent_id: str
    phone_number_id: str
    max_concurrent_calls: int
    retries_per_contact: int
    retry_delay_seconds: int
    scheduled_at: str | None


def form_options(function: Callable[..., object]) -> Callable[..., object]:
    """Add the options to a command, which takes them as ``**form: Unpack[Form]``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def settings_of(form: Form) -> Settings:
    """Return what the campaign is created with, without the list."""
    scheduled = form["scheduled_at"]
    return {
        "name": form["name"],
        "agent_id": form["agent_id"],
        "phone_number_id": form["phone_number_id"],
        "max_concurrent_calls": form["max_concurrent_calls"],
        "retries_per_contact": form["retries_per_contact"],
        "retry_delay_seconds": form["retry_delay_seconds"],
        "scheduled_at": None if scheduled is None else scheduled.sent,
    }


def _when(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> ScheduledTime | None:
    return None if text is None else scheduled_time(text, datetime.now().astimezone())


_OPTIONS = (
    click.option("--name", required=True, callback=not_empty, help="A name for people to read."),
    click.option("--agent-id", required=True, callback=not_empty, help="The agent that speaks."),
    click.option(
        "--phone-number-id", required=True, callback=not_empty, help="The number that calls."
    ),
    click.option(
        "--contacts",
        required=True,
        metavar="FILE",
        callback=not_empty,
        help="The contact list, a CSV file with a column phone_number ('-': standard input).",
    ),
    *CALL_SETTINGS,
    click.option(
        "--scheduled-at",
        metavar="TIME",
        callback=_when,
        help="When to begin: RFC 3339, '2026-12-01 09:00 Europe/Berlin', or '+2h'. Whether the Hub "
        "then begins by itself is not documented.",
    ),
    click.option(
        "--allow-duplicates",
        is_flag=True,
        help="Accept a telephone that is in the list twice: it is called twice.",
    ),
    click.option("--no-check", is_flag=True, help="Do not check the rows of the list first."),
)
