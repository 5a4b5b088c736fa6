"""From a campaign to a table, and from campaigns to a list for the next one.

Flows that read every page and pass it to a writer of ``kataven.contacts`` through ``RunInThread``.
They open no file themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kataven import _validate
from kataven._flow.call import call
from kataven._flow.effects import Emit, RunInThread, through
from kataven.campaigns import operations
from kataven.campaigns.contact_words import same_word, warn_of_unknown_words
from kataven.campaigns.pages import PageState, every_page, page_query
from kataven.campaigns.progress import TERMINAL_STATUSES
from kataven.errors import ResponseFormatError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import IO

    from kataven._flow.effects import AnyEffect, Flow
    from kataven._flow.options import Options
    from kataven.campaigns.pages import PageQuery
    from kataven.clock import Clock
    from kataven.contacts._retry import RetryCollector, RetryList
    from kataven.contacts.export import ExportSummary, ExportWriter
    from kataven.types import ExportFormat

    Target: TypeAlias = str | os.PathLike[str] | IO[bytes] | IO[str]
    Targets: TypeAlias = Target | Sequence[Target]

logger = logging.getLogger("kataven")

# Calls in flight finish after a stop, so the end of a campaign says nothing about these.
_IN_CALL: Final = same_word("in_progress")
# From a function that warns in a flow to the line of the user: the flow, the driver's two functions
# and the method of the client.
_TO_THE_USER: Final = 5


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is.

    Attributes:
        pages: Pages that were written to disk.
        contacts: Contacts in them that the table is to have.
    """

    pages: int
    contacts: int


def export(
    campaign_id: str,
    targets: Targets,
    format: ExportFormat | None,
    status: str | None,
    last_error: str | Iterable[str] | None,
    options: Options,
    clock: Clock,
) -> Flow[ExportSummary]:
    """Write every page to disk, after those that are there already, then write the tables."""
    query = page_query(campaign_id, status, last_error)
    writer = yield from RunInThread(lambda: _export_writer(query, targets, format, options.origin))
    try:
        # In here, so that an interruption while it opens closes it too.
        yield from RunInThread(writer.open)
        state = PageState(writer.next_page)
        if state.page:
            logger.info("resuming the export of %s at page %d", query.campaign_id, state.page)

        def progress() -> ExportProgress:
            return ExportProgress(writer.next_page, writer.rows)

        last_page = writer.take_last_page()
        yield from keep_pages(query, state, last_page, writer.add_page, progress, options, clock)
        summary = yield from RunInThread(writer.finish)
    finally:
        writer.close()
    if not summary.rows:
        query.warn_of_unknown_words(_TO_THE_USER)
    return summary


def retry_list(
    campaign_ids: str | Iterable[str],
    status: str,
    last_error: str | Iterable[str] | None,
    options: Options,
    clock: Clock,
) -> Flow[RetryList]:
    """Collect the contacts of a status, each telephone once, as a CSV file at its start."""
    word = _retried(status)
    queries = [page_query(one, word, last_error) for one in _several_ids(campaign_ids)]
    if word != "failed":
        for query in queries:
            campaign = yield from call(operations.get_campaign(query.campaign_id), options, clock)
            if campaign.get("status") not in TERMINAL_STATUSES:
                raise ValueError(
                    f"campaign {query.campaign_id} is {campaign.get('status')}: its {word} "
                    "contacts may still be dialled, and a second list of them would call people "
                    "twice; stop it or wait for its end first"
                )
    collected = yield from RunInThread(_new_collector)
    try:
        for query in queries:

            def keep(_page: int, rows: list[Any], query: PageQuery = query) -> None:
                collected.add(query.wanted(rows))

            yield from keep_pages(query, PageState(0), (), keep, None, options, clock)
        made = yield from RunInThread(collected.finish)
    finally:
        collected.close()
    if not made.rows:
        names = " or ".join(query.campaign_id for query in queries)
        warn_of_unknown_words(f"campaign {names}", word, queries[0].last_errors, _TO_THE_USER)
    return made


def _several_ids(campaign_ids: str | Iterable[str]) -> list[str]:
    """Return the ids of one campaign or several, each once."""
    given: object = campaign_ids
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [_validate.campaign_id(campaign_ids)]  # type: ignore[arg-type]
    if isinstance(given, Mapping | bytes | bytearray):
        raise TypeError(f"campaign_id must be a str or a list of them, not {type(given).__name__}")
    ids = list(dict.fromkeys(_validate.campaign_id(one) for one in given))
    if not ids:
        raise ValueError("campaign_id is an empty list; name at least one campaign")
    return ids


def _retried(status: str) -> str:
    """Return the status whose contacts are to be called again."""
    if not status:
        raise ValueError(
            f"status={status!r} asks for contacts of every status, including those in a call and "
            "those who were reached; name one, like 'failed' or 'cancelled'"
        )
    word = _validate.text("status", status)
    if same_word(word) == _IN_CALL:
        raise ValueError(
            f"contacts that are {word} are in a call, also after a stop: a list of them would call "
            "them twice; wait until they have another status"
        )
    return word


def keep_pages(
    query: PageQuery,
    state: PageState,
    previous_rows: Sequence[Any],
    keep: Callable[[int, list[Any]], None],
    progress: Callable[[], object] | None,
    options: Options,
    clock: Clock,
) -> Flow[None]:
    """Read the pages from ``state.page`` on, and keep each page before the next one is read.

    Args:
        query: Which contacts; all rows of a page are kept.
        state: Where to begin.
        previous_rows: The rows of the page before, if it was read earlier.
        keep: Called with the number of a page and its rows.
        progress: Called after each page; its result is emitted.
        options: How the client sends.
        clock: The client's clock.
    """

    def handle(effect: AnyEffect) -> Flow[Any]:
        if not isinstance(effect, Emit):
            return (yield effect)
        rows = list(effect.items)
        page = state.page - 1
        _check_rows(rows, page)
        yield from RunInThread(lambda: keep(page, rows))
        if progress is not None:
            yield from Emit([progress()])
        return True

    yield from through(every_page(query, options, clock, state, previous_rows), handle)


def _check_rows(rows: list[Any], page: int) -> None:
    """Raise if a row is not a JSON object, which a table needs."""
    if all(isinstance(row, dict) for row in rows):
        return
    error = ResponseFormatError(
        f"page {page} of the contacts holds something that is not a JSON object; iter_contacts "
        "returns it unchanged",
        status_code=200,
    )
    error.page = page
    raise error


def _export_writer(
    query: PageQuery, targets: Targets, format: ExportFormat | None, origin: str
) -> ExportWriter:
    from kataven.contacts.export import ExportWriter  # noqa: PLC0415 - few clients export

    return ExportWriter(
        query.campaign_id, targets, format, query.status, origin, wanted=query.wanted
    )


def _new_collector() -> RetryCollector:
    from kataven.contacts._retry import RetryCollector  # noqa: PLC0415 - few clients retry

    return RetryCollector()
