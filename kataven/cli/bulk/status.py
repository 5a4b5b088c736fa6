"""``kataven bulk status``: what the ledger of a plan has. Needs no key, and asks no Hub."""

from __future__ import annotations

import sys
from dataclasses import asdict
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final, Unpack

import click

from kataven.cli.bulk.act import SHOWN, code_of, print_run
from kataven.cli.bulk.options import DIRECTORY, Store, open_run, store_options
from kataven.cli.bulk.view import NARROW, counted, hours, notable, part_state
from kataven.cli.campaigns.plan import shown_settings
from kataven.cli.output import fields, note, offer, printable, say, table, takes_drawing
from kataven.cli.render import percent
from kataven.cli.session import Session, command

if TYPE_CHECKING:
    from kataven.cli.bulk.options import Run
    from kataven.cli.exit_codes import Exit

_WANTED: Final = {"running": "running", "paused": "paused", "stopped": "stopped for good"}


@command(
    "status",
    hub=False,
    json=True,
    examples=["kataven bulk status spring", "kataven bulk status spring --all --json"],
)
@DIRECTORY
@click.option("--all", "everything", is_flag=True, help="List all parts.")
@store_options
def status(session: Session, directory: str, everything: bool, **store: Unpack[Store]) -> Exit:
    """Show how far a run is, as the ledger has it; no request is sent.

    Parts that are unknown, failed or in progress are listed. Exits with 9 where parts are unknown.
    The ledger is as recent as the last request of a launch or watch.
    """
    run = open_run(directory, store)
    if session.json:
        print_run(session, run, run.progress)
    else:
        _show(run, everything=everything)
        if not session.quiet:
            _offer(run)
    return code_of(run.progress)


def _show(run: Run, *, everything: bool) -> None:
    progress, settings = run.progress, run.settings
    share = progress.contacts_done / progress.contacts if progress.contacts else 1.0
    done = f"{progress.contacts_done:,} of {progress.contacts:,} done ({percent(share)})"
    values = {
        "plan": f"{run.plan.directory} (prepared {run.plan.created})",
        "run": "not launched" if settings is None else _WANTED[progress.wanted],
        "parts": f"{len(progress.parts):,}: {counted(progress)}" if progress.parts else "none",
        "contacts": done,
    }
    if progress.groups:
        values["local hours"] = f"{run.plan.options['windows']}: {hours(progress)}"
    if settings is not None:
        values |= {
            "name": settings.name,
            "agent_id": settings.agent_id,
            "phone_number_id": settings.phone_number_id,
            "at once": shown_settings(asdict(settings)),
        }
    fields(values)
    parts = list(enumerate(progress.parts, 1)) if everything else notable(progress)
    if not parts:
        return
    shown = parts if everything else parts[:SHOWN]
    say()
    if takes_drawing(sys.stdout) and get_terminal_size().columns < NARROW:
        # A table would leave the id of a campaign no room.
        for number, part in shown:
            detail = printable(part.detail)
            say(" ".join(filter(None, (f"{number:,}", part_state(part), part.campaign_id, detail))))
    else:
        detailed = any(part.detail for _, part in shown)
        table(
            ("part", "contacts", "state", "campaign", *(("detail",) if detailed else ())),
            [
                (
                    *(number, part.rows, part_state(part), part.campaign_id),
                    *((part.detail,) if detailed else ()),
                )
                for number, part in shown
            ],
        )
    if len(shown) < len(parts):
        note(f"The first {SHOWN} of {len(parts):,} are shown; --all lists all parts.")


def _offer(run: Run) -> None:
    counts = run.progress.counts
    if run.settings is None:
        offer(
            "Launch it:",
            f"{run.command('launch {}')} --name ... --agent-id ... --phone-number-id ...",
        )
    elif run.progress.wanted == "paused":
        offer("Resume:", run.command("resume {}"))
    elif counts["started"]:
        offer("Follow it:", run.command("watch {}"))
