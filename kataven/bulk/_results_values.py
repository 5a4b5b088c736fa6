"""What people see of a run's results: what reading costs, how far it is, and what was written.

Reads and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kataven._flow.ratelimit import DAY, HOUR, MINUTE
from kataven.contacts.export.summary import ExportSummary

__all__ = ["BulkResults", "ResultsCost", "ResultsProgress"]

_UNITS: Final = (
    (DAY, "a day", "days"),
    (HOUR, "an hour", "hours"),
    (MINUTE, "a minute", "minutes"),
)


@dataclass(frozen=True, slots=True)
class ResultsCost:
    """What reading the results costs; as text, ``10,010 requests, about a day``.

    Attributes:
        requests: The requests that are left: one for each 100 contacts, and one for each part.
        seconds: The least number of seconds that the request limits of the client make them take,
            or, if it has none, the documented limits of an account.
    """

    requests: int
    seconds: float

    def __str__(self) -> str:
        what = f"{self.requests:,} request{'' if self.requests == 1 else 's'}"
        for unit, one, several in _UNITS:
            number = round(self.seconds / unit)
            if number:
                return f"{what}, about {one if number == 1 else f'{number:,} {several}'}"
        return what


@dataclass(frozen=True, slots=True)
class ResultsProgress:
    """How far the reading of the results is.

    Attributes:
        parts: The number of parts that are read.
        parts_done: How many of them are complete on disk.
        contacts: The contacts that this process has read.
        left: What is left to read; the first progress has all of it, before the first request.
    """

    parts: int
    parts_done: int
    contacts: int
    left: ResultsCost


@dataclass(frozen=True, slots=True)
class BulkResults(ExportSummary):
    """What ``BulkRun.results`` wrote: an ``ExportSummary``, and what does not fit together.

    Attributes:
        unmatched: Contacts that the Hub has and the plan has not; their file and row are empty.
        missing: Rows of the parts that the Hub did not show.
        parts_missing: Parts without a started campaign. Their rows are neither in the table nor in
            ``missing``.
    """

    unmatched: int = 0
    missing: int = 0
    parts_missing: int = 0
