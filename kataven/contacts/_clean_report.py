"""What ``clean`` did with a list: the counts, the dropped rows with their reasons, and a summary.

Knows reasons and rows, and keeps the cells of dropped rows on disk. Does not know how a row is
judged.
"""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from kataven.contacts._csv import CsvWriter
from kataven.contacts._dropped_file import added_names
from kataven.contacts._files import TempFile, replaced
from kataven.contacts._number_refusals import NumberReason
from kataven.contacts._problems import SEVERITIES, Problem, counted, escaped, problem, shortened

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from kataven.contacts._columns import Renamed
    from kataven.contacts._exclusion_columns import ExclusionColumn

__all__ = ["INTENDED", "REASONS", "CleanReport", "Dropped", "DroppedCells", "Reason"]

Reason: TypeAlias = (
    Literal["blank_row", "malformed", "nul", "ragged_row", "bad_encoding", "duplicate", "excluded"]
    | NumberReason
)
"""Why a row was dropped: what is wrong with the row, or with its number, or ``excluded``."""

REASONS: Final[frozenset[str]] = frozenset(
    word for words in get_args(Reason) for word in get_args(words)
)

# One damaged row in ten may be damage; more of them mean another encoding.
_FEW: Final = 10
_OTHER: Final = ("another encoding=", "encoding='cp1252' (files from Excel), or the right one")
_SAMPLES: Final = 3
_PROBLEMS: Final = 1_000
# Dropped rows of this many bytes stay in memory: few reports need a file.
_IN_MEMORY: Final = 1024 * 1024
# Rows that are dropped on purpose: the same people are in the list, or must not be.
INTENDED: Final[tuple[Reason, ...]] = ("duplicate", "excluded")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that ``clean`` left out.

    Attributes:
        row: The row in the source, as a spreadsheet shows it.
        reason: What is wrong with the row or its number, or ``excluded``.
        value: The phone number cell, else the text of the row; cut to 80 characters.
        message: A sentence that says why, and how to keep the row.
    """

    row: int
    reason: Reason
    value: str
    message: str


class DroppedCells:
    """The cells of the dropped rows: in memory while they are few, then in a temporary file.

    Rows are added by one thread; any number of threads may read them afterwards. A copy is the same
    object, a pickle contains the cells.
    """

    def __init__(self) -> None:
        self._file: io.BytesIO | TempFile = io.BytesIO()
        # The file has one position.
        self._lock = threading.Lock()
        self.width = 0

    def add(self, cells: list[str]) -> None:
        """Add a row; the cells of a malformed row are one cell with its text."""
        # JSON, because the text may contain anything, line ends and NUL included.
        self._file.write(json.dumps(cells).encode() + b"\n")
        self.width = max(self.width, len(cells))
        if isinstance(self._file, io.BytesIO) and self._file.tell() > _IN_MEMORY:
            data = self._file.getvalue()
            self._file = TempFile()
            self._file.write(data)

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the cells of each row, in order."""
        at = 0
        while True:
            with self._lock:
                self._file.seek(at)
                line = self._file.readline()
                at = self._file.tell()
            if not line:
                return
            yield json.loads(line)

    def __copy__(self) -> DroppedCells:
        return self

    def __deepcopy__(self, memo: object) -> DroppedCells:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (list(self),)


