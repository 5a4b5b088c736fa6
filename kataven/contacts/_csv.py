"""Writes rows of cells as the CSV that the Hub accepts: UTF-8, commas, CRLF, RFC 4180 quoting.

Knows cells and bytes. Does not know where the rows come from.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LINE_END", "CsvFull", "CsvWriter", "cell_text"]

# The csv module quotes a lone CR only if the line end contains one: hence CRLF, not LF.
LINE_END: Final = "\r\n"
# The two missing values of pandas; neither can be compared without importing pandas.
_MISSING: Final = frozenset({"NAType", "NaTType"})


class WritesBytes(Protocol):
    """Anything with a ``write`` that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Write all of the bytes."""
        ...


class CsvFull(Exception):  # noqa: N818 - a signal between modules, never shown
    """The rows exceed the maximum size."""


class CsvWriter:
    """Writes rows to a binary file.

    Args:
        file: An open binary file; it stays open.
        max_bytes: The maximum number of bytes to write, None for no limit.

    Attributes:
        written: The number of bytes written.
    """

    __slots__ = ("_file", "_max_bytes", "_writer", "written")

    def __init__(self, file: WritesBytes, max_bytes: int | None = None) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._writer = csv.writer(self, lineterminator=LINE_END)
        self.written = 0

    def write(self, text: str) -> int:
        """Write one formatted record; the csv module calls this.

        Args:
            text: The record with its line end.

        Returns:
            The number of characters written.

        Raises:
            CsvFull: The record does not fit.
            UnicodeEncodeError: The text contains an unpaired surrogate.
        """
        data = text.encode()
        self.written += len(data)
        if self._max_bytes is not None and self.written > self._max_bytes:
            raise CsvFull
        self._file.write(data)
        return len(text)

    def row(self, cells: Iterable[str]) -> None:
        """Write one row.

        Args:
            cells: The text of the cells, in the order of the header.

        Raises:
            CsvFull: The row does not fit.
            UnicodeEncodeError: A cell contains an unpaired surrogate.
        """
        self._writer.writerow(cells)


def cell_text(value: object) -> str:
    """Return the text of a cell.

    Args:
        value: Any value of a row.

    Returns:
        An empty text for None, NaN and other missing values, ISO 8601 for dates and times,
        ``true`` or ``false``, JSON for lists and mappings, ``str(value)`` for anything else.
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
    # For a member of an enum that is a str or an int, write its value: `str` returns the name of
    # some of them.
    if isinstance(value, str):
        return str.__str__(value)
    return int.__repr__(value) if isinstance(value, int) else str(value)
