"""One problem of a contact list, as a value.

Knows the kinds of problems and their severity. Does not know how they are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SEVERITIES",
    "Kind",
    "Problem",
    "Severity",
    "counted",
    "escaped",
    "problem",
    "shortened",
]

Kind = Literal[
    "missing_header",
    "doubled_header",
    "ragged_row",
    "empty_number",
    "bad_number",
    "spreadsheet_number",
    "nul",
    "bad_encoding",
    "delimiter",
    "malformed",
    "no_rows",
    "empty_file",
    "too_large",
    "duplicate",
    "doubtful_number",
    "unprintable",
    "formula",
    "blank_row",
    "too_many_rows",
]
"""The kinds of problems. The last six are warnings, the others are errors."""

Severity = Literal["error", "warning"]
"""``error``: the Hub would refuse the file. ``warning``: the Hub accepts it, but look at it."""

SEVERITIES: Final[Mapping[Kind, Severity]] = {
    "missing_header": "error",
    "doubled_header": "error",
    "ragged_row": "error",
    "empty_number": "error",
    "bad_number": "error",
    "spreadsheet_number": "error",
    "nul": "error",
    "bad_encoding": "error",
    "delimiter": "error",
    "malformed": "error",
    "no_rows": "error",
    "empty_file": "error",
    "too_large": "error",
    "duplicate": "warning",
    "doubtful_number": "warning",
    "unprintable": "warning",
    "formula": "warning",
    "blank_row": "warning",
    "too_many_rows": "warning",
}

_LONGEST_VALUE: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning about a contact list.

    Attributes:
        row: The row as a spreadsheet numbers it: the header is row 1, a record is one row even if
            it spans several lines, and blank rows count. None if the entire file is meant.
        column: The header of the column. None if the entire row or file is meant.
        value: The text of the cell, cut to 80 characters. None if there is nothing to show.
        kind: What is wrong, one of the fixed words.
        severity: ``error`` or ``warning``; ``kind`` determines it.
        message: A sentence that says what is wrong and how to fix it.
    """

    row: int | None
    column: str | None
    value: str | None
    kind: Kind
    severity: Severity
    message: str

    def __str__(self) -> str:
        """Return ``row 7, column phone_number: message``, or only the message for an entire file.

        Characters in the column name that a terminal would interpret are escaped.
        """
        place = ", ".join(
            part
            for part in (
                f"row {self.row}" if self.row is not None else "",
                f"column {escaped(self.column)}" if self.column is not None else "",
            )
            if part
        )
        return f"{place}: {self.message}" if place else self.message


def shortened(value: str) -> str:
    """Cut a text to 80 characters, the last of them an ellipsis if something was cut."""
    return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…"


def escaped(text: str) -> str:
    r"""Make text from a list safe to print on one line.

    Args:
        text: A column name or the text of a cell. It comes from outside and may hold anything.

    Returns:
        The text, cut to 80 characters, with escapes (``\x1b``, ``\n``) for unprintable characters.
    """
    short = shortened(text)
    if short.isprintable():
        return short
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in short
    )


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 row``, ``2,000 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def problem(
    kind: Kind,
    message: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
) -> Problem:
    """Create a problem with the severity of its kind and a shortened value.

    Args:
        kind: The kind of the problem.
        message: A sentence that says what is wrong and how to fix it.
        row: The row, None for the entire file.
        column: The header of the column, if there is one.
        value: The full text of the cell, if there is one.

    Returns:
        The problem.
    """
    short = None if value is None else shortened(value)
    return Problem(row, column, short, kind, SEVERITIES[kind], message)
