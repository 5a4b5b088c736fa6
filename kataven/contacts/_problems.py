"""One finding about a list of contacts, as a value.

Knows the kinds of problems and how grave each is. Does not know how they are found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kataven.errors import ContactsError

__all__ = [
    "SEVERITIES",
    "Kind",
    "Problem",
    "Severity",
    "counted",
    "escaped",
    "problem",
    "refusal",
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
    "unprintable",
    "formula",
    "blank_row",
    "too_many_rows",
]
"""The kinds of problems; the last five are warnings, the others are errors."""

Severity = Literal["error", "warning"]
"""`error`: the Hub would refuse the file. `warning`: it takes it, but somebody should look."""

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
    "unprintable": "warning",
    "formula": "warning",
    "blank_row": "warning",
    "too_many_rows": "warning",
}

LONGEST_VALUE: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or odd, in a list of contacts.

    Args:
        row: The row as a spreadsheet shows it: the header is row 1, a record is one row however
            many lines it has, blank rows count. None where the whole file is meant.
        column: The header of the column, None where the whole row or file is meant.
        value: The cell's text, cut to 80 characters; None where there is none to show.
        kind: What it is, one of the fixed words.
        severity: `error` or `warning`; it follows from `kind`.
        message: A sentence that says what is wrong and how to mend it.
    """

    row: int | None
    column: str | None
    value: str | None
    kind: Kind
    severity: Severity
    message: str

    def __str__(self) -> str:
        """Give the message with its place in front.

        Returns:
            `row 7, column phone_number: ...`, or the bare message for a whole file. What a
            terminal would obey in the column's name is escaped.
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
    """Cut a cell's text for a message.

    Args:
        value: The text.

    Returns:
        The text itself up to 80 characters, else its beginning and an ellipsis.
    """
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"


def escaped(text: str) -> str:
    r"""Make a text of the list's fit for a line of a message.

    Args:
        text: A name or a cell's text; whoever wrote the list may have put anything into it.

    Returns:
        The text, cut to 80 characters, with escapes (`\x1b`, `\n`) for what is not printable.
    """
    short = shortened(text)
    if short.isprintable():
        return short
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in short
    )


def counted(count: int, noun: str) -> str:
    """Put a number before a noun.

    Args:
        count: How many there are.
        noun: What they are, in the singular.

    Returns:
        `1 row`, `2,000 rows`.
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def problem(
    kind: Kind,
    message: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
) -> Problem:
    """Make a problem with the severity of its kind and a shortened value.

    Args:
        kind: One of the fixed words.
        message: A sentence that says what is wrong and how to mend it.
        row: The row, None for the whole file.
        column: The header of the column, if one is meant.
        value: The cell's whole text, if there is one.

    Returns:
        The problem.
    """
    short = None if value is None else shortened(value)
    return Problem(row, column, short, kind, SEVERITIES[kind], message)


def refusal(
    kind: Kind,
    message: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
) -> ContactsError:
    """Make the error that refuses a whole list for one problem.

    Args:
        kind: One of the fixed words.
        message: A sentence that says what is wrong and how to mend it.
        row: The row, None for the whole file.
        column: The header of the column, if one is meant.
        value: The cell's whole text, if there is one.

    Returns:
        The error, to be raised; its text is the problem's, with its place.
    """
    found = problem(kind, message, row=row, column=column, value=value)
    return ContactsError(str(found), problems=[found])
