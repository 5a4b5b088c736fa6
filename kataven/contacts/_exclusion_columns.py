"""The cells of a do-not-call list: which are numbers, which columns they are in, what is wrong.

An entry that cannot be read is a problem, because that person would be called. Knows columns, cells
and row numbers; does not know where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from kataven.contacts._number_columns import are_numbers, form_of, is_grouped, is_id_name
from kataven.contacts._problems import Problem, counted, escaped, problem
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import PHONE_COLUMN
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from kataven.contacts._phones import Phones

__all__ = [
    "ADVICE",
    "NAMED_KINDS",
    "Cells",
    "Column",
    "ColumnKind",
    "ExcludedNumbers",
    "ExclusionColumn",
]

ColumnKind: TypeAlias = Literal["numbers", "named", "likely", "unknown", "ignored"]
"""``numbers``: each cell must be a number. ``named``: each cell with a digit must be one.
``likely``: each cell that is written like a number must be one. ``unknown``: the content decides.
"""

NAMED_KINDS: Final = frozenset({"numbers", "named"})
ADVICE: Final = "correct the entry, or name its country with region="
_CHOOSE: Final = "name the columns to read with exclude_columns="
_SHOWN: Final = 1_000
_SAMPLE: Final = 200
_NAMES: Final = 8
_MANY: Final = 10
_MOSTLY: Final = 0.9
_HALF: Final = 0.5
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class ExclusionColumn:
    """A column of an exclusion list from which numbers were read.

    Attributes:
        name: Its name, None for a list without a header.
        numbers: How many of its cells had a number; the same number may occur twice.
        unconfirmed: How many of these cells had no country code and no number that is known to be
            in use. The area code may be missing, or ``region`` may not be their country.
    """

    name: str | None
    numbers: int
    unconfirmed: int = 0

    def __str__(self) -> str:
        """Return ``2 numbers from column Phone 1 - Value (1 not known to be in use)``."""
        place = "a list without column names"
        if self.name is not None:
            place = f"column {escaped(self.name)}"
        doubt = f" ({self.unconfirmed:,} not known to be in use)" if self.unconfirmed else ""
        return f"{counted(self.numbers, 'number')} from {place}{doubt}"


@dataclass(frozen=True, slots=True)
class ExcludedNumbers:
    """What was read from an exclusion list.

    Attributes:
        numbers: The numbers in E.164, with every number that an entry may mean.
        columns: The columns that were read.
    """

    numbers: frozenset[str] = frozenset()
    columns: tuple[ExclusionColumn, ...] = ()


@dataclass(slots=True)
class Column:
    """What is known of a column so far.

    Attributes:
        name: Its name, None without a header.
        kind: What is known from its name.
        numbers: How many cells were read.
        unconfirmed: How many of them had no country code and no number in use.
        filled: How many cells are not empty.
        national: How many cells are written as people write national numbers.
        grouped: How many cells are those, or are written like numbers rather than ids.
        international: How many cells are written with a ``+``.
        waiting: Cells that may be numbers or ids, for the decision about the column.
        decided: Whether such cells are read, None before the decision.
        skipped: How many filled cells come before those that wait.
        contradicted: Whether such cells were decided not to be numbers, and later ones to be.
        passed: The first such cell that was not read: row and text.
        prose: Texts with digits, which must be read if the column is one of numbers. None if it is
            not.
        passed_prose: The first such text that was not read: row and text.
    """

    name: str | None
    kind: ColumnKind
    numbers: int = 0
    unconfirmed: int = 0
    filled: int = 0
    national: int = 0
    grouped: int = 0
    international: int = 0
    waiting: list[tuple[int, str]] = field(default_factory=list)
    decided: bool | None = None
    skipped: int = 0
    contradicted: bool = False
    passed: tuple[int, str] | None = None
    prose: list[tuple[int, str]] | None = field(default_factory=list)
    passed_prose: tuple[int, str] | None = None


class Cells:
    """Reads the cells of an exclusion list.

    Args:
        phones: Reads numbers.

    Attributes:
        advice: What to do about an entry that is not a number.
    """

    def __init__(self, phones: Phones) -> None:
        self._phones = phones
        self._numbers: set[str] = set()
        self._problems: list[Problem] = []
        self.advice = ADVICE

    def result(self, columns: list[Column]) -> ExcludedNumbers:
        """Return what was read.

        Raises:
            ContactsError: An entry is not a number, or a column of numbers was not read.
        """
        for column in columns:
            if column.waiting:
                self._decide(column)
            if column.prose:
                self._decide_prose(column)
            self._judge(column)
        if self._problems:
            raise ContactsError(str(self._problems[0]), problems=self._problems)
        read = tuple(
            ExclusionColumn(column.name, column.numbers, column.unconfirmed)
            for column in columns
            if column.numbers
        )
        return ExcludedNumbers(frozenset(self._numbers), read)

    def require_numbers(self, columns: list[Column]) -> None:
        """Refuse columns with names if none of them has numbers.

        Raises:
            ContactsError: There is no column of numbers.
        """
        for column in columns:
            if column.kind not in ("likely", "unknown"):
                return
            if column.waiting:
                self._decide(column)
            self._judge(column)
        if self._problems or any(column.numbers for column in columns):
            return
        names = [repr((column.name or "")[:40]) for column in columns]
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        raise ContactsError(
            "the exclusion list has no phone number column, and does not begin with a number; its "
            f"columns are {', '.join(names[:_NAMES])}{more}: name the column {PHONE_COLUMN!r}, or "
            f"{_CHOOSE}"
        )

    def read(self, column: Column, row: int, value: str) -> None:
        """Read a cell as a number if its column is one of numbers, or may be.

        Args:
            column: Its column.
            row: Its row, for problems.
            value: Its text.

        Raises:
            ContactsError: A number contains bytes that are not UTF-8.
        """
        if column.kind == "ignored" or not value.strip():
            return
        column.filled += 1
        if column.kind == "numbers":
            self._read(column, row, value)
            return
        form = form_of(value)
        if column.kind == "named":
            if form != "words":
                self._read(column, row, value)
        elif column.kind == "likely":
            if form not in ("words", "other", "prose"):
                self._read(column, row, value)
        elif form == "international":
            column.international += 1
            self._read(column, row, value)
        elif form == "prose":
            if column.prose is not None:
                column.prose.append((row, value))
                if len(column.prose) == _SAMPLE:
                    self._decide_prose(column)
        elif form in ("national", "digits"):
            column.national += form == "national"
            column.grouped += form == "national" or is_grouped(value)
            if column.decided or column.filled <= column.skipped:
                self._maybe(column, row, value)
                return
            column.waiting.append((row, value))
            if len(column.waiting) == _SAMPLE:
                self._decide(column)

    def _read(self, column: Column, row: int, value: str) -> None:
        if _REPLACEMENT in value:
            raise refusal(
                "bad_encoding",
                "a number in the exclusion list contains bytes that are not UTF-8: save the list "
                "as CSV (UTF-8)",
                row=row,
                column=column.name,
                value=value,
            )
        readings = self._phones.readings(value)
        if readings:
            self._numbers |= readings
            column.numbers += 1
            if "+" not in value and not self._phones.any_in_use(readings):
                column.unconfirmed += 1
        elif len(self._problems) < _SHOWN:
            self._problems.append(
                problem(
                    "bad_number",
                    f"the exclusion list has {value[:40]!r}, which is not a valid number, so the "
                    f"person might be called: {self.advice}",
                    row=row,
                    column=column.name,
                    value=value,
                )
            )

    def _decide(self, column: Column) -> None:
        """Decide whether the cells that wait are numbers, or ids that look like numbers."""
        cells = [value for _, value in column.waiting]
        filled = column.filled - column.skipped
        # A list may begin with cells of another kind, so a later sample is looked at, too. Ever
        # later, because to look a number up takes long.
        column.skipped = 2 * column.filled
        mostly = sum(form_of(cell) == "national" for cell in cells) >= _HALF * filled
        numbers = (
            column.international > 0
            or (len(cells) >= _MOSTLY * filled and are_numbers(cells, self._phones))
            or (mostly and are_numbers(cells, self._phones, _HALF))
        )
        if column.decided is None:
            column.decided = numbers
        elif numbers and len(cells) >= _MANY and not is_id_name(column.name or ""):
            # Those before are lost: they were too many to be kept.
            column.decided = column.contradicted = True
        waiting, column.waiting = column.waiting, []
        for row, value in waiting:
            self._maybe(column, row, value)

    def _decide_prose(self, column: Column) -> None:
        """Read the texts of a column that is mostly numbers: one may be a number with a note."""
        texts, column.prose = column.prose or [], None
        if column.numbers < _HALF * column.filled:
            column.passed_prose = texts[0]
            return
        column.prose = []
        for row, value in texts:
            self._read(column, row, value)

    def _maybe(self, column: Column, row: int, value: str) -> None:
        """Read a cell of a column without a telling name if its column was decided to be read."""
        if column.decided and (column.international or column.national):
            self._read(column, row, value)
        elif column.decided:
            # Digits alone may be ids after all, so one that is not a number is not an error.
            # Without a region they were found to be numbers that lost their plus.
            readings = self._phones.readings(value) or self._phones.readings(f"+{value.strip()}")
            self._numbers |= readings
            column.numbers += bool(readings)
            if not readings and self._phones.region is None:
                column.passed = column.passed or (row, value)
        elif column.passed is None:
            column.passed = row, value

    def _looks_like_numbers(self, column: Column) -> bool:
        """Tell whether a column has numbers without a country code, which cannot be read."""
        if column.national >= _HALF * column.filled:
            return True
        # A few ids may seem to be numbers.
        many = column.filled >= _MANY and not is_id_name(column.name or "")
        return many and (column.decided is True or column.grouped >= _MOSTLY * column.filled)

    def _judge(self, column: Column) -> None:
        """Refuse a column that looks like numbers and was not read."""
        if self._problems:
            return
        # The column was not one of numbers when these texts were read, and it is one now.
        late = column.passed_prose if column.numbers >= _HALF * column.filled else None
        mixed = column.international > 0 or column.contradicted or late is not None
        passed = column.passed or late
        if passed is None or not (
            mixed or (self._phones.region is None and self._looks_like_numbers(column))
        ):
            return
        row, value = passed
        found = "has numbers and other digits" if mixed else "looks like phone numbers"
        self._problems.append(
            problem(
                "bad_number",
                f"the column of the exclusion list {found}, and {value[:40]!r} cannot be read as "
                f"one, so the person might be called: {ADVICE}, or {_CHOOSE}",
                row=row,
                column=column.name,
                value=value,
            )
        )
