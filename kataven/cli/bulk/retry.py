"""``kataven bulk retry``: who was not reached, as a list, or as a plan that is launched.

Knows where the settings of the next run come from: the run that is tried again.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from kataven.bulk.ledger.stores import is_url
from kataven.cli.bulk.launch import launch_run, settings_for
from kataven.cli.bulk.options import (
    DIRECTORY,
    Working,
    dry_run,
    launched,
    ledger_errors,
    open_run,
    working_options,
    yes,
)
from kataven.cli.bulk.prepare import plan_bar
from kataven.cli.bulk.view import due
from kataven.cli.campaigns.export import words
from kataven.cli.exit_codes import Exit
from kataven.cli.output import document, note, say
from kataven.cli.session import Session, command, not_empty, refused_values
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from kataven.bulk import BulkPlan
    from kataven.bulk._campaign_settings import BulkSettings
    from kataven.cli.bulk.options import Run
    from kataven.contacts import RetryList


@command(
    "retry",
    json=True,
    examples=[
        "kataven bulk retry spring --last-error busy,no_answer -o retry.csv",
        "kataven bulk retry spring --run --directory spring-2 --exclude do-not-call.csv --yes",
    ],
)
@DIRECTORY
@click.option("--status", default="failed", show_default=True, help="Contacts of this status.")
@click.option(
    "--last-error", metavar="WORD,...", help="Only contacts with one of these last errors."
)
@click.option("-o", "--output", metavar="FILE", help="Where the list goes.")
@click.option("--run", "dial", is_flag=True, help="Make a plan of the list and launch it.")
@click.option(
    "--directory",
    "target",
    metavar="DIR",
    type=click.Path(file_okay=False),
    callback=not_empty,
    help="With --run: the folder of the new plan.",
)
@click.option(
    "--exclude",
    metavar="FILE|DIR",
    multiple=True,
    callback=not_empty,
    help="With --run: a do-not-call list, or the folder of a plan; can be given several times.",
)
@click.option(
    "--name",
    callback=not_empty,
    help="With --run: the name. Default: that of the run, and 'retry'.",
)
@click.option(
    "--agent-id", callback=not_empty, help="With --run: the agent. Default: that of the run."
)
@click.option(
    "--phone-number-id",
    callback=not_empty,
    help="With --run: the number. Default: that of the run.",
)
@working_options
@yes
@dry_run
def retry(
    session: Session,
    directory: str,
    status: str,
    last_error: str | None,
    output: str | None,
    dial: bool,
    target: str | None,
    exclude: tuple[str, ...],
    name: str | None,
    agent_id: str | None,
    phone_number_id: str | None,
    yes: bool,
    dry_run: bool,
    **working: Unpack[Working],
) -> Exit:
    """List the contacts of a run that were not reached, each telephone once.

    With --run they become a plan in --directory, which is launched after a question. Every contact
    of this status is read, 100 for each request.
    """
    if dial == (output is not None):
        raise click.UsageError("Pass -o FILE to write the list, or --run to call it.")
    if dial == (target is None):
        raise click.UsageError("Name the folder of the new plan with --directory, for --run only.")
    run, settings = launched(directory, working)
    _say_what_is_missing(run)
    with ExitStack() as closing:
        found = closing.enter_context(_list(session, run, working, status, words(last_error)))
        rows = found.rows
        if not rows:
            note("Nobody is to be called again: no contact matches.")
        if output is not None:
            with Path(output).open("wb") as file:
                shutil.copyfileobj(found, file)
            if session.json:
                document({"path": output, "rows": rows})
            else:
                say(f"{counted(rows, 'contact')}: {output}")
            return Exit.DONE
        if not rows:
            if session.json:
                document({**({"dry_run": True} if dry_run else {}), "plan": None, "contacts": 0})
            return Exit.DONE
        if dry_run:
            target = closing.enter_context(tempfile.TemporaryDirectory(prefix="kataven-"))
        _prepare(session, run.plan, found, str(target), exclude)
        if working["store"] is not None and not is_url(working["store"]):
            # A file is the ledger of one plan.
            working["store"] = None
        new = open_run(str(target), working)
        options = {"name": name, "agent_id": agent_id, "phone_number_id": phone_number_id}
        return launch_run(
            session,
            new,
            _settings(new, settings, options),
            working,
            watch=False,
            yes=yes,
            dry_run=dry_run,
        )


def _say_what_is_missing(run: Run) -> None:
    """Say that parts have not finished: what is pending there is not in the list."""
    counts = run.progress.counts
    waiting = counts["started"] + counts["unknown"] + len(due(run.progress))
    if waiting:
        note(
            f"{waiting:,} {'part has' if waiting == 1 else 'parts have'} not finished; the list "
            "does not have the contacts that they have not tried yet.",
            fg="yellow",
        )


def _list(
    session: Session, run: Run, working: Working, status: str, last_error: set[str] | None
) -> RetryList:
    from kataven.bulk import BulkRun

    with session.access.client() as client, ledger_errors():
        with refused_values():
            opened = BulkRun.open(run.plan, client, **working)
        with opened, refused_values():
            return opened.retry_list(status=status, last_error=last_error)


def _prepare(
    session: Session, earlier: BulkPlan, found: RetryList, target: str, exclude: tuple[str, ...]
) -> None:
    """Make the new plan, with parts like those of the earlier one."""
    from kataven.bulk import prepare

    with refused_values(), plan_bar(quiet=session.quiet) as show:
        prepare(
            found,
            directory=target,
            exclude=[Path(each) for each in exclude] or None,
            windows=earlier.options.get("windows"),
            max_rows=earlier.options["max_rows"],
            max_bytes=earlier.options["max_bytes"],
            on_progress=show,
        )


def _settings(new: Run, earlier: BulkSettings, options: dict[str, str | None]) -> BulkSettings:
    """Return what is chosen, and for the rest what the earlier run was called with."""
    chosen = {name: value for name, value in options.items() if value is not None}
    return settings_for(new, chosen, {**asdict(earlier), "name": f"{earlier.name} (retry)"})
