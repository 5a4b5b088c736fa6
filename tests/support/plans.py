"""Plans as tests look at them, and what they must be: ``clean`` and a dict."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kataven import contacts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kataven.bulk import BulkPlan

__all__ = ["Expected", "columns_of", "dropped_of", "expected", "files_of", "rows_of", "shape_of"]


def read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def columns_of(plan: BulkPlan) -> set[tuple[str, ...]]:
    """The headers of all parts."""
    return {tuple(read_csv(plan.read(part))[0]) for part in plan.parts}


def rows_of(plan: BulkPlan) -> list[tuple[str, int, dict[str, str]]]:
    """Each contact of all parts, with its file and row."""
    found: list[tuple[str, int, dict[str, str]]] = []
    for part in plan.parts:
        header, *rows = read_csv(plan.read(part))
        places = list(plan.source_rows(part))
        assert len(rows) == len(places) == part.rows
        for (file, row), cells in zip(places, rows, strict=True):
            found.append((file, row, dict(zip(header, cells, strict=True))))
    return found


def dropped_of(plan: BulkPlan) -> list[dict[str, str]]:
    """The rows of ``dropped.csv``."""
    header, *rows = read_csv((plan.directory / "dropped.csv").read_bytes())
    assert header == ["file", "row", "reason", "value", "message"]
    return [dict(zip(header, cells, strict=True)) for cells in rows]


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too, but for the time in ``plan.json``."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    if "plan.json" in found:
        plan: dict[str, Any] = json.loads(found["plan.json"])
        plan["created"] = ""
        found["plan.json"] = json.dumps(plan).encode()
    return found


def shape_of(plan: BulkPlan) -> list[tuple[str, int]]:
    """The names and rows of the parts."""
    return [(part.sha256, part.rows) for part in plan.parts]


@dataclass
class Expected:
    """What a plan must contain."""

    kept: list[tuple[str, int, dict[str, str]]]
    dropped: list[tuple[str, int, str, str]]
    first: dict[tuple[str, int], tuple[str, int]]
    rows: int


def expected(files: dict[str, bytes], excluded: Iterable[str] = (), **options: Any) -> Expected:
    """Clean each list, and find duplicates over all of them with a dict."""
    found = Expected([], [], {}, 0)
    unwanted = frozenset(excluded)
    seen: dict[str, tuple[str, int]] = {}
    for name, data in files.items():
        with contacts.clean(data, drop_duplicates=False, **options) as cleaned:
            header, *rows = read_csv(cleaned.read())
            report = cleaned.report
        with contacts.clean(data, drop_duplicates=False, **options) as again:
            originals = _numbers(again.report, data, options)
        lost = {each.row: each for each in report.dropped}
        found.rows += report.rows
        first = min([*originals, *lost], default=2)
        numbers = (row for row in range(first, first + report.rows) if row not in lost)
        here = [(name, each.row, each.reason, each.value) for each in report.dropped]
        for row, cells in zip(numbers, rows, strict=True):
            number = cells[header.index("phone_number")]
            if number in unwanted:
                here.append((name, row, "excluded", originals[row]))
            elif number in seen:
                here.append((name, row, "duplicate", originals[row]))
                found.first[name, row] = seen[number]
            else:
                seen[number] = name, row
                contact = dict(zip(header, cells, strict=True))
                found.kept.append((name, row, contact))
        found.dropped += sorted(here, key=lambda each: each[1])
    _share_extensions(found.kept)
    return found


def _numbers(report: contacts.CleanReport, data: bytes, options: dict[str, Any]) -> dict[int, str]:
    """The phone number cell of each row, as it is in the source.

    If every number is excluded, ``clean`` reports them all.
    """
    with contacts.clean(data, drop_duplicates=False, **options) as cleaned:
        header, *rows = read_csv(cleaned.read())
    numbers = [cells[header.index("phone_number")] for cells in rows]
    if not numbers:
        return {}
    with contacts.clean(data, exclude=numbers, **options) as nothing:
        return {
            each.row: each.value for each in nothing.report.dropped if each.reason == "excluded"
        }


def _share_extensions(kept: list[tuple[str, int, dict[str, str]]]) -> None:
    """If a contact has an extension, all have the column."""
    names = {name for _, _, contact in kept for name in contact}
    added = [name for name in names if any(name not in contact for _, _, contact in kept)]
    for name in added:
        used = any(contact.get(name) for _, _, contact in kept)
        for _, _, contact in kept:
            if used:
                contact.setdefault(name, "")
            else:
                contact.pop(name, None)
