"""Options of the commands that clean or cut a list, so that each has one name, default and help.

Knows options only. Must not know what a command does with them.
"""

from __future__ import annotations

from typing import Final

import click

from kataven.contacts._rules import PART_BYTES

__all__ = ["MAX_BYTES", "MAX_DROPPED", "MAX_ROWS", "NUMBERS"]

NUMBERS: Final = click.option(
    "--numbers",
    type=click.Choice(["valid", "possible"]),
    default="valid",
    show_default=True,
    help="Which numbers without '+' are kept: those in use, or all of a possible length.",
)
MAX_DROPPED: Final = click.option(
    "--max-dropped",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Refuse the list if more than this share of its rows is lost, such as 0.1.",
)
MAX_ROWS: Final = click.option(
    "--max-rows",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="The maximum number of contacts in a part.",
)
MAX_BYTES: Final = click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=PART_BYTES,
    show_default=True,
    help="The maximum size of a part.",
)
