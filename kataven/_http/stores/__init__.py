"""Where the state of the rate limiter is kept, and nowhere else.

A store does each step atomically: it admits a request or says when to ask again, releases leases,
renews those that are held for long, and pauses every caller. The rules are in
``kataven._flow.ratelimit``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kataven._flow.ratelimit import PATIENCE, is_redis
from kataven.clock import Uptime

if TYPE_CHECKING:
    from kataven._flow.ratelimit import RateLimits, RateLimitStatus, Wait

__all__ = ["Store", "open_store"]


class Store(Protocol):
    """What the limiter needs of a store.

    The caller chooses the name of a lease before it asks for it. So an interruption between the
    grant and its return loses nothing: the caller releases the name in any case.

    Attributes:
        blocks: Whether a step may wait for a disk or a network.
    """

    blocks: bool

    def acquire(
        self, now: float, lease: str, *, control: bool, patience: float = PATIENCE
    ) -> Wait | None:
        """Admit one request under the name ``lease``, or return when to ask again.

        A store that is locked for longer than ``patience`` seconds is busy; one that is locked for
        longer than ``PATIENCE`` is unusable.
        """
        ...

    def release(self, lease: str) -> None:
        """End a lease; one that was never granted is ignored."""
        ...

    def renew(self, lease: str, now: float) -> None:
        """Extend a lease that is still held."""
        ...

    def pause(self, now: float, seconds: float) -> None:
        """Hold back every call, except control calls."""
        ...

    def status(self, now: float) -> RateLimitStatus:
        """Return what is left."""
        ...

    def close(self) -> None:
        """Close files and connections; the state stays where it is."""
        ...


def open_store(limits: RateLimits, *, by_uptime: bool = False) -> Store:
    """Open the store that the limits name.

    Args:
        limits: The limits, with their ``store``.
        by_uptime: Whether a file counts time by the machine's uptime, which all its processes
            share, and not by what its callers pass as ``now``.

    Returns:
        The store.

    Raises:
        ConfigurationError: If it cannot be opened.
        ImportError: If Redis is named and its extra is not installed.
    """
    # Each store loads what it needs, and nothing of the others.
    if limits.store == "memory":
        from kataven._http.stores.memory import MemoryStore  # noqa: PLC0415

        return MemoryStore(limits)
    if is_redis(limits.store):
        from kataven._http.stores.redis import RedisStore  # noqa: PLC0415

        return RedisStore(limits)
    from kataven._http.stores.sqlite import SQLiteStore  # noqa: PLC0415

    return SQLiteStore(limits, Uptime() if by_uptime else None)
