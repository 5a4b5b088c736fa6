"""Every page of a campaign's contacts, one after the other.

A flow for both clients. Knows the envelope of a page, whose keys are not documented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kataven import _validate
from kataven._flow.call import call
from kataven._flow.effects import Emit
from kataven.campaigns import operations
from kataven.errors import KatavenError, ResponseFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kataven._flow.effects import Flow
    from kataven._flow.options import Options
    from kataven.clock import Clock


@dataclass(slots=True)
class PageState:
    """Where a reader of pages is.

    Attributes:
        page: The page that is requested next, counted from 0. A page counts only once its first row
            was given out.
        unfinished: A page of which rows may be left, or None.
    """

    page: int
    unfinished: int | None = None

    @property
    def resume_page(self) -> int:
        """The page at which reading continues without a gap after an interruption."""
        return self.page if self.unfinished is None else self.unfinished


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which contacts of which campaign."""

    campaign_id: str
    status: str | None


def page_query(
    campaign_id: str, status: str | None, start_page: int = 0
) -> tuple[PageQuery, PageState]:
    """Check which pages are to be read.

    Raises:
        TypeError, ValueError: If an argument has the wrong type or value.
    """
    query = PageQuery(_validate.campaign_id(campaign_id), _validate.optional_text("status", status))
    return query, PageState(_validate.count("start_page", start_page))


def every_page(
    query: PageQuery,
    options: Options,
    clock: Clock,
    state: PageState,
    previous_rows: Sequence[Any] = (),
) -> Flow[None]:
    """Emit the contacts of one page after the other, from ``state.page``.

    An empty page is the end, and so is one with the rows of the page before (for the first page:
    ``previous_rows``): a Hub that ignores ``page`` must not make this endless.
    """
    previous = [_identity(row) for row in previous_rows]
    while True:
        page = state.page
        operation = operations.list_campaign_contacts(query.campaign_id, query.status, page)
        try:
            document = yield from call(operation, options, clock)
            rows = rows_of(document, "contacts")
        except KatavenError as error:
            error.page = page
            raise
        identities = [_identity(row) for row in rows]
        if not rows or identities == previous:
            return
        previous = identities
        yield from Emit(_given(rows, state))
        # The caller asked for more, so every row of this page has arrived there.
        state.unfinished = None


def _given(rows: list[Any], state: PageState) -> Iterator[Any]:
    """Give out the rows of a page, and count the page with its first row."""
    state.unfinished = state.page
    state.page += 1
    yield from rows


def _identity(row: Any) -> Any:
    return row["id"] if isinstance(row, dict) and "id" in row else row


def rows_of(document: Mapping[str, Any], key: str) -> list[Any]:
    """Return the rows in an envelope whose keys are not documented.

    Args:
        document: What the Hub sent.
        key: The key that we assume.

    Returns:
        The value of that key, else of the only key that holds a list. A null instead of a list is
        how a Go server writes an empty one.

    Raises:
        ResponseFormatError: If there is no such list, or more than one.
    """
    if key in document:
        value = document[key]
        if value is None:
            return []
        if isinstance(value, list):
            return value
    lists = [name for name, value in document.items() if isinstance(value, list)]
    if len(lists) == 1:
        rows: list[Any] = document[lists[0]]
        return rows
    candidates = ", ".join(lists) or "none"
    # Without the body: a server that echoes the request would put the key into it.
    raise ResponseFormatError(
        f"the Hub's response has no {key!r} (its keys: {', '.join(document)}); cannot tell which "
        f"key holds the items (candidates: {candidates})",
        status_code=200,
    )
