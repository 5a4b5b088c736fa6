"""Which character separates the columns.

Votes over four candidates on the beginning of a list. The csv module's sniffer is not used: it
takes letters for delimiters.
"""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import Final

from kataven.contacts._columns import phone_index
from kataven.contacts._rules import E164, PHONE_COLUMN

__all__ = ["DELIMITER_NAMES", "delimiter_of"]

DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_RECORDS: Final = 50
_LONGEST: Final = 64 * 1024


def delimiter_of(text: str) -> str:
    """Find the delimiter of a list.

    Args:
        text: The beginning of the list, from its first character.

    Returns:
        The candidate with which most of the first records have as many fields as the header. If
        that is true of several, one with which there is a phone number column, then one with most
        fields. Comma if no candidate divides the header, and if the comma finds ``phone_number``.
    """
    start = text[:_LONGEST]
    best = (0.0, False, 0)
    winner = ","
    for mark in DELIMITER_NAMES:
        records = _first_records(start, mark)
        if not records or len(records[0]) < 2:
            continue
        if mark == "," and PHONE_COLUMN in records[0]:
            return mark
        width = len(records[0])
        share = sum(len(record) == width for record in records) / len(records)
        vote = (share, _has_numbers(records), width)
        if vote > best:
            best, winner = vote, mark
    return winner


def _has_numbers(records: list[list[str]]) -> bool:
    """Tell whether a column is named for phone numbers, or the first rows have one in E.164."""
    return phone_index(records[0]) is not None or any(
        E164.fullmatch(cell.strip()) for record in records for cell in record
    )


def _first_records(start: str, mark: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for record in islice(csv.reader(io.StringIO(start, newline=""), delimiter=mark), _RECORDS):
            if record:
                found.append(record)
    except csv.Error:
        pass
    return found
