"""Opens any source of contacts as a binary file.

Knows which kinds of sources there are. Reads nothing of a file, and does not know what the bytes
are for.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from kataven.contacts._csv import CsvWriter
from kataven.contacts._files import (
    CountedFile,
    Progress,
    ReadsBytes,
    TempFile,
    position_of,
    text_mode_error,
)
from kataven.contacts.source.rows import write_rows
from kataven.contacts.source.tables import ArrowTable, is_table, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ContactsSource", "open_file", "open_source", "write_csv"]

ContactsSource: TypeAlias = (
    ReadsBytes
    | str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | Iterable[Mapping[str, Any]]
    | ArrowTable
)
"""A binary file, a path, bytes, an iterable of mappings, or a pandas, polars or Arrow table."""


@contextmanager
def open_source(
    source: ContactsSource, *, keep_position: bool = False, on_progress: Progress | None = None
) -> Iterator[ReadsBytes]:
    """Open any source as a binary file; close it again unless it is the caller's.

    Rows and tables are written to a temporary CSV file first.

    Args:
        source: A binary file (used from its current position), a path, bytes, rows or a table.
        keep_position: Whether a file that can seek is set back to its position at the end.
        on_progress: Called with the bytes read so far and their total, after each chunk.

    Yields:
        A file with ``read(n)``.

    Raises:
        ContactsError: A file in text mode, or rows or a table that cannot be a contact list.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed.
        TypeError: It is not a source.
        ImportError: A table, and narwhals is not installed.
    """
    with ExitStack() as closing:
        file = open_file(source, closing)
        if file is None:
            temporary = closing.enter_context(TempFile())
            write_csv(source, CsvWriter(temporary))
            temporary.seek(0)
            file = temporary
        position = position_of(file) if keep_position else None
        try:
            yield file if on_progress is None else CountedFile(file, on_progress)
        finally:
            if position is not None:
                cast("Any", file).seek(position)


def open_file(source: ContactsSource, closing: ExitStack) -> ReadsBytes | None:
    """Open a source that consists of bytes.

    Args:
        source: Any source.
        closing: Closes a file that is opened here; never a file that was passed in.

    Returns:
        The file, or None for rows and tables.

    Raises:
        ContactsError: A file in text mode.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed.
        TypeError: It is not a source.
    """
    if isinstance(source, str | os.PathLike):
        return closing.enter_context(open(source, "rb"))  # noqa: PTH123 - keeps `name` as given
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if isinstance(source, io.TextIOBase):
        raise text_mode_error()
    if callable(getattr(source, "read", None)):
        if getattr(source, "closed", False) is True:
            raise ValueError(
                "the contacts file is closed: pass it while it is open, in binary mode ('rb')"
            )
        return cast("ReadsBytes", source)
    if isinstance(source, Mapping) or not (is_table(source) or isinstance(source, Iterable)):
        raise TypeError(
            "contacts must be a binary file, a path, bytes, an iterable of mappings, or a pandas, "
            f"polars or Arrow table, not {type(source).__name__}"
        )
    return None


def write_csv(source: ContactsSource, writer: CsvWriter) -> None:
    """Write rows or a table as CSV.

    Args:
        source: An iterable of mappings, or a table.
        writer: Where the CSV goes.

    Raises:
        ContactsError: It cannot be a contact list, or the CSV is too large.
        TypeError: A row is not a mapping, or the table is not in memory.
        ImportError: A table, and narwhals is not installed.
    """
    if is_table(source):
        write_table(source, writer)
    else:
        write_rows(cast("Iterable[Mapping[str, object]]", source), writer)
