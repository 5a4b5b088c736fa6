"""Where a budget's shared state is kept, and nowhere else.

A store does each step atomically: it admits or says when to ask again, takes leases back, keeps
those that are held for long, and pauses everybody. It decides nothing beyond ``budget.py``'s rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kataven._core.budget import PATIENCE, REDIS_SCHEMES

if TYPE_CHECKING:
    from kataven._core.budget import Left, RateLimits, Wait

__all__ = ["Store", "open_store"]


class Store(Protocol):
    """What a gate asks of a store; ``blocks``: a step may wait for a disk or a network."""

    blocks: bool

    def take(self, now: float, *, control: bool, patience: float = PATIENCE) -> object | Wait:
        """Admit one request and give a lease, or say when to ask again.

        A store that is locked for longer than ``patience`` seconds is busy, one that is locked for
        longer than ``PATIENCE`` is unusable.
        """
        ...

    def give_back(self, lease: object) -> None:
        """The request of this lease has been answered."""
        ...

    def keep(self, lease: object, now: float) -> None:
        """This lease is still held."""
        ...

    def pause(self, now: float, seconds: float) -> None:
        """Hold everybody back, but for control calls."""
        ...

    def left(self, now: float) -> Left:
        """What is left."""
        ...

    def close(self) -> None:
        """Let go of files and connections; what is kept stays."""
        ...


def open_store(limits: RateLimits) -> Store:
    """Open the store that the limits name.

    Args:
        limits: The limits, with their ``store``.

    Returns:
        The store.

    Raises:
        ConfigurationError: If it cannot be opened.
        ImportError: If Redis is named and its extra is not installed.
    """
    # Each store loads what it needs, and nothing else of the others.
    if limits.store == "memory":
        from kataven._core.stores.memory import MemoryStore  # noqa: PLC0415

        return MemoryStore(limits)
    if limits.store.lower().startswith(REDIS_SCHEMES):
        from kataven._core.stores.redis import RedisStore  # noqa: PLC0415

        return RedisStore(limits)
    from kataven._core.stores.sqlite import SQLiteStore  # noqa: PLC0415

    return SQLiteStore(limits)
