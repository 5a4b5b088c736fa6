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
from kataven.campaigns.contact_words import (
    contact_status,
    has_last_error,
    last_errors,
    warn_of_unknown_words,
)
from kataven.errors import KatavenError, ResponseFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
        given: How many rows were given out.
    """

    page: int
    unfinished: int | None = None
    given: int = 0

    @property
    def resume_page(self) -> int:
        """The page at which reading continues without a gap after an interruption."""
        return self.page if self.unfinished is None else self.unfinished


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which contacts of which campaign.

    Attributes:
        campaign_id: The campaign.
        status: The status that the Hub is asked for, None for all.
        last_errors: The last errors that are kept of what the Hub sends, None for all contacts.
    """

    campaign_id: str
    status: str | None
    last_errors: frozenset[str] | None = None

    def wanted(self, rows: list[Any]) -> list[Any]:
        """Return the rows that have one of the last errors."""
        wanted = self.last_errors
        return rows if wanted is None else [row for row in rows if has_last_error(row, wanted)]

    def warn_of_unknown_words(self, stacklevel: int) -> None:
        """Warn, where no contact was selected, of words that may be misspelt."""
        campaign = f"campaign {self.campaign_id}"
        warn_of_unknown_words(campaign, self.status, self.last_errors, stacklevel + 1)


def page_query(
    campaign_id: str, status: str | None, last_error: str | Iterable[str] | None = None
) -> PageQuery:
    """Check which contacts are to be read.

    Raises:
        TypeError, ValueError: If an argument has the wrong type or value.
    """
    checked = _validate.campaign_id(campaign_id)
    return PageQuery(checked, contact_status(status), last_errors(last_error))


def page_state(start_page: int) -> PageState:
    """Check where reading begins.

    Raises:
        TypeError, ValueError: If it is not a page.
    """
    return PageState(_validate.count("start_page", start_page))


def wanted_contacts(
    query: PageQuery, options: Options, clock: Clock, state: PageState
) -> Flow[None]:
    """Emit the contacts that ``iter_contacts`` yields, from ``state.page``."""
    from_first = state.page == 0
    yield from every_page(query, options, clock, state, wanted=query.wanted)
    if from_first and not state.given:
        # This flow, the four steps of the iterator, and the line that asks for the next item.
        query.warn_of_unknown_words(stacklevel=6)


def every_page(
    query: PageQuery,
    options: Options,
    clock: Clock,
    state: PageState,
    previous_rows: Sequence[Any] = (),
    wanted: Callable[[list[Any]], list[Any]] = list,
) -> Flow[None]:
    """Emit the contacts of one page after the other, from ``state.page``.

    An empty page is the end, and so is one with the rows of the page before (for the first page:
    ``previous_rows``): a Hub that ignores ``page`` must not make this endless. Of each page, only
    the rows that ``wanted`` returns are emitted.
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
        yield from Emit(_given(wanted(rows), state))
        # The caller asked for more, so every row of this page has arrived there.
        state.unfinished = None


def _given(rows: list[Any], state: PageState) -> Iterator[Any]:
    """Give out the rows of a page, and count the page with its first row."""
    state.unfinished = state.page
    state.page += 1
    state.given += len(rows)
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
