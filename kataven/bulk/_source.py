"""One source of a plan: its file, how it is read, and whether it was changed.

Knows what is true of every source, whatever its kind. How sources are found is in ``_sources``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from kataven.contacts._problems import escaped
from kataven.errors import BulkError, ContactsError

if TYPE_CHECKING:
    from kataven.contacts._clean_header import Header
    from kataven.contacts._dropped_file import AddedColumns
    from kataven.contacts._files import TempFile

__all__ = [
    "Layout",
    "Source",
    "Stamp",
    "check_unchanged",
    "identity_of",
    "naming",
    "shown",
    "stamp_of",
]

Stamp: TypeAlias = tuple[int, int]
"""The size of a file in bytes, and when it was changed in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a source is read from any line on.

    Attributes:
        start: The size of its byte order mark and ``sep=`` line in bytes.
        encoding: Its encoding, by Python's name.
        old_mac: Whether its lines end with a lone CR.
        delimiter: The character between cells.
        header: Its header, of a file of dropped rows without the columns that were added.
        order: The index of each column of the parts in this source.
        row_bytes: The average size of its first rows.
        added: The columns that a file of dropped rows has besides those of the list, None for
            another list.
    """

    start: int
    encoding: str
    old_mac: bool
    delimiter: str
    header: Header
    order: tuple[int, ...]
    row_bytes: float
    added: AddedColumns | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the header of the source."""
        return self.header.names if self.added is None else self.header.names + self.added.names


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


def identity_of(name: str, stamp: Stamp) -> dict[str, Any]:
    """Return what distinguishes a file from other sources, as JSON."""
    return {"file": name, "bytes": stamp[0], "modified_ns": stamp[1]}


class naming:  # noqa: N801 - used like a function
    """Adds the name of the source to an error about its list."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if type(error) is ContactsError:
            raise ContactsError(f"{shown(self._name)}: {error}", problems=error.problems) from error
