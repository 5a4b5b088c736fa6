"""Bulk: lists of millions as many campaigns, on many machines, and each telephone called once.

``prepare`` makes a plan out of a list: a folder with parts that each fit one campaign. ``BulkRun``
makes a campaign of each part, and keeps a ledger of what it did. Importing the package loads none
of its modules: each public name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kataven.bulk._opening import GroupHours
    from kataven.bulk._plan import BulkPlan, Part, Totals
    from kataven.bulk._prepare import prepare
    from kataven.bulk._progress import BulkProgress, PartStatus
    from kataven.bulk._results_values import BulkResults, ResultsCost, ResultsProgress
    from kataven.bulk._run import BulkRun, apply_part
    from kataven.bulk._status import status
    from kataven.bulk._work import PrepareProgress
    from kataven.errors import BulkError

__all__ = [
    "BulkError",
    "BulkPlan",
    "BulkProgress",
    "BulkResults",
    "BulkRun",
    "GroupHours",
    "Part",
    "PartStatus",
    "PrepareProgress",
    "ResultsCost",
    "ResultsProgress",
    "Totals",
    "apply_part",
    "prepare",
    "status",
]

_MODULES: Final = {
    "BulkError": "kataven.errors",
    "BulkPlan": "kataven.bulk._plan",
    "BulkProgress": "kataven.bulk._progress",
    "BulkResults": "kataven.bulk._results_values",
    "BulkRun": "kataven.bulk._run",
    "GroupHours": "kataven.bulk._opening",
    "Part": "kataven.bulk._plan",
    "PartStatus": "kataven.bulk._progress",
    "PrepareProgress": "kataven.bulk._work",
    "ResultsCost": "kataven.bulk._results_values",
    "ResultsProgress": "kataven.bulk._results_values",
    "Totals": "kataven.bulk._plan",
    "apply_part": "kataven.bulk._run",
    "prepare": "kataven.bulk._prepare",
    "status": "kataven.bulk._status",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
