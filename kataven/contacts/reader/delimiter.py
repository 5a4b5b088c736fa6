"""Which character separates the columns.

Votes over four candidates on the beginning of a list. The csv module's sniffer is not used: it
takes letters for delimiters.
"""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import Final

from kataven.contacts._rules import PHONE_COLUMN

__all__ = ["DELIMITER_NAMES", "delimiter_of"]

DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_RECORDS: Final = 50
_LONGEST: Final = 64 * 1024


def delimiter_of(text: str) -> str:
    """Find the delimiter of a list.

    Args:
        text: The beginning of the list, from its first character.

    Returns:
        The candidate with which most of the first records have as many fields as the header. Comma
        if no candidate divides the header, and if the comma finds the phone number column.
    """
    start = text[:_LONGEST]
    best = (0.0, 0)
    winner = ","
    for mark in DELIMITER_NAMES:
        records = _first_records(start, mark)
        if not records or len(records[0]) < 2:
            continue
        if mark == "," and PHONE_COLUMN in records[0]:
            return mark
        width = len(records[0])
        share = sum(len(record) == width for record in records) / len(records)
        if (share, width) > best:
            best, winner = (share, width), mark
    return winner


def _first_records(start: str, mark: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for record in islice(csv.reader(io.StringIO(start, newline=""), delimiter=mark), _RECORDS):
            if record:
                found.append(record)
    except csv.Error:
        pass
    return found
