"""``kataven campaigns report``: one page about a campaign, for people who do not use a terminal.

Reads every contact of the campaign, or of a table that an export has written, which may be that of
an entire plan; what the page looks like is in ``report_page``.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kataven.cli.bar import bar
from kataven.cli.campaigns.ids import CAMPAIGN_ID
from kataven.cli.campaigns.report_findings import Findings
from kataven.cli.campaigns.report_page import page
from kataven.cli.output import note, say
from kataven.cli.session import Session, command
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kataven import KatavenClient

__all__ = ["report", "write_page"]

_PAGE = 100


@command(
    "report",
    examples=[
        "kataven campaigns report cmp_1 -o report.html",
        "kataven campaigns report cmp_1 -o report.html --cleaned report.json",
        "kataven campaigns report --results may.csv -o report.html",
    ],
)
@click.argument("campaign_id", metavar="[ID]", required=False, type=CAMPAIGN_ID)
@click.option(
    "--results",
    metavar="FILE",
    help="Read the contacts from a table that 'kataven campaigns export' or 'kataven bulk results' "
    "wrote, instead of the Hub.",
)
@click.option("-o", "--output", required=True, metavar="FILE", help="Where the page goes.")
@click.option(
    "--cleaned",
    metavar="FILE",
    help="What 'kataven contacts clean --report' wrote, to show what the list lost.",
)
@click.option(
    "--with-contacts", is_flag=True, help="List every contact with its phone number on the page."
)
def report(
    session: Session,
    campaign_id: str | None,
    results: str | None,
    output: str,
    cleaned: str | None,
    with_contacts: bool,
) -> None:
    """Write a page about a campaign: one HTML file, without personal data unless asked for.

    Every contact is read, 100 for each request. With --results nothing is requested of the Hub, and
    the page is about all campaigns in the table.
    """
    losses = None if cleaned is None else _losses(cleaned)
    campaign: Mapping[str, object]
    if results is not None:
        if campaign_id is not None:
            raise click.UsageError("Give the ID of a campaign or --results, not both.")
        campaign, findings = _of_table(Path(results), keep=with_contacts)
    elif campaign_id is None:
        raise click.UsageError("Give the ID of a campaign, or --results FILE.")
    else:
        with session.access.client() as client:
            campaign = client.campaigns.get(campaign_id)
            findings = _read(session, client, campaign_id, keep=with_contacts)
    text = page(campaign, findings, losses, datetime.now().astimezone())
    write_page(Path(output), text)
    say(f"{counted(findings.contacts, 'contact')}: {output}")
    if campaign.get("status") in ("running", "paused", "draft", "scheduled"):
        note(f"The campaign has not finished ({campaign['status']}).", fg="yellow")


def _read(session: Session, client: KatavenClient, campaign_id: str, *, keep: bool) -> Findings:
    findings = Findings()
    with bar("Reading contacts", quiet=session.quiet, counted=True) as show:
        total = client.campaigns.list_contacts(campaign_id).get("total")
        known = total if isinstance(total, int) else None
        for contact in client.campaigns.iter_contacts(campaign_id):
            findings.add(contact, keep=keep)
            if findings.contacts % _PAGE == 0:
                show(findings.contacts, known)
        show(findings.contacts, findings.contacts)
    return findings


def _of_table(path: Path, *, keep: bool) -> tuple[Mapping[str, object], Findings]:
    """Return what there is to say about the campaigns in a table, and its contacts."""
    from kataven.contacts.export.reader import read_table
    from kataven.contacts.export.targets import format_of

    findings = Findings()
    campaigns: set[str] = set()
    try:
        for contact in read_table(path, format_of(path)):
            findings.add(contact, keep=keep)
            campaigns.add(str(contact.get("campaign_id") or ""))
    except ValueError as error:
        raise click.UsageError(
            f"{path} is not a table that 'kataven campaigns export' or 'kataven bulk results' "
            f"wrote: {error}"
        ) from None
    campaigns.discard("")
    shown = f"{len(campaigns):,} campaigns" if len(campaigns) > 1 else next(iter(campaigns), None)
    return {"name": path.stem, "id": shown}, findings


def _losses(path: str) -> Mapping[str, object]:
    try:
        losses = json.loads(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise click.UsageError(
            f"{path} is not a report of 'kataven contacts clean': {error}"
        ) from None
    if not isinstance(losses, dict) or "dropped" not in losses:
        raise click.UsageError(
            f"{path} is not a report of 'kataven contacts clean': it has no key 'dropped'"
        )
    return losses


def write_page(path: Path, text: str) -> None:
    """Replace the file in one step, so that an interruption leaves no half page."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(OSError):
            fresh.unlink()
