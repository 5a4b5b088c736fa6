"""The options of ``prepare``, written once, and which of them make a plan another plan.

Does not know how a plan is made.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Literal

from kataven._version import __version__
from kataven.contacts._rules import MAX_ROWS, PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kataven.bulk._chunks import Grouping
    from kataven.bulk._excluded import BulkExclusions, Excluded
    from kataven.bulk._source import Source

__all__ = ["PrepareOptions", "plan_id"]

_CHUNK: Final = 8 * 1024 * 1024
# A bucket of this many numbers takes about 50 MB.
_BUCKET: Final = 250_000
# Changed when other files are made in the work folder.
_FORMAT: Final = 3


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """What ``prepare`` is asked to make: its arguments, and sizes that tests make small.

    Attributes:
        region: As for ``prepare``, and so are all down to ``windows``.
        region_column: The column with the country of each row.
        exclude: What to leave out.
        exclude_columns: The columns of do-not-call lists to read.
        encoding: The encoding of sources without a byte order mark.
        numbers: Which numbers without ``+`` are kept.
        max_dropped: The greatest share of rows that may be lost.
        max_rows: The most contacts of a part.
        max_bytes: The most bytes of a part.
        windows: The local hours.
        grouping: Returns the group of a number; each group gets parts of its own. It is pickled.
            None for the time zones with windows, else for no groups.
        chunk_size: The size of a chunk in bytes.
        bucket_size: The numbers of a bucket.
    """

    region: str | None = None
    region_column: str | None = None
    exclude: BulkExclusions | None = None
    exclude_columns: Iterable[str] | None = None
    encoding: str | None = None
    numbers: Literal["valid", "possible"] = "valid"
    max_dropped: float | None = None
    max_rows: int = MAX_ROWS
    max_bytes: int = PART_BYTES
    windows: str | None = None
    grouping: Grouping | None = None
    chunk_size: int = _CHUNK
    bucket_size: int = _BUCKET

    def in_plan(
        self, hours: str | None, sources: list[Source], excluded: list[Excluded]
    ) -> dict[str, Any]:
        """Return what ``plan.json`` says of the options, the sources and the exclusions.

        Args:
            hours: The local hours in their usual form.
            sources: The sources.
            excluded: The exclusions.
        """
        return {
            "region": self.region,
            "region_column": self.region_column,
            "encoding": self.encoding,
            "numbers": self.numbers,
            "max_rows": int(self.max_rows),
            "max_bytes": int(self.max_bytes),
            "windows": hours,
            "sources": [each.identity for each in sources],
            "exclude": [each.identity for each in excluded],
        }

    def work_key(self, plan: str) -> str:
        """Return what tells the work folder of a plan from that of another one or other sizes."""
        inputs = [plan, _FORMAT, self.chunk_size, self.bucket_size, *_versions()]
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]


def plan_id(in_plan: dict[str, Any]) -> str:
    """Return the id of a plan: of the names, sizes and times of the sources, and the options."""
    named = dict(in_plan)
    # The same files under another path, and the same numbers under another name, are the same.
    named["sources"] = [
        {**each, "file": os.path.basename(each["file"])}  # noqa: PTH119 - a str
        for each in in_plan["sources"]
    ]
    named["exclude"] = [
        {name: value for name, value in each.items() if name != "file"}
        for each in in_plan["exclude"]
    ]
    text = json.dumps(named, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _versions() -> list[str]:
    """Return what decides how a number is read: two versions must not share a work folder."""
    try:
        return [__version__, metadata.version("phonenumbers")]
    except metadata.PackageNotFoundError:
        return [__version__]
