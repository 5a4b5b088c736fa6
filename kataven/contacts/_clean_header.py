"""The beginning of a list that is cleaned: its delimiter, and its header with the new names.

Refuses a list that has none. Must not know what happens with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from kataven.contacts._clean_report import REASONS
from kataven.contacts._columns import (
    Renamed,
    clean_names,
    column_index,
    not_csv_message,
    phone_index,
)
from kataven.contacts._dropped_file import AddedColumns, added_columns
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import EMPTY_LIST, NUL_CHARACTER, missing_header_message
from kataven.contacts.reader.delimiter import delimiter_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kataven.contacts.reader.records import Batch
    from kataven.contacts.reader.text import Block, TextBlocks

__all__ = ["Header", "header_of", "opened", "without_added"]


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a list, and its names in the clean list.

    Attributes:
        names: The names in the source.
        columns: The names in the clean list.
        renamed: The columns with a new name.
        phone: The index of the phone number column.
        country: The index of the column with the country of each row, if there is one.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    renamed: tuple[Renamed, ...]
    phone: int
    country: int | None

    def cut(self, width: int) -> Header:
        """Return the header without the columns on its right.

        Args:
            width: The number of columns to keep.
        """
        renamed = tuple(each for each in self.renamed if each.column <= width)
        return replace(
            self, names=self.names[:width], columns=self.columns[:width], renamed=renamed
        )


def opened(text: TextBlocks) -> tuple[str, Iterator[Block]]:
    """Find the delimiter of a list.

    Args:
        text: The list, of which no block was read.

    Returns:
        The delimiter, and all blocks of the list.

    Raises:
        ContactsError: The list is empty, or is not CSV.
    """
    blocks = iter(text)
    first = next(blocks, None)
    if first is None:
        raise refusal("empty_file", EMPTY_LIST)
    delimiter = text.separator or delimiter_of(first.text)
    if message := not_csv_message(first.text, delimiter):
        raise refusal("missing_header", message)
    return delimiter, chain((first,), blocks)


def header_of(
    row: int, cells: list[str], batch: Batch, encoding: str, region_column: str | None
) -> Header:
    """Read the first record of a list that is not blank.

    Args:
        row: Its row.
        cells: Its cells.
        batch: The batch that it is in.
        encoding: The encoding of the list, for errors.
        region_column: The name of the column with the country of each row, if there is one.

    Raises:
        ContactsError: It cannot be a header, or a column is missing.
    """
    index = row - batch.first
    if any("\0" in cell for cell in cells):
        raise refusal("nul", NUL_CHARACTER, row=row)
    if index in batch.malformed:
        raise refusal("malformed", batch.malformed[index], row=row, value=cells[0])
    if index in batch.wrong:
        place = batch.wrong[index]
        raise refusal(
            "bad_encoding",
            f"byte {place.offset} (0x{place.byte:02x}) of the header is not "
            f"{encoding.upper()}: name the encoding, for example encoding='cp1252'",
            row=row,
        )
    phone = phone_index(cells)
    if phone is None:
        raise refusal("missing_header", missing_header_message(cells, cleaning=True), row=row)
    country = None if region_column is None else column_index(cells, region_column)
    columns, renamed = clean_names(cells)
    return Header(tuple(cells), tuple(columns), renamed, phone, country)


def without_added(header: Header, first: list[str]) -> tuple[Header, AddedColumns | None]:
    """Leave out the columns that a file of dropped rows has besides those of the list.

    Args:
        header: The header.
        first: The first row below it that is not blank; empty if there is none.

    Returns:
        The header without these columns, and the columns; None if it is another list.
    """
    added = added_columns(header.names, first, REASONS)
    if added is None or max(header.phone, header.country or 0) >= added.width:
        return header, None
    return header.cut(added.width), added
