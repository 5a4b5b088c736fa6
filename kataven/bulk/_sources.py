"""Which sources there are: files, globs and tables, each as a CSV file with its layout.

Reads the header of each source, and refuses lists with different columns before anything is
written. Does not read rows. Parquet files are read in ``_parquet``.
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from kataven.bulk._parquet import convert_parquet, is_parquet, parquet_layout
from kataven.bulk._source import (
    Layout,
    Source,
    Stamp,
    check_unchanged,
    identity_of,
    naming,
    shown,
    stamp_of,
)
from kataven.bulk._work import store
from kataven.contacts._clean_header import header_of, opened, without_added
from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import TempFile
from kataven.contacts._problems import escaped
from kataven.contacts._refusal import refusal
from kataven.contacts._rules import BLANK_LIST
from kataven.contacts.reader.records import RecordReader
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

if TYPE_CHECKING:
    from kataven.bulk._work import Pool
    from kataven.errors import ContactsError

__all__ = ["BulkSource", "converted", "find_sources"]

BulkSource: TypeAlias = ContactsSource | Iterable[ContactsSource]
"""A path, a glob, bytes, a binary file, rows or a table, or several of them."""

_BLOCK: Final = 1 << 20


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
        if is_parquet(path):
            layout = parquet_layout(path, region_column)
            found = Source(path, "", stamp, layout, identity_of(path, stamp), parquet=full)
        else:
            layout = _layout(path, file, encoding, region_column)
            found = Source(path, full, stamp, layout, identity_of(path, stamp))
    check_unchanged(path, full, stamp)
    return found


def _layout(name: str, file: ReadsBytes, encoding: str | None, region_column: str | None) -> Layout:
    """Read the beginning of a CSV list."""
    with naming(name):
        text = TextBlocks(file, encoding)
        delimiter, blocks = opened(text)
        filled = (
            (row, cells, batch)
            for batch in RecordReader(blocks, delimiter, lenient=True)
            for row, cells in enumerate(batch.rows, batch.first)
            if cells
        )
        found = next(filled, None)
        if found is None:
            raise refusal("empty_file", BLANK_LIST)
        row, cells, batch = found
        header = header_of(row, cells, batch, text.encoding, region_column)
        _, first, _ = next(filled, (0, [], batch))
        header, added = without_added(header, first)
        return Layout(
            start=len(text.mark) + len(text.separator_line),
            encoding=text.encoding,
            old_mac=text.old_mac,
            delimiter=delimiter,
            header=header,
            order=tuple(range(len(header.columns))),
            row_bytes=max(1.0, len(batch.utf8) / len(batch.rows)),
            added=added,
        )


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
        with naming(name):
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
    for _ in pool.map(convert_parquet, tasks):
        pass
    return [
        source
        if source.path
        else replace(source, path=path, stamp=stamp_of(Path(path).stat()), spool=None)
        for source, path in zip(sources, paths, strict=True)
    ]


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
