"""Which numbers of a list are duplicates, and in which row each number was first.

Knows numbers and row numbers. Takes about 110 bytes for each distinct number; this is the only part
of a check whose memory grows with the list.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["FirstRows"]


class FirstRows:
    """Remembers each number and its first row."""

    __slots__ = ("_numbers", "_places", "_rows")

    def __init__(self) -> None:
        # A dict keeps insertion order. `_places` are positions in it where a run starts: the
        # numbers from there on were in consecutive rows, the first of which is in `_rows`.
        self._numbers: dict[str, None] = {}
        self._places: list[int] = []
        self._rows: list[int] = []

    def add(self, numbers: Sequence[str], rows: Sequence[int]) -> list[int]:
        """Add numbers, without a Python loop if none of them is a duplicate.

        Args:
            numbers: The numbers.
            rows: The row of each; pass a range if they are consecutive.

        Returns:
            The indexes of the duplicates of numbers that came earlier, here or in earlier calls.
        """
        before = len(self._numbers)
        self._numbers.update(dict.fromkeys(numbers))
        new = len(self._numbers) - before
        if new == len(numbers) and isinstance(rows, range):
            if new:
                self._places.append(before)
                self._rows.append(rows[0])
            return []
        fresh = set(islice(reversed(self._numbers), new))
        duplicates: list[int] = []
        place, expected = before, -1
        for index, number in enumerate(numbers):
            if number not in fresh:
                duplicates.append(index)
                continue
            fresh.remove(number)
            if rows[index] != expected:
                self._places.append(place)
                self._rows.append(rows[index])
            place, expected = place + 1, rows[index] + 1
        return duplicates

    def rows_of(self, numbers: Iterable[str]) -> dict[str, int]:
        """Return the first row of each of some numbers that were added."""
        wanted = set(numbers)
        if not wanted:
            return {}
        found: dict[str, int] = {}
        for place, number in enumerate(self._numbers):
            if number in wanted:
                run = bisect_right(self._places, place) - 1
                found[number] = self._rows[run] + place - self._places[run]
        return found
