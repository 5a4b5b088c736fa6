"""The contacts of a campaign written as a table: CSV, JSON lines or Parquet.

Pages go into a spool first; the table is made of it in one pass and renamed into place, so that
the target is whole or untouched. Knows columns and formats; does not know where pages come from.
"""

import csv
import errno
import io
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Literal, Self, cast

from kataven.contacts._csv import LINE_END, text_of
from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.export.columns import Outline
from kataven.contacts.export.spool import PageSpool, spool_path

__all__ = ["ExportFormat", "ExportWriter"]

ExportFormat = Literal["csv", "jsonl", "parquet"]
"""What a table is written as."""

_ENDINGS: Final[Mapping[str, ExportFormat]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_BATCH: Final = 10_000

Rows = Iterator[list[Any]]


class ExportWriter:
    """Takes the pages of a campaign's contacts and writes them as a table.

    Where the target is a path, pages that an interrupted export of the same campaign and status,
    at the same Hub and for the same account, has left beside it are taken up: `next_page` is then
    above 0.

    Args:
        campaign_id: The campaign.
        target: A path, or an open file that gets the finished table (text or binary for CSV and
            JSON lines, binary for Parquet) and stays open.
        format: `csv`, `jsonl` or `parquet`; None to go by the ending of the path (or of the
            file's name; a file without one gets CSV).
        status: The status that is asked for, None for all.
        origin: Which Hub and account the campaign is of.
    """

    def __init__(
        self,
        campaign_id: str,
        target: str | os.PathLike[str] | IO[bytes] | IO[str],
        format: ExportFormat | None = None,
        status: str | None = None,
        origin: str = "",
    ) -> None:
        """Open the spool and read what is in it.

        Raises:
            ValueError: The format is unknown, or the ending says none.
            TypeError: The target is neither a path nor a file, or a text file for Parquet.
            ImportError: Parquet, and pyarrow is not installed.
            BlockingIOError: Another export of this campaign writes into the same folder.
            OSError: The folder does not exist or cannot be written, or the target is a folder.
        """
        self._path, self._file = _opened(target)
        self.format: Final = _format(format, self._path, self._file)
        if self.format == "parquet":
            _pyarrow()
            if self._file is not None and _is_text(self._file):
                raise TypeError("Parquet is binary: open the file in binary mode ('wb')")
        path = self._path
        # Nothing can be put into the place of a pipe or a device, nor kept beside it.
        self._special: Final = path is not None and _is_special(path)
        place = None
        if path is not None and not self._special:
            place = spool_path(path, campaign_id, status, origin)
        self._outline = Outline()
        self._spool = PageSpool(campaign_id, status, place, origin)
        self._last: list[dict[str, Any]] = []
        try:
            for contacts in self._spool.resume():
                self._outline.see(contacts)
                self._last = contacts
        except BaseException:
            self._spool.close()
            raise

    @property
    def next_page(self) -> int:
        """The page to be read next, from 0."""
        return self._spool.pages

    def take_last_page(self) -> list[dict[str, Any]]:
        """Hand over the last page that was taken up, once.

        Returns:
            Its contacts; none where the export begins anew.
        """
        last, self._last = self._last, []
        return last

    @property
    def rows(self) -> int:
        """How many contacts have been taken so far."""
        return self._outline.rows

    def add_page(self, page: int, contacts: list[dict[str, Any]]) -> None:
        """Take a page; when this returns it is on disk.

        Args:
            page: Its number, `next_page`.
            contacts: Its contacts as the Hub gave them.

        Raises:
            ValueError: It is not the next page.
        """
        if page != self.next_page:
            raise ValueError(f"page {page} is out of order: the next one is {self.next_page}")
        self._spool.add(contacts)
        self._outline.see(contacts)

    def finish(self) -> None:
        """Write the table, put it into place and remove the spool.

        Raises:
            OSError: The table could not be written; the spool stays, the target is untouched.
        """
        if self._path is None:
            self._write(cast("IO[Any]", self._file))
        elif self._special:
            # Appended: behind /dev/stdout there may be a file with lines of others.
            with self._path.open("ab") as file:
                self._write(file)
        else:
            draft = cast("Path", self._spool.path).with_suffix(".kataven-table")
            try:
                with draft.open("wb") as file:
                    _take_mode(file, self._path)
                    self._write(file)
                draft.replace(self._path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        self._spool.remove()

    def close(self) -> None:
        """Leave the pages for the next export of this campaign; does nothing after `finish`."""
        self._spool.close()

    def __enter__(self) -> Self:
        """Give the writer itself.

        Returns:
            The writer.
        """
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _write(self, file: IO[Any]) -> None:
        rows = self._outline.rows_of(self._spool.contacts())
        if self.format == "parquet":
            _write_parquet(file, self._outline, rows)
            return
        columns = self._outline.columns()
        write = _write_csv if self.format == "csv" else _write_jsonl
        if _is_text(file):
            write(file.write, columns, rows)
            return
        write(lambda text: file.write(text.encode("utf-8", "surrogatepass")), columns, rows)


def _opened(target: object) -> tuple[Path | None, IO[Any] | None]:
    if isinstance(target, str | os.PathLike):
        # A link stays a link: what it points to is replaced.
        path = Path(os.path.realpath(target))
        if path.is_dir():
            raise IsADirectoryError(
                errno.EISDIR, "the target is a folder; name a file in it", str(path)
            )
        return Path(target) if _is_special(Path(target)) else path, None
    if callable(getattr(target, "write", None)):
        return None, cast("IO[Any]", target)
    raise TypeError(f"the target must be a path or an open file, not {type(target).__name__}")


def _is_special(path: Path) -> bool:
    """Whether a target is a pipe, a device, or a name that the system gives to an open file."""
    given = str(path.absolute())
    if given.startswith(("/dev/", "/proc/")) and given != os.path.realpath(path):
        return True
    return path.exists() and not path.is_file()


def _take_mode(draft: IO[bytes], target: Path) -> None:
    """Let nobody read the new table who could not read the one in its place."""
    if target.exists() and hasattr(os, "fchmod"):
        os.fchmod(draft.fileno(), stat.S_IMODE(target.stat().st_mode))


def _format(wanted: ExportFormat | None, path: Path | None, file: object) -> ExportFormat:
    known = tuple(dict.fromkeys(_ENDINGS.values()))
    if wanted is not None:
        if wanted not in known:
            raise ValueError(f"format must be one of {', '.join(known)}, not {wanted!r}")
        return wanted
    name = path if path is not None else getattr(file, "name", None)
    ending = Path(name).suffix.lower() if isinstance(name, str | Path) else ""
    if path is None and not ending:
        return "csv"
    if ending not in _ENDINGS:
        raise ValueError(
            f"the ending of {str(name)!r} names no format: use one of {', '.join(_ENDINGS)}, or "
            "give format="
        )
    return _ENDINGS[ending]


def _is_text(file: object) -> bool:
    return isinstance(file, io.TextIOBase) or hasattr(file, "encoding")


def _safe(value: object) -> str:
    """Give a cell's text so that no spreadsheet calculates with it."""
    text = text_of(value)
    return "'" + text if isinstance(value, str) and text.startswith(_FORMULA) else text


class _Writable:
    """Gives the csv module a file for a function."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write


def _write_csv(write: Callable[[str], object], columns: list[str], rows: Rows) -> None:
    writer = csv.writer(_Writable(write), lineterminator=LINE_END)
    writer.writerow([_safe(name) for name in columns])
    # The number stays as it is: with a quote mark before it, it could not be uploaded again.
    phone = columns.index(PHONE_COLUMN) if PHONE_COLUMN in columns else -1
    for row in rows:
        writer.writerow(
            [text_of(cell) if index == phone else _safe(cell) for index, cell in enumerate(row)]
        )


def _write_jsonl(write: Callable[[str], object], columns: list[str], rows: Rows) -> None:
    for row in rows:
        write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")


def _write_parquet(file: IO[bytes], outline: Outline, rows: Rows) -> None:
    pa, pq = _pyarrow()
    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
    kinds = outline.kinds()
    schema = pa.schema([(name, types[kind]) for name, kind in kinds.items()])
    with pq.ParquetWriter(file, schema) as writer:
        for batch in _batches(rows):
            cells = zip(*batch, strict=True)
            arrays = [
                pa.array([_typed(cell, kind) for cell in column], type=types[kind])
                for column, kind in zip(cells, kinds.values(), strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _typed(value: object, kind: str) -> object:
    if value is None:
        return None
    if kind == "text":
        return text_of(value).encode("utf-8", "replace").decode()
    return float(cast("float", value)) if kind == "float" else value


def _batches(rows: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    batch: list[list[Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and slow to load
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as missing:
        raise ImportError(
            "Parquet needs pyarrow, which is not installed: pip install 'kataven[parquet]'"
        ) from missing
    return pa, pq
