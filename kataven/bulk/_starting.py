"""The campaign that the ledger has fixed for a part is started, once.

Asks what it is, records what the Hub shows, and starts a draft. Creates nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kataven.bulk._context import not_processed
from kataven.bulk.ledger.states import state_of
from kataven.errors import (
    APIStatusError,
    ConflictError,
    KatavenError,
    NotFoundError,
    RateLimitError,
)

if TYPE_CHECKING:
    from kataven.bulk._context import RunContext
    from kataven.bulk._pausing import Pausing
    from kataven.bulk.ledger import LedgerRow

__all__ = ["Starting"]

logger = logging.getLogger("kataven")

_STARTS: Final = 3


class Starting:
    """Starts single campaigns.

    Args:
        run: The run.
        pausing: Makes a campaign obey what came while it was started.
    """

    def __init__(self, run: RunContext, pausing: Pausing) -> None:
        self._run = run
        self._pausing = pausing
        self._warned: set[int] = set()

    def ask(self, row: LedgerRow) -> LedgerRow | None:
        """Record what ``get`` shows of the campaign that the ledger has fixed."""
        fixed = str(row.campaign)
        try:
            campaign = self._run.campaigns.get(fixed)
        except NotFoundError:
            return self._run.step(row, "unknown", detail=f"the Hub has no campaign {fixed}")
        status = campaign.get("status")
        if not isinstance(status, str):
            return self._run.step(row, "unknown", detail=f"campaign {fixed} has no status")
        if row.state in {"created", "starting"} and status == "draft":
            return row
        return self.record(row, fixed, status)

    def record(self, row: LedgerRow, campaign: str, status: str) -> LedgerRow | None:
        """Record a campaign as it is, and obey what came meanwhile."""
        after = self._run.step(row, state_of(status), campaign=campaign, status=status)
        if after is not None and after.state == "started":
            self._pausing.catch_up(after)
        return after

    def start(self, row: LedgerRow, *, fresh: bool) -> bool | None:
        """Start the campaign that the ledger has fixed, if it is a draft.

        Returns:
            True if it was started, False if the Hub refused it for now, else None.
        """
        fixed = str(row.campaign)
        current: LedgerRow | None = row
        lost: KatavenError | None = None
        for _ in range(_STARTS):
            if not fresh:
                current = self.ask(row)
                if current is None or current.state not in {"created", "starting"}:
                    return None
                row = current
            fresh = False
            left = self._run.hours.left(row.number)
            current = self._run.step(row, "starting") if left else None
            if current is None:
                # Outside its hours, paused, stopped, or claimed by another worker. A draft calls
                # nobody.
                if row.state == "starting":
                    self._run.step(row, "created", status="draft")
                return None
            row = current
            try:
                # It may wait for room in the quota, but not until its hours have ended.
                campaign = self._run.within(left).start(fixed)
            except (ConflictError, RateLimitError) as error:
                current = self.ask(row)
                if current is not None and current.state == "starting":
                    self._run.step(row, "created", status="draft", detail=error.message)
                    self._warn("a campaign cannot be started for now, and is tried again", error)
                    return False
                return None
            except NotFoundError as error:
                self._run.step(row, "unknown", detail=error.message)
                return None
            except KatavenError as error:
                if not_processed(error):
                    self._run.step(row, "created", status="draft", detail=error.message)
                    if self._pausing.had_no_time(error):
                        return False
                    raise
                lost = error
                continue
            status = campaign.get("status")
            shown = status if isinstance(status, str) and status != "draft" else "running"
            after = self._run.step(row, "started", status=shown)
            # Even without the lease: the campaign runs, and a pause may have missed it.
            self._pausing.catch_up(after or self._run.ledger.row(row.number))
            return True
        raise lost or AssertionError("a start has an outcome")

    def leave(self, row: LedgerRow) -> None:
        """Record what became of a campaign that another worker may have started; a draft stays."""
        found = self.ask(row)
        if found is not None and found.state == "starting":
            self._run.step(found, "created", status="draft")

    def _warn(self, what: str, error: APIStatusError) -> None:
        """Log an error once for each status: its text may have an id that is always another."""
        if error.status_code not in self._warned:
            self._warned.add(error.status_code)
            logger.warning("%s: %s", what, error)
