"""What all commands that send have in common: they act on a run, and show how far it is.

Says what is left if it is interrupted or fails, and which exit code the end has. Must not know
which command acts.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from kataven.cli.bulk.options import ledger_errors, open_run
from kataven.cli.bulk.view import as_json, counted, due, shown
from kataven.cli.confirm import end_dry_run
from kataven.cli.exit_codes import Exit
from kataven.cli.output import document, note, offer, table
from kataven.cli.session import refused_values
from kataven.errors import BulkError, ConfigurationError, KatavenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven import KatavenClient
    from kataven.bulk import BulkProgress, BulkRun
    from kataven.bulk._campaign_settings import BulkSettings
    from kataven.cli.bulk.options import Run, Working
    from kataven.cli.session import Session

__all__ = ["act", "code_of", "conflict", "end_dry_run_of", "print_run", "show_unknown"]

SHOWN: Final = 20


def act(
    session: Session,
    run: Run,
    client: KatavenClient,
    working: Working,
    action: Callable[[BulkRun], BulkProgress],
    settings: BulkSettings | None = None,
) -> BulkProgress:
    """Do something with a run, and show the progress meanwhile.

    Args:
        session: How progress is printed.
        run: The plan and its ledger.
        client: The client.
        working: How the worker works.
        action: What to do.
        settings: What to create the campaigns with; None for what the first launch has fixed.

    Returns:
        The last progress.
    """
    from kataven.bulk import BulkRun

    with ledger_errors():
        try:
            with shown(session) as show, ExitStack() as closing:
                with refused_values():
                    opened = (
                        BulkRun.open(run.plan, client, **working, on_progress=show)
                        if settings is None
                        else BulkRun(
                            run.plan, client, **asdict(settings), **working, on_progress=show
                        )
                    )
                closing.enter_context(opened)
                last = action(opened)
                if show is not None:
                    show(last)
        except KeyboardInterrupt as stop:
            _say_what_continues(run, stop)
            raise
        except (BulkError, ConfigurationError):
            raise
        except KatavenError:
            note(
                "What was sent is in the ledger: run the same command again, and it continues. "
                "Nothing is sent twice."
            )
            raise
    return last


def _say_what_continues(run: Run, stop: KeyboardInterrupt) -> None:
    """Say what an interrupted command leaves behind, and how to act on it."""
    try:
        now = open_run(str(run.plan.directory), run.store)
    except (KatavenError, OSError, click.ClickException):
        now = run
    if now.settings is None:
        note("Interrupted before anything was sent.")
        return
    progress = now.progress
    still = due(progress)
    if getattr(stop, "__notes__", None):
        # The SDK knows of one request only, and would have it looked for by hand.
        del stop.__notes__
        note(
            "A request was interrupted, and the Hub may have processed it. It is in the ledger: "
            "the same command looks for what it did, and nothing is sent twice."
        )
    if not (progress.counts["started"] or still):
        note(f"Interrupted: {counted(progress)}.")
        return
    paused = progress.wanted == "paused"
    continues = "stays paused" if paused else "continues without this command"
    note(f"Interrupted: {counted(progress)}. What is started {continues}.")
    offer("  follow:       ", now.command("watch {}"))
    if paused:
        offer("  resume:       ", now.command("resume {}"))
    elif progress.wanted == "running":
        offer("  continue:     ", *([now.command("launch {}")] if still else []))
        offer("  pause:        ", now.command("pause {}"))
    if progress.wanted != "stopped":
        offer("  stop for good:", now.command("stop {}"))


def code_of(progress: BulkProgress, *, failed: bool = False) -> Exit:
    """Return the exit code of a run: 9 where parts are unknown.

    Args:
        progress: The progress.
        failed: Whether a part that failed is a failure of the command, which is then 1.
    """
    if progress.unknown:
        return Exit.UNKNOWN
    return Exit.CAMPAIGN_FAILED if failed and progress.counts["failed"] else Exit.DONE


def conflict(what: str, advice: str) -> Exit:
    """Say that the state of the run does not allow what was asked for; return the exit code."""
    note(f"Error: {what}", fg="red")
    note(f"Hint: {advice} (exit code {Exit.CONFLICT:d})")
    return Exit.CONFLICT


def show_unknown(run: Run, progress: BulkProgress) -> None:
    """Print the parts that are unknown, why, and what can be done."""
    found = [
        (number, part.rows, part.detail)
        for number, part in enumerate(progress.parts, 1)
        if part.state == "unknown"
    ]
    if not found:
        return
    which = "1 part is unknown: perhaps sent, and its campaign was not found, so it is not started"
    if len(found) > 1:
        which = (
            f"{len(found):,} parts are unknown: perhaps sent, and their campaigns were not found, "
            "so they are not started"
        )
    note(f"{which}. Each later launch and watch looks again.", fg="red")
    table(("part", "contacts", "why"), found[:SHOWN], to_stderr=True)
    if len(found) > SHOWN:
        note(f"The first {SHOWN} of {len(found):,} are shown; 'status --all' shows all.")
    offer("Look again:", run.command("launch {}"))
    offer(
        "Send once more, which may leave a second draft:", run.command("launch {} --resend-unknown")
    )


def print_run(session: Session, run: Run, progress: BulkProgress) -> None:
    """Print the progress as a document, if the command was asked to."""
    if session.json:
        document(_as_document(run, progress))


def end_dry_run_of(run: Run, session: Session, text: str, **would: object) -> None:
    """Say that this was a dry run of a command about a run; its document has the progress.

    Args:
        run: The plan and its ledger.
        session: The shared options.
        text: What was not done.
        would: What the document says besides.
    """
    end_dry_run(session, text, **would, **_as_document(run, run.progress))


def _as_document(run: Run, progress: BulkProgress) -> dict[str, object]:
    return {"plan": run.plan.id, **as_json(progress, parts=True)}
