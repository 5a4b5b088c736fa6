"""``kataven campaigns list | get | contacts``: what the Hub knows of campaigns.

Knows how campaigns and contacts look in a table. Changes nothing on the Hub.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

import click

from kataven.campaigns.listing import incomplete
from kataven.cli.campaigns.ids import CAMPAIGN_ID, remember
from kataven.cli.output import document, fields, line, note, say, table
from kataven.cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven import KatavenClient

_SHOWN = 100
_COLUMNS = ("id", "name", "status", "created_at")
_FRACTION = re.compile(r"\.\d+")
_CONTACT_COLUMNS = ("phone_number", "status", "attempts", "last_error", "last_attempt_at")


@command(
    "list",
    json=True,
    jsonl=True,
    examples=["kataven campaigns list", "kataven campaigns list --json"],
)
@click.option("--status", help="Only campaigns of this status, such as running.")
def list_campaigns(session: Session, status: str | None) -> None:
    """List the campaigns of the account.

    The Hub's list is shown as it is: one request. Whether the Hub divides a long list into pages is
    not documented, so a list of exactly 100 may be incomplete.
    """
    with session.access.client() as client:
        found = client.campaigns.list()
    rows = [row for row in found.get("campaigns", []) if status in (None, row.get("status"))]
    remember(rows)
    if session.json:
        document({**found, "campaigns": rows} if status else found)
    elif session.jsonl:
        for row in rows:
            line(row)
    elif rows:
        table(_COLUMNS, [_cells(row, _COLUMNS) for row in rows])
    else:
        say(f"There are no campaigns{f' with the status {status}' if status else ''}.")
    size = incomplete(found.get("campaigns", []), found.get("total"))
    if size is not None:
        note(f"The list has {size} campaigns: it may be incomplete.", fg="yellow")


@command("get", json=True, examples=["kataven campaigns get cmp_1"])
@click.argument("campaign_id", metavar="ID", type=CAMPAIGN_ID)
def get(session: Session, campaign_id: str) -> None:
    """Show a campaign."""
    with session.access.client() as client:
        campaign = client.campaigns.get(campaign_id)
    if session.json:
        document(campaign)
    else:
        fields(campaign)


@command(
    "contacts",
    json=True,
    jsonl=True,
    examples=[
        "kataven campaigns contacts cmp_1 --status failed",
        "kataven campaigns contacts cmp_1 --status failed --jsonl",
    ],
)
@click.argument("campaign_id", metavar="ID", type=CAMPAIGN_ID)
@click.option("--status", help="Only contacts of this status, such as failed.")
@click.option(
    "--page",
    type=click.IntRange(min=0),
    help="Only this page of 100, counted from 0; with --json the Hub's own document.",
)
def contacts(session: Session, campaign_id: str, status: str | None, page: int | None) -> None:
    """List the contacts of a campaign, 100 for each request."""
    with session.access.client() as client:
        if session.json or page is not None:
            _page(session, client, campaign_id, status, page or 0)
            return
        rows = client.campaigns.iter_contacts(campaign_id, status)
        if session.jsonl:
            for row in rows:
                line(row)
            return
        first = list(islice(rows, _SHOWN))
        _show(first)
        if len(first) == _SHOWN and next(rows, None) is not None:
            note(
                "The first 100 are shown: --jsonl prints all, 'kataven campaigns export' writes "
                "them to a file."
            )


def _page(
    session: Session, client: KatavenClient, campaign_id: str, status: str | None, page: int
) -> None:
    found = client.campaigns.list_contacts(campaign_id, status, page)
    if session.json:
        document(found)
    elif session.jsonl:
        for row in found.get("contacts", []):
            line(row)
    else:
        _show(found.get("contacts", []))


def _show(rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        table(_CONTACT_COLUMNS, [_cells(row, _CONTACT_COLUMNS) for row in rows])
    else:
        say("There are no such contacts.")


def _cells(row: Mapping[str, object], columns: Sequence[str]) -> list[object]:
    # People do not need the nanoseconds of a time; a narrow column is folded at the space.
    return [
        _FRACTION.sub("", str(row[name])).replace("T", " ")
        if name.endswith("_at") and row.get(name)
        else row.get(name)
        for name in columns
    ]
