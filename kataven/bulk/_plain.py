"""Fast paths for plain rows, which are kept as they are: most rows of most lists.

Each is a shorter way to what ``RowCleaner`` and ``csv.writer`` would do with the same rows, and
says no where it is not certain of that. Knows no row that is dropped or changed.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from kataven.contacts._numbering import (
    all_fit_their_countries,
    are_settled,
    fits_country,
    is_settled,
)
from kataven.contacts._rules import all_well_formed

if TYPE_CHECKING:
    from kataven.bulk._source import Layout
    from kataven.contacts._cleaning import RowCleaner
    from kataven.contacts.reader.records import Batch

__all__ = ["are_plain", "copied_lines", "in_order", "plain_numbers"]


def are_plain(batch: Batch, rows: list[list[str]], layout: Layout, cleaner: RowCleaner) -> bool:
    """Tell whether all rows can be kept as they are, without a Python loop over them.

    Args:
        batch: The batch that they are in.
        rows: The rows.
        layout: How the source is read.
        cleaner: Knows the countries of rows.
    """
    if batch.malformed or batch.wrong or b"\0" in batch.utf8:
        return False
    if set(map(len, rows)) != {len(layout.order)}:
        return False
    numbers = list(map(itemgetter(layout.header.phone), rows))
    if not (all_well_formed(numbers) and are_settled(numbers) and all_fit_their_countries(numbers)):
        return False
    country = layout.header.country
    return country is None or cleaner.knows({cells[country] for cells in rows})


def plain_numbers(batch: Batch, layout: Layout) -> set[str]:
    """Return the numbers that are kept as they are, in rows that are as long as the header."""
    header = layout.header
    flawed = batch.malformed or batch.wrong or b"\0" in batch.utf8
    if flawed or header.country is not None:
        return set()
    width = len(header.columns)
    numbers = (cells[header.phone] for cells in batch.rows if len(cells) == width)
    return {number for number in numbers if is_settled(number) and fits_country(number)}


def copied_lines(batch: Batch, layout: Layout) -> list[bytes] | None:
    """Return the lines of a batch if they are what would be written, else None."""
    if b'"' in batch.utf8 or layout.delimiter != "," or not in_order(layout):
        return None
    returns = batch.utf8.count(b"\r")
    if returns and returns != batch.utf8.count(b"\r\n"):
        return None
    lines = batch.utf8.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    return lines if len(lines) == len(batch.rows) else None


def in_order(layout: Layout) -> bool:
    """Tell whether the columns of a source are in the order of the parts."""
    return layout.order == tuple(range(len(layout.order)))
