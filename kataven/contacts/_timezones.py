"""``by_timezone``: groups rows by the time zones of their numbers.

A help for choosing when to call, not legal advice: a number shows where it was assigned, not where
its owner is, and rules on calling hours differ by place, day and purpose. Knows numbers, time zones
and a column ``timezone``; does not know the time.
"""

from __future__ import annotations

import threading
from array import array
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import TempFile
from kataven.contacts._problems import counted
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import E164, EMPTY_LIST, PHONE_COLUMN, header_problems
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import RecordReader
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.open import ContactsSource, open_source

__all__ = ["NumberZones", "ZoneGroup", "by_timezone"]

_ZONE_COLUMN: Final = "timezone"
_UNKNOWN: Final = "Etc/Unknown"


@dataclass(frozen=True, slots=True)
class ZoneGroup:
    """The rows whose numbers belong to the same time zones.

    Attributes:
        zones: The names of the zones (``Europe/London``), sorted. More than one if the number may
            be in any of them, none if the zone is unknown.
        rows: The number of rows.
    """

    zones: tuple[str, ...]
    rows: int
    _header: list[str] = field(repr=False, compare=False)
    _spool: TempFile = field(repr=False, compare=False)
    _places: array[int] = field(repr=False, compare=False)
    # Shared by all groups: they read one file, which has one position.
    _reading: threading.Lock = field(repr=False, compare=False)

    def open(self) -> TempFile:
        """Write the group as a list of its own.

        Returns:
            A seekable binary CSV file at its start, for ``create(contacts=...)``.
        """
        name = "-".join(self.zones[:1]).replace("/", "-").lower() or "unknown"
        file = TempFile(f"contacts-{name}.csv")
        CsvWriter(file).row(self._header)
        for start, end in zip(self._places[::2], self._places[1::2], strict=True):
            with self._reading:
                self._spool.seek(start)
                row = self._spool.read(end - start)
            file.write(row)
        file.seek(0)
        return file


def by_timezone(source: ContactsSource, *, encoding: str | None = None) -> tuple[ZoneGroup, ...]:
    """Group the rows of a list by the time zones of their numbers.

    A help, not legal advice: a number shows where it was assigned, not where its owner is today,
    and you have to find out at which hours you may call. A cell in a column ``timezone`` takes
    precedence over the number. A number that may be in several zones (+1 800 has 42) is in a group
    with all of them; one zone is never guessed.

    Args:
        source: A clean list: a binary file (read from its current position; one that can seek is
            set back to it), a path, bytes, an iterable of mappings, or a table.
        encoding: The encoding of the list if there is no byte order mark; None for UTF-8.

    Returns:
        The groups, largest first. Each row is in one; numbers that are not in E.164 are in the
        group without zones.

    Raises:
        ContactsError: There is no column ``phone_number``, or a row is malformed or ragged.
        ImportError: The extra ``contacts`` is not installed.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed, or there is no such encoding.
        LookupError: There is no such encoding (the same error).
        TypeError: It is not a source.
    """
    zones_of = NumberZones()
    with open_source(source, keep_position=True) as file:
        return _grouped(TextBlocks(file, encoding), zones_of)


def _grouped(text: TextBlocks, zones_of: NumberZones) -> tuple[ZoneGroup, ...]:
    blocks = iter(text)
    first = next(blocks, None)
    if first is None:
        raise refusal("empty_file", EMPTY_LIST)
    header: list[str] = []
    spool = TempFile("zones")
    writer = CsvWriter(spool)
    places: dict[tuple[str, ...], array[int]] = {}
    delimiter = text.separator or delimiter_of(first.text)
    for batch in RecordReader(chain((first,), blocks), delimiter):
        for index, cells in enumerate(batch.rows):
            row = batch.first + index
            if not cells:
                continue
            if index in batch.malformed or index in batch.wrong:
                flaw = batch.malformed.get(index, "bytes are not valid in the encoding of the list")
                raise refusal("malformed", f"{flaw}; clean the list first", row=row)
            if not header:
                _check_header(cells)
                header = cells
                continue
            if len(cells) != len(header):
                raise refusal(
                    "ragged_row",
                    f"the row has {counted(len(cells), 'cell')}, the header {len(header)}: clean "
                    "the list first",
                    row=row,
                )
            start = writer.written
            writer.row(cells)
            zones = zones_of.of_row(header, cells)
            places.setdefault(zones, array("Q")).extend((start, writer.written))
    reading = threading.Lock()
    groups = [
        ZoneGroup(zones, len(found) // 2, header, spool, found, reading)
        for zones, found in places.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.rows, group.zones)))


def _check_header(names: list[str]) -> None:
    for found in header_problems(names):
        if found.kind == "missing_header" and PHONE_COLUMN not in names:
            raise refusal(found.kind, found.message, row=found.row)


class NumberZones:
    """The time zones of numbers.

    Raises:
        ImportError: The extra ``contacts`` is not installed.
    """

    def __init__(self) -> None:
        try:
            import phonenumbers  # noqa: PLC0415 - optional, and slow to load
            from phonenumbers import timezone  # noqa: PLC0415
        except ImportError as missing:
            raise ImportError(
                "time zones need phonenumbers, which is not installed: "
                "pip install 'kataven[contacts]'"
            ) from missing
        self._numbers: Any = phonenumbers
        self._zones: Any = timezone

    def of_row(self, header: list[str], cells: list[str]) -> tuple[str, ...]:
        """Return the zone that a column ``timezone`` names, else those of the number."""
        if _ZONE_COLUMN in header:
            zone = cells[header.index(_ZONE_COLUMN)].strip()
            if zone:
                return (zone,)
        return self.of(cells[header.index(PHONE_COLUMN)])

    def of(self, number: str) -> tuple[str, ...]:
        """Return all zones that a number in E.164 may be in, sorted; none if they are unknown."""
        if not E164.fullmatch(number):
            return ()
        try:
            parsed = self._numbers.parse(number, None)
        except self._numbers.NumberParseException:
            return ()
        zones = self._zones.time_zones_for_number(parsed)
        return tuple(sorted(zone for zone in zones if zone != _UNKNOWN))
