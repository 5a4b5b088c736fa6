"""What ``prepare`` reads: files, globs, Parquet and tables, each as a CSV file with its layout.

Reads the header of each source, and refuses lists with different columns before anything is
written. Does not read rows.
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from kataven.bulk._work import store
from kataven.contacts._cleaning import Header, header_of, opened
from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import TempFile
from kataven.contacts._problems import escaped
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import BLANK_LIST
from kataven.contacts.reader.records import Batch, RecordReader
from kataven.contacts.reader.text import TextBlocks
from kataven.contacts.source.open import (
    ContactsSource,
    ReadsBytes,
    base_name,
    open_file,
    read_chunk,
    write_csv,
)
from kataven.contacts.source.tables import is_table
from kataven.errors import BulkError, ContactsError

if TYPE_CHECKING:
    from kataven.bulk._work import Pool

__all__ = [
    "BulkSource",
    "Layout",
    "Source",
    "Stamp",
    "check_unchanged",
    "converted",
    "find_sources",
    "shown",
    "stamp_of",
]

BulkSource: TypeAlias = ContactsSource | Iterable[ContactsSource]
"""A path, a glob, bytes, a binary file, rows or a table, or several of them."""

Stamp: TypeAlias = tuple[int, int]
"""The size of a file in bytes, and when it was changed in nanoseconds."""

_PARQUET: Final = (".parquet", ".pq")
_PARQUET_ROWS: Final = 20_000
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """How a source is read from any line on.

    Attributes:
        start: The size of its byte order mark and ``sep=`` line in bytes.
        encoding: Its encoding, by Python's name.
        old_mac: Whether its lines end with a lone CR.
        delimiter: The character between cells.
        header: Its header.
        order: The index of each column of the parts in this source.
        row_bytes: The average size of its first rows.
    """

    start: int
    encoding: str
    old_mac: bool
    delimiter: str
    header: Header
    order: tuple[int, ...]
    row_bytes: float


@dataclass(frozen=True, slots=True)
class Source:
    """One source.

    Attributes:
        name: Its path as it was given, or what ``dropped.csv`` calls it.
        path: The file to read, empty until a source that is not a CSV file is written as one.
        stamp: The stamp of the file that was given, or of the CSV file of any other source.
        layout: How the CSV file is read.
        identity: What distinguishes it from other sources, as JSON.
        spool: The rows of a source that is not a file.
        parquet: The path of a Parquet file.
    """

    name: str
    path: str
    stamp: Stamp
    layout: Layout
    identity: dict[str, Any]
    spool: TempFile | None = None
    parquet: str = ""


def find_sources(
    source: BulkSource, encoding: str | None, region_column: str | None
) -> list[Source]:
    """Find the sources, and read their headers.

    Args:
        source: What was given to ``prepare``.
        encoding: The encoding of sources without a byte order mark, None for UTF-8.
        region_column: The name of the column with the country of each row, if there is one.

    Returns:
        The sources in order, at least one.

    Raises:
        ContactsError: One of them cannot be a list, or has other columns than the first.
        FileNotFoundError: There is no such file, or none matches the glob.
        BulkError: A file changed while it was read.
        TypeError: It is not a source.
        ImportError: A package for tables or Parquet is not installed.
    """
    found: list[Source] = []
    for each in _each(source):
        if isinstance(each, str | os.PathLike) and not _is_text(each):
            for path in _paths(os.fspath(each)):
                found.append(_file(path, encoding, region_column))
        else:
            found.append(_spooled(each, len(found), encoding, region_column))
    return _in_one_order(found)


def _each(source: BulkSource) -> Iterable[ContactsSource]:
    """Tell one source from several."""
    given: Any = source
    if (
        isinstance(given, str | os.PathLike | bytes | bytearray | memoryview | Mapping)
        or hasattr(given, "read")
        or is_table(given)
        or not isinstance(given, Iterable)
    ):
        return (given,)
    items = iter(given)
    first = next(items, None)
    if first is None:
        raise refusal("no_rows", "there is no source: pass at least one list with a contact")
    rest = cast("Iterator[Any]", chain((first,), items))
    return (rest,) if isinstance(first, Mapping) else rest


def _is_text(path: str | os.PathLike[str]) -> bool:
    return isinstance(path, str) and ("\n" in path or "\r" in path)


def _is_glob(path: str) -> bool:
    """Tell a pattern from a path; a file with such a name is a path."""
    return glob.has_magic(path) and not os.path.lexists(path)


def _paths(path: str) -> list[str]:
    if not _is_glob(path):
        return [path]
    # Path.glob takes no absolute pattern.
    matches = glob.glob(path, recursive=True)  # noqa: PTH207
    found = sorted(each for each in matches if Path(each).is_file())
    if not found:
        raise FileNotFoundError(f"no file matches {path!r}: correct the pattern")
    return found


def shown(name: str) -> str:
    """Return a name as it is, with escapes for what a terminal would interpret."""
    return name if name.isprintable() else escaped(name)


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the size and time of a file."""
    return status.st_size, status.st_mtime_ns


