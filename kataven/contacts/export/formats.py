"""The formats of a table: CSV, JSON Lines, Parquet.

Knows rows of values and column types. Does not know pages or paths, nor which columns there are:
``writer.py`` sees them, and all formats get the same ones.
"""

from __future__ import annotations

import csv
import json
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias, get_args

from kataven._words import ExportFormat
from kataven.contacts._csv import LINE_END, cell_text
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.export.columns import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kataven.contacts.export.columns import ColumnType

    Rows: TypeAlias = Iterator[list[Any]]

__all__ = [
    "FORMATS",
    "TEXT_FORMATS",
    "load_pyarrow",
    "write_csv",
    "write_jsonl",
    "write_parquet",
]

FORMATS: Final[tuple[ExportFormat, ...]] = get_args(ExportFormat)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_BATCH: Final = 10_000


class _Writable:
    """Makes a file for the csv module of a function."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write


def write_csv(write: Callable[[str], object], columns: list[str], rows: Rows) -> None:
    """Write rows as CSV in which no spreadsheet evaluates a cell.

    Args:
        write: Writes text.
        columns: The names of the columns.
        rows: The values of each row.
    """
    writer = csv.writer(_Writable(write), lineterminator=LINE_END)
    writer.writerow([_harmless(name) for name in columns])
    # The number stays unchanged: with a quote in front, it could not be uploaded again.
    phone = columns.index(PHONE_COLUMN) if PHONE_COLUMN in columns else -1
    for row in rows:
        writer.writerow(
            [
                cell_text(cell) if index == phone else _harmless(cell)
                for index, cell in enumerate(row)
            ]
        )


def _harmless(value: object) -> str:
    """Return the text of a cell, with a quote in front if it starts like a formula."""
    text = cell_text(value)
    return "'" + text if isinstance(value, str) and text.startswith(_FORMULA) else text


def write_jsonl(write: Callable[[str], object], columns: list[str], rows: Rows) -> None:
    """Write rows as JSON Lines, each object with all columns.

    Args:
        write: Writes text.
        columns: The names of the columns.
        rows: The values of each row.
    """
    for row in rows:
        write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")


def write_parquet(file: IO[bytes], columns: Mapping[str, ColumnType], rows: Rows) -> None:
    """Write rows as Parquet.

    Args:
        file: A binary file.
        columns: The type of each column, by name.
        rows: The values of each row.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pa, pq = load_pyarrow()
    types = {
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "text": pa.string(),
        # The Hub writes up to nine fractional digits.
        "time": pa.timestamp("ns", tz="UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            cells = zip(*batch, strict=True)
            arrays = [
                pa.array([_typed(cell, kind) for cell in column], type=types[kind])
                for column, kind in zip(cells, columns.values(), strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _typed(value: Any, kind: ColumnType) -> object:
    if value is None:
        return None
    if kind == "time":
        return nanoseconds(value)
    if kind == "text":
        return cell_text(value).encode("utf-8", "replace").decode()
    return float(value) if kind == "float" else value


def load_pyarrow() -> tuple[Any, Any]:
    """Import pyarrow, which is optional and slow to load.

    Returns:
        The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        ImportError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as missing:
        raise ImportError(
            "Parquet needs pyarrow, which is not installed: pip install 'kataven[parquet]'"
        ) from missing
    return pa, pq


TextWriter: TypeAlias = "Callable[[Callable[[str], object], list[str], Rows], None]"

TEXT_FORMATS: Final[Mapping[ExportFormat, TextWriter]] = {"csv": write_csv, "jsonl": write_jsonl}
"""What writes each format that is text; ``write_parquet`` is called by itself."""
