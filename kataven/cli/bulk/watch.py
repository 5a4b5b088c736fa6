"""``kataven bulk watch``: follows the campaigns of a plan. Starts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from kataven.cli.bulk.act import act, print_run
from kataven.cli.bulk.launch import end
from kataven.cli.bulk.options import DIRECTORY, Working, launched, working_options
from kataven.cli.bulk.view import due
from kataven.cli.output import note
from kataven.cli.session import Session, command

if TYPE_CHECKING:
    from kataven.cli.exit_codes import Exit


@command(
    "watch",
    json=True,
    jsonl=True,
    examples=["kataven bulk watch spring", "kataven bulk watch spring --jsonl"],
)
@DIRECTORY
@working_options
def watch(session: Session, directory: str, **working: Unpack[Working]) -> Exit:
    """Follow the campaigns of a plan until each part is finished, failed or unknown.

    It starts nothing: parts that are planned wait for a launch. Exits with 9 where parts are
    unknown, else with 1 where a campaign failed. With --jsonl each line has wanted, counts,
    contacts, contacts_done, contacts_per_minute, eta_seconds and elapsed_seconds.
    """
    run, _ = launched(directory, working)
    left = len(due(run.progress))
    if left and run.progress.wanted == "running":
        note(
            f"{left:,} {'part is' if left == 1 else 'parts are'} not started, which a launch does: "
            f"kataven {run.command('launch {}')}",
            fg="yellow",
        )
    with session.access.client() as client:
        last = act(session, run, client, working, lambda opened: opened.watch())
    print_run(session, run, last)
    return end(session, run, last, failed=True)
