"""Rows of mappings, and tables of pandas, polars or Arrow, written as CSV.

Knows what a cell's text is and that a phone number is taken as text only. Does not know where
the CSV goes. narwhals and pyarrow are imported only when a table is handed in.
"""

import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, runtime_checkable

from kataven.contacts._csv import CsvSink, TooManyBytes, text_of
from kataven.contacts._problems import refusal
from kataven.contacts._rules import MAX_BYTES, PHONE_COLUMN
from kataven.contacts.reader.header import missing_header_message

__all__ = ["ArrowTable", "is_table", "write_rows", "write_table"]

_HOMES: Final = frozenset({"pandas", "polars", "pyarrow", "narwhals", "modin", "cudf"})


@runtime_checkable
class ArrowTable(Protocol):
    """A table that can be read as an Arrow stream: pandas, polars, pyarrow and others."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Give the table as an Arrow C stream.

        Args:
            requested_schema: A schema to cast to.

        Returns:
            A capsule that holds the stream.
        """
        ...


def is_table(source: object) -> bool:
    """Tell a table from rows and files without importing any library of tables.

    Args:
        source: Any object.

    Returns:
        True for a table of pandas, polars or Arrow, also for one of a kind that is refused.
    """
    # A NativeFile of pyarrow is at home there too, but is a file.
    if hasattr(source, "read"):
        return False
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__narwhals_dataframe__"):
        return True
    return type(source).__module__.partition(".")[0] in _HOMES


def write_rows(rows: Iterable[Mapping[str, object]], sink: CsvSink) -> None:
    """Write mappings as CSV; the first one's keys are the header.

    A key that a row lacks, and None, become an empty cell.

    Args:
        rows: The rows; read once, one at a time.
        sink: Where the CSV goes.

    Raises:
        ContactsError: There are no rows or no phone number column, a row has a key that the
            first one lacks, a phone number is no text, or the CSV becomes too large.
        TypeError: A row is no mapping, or a key is no text.
    """
    stream = iter(rows)
    first = next(stream, None)
    if first is None:
        raise refusal("no_rows", "there are no rows: at least one contact is needed")
    names = _names(_mapping(first, 2))
    known = frozenset(names)
    with _bounded():
        sink.row(names)
        number: int | None = 2
        row: Any = first
        while number is not None:
            row = _mapping(row, number)
            if not known.issuperset(row):
                _refuse_ragged(row, known, number)
            _write(sink, names, [row.get(name) for name in names], number)
            row = next(stream, _END)
            number = None if row is _END else number + 1


_END: Final = object()


def write_table(table: object, sink: CsvSink) -> None:
    """Write a table of pandas, polars or Arrow as CSV.

    Args:
        table: The table; its index, where it has one, is left out.
        sink: Where the CSV goes.

    Raises:
        ContactsError: There are no rows or no phone number column, two columns have one name,
            phone numbers are no text, or the CSV becomes too large.
        TypeError: It is not a table of rows in memory, or a column's name is no text.
        ImportError: narwhals is missing (or pyarrow, for a table known by its Arrow stream only).
    """
    frame = _frame(table)
    names = _checked_names(list(frame.columns))
    dtype = frame.schema[PHONE_COLUMN]
    if dtype.is_numeric():
        raise _spreadsheet(None, str(dtype), f"the column has the type {dtype}")
    count = 0
    with _bounded():
        sink.row(names)
        for row in frame.iter_rows(named=False):
            count += 1
            _write(sink, names, row, count + 1)
    if not count:
        raise refusal("no_rows", "the table has no rows: at least one contact is needed")


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
            "doubled_header", f"two columns have one name: rename one of them ({doubled})"
        ) from doubled
    if isinstance(frame, nw.LazyFrame):
        raise TypeError("the table is lazy, nothing of it is in memory yet: call .collect() first")
    if not isinstance(frame, nw.DataFrame):
        raise TypeError(
            f"contacts cannot be read from a {type(table).__module__}.{type(table).__qualname__}: "
            "hand in a DataFrame, an Arrow table, rows, a path or a binary file"
        )
    return frame


def _from_stream(nw: Any, table: ArrowTable) -> Any:
    try:
        return nw.DataFrame.from_arrow(table, backend="pyarrow")
    except ValueError:
        # Not a stream of rows: a column by itself.
        return None


def _mapping(row: object, number: int) -> Mapping[str, object]:
    if isinstance(row, Mapping):
        return row
    raise TypeError(
        f"contacts as rows must be mappings like {{'phone_number': '+1...'}}; "
        f"row {number} is of type {type(row).__name__}"
    )


def _names(first: Mapping[str, object]) -> list[str]:
    return _checked_names(list(first))


def _checked_names(names: list[Any]) -> list[str]:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"the name of a column must be text, {name!r} is of type {type(name).__name__}"
            )
    if PHONE_COLUMN not in names:
        raise refusal("missing_header", missing_header_message(names), row=1)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise refusal(
            "doubled_header",
            f"two columns are named {twice!r}: rename one of them",
            row=1,
            column=twice,
        )
    return names


def _refuse_ragged(row: Mapping[str, object], known: frozenset[str], number: int) -> None:
    extra = next(key for key in row if key not in known)
    raise refusal(
        "ragged_row",
        f"the row has the key {extra!r}, which the first row lacks: give the first row every key "
        "that a later one has (its value may be None)",
        row=number,
        column=str(extra),
        value=text_of(row[extra]),
    )


def _write(sink: CsvSink, names: Sequence[str], values: Sequence[object], number: int) -> None:
    phone = values[names.index(PHONE_COLUMN)]
    if isinstance(phone, numbers.Number) and text_of(phone):
        raise _spreadsheet(number, str(phone), f"this is of type {type(phone).__name__}")
    try:
        sink.row([text_of(value) for value in values])
    except UnicodeEncodeError as broken:
        raise refusal(
            "bad_encoding",
            f"the row holds half of a surrogate pair ({broken.object[broken.start]!r}), which is "
            "no text: decode the source with the right encoding",
            row=number,
        ) from broken


def _spreadsheet(row: int | None, value: str, what: str) -> Exception:
    return refusal(
        "spreadsheet_number",
        f"phone numbers are taken as text only, and {what}: a number has lost its '+' and its "
        "zeros, and may have lost digits; read the column as text (pandas: dtype=str)",
        row=row,
        column=PHONE_COLUMN,
        value=value,
    )


@contextmanager
def _bounded() -> Iterator[None]:
    try:
        yield
    except TooManyBytes as many:
        raise refusal(
            "too_large",
            f"as CSV the rows are larger than {MAX_BYTES:,} bytes, the most the Hub takes: cut "
            "them into several campaigns (kataven.contacts.split)",
        ) from many
