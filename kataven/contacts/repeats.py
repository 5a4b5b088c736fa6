"""Which numbers of a list have been seen before, and where first.

Knows numbers and row numbers. Costs about 110 bytes for each distinct number, the only memory of
a check that grows with its list.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

__all__ = ["FirstRows"]


class FirstRows:
    """Remembers each number and the row that had it first."""

    __slots__ = ("_numbers", "_rows")

    def __init__(self) -> None:
        """Start with none."""
        # A dict keeps the order of insertion, so that the n-th number's row is the n-th row.
        self._numbers: dict[str, None] = {}
        self._rows = array("I")

    def add(self, numbers: Sequence[str], rows: Sequence[int]) -> list[int]:
        """Take in some numbers, at C speed where none of them is a repeat.

        Args:
            numbers: The numbers.
            rows: The row of each.

        Returns:
            The indexes of those that were seen before, in these numbers or earlier.
        """
        before = len(self._numbers)
        self._numbers.update(dict.fromkeys(numbers))
        new = len(self._numbers) - before
        if new == len(numbers):
            self._rows.extend(rows)
            return []
        fresh = set(islice(reversed(self._numbers), new))
        repeats: list[int] = []
        for index, number in enumerate(numbers):
            if number in fresh:
                fresh.remove(number)
                self._rows.append(rows[index])
            else:
                repeats.append(index)
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
        return {
            number: row
            for number, row in zip(self._numbers, self._rows, strict=True)
            if number in wanted
        }
