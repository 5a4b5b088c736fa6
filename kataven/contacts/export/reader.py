"""Reads contacts back from a table that an export has written.

Knows the formats. A cell of CSV is text, so the number of attempts is turned into a number again,
and an empty cell into None. Does not know what the contacts are read for.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

from kataven.contacts.export.formats import load_pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from kataven._words import ExportFormat

__all__ = ["read_table"]

_STATUS: Final = "status"
_NUMBER: Final = "attempts"


def read_table(path: Path, format: ExportFormat) -> Iterator[dict[str, Any]]:
    """Yield the contacts of a table.

    Args:
        path: The table.
        format: Its format.

    Raises:
        ImportError: Parquet, and pyarrow is not installed.
        OSError: The file cannot be read.
        ValueError: It is not a table of this format with the results of contacts.
    """
    for contact in _READERS[format](path):
        if not isinstance(contact, dict) or _STATUS not in contact:
            raise ValueError(f"it has no column {_STATUS!r}")
        yield contact


def _csv(path: Path) -> Iterator[object]:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            for row in csv.DictReader(file, strict=True):
                yield {name: _cell(name, text) for name, text in row.items()}
        except csv.Error as error:
            raise ValueError(str(error)) from error


def _cell(name: str, text: str | None) -> str | int | None:
    if name == _NUMBER and text is not None and text.isdecimal():
        return int(text)
    return text or None


def _json_lines(path: Path) -> Iterator[object]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _parquet(path: Path) -> Iterator[object]:
    pa, pq = load_pyarrow()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            columns = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if pa.types.is_timestamp(column.type):
                    # Python has no nanoseconds.
                    times = column.cast(pa.timestamp("us", tz="UTC"), safe=False).to_pylist()
                    columns[name] = [time and time.isoformat() for time in times]
                else:
                    columns[name] = column.to_pylist()
            for cells in zip(*columns.values(), strict=True):
                yield dict(zip(columns, cells, strict=True))


_READERS: Final[Mapping[ExportFormat, Callable[[Path], Iterator[object]]]] = {
    "csv": _csv,
    "jsonl": _json_lines,
    "parquet": _parquet,
}
