"""A contact list as the commands read it, its problems as a table, and which of them refuse it.

Knows ``kataven.contacts.check``. What is checked is what is sent: a list that is uploaded is read
once, into memory.
"""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from kataven.cli.output import note, say, table
from kataven.cli.wording import as_commands
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.contacts import ContactsReport, Problem

__all__ = [
    "ContactList",
    "as_json",
    "open_list",
    "read_list",
    "refusals",
    "refuse",
    "show_problems",
]

SHOWN: Final = 20
# One byte more than the Hub accepts, so that a list that is too large is recognised.
_MOST_BYTES: Final = 10 * 1024 * 1024 + 1


class ContactList(io.BytesIO):
    """A list in memory, with the name of its file.

    Args:
        data: The bytes of the file.
        name: The name that the upload uses.
    """

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


@contextmanager
def open_list(path: str) -> Iterator[BinaryIO]:
    """Open a contact list.

    Args:
        path: A file, or ``-`` for standard input.

    Returns:
        The binary file.
    """
    if path != "-":
        with Path(path).open("rb") as file:
            yield file
        return
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError(
            "'-' reads the contact list from standard input, which is a terminal: pipe a list into "
            "the command, or name a file."
        )
    yield sys.stdin.buffer


def read_list(path: str) -> ContactList:
    """Read a contact list into memory.

    Args:
        path: A file, or ``-`` for standard input.

    Returns:
        The list; of a list that is larger than the Hub accepts, one byte more than the maximum.
    """
    with open_list(path) as file:
        return ContactList(
            file.read(_MOST_BYTES), "contacts.csv" if path == "-" else Path(path).name
        )


def refusals(report: ContactsReport, *, allow_duplicates: bool) -> int:
    """Return how many problems of a report refuse the list.

    Args:
        report: The report of ``check``.
        allow_duplicates: Whether a telephone may be in the list twice.
    """
    return report.errors + (0 if allow_duplicates else report.counts["duplicate"])


def refuse(report: ContactsReport, *, allow_duplicates: bool) -> None:
    """Show the problems of a list, and refuse it if one of them does.

    Raises:
        ContactsError: The list is refused; nothing was sent.
    """
    show_problems(report)
    found = refusals(report, allow_duplicates=allow_duplicates)
    if found:
        raise ContactsError(
            f"the list has {found:,} {'problem' if found == 1 else 'problems'} that must be "
            "corrected first; nothing was sent"
            + (
                ""
                if allow_duplicates or not report.counts["duplicate"]
                else " (--allow-duplicates lets a telephone be called twice)"
            )
        )


def as_json(found: Problem) -> dict[str, object]:
    """Return a problem as ``--json`` and ``--jsonl`` print it."""
    return {**asdict(found), "message": as_commands(found.message)}


def show_problems(report: ContactsReport, *, to_stdout: bool = False) -> None:
    """Print the first 20 problems as a table, then where the others are, and how many."""
    if not report.problems:
        return
    rows = [
        (
            found.row,
            found.column,
            found.kind,
            ("" if found.value is None else f"{found.value!r}: ") + as_commands(found.message),
        )
        for found in report.problems[:SHOWN]
    ]
    table(("row", "column", "kind", "problem"), rows, to_stderr=not to_stdout)
    total = report.errors + report.warnings
    if total > SHOWN:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in report.counts.items() if count)
        kept = len(report.problems)
        rest = "all" if kept == total else f"{kept:,}"
        how = "--jsonl prints" if to_stdout else "'kataven contacts check FILE --jsonl' prints"
        (say if to_stdout else note)(
            f"The first {SHOWN} of {total:,} are shown; {how} {rest}. There are {counts}."
        )
