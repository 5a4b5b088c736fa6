"""``kataven campaigns create``: checks a list and makes a draft of it. Nobody is called.

Knows the form and the list. What dials is in ``run`` and ``control``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from kataven.cli.campaigns.form import form_options, settings_of
from kataven.cli.confirm import before_anything_is_sent, end_dry_run
from kataven.cli.contacts.problems import read_list, refuse
from kataven.cli.output import document, note, offer, printable, say
from kataven.cli.session import Session, command
from kataven.contacts import check
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from kataven import KatavenClient
    from kataven.cli.campaigns.form import Form
    from kataven.cli.contacts.problems import ContactList
    from kataven.contacts import ContactsReport
    from kataven.types import Campaign

__all__ = ["checked_list", "create", "send_form"]


@command(
    "create",
    json=True,
    examples=[
        (
            "kataven campaigns create --name Renewals --agent-id agent_1 "
            "--phone-number-id number_1 --contacts contacts.csv"
        ),
    ],
)
@form_options
@click.option("--dry-run", is_flag=True, help="Check everything; create nothing.")
def create(session: Session, dry_run: bool, **form: Unpack[Form]) -> None:
    """Create a draft from a contact list; nobody is called before 'kataven campaigns start'.

    The list is checked first. A list with errors, or with a telephone that is in it twice, is
    refused, and nothing is sent.
    """
    contacts, report = checked_list(form)
    credentials = session.access.credentials()
    if (scheduled := form["scheduled_at"]) is not None:
        note(f"Scheduled for {scheduled.shown}.")
    if dry_run:
        size = counted(report.rows, "contact")
        text = f"a draft with {size} would be created; nothing was sent."
        end_dry_run(session, text, contacts=report.rows, campaign=settings_of(form))
        return
    with session.access.client(credentials) as client:
        campaign = send_form(client, form, contacts)
    if session.json:
        document(campaign)
        return
    status = str(campaign.get("status", "created"))
    is_what = "a draft" if status == "draft" else printable(status)
    say(f"Campaign {campaign.get('id')} is {is_what}, with {counted(report.rows, 'contact')}.")
    if not session.quiet:
        offer("Start it:", f"campaigns start {campaign.get('id')}")


def checked_list(form: Form) -> tuple[ContactList, ContactsReport]:
    """Read the list and check it.

    Raises:
        ContactsError: It is refused.
    """
    with before_anything_is_sent():
        contacts = read_list(form["contacts"])
        report = check(contacts)
        if not form["no_check"]:
            refuse(report, allow_duplicates=form["allow_duplicates"])
    return contacts, report


def send_form(client: KatavenClient, form: Form, contacts: ContactList) -> Campaign:
    """Create the campaign."""
    return client.campaigns.create(contacts=contacts, **settings_of(form))