def check_unchanged(name: str, path: str, stamp: Stamp) -> None:
    """Refuse a file that is not the same as when ``prepare`` began.

    Raises:
        BulkError: It was changed, or is gone.
    """
    try:
        if stamp_of(os.stat(path)) == stamp:  # noqa: PTH116 - a str, in any process
            return
    except FileNotFoundError:
        pass
    raise BulkError(
        f"the file {shown(name)!r} was changed while it was prepared: call prepare() again when "
        "it is complete"
    )


def _identity(name: str, stamp: Stamp) -> dict[str, Any]:
    return {"file": name, "bytes": stamp[0], "modified_ns": stamp[1]}


# Files.


def _file(path: str, encoding: str | None, region_column: str | None) -> Source:
    if os.path.isdir(path):  # noqa: PTH112 - a str, as it was given
        raise IsADirectoryError(
            f"{path!r} is a folder: name the lists in it, for example {path.rstrip('/')}/*.csv"
        )
    with open(path, "rb") as file:  # noqa: PTH123 - keeps the name as it was given
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return _spooled(file, 0, encoding, region_column)
        stamp = stamp_of(status)
        full = os.path.abspath(path)  # noqa: PTH100 - links stay as they are
        if path.lower().endswith(_PARQUET):
            layout = _parquet_layout(path, region_column)
            found = Source(path, "", stamp, layout, _identity(path, stamp), parquet=full)
        else:
            layout = _layout(path, file, encoding, region_column)
            found = Source(path, full, stamp, layout, _identity(path, stamp))
    check_unchanged(path, full, stamp)
    return found


def _layout(name: str, file: ReadsBytes, encoding: str | None, region_column: str | None) -> Layout:
    """Read the beginning of a CSV list."""
    with _naming(name):
        text = TextBlocks(file, encoding)
        delimiter, blocks = opened(text)
        for batch in RecordReader(blocks, delimiter, lenient=True):
            for row, cells in enumerate(batch.rows, batch.first):
                if cells:
                    header = header_of(row, cells, batch, text.encoding, region_column)
                    return Layout(
                        start=len(text.mark) + len(text.separator_line),
                        encoding=text.encoding,
                        old_mac=text.old_mac,
                        delimiter=delimiter,
                        header=header,
                        order=tuple(range(len(header.columns))),
                        row_bytes=max(1.0, len(batch.utf8) / len(batch.rows)),
                    )
        raise refusal("empty_file", BLANK_LIST)


