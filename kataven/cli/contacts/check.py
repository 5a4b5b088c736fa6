"""``kataven contacts check``: the problems of a list, before anyone is called.

Exits with 3 for exactly what ``kataven campaigns run`` refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kataven.cli.bar import bar
from kataven.cli.contacts.problems import as_json, open_list, refusals, show_problems
from kataven.cli.exit_codes import Exit
from kataven.cli.output import document, line, say
from kataven.cli.session import Session, command, not_empty, refused_values
from kataven.contacts import check as check_list
from kataven.contacts._problems import counted

if TYPE_CHECKING:
    from kataven.contacts import ContactsReport


@command(
    "check",
    hub=False,
    json=True,
    jsonl=True,
    examples=[
        "kataven contacts check contacts.csv",
        "kataven contacts check contacts.csv --region US --jsonl",
    ],
)
@click.argument("file", metavar="FILE", callback=not_empty)
@click.option("--region", metavar="CC", help="The country of numbers without '+', such as US.")
@click.option("--encoding", help="The encoding of the list if it is not UTF-8, such as cp1252.")
@click.option(
    "--allow-duplicates", is_flag=True, help="Accept a telephone that is in the list twice."
)
def check(
    session: Session, file: str, region: str | None, encoding: str | None, allow_duplicates: bool
) -> int:
    """Check a contact list row by row; FILE is a CSV file, '-' for standard input.

    Exits with 3 if 'kataven campaigns run' would refuse the list. Nothing is sent.
    """
    with (
        refused_values(),
        open_list(file) as opened,
        bar("Checking", quiet=session.quiet) as show,
    ):
        report = check_list(opened, region=region, encoding=encoding, on_progress=show)
    refused = refusals(report, allow_duplicates=allow_duplicates)
    if session.json:
        document(_as_json(report, ok=not refused))
    elif session.jsonl:
        for problem in report.problems:
            line(as_json(problem))
    else:
        show_problems(report, to_stdout=True)
        ready = "is ready"
        if refused:
            ready = f"has {counted(refused, 'problem')} that must be corrected"
        say(f"The list ({counted(report.rows, 'row')}) {ready}.", fg="red" if refused else "green")
    return Exit.CONTACTS if refused else Exit.DONE


def _as_json(report: ContactsReport, *, ok: bool) -> dict[str, object]:
    return {
        "ok": ok,
        "rows": report.rows,
        "columns": report.columns,
        "size": report.size,
        "encoding": report.encoding,
        "delimiter": report.delimiter,
        "errors": report.errors,
        "warnings": report.warnings,
        "counts": {kind: count for kind, count in report.counts.items() if count},
        "problems": [as_json(problem) for problem in report.problems],
    }
