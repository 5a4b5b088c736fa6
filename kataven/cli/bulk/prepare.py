"""``kataven bulk prepare``: makes a plan, a folder of parts that each fit one campaign.

Knows ``kataven.bulk.prepare``. Sends nothing.
"""

from __future__ import annotations

import csv
import shlex
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from kataven.cli.bar import bar
from kataven.cli.contacts.problems import open_list
from kataven.cli.list_options import MAX_BYTES, MAX_DROPPED, MAX_ROWS, NUMBERS
from kataven.cli.output import document, note, offer, printable, say
from kataven.cli.session import Session, command, not_empty, refused_values
from kataven.cli.stopping import ignore_ctrl_c, later_ctrl_c
from kataven.cli.wording import as_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from kataven.bulk import BulkPlan, PrepareProgress

__all__ = ["plan_bar", "prepare"]

_DROPPED: Final = "dropped.csv"
_PHASES: Final = {
    "exclude": "Reading plans",
    "clean": "Cleaning",
    "deduplicate": "Finding duplicates",
    "write": "Writing parts",
}


@command(
    "prepare",
    hub=False,
    json=True,
    examples=[
        "kataven bulk prepare contacts.csv --directory autumn --region US",
        (
            "kataven bulk prepare contacts.csv --directory winter --exclude do-not-call.csv "
            "--exclude spring"
        ),
    ],
)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, callback=not_empty)
@click.option(
    "--directory",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    callback=not_empty,
    help="The folder of the plan; created if it does not exist.",
)
@click.option("--region", metavar="CC", help="The country of numbers without '+', such as US.")
@click.option("--region-column", metavar="NAME", help="The column with the country of each row.")
@click.option(
    "--exclude",
    metavar="FILE|DIR",
    multiple=True,
    callback=not_empty,
    help="A do-not-call list, or the folder of an earlier plan; can be given several times.",
)
@click.option(
    "--exclude-column",
    "exclude_columns",
    metavar="NAME",
    multiple=True,
    help="A column of the do-not-call lists to read; can be given several times.",
)
@click.option(
    "--windows",
    metavar="HOURS",
    help="Call only in these local hours of each number, such as 'MO-FR 09:00-17:00'. An aid, not "
    "legal advice.",
)
@click.option("--encoding", help="The encoding of lists that are not UTF-8, such as cp1252.")
@NUMBERS
@MAX_DROPPED
@MAX_ROWS
@MAX_BYTES
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many processes clean the list.",
)
def prepare(
    session: Session,
    sources: tuple[str, ...],
    directory: str,
    region: str | None,
    region_column: str | None,
    exclude: tuple[str, ...],
    exclude_columns: tuple[str, ...],
    windows: str | None,
    encoding: str | None,
    numbers: str,
    max_dropped: float | None,
    max_rows: int,
    max_bytes: int,
    processes: int,
) -> None:
    """Make a plan of a list of any length: clean parts that each fit one campaign.

    SOURCE is a CSV or Parquet file, a pattern in quotes such as 'lists/*.csv', or '-' for standard
    input. Rows are cleaned as by 'kataven contacts clean', and each telephone is kept once over all
    sources. Nothing is sent. If it is interrupted, the same command continues.
    """
    from kataven.bulk import prepare as prepare_list

    if sources.count("-") > 1:
        raise click.UsageError("Standard input can be read once only: name '-' once.")
    with refused_values(), ExitStack() as closing:
        opened: list[str | BinaryIO] = [
            closing.enter_context(open_list(each)) if each == "-" else each for each in sources
        ]
        show = closing.enter_context(plan_bar(quiet=session.quiet))
        executor = _pool(processes, closing)
        try:
            plan = prepare_list(
                opened,
                directory=directory,
                executor=executor,
                region=region,
                region_column=region_column,
                exclude=[Path(each) for each in exclude] or None,
                exclude_columns=exclude_columns or None,
                windows=windows,
                encoding=encoding,
                numbers="possible" if numbers == "possible" else "valid",
                max_dropped=max_dropped,
                max_rows=max_rows,
                max_bytes=max_bytes,
                on_progress=show,
            )
        except KeyboardInterrupt:
            note("Interrupted: there is no plan yet; the same command continues.")
            raise
    _show(session, plan, directory)


@contextmanager
def plan_bar(*, quiet: bool) -> Iterator[Callable[[PrepareProgress], None]]:
    """Show a bar for each phase of ``prepare``.

    Args:
        quiet: Whether to show nothing.

    Returns:
        A function to call with the progress.
    """
    with ExitStack() as closing:
        current: list[str] = []
        show: Callable[[int, int | None], None]

        def progress(reached: PrepareProgress) -> None:
            nonlocal show
            if current != [reached.phase]:
                closing.close()
                current[:] = [reached.phase]
                show = closing.enter_context(bar(_PHASES[reached.phase], quiet=quiet))
            show(reached.done, reached.total)

        yield progress


def _pool(processes: int, closing: ExitStack) -> Executor | None:
    """Return an executor with so many processes, None for this process alone."""
    if processes == 1:
        return None
    from concurrent.futures import ProcessPoolExecutor

    # A Ctrl-C reaches all processes of a terminal; only this one reacts.
    pool = closing.enter_context(ProcessPoolExecutor(processes, initializer=ignore_ctrl_c))
    # They start with the first task. Python swallows an interruption in the middle of that.
    with later_ctrl_c():
        pool.submit(int).result()
    return pool


def _show(session: Session, plan: BulkPlan, directory: str) -> None:
    dropped, first = _losses(plan)
    totals = plan.totals
    if session.json:
        document(
            {
                "directory": directory,
                "id": plan.id,
                "rows": totals.rows,
                "kept": totals.kept,
                "dropped": dropped,
                "parts": totals.parts,
            }
        )
        return
    say(
        f"{totals.rows:,} {'row' if totals.rows == 1 else 'rows'}, {totals.kept:,} kept, "
        f"{totals.dropped:,} dropped; {totals.parts:,} {'part' if totals.parts == 1 else 'parts'}"
    )
    for reason, count in dropped.items():
        say(as_commands(printable(f"dropped {reason}: {count:,}; the first: {first[reason]}")))
    if session.quiet:
        return
    if plan.options.get("windows"):
        note(
            "Local hours are an aid, not legal advice: a number shows where it was assigned, not "
            "where its owner is. Campaigns are paused and resumed only while 'launch "
            "--watch' or 'watch' runs.",
            fg="yellow",
        )
    losses = f", dropped rows: {Path(directory, _DROPPED)}" if dropped else ""
    note(f"Written: {directory}{losses}")
    if totals.parts:
        folder = shlex.quote(directory)
        offer("Launch it:", f"bulk launch {folder} --name ... --agent-id ... --phone-number-id ...")


def _losses(plan: BulkPlan) -> tuple[Counter[str], dict[str, str]]:
    """Count the dropped rows of a plan by reason, and describe the first of each."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    if not plan.totals.dropped:
        return counts, first
    with (plan.directory / _DROPPED).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            reason = row["reason"]
            if reason not in counts:
                first[reason] = f"row {row['row']} of {row['file']}, {row['message']}"
            counts[reason] += 1
    return counts, first
