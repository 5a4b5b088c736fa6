"""Pauses campaigns when their local hours end, also while the worker waits for something else.

A create may take minutes, and any request may wait an hour for room in the quota. So a thread looks
at the time, too. Any number of workers do this at once. Resuming is in ``_worker``.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from kataven.bulk._pausing import CLOSE_SECONDS
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from kataven.bulk._opening import PlanHours
    from kataven.bulk._pausing import Pausing
    from kataven.bulk.ledger import Ledger, LedgerRow

__all__ = ["HoursKeeper"]

logger = logging.getLogger("kataven")

# Real seconds between two looks at the time.
_TICK: Final = 1.0
# Seconds between two looks at the ledger while nothing opens or closes.
_AGAIN: Final = 10.0
# Seconds between two attempts to pause one campaign, by all workers together.
_ATTEMPT: Final = 20.0


class HoursKeeper:
    """Pauses the campaigns of a run outside their local hours, while its context is entered.

    Args:
        ledger: The ledger.
        hours: The hours of the plan.
        pausing: Pauses single campaigns.
    """

    def __init__(self, ledger: Ledger, hours: PlanHours, pausing: Pausing) -> None:
        self._ledger = ledger
        self._hours = hours
        self._pausing = pausing
        self._lock = threading.Lock()
        self._next = 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        if self._hours.given:
            self._over.clear()
            self._thread = threading.Thread(
                target=self._run, name="kataven-bulk-hours", daemon=True
            )
            self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_TICK):
            try:
                self.keep()
            # The worker meets the same error, and ends with it.
            except KatavenError as error:
                logger.warning("the local hours could not be kept: %s", error)

    def keep(self) -> None:
        """Pause the campaigns whose local hours have ended, if it is time to look."""
        # If the other thread is at it, it is enough.
        if not self._hours.given or not self._lock.acquire(blocking=False):
            return
        try:
            now = self._hours.now()
            # The time of day may be set back.
            if not self._next - _AGAIN <= now < self._next:
                self._next = now + min(_AGAIN, self._hours.change())
                self._pause_closed()
        finally:
            self._lock.release()

    def _pause_closed(self) -> None:
        for row in self._ledger.rows(("started", "starting")):
            if self._ledger.wanted() != "running":
                # A pause or a stop of the run is at work.
                return
            known = row.state == "started" and row.status == "paused"
            if not known and not self._hours.is_open(row.number):
                self._pause(row)

    def _pause(self, row: LedgerRow) -> None:
        if not self._ledger.turn(f"close {row.number}", _ATTEMPT):
            return
        # The lease ends before the next attempt.
        claimed = self._ledger.claim(("started",), CLOSE_SECONDS, row.number)
        if claimed is None:
            # A worker is starting or resuming it, or was killed as it did so. That one also pauses
            # it, if it can.
            self._pausing.close(row, claimed=False)
            return
        try:
            if claimed.status != "paused":
                self._pausing.close(claimed, claimed=True)
        finally:
            self._ledger.release(claimed)
