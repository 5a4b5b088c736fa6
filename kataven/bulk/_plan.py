"""A plan: the folder that ``prepare`` makes, opened on any machine.

Knows ``plan.json`` and verifies the bytes of a part before they are used. Does not know how a plan
is made, and never writes to one that exists.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kataven.errors import BulkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["PARTS", "PLAN", "ROWS", "BulkPlan", "Part", "Totals", "plan_bytes", "read_part"]

PLAN: Final = "plan.json"
PARTS: Final = "parts"
ROWS: Final = "rows"
"""The folder with the source rows of each part: ``file,first_row,rows`` for each run of rows."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a plan: a list for one campaign.

    Attributes:
        sha256: The SHA-256 of its bytes in hexadecimal.
        file: Its file, relative to the folder of the plan: ``parts/<sha256>.csv``.
        rows: The number of its contacts.
        group: The group of its numbers if the plan was made with ``windows=``, else None.
    """

    sha256: str
    file: str
    rows: int
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of a plan.

    Attributes:
        rows: The records below the headers of all sources, including blank ones.
        kept: How many of them are in parts; ``rows == kept + dropped``.
        dropped: How many of them are in ``dropped.csv``.
        parts: The number of parts.
    """

    rows: int
    kept: int
    dropped: int
    parts: int


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """A prepared list: parts that each fit one campaign, with each telephone once.

    A plan is a folder: ``plan.json``, ``parts/<sha256>.csv``, ``dropped.csv`` (``file``, ``row``,
    ``reason``, ``value``, ``message``), and ``rows/<sha256>.csv`` with the source rows of each
    part. It can be copied, pickled, and opened on another machine.

    Attributes:
        directory: The folder.
        id: 32 hexadecimal digits, the same for the same sources and options.
        created: When the plan was completed, in UTC: ``2026-11-28T15:07:12Z``.
        options: What ``prepare`` was called with, and the size and time of each source.
        totals: The counts.
        parts: The parts, in the order of the list.
    """

    directory: Path
    id: str
    created: str
    options: Mapping[str, Any] = field(hash=False)
    totals: Totals
    parts: tuple[Part, ...]

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> BulkPlan:
        """Open a plan.

        Args:
            directory: The folder that was the ``directory`` of ``prepare``, or a copy of it.

        Returns:
            The plan. Its parts are verified when they are read, not here.

        Raises:
            BulkError: There is no plan, or ``plan.json`` is damaged.
            OSError: The file cannot be read.
            TypeError: It is not a path.
        """
        given: object = directory
        if not isinstance(given, str | os.PathLike):
            raise TypeError(f"the directory must be a str or a Path, not {type(given).__name__}")
        folder = Path(directory)
        try:
            data = (folder / PLAN).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as missing:
            raise BulkError(
                f"there is no plan in {os.fspath(folder)!r} (no {PLAN}): call "
                "kataven.bulk.prepare() with this directory; if it was interrupted, call it again "
                "and it continues"
            ) from missing
        try:
            return _plan(folder, json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError) as damaged:
            raise BulkError(
                f"{os.fspath(folder / PLAN)!r} is not a plan of kataven.bulk.prepare(), or is "
                f"damaged ({damaged!r:.80}): copy the folder again, or delete it and prepare the "
                "list again"
            ) from damaged

    def read(self, part: Part) -> bytes:
        """Read a part, and verify that its bytes are those that were prepared.

        Args:
            part: One of ``parts``.

        Returns:
            A CSV list for ``create(contacts=...)``.

        Raises:
            BulkError: The file is missing, or its bytes do not match its name.
        """
        return read_part(self.directory, part)

    def source_rows(self, part: Part) -> Iterator[tuple[str, int]]:
        """Yield where each contact of a part comes from.

        Args:
            part: One of ``parts``.

        Yields:
            The file and the row in it, for each contact, in the order of the part. The header of a
            file is row 1.

        Raises:
            BulkError: The file with the rows is missing or damaged.
        """
        path = self.directory / ROWS / f"{part.sha256}.csv"
        found = 0
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for run in csv.DictReader(file, strict=True):
                    first, count = int(run["first_row"]), int(run["rows"])
                    found += count
                    if found > part.rows:
                        break
                    for row in range(first, first + count):
                        yield run["file"], row
        except FileNotFoundError as missing:
            raise BulkError(f"the plan lacks {os.fspath(path)!r}: {_REPAIR}") from missing
        except (ValueError, KeyError, TypeError, csv.Error) as damaged:
            raise BulkError(f"{os.fspath(path)!r} is damaged: {_REPAIR}") from damaged
        if found != part.rows:
            raise BulkError(
                f"{os.fspath(path)!r} does not have the {part.rows:,} rows of its part: {_REPAIR}"
            )


def read_part(directory: Path, part: Part) -> bytes:
    """Read a part of the plan in a folder, and verify its bytes.

    Raises:
        BulkError: The file is missing, or its bytes do not match its name.
    """
    path = directory / part.file
    try:
        data = path.read_bytes()
    except FileNotFoundError as missing:
        raise BulkError(f"the plan lacks its part {os.fspath(path)!r}: {_REPAIR}") from missing
    found = hashlib.sha256(data).hexdigest()
    if found != part.sha256:
        raise BulkError(
            f"the bytes of {os.fspath(path)!r} do not match its name (their SHA-256 is "
            f"{found}), so it was changed or damaged after it was prepared: {_REPAIR}"
        )
    return data


_REPAIR: Final = (
    "copy the folder of the plan again, or prepare the list in another directory; a part that is "
    "already sent stays as it is"
)


def _plan(folder: Path, found: dict[str, Any]) -> BulkPlan:
    totals = Totals(**{name: _count(value) for name, value in found["totals"].items()})
    parts = tuple(_part(each) for each in found["parts"])
    if not _ID.fullmatch(found["id"]) or not isinstance(found["options"], dict):
        raise ValueError("id or options")
    if len(parts) != totals.parts or sum(part.rows for part in parts) != totals.kept:
        raise ValueError("the totals are not those of the parts")
    if len({part.sha256 for part in parts}) != len(parts):
        raise ValueError("a part is there twice")
    return BulkPlan(folder, found["id"], str(found["created"]), found["options"], totals, parts)


def _part(found: dict[str, Any]) -> Part:
    sha256, group = found["sha256"], found.get("group")
    # The name is used as a path, so accept no other.
    if not _SHA256.fullmatch(sha256) or found["file"] != f"{PARTS}/{sha256}.csv":
        raise ValueError("the name of a part")
    if not (group is None or isinstance(group, str)):
        raise TypeError("the group of a part")
    return Part(sha256, found["file"], _count(found["rows"]), group)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r:.20} is not a count")
    return value


def plan_bytes(plan: BulkPlan) -> bytes:
    """Return the content of ``plan.json``: one line for each part, so that a person can read it."""
    totals = plan.totals
    head = {
        "id": plan.id,
        "created": plan.created,
        "options": plan.options,
        "totals": {
            "rows": totals.rows,
            "kept": totals.kept,
            "dropped": totals.dropped,
            "parts": totals.parts,
        },
    }
    text = json.dumps(head, ensure_ascii=False, indent=2).removesuffix("\n}")
    lines = ",\n".join(f"    {json.dumps(_part_json(part))}" for part in plan.parts)
    parts = f"\n{lines}\n  " if lines else ""
    return f'{text},\n  "parts": [{parts}]\n}}\n'.encode()


def _part_json(part: Part) -> dict[str, Any]:
    found = {"sha256": part.sha256, "file": part.file, "rows": part.rows}
    return found if part.group is None else {**found, "group": part.group}
