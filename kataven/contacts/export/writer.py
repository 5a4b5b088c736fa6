"""Collects the pages of a campaign's contacts and writes them as tables.

Pages go into a spool first. The tables are then written and renamed into place, so each target is
either complete or unchanged. Does not know where the pages come from.
"""

from __future__ import annotations

import logging
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Self, cast

from kataven.contacts.export.columns import Columns
from kataven.contacts.export.failures import explained
from kataven.contacts.export.formats import TEXT_FORMATS, write_parquet
from kataven.contacts.export.spool import PageSpool, spool_path
from kataven.contacts.export.summary import ExportSummary
from kataven.contacts.export.targets import copy_mode, is_text, targets_of, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from kataven.contacts.export.columns import Contact
    from kataven.contacts.export.targets import AnyTarget
    from kataven.types import ExportFormat

__all__ = ["ExportWriter", "write_table"]

logger = logging.getLogger("kataven")


class ExportWriter:
    """Collects pages of contacts and writes them as tables.

    If a target is a path, an interrupted export is resumed: pages that an export of the same
    campaign and status, at the same Hub and for the same account, left in the same folder are used,
    and ``next_page`` is greater than 0. The folder is that of the first path.

    Args:
        campaign_id: The campaign.
        target: A path, or an open file that gets the finished table (text or binary for CSV and
            JSON Lines, binary for Parquet) and stays open; or a list of these, each of which gets
            the same table.
        format: ``csv``, ``jsonl`` or ``parquet``; None to use the ending of each path or of the
            file's name (CSV for a file without a name).
        status: The requested status, None for all.
        origin: The Hub and account of the campaign.
        wanted: Returns the contacts of a page that the table is to have; None for all. The spool
            has all of them, whatever this is.
    """

    def __init__(
        self,
        campaign_id: str,
        target: AnyTarget | Sequence[AnyTarget],
        format: ExportFormat | None = None,
        status: str | None = None,
        origin: str = "",
        wanted: Callable[[list[Any]], list[Any]] | None = None,
    ) -> None:
        """Check the targets; nothing is opened before ``open``.

        Raises:
            ValueError: The format is unknown, the ending does not determine it, or the list of
                targets is empty or names one twice.
            TypeError: A target is neither a path nor a file, or a text file for Parquet.
            ImportError: Parquet, and pyarrow is not installed.
            IsADirectoryError: A target is a folder.
        """
        self._targets: Final = targets_of(target, format)
        self._home: Final = next((one.replaced for one in self._targets if one.replaced), None)
        spool = None
        if self._home is not None:
            spool = spool_path(self._home, campaign_id, status, origin)
        self._columns = Columns()
        self._spool = PageSpool(campaign_id, status, spool, origin)
        self._wanted = wanted
        self._counts: dict[str, int] = {}
        self._last_page: list[dict[str, Any]] = []

    def open(self) -> None:
        """Open the spool and read its pages; call ``close`` afterwards, also if this fails.

        Raises:
            BlockingIOError: Another export of this campaign is writing into the same folder.
            OSError: A folder does not exist or is not writable; the error names the target.
        """
        try:
            self._spool.open()
            for contacts in self._spool.resume():
                self._see(contacts)
                self._last_page = contacts
        except BlockingIOError:
            raise
        except OSError as error:
            raise self._unopened(error) from None
        for target in self._targets:
            target.check(self._spool.path)

    @property
    def next_page(self) -> int:
        """The page to read next, counted from 0."""
        return self._spool.pages

    def take_last_page(self) -> list[dict[str, Any]]:
        """Return the contacts of the last page of a resumed export, and forget them.

        Returns:
            The contacts; empty for an export that is not resumed, and at the second call.
        """
        last, self._last_page = self._last_page, []
        return last

    @property
    def rows(self) -> int:
        """The number of contacts that the table has so far."""
        return self._columns.rows

    def add_page(self, page: int, contacts: list[dict[str, Any]]) -> None:
        """Add a page. Once this returns, the page is on disk.

        Args:
            page: Its number, which must be ``next_page``.
            contacts: Its contacts as the Hub sent them.

        Raises:
            ValueError: It is not the next page.
            OSError: It could not be written. The pages before it are kept.
        """
        if page != self.next_page:
            raise ValueError(f"page {page} is out of order: the next one is {self.next_page}")
        with self._explaining(self._home):
            self._spool.add(contacts)
        self._see(contacts)

    def finish(self) -> ExportSummary:
        """Write the tables, move them into place and delete the spool.

        Tables that replace a file are all complete before the first one is moved.

        Returns:
            What was written.

        Raises:
            OSError: A table could not be written; the spool remains, the target is unchanged.
        """
        drafts: list[tuple[Path, Path]] = []
        try:
            for target in self._targets:
                if target.replaced is not None:
                    draft = target.draft(cast("Path", self._spool.path))
                    drafts.append((draft, target.replaced))
                    with self._explaining(target.replaced), draft.open("wb") as file:
                        copy_mode(file, target.replaced)
                        self._write(file, target.format)
            for target in self._targets:
                if target.special:
                    # Append: /dev/stdout may be a file that already has lines.
                    with self._explaining(target.path), cast("Path", target.path).open("ab") as out:
                        self._write(out, target.format)
                elif target.file is not None:
                    self._write(target.file, target.format)
            while drafts:
                draft, path = drafts[0]
                with self._explaining(path):
                    draft.replace(path)
                del drafts[0]
        except BaseException:
            for draft, _ in drafts:
                draft.unlink(missing_ok=True)
            raise
        self._spool.remove()
        paths = tuple(target.given for target in self._targets if target.given is not None)
        return ExportSummary(self.rows, paths, dict(self._counts))

    def close(self) -> None:
        """Keep the pages for the next export of this campaign. Does nothing after ``finish``."""
        self._spool.close()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _selected(self, contacts: list[Any]) -> list[Any]:
        return contacts if self._wanted is None else self._wanted(contacts)

    def _see(self, contacts: list[dict[str, Any]]) -> None:
        selected = self._selected(contacts)
        self._columns.see(selected)
        for contact in selected:
            status = contact.get("status")
            if isinstance(status, str):
                self._counts[status] = self._counts.get(status, 0) + 1

    def _write(self, file: IO[Any], format: ExportFormat) -> None:
        write_table(file, format, self._columns, self._contacts())

    def _contacts(self) -> Iterator[Contact]:
        for contacts in self._spool.all_pages():
            yield from self._selected(contacts)

    def _unopened(self, error: OSError) -> OSError:
        """Explain why the spool could not be opened."""
        if self._home is None:
            return explained(error, tempfile.gettempdir(), "Nothing was sent")
        return explained(error, self._home, unwritable(error))

    @contextmanager
    def _explaining(self, path: Path | None) -> Iterator[None]:
        """Say in an error of the disk which target it concerns and what is kept."""
        try:
            yield
        except OSError as error:
            raise explained(error, path or tempfile.gettempdir(), self._kept()) from None

    def _kept(self) -> str:
        """Say what an export that failed can continue from."""
        if self._home is None:
            return (
                "an export without a path keeps its pages in the folder for temporary files, and "
                "starts from the beginning when it is called again"
            )
        pages = self.next_page
        if not pages:
            return "no page is kept, so the export starts from the beginning when called again"
        shown = "1 page is" if pages == 1 else f"{pages} pages are"
        return (
            f"{shown} kept in {self._home.parent}: put this right and call again with the same "
            "target, and the export continues after the last one"
        )


def write_table(
    file: IO[Any], format: ExportFormat, columns: Columns, contacts: Iterable[Contact]
) -> None:
    """Write contacts as a table.

    Args:
        file: A binary file, or a text file for CSV and JSON Lines.
        format: The format.
        columns: The columns, which have seen all contacts.
        contacts: The contacts.
    """
    rows = columns.rows_of(contacts)
    if format == "parquet":
        for name in columns.odd_times():
            logger.warning(
                "column %s is text in the Parquet file: some of its values are not RFC 3339 times "
                "from 1678 to 2261",
                name,
            )
        write_parquet(file, columns.types(), rows)
        return
    write_text = TEXT_FORMATS[format]
    if is_text(file):
        write_text(file.write, columns.names(), rows)
        return
    write_text(
        lambda text: file.write(text.encode("utf-8", "surrogatepass")), columns.names(), rows
    )
