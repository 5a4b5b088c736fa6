"""``kataven campaigns run``: creates a campaign, starts it and follows it to its end.

Says first what will happen, and asks. Nothing is ever undone: a campaign that was created is still
there after an interruption, and the text says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from kataven.cli.campaigns.create import checked_list, send_form
from kataven.cli.campaigns.follow import Followed, follow, say_what_goes_on, show_end
from kataven.cli.campaigns.form import form_options, settings_of
from kataven.cli.campaigns.plan import Plan, read_account, show_plan
from kataven.cli.confirm import before_anything_is_sent, confirm, end_dry_run
from kataven.cli.output import document, note, offer
from kataven.cli.session import Session, command
from kataven.contacts._problems import counted
from kataven.errors import KatavenError, ResponseFormatError

if TYPE_CHECKING:
    from kataven import KatavenClient
    from kataven.cli.campaigns.form import Form
    from kataven.cli.contacts.problems import ContactList
    from kataven.cli.exit_codes import Exit

__all__ = ["run", "run_list"]


@command(
    "run",
    json=True,
    jsonl=True,
    examples=[
        (
            "kataven campaigns run --name Renewals --agent-id agent_1 "
            "--phone-number-id number_1 --contacts contacts.csv --yes"
        ),
    ],
)
@form_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Check everything and show what would happen.")
def run(session: Session, yes: bool, dry_run: bool, **form: Unpack[Form]) -> int:
    """Create a campaign, start it, and follow it until it finishes.

    The list is checked first; a list with errors, or with a telephone that is in it twice, is
    refused. With --scheduled-at the campaign is created and followed, but not started.
    """
    contacts, report = checked_list(form)
    return run_list(session, form, contacts, report.rows, yes=yes, dry_run=dry_run)


def run_list(
    session: Session,
    form: Form,
    contacts: ContactList,
    people: int,
    *,
    yes: bool,
    dry_run: bool,
    source: str | None = None,
) -> int:
    """Say what will happen, ask, and run a campaign with a list.

    Args:
        session: The shared options.
        form: The settings of the campaign.
        contacts: The list, already checked.
        people: The number of contacts in it.
        yes: Whether not to ask.
        dry_run: Whether to send nothing that changes anything.
        source: Where the list comes from, None for a file.

    Returns:
        The exit code.
    """
    credentials = session.access.credentials()
    with session.access.client(credentials) as client:
        scheduled = form["scheduled_at"]
        when = None if scheduled is None else scheduled.shown
        source = source or f"{contacts.name} ({counted(people, 'row')})"
        plan = Plan(people, dict(form), source, when)
        if not session.quiet or not yes:
            with before_anything_is_sent():
                show_plan(plan, read_account(client), credentials)
        if dry_run:
            text = "nothing was created, and nobody is called."
            end_dry_run(session, text, contacts=people, campaign=settings_of(form))
            return 0
        confirm("Create the campaign" if scheduled else "Create the campaign and start it", yes=yes)
        return _run(session, client, form, contacts)


def _run(session: Session, client: KatavenClient, form: Form, contacts: ContactList) -> int:
    campaign = send_form(client, form, contacts)
    campaign_id = campaign.get("id")
    if not isinstance(campaign_id, str):
        raise ResponseFormatError(
            "the Hub created the campaign, but its response has no id, so it was not started: find "
            "it with 'kataven campaigns list'",
            status_code=201,
            request_sent=True,
        )
    followed = [Followed(campaign_id, form["name"])]
    if not session.quiet:
        note(f"Campaign {campaign_id} is created.")
    try:
        if form["scheduled_at"] is None:
            _start(client, campaign_id)
        code = _follow(client, followed, session)
    except KatavenError:
        note(f"Campaign {campaign_id} exists: kataven campaigns get {campaign_id} shows its state.")
        raise
    if session.json:
        document(client.campaigns.get(campaign_id))
    elif session.for_people and not session.quiet:
        show_end(client, followed)
    return code


def _start(client: KatavenClient, campaign_id: str) -> None:
    try:
        client.campaigns.start(campaign_id)
    except KeyboardInterrupt:
        note(f"Campaign {campaign_id} is created, and may have been started.")
        offer("  look:         ", f"campaigns get {campaign_id}")
        offer("  pause:        ", f"campaigns pause {campaign_id}")
        offer("  stop for good:", f"campaigns stop {campaign_id}")
        raise


def _follow(client: KatavenClient, followed: list[Followed], session: Session) -> Exit:
    try:
        return follow(client, followed, session)
    except KeyboardInterrupt:
        say_what_goes_on(followed)
        raise
