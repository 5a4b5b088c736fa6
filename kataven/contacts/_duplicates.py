"""Which numbers of a list have been seen before, and where first.

Knows numbers and row numbers. Costs about 110 bytes for each distinct number, the only memory of
a check that grows with its list.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice

__all__ = ["FirstRows"]


class FirstRows:
    """Remembers each number and the row that had it first."""

    __slots__ = ("_numbers", "_places", "_rows")

    def __init__(self) -> None:
        """Start with none."""
        # A dict keeps the order of insertion. From the place in it on that `_places` names, the
        # numbers stood in consecutive rows from the one that `_rows` names.
        self._numbers: dict[str, None] = {}
        self._places: list[int] = []
        self._rows: list[int] = []

    def add(self, numbers: Sequence[str], rows: Sequence[int]) -> list[int]:
        """Take in some numbers, at C speed where none of them is a repeat.

        Args:
            numbers: The numbers.
            rows: The row of each; a range says that they are consecutive.

        Returns:
            The indexes of those that were seen before, in these numbers or earlier.
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
        repeats: list[int] = []
        place, expected = before, -1
        for index, number in enumerate(numbers):
            if number not in fresh:
                repeats.append(index)
                continue
            fresh.remove(number)
            if rows[index] != expected:
                self._places.append(place)
                self._rows.append(rows[index])
            place, expected = place + 1, rows[index] + 1
        return repeats

    def rows_of(self, numbers: Iterable[str]) -> dict[str, int]:
        """Tell where some numbers stood first.

        Args:
            numbers: Numbers that have been taken in.

        Returns:
            The first row of each.
        """
        wanted = set(numbers)
        if not wanted:
            return {}
        found: dict[str, int] = {}
        for place, number in enumerate(self._numbers):
            if number in wanted:
                run = bisect_right(self._places, place) - 1
                found[number] = self._rows[run] + place - self._places[run]
        return found
