"""``kataven campaigns retry``: who was not reached, as a list, or as a campaign that is run.

Knows where the settings of the next campaign come from: the campaigns that are tried again.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import click

from kataven.cli.campaigns.export import words
from kataven.cli.campaigns.ids import CAMPAIGN_ID
from kataven.cli.campaigns.run import run_list
from kataven.cli.confirm import end_dry_run
from kataven.cli.contacts.problems import ContactList
from kataven.cli.output import document, note, say
from kataven.cli.session import Session, command, not_empty, refused_values
from kataven.contacts._files import replaced
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven.cli.campaigns.form import Form

_CALLER: Final = ("agent_id", "phone_number_id")
# With what the Hub takes where a campaign does not say.
_SETTINGS: Final = {
    "max_concurrent_calls": 5,
    "retries_per_contact": 0,
    "retry_delay_seconds": 300,
}
_NOT_REACHED: Final = "failed"
_NAMED: Final = 3


@command(
    "retry",
    json=True,
    examples=[
        "kataven campaigns retry cmp_1 --last-error busy,no_answer -o retry.csv",
        "kataven campaigns retry cmp_1 --run --yes",
    ],
)
@click.argument("campaign_ids", metavar="ID...", nargs=-1, required=True, type=CAMPAIGN_ID)
@click.option("--status", default=_NOT_REACHED, show_default=True, help="Contacts of this status.")
@click.option(
    "--last-error", metavar="WORD,...", help="Only contacts with one of these last errors."
)
@click.option("-o", "--output", metavar="FILE", help="Where the list goes.")
@click.option("--run", "dial", is_flag=True, help="Create a campaign of the list and run it.")
@click.option(
    "--name",
    callback=not_empty,
    help="With --run: the name. Default: that of the first campaign, and 'retry'.",
)
@click.option(
    "--agent-id",
    callback=not_empty,
    help="With --run: the agent. Default: that of the campaigns, if it is the same.",
)
@click.option(
    "--phone-number-id",
    callback=not_empty,
    help="With --run: the number. Default: that of the campaigns, if it is the same.",
)
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

    With --run they are called again by a new campaign, after a question. It calls as many at once,
    and tries each as often, as the first of the campaigns.
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
                with replaced(output) as target:
                    shutil.copyfileobj(found, target)
            contacts = ContactList(found.read(), "retry.csv")
    if not rows:
        note("Nobody is to be called again: no contact matches.")
    if output is not None:
        if session.json:
            document({"path": output, "rows": rows})
        else:
            say(f"{counted(rows, 'contact')}: {output}")
        return 0
    if not rows:
        if dry_run:
            end_dry_run(session, "nothing was created.", contacts=0, campaign=None)
        elif session.json:
            document({"id": None, "rows": 0})
        return 0
    form = _form(campaigns, name, agent_id, phone_number_id)
    if not session.quiet:
        _say_what_differs(campaigns)
    source = f"{rows:,} of {_named(ids)} {_selected(status, last_error)}"
    return run_list(session, form, contacts, rows, yes=yes, dry_run=dry_run, source=source)


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= _NAMED else f"{len(ids):,} campaigns"


def _selected(status: str, last_error: str | None) -> str:
    reached = "that were not reached" if status == _NOT_REACHED else f"with status {status}"
    return reached if last_error is None else f"{reached} ({last_error})"


def _say_what_differs(campaigns: Sequence[Mapping[str, object]]) -> None:
    first = campaigns[0]
    for name in _SETTINGS:
        if len({_setting(campaign, name) for campaign in campaigns}) > 1:
            note(f"The campaigns have different {name}: {_setting(first, name)}, as in the first.")


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
        "max_concurrent_calls": _setting(first, "max_concurrent_calls"),
        "retries_per_contact": _setting(first, "retries_per_contact"),
        "retry_delay_seconds": _setting(first, "retry_delay_seconds"),
        "scheduled_at": None,
        "allow_duplicates": False,
        "no_check": False,
    }


def _setting(campaign: Mapping[str, object], name: str) -> int:
    value = campaign.get(name)
    return value if isinstance(value, int) else _SETTINGS[name]
