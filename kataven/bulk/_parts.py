"""The parts of a plan: the rows that remain of each chunk, and where the parts are cut.

Copies bytes of rows that are clean, in the order of the sources. The chunks and the parts are
written in any process; only where to cut is decided in one, from the sizes of the chunks.
"""

from __future__ import annotations

import csv
import hashlib
import io
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kataven.bulk._buckets import drops_of
from kataven.bulk._chunks import cleaned
from kataven.bulk._plan import PARTS, ROWS, Part
from kataven.bulk._source import shown
from kataven.bulk._work import blob, finished, save, store_named
from kataven.contacts._csv import LINE_END
from kataven.contacts._problems import shortened
from kataven.contacts._refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kataven.bulk._chunks import Cleaned, Lost

__all__ = [
    "Place",
    "SettleTask",
    "Settled",
    "WriteTask",
    "csv_bytes",
    "cut_parts",
    "dropped_rows",
    "settle_chunk",
    "write_part",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk is in its source.

    Attributes:
        file: The name of the source.
        row: The row of its first record: 1 for the header.
    """

    file: str
    row: int


@dataclass(frozen=True, slots=True)
class SettleTask:
    """Which chunk to settle.

    Attributes:
        work: The work folder.
        chunk: The index of the chunk.
        key: Its name.
        places: Where each chunk is in its source.
        buckets: The number of buckets.
        exclusions: What to say about a number of each exclusion.
        extended: Whether each row gets a cell with its extension.
    """

    work: str
    chunk: int
    key: str
    places: tuple[Place, ...]
    buckets: int
    exclusions: tuple[str, ...]
    extended: bool

    @property
    def settled_key(self) -> str:
        """The name of the task in the work folder."""
        return f"settled-{'with-extensions-' if self.extended else ''}{self.chunk:05d}"


@dataclass(frozen=True, slots=True)
class Settled:
    """What remains of a chunk.

    Attributes:
        key: The name of its task.
        dropped: How many of its rows are in ``dropped.csv``.
        extensions: How many of the remaining numbers have an extension.
        groups: The rows and bytes of each group, in the order of their blobs.
    """

    key: str
    dropped: int
    extensions: int
    groups: list[tuple[str, int, int]]


# The blobs of a settled chunk: dropped rows, then three for each group.
_DROPPED: Final = 0
_FIRST_GROUP: Final = 1


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV, as ``CsvWriter`` writes it.

    That is a cycle with its csv.writer, and a process with little garbage collects it late.
    """
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=LINE_END).writerows(rows)
    return out.getvalue().encode()


def settle_chunk(task: SettleTask) -> Settled:
    """Remove duplicates and excluded numbers from a chunk, and list the rows that were dropped."""
    work = Path(task.work)
    result = finished(work, task.settled_key)
    if result is None:
        result = _settle(task, work)
    groups = [(str(name), int(rows), int(size)) for name, rows, size in result["groups"]]
    return Settled(task.settled_key, result["dropped"], result["extensions"], groups)


def _settle(task: SettleTask, work: Path) -> dict[str, Any]:
    chunk = cleaned(work, task.key)
    reasons = _unwanted(task, work, chunk)
    kept = [index for index in range(len(chunk.sizes)) if index not in reasons]
    here = task.places[task.chunk]
    blobs = [_dropped_csv([*chunk.lost, *reasons.values()], here)]
    by_group: dict[str, list[int]] = {} if chunk.groups else {"": kept}
    for index in kept if chunk.groups else ():
        by_group.setdefault(chunk.groups[index], []).append(index)
    groups: list[tuple[str, int, int]] = []
    for name, mine in sorted(by_group.items()):
        data, sizes = _copied(chunk, mine, extended=task.extended)
        rows = array("I", [here.row + chunk.rows[index] for index in mine])
        groups.append((name, len(mine), len(data)))
        blobs += [data, sizes.tobytes(), rows.tobytes()]
    result = {
        "dropped": len(chunk.lost) + len(reasons),
        "extensions": sum(index not in reasons for index in chunk.extensions),
        "groups": groups,
    }
    return save(work, task.settled_key, blobs, result)


