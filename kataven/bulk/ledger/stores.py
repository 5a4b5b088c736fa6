"""Which store a ledger is in: an SQLite file or Redis.

Knows how a store is named. Loads redis-py only if a Redis is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kataven._flow.ratelimit import is_redis

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import TypeGuard

    from kataven.bulk.ledger import Ledger

__all__ = ["LEDGER_FILE", "is_url", "open_ledger"]

LEDGER_FILE: Final = "ledger.sqlite"


def is_url(store: str | os.PathLike[str]) -> TypeGuard[str]:
    """Tell the URL of a Redis from the path of a file.

    Raises:
        ValueError: It is another URL, or names a store in memory.
    """
    if store in {"", "memory", ":memory:"}:
        # As a path, this would be a file in whatever folder the process is in.
        raise ValueError(
            f"the ledger's store must be a path or a redis:// URL, not {store!r}: a ledger in "
            "memory would be lost with the process, and people would be called twice"
        )
    return isinstance(store, str) and is_redis(store)


def open_ledger(
    store: str | os.PathLike[str],
    plan_id: str,
    *,
    allow_lossy_store: bool = False,
    turn_clock: Callable[[], float] | None = None,
) -> Ledger:
    """Open the ledger of a plan.

    Args:
        store: The path of an SQLite file, or a ``redis://`` URL.
        plan_id: The plan.
        allow_lossy_store: Whether a Redis may be used that can lose what it has confirmed.
        turn_clock: The time of day by which workers wait; None for the machine's. A Redis uses that
            of its server.

    Raises:
        ConfigurationError: It cannot be used, or may lose what it has confirmed.
        ImportError: Redis is named and its extra is not installed.
        ValueError: It is another URL, or names a store in memory.
    """
    if is_url(store):
        # Loads redis-py, which a file does without.
        from kataven.bulk.ledger.redis import RedisLedger  # noqa: PLC0415

        return RedisLedger(store, plan_id, allow_lossy_store=allow_lossy_store)
    from kataven.bulk.ledger.sqlite import SQLiteLedger  # noqa: PLC0415

    return SQLiteLedger(store, plan_id, turn_clock=turn_clock)
