"""Lists of contacts: checked, mended, cut to size, read back as tables.

Knows files and CSV, not the network. Importing it loads nothing else; each name is loaded when
it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kataven.contacts.forecast import Estimate, estimate
    from kataven.contacts.inspection import check
    from kataven.contacts.mending import CleanContacts, CleanReport, Dropped, clean
    from kataven.contacts.parts import Part, split
    from kataven.contacts.problems import Kind, Problem, Severity
    from kataven.contacts.report import ContactsReport
    from kataven.contacts.sources import ContactsSource
    from kataven.contacts.timezones import ZoneGroup, by_timezone

__all__ = [
    "CleanContacts",
    "CleanReport",
    "ContactsReport",
    "ContactsSource",
    "Dropped",
    "Estimate",
    "Kind",
    "Part",
    "Problem",
    "Severity",
    "ZoneGroup",
    "by_timezone",
    "check",
    "clean",
    "estimate",
    "split",
]

_HOMES: Final = {
    "CleanContacts": "mending",
    "CleanReport": "mending",
    "ContactsReport": "report",
    "ContactsSource": "sources",
    "Dropped": "mending",
    "Estimate": "forecast",
    "Kind": "problems",
    "Part": "parts",
    "Problem": "problems",
    "Severity": "problems",
    "ZoneGroup": "timezones",
    "by_timezone": "timezones",
    "check": "inspection",
    "clean": "mending",
    "estimate": "forecast",
    "split": "parts",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
