"""The options of how a campaign calls, for the commands that create one and for the estimate.

Knows the documented ranges and defaults of ``create``. Must not know what a command does with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CALL_SETTINGS", "call_settings"]

CALL_SETTINGS = (
    click.option(
        "--max-concurrent-calls",
        type=click.IntRange(1, 100),
        default=5,
        show_default=True,
        help="Calls of this campaign in flight at once.",
    ),
    click.option(
        "--retries-per-contact",
        type=click.IntRange(0, 5),
        default=0,
        show_default=True,
        help="How often a contact is dialled again.",
    ),
    click.option(
        "--retry-delay-seconds",
        type=click.IntRange(min=60),
        default=300,
        show_default=True,
        help="Seconds between two calls to one contact.",
    ),
)


def call_settings(function: Callable[..., object]) -> Callable[..., object]:
    """Add the three options to a command."""
    for option in reversed(CALL_SETTINGS):
        function = option(function)
    return function
