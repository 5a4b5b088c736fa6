"""What one worker does with one part: send it once, find it again, start it once.

The rules are those of ``ledger.states``: a step is in the ledger before its request leaves. The
steps are in ``_creating``, ``_starting`` and ``_pausing``. Knows neither which part comes next nor
when to wait; that is in ``_worker``.

What is left if a worker dies:

- before ``sending`` is recorded: a planned part, which the next worker sends;
- from then until the campaign is recorded: ``sending``. The next worker looks for the campaign by
  its marker. If the Hub does not show exactly one, the part is ``unknown``, and nobody is called;
- from then until ``starting`` is recorded: a draft, which the next worker starts;
- from then on: ``starting``. The next worker asks ``get``, starts a draft, and records anything
  else as it is.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kataven.bulk._creating import Creating
from kataven.bulk._pausing import Pausing
from kataven.bulk._starting import Starting
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.bulk._context import RunContext
    from kataven.bulk.ledger import LedgerRow

__all__ = ["Launcher"]

logger = logging.getLogger("kataven")


class Launcher:
    """Does what is due for single parts.

    Args:
        run: The run.

    Attributes:
        creating: Creates and finds single campaigns.
        pausing: Pauses, stops and resumes single campaigns.
    """

    def __init__(self, run: RunContext) -> None:
        self.pausing = Pausing(run)
        self._starting = Starting(run, self.pausing)
        self.creating = Creating(run, self._starting)
        self._ledger = run.ledger
        self._lease = run.lease_seconds

    @contextmanager
    def leased(self, row: LedgerRow) -> Iterator[None]:
        """Renew the lease of a claimed part, and release it at the end.

        The client may wait for an hour until the quota has room for a request.
        """
        over = threading.Event()

        def renew() -> None:
            while not over.wait(self._lease / 3):
                try:
                    self._ledger.renew(row, self._lease)
                # The lease then ends, which costs time only.
                except KatavenError as error:
                    logger.warning("the lease of a part could not be renewed: %s", error)

        thread = threading.Thread(target=renew, name="kataven-bulk-lease", daemon=True)
        try:
            thread.start()
            yield
        finally:
            over.set()
            # An interruption may come before it has started.
            if thread.ident is not None:
                thread.join()
            self._ledger.release(row)

    def work(self, row: LedgerRow, *, resend: bool = False, start: bool = True) -> bool | None:
        """Do what is due for a part that was claimed.

        Args:
            row: The part as it was claimed.
            resend: Whether to send a part once more whose campaign cannot be found.
            start: Whether to start a draft; otherwise it stays one.

        Returns:
            True if its campaign was started, False if the Hub refused that for now, because of a
            limit, else None.
        """
        with self.leased(row):
            found: LedgerRow | None = row
            self.creating.begin()
            if row.state == "planned":
                found = self.creating.adopt_earlier(row) or self.creating.send(row)
            elif row.state == "sending" or (row.state == "unknown" and row.campaign is None):
                found = self.creating.look(row)
                if found is not None and found.state == "unknown" and resend:
                    found = self.creating.resend(found)
            elif row.state == "unknown":
                found = self._starting.ask(row)
            if found is None or found.state not in {"created", "starting"}:
                return False if self.creating.limited else None
            if not start:
                self._starting.leave(found)
                return None
            # Only what this worker has just made is certainly a draft.
            return self._starting.start(found, fresh=found.campaign == self.creating.just_made)