def _restored(rows: list[list[str]]) -> DroppedCells:
    cells = DroppedCells()
    for row in rows:
        cells.add(row)
    return cells


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What ``clean`` did with a list.

    Attributes:
        rows: The number of records below the header, including blank ones.
        kept: How many of them were written; ``rows == kept + len(dropped)``.
        dropped: The others, in order. The only part of the report that grows with the list.
        renamed: The columns with a new name.
        columns: The header that was written.
        encoding: The encoding the source was read in.
        delimiter: The character between the columns of the source.
        source_columns: The header of the source.
        exclusions: From which columns of the exclusion list how many numbers were read.
        unconfirmed: How many kept numbers are of a possible length, but not known to be in use:
            numbers with a country code, and with ``numbers="possible"`` also those without one.
            Numbers already in E.164 are not looked up.
        left_out: The columns of the source that were not written, because the source is a file of
            dropped rows, and ``write_dropped`` added them.
    """

    rows: int
    kept: int
    dropped: tuple[Dropped, ...]
    renamed: tuple[Renamed, ...]
    columns: tuple[str, ...]
    encoding: str
    delimiter: str
    source_columns: tuple[str, ...] = ()
    exclusions: tuple[ExclusionColumn, ...] = ()
    unconfirmed: int = 0
    left_out: tuple[str, ...] = ()
    _cells: DroppedCells = field(default_factory=DroppedCells, repr=False, compare=False)

    @property
    def counts(self) -> Mapping[Reason, int]:
        """How many rows were dropped, for each reason that occurred."""
        return Counter(row.reason for row in self.dropped)

    @property
    def losses(self) -> int:
        """How many rows were dropped for other reasons than ``duplicate`` and ``excluded``."""
        return sum(row.reason not in INTENDED for row in self.dropped)

    def summary(self) -> str:
        """Summarise the report for people.

        Returns:
            One line about the list, one about its encoding if that cost many rows, one each about
            columns left out, the exclusion list and unconfirmed numbers if there are any, one for
            each renamed column, one for each reason with its count and samples.
        """
        return "\n".join([*self._list_lines(), *self.reason_lines()])

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the summary, with the dropped rows as a table."""
        from kataven import _html  # noqa: PLC0415 - only notebooks need it

        shown = "".join(map(_html.line, self._list_lines()))
        firsts: dict[Reason, Dropped] = {}
        for row in self.dropped:
            firsts.setdefault(row.reason, row)
        counts = self.counts
        rows = [
            (reason, counts[reason], f"row {first.row}, {first.message}")
            for reason, first in firsts.items()
        ]
        if rows:
            shown += _html.table(("dropped", "count", "the first"), rows)
        return shown

    def _list_lines(self) -> list[str]:
        lines = [f"{counted(self.rows, 'row')}, {self.kept:,} kept, {len(self.dropped):,} dropped"]
        misread = self.counts.get("bad_encoding", 0)
        if misread * _FEW > self.rows:
            lines.append(
                f"{misread:,} of {counted(self.rows, 'row')} dropped because the list seems not to "
                f"be {self.encoding.upper()}: clean it again with "
                f"{_OTHER[self.encoding == 'utf-8']}"
            )
        if self.left_out:
            names = ", ".join(map(repr, self.left_out))
            line = f"the list is a file of dropped rows: {names} left out"
            if not self.exclusions:
                line += "; exclude the numbers of the list that was kept (exclude=)"
            lines.append(line)
        if self.exclusions:
            lines.append(f"exclusion list: {', '.join(map(str, self.exclusions))}")
        if self.unconfirmed:
            lines.append(
                f"kept {counted(self.unconfirmed, 'number')} that "
                f"{'is' if self.unconfirmed == 1 else 'are'} not known to be in use"
            )
        lines += (
            f"column {each.column}: {shortened(each.old)!r} is now {shortened(each.new)!r}"
            for each in self.renamed
        )
        return lines

    def reason_lines(self) -> list[str]:
        """Return one line for each reason: its count, the first row, and samples of others."""
        samples: dict[Reason, list[Dropped]] = {}
        for row in self.dropped:
            found = samples.setdefault(row.reason, [])
            if len(found) < _SAMPLES:
                found.append(row)
        counts = self.counts
        lines: list[str] = []
        for reason, (first, *others) in samples.items():
            line = (
                f"dropped {reason}: {counts[reason]:,}; the first: row {first.row}, {first.message}"
            )
            if others:
                shown = (f"row {row.row} ({escaped(row.value)})" for row in others)
                line += f"; also {', '.join(shown)}"
            lines.append(line)
        return lines

    def losses_message(self) -> str:
        """Say how many rows were lost, and why, for the warning and the error about it."""
        first = (
            f"{self.losses:,} of {counted(self.rows, 'row')} ({self.losses / self.rows:.0%}) were "
            f"dropped for reasons other than {' and '.join(map(repr, INTENDED))}"
        )
        return "\n".join([first, *self.reason_lines()])

    def problems(self) -> list[Problem]:
        """Return the first 1,000 lost rows as problems, for an error.

        A reason that is not a kind of problem is a ``bad_number``.
        """
        lost = (row for row in self.dropped if row.reason not in INTENDED)
        return [
            problem(
                row.reason if row.reason in SEVERITIES else "bad_number",  # type: ignore[arg-type]
                row.message,
                row=row.row,
                value=row.value,
            )
            for row, _ in zip(lost, range(_PROBLEMS), strict=False)
        ]

    def write_dropped(self, path: str | os.PathLike[str]) -> None:
        """Write the dropped rows as CSV, to correct them or to send them back.

        The columns are those of the source, with their original names, then ``row``, ``reason`` and
        ``message`` (``row_2`` and so on if the source has such a column). Cells are unchanged,
        except that bytes which are not valid in the encoding are U+FFFD. Cells beyond the header
        are in columns ``extra_1``, ``extra_2`` before ``row``; a malformed row is one cell with the
        text of the record. It works after the clean file is closed, any number of times.

        Args:
            path: Where to write. An existing file is replaced when the new one is complete.

        Raises:
            FileNotFoundError: The folder does not exist.
            OSError: The file could not be written; an existing one is unchanged.
        """
        names = self.source_columns
        width = max(len(names), self._cells.width)
        with replaced(path) as file:
            writer = CsvWriter(file)
            writer.row([*names, *added_names(names, width - len(names))])
            for cells, row in zip(self._cells, self.dropped, strict=True):
                padding = [""] * (width - len(cells))
                writer.row([*cells, *padding, str(row.row), row.reason, row.message])
