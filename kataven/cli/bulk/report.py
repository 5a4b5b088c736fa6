"""``kataven bulk report``: one page about a run, made of its results.

Reads the file that ``kataven bulk results`` wrote, because reading the contacts of a long list once
more would take days of the quota. What the page looks like is in ``campaigns.report_page``.
"""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack

import click

from kataven.cli.bar import bar
from kataven.cli.bulk.options import DIRECTORY, Store, launched, store_options
from kataven.cli.bulk.prepare import losses_of
from kataven.cli.bulk.view import counted
from kataven.cli.campaigns.report import write_page
from kataven.cli.campaigns.report_findings import Findings
from kataven.cli.campaigns.report_page import page
from kataven.cli.output import note, say
from kataven.cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    from kataven.bulk import BulkPlan, BulkProgress

_STEP: Final = 1_000


@command(
    "report",
    hub=False,
    examples=["kataven bulk report spring --results results.csv -o report.html"],
)
@DIRECTORY
@click.option(
    "--results",
    required=True,
    metavar="FILE",
    help="What 'kataven bulk results' wrote: a .csv or .jsonl file.",
)
@click.option("-o", "--output", required=True, metavar="FILE", help="Where the page goes.")
@store_options
def report(
    session: Session, directory: str, results: str, output: str, **store: Unpack[Store]
) -> None:
    """Write a page about a run: one HTML file, without personal data.

    It is made of the results and of what 'prepare' dropped; nothing is sent.
    """
    run, settings = launched(directory, store)
    findings = _read(session, Path(results), run.progress)
    campaign = {
        **asdict(settings),
        "status": f"{len(run.plan.parts):,} campaigns: {counted(run.progress)}",
    }
    text = page(campaign, findings, _losses(run.plan), datetime.now().astimezone())
    write_page(Path(output), text)
    say(f"{findings.contacts:,} contacts: {output}")
    if not run.progress.finished:
        note("The run has not finished.", fg="yellow")


def _losses(plan: BulkPlan) -> Mapping[str, object]:
    return {"rows": plan.totals.rows, "kept": plan.totals.kept, "dropped": losses_of(plan)[0]}


def _read(session: Session, path: Path, progress: BulkProgress) -> Findings:
    """Count the contacts of the results.

    Raises:
        click.UsageError: They are not results, or those of another run.
    """
    findings = Findings()
    campaigns = {part.campaign_id for part in progress.parts}
    with (
        path.open(encoding="utf-8-sig", newline="") as file,
        bar("Reading results", quiet=session.quiet, counted=True) as show,
    ):
        for contact in _contacts(file, path):
            if contact.get("campaign_id") not in campaigns:
                raise click.UsageError(
                    f"{path} is not a file of results of this run: it has the campaign "
                    f"{contact.get('campaign_id')}."
                )
            findings.add(contact, keep=False)
            if findings.contacts % _STEP == 0:
                show(findings.contacts, progress.contacts)
        show(findings.contacts, findings.contacts)
    return findings


def _contacts(file: TextIO, path: Path) -> Iterator[Mapping[str, object]]:
    """Yield the contacts of a file of results.

    Raises:
        click.UsageError: It is not one.
    """
    try:
        if path.suffix in {".jsonl", ".ndjson"}:
            yield from map(_contact, file)
            return
        if path.suffix != ".csv":
            raise click.UsageError("--results takes a .csv or a .jsonl file.")
        for row in csv.DictReader(file, strict=True):
            contact: dict[str, object] = {**row}
            with suppress(KeyError, ValueError):
                contact["attempts"] = int(row["attempts"])
            yield contact
    except (ValueError, TypeError, csv.Error) as error:
        raise click.UsageError(f"{path} is not a file of results: {error}") from None


def _contact(line: str) -> dict[str, object]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise TypeError("a line is not a contact")
    return found
