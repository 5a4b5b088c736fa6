"""The work of one chunk: its rows are cleaned, and its numbers scattered over buckets.

Runs in any process, on picklable arguments. Knows the rows of one chunk and nothing of the others:
rows are counted from the start of the chunk.
"""

from __future__ import annotations

import csv
import io
import json
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, TypeAlias

from kataven.bulk._cuts import line_start
from kataven.bulk._keys import key_blobs
from kataven.bulk._plain import are_plain, copied_lines, in_order, plain_numbers
from kataven.bulk._source import Layout, Stamp, check_unchanged
from kataven.bulk._work import blob, finished, save
from kataven.contacts._clean_report import Dropped
from kataven.contacts._cleaning import RowCleaner, dropped_again
from kataven.contacts._csv import LINE_END
from kataven.contacts._phones import Phone, Phones
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks
from kataven.errors import BulkError

__all__ = [
    "FIRST_KEYS",
    "Chunk",
    "ChunkTask",
    "Cleaned",
    "Grouping",
    "Lost",
    "clean_chunk",
    "cleaned",
]

Grouping: TypeAlias = Callable[[str], str]
"""Returns the group of a number in E.164; can be pickled."""

Lost: TypeAlias = tuple[int, str, str, str]
"""A row that was dropped: its index in the chunk, reason, value and message."""

# The blobs of a chunk; the keys of each bucket follow.
_CSV, _SIZES, _ROWS, _LOST, _VALUES, _EXTENSIONS, _GROUPS, FIRST_KEYS = range(8)


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """What to clean.

    Attributes:
        work: The work folder.
        name: The name of the source, for errors.
        source: The index of the source.
        path: Its CSV file.
        stamp: The stamp that the file must have.
        layout: How it is read.
        start: Where the chunk starts: at the start of a record.
        end: Where it ends: at a line end.
        size: The size that was wanted.
        final: Whether the list ends there.
        region: The country of numbers without a country code.
        numbers: Which numbers are accepted, as for ``clean``.
        buckets: The number of buckets.
        grouping: Returns the group of a number, None for one group.
    """

    work: str
    name: str
    source: int
    path: str
    stamp: Stamp
    layout: Layout
    start: int
    end: int
    size: int
    final: bool
    region: str | None
    numbers: Literal["valid", "possible"]
    buckets: int
    grouping: Grouping | None = None

    @property
    def key(self) -> str:
        """The name of the task in the work folder."""
        return f"chunk-{self.source:05d}-{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was found in a chunk.

    Attributes:
        key: The name of its task.
        source: The index of the source.
        end: Where its last complete record ends: before the end of the task if a record continues.
        records: The records, with the header and the blank lines before it.
        rows: The rows below the header.
        kept: How many of them have a number.
        lost: How many were dropped, by reason.
        first: The first dropped row of each reason: its index and message.
        extensions: How many numbers have an extension.
    """

    key: str
    source: int
    end: int
    records: int
    rows: int
    kept: int
    lost: dict[str, int]
    first: dict[str, tuple[int, str]]
    extensions: int


def clean_chunk(task: ChunkTask) -> Chunk:
    """Clean the rows of a chunk, unless an earlier run has done so.

    Raises:
        BulkError: The file was changed.
    """
    work = Path(task.work)
    result = finished(work, task.key)
    if result is None:
        with open(task.path, "rb") as file:  # noqa: PTH123 - a str, in any process
            file.seek(task.start)
            data = file.read(task.end - task.start)
        check_unchanged(task.name, task.path, task.stamp)
        if len(data) != task.end - task.start:
            raise BulkError(f"{task.name!r} is shorter than its size: call prepare() again")
        result = _Cleaning(task).run(data).save(work)
    return Chunk(**result)


@lru_cache(maxsize=4)
def _phones(region: str | None, numbers: Literal["valid", "possible"]) -> Phones:
    """Return a reader of numbers, which is slow to create, once for each process."""
    return Phones(region, numbers)


@dataclass(slots=True)
class _Cleaning:
    """One pass over a chunk."""

    task: ChunkTask
    csv: list[bytes] = field(default_factory=list)
    sizes: array[int] = field(default_factory=lambda: array("I"))
    rows: array[int] = field(default_factory=lambda: array("I"))
    numbers: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    values: dict[int, str] = field(default_factory=dict)
    extensions: dict[int, str] = field(default_factory=dict)
    count: int = 0
    header: int | None = None
    end: int = 0

    def run(self, data: bytes) -> _Cleaning:
        task, layout = self.task, self.task.layout
        text = TextBlocks(io.BytesIO(data), layout.encoding, old_mac=layout.old_mac)
        reader = RecordReader(iter(text), layout.delimiter, lenient=True, final=task.final)
        cleaner = RowCleaner(layout.header, _phones(task.region, task.numbers))
        if task.start > layout.start:
            self.header = -1
        for batch in reader:
            self._batch(batch, cleaner)
        rest = reader.unread
        self.end = task.end
        if rest:
            lines = rest.count("\n")
            self.end = task.start + line_start(data, layout, lines)
        if self.header is None:
            # Only a chunk without its header, which is too short.
            self.end = task.start
        return self

    def _batch(self, batch: Batch, cleaner: RowCleaner) -> None:
        layout = self.task.layout
        first = batch.first - 1
        rows = batch.rows
        self.count += len(rows)
        begin = 0
        if self.header is None:
            begin = next((index for index, cells in enumerate(rows) if cells), len(rows))
            if begin == len(rows):
                return
            if tuple(rows[begin]) != layout.names:
                raise BulkError(
                    f"the header of {self.task.name!r} has changed: call prepare() again when the "
                    "file is complete"
                )
            self.header = first + begin
            begin += 1
        phone, width = layout.header.phone, len(layout.order)
        kept: list[list[str]] = []
        if are_plain(batch, rows[begin:], layout, cleaner):
            kept = rows[begin:]
            self.numbers += [cells[phone] for cells in kept]
            self.rows.extend(range(first + begin, first + len(rows)))
            if begin == 0 and self._copy(batch):
                return
        else:
            plain = plain_numbers(batch, layout)
            for index in range(begin, len(rows)):
                cells = rows[index]
                before = "" if layout.added is None else layout.added.take_from(cells)
                if not before and len(cells) == width and (number := cells[phone]) in plain:
                    kept.append(cells)
                    self.numbers.append(number)
                    self.rows.append(first + index)
                    continue
                row = batch.first + index
                found = cleaner.clean(row, cells, batch)
                if isinstance(found, Phone):
                    found = dropped_again(row, before, cells[phone]) or found
                if isinstance(found, Dropped):
                    self.lost.append((first + index, found.reason, found.value, found.message))
                    continue
                place = len(self.numbers)
                if found.extension:
                    self.extensions[place] = found.extension
                if cells[phone] != found.number:
                    self.values[place] = cells[phone]
                    cells[phone] = found.number
                kept.append(cells)
                self.numbers.append(found.number)
                self.rows.append(first + index)
        if not in_order(layout):
            kept = list(map(list, map(itemgetter(*layout.order), kept)))
        records: list[str] = []
        csv.writer(_Appending(records), lineterminator=LINE_END).writerows(kept)
        self.csv.append("".join(records).encode())
        self.sizes.extend(len(each) if each.isascii() else len(each.encode()) for each in records)

    def _copy(self, batch: Batch) -> bool:
        """Copy the lines of a batch if they are what would be written; tell whether they are."""
        lines = copied_lines(batch, self.task.layout)
        if lines is None:
            return False
        end = LINE_END.encode()
        self.csv.append(end.join([*lines, b""]))
        self.sizes.extend(len(line) + len(end) for line in lines)
        return True

    def save(self, work: Path) -> dict[str, Any]:
        blobs: list[bytes] = [
            b"".join(self.csv),
            self.sizes.tobytes(),
            self.rows.tobytes(),
            json.dumps(self.lost).encode(),
            json.dumps(self.values).encode(),
            json.dumps(self.extensions).encode(),
            json.dumps(self._groups()).encode(),
            *key_blobs(self.numbers, self.rows, self.task.buckets),
        ]
        first: dict[str, tuple[int, str]] = {}
        for index, reason, _, message in self.lost:
            first.setdefault(reason, (index, message))
        result = {
            "key": self.task.key,
            "source": self.task.source,
            "end": self.end,
            "records": self.count,
            "rows": self.count - (0 if self.header is None else self.header + 1),
            "kept": len(self.numbers),
            "lost": Counter(reason for _, reason, _, _ in self.lost),
            "first": first,
            "extensions": len(self.extensions),
        }
        return save(work, self.task.key, blobs, result)

    def _groups(self) -> tuple[list[str], list[int]]:
        """Return the groups, and the place of each number's group among them: names are long."""
        if self.task.grouping is None:
            return [], []
        places: dict[str, int] = {}
        found = [
            places.setdefault(group, len(places)) for group in map(self.task.grouping, self.numbers)
        ]
        return list(places), found


