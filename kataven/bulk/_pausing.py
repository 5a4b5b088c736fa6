"""A campaign that was started obeys the run and its local hours: it is paused, stopped, resumed.

Each intention is in the ledger before its request leaves, so that a worker that is killed leaves
no campaign paused for ever. Starts nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kataven.bulk._context import not_processed
from kataven.bulk.ledger.states import state_of
from kataven.errors import (
    APIConnectionError,
    APITimeoutError,
    ConflictError,
    KatavenError,
    NotFoundError,
    RateLimitError,
)

if TYPE_CHECKING:
    from kataven.bulk._context import RunContext
    from kataven.bulk.ledger import LedgerRow

__all__ = ["CLOSE_SECONDS", "Pausing"]

logger = logging.getLogger("kataven")

CLOSE_SECONDS: Final = 15.0
"""How long the pause of a campaign may take; shorter than the time between two attempts."""


class Pausing:
    """Pauses, stops and resumes single campaigns that were started.

    Args:
        run: The run.
    """

    def __init__(self, run: RunContext) -> None:
        self._run = run

    def obey(self, row: LedgerRow) -> None:
        """Pause or stop a started campaign if the run is paused or stopped.

        A campaign that was paused before, and not on behalf of the run, is a person's: it stays
        out of this, and ``resume`` does not resume it.
        """
        wanted = self._run.ledger.wanted()
        if wanted == "running" or row.campaign is None:
            return
        try:
            if wanted == "stopped":
                self._run.campaigns.stop(row.campaign)
            elif row.held or row.status != "paused":
                # Recorded first: whatever happens now, ``resume`` knows of it.
                self._run.ledger.hold(row, held=True)
                self._run.campaigns.pause(row.campaign)
                self._run.ledger.observe(row, "started", "paused")
                # If the run was resumed meanwhile, so is this campaign.
                if self._run.ledger.wanted() == "running":
                    self.resume(self._run.ledger.row(row.number))
        except ConflictError:
            # It has ended, or was paused or stopped a moment ago.
            return
        except NotFoundError as error:
            logger.warning("part %d: %s", row.number + 1, error)

    def close(self, row: LedgerRow, *, claimed: bool) -> None:
        """Pause a campaign because its local hours have ended, so that their start resumes it.

        Args:
            row: The part.
            claimed: Whether this worker has claimed it. Then, if it was not held, only a person can
                have paused the campaign already, and it stays paused.
        """
        # Recorded first: whatever happens now, it is resumed later.
        self._run.ledger.hold(row, held=True)
        try:
            self._run.within(CLOSE_SECONDS).pause(str(row.campaign))
        except NotFoundError:
            self._run.ledger.observe(row, "failed", "deleted")
            return
        except KatavenError as error:
            refused = isinstance(error, ConflictError)
            if refused or not_processed(error):
                now = self._run.ledger.row(row.number)
                same = now.token == row.token and not row.held
                # A draft is not paused either, and must not be resumed if a person pauses it later.
                if same and (claimed or now.state == "starting"):
                    self._run.ledger.hold(row, held=False)
            if not refused:
                logger.warning(
                    "part %d could not be paused at the end of its local hours, and is tried "
                    "again: %s",
                    row.number + 1,
                    error,
                )
                return
        # If it is over and not paused, the next poll shows it.
        self._run.ledger.observe(row, "started", "paused")

    def had_no_time(self, error: KatavenError) -> bool:
        """Return whether a request would have waited until its local hours had ended."""
        late = isinstance(error, APITimeoutError) and error.deadline_passed
        return late and self._run.hours.given

    def catch_up(self, row: LedgerRow) -> None:
        """Obey what came while a request was on its way: a pause, a stop, or the end of hours."""
        self.obey(row)
        if self._run.hours.is_open(row.number) or self._run.ledger.wanted() != "running":
            return
        now = self._run.ledger.row(row.number)
        if now.campaign is not None and now.status != "paused":
            self.close(now, claimed=False)

    def resume(self, row: LedgerRow) -> bool | None:
        """Resume a started campaign that was paused on behalf of the run.

        Returns:
            True if it was resumed, False if the Hub refused it for now, else None.
        """
        fixed = str(row.campaign)
        try:
            status = self._run.campaigns.get(fixed).get("status")
            left = self._run.hours.left(row.number)
            if status == "paused" and left and self._run.ledger.wanted() == "running":
                if self._run.hours.given:
                    # Recorded first: whatever happens now, the end of its hours pauses it.
                    self._run.ledger.observe(row, "started", "running")
                self._run.within(left).resume(fixed)
                self._run.ledger.observe(row, "started", "running")
                self._run.ledger.hold(row, held=False)
                # If the run was paused again meanwhile, so is this campaign.
                self.catch_up(self._run.ledger.row(row.number))
                return True
        except (ConflictError, RateLimitError):
            if self._run.hours.given:
                self._run.ledger.observe(row, "started", "paused")
            return False
        except APIConnectionError as error:
            if not self.had_no_time(error):
                raise
            if not_processed(error):
                self._run.ledger.observe(row, "started", "paused")
            return False
        except NotFoundError:
            self._run.ledger.observe(row, "failed", "deleted")
            return None
        # It is not paused. It stays held, because its pause may still arrive.
        if isinstance(status, str) and state_of(status) != "created":
            self._run.ledger.observe(row, state_of(status), status)
        return None
