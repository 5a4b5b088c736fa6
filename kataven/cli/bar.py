"""A progress bar on standard error for long work, where that is a terminal.

Knows only how much is done of how much.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from kataven.cli.output import takes_drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["bar"]


@contextmanager
def bar(
    label: str, *, quiet: bool, counted: bool = False
) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar while the context is open.

    Args:
        label: What is being done.
        quiet: Whether to show nothing.
        counted: Whether to show the numbers as well as the share.

    Returns:
        A function to call with what is done, and with the total, None if it is not known.
    """
    if quiet or not takes_drawing(sys.stderr):
        yield lambda _done, _total: None
        return
    # As wide as the terminal: a line that is too long would be drawn again and again.
    with click.progressbar(
        length=0, label=label, width=0, show_pos=counted, file=sys.stderr
    ) as shown:

        def show(done: int, total: int | None) -> None:
            # Without a total the bar stays empty and shows that the work goes on.
            shown.length = total
            shown.update(max(0, done - shown.pos))

        yield show
