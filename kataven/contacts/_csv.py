"""Rows of cells written as the CSV that the Hub takes: UTF-8, commas, CRLF, RFC 4180 quoting.

Knows bytes and how many of them fit. Does not know where the rows come from.
"""

import csv
import datetime as dt
import json
import math
from collections.abc import Iterable
from typing import BinaryIO, Final

__all__ = ["CsvSink", "TooManyBytes", "text_of"]

# The csv module quotes a lone CR only where the line end has one: so CRLF, not LF.
LINE_END: Final = "\r\n"
# pandas' two words for "nothing here"; neither can be compared without pandas.
_MISSING: Final = frozenset({"NAType", "NaTType"})


class TooManyBytes(Exception):  # noqa: N818 - a signal between modules, never shown
    """The rows do not fit into the bytes that were allowed."""


class CsvSink:
    """Writes rows to a binary file.

    Args:
        file: An open binary file; it stays open.
        most: The most bytes to write, None for no limit.
    """

    __slots__ = ("_file", "_most", "_writer", "written")

    def __init__(self, file: BinaryIO, most: int | None = None) -> None:
        """Start with nothing written."""
        self._file = file
        self._most = most
        self._writer = csv.writer(self, lineterminator=LINE_END)
        self.written = 0

    def write(self, text: str) -> int:
        """Take one written record from the csv module.

        Args:
            text: The record with its line end.

        Returns:
            The number of characters taken.

        Raises:
            TooManyBytes: The record does not fit any more.
            UnicodeEncodeError: The text holds half of a surrogate pair.
        """
        data = text.encode()
        self.written += len(data)
        if self._most is not None and self.written > self._most:
            raise TooManyBytes
        self._file.write(data)
        return len(text)

    def row(self, cells: Iterable[str]) -> None:
        """Write one row.

        Args:
            cells: The cells' text, in the order of the header.

        Raises:
            TooManyBytes: The row does not fit any more.
            UnicodeEncodeError: A cell holds half of a surrogate pair.
        """
        self._writer.writerow(cells)


def text_of(value: object) -> str:
    """Give a cell's text.

    Args:
        value: Any value of a row; None, NaN and the like mean an empty cell.

    Returns:
        The text: dates and times in ISO 8601, truth as `true` and `false`, lists and mappings as
        JSON, the rest as `str`.
    """
    if value is None or type(value).__name__ in _MISSING:
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    # A member of an enum that is a str or an int is its value; `str` gives some by their name.
    if isinstance(value, str):
        return str.__str__(value)
    return int.__repr__(value) if isinstance(value, int) else str(value)