def _copied(chunk: Cleaned, kept: list[int], *, extended: bool) -> tuple[bytes, array[int]]:
    """Copy the rows that remain."""
    if len(kept) == len(chunk.sizes) and not extended:
        return chunk.csv, chunk.sizes
    ends = list(accumulate(chunk.sizes, initial=0))
    if extended:
        end = LINE_END.encode()
        records = [
            chunk.csv[ends[index] : ends[index + 1] - len(end)]
            + f",{chunk.extensions.get(index, '')}".encode()
            + end
            for index in kept
        ]
        return b"".join(records), array("I", map(len, records))
    pieces = [chunk.csv[ends[start] : ends[stop]] for start, stop in _runs(kept)]
    return b"".join(pieces), array("I", map(chunk.sizes.__getitem__, kept))


def _runs(numbers: list[int] | array[int]) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each run of consecutive numbers."""
    if not numbers:
        return
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        yield numbers[0], numbers[-1] + 1
        return
    start = numbers[0]
    for before, after in pairwise(numbers):
        if after != before + 1:
            yield start, before + 1
            start = after
    yield start, numbers[-1] + 1


def _unwanted(task: SettleTask, work: Path, chunk: Cleaned) -> dict[int, Lost]:
    """Return the duplicates and excluded numbers of a chunk, by their index among the kept rows."""
    found: dict[int, Lost] = {}
    for bucket in range(task.buckets):
        drops = drops_of(work, bucket, task.chunk)
        for index, first, row, number in zip(
            drops.indexes, drops.chunks, drops.rows, drops.numbers, strict=True
        ):
            if first is None:
                reason, message = "excluded", task.exclusions[row]
            else:
                place = task.places[first]
                reason = "duplicate"
                message = f"the number is in row {place.row + row} of {shown(place.file)}"
            value = chunk.values.get(index) or f"+{number}"
            found[index] = chunk.rows[index], reason, shortened(value), message
    return found


def _dropped_csv(lost: list[Lost], place: Place) -> bytes:
    return csv_bytes(
        (place.file, place.row + index, reason, value, message)
        for index, reason, value, message in sorted(lost)
    )


# Where to cut.


@dataclass(frozen=True, slots=True)
class Slice:
    """Some consecutive rows of one group of a settled chunk.

    Attributes:
        key: The name of the chunk's task.
        file: The name of its source.
        base: The index of the first blob of the group.
        rows: Where the rows start and end, counted from the first of the group.
        bytes: Where their bytes start and end.
    """

    key: str
    file: str
    base: int
    rows: tuple[int, int]
    bytes: tuple[int, int]


@dataclass(frozen=True, slots=True)
class WriteTask:
    """A part to write.

    Attributes:
        work: The work folder.
        header: The header as CSV.
        group: The group, None without groups.
        slices: Its rows.
    """

    work: str
    header: bytes
    group: str | None
    slices: tuple[Slice, ...]


def cut_parts(
    work: Path,
    settled: list[Settled],
    files: list[str],
    header: bytes,
    limits: tuple[int, int],
) -> Iterator[WriteTask]:
    """Decide which rows are in which part: as many as fit, in the order of the sources.

    Args:
        work: The work folder.
        settled: The chunks.
        files: The name of the source of each chunk.
        header: The header as CSV.
        limits: The most rows and the most bytes of a part.

    Yields:
        The parts, group by group.

    Raises:
        ContactsError: A row with the header does not fit into a part.
    """
    groups: dict[str, list[tuple[Settled, str, int, tuple[int, int]]]] = {}
    for chunk, file in zip(settled, files, strict=True):
        for place, (name, rows, size) in enumerate(chunk.groups):
            base = _FIRST_GROUP + 3 * place
            groups.setdefault(name, []).append((chunk, file, base, (rows, size)))
    for group in sorted(groups):
        slices: list[Slice] = []
        left = _Left(limits[0], limits[1] - len(header))
        for chunk, file, base, total in groups[group]:
            for slice_, starts_part in _slices(work, chunk, file, base, total, left):
                if starts_part and slices:
                    yield WriteTask(str(work), header, group or None, tuple(slices))
                    slices = []
                slices.append(slice_)
        if slices:
            yield WriteTask(str(work), header, group or None, tuple(slices))


class _Left:
    """What still fits into the part that is being cut.

    Args:
        rows: The most rows of a part.
        size: The most bytes of its rows.
    """

    def __init__(self, rows: int, size: int) -> None:
        self._limits = rows, size
        self.rows, self.size = self._limits

    def take(self, rows: int, size: int) -> None:
        self.rows -= rows
        self.size -= size

    def renew(self) -> None:
        self.rows, self.size = self._limits


def _slices(
    work: Path, chunk: Settled, file: str, base: int, total: tuple[int, int], left: _Left
) -> Iterator[tuple[Slice, bool]]:
    """Divide the rows of a chunk; tell for each slice whether it starts a part."""
    rows, size = total
    if not rows:
        return
    if rows <= left.rows and size <= left.size:
        left.take(rows, size)
        yield Slice(chunk.key, file, base, (0, rows), (0, size)), False
        return
    ends = list(accumulate(array("I", blob(work, chunk.key, base + 1)), initial=0))
    start, starts_part = 0, False
    while start < rows:
        end = bisect_right(ends, ends[start] + left.size) - 1
        end = min(end, start + left.rows)
        if end > start:
            left.take(end - start, ends[end] - ends[start])
            yield (
                Slice(chunk.key, file, base, (start, end), (ends[start], ends[end])),
                starts_part,
            )
            start, starts_part = end, False
            continue
        if starts_part:
            row = array("I", blob(work, chunk.key, base + 2))[start]
            raise refusal(
                "too_large",
                f"the row of {shown(file)} and the header are larger than max_bytes (the row has "
                f"{ends[start + 1] - ends[start]:,} bytes): increase max_bytes, or shorten the row",
                row=row,
            )
        left.renew()
        starts_part = True


def write_part(task: WriteTask) -> Part:
    """Write a part and the file with its source rows."""
    work = Path(task.work)
    digest = hashlib.sha256()

    def data() -> Iterator[bytes]:
        digest.update(task.header)
        yield task.header
        for each in task.slices:
            rows = blob(work, each.key, each.base, each.bytes)
            digest.update(rows)
            yield rows

    store_named(work, lambda: f"{PARTS}/{digest.hexdigest()}.csv", data())
    sha256 = digest.hexdigest()
    store_named(work, lambda: f"{ROWS}/{sha256}.csv", [_source_rows(task, work)])
    count = sum(each.rows[1] - each.rows[0] for each in task.slices)
    return Part(sha256, f"{PARTS}/{sha256}.csv", count, task.group)


def _source_rows(task: WriteTask, work: Path) -> bytes:
    """Return the runs of source rows of a part, joined over the chunks of a file."""
    runs: list[tuple[str, int, int]] = []
    for each in task.slices:
        part = 4 * each.rows[0], 4 * each.rows[1]
        numbers = array("I", blob(work, each.key, each.base + 2, part))
        for start, end in _runs(numbers):
            if runs and runs[-1][0] == each.file and runs[-1][2] == start:
                runs[-1] = (each.file, runs[-1][1], end)
            else:
                runs.append((each.file, start, end))
    rows = ((file, start, end - start) for file, start, end in runs)
    return csv_bytes([("file", "first_row", "rows"), *rows])


def dropped_rows(work: Path, settled: list[Settled]) -> Iterator[bytes]:
    """Yield the content of ``dropped.csv``."""
    yield csv_bytes([("file", "row", "reason", "value", "message")])
    for chunk in settled:
        if chunk.dropped:
            yield blob(work, chunk.key, _DROPPED)
