"""The work of one bucket: which of its numbers are duplicates, and which are excluded.

A bucket has all occurrences of its numbers, so buckets are independent of each other. Runs in any
process, on picklable arguments. Knows numbers and where they occur; does not know the rows.
"""

from __future__ import annotations

import io
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kataven.bulk._chunks import FIRST_KEYS
from kataven.bulk._keys import key_blobs, keys_of
from kataven.bulk._plan import read_part
from kataven.bulk._work import blob, finished, save
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.reader.records import RecordReader
from kataven.contacts.reader.text import TextBlocks

if TYPE_CHECKING:
    from kataven.bulk._plan import Part

__all__ = [
    "BucketTask",
    "Drops",
    "ExcludedPart",
    "deduplicate",
    "drops_of",
    "exclude_part",
    "save_excluded",
]

_NO_CHUNK: Final = 0xFFFF_FFFF
_LAST_ROW: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class BucketTask:
    """Which bucket to work on.

    Attributes:
        work: The work folder.
        bucket: The index of the bucket.
        chunks: The names of the chunks, in the order of the sources.
        excluded: The names of the exclusions, and the index of the one each is a part of.
    """

    work: str
    bucket: int
    chunks: tuple[str, ...]
    excluded: tuple[tuple[str, int], ...]

    @property
    def key(self) -> str:
        """The name of the task in the work folder."""
        return bucket_key(self.bucket)


def bucket_key(bucket: int) -> str:
    """Return the name of the task of a bucket."""
    return f"bucket-{bucket:05d}"


@dataclass(frozen=True, slots=True)
class Drops:
    """The kept rows of one chunk that a bucket drops.

    Attributes:
        indexes: The index of each among the kept rows of the chunk.
        chunks: The chunk with the first row of the number, None for an excluded number.
        rows: The index of that first row among all rows of its chunk; the index of the exclusion
            of an excluded number.
        numbers: The numbers as integers.
    """

    indexes: array[int]
    chunks: list[int | None]
    rows: array[int]
    numbers: array[int]


def deduplicate(task: BucketTask) -> int:
    """Find the duplicates and the excluded numbers of a bucket.

    Args:
        task: The bucket.

    Returns:
        How many rows it drops.
    """
    work = Path(task.work)
    result = finished(work, task.key)
    if result is not None:
        return int(result["drops"])
    excluded: dict[int, int] = {}
    for name, exclusion in task.excluded:
        numbers = keys_of(blob(work, name, task.bucket)).numbers
        # What is in several exclusions is reported for the first.
        excluded = dict.fromkeys(numbers, exclusion) | excluded
    # A number to the chunk and row of its first occurrence, as one integer.
    first: dict[int, int] = {}
    blobs: list[bytes] = []
    total = 0
    for chunk, name in enumerate(task.chunks):
        keys = keys_of(blob(work, name, FIRST_KEYS + task.bucket))
        drops = _Found()
        place = chunk << 32
        new = dict(zip(keys.numbers, map(place.__or__, keys.rows), strict=True))
        if len(new) == len(keys.numbers) and all(map(new.keys().isdisjoint, (first, excluded))):
            # The usual case, without a Python loop.
            first.update(new)
            blobs.append(b"")
            continue
        for number, index, row in zip(keys.numbers, keys.indexes, keys.rows, strict=True):
            if number in excluded:
                drops.add(number, index, _NO_CHUNK, excluded[number])
                continue
            here = place | row
            earlier = first.setdefault(number, here)
            if earlier != here:
                drops.add(number, index, earlier >> 32, earlier & _LAST_ROW)
        total += len(drops.indexes)
        blobs.append(drops.blob())
    save(work, task.key, blobs, {"drops": total})
    return total


class _Found:
    """Collects the drops of a chunk."""

    def __init__(self) -> None:
        self.numbers = array("Q")
        self.indexes, self.chunks, self.rows = array("I"), array("I"), array("I")

    def add(self, number: int, index: int, chunk: int, row: int) -> None:
        self.numbers.append(number)
        self.indexes.append(index)
        self.chunks.append(chunk)
        self.rows.append(row)

    def blob(self) -> bytes:
        arrays = (self.numbers, self.indexes, self.chunks, self.rows)
        return b"".join(each.tobytes() for each in arrays)


def drops_of(work: Path, bucket: int, chunk: int) -> Drops:
    """Read which rows of a chunk a bucket drops."""
    data = blob(work, bucket_key(bucket), chunk)
    unit = len(data) // 5
    chunks = array("I", data[3 * unit : 4 * unit])
    return Drops(
        indexes=array("I", data[2 * unit : 3 * unit]),
        chunks=[None if each == _NO_CHUNK else each for each in chunks],
        rows=array("I", data[4 * unit :]),
        numbers=array("Q", data[: 2 * unit]),
    )


# Exclusions.


@dataclass(frozen=True, slots=True)
class ExcludedPart:
    """A part of an earlier plan, whose numbers are excluded.

    Attributes:
        work: The work folder.
        directory: The folder of the plan.
        part: The part.
        buckets: The number of buckets.
    """

    work: str
    directory: Path
    part: Part
    buckets: int

    @property
    def key(self) -> str:
        """The name of the task in the work folder."""
        return f"excluded-{self.part.sha256}"


def exclude_part(task: ExcludedPart) -> None:
    """Scatter the numbers of a part over the buckets.

    Raises:
        BulkError: The part is missing or damaged, so its people might be called again.
    """
    work = Path(task.work)
    if finished(work, task.key) is not None:
        return
    numbers: list[str] = []
    place: int | None = None
    for batch in RecordReader(iter(TextBlocks(io.BytesIO(read_part(task.directory, task.part))))):
        rows = batch.rows
        if place is None:
            place, rows = rows[0].index(PHONE_COLUMN), rows[1:]
        numbers += [cells[place] for cells in rows]
    save_excluded(work, task.key, numbers, task.buckets)


def save_excluded(work: Path, key: str, numbers: list[str], buckets: int) -> dict[str, Any]:
    """Scatter the numbers of an exclusion over the buckets."""
    return save(work, key, key_blobs(numbers, range(len(numbers)), buckets), {})
