"""``kataven contacts clean``: writes a list as the Hub accepts it, and what was dropped beside it.

Knows ``kataven.contacts.clean``. Sends nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kataven.cli.bar import bar
from kataven.cli.contacts.problems import open_list
from kataven.cli.list_options import MAX_DROPPED, NUMBERS
from kataven.cli.output import document, note, printable, say
from kataven.cli.session import Session, command, not_empty, refused_values
from kataven.cli.wording import as_commands
from kataven.contacts import clean as clean_list
from kataven.contacts._files import replaced

if TYPE_CHECKING:
    from kataven.contacts import CleanReport


@command(
    "clean",
    hub=False,
    json=True,
    examples=[
        "kataven contacts clean contacts.csv -o clean.csv --region US --dropped dropped.csv",
        "kataven contacts clean contacts.csv -o clean.csv --exclude do-not-call.csv",
    ],
)
@click.argument("file", metavar="FILE", callback=not_empty)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    callback=not_empty,
    help="Where the clean list goes.",
)
@click.option(
    "--dropped",
    metavar="FILE",
    callback=not_empty,
    help="Write the dropped rows, with reasons, to a CSV.",
)
@click.option(
    "--report",
    metavar="FILE",
    callback=not_empty,
    help="Write the counts, for 'kataven campaigns report'.",
)
@click.option("--region", metavar="CC", help="The country of numbers without '+', such as US.")
@click.option("--region-column", metavar="NAME", help="The column with the country of each row.")
@click.option("--exclude", metavar="FILE", callback=not_empty, help="A do-not-call list.")
@click.option(
    "--exclude-column",
    "exclude_columns",
    metavar="NAME",
    multiple=True,
    help="A column of the do-not-call list to read; can be given several times.",
)
@click.option("--encoding", help="The encoding of the list if it is not UTF-8, such as cp1252.")
@NUMBERS
@MAX_DROPPED
@click.option("--keep-duplicates", is_flag=True, help="Keep a telephone that is in it twice.")
def clean(
    session: Session,
    file: str,
    output: str,
    dropped: str | None,
    report: str | None,
    region: str | None,
    region_column: str | None,
    exclude: str | None,
    exclude_columns: tuple[str, ...],
    encoding: str | None,
    numbers: str,
    max_dropped: float | None,
    keep_duplicates: bool,
) -> None:
    """Write a contact list as the Hub accepts it; FILE is a CSV file, '-' for standard input.

    Numbers become E.164, columns get their names, rows that cannot be repaired are dropped with a
    reason. A number is never guessed: one with several readings is dropped.
    """
    _refuse_same_file(file, output, dropped, report)
    with (
        refused_values(),
        open_list(file) as opened,
        bar("Cleaning", quiet=session.quiet) as show,
    ):
        cleaned = clean_list(
            opened,
            region=region,
            drop_duplicates=not keep_duplicates,
            exclude=None if exclude is None else Path(exclude),
            encoding=encoding,
            exclude_columns=exclude_columns or None,
            numbers="possible" if numbers == "possible" else "valid",
            region_column=region_column,
            max_dropped=max_dropped,
            on_progress=show,
        )
    with cleaned:
        cleaned.save(output)
        result = _as_commands(cleaned.report)
        if dropped is not None:
            result.write_dropped(dropped)
        counts = _as_json(result)
    if report is not None:
        with replaced(report) as written:
            written.write(json.dumps(counts, indent=2).encode() + b"\n")
    if session.json:
        document(counts)
        return
    say(as_commands(printable_lines(result.summary())))
    if not session.quiet:
        note(f"Written: {output}" + (f", dropped rows: {dropped}" if dropped else ""))


def _refuse_same_file(file: str, *targets: str | None) -> None:
    """Refuse to write over the list, or one result over another."""
    named = [Path(target) for target in targets if target is not None]
    paths = [*([] if file == "-" else [Path(file)]), *named]
    resolved = [path.resolve() for path in paths]
    if len(set(resolved)) != len(resolved):
        raise click.UsageError("The list and the files to write must be different files.")


def _as_commands(report: CleanReport) -> CleanReport:
    """Return the report with messages for readers who use commands."""
    rows = (replace(row, message=as_commands(row.message)) for row in report.dropped)
    return replace(report, dropped=tuple(rows))


def _as_json(report: CleanReport) -> dict[str, object]:
    return {
        "rows": report.rows,
        "kept": report.kept,
        "dropped": dict(report.counts),
        "columns": report.columns,
        "left_out": report.left_out,
        "encoding": report.encoding,
    }


def printable_lines(text: str) -> str:
    """Return a text of several lines that is safe to print."""
    return "\n".join(map(printable, text.split("\n")))
