"""From a campaign to a table, and to a list for the next campaign.

Flows that read every page and pass it to a writer of ``kataven.contacts`` through ``RunInThread``.
They open no file themselves.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

from kataven import _validate
from kataven._flow.call import call
from kataven._flow.effects import Emit, RunInThread, through
from kataven.campaigns import operations
from kataven.campaigns.pages import PageState, every_page, page_query
from kataven.campaigns.progress import TERMINAL_STATUSES
from kataven.errors import ResponseFormatError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import IO

    from kataven._flow.effects import AnyEffect, Flow
    from kataven._flow.options import Options
    from kataven.campaigns.pages import PageQuery
    from kataven.clock import Clock
    from kataven.contacts._retry import RetryList
    from kataven.contacts.export import ExportFormat, ExportWriter

    Target: TypeAlias = str | os.PathLike[str] | IO[bytes] | IO[str]

logger = logging.getLogger("kataven")

# Calls in flight finish after a stop, so the end of a campaign says nothing about these.
_IN_CALL: Final = ("in_progress", "in-progress", "in progress")


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is.

    Attributes:
        pages: Pages that were written to disk.
        contacts: Contacts in them.
    """

    pages: int
    contacts: int


def export(
    campaign_id: str,
    target: Target,
    format: ExportFormat | None,
    status: str | None,
    options: Options,
    clock: Clock,
) -> Flow[None]:
    """Write every page to disk, after those that are there already, then write the table."""
    query, _ = page_query(campaign_id, status)
    writer = yield from RunInThread(lambda: _export_writer(query, target, format, options.origin))
    try:
        # In here, so that an interruption while it opens closes it too.
        yield from RunInThread(writer.open)
        state = PageState(writer.next_page)
        if state.page:
            logger.info("resuming the export of %s at page %d", query.campaign_id, state.page)

        def progress() -> ExportProgress:
            return ExportProgress(writer.next_page, writer.rows)

        pages = every_page(query, options, clock, state, writer.take_last_page())
        yield from _each_page(pages, state, writer.add_page, progress)
        yield from RunInThread(writer.finish)
    finally:
        writer.close()


def retry_list(campaign_id: str, status: str, options: Options, clock: Clock) -> Flow[BinaryIO]:
    """Collect the contacts of a status, each number once, as a CSV file at its start."""
    query, state = page_query(campaign_id, _retried(status))
    if query.status != "failed":
        campaign = yield from call(operations.get_campaign(query.campaign_id), options, clock)
        if campaign.get("status") not in TERMINAL_STATUSES:
            raise ValueError(
                f"campaign {query.campaign_id} is {campaign.get('status')}: its {query.status} "
                "contacts may still be dialled, and a second list of them would call people twice; "
                "stop it or wait for its end first"
            )
    collected = yield from RunInThread(_new_retry_list)
    try:
        pages = every_page(query, options, clock, state)
        yield from _each_page(pages, state, lambda _page, rows: collected.add(rows), None)
        return (yield from RunInThread(collected.finish))
    finally:
        collected.close()


def _retried(status: str) -> str:
    """Return the status whose contacts are to be called again."""
    if not status:
        raise ValueError(
            f"status={status!r} asks for contacts of every status, including those in a call and "
            "those who were reached; name one, like 'failed' or 'cancelled'"
        )
    word = _validate.text("status", status)
    if word.strip().lower() in _IN_CALL:
        raise ValueError(
            f"contacts that are {word} are in a call, also after a stop: a list of them would call "
            "them twice; wait until they have another status"
        )
    return word


def _each_page(
    pages: Flow[None],
    state: PageState,
    keep: Callable[[int, list[Any]], None],
    progress: Callable[[], ExportProgress] | None,
) -> Flow[None]:
    """Run a flow of pages and keep each page before the next one is read."""

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

    yield from through(pages, handle)


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
    query: PageQuery, target: Target, format: ExportFormat | None, origin: str
) -> ExportWriter:
    from kataven.contacts.export import ExportWriter  # noqa: PLC0415 - few clients export

    return ExportWriter(query.campaign_id, target, format, query.status, origin)


def _new_retry_list() -> RetryList:
    from kataven.contacts._retry import RetryList  # noqa: PLC0415 - few clients retry

    return RetryList()
