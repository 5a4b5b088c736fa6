"""What will happen if a campaign dials: how many people, for how long, within which limits.

Knows the arithmetic of ``kataven.contacts.estimate`` and what the Hub says of the account. What the
Hub does not say is shown as unknown and never guessed. Prints to standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.campaigns.listing import incomplete
from kataven.cli.output import fields, note
from kataven.cli.wording import as_commands
from kataven.errors import APIConnectionError, AuthenticationError, KatavenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven import KatavenClient
    from kataven.cli.credentials import Credentials

__all__ = [
    "UNKNOWN",
    "Account",
    "Plan",
    "read_account",
    "show_plan",
    "shown_estimate",
    "shown_left",
    "shown_limits",
    "shown_settings",
]

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Account:
    """What the account may do, as far as the Hub says it.

    Attributes:
        limits: The call limits, or None if they could not be read.
        running: The ids of the running campaigns, or None if they could not be read.
        reserved: How many concurrent calls the running campaigns may use, or None if one of them
            does not say.
        may_be_incomplete: Whether the list of campaigns may be incomplete.
    """

    limits: Mapping[str, object] | None
    running: tuple[str, ...] | None
    reserved: int | None
    may_be_incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign that is about to dial.

    Attributes:
        people: The number of contacts, or None if unknown.
        campaign: The campaign's settings, under the Hub's names; a missing one is unknown.
        source: Where the list comes from, or the id of the campaign.
        scheduled: When it begins, or None for now.
    """

    people: int | None
    campaign: Mapping[str, object]
    source: str
    scheduled: str | None = None


def read_account(client: KatavenClient, *, without: str | None = None) -> Account:
    """Read the limits of the account and what runs beside a campaign.

    Args:
        client: The client.
        without: The id of a campaign that does not count.

    Returns:
        The account; what the Hub refuses to say is None.

    Raises:
        AuthenticationError, APIConnectionError: The key or the URL is wrong.
    """
    try:
        limits: Mapping[str, object] | None = client.call_limits()
    except (AuthenticationError, APIConnectionError):
        # A wrong key or URL: a plan of which nothing is known helps nobody.
        raise
    except KatavenError as error:
        note(
            f"The call limits of the account could not be read: {as_commands(str(error))}",
            fg="yellow",
        )
        limits = None
    try:
        found = client.campaigns.list()
    except KatavenError as error:
        note(f"The running campaigns could not be read: {as_commands(str(error))}", fg="yellow")
        return Account(limits, None, None)
    campaigns = found.get("campaigns", [])
    running = [
        campaign
        for campaign in campaigns
        if campaign.get("status") == "running" and campaign.get("id") != without
    ]
    shares = [campaign.get("max_concurrent_calls") for campaign in running]
    known = [share for share in shares if isinstance(share, int)]
    return Account(
        limits,
        tuple(str(campaign.get("id")) for campaign in running),
        sum(known) if len(known) == len(shares) else None,
        incomplete(campaigns, found.get("total")) is not None,
    )


def show_plan(plan: Plan, account: Account, credentials: Credentials) -> None:
    """Print what will happen."""
    people = UNKNOWN if plan.people is None else f"{plan.people:,}"
    who = f"{people} {'person' if plan.people == 1 else 'people'}"
    when = "" if plan.scheduled is None else f" at {plan.scheduled}"
    note(f"This calls {who}{when}:", bold=True)
    campaign = plan.campaign
    fields(
        {
            "  contacts": plan.source,
            "  agent_id": campaign.get("agent_id") or UNKNOWN,
            "  phone_number_id": campaign.get("phone_number_id") or UNKNOWN,
            "  at once": shown_settings(campaign),
            "  estimate": shown_estimate(plan, account),
            "  account's limits": shown_limits(account),
            "  concurrency left": shown_left(campaign, account),
            "  account": f"{credentials.account} at {credentials.base_url} ({credentials.source})",
        },
        to_stderr=True,
    )


def shown_settings(campaign: Mapping[str, object]) -> str:
    """Format how a campaign calls."""
    concurrent = campaign.get("max_concurrent_calls")
    retries = campaign.get("retries_per_contact")
    delay = campaign.get("retry_delay_seconds")
    calls = "call" if concurrent == 1 else "calls"
    shown = f"{UNKNOWN if concurrent is None else concurrent} {calls}"
    if retries is None:
        return f"{shown}, retries {UNKNOWN}"
    if not retries:
        return f"{shown}, no retries"
    return f"{shown}, {retries} retries after {UNKNOWN if delay is None else delay} s"


def shown_estimate(plan: Plan, account: Account) -> str:
    """Format how many calls a campaign takes, and how long."""
    from kataven.cli.contacts.estimate import calls, duration
    from kataven.contacts import estimate

    concurrent, retries, delay = (
        plan.campaign.get(name)
        for name in ("max_concurrent_calls", "retries_per_contact", "retry_delay_seconds")
    )
    if not (
        plan.people is not None
        and isinstance(concurrent, int)
        and isinstance(retries, int)
        and isinstance(delay, int)
        and concurrent > 0
    ):
        return UNKNOWN
    limits = account.limits or {}
    found = estimate(
        plan.people,
        max_concurrent_calls=concurrent,
        retries_per_contact=retries,
        retry_delay_seconds=delay,
        calls_per_minute=_positive(limits.get("calls_per_minute")),
        daily_calls_max=_positive(limits.get("daily_calls_max")),
    )
    return f"{calls(found)}, {duration(found)}"


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def shown_limits(account: Account) -> str:
    """Format the limits of an account."""
    names = {
        "concurrent_max": "at once",
        "calls_per_minute": "a minute",
        "daily_calls_max": "calls a day",
        "daily_minutes_max": "minutes a day",
    }
    if account.limits is None:
        return UNKNOWN
    shown = (
        f"{value:,} {words}" if isinstance(value, int) else f"{UNKNOWN} {words}"
        for name, words in names.items()
        for value in (account.limits.get(name),)
    )
    return ", ".join(shown)


def shown_left(campaign: Mapping[str, object], account: Account) -> str:
    """Format how many calls at once the account has left for a campaign."""
    most = (account.limits or {}).get("concurrent_max")
    if not isinstance(most, int) or account.running is None or account.reserved is None:
        return UNKNOWN
    left = max(0, most - account.reserved)
    count = len(account.running)
    beside = f"{count} running {'campaign' if count == 1 else 'campaigns'}"
    shown = f"{left} of {most} beside {beside}" if count else f"{most} of {most}, nothing runs"
    wanted = campaign.get("max_concurrent_calls")
    if isinstance(wanted, int) and wanted > left:
        shown += f"; less than the {wanted} of this campaign"
    return shown + (
        " (the list of campaigns may be incomplete)" if account.may_be_incomplete else ""
    )
