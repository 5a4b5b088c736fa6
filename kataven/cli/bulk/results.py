"""``kataven bulk results``: the contacts of all campaigns of a run in one file.

Knows ``BulkRun.results``. An interrupted reading continues where it was.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Unpack

import click

from kataven.cli.bar import bar
from kataven.cli.bulk.act import code_of, show_unknown
from kataven.cli.bulk.options import DIRECTORY, Store, launched, ledger_errors, store_options
from kataven.cli.output import document, note, offer, say
from kataven.cli.session import Session, command, refused_values
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from kataven import KatavenClient
    from kataven.bulk import BulkProgress, BulkResults, ResultsProgress
    from kataven.cli.bulk.options import Run
    from kataven.cli.exit_codes import Exit


@command(
    "results",
    json=True,
    examples=["kataven bulk results spring -o results.csv"],
)
@DIRECTORY
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="Where to write: .csv, .jsonl or .parquet.",
)
@store_options
def results(session: Session, directory: str, output: str, **store: Unpack[Store]) -> Exit:
    """Write all contacts of a run to one file, with the file and row that each comes from.

    The contacts are read 100 for each request; what that costs is said first. A reading that was
    interrupted continues when the same command is run again, also by several processes at once.
    Exits with 9 where parts are unknown.
    """
    run, _ = launched(directory, store)
    with session.access.client() as client:
        written, progress = _read(session, run, client, output)
    if session.json:
        document(
            {
                "path": output,
                "rows": written.rows,
                "counts": dict(written.counts),
                "unmatched": written.unmatched,
                "missing": written.missing,
                "parts_missing": written.parts_missing,
            }
        )
    else:
        say(f"{counted(written.rows, 'contact')}: {output}")
        if not session.quiet:
            offer("Report:", f"campaigns report --results {shlex.quote(output)} -o report.html")
    if written.parts_missing:
        count = written.parts_missing
        note(
            f"{count:,} {'part has' if count == 1 else 'parts have'} no campaign that was started, "
            "so their contacts are not in the file.",
            fg="yellow",
        )
    show_unknown(run, progress)
    return code_of(progress)


def _read(
    session: Session, run: Run, client: KatavenClient, output: str
) -> tuple[BulkResults, BulkProgress]:
    from kataven.bulk import BulkRun

    with ledger_errors(), BulkRun.open(run.plan, client, **run.store) as opened, refused_values():
        # The library says first, in a notice, how many requests and how long it takes.
        with bar("Reading pages", quiet=session.quiet, counted=True) as show:
            total = 0

            def progress(reached: ResultsProgress) -> None:
                nonlocal total
                # The first one comes before the first request.
                total = total or reached.left.requests
                show(total - reached.left.requests, total)

            try:
                written = opened.results(output, on_progress=progress)
            except KeyboardInterrupt:
                note("Interrupted: the same command continues.")
                raise
        return written, opened.status()
