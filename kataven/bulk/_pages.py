"""The pages of one part's results, kept on disk until those of all parts are there.

Knows the file of a part: whether its pages are complete, and where each contact comes from. Does
not know the Hub, or the table that is made of the pages.
"""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kataven.contacts._rules import PHONE_COLUMN
from kataven.contacts.export.spool import PageSpool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from kataven.bulk._plan import BulkPlan, Part

    Rows = list[dict[str, Any]]

__all__ = ["PartPages", "join"]

# The contacts of a page (documented).
_PAGE: Final = 100
# The last page that the Hub sends is empty, and so is the last one of a complete file.
_END: Final = re.compile(rb"\n\[\d+,\[\]\]\n\Z")
_END_SIZE: Final = 64
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class PartPages:
    """The pages of one part.

    Attributes:
        number: The place of the part in the plan, from 0.
        part: The part.
        campaign: Its campaign.
        path: The file.
        origin: The Hub and account.
    """

    number: int
    part: Part
    campaign: str
    path: Path
    origin: str

    @property
    def requests(self) -> int:
        """How many requests are left: one for each page, and one that shows that it was the last.

        The pages on disk are not verified.
        """
        if self.is_complete():
            return 0
        return max(1, -(-self.part.rows // _PAGE) + 1 - self._count())

    def is_complete(self) -> bool:
        """Return whether the file ends like a complete one; its pages are not verified."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _END_SIZE))
                return _END.search(file.read()) is not None
        except FileNotFoundError:
            return False

    def _count(self) -> int:
        try:
            with self.path.open("rb") as file:
                blocks = iter(lambda: file.read(_BLOCK), b"")
                return max(0, sum(block.count(b"\n") for block in blocks) - 1)
        except FileNotFoundError:
            return 0

    def complete(self, read: Callable[[PageSpool, Rows], None]) -> None:
        """Add the pages that the file lacks.

        Args:
            read: Adds the pages from ``spool.pages`` on; its second argument is the page before.

        Raises:
            BlockingIOError: Another process is writing the file.
        """
        if self.is_complete():
            return
        spool = self._spool()
        try:
            spool.open()
            last = _last(spool.resume())
            if last != []:
                read(spool, last or [])
                spool.add([])
            spool.sync()
        finally:
            spool.close()

    def verify(self, see: Callable[[Rows], None]) -> bool:
        """Pass each page on, and return whether all are there and intact.

        Where one is damaged, it is removed with all that follow, and can be read again.

        Raises:
            BlockingIOError: Another process is writing the file.
        """
        spool = self._spool()
        try:
            spool.open()
            return _last(spool.resume(), see) == []
        finally:
            spool.close()

    def contacts(self) -> Iterator[dict[str, Any]]:
        """Yield the contacts of verified pages.

        Raises:
            BlockingIOError: Another process has opened the file.
        """
        spool = self._spool()
        try:
            spool.open()
            for page in spool.all_pages():
                yield from page
        finally:
            spool.close()

    def _spool(self) -> PageSpool:
        return PageSpool(self.campaign, None, self.path, self.origin)


def _last(pages: Iterator[Rows], see: Callable[[Rows], None] | None = None) -> Rows | None:
    """Run through the pages, and return the last one; None if there is none."""
    last = None
    for page in pages:
        if see is not None:
            see(page)
        last = page
    return last


def join(plan: BulkPlan, part: Part) -> Mapping[str, tuple[str, int]]:
    """Return the file and the row that each telephone of a part comes from.

    Raises:
        BulkError: A file of the plan is missing or damaged.
    """
    lines = csv.reader(io.StringIO(plan.read(part).decode("utf-8"), newline=""))
    phone = next(lines).index(PHONE_COLUMN)
    numbers = (line[phone] for line in lines)
    return dict(zip(numbers, plan.source_rows(part), strict=True))
