"""``kataven campaigns start | pause | resume | delete``: one request that changes a campaign.

What begins to dial says first what will happen, and asks; so does what cannot be undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kataven.cli.campaigns.ids import CAMPAIGN_ID
from kataven.cli.campaigns.plan import Plan, read_account, show_plan
from kataven.cli.confirm import before_anything_is_sent, confirm, end_dry_run
from kataven.cli.output import document, note, offer, say
from kataven.cli.session import Session, command
from kataven.cli.wording import as_commands
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kataven import KatavenClient

_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
_dry_run = click.option(
    "--dry-run", is_flag=True, help="Show what would happen; send nothing that changes anything."
)
_campaign_id = click.argument("campaign_id", metavar="ID", type=CAMPAIGN_ID)


@command(
    "start",
    json=True,
    examples=["kataven campaigns start cmp_1", "kataven campaigns start cmp_1 --yes"],
)
@_campaign_id
@_yes
@_dry_run
def start(session: Session, campaign_id: str, yes: bool, dry_run: bool) -> None:
    """Start a draft: the Hub begins to call, within the account's limits."""
    _dial(session, campaign_id, "start", yes=yes, dry_run=dry_run)


@command(
    "resume",
    json=True,
    examples=["kataven campaigns resume cmp_1 --yes"],
)
@_campaign_id
@_yes
@_dry_run
def resume(session: Session, campaign_id: str, yes: bool, dry_run: bool) -> None:
    """Resume a paused campaign: the Hub continues to call."""
    _dial(session, campaign_id, "resume", yes=yes, dry_run=dry_run)


def _dial(session: Session, campaign_id: str, verb: str, *, yes: bool, dry_run: bool) -> None:
    credentials = session.access.credentials()
    with session.access.client(credentials) as client:
        with before_anything_is_sent():
            campaign = client.campaigns.get(campaign_id)
            plan = Plan(_people(client, campaign_id), campaign, _title(campaign_id, campaign))
            if not session.quiet or not yes:
                show_plan(plan, read_account(client, without=campaign_id), credentials)
        if dry_run:
            end_dry_run(session, "nothing was changed.", contacts=plan.people, campaign=campaign)
            return
        confirm(f"{verb.capitalize()} campaign {campaign_id}", yes=yes)
        send = client.campaigns.start if verb == "start" else client.campaigns.resume
        _changed(session, send, campaign_id, "is running" if verb == "start" else "runs again")
    if not session.quiet and session.for_people:
        offer("Follow it:", f"campaigns watch {campaign_id}")


def _people(client: KatavenClient, campaign_id: str) -> int | None:
    """Return the number of contacts: ``total`` of the first page, None if the Hub does not say."""
    try:
        total = client.campaigns.list_contacts(campaign_id).get("total")
    except KatavenError as error:
        note(f"The contacts could not be counted: {as_commands(str(error))}", fg="yellow")
        return None
    return total if isinstance(total, int) else None


def _title(campaign_id: str, campaign: Mapping[str, object]) -> str:
    name, status = campaign.get("name"), campaign.get("status")
    return f"campaign {campaign_id} ({name}, {status})"


@command("pause", json=True, examples=["kataven campaigns pause cmp_1"])
@_campaign_id
def pause(session: Session, campaign_id: str) -> None:
    """Pause a running campaign: no new calls; those in flight finish."""
    with session.access.client() as client:
        _changed(session, client.campaigns.pause, campaign_id, "is paused")


def _changed(
    session: Session,
    send: Callable[[str], Mapping[str, object]],
    campaign_id: str,
    what: str,
) -> None:
    response = send(campaign_id)
    if session.json:
        document(response)
    else:
        say(f"Campaign {campaign_id} {what}.")


@command("delete", examples=["kataven campaigns delete cmp_1 --yes"])
@_campaign_id
@_yes
@_dry_run
def delete(session: Session, campaign_id: str, yes: bool, dry_run: bool) -> None:
    """Delete a campaign with its contacts; the Hub refuses while it is running."""
    credentials = session.access.credentials()
    with session.access.client(credentials) as client:
        with before_anything_is_sent():
            campaign = client.campaigns.get(campaign_id)
        note(
            f"This deletes {_title(campaign_id, campaign)} of account {credentials.account} at "
            f"{credentials.base_url} ({credentials.source}). It cannot be undone."
        )
        if dry_run:
            end_dry_run(session, "nothing was changed.")
            return
        confirm(f"Delete campaign {campaign_id}", yes=yes)
        client.campaigns.delete(campaign_id)
    say(f"Campaign {campaign_id} is deleted.")