class _Appending:
    """A file whose writes are the items of a list."""

    def __init__(self, items: list[str]) -> None:
        self.write = items.append


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The rows of a chunk that were cleaned, read again.

    Attributes:
        csv: The kept rows as CSV.
        sizes: The size of each kept row in bytes.
        rows: The index of each kept row among all rows of the chunk.
        lost: The rows that were dropped.
        values: The original numbers of kept rows whose number was rewritten, by their index.
        extensions: The extensions, by the index of the kept row.
        groups: The group of each kept row, empty without groups.
    """

    csv: bytes
    sizes: array[int]
    rows: array[int]
    lost: list[Lost]
    values: dict[int, str]
    extensions: dict[int, str]
    groups: list[str]


def cleaned(work: Path, key: str) -> Cleaned:
    """Read what ``clean_chunk`` has made, except the keys."""

    def by_index(index: int) -> dict[int, str]:
        return {int(place): text for place, text in json.loads(blob(work, key, index)).items()}

    names, places = json.loads(blob(work, key, _GROUPS))
    return Cleaned(
        csv=blob(work, key, _CSV),
        sizes=array("I", blob(work, key, _SIZES)),
        rows=array("I", blob(work, key, _ROWS)),
        lost=[tuple(each) for each in json.loads(blob(work, key, _LOST))],
        values=by_index(_VALUES),
        extensions=by_index(_EXTENSIONS),
        groups=[names[place] for place in places],
    )
