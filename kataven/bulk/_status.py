"""What the ledger of a plan has, for those who do not launch it: settings and progress.

Needs no client and asks no Hub. Does not make a ledger where there is none.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kataven.bulk._campaign_settings import BulkSettings
from kataven.bulk._follow import contacts_done, seconds_by_limits
from kataven.bulk._opening import PlanHours
from kataven.bulk._plan import BulkPlan
from kataven.bulk._progress import BulkMeter
from kataven.bulk.ledger import LedgerRow
from kataven.bulk.ledger.stores import LEDGER_FILE, is_url, open_ledger
from kataven.errors import BulkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kataven.bulk._progress import BulkProgress
    from kataven.bulk.ledger import Ledger

__all__ = ["ledger_of", "not_launched", "progress_in", "read_launched", "status"]


def status(
    plan: BulkPlan | str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    allow_lossy_store: bool = False,
) -> BulkProgress:
    """Return what the ledger of a plan has; needs no client and no key.

    Args:
        plan: The plan, or its folder.
        store: As for ``BulkRun``: the ledger of the launch.
        allow_lossy_store: As for ``BulkRun``.

    Returns:
        The progress, without a rate. If nothing was launched with this ledger, each part is
        ``planned``.

    Raises:
        BulkError: There is no plan in the folder.
        ConfigurationError: The ledger cannot be used.
    """
    opened = plan if isinstance(plan, BulkPlan) else BulkPlan.open(plan)
    return read_launched(opened, store, allow_lossy_store=allow_lossy_store)[1]


def read_launched(
    plan: BulkPlan, store: str | os.PathLike[str] | None, *, allow_lossy_store: bool = False
) -> tuple[BulkSettings | None, BulkProgress]:
    """Return the settings that a launch has fixed, None if none has, and the progress."""
    meter = BulkMeter(plan, PlanHours(plan, time.time))
    if _exists(plan, store):
        ledger = ledger_of(plan, store, allow_lossy_store=allow_lossy_store)
        try:
            if fixed := ledger.settings():
                return BulkSettings.of(fixed), progress_in(ledger, meter, time.monotonic())
        finally:
            ledger.close()
    planned = [LedgerRow(number, "planned", 0) for number in range(len(plan.parts))]
    return None, meter.take(planned, "running", time.monotonic(), {})


def progress_in(
    ledger: Ledger, meter: BulkMeter, now: float, rows: Sequence[LedgerRow] | None = None
) -> BulkProgress:
    """Return the progress that a ledger has.

    Args:
        ledger: The ledger.
        meter: What remembers the rate.
        now: The time in seconds.
        rows: All parts, if they were read already.
    """
    read = ledger.rows() if rows is None else rows
    progress = meter.take(read, ledger.wanted(), now, contacts_done(ledger))
    left = progress.contacts - progress.contacts_done
    return replace(progress, quota_eta_seconds=seconds_by_limits(ledger, left))


def not_launched() -> BulkError:
    """Return the error about a plan that no launch has used this ledger for."""
    return BulkError(
        "the plan was not launched with this ledger: call launch() first, or name the store that "
        "it was launched with"
    )


def ledger_of(
    plan: BulkPlan,
    store: str | os.PathLike[str] | None,
    *,
    allow_lossy_store: bool = False,
    turn_clock: Callable[[], float] | None = None,
) -> Ledger:
    """Open the ledger of a plan; an SQLite file is made if there is none."""
    return open_ledger(
        _place(plan, store), plan.id, allow_lossy_store=allow_lossy_store, turn_clock=turn_clock
    )


def _place(plan: BulkPlan, store: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    given: object = store
    if not (given is None or isinstance(given, str | os.PathLike)):
        raise TypeError(f"store must be a path or a URL, not {type(given).__name__}")
    return plan.directory / LEDGER_FILE if store is None else store


def _exists(plan: BulkPlan, store: str | os.PathLike[str] | None) -> bool:
    place = _place(plan, store)
    return is_url(place) or Path(place).exists()
