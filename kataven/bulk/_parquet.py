"""Sources that are Parquet files: their layout, and the CSV files that are made of them.

Knows pyarrow, which is loaded only for such a source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kataven.bulk._source import Layout, Stamp, check_unchanged, naming
from kataven.bulk._work import store
from kataven.contacts._clean_header import header_of
from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import TempFile
from kataven.contacts.reader.records import Batch
from kataven.contacts.source.open import write_csv
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["convert_parquet", "is_parquet", "parquet_layout"]

_ENDINGS: Final = (".parquet", ".pq")
_ROWS: Final = 20_000
_BLOCK: Final = 1 << 20


def is_parquet(path: str) -> bool:
    """Tell a Parquet file from a CSV file, by its name."""
    return path.lower().endswith(_ENDINGS)


def convert_parquet(task: tuple[str, str, Stamp, Path]) -> None:
    """Write a Parquet file as CSV."""
    name, path, stamp, target = task
    pyarrow: Any = _pyarrow()
    with naming(name), pyarrow.parquet.ParquetFile(path) as file, TempFile() as spool:
        writer = CsvWriter(spool)
        names = file.schema_arrow.names
        writer.row(names)
        for batch in file.iter_batches(batch_size=_ROWS):
            table: Any = pyarrow.Table.from_batches([batch])
            part = _WithoutHeader(spool)
            write_csv(table, CsvWriter(part), strict=False)
        spool.seek(0)
        check_unchanged(name, path, stamp)
        store(target, iter(lambda: spool.read(_BLOCK), b""), sync=True)


class _WithoutHeader:
    """Writes a list without its first record, which comes in one call."""

    def __init__(self, file: TempFile) -> None:
        self._file = file
        self._started = False

    def write(self, data: bytes) -> None:
        if self._started:
            self._file.write(data)
        self._started = True


def parquet_layout(path: str, region_column: str | None) -> Layout:
    """Return how the CSV file that is made of a Parquet file is read.

    Raises:
        ContactsError: It is not a Parquet file, or has columns that a list cannot have.
        ImportError: pyarrow is not installed.
    """
    pyarrow: Any = _pyarrow()
    with naming(path), TempFile() as spool:
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                schema, size, rows = file.schema_arrow, file.metadata, file.metadata.num_rows
        except pyarrow.ArrowInvalid as invalid:
            raise ContactsError(f"it is not a Parquet file ({invalid!s:.200})") from invalid
        total = sum(size.row_group(index).total_byte_size for index in range(size.num_row_groups))
        # Also refuses columns that a list cannot have.
        write_csv(schema.empty_table(), CsvWriter(spool), strict=False)
        names = list(schema.names)
        header = header_of(1, names, Batch(1, [names], b""), "utf-8", region_column)
        return Layout(
            start=0,
            encoding="utf-8",
            old_mac=False,
            delimiter=",",
            header=header,
            order=tuple(range(len(names))),
            row_bytes=max(1.0, total / max(1, rows)),
        )


def _pyarrow() -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and slow to load
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as missing:
        raise ImportError(
            "Parquet files need pyarrow, which is not installed: pip install 'kataven[parquet]'"
        ) from missing
    return pa
