"""Leases for the tests of stores and ledgers: a new name each time, as the driver does."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kataven._flow.ratelimit import Wait

_NUMBERS = count()


def take(store: Any, now: float, **options: Any) -> str | Wait:
    """Ask a store or its usage for a lease; return its name, or when to ask again."""
    lease = f"lease-{next(_NUMBERS)}"
    wait: Wait | None = store.acquire(now, lease, **options)
    return lease if wait is None else wait
