"""``kataven contacts split``: divides a list into parts that each fit one campaign.

Writes into a folder, and never over a file that is there.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from kataven.cli.bar import bar
from kataven.cli.contacts.problems import open_list
from kataven.cli.list_options import MAX_BYTES, MAX_ROWS
from kataven.cli.output import document, say
from kataven.cli.session import Session, command, not_empty, refused_values
from kataven.contacts import split as split_list
from kataven.contacts._problems import counted
from kataven.errors import ContactsError


@command(
    "split",
    hub=False,
    json=True,
    examples=["kataven contacts split contacts.csv -o parts --max-rows 200"],
)
@click.argument("file", metavar="FILE", callback=not_empty)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    callback=not_empty,
    help="The folder for the parts.",
)
@MAX_ROWS
@MAX_BYTES
@click.option("--encoding", help="The encoding of the list if it is not UTF-8.")
def split(
    session: Session, file: str, output: str, max_rows: int, max_bytes: int, encoding: str | None
) -> None:
    """Divide a list into parts that each fit one campaign; '-' reads standard input.

    The rows are not checked.
    """
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, Any]] = []
    with (
        refused_values(),
        open_list(file) as opened,
        bar("Splitting", quiet=session.quiet) as show,
    ):
        for part in split_list(
            opened, max_bytes=max_bytes, max_rows=max_rows, encoding=encoding, on_progress=show
        ):
            with part:
                path = folder / part.name
                # An older part of the same name may be of another list.
                try:
                    target = path.open("xb")
                except FileExistsError:
                    raise click.ClickException(
                        f"{path} exists already: remove the parts of the other list, or choose "
                        "another folder"
                    ) from None
                with target:
                    shutil.copyfileobj(part, target)
                parts.append({"path": str(path), "rows": part.rows})
    if not parts:
        raise ContactsError(
            "the list has no row below a header, or is not CSV: nothing was written"
        )
    if session.json:
        document({"parts": parts})
        return
    for written in parts:
        say(f"{written['path']}  {counted(written['rows'], 'row')}")
