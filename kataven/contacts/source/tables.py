"""Tables of pandas, polars or Arrow, written as CSV.

Imports narwhals and pyarrow only when a table is passed in. Does not know where the CSV goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from kataven.contacts._columns import phone_index
from kataven.contacts._problems import shortened
from kataven.contacts._refusal import refusal
from kataven.contacts.source.rows import (
    checked_names,
    refuse_too_large,
    spreadsheet_refusal,
    write_row,
)

if TYPE_CHECKING:
    from kataven.contacts._csv import CsvWriter

__all__ = ["ArrowTable", "is_column", "is_table", "write_table"]

_LIBRARIES: Final = frozenset({"pandas", "polars", "pyarrow", "narwhals", "modin", "cudf"})


@runtime_checkable
class ArrowTable(Protocol):
    """A table that can be read as an Arrow stream: pandas, polars, pyarrow and others."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the table as an Arrow C stream.

        Args:
            requested_schema: A schema to cast to.

        Returns:
            A capsule with the stream.
        """
        ...


def is_table(source: object) -> bool:
    """Tell a table from rows and files, without importing a table library.

    Args:
        source: Any object.

    Returns:
        True for a pandas, polars or Arrow table, including kinds that are not supported.
    """
    # A NativeFile of pyarrow comes from such a library, but is a file.
    if hasattr(source, "read"):
        return False
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__narwhals_dataframe__"):
        return True
    return type(source).__module__.partition(".")[0] in _LIBRARIES


def is_column(source: object) -> bool:
    """Tell a single column (a Series, an Arrow array) from a table, without importing a library.

    Args:
        source: An object that ``is_table`` is true of.
    """
    # The class, because reading `columns` of a lazy table runs its query.
    kind = type(source)
    return hasattr(kind, "__iter__") and not (hasattr(kind, "columns") or hasattr(kind, "schema"))


def write_table(table: object, writer: CsvWriter, *, strict: bool = True) -> None:
    """Write a pandas, polars or Arrow table as CSV.

    Args:
        table: The table; its index, if it has one, is left out.
        writer: Where the CSV goes.
        strict: Whether to refuse at once what an upload would be refused for: no rows, no column
            ``phone_number``.

    Raises:
        ContactsError: Two columns have the same name, phone numbers are not text, the CSV is too
            large, or the table is refused because of ``strict``.
        TypeError: It is not a table of rows in memory, or a column name is not text.
        ImportError: narwhals is not installed (or pyarrow, for other tables with an Arrow stream).
    """
    frame = _frame(table)
    names = checked_names(list(frame.columns), strict=strict)
    phone = phone_index(names)
    if phone is not None and (dtype := frame.schema[names[phone]]).is_numeric():
        raise spreadsheet_refusal(None, str(dtype), f"the column has the type {dtype}")
    count = 0
    with refuse_too_large():
        writer.row(names)
        for row in frame.iter_rows(named=False):
            count += 1
            write_row(writer, phone, row, count + 1)
    if strict and not count:
        raise refusal("no_rows", "the table has no rows: add at least one contact")


def _frame(table: object) -> Any:
    try:
        import narwhals as nw  # noqa: PLC0415 - optional, and slow to load
        from narwhals.exceptions import DuplicateError  # noqa: PLC0415
    except ImportError as missing:
        raise ImportError(
            "tables need narwhals, which is not installed: pip install 'kataven[contacts]'"
        ) from missing
    try:
        frame = nw.from_native(table, pass_through=True)
        if not isinstance(frame, nw.DataFrame | nw.LazyFrame) and isinstance(table, ArrowTable):
            frame = _from_stream(nw, table)
    except DuplicateError as doubled:
        raise refusal(
            "doubled_header",
            f"two columns have the same name: rename one of them ({shortened(str(doubled))})",
        ) from doubled
    if isinstance(frame, nw.LazyFrame):
        raise TypeError("the table is lazy, so its rows are not in memory: call .collect() first")
    if not isinstance(frame, nw.DataFrame):
        raise TypeError(
            f"cannot read contacts from a {type(table).__module__}.{type(table).__qualname__}: "
            "pass a DataFrame, an Arrow table, rows, a path or a binary file"
        )
    return frame


def _from_stream(nw: Any, table: ArrowTable) -> Any:
    try:
        return nw.DataFrame.from_arrow(table, backend="pyarrow")
    except ValueError:
        # Not a stream of rows: a single column.
        return None
