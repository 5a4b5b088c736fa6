"""What the SDK reports while a command runs: retries, waits, fallbacks, warnings.

Passes the messages of the ``kataven`` logger to standard error, or to a live display while there is
one. Must not know commands.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kataven.cli.output import note, printable
from kataven.cli.wording import as_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["show_notices", "shown_by"]


_LOST_STREAM: Final = re.compile(
    r"GET /campaigns/(\S+)/events: (.+) on attempt \d+; retrying in (\S+) s"
)


class _Handler(logging.Handler):
    """Shows each message with the function that shows notices now."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.show: Callable[[str], None] = note

    def emit(self, record: logging.LogRecord) -> None:
        text = as_commands(printable(record.getMessage()))
        if lost := _LOST_STREAM.fullmatch(text):
            campaign_id, why, seconds = lost.groups()
            # With the status 200 it was open before.
            reason = "" if why == "200" else f" ({why})"
            text = (
                f"Campaign {campaign_id}: the event stream was lost{reason}; reconnecting in "
                f"{seconds} s"
            )
        self.show(text[:1].upper() + text[1:])


_handler: _Handler | None = None


def show_notices(*, quiet: bool) -> None:
    """Show what the SDK reports from now on.

    Args:
        quiet: Whether to show only warnings.
    """
    global _handler  # noqa: PLW0603 - one logger, one handler
    if _handler is not None or os.environ.get("KATAVEN_LOG"):
        # With KATAVEN_LOG the SDK writes its log to standard error itself.
        return
    level = logging.WARNING if quiet else logging.INFO
    _handler = _Handler(level)
    logger = logging.getLogger("kataven")
    logger.addHandler(_handler)
    logger.setLevel(level)


@contextmanager
def shown_by(show: Callable[[str], None]) -> Iterator[None]:
    """While open, show notices with another function: a live display prints them above itself."""
    if _handler is None:
        yield
        return
    _handler.show = show
    try:
        yield
    finally:
        _handler.show = note
