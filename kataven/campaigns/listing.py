"""The list of campaigns, and whether it may be incomplete.

Knows the envelope of the list, whose keys are not documented.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kataven import _validate
from kataven._flow.call import call
from kataven._flow.effects import Emit
from kataven.campaigns import operations
from kataven.campaigns.pages import rows_of
from kataven.campaigns.progress import LIVE_STATUSES, TERMINAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven._flow.effects import Flow
    from kataven._flow.options import Options
    from kataven.clock import Clock

logger = logging.getLogger("kataven")

# Contacts come in pages of 100 (documented); whether the list of campaigns does is not known.
_POSSIBLE_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of a list of campaigns.

    Attributes:
        rows: What the Hub sent, unchanged.
        incomplete: How many rows there are, if that suggests that others are missing; else None.
    """

    rows: list[Any]
    incomplete: str | None = None


def listing(options: Options, clock: Clock, deadline: float | None = None) -> Flow[Listing]:
    """Read the list of campaigns, which is one request."""
    document = yield from call(operations.list_campaigns(), options, clock, deadline)
    rows = rows_of(document, "campaigns")
    return Listing(rows, incomplete(rows, document.get("total")))


def incomplete(rows: Sequence[object], total: object) -> str | None:
    """Say whether others may be missing from a list of campaigns.

    Args:
        rows: The campaigns of the list.
        total: What the Hub sent as ``total``, or None.

    Returns:
        How many there are, such as ``exactly 100`` or ``20 of 35``; None if nothing suggests that
        others are missing.
    """
    if type(total) is int and total > len(rows):
        return f"{len(rows)} of {total}"
    return f"exactly {_POSSIBLE_PAGE}" if len(rows) == _POSSIBLE_PAGE else None


def campaign_status(value: str | None) -> str | None:
    """Return the status of the campaigns that are wanted, or None for all.

    Raises:
        TypeError: If it is not a str.
    """
    return _validate.optional_text("status", value)


def campaigns(status: str | None, options: Options, clock: Clock) -> Flow[None]:
    """Emit the campaigns that ``iter_campaigns`` yields."""
    found = yield from listing(options, clock)
    if found.incomplete is not None:
        logger.warning(
            "the list of campaigns has %s entries, so it may be incomplete: whether the Hub sends "
            "it in pages is not known",
            found.incomplete,
        )
    rows = found.rows
    if status is not None:
        rows = [row for row in rows if isinstance(row, dict) and row.get("status") == status]
        known = sorted(LIVE_STATUSES | TERMINAL_STATUSES)
        if not rows and status not in known:
            logger.warning(
                "no campaign has the status %r; known statuses are %s", status, ", ".join(known)
            )
    yield from Emit(rows)
