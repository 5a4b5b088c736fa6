"""Rate limiter state in the memory of one client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kataven._flow.ratelimit import PATIENCE, Usage

if TYPE_CHECKING:
    from kataven._flow.ratelimit import RateLimits, RateLimitStatus, Wait


class MemoryStore:
    """The default store: what was used, under a lock.

    Args:
        limits: The limits.
    """

    blocks = False

    def __init__(self, limits: RateLimits) -> None:
        self._usage = Usage(limits)
        # Reentrant: a dropped stream that is collected during a step releases its lease in the same
        # thread.
        self._lock = threading.RLock()

    def acquire(
        self,
        now: float,
        lease: str,
        *,
        control: bool,
        patience: float = PATIENCE,  # noqa: ARG002 - a step takes microseconds
    ) -> Wait | None:
        """Admit one request under the name ``lease``, or return when to ask again."""
        with self._lock:
            return self._usage.acquire(now, lease, control=control)

    def release(self, lease: str) -> None:
        """End a lease; one that was never granted is ignored."""
        with self._lock:
            self._usage.release(lease)

    def renew(self, lease: str, now: float) -> None:
        """Do nothing: a lease in memory lasts as long as its process."""

    def pause(self, now: float, seconds: float) -> None:
        """Hold back every call, except control calls."""
        with self._lock:
            self._usage.pause(now + seconds)

    def status(self, now: float) -> RateLimitStatus:
        """Return what is left."""
        with self._lock:
            return self._usage.status(now)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
