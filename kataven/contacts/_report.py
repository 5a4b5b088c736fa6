"""The result of a check, and the collector of its problems.

Knows problems and counts. Does not know how the problems are found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.contacts._problems import SEVERITIES, Kind, Problem, counted, problem
from kataven.contacts.reader.delimiter import DELIMITER_NAMES
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["KEPT", "ContactsReport", "Findings"]

KEPT: Final = 1_000
"""How many problems of each kind are kept. All are counted."""


@dataclass(frozen=True, slots=True)
class ContactsReport:
    """What ``check`` found in a list.

    Attributes:
        rows: The number of records below the header, without blank rows: the number of contacts
            the Hub creates if there is no error.
        columns: The names in the header, unchanged.
        size: The size of the list in bytes.
        encoding: The encoding it was read in, by Python's name (``utf-8``, ``utf-8-sig`` with a
            byte order mark, ``utf-16-le``, ``cp1252``).
        delimiter: The character between the columns.
        problems: The first 1,000 problems of each kind, in order of rows.
        counts: For every kind, how many problems were found in total.
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
        """Whether there are no errors; there may be warnings."""
        return not self.errors

    @property
    def errors(self) -> int:
        """The total number of errors."""
        return sum(count for kind, count in self.counts.items() if SEVERITIES[kind] == "error")

    @property
    def warnings(self) -> int:
        """The total number of warnings."""
        return sum(self.counts.values()) - self.errors

    def summary(self) -> str:
        """Summarise the report for people.

        Returns:
            One line about the list, and one for each kind of problem with its first occurrence.
        """
        lines = [self._headline()]
        for first, count in self._kinds():
            lines.append(f"{first.severity} {first.kind}: {count:,}; the first: {first}")
        return "\n".join(lines)

    def _headline(self) -> str:
        name = DELIMITER_NAMES.get(self.delimiter, self.delimiter)
        state = "ready to upload" if self.ok else "not ready to upload"
        rows, columns = counted(self.rows, "row"), counted(len(self.columns), "column")
        form = f"{counted(self.size, 'byte')}, {self.encoding}, {name}"
        return f"{state}: {rows}, {columns}, {form}"

    def _kinds(self) -> Iterator[tuple[Problem, int]]:
        """Yield the first problem of each kind that was found, and how many there are."""
        for kind, count in self.counts.items():
            if count:
                yield next(found for found in self.problems if found.kind == kind), count

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the summary, with the problems as a table."""
        from kataven import _html  # noqa: PLC0415 - only notebooks need it

        shown = _html.line(self._headline())
        rows = [(one.severity, one.kind, count, str(one)) for one, count in self._kinds()]
        if rows:
            shown += _html.table(("severity", "kind", "count", "the first"), rows)
        return shown

    def raise_for_problems(self) -> None:
        """Refuse the list if it has an error; warnings pass.

        Raises:
            ContactsError: There is an error. Its ``.problems`` are the errors in ``problems``.
        """
        if self.ok:
            return
        errors = [found for found in self.problems if found.severity == "error"]
        more = f" (and {self.errors - 1:,} more)" if self.errors > 1 else ""
        raise ContactsError(f"{errors[0]}{more}", problems=errors)


class Findings:
    """Collects problems: counts all of them, keeps the first of each kind."""

    __slots__ = ("_counts", "_problems")

    def __init__(self) -> None:
        self._counts: Counter[Kind] = Counter()
        self._problems: list[Problem] = []

    def count(self, kind: Kind) -> bool:
        """Count a problem.

        Returns:
            True if it is among those to keep: create its message and call ``keep``.
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
        """Keep a problem that ``count`` has counted."""
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
        """Count a problem, and keep it if it is among the first of its kind."""
        if self.count(kind):
            self.keep(kind, message, row=row, column=column, value=value)

    def problems(self) -> tuple[Problem, ...]:
        """Return the kept problems in order of rows, those of the entire list first."""
        return tuple(sorted(self._problems, key=lambda found: found.row or 0))

    def counts(self) -> dict[Kind, int]:
        """Return for every kind how many problems were counted."""
        return {kind: self._counts[kind] for kind in SEVERITIES}
