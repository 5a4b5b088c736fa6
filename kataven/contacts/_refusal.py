"""The error that refuses an entire list because of one problem.

Kept apart from ``_problems``, which ``kataven.errors`` refers to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven.contacts._problems import problem
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from kataven.contacts._problems import Kind

__all__ = ["refusal"]


def refusal(
    kind: Kind,
    message: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
) -> ContactsError:
    """Create the error that refuses a list; its text is the problem's, with the place in front.

    Args:
        kind: The kind of the problem.
        message: A sentence that says what is wrong and how to fix it.
        row: The row, None for the entire file.
        column: The header of the column, if there is one.
        value: The full text of the cell, if there is one.

    Returns:
        The error; its ``.problems`` is the one problem.
    """
    found = problem(kind, message, row=row, column=column, value=value)
    return ContactsError(str(found), problems=[found])
