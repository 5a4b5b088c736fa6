"""A budget in the memory of one client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from kataven._core.budget import PATIENCE, Ledger

if TYPE_CHECKING:
    from kataven._core.budget import Left, RateLimits, Wait


class MemoryStore:
    """The default store: a ledger under a lock.

    Args:
        limits: The limits.
    """

    blocks = False

    def __init__(self, limits: RateLimits) -> None:
        self._ledger = Ledger(limits)
        # A dropped stream that is collected amid a step gives its lease back in the same thread.
        self._lock = threading.RLock()

    def take(
        self,
        now: float,
        *,
        control: bool,
        patience: float = PATIENCE,  # noqa: ARG002 - a step takes microseconds
    ) -> object | Wait:
        """Admit one request and give a lease, or say when to ask again."""
        with self._lock:
            return self._ledger.take(now, control=control)

    def give_back(self, lease: object) -> None:
        """The request of this lease has been answered."""
        with self._lock:
            self._ledger.give_back(cast("int", lease))

    def keep(self, lease: object, now: float) -> None:
        """Nothing to do: a lease in memory lasts as long as its process."""

    def pause(self, now: float, seconds: float) -> None:
        """Hold everybody back, but for control calls."""
        with self._lock:
            self._ledger.pause(now + seconds)

    def left(self, now: float) -> Left:
        """What is left."""
        with self._lock:
            return self._ledger.left(now)

    def close(self) -> None:
        """Nothing to let go of."""