class _naming:  # noqa: N801 - used like a function
    """Adds the name of the source to an error about its list."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if type(error) is ContactsError:
            raise ContactsError(f"{shown(self._name)}: {error}", problems=error.problems) from error


# Sources that are written as CSV files in the work folder.


def _spooled(
    source: ContactsSource, index: int, encoding: str | None, region_column: str | None
) -> Source:
    with ExitStack() as closing:
        spool = TempFile()
        closing.callback(spool.close)
        file = open_file(source, closing)
        # Files keep their names; anything else has none.
        name = base_name(file)
        if index and not isinstance(getattr(file, "name", None), str):
            name = f"{name} ({index + 1})"
        with _naming(name):
            if file is None:
                write_csv(source, CsvWriter(spool), strict=False)
            else:
                while chunk := read_chunk(file, _BLOCK):
                    spool.write(chunk)
        size = spool.tell()
        spool.seek(0)
        digest = hashlib.sha256()
        for block in iter(lambda: spool.read(_BLOCK), b""):
            digest.update(block)
        spool.seek(0)
        layout = _layout(name, spool, encoding, region_column)
        identity = {"file": name, "bytes": size, "sha256": digest.hexdigest()}
        closing.pop_all()
        return Source(name, "", (size, 0), layout, identity, spool=spool)


def converted(sources: list[Source], work: Path, pool: Pool) -> list[Source]:
    """Write the sources that are not CSV files into the work folder, unless they are there.

    Args:
        sources: The sources.
        work: The work folder.
        pool: Where Parquet files are read.

    Returns:
        The sources, each with the path of a CSV file.
    """
    tasks: list[tuple[str, str, Stamp, Path]] = []
    paths: list[str] = []
    for index, source in enumerate(sources):
        path = work / f"source-{index:05d}.csv"
        paths.append(source.path or os.fspath(path))
        if source.path or path.exists():
            continue
        if source.spool is not None:
            source.spool.seek(0)
            store(path, iter(lambda file=source.spool: file.read(_BLOCK), b""), sync=True)  # type: ignore[misc]
        else:
            tasks.append((source.name, source.parquet, source.stamp, path))
    for _ in pool.map(_convert, tasks):
        pass
    return [
        source
        if source.path
        else replace(source, path=path, stamp=stamp_of(Path(path).stat()), spool=None)
        for source, path in zip(sources, paths, strict=True)
    ]


def _convert(task: tuple[str, str, Stamp, Path]) -> None:
    """Write a Parquet file as CSV."""
    name, path, stamp, target = task
    pyarrow: Any = _pyarrow()
    with _naming(name), pyarrow.parquet.ParquetFile(path) as file, TempFile() as spool:
        writer = CsvWriter(spool)
        names = file.schema_arrow.names
        writer.row(names)
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
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


def _parquet_layout(path: str, region_column: str | None) -> Layout:
    pyarrow: Any = _pyarrow()
    with _naming(path), TempFile() as spool:
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


# Columns.


def _in_one_order(sources: list[Source]) -> list[Source]:
    """Order the columns of all sources as those of the first.

    Raises:
        ContactsError: A source has other columns than the first.
    """
    first = sources[0]
    columns = first.layout.header.columns
    ordered: list[Source] = []
    for source in sources:
        names = source.layout.header.columns
        if set(names) != set(columns):
            raise _other_columns(first, source)
        order = tuple(names.index(name) for name in columns)
        ordered.append(replace(source, layout=replace(source.layout, order=order)))
    return ordered


def _other_columns(first: Source, other: Source) -> ContactsError:
    expected, found = first.layout.header.columns, other.layout.header.columns
    differences = [
        f"{verb} {', '.join(repr(escaped(name)) for name in names[:8])}"
        for verb, names in (
            ("lacks", [name for name in expected if name not in found]),
            ("also has", [name for name in found if name not in expected]),
        )
        if names
    ]
    return refusal(
        "missing_header",
        f"the lists have different columns: compared with {shown(first.name)!r}, "
        f"{shown(other.name)!r} {' and '.join(differences)}; give all lists the same columns (in "
        "any order), or prepare them as several plans",
        row=1,
    )
