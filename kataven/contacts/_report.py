"""What a check found, as a value, and how findings are gathered.

Knows problems and counts. Does not know how they are found.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kataven.contacts._problems import SEVERITIES, Kind, Problem, counted, problem
from kataven.contacts.reader.delimiter import DELIMITER_NAMES
from kataven.errors import ContactsError

__all__ = ["ContactsReport", "Findings"]

KEPT: Final = 1_000
"""How many problems of each kind are kept; all are counted."""


@dataclass(frozen=True, slots=True)
class ContactsReport:
    """What `check` found in a list.

    Args:
        rows: The number of records below the header, blank ones not counted: as many contacts
            as the Hub makes of the list if there is no error.
        columns: The names in the header, as they stand.
        size: The list's size in bytes.
        encoding: What it was read in, as Python names it (`utf-8`, `utf-8-sig` with a byte order
            mark, `utf-16-le`, `cp1252`).
        delimiter: The character between the columns.
        problems: The first 1,000 problems of each kind, in order of rows.
        counts: For every kind of problem how often it was found in all.
    """

    rows: int
    columns: tuple[str, ...]
    size: int
    encoding: str
    delimiter: str
    problems: tuple[Problem, ...]
    counts: Mapping[Kind, int]

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings may be there."""
        return not self.errors

    @property
    def errors(self) -> int:
        """The number of errors in all."""
        return sum(count for kind, count in self.counts.items() if SEVERITIES[kind] == "error")

    @property
    def warnings(self) -> int:
        """The number of warnings in all."""
        return sum(self.counts.values()) - self.errors

    def summary(self) -> str:
        """Sum it up for people.

        Returns:
            A line on the list, and one for each kind of problem with its first place.
        """
        name = DELIMITER_NAMES.get(self.delimiter, self.delimiter)
        state = "ready to upload" if self.ok else "not ready to upload"
        rows, columns = counted(self.rows, "row"), counted(len(self.columns), "column")
        form = f"{counted(self.size, 'byte')}, {self.encoding}, {name}"
        lines = [f"{state}: {rows}, {columns}, {form}"]
        for kind, count in self.counts.items():
            if count:
                first = next(found for found in self.problems if found.kind == kind)
                lines.append(f"{first.severity} {kind}: {count:,}; the first: {first}")
        return "\n".join(lines)

    def raise_for_problems(self) -> None:
        """Refuse the list if it has an error; warnings pass.

        Raises:
            ContactsError: There is an error; its `.problems` are the errors kept.
        """
        if self.ok:
            return
        errors = [found for found in self.problems if found.severity == "error"]
        more = f" (and {self.errors - 1:,} more)" if self.errors > 1 else ""
        raise ContactsError(f"{errors[0]}{more}", problems=errors)


class Findings:
    """Gathers problems: all are counted, the first of each kind are kept."""

    __slots__ = ("_counts", "_problems")

    def __init__(self) -> None:
        """Start with none."""
        self._counts: Counter[Kind] = Counter()
        self._problems: list[Problem] = []

    def wanted(self, kind: Kind) -> bool:
        """Count one, and tell whether it is to be kept.

        Args:
            kind: Its kind.

        Returns:
            True if its message is worth making; then call `keep`.
        """
        self._counts[kind] += 1
        return self._counts[kind] <= KEPT

    def keep(
        self,
        kind: Kind,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        """Keep one that `wanted` has counted.

        Args:
            kind: Its kind.
            message: A sentence that says how to mend it.
            row: Its row, None for the whole list.
            column: Its column's name.
            value: The cell's whole text.
        """
        self._problems.append(problem(kind, message, row=row, column=column, value=value))

    def add(
        self,
        kind: Kind,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        """Count one and keep it, if it is among the first.

        Args:
            kind: Its kind.
            message: A sentence that says how to mend it.
            row: Its row, None for the whole list.
            column: Its column's name.
            value: The cell's whole text.
        """
        if self.wanted(kind):
            self.keep(kind, message, row=row, column=column, value=value)

    def problems(self) -> tuple[Problem, ...]:
        """Give what was kept.

        Returns:
            The problems in order of rows, those of the whole list first.
        """
        return tuple(sorted(self._problems, key=lambda found: found.row or 0))

    def counts(self) -> dict[Kind, int]:
        """Give how often each kind was found.

        Returns:
            A number for every kind.
        """
        return {kind: self._counts[kind] for kind in SEVERITIES}
