"""Whether the account has room for one more campaign, as all workers of a run know it.

Knows the ledger. Does not ask the Hub: a refused start or resume says that there is no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kataven.bulk.ledger.states import FINAL

if TYPE_CHECKING:
    from kataven.bulk.ledger import Ledger

__all__ = ["AccountRoom"]

# A limit can be freed by what is not of this run, so that no end of a part shows it.
_RETRY_SECONDS: Final = 60.0
_FULL: Final = "full"


class AccountRoom:
    """The account's limits. A note says that they are reached, and how many parts had ended then.

    Args:
        ledger: The ledger.
        start_seconds: How often one of all workers tries, once a limit was reached.
    """

    def __init__(self, ledger: Ledger, start_seconds: float) -> None:
        self._ledger = ledger
        self._start_seconds = start_seconds

    def ended(self) -> int:
        """Return how many parts have ended."""
        return self._ledger.count(FINAL)

    def is_there(self, ended: int) -> bool:
        """Return whether a campaign may be started now."""
        full = self._ledger.note(_FULL)
        if not full:
            return True
        if full == str(ended):
            return self._ledger.turn("retry", _RETRY_SECONDS)
        # Once a limit was reached, one worker after the other tries, and not all at once.
        return self._ledger.turn("start", self._start_seconds)

    def note(self, started: bool | None, ended: int) -> None:  # noqa: FBT001 - of a step
        """Record what a start or a resume says about the limits.

        Args:
            started: Whether the Hub accepted it; None if none was sent.
            ended: How many parts had ended before.
        """
        if started is False:
            self._ledger.set_note(_FULL, str(ended))
        elif started and self._ledger.note(_FULL) == str(ended):
            self._ledger.set_note(_FULL, "some")
