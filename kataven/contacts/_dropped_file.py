"""A file of dropped rows that is cleaned again: which of its columns ``write_dropped`` added.

Knows the names of these columns and what is in them. Does not know why a row is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kataven.contacts._columns import unused_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["AddedColumns", "added_columns", "added_names"]

_MARKS: Final = ("row", "reason", "message")
_EXTRA: Final = "extra_"


def added_names(names: Sequence[str], extra: int) -> list[str]:
    """Return the names of the columns that a file of dropped rows has after those of the list.

    Args:
        names: The header of the list.
        extra: How many cells the longest row has beyond the header.
    """
    taken = set(names)
    added: list[str] = []
    for name in (*(f"{_EXTRA}{index + 1}" for index in range(extra)), *_MARKS):
        added.append(unused_name(name, taken))
        taken.add(added[-1])
    return added


@dataclass(frozen=True, slots=True)
class AddedColumns:
    """The columns on the right of a file of dropped rows that the list did not have.

    Attributes:
        names: Their names.
        width: The number of columns before them.
    """

    names: tuple[str, ...]
    width: int

    def take_from(self, cells: list[str]) -> str:
        """Remove the cells of ``row``, ``reason`` and ``message`` from a row.

        Those of ``extra_1`` and so on stay: the row is as long as the header if they are empty.

        Args:
            cells: The row. One of another length than the file is left as it is.

        Returns:
            The reason why the row was dropped before, if it is there.
        """
        full = self.width + len(self.names)
        if len(cells) < full or any(cells[full:]):
            return ""
        reason = cells[full - 2].strip()
        del cells[full - len(_MARKS) :]
        return reason


def added_columns(
    names: Sequence[str], first: Sequence[str], reasons: Collection[str]
) -> AddedColumns | None:
    """Recognise a file that ``write_dropped`` wrote, by its header and the row below it.

    Args:
        names: The header.
        first: The row.
        reasons: The words that its column ``reason`` may have.

    Returns:
        The columns that were added; None if it is another list, maybe one with columns of the same
        names.
    """
    marks = len(names) - len(_MARKS)
    if marks < 1 or len(first) < len(names):
        return None
    row, reason, message = (cell.strip() for cell in first[marks : len(names)])
    if not (row.isdecimal() and reason in reasons and message):
        return None
    width = marks
    while width > 1 and names[width - 1].startswith(_EXTRA):
        width -= 1
    # The list may have such columns itself.
    for first_added in range(width, marks + 1):
        if added_names(names[:first_added], marks - first_added) == list(names[first_added:]):
            return AddedColumns(tuple(names[first_added:]), first_added)
    return None
