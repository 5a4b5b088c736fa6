"""Contact lists: check, clean, split and estimate before a campaign; read results back after it.

Reads and writes files; has no network. Importing the package loads none of its modules: each
public name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kataven.contacts._check import check
    from kataven.contacts._clean import CleanContacts, clean
    from kataven.contacts._clean_report import CleanReport, Dropped
    from kataven.contacts._estimate import Estimate, estimate
    from kataven.contacts._exclusion_columns import ExclusionColumn
    from kataven.contacts._problems import Kind, Problem, Severity
    from kataven.contacts._report import ContactsReport
    from kataven.contacts._split import Part, split
    from kataven.contacts._timezones import ZoneGroup, by_timezone
    from kataven.contacts.source.open import ContactsSource, Progress

__all__ = [
    "CleanContacts",
    "CleanReport",
    "ContactsReport",
    "ContactsSource",
    "Dropped",
    "Estimate",
    "ExclusionColumn",
    "Kind",
    "Part",
    "Problem",
    "Progress",
    "Severity",
    "ZoneGroup",
    "by_timezone",
    "check",
    "clean",
    "estimate",
    "split",
]

_MODULES: Final = {
    "CleanContacts": "_clean",
    "CleanReport": "_clean_report",
    "ContactsReport": "_report",
    "ContactsSource": "source.open",
    "Dropped": "_clean_report",
    "Estimate": "_estimate",
    "ExclusionColumn": "_exclusion_columns",
    "Kind": "_problems",
    "Part": "_split",
    "Problem": "_problems",
    "Progress": "source.open",
    "Severity": "_problems",
    "ZoneGroup": "_timezones",
    "by_timezone": "_timezones",
    "check": "_check",
    "clean": "_clean",
    "estimate": "_estimate",
    "split": "_split",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
