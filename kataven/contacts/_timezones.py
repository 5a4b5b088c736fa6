"""Rows grouped by the hour it is where their numbers are.

A help for choosing when to call, not legal advice: a number tells where it was given out, not
where its owner is, and rules on calling hours differ by place, day and purpose. Knows numbers,
time zones and a column `timezone`; does not know what time it is.
"""

import threading
from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO, Final, cast

from kataven.contacts._columns import header_problems
from kataven.contacts._csv import CsvSink
from kataven.contacts._files import OwnFile, position_of
from kataven.contacts._problems import refusal
from kataven.contacts._rules import E164, PHONE_COLUMN
from kataven.contacts.reader.delimiter import delimiter_of
from kataven.contacts.reader.records import RecordReader
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.open import ContactsSource, open_source

__all__ = ["ZoneGroup", "by_timezone"]

ZONE_COLUMN: Final = "timezone"
_UNKNOWN: Final = "Etc/Unknown"


@dataclass(frozen=True, slots=True)
class ZoneGroup:
    """The rows whose numbers belong to the same time zones.

    Args:
        zones: The names of the zones (`Europe/London`), sorted; more than one where the number
            does not tell which of them it is, none where nothing is known.
        rows: The number of rows.
    """

    zones: tuple[str, ...]
    rows: int
    _header: list[str] = field(repr=False, compare=False)
    _spool: OwnFile = field(repr=False, compare=False)
    _places: "array[int]" = field(repr=False, compare=False)
    # One for all groups: they read one file, which has one position.
    _reading: threading.Lock = field(repr=False, compare=False)

    def open(self) -> OwnFile:
        """Write the group as a list of its own.

        Returns:
            A seekable binary CSV file at its start, for `create(contacts=...)`.
        """
        name = "-".join(self.zones[:1]).replace("/", "-").lower() or "unknown"
        file = OwnFile(f"contacts-{name}.csv")
        CsvSink(cast("BinaryIO", file)).row(self._header)
        for start, end in zip(self._places[::2], self._places[1::2], strict=True):
            with self._reading:
                self._spool.seek(start)
                row = self._spool.read(end - start)
            file.write(row)
        file.seek(0)
        return file


def by_timezone(source: ContactsSource, *, encoding: str | None = None) -> tuple[ZoneGroup, ...]:
    """Group a list's rows by the time zones of their numbers.

    A help, not legal advice: a number tells where it was given out, not where its owner is
    today, and what hours are allowed is for you to find out. A cell in a column `timezone` wins
    over the number. A number that may be in several zones (+1 800 has 42 of them) is in a group
    with all of them, never in one by guess.

    Args:
        source: A clean list: a binary file (read from where it stands; one that seeks is set
            back to it), a path, bytes, an iterable of mappings, or a table.
        encoding: What to read it in where no byte order mark says otherwise; None for UTF-8.

    Returns:
        The groups, largest first. Each row is in one; numbers that are not in E.164 are in the
        group without zones.

    Raises:
        ContactsError: There is no column `phone_number`, or a row is malformed or ragged.
        ImportError: The extra `contacts` is not installed.
        FileNotFoundError: There is no such path.
        ValueError: The file is closed.
        LookupError: There is no such encoding.
        TypeError: It is no source at all.
    """
    zones_of = _Zones()
    with ExitStack() as closing:
        file = open_source(source, closing)
        back = position_of(file)
        try:
            return _grouped(TextBlocks(file, encoding), zones_of)
        finally:
            if back is not None:
                file.seek(back)


def _grouped(text: TextBlocks, zones_of: "_Zones") -> tuple[ZoneGroup, ...]:
    blocks = iter(text)
    first = next(blocks, None)
    if first is None:
        raise refusal("empty_file", "there is nothing in the list: export it again")
    header: list[str] = []
    spool = OwnFile("zones")
    sink = CsvSink(cast("BinaryIO", spool))
    places: dict[tuple[str, ...], array[int]] = {}
    for batch in RecordReader(chain((first,), blocks), delimiter_of(first.text)):
        for index, cells in enumerate(batch.rows):
            row = batch.first + index
            if not cells:
                continue
            if index in batch.malformed or index in batch.wrong:
                flaw = batch.malformed.get(index, "bytes are not of the list's encoding")
                raise refusal("malformed", f"{flaw}; clean the list first", row=row)
            if not header:
                header = _checked_header(cells)
                continue
            if len(cells) != len(header):
                message = (
                    f"the row has {len(cells)} cells, the header {len(header)}: clean it first"
                )
                raise refusal("ragged_row", message, row=row)
            start = sink.written
            sink.row(cells)
            zones = zones_of.row(header, cells)
            places.setdefault(zones, array("Q")).extend((start, sink.written))
    reading = threading.Lock()
    groups = [
        ZoneGroup(zones, len(found) // 2, header, spool, found, reading)
        for zones, found in places.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.rows, group.zones)))


def _checked_header(names: list[str]) -> list[str]:
    for found in header_problems(names):
        if found.kind == "missing_header" and PHONE_COLUMN not in names:
            raise refusal(found.kind, found.message, row=found.row)
    return names


class _Zones:
    def __init__(self) -> None:
        try:
            import phonenumbers  # noqa: PLC0415 - optional, and slow to load
            from phonenumbers import timezone  # noqa: PLC0415
        except ImportError as missing:
            raise ImportError(
                "time zones of numbers need phonenumbers, which is not installed: "
                "pip install 'kataven[contacts]'"
            ) from missing
        self._numbers: Any = phonenumbers
        self._zones: Any = timezone

    def row(self, header: list[str], cells: list[str]) -> tuple[str, ...]:
        if ZONE_COLUMN in header:
            named = cells[header.index(ZONE_COLUMN)].strip()
            if named:
                return (named,)
        number = cells[header.index(PHONE_COLUMN)]
        if not E164.fullmatch(number):
            return ()
        try:
            parsed = self._numbers.parse(number, None)
        except self._numbers.NumberParseException:
            return ()
        zones = self._zones.time_zones_for_number(parsed)
        return tuple(sorted(zone for zone in zones if zone != _UNKNOWN))
