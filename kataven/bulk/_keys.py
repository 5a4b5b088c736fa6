"""The keys of a chunk: its numbers as integers, scattered over buckets, with their rows.

Knows numbers and where they are. Does not know why a number is looked for.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Keys", "key_blobs", "keys_of"]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one chunk in one bucket, in the order of the rows.

    Attributes:
        numbers: The numbers.
        indexes: The index of each among the kept rows of the chunk.
        rows: The index of each among all rows of the chunk.
    """

    numbers: array[int]
    indexes: array[int]
    rows: array[int]


def key_blobs(numbers: Sequence[str], rows: Sequence[int], buckets: int) -> list[bytes]:
    """Scatter numbers over buckets.

    Args:
        numbers: The numbers in E.164.
        rows: The row of each.
        buckets: The number of buckets.

    Returns:
        A blob for each bucket.
    """
    places: list[list[int]] = [[] for _ in range(buckets)]
    appends = [each.append for each in places]
    for index, number in enumerate(numbers):
        appends[crc32(number.encode()) % buckets](index)
    keys = list(map(int, numbers))
    return [
        array("Q", map(keys.__getitem__, each)).tobytes()
        + array("I", each).tobytes()
        + array("I", map(rows.__getitem__, each)).tobytes()
        for each in places
    ]


def keys_of(data: bytes) -> Keys:
    """Read the blob of a bucket."""
    count = len(data) // 16
    return Keys(
        array("Q", data[: 8 * count]),
        array("I", data[8 * count : 12 * count]),
        array("I", data[12 * count :]),
    )
