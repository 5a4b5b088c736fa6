"""``kataven campaigns retry``: who was not reached, as a list, or as a campaign that is run.

Knows where the settings of the next campaign come from: the campaigns that are tried again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kataven.cli.campaigns.export import words
from kataven.cli.campaigns.ids import CAMPAIGN_ID
from kataven.cli.campaigns.run import run_list
from kataven.cli.contacts.problems import ContactList
from kataven.cli.output import document, note, say
from kataven.cli.session import Session, command, refused_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven.cli.campaigns.form import Form

_CALLER = ("agent_id", "phone_number_id")


@command(
    "retry",
    json=True,
    examples=[
        "kataven campaigns retry cmp_1 --last-error busy,no_answer -o retry.csv",
        "kataven campaigns retry cmp_1 --run --yes",
    ],
)
@click.argument("campaign_ids", metavar="ID...", nargs=-1, required=True, type=CAMPAIGN_ID)
@click.option("--status", default="failed", show_default=True, help="Contacts of this status.")
@click.option(
    "--last-error", metavar="WORD,...", help="Only contacts with one of these last errors."
)
@click.option("-o", "--output", metavar="FILE", help="Where the list goes.")
@click.option("--run", "dial", is_flag=True, help="Create a campaign of the list and run it.")
@click.option("--name", help="With --run: the name. Default: that of the campaign, and 'retry'.")
@click.option("--agent-id", help="With --run: the agent. Default: that of the campaign.")
@click.option("--phone-number-id", help="With --run: the number. Default: that of the campaign.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="With --run: show what would happen.")
def retry(
    session: Session,
    campaign_ids: tuple[str, ...],
    status: str,
    last_error: str | None,
    output: str | None,
    dial: bool,
    name: str | None,
    agent_id: str | None,
    phone_number_id: str | None,
    yes: bool,
    dry_run: bool,
) -> int:
    """List the contacts of campaigns that were not reached, each telephone once.

    With --run they are called again by a new campaign, after a question.
    """
    if dial == (output is not None):
        raise click.UsageError("Pass -o FILE to write the list, or --run to call it.")
    ids = tuple(dict.fromkeys(campaign_ids))
    with session.access.client() as client:
        campaigns = [client.campaigns.get(campaign_id) for campaign_id in ids] if dial else []
        with (
            refused_values(),
            client.campaigns.retry_list(ids, status=status, last_error=words(last_error)) as found,
        ):
            rows = found.rows
            if output is not None:
                with Path(output).open("wb") as target:
                    shutil.copyfileobj(found, target)
            contacts = ContactList(found.read(), "retry.csv")
    if not rows:
        note("Nobody is to be called again: no contact matches.")
    if output is not None:
        if session.json:
            document({"path": output, "rows": rows})
        else:
            say(f"{rows:,} contacts: {output}")
        return 0
    if not rows:
        return 0
    form = _form(campaigns, name, agent_id, phone_number_id)
    return run_list(session, form, contacts, rows, yes=yes, dry_run=dry_run)


def _form(
    campaigns: Sequence[Mapping[str, object]],
    name: str | None,
    agent_id: str | None,
    phone_number_id: str | None,
) -> Form:
    """Take the settings from the campaigns; where they differ, an option must decide."""
    caller = dict(zip(_CALLER, (agent_id, phone_number_id), strict=True))
    for key, given in caller.items():
        found = {str(campaign.get(key) or "") for campaign in campaigns}
        if given is None and (len(found) > 1 or found == {""}):
            option = f"--{key.replace('_', '-')}"
            raise click.UsageError(f"The campaigns have no {key} in common: pass {option}.")
        caller[key] = given or found.pop()
    first = campaigns[0]
    return {
        "name": name or f"{first.get('name')} (retry)",
        "agent_id": str(caller["agent_id"]),
        "phone_number_id": str(caller["phone_number_id"]),
        "contacts": "retry.csv",
        "max_concurrent_calls": _setting(first, "max_concurrent_calls", 5),
        "retries_per_contact": _setting(first, "retries_per_contact", 0),
        "retry_delay_seconds": _setting(first, "retry_delay_seconds", 300),
        "scheduled_at": None,
        "allow_duplicates": False,
        "no_check": False,
    }


def _setting(campaign: Mapping[str, object], name: str, default: int) -> int:
    value = campaign.get(name)
    return value if isinstance(value, int) else default
