"""Asking before something cannot be undone, and what an interruption or a dry run before that says.

Knows terminals. Must not know what is about to happen: the command says it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from kataven.cli.output import document, note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.cli.session import Session

__all__ = ["before_anything_is_sent", "confirm", "end_dry_run"]


@contextmanager
def before_anything_is_sent() -> Iterator[None]:
    """Say of a Ctrl-C in here that nothing was changed; for reading a list or the account."""
    try:
        yield
    except KeyboardInterrupt:
        note("Interrupted before anything was changed.")
        raise


def confirm(question: str, *, yes: bool) -> None:
    """Ask a question on the terminal, and go on only if the user agrees.

    Args:
        question: The question, without a question mark.
        yes: Whether the user agreed beforehand with ``--yes``.

    Raises:
        click.UsageError: There is no terminal to ask on.
        click.exceptions.Exit: The user did not agree; nothing was sent.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        raise click.UsageError(
            "There is no terminal to ask on: pass --yes to go on without a question. "
            "Nothing was sent."
        )
    if not click.confirm(f"{question}?", default=False, err=True):
        note("Nothing was sent.")
        raise click.exceptions.Exit(2)


def end_dry_run(session: Session, text: str, **would: object) -> None:
    """Say that this was a dry run.

    Args:
        session: The shared options.
        text: What was not done.
        would: What the document of ``--json`` says of what would happen.
    """
    note(f"Dry run: {text}")
    if session.json:
        document({"dry_run": True, **would})
