"""From a campaign back to a table, and to a list for the next one.

Flows that read every page and hand it to a writer of ``contacts/`` through ``Work``; they open no
file themselves.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kataven._core.answers import SHOWN_BODY
from kataven._core.exchange import exchange
from kataven._core.operation import Give, Work
from kataven.campaigns import operations
from kataven.campaigns.progress import TERMINAL_STATUSES
from kataven.campaigns.recipes import PageState, every_page, page_state
from kataven.errors import ResponseFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven._core.exchange import Options
    from kataven._core.operation import Flow
    from kataven.clock import Clock

logger = logging.getLogger("kataven")

# Calls in flight finish when a campaign is stopped, so its being over says nothing of these.
_ON_THE_PHONE = ("in_progress", "in-progress", "in progress")


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is.

    Attributes:
        pages: Pages that lie on disk.
        contacts: Contacts in them.
    """

    pages: int
    contacts: int


def export(
    campaign_id: str,
    target: Any,
    format: Any,
    status: str | None,
    options: Options,
    clock: Clock,
) -> Flow[None]:
    """Read every page to disk, behind those that lie there, then write the table."""
    page_state(campaign_id, status, 0)
    campaign_id = operations.plain(campaign_id)
    status = None if status is None else operations.plain(status)
    origin = options.origin
    writer = yield Work(lambda: _export_writer(campaign_id, target, format, status, origin))
    try:
        state = PageState(writer.next_page)
        if state.page:
            logger.info("the export of %s goes on at page %d", campaign_id, state.page)

        def keep(page: int, rows: list[Any]) -> None:
            writer.add_page(page, rows)

        before = writer.take_last_page()
        pages = every_page(campaign_id, status, options, clock, state, before)
        yield from _each_page(
            pages, state, keep, lambda: ExportProgress(writer.next_page, writer.rows)
        )
        yield Work(writer.finish)
    finally:
        writer.close()


def retry_list(campaign_id: str, status: str, options: Options, clock: Clock) -> Flow[Any]:
    """Gather the contacts of a status, each number once, as a CSV file at its start."""
    state = page_state(campaign_id, status, 0)
    campaign_id, status = operations.plain(campaign_id), _retried(status)
    if status != "failed":
        campaign = yield from exchange(operations.get_campaign(campaign_id), options, clock)
        if campaign.get("status") not in TERMINAL_STATUSES:
            raise ValueError(
                f"campaign {campaign_id} is {campaign.get('status')}: its {status} contacts may "
                "still be dialled, and a second list of them would call people twice; stop it or "
                "wait for its end first"
            )
    gathered = yield Work(_retry_gatherer)
    try:
        pages = every_page(campaign_id, status, options, clock, state)
        yield from _each_page(pages, state, lambda _page, rows: gathered.add(rows), None)
        file = yield Work(gathered.finish)
    finally:
        gathered.close()
    return file


def _retried(status: str | None) -> str:
    """The status whose contacts shall be called again."""
    if not status:
        raise ValueError(
            f"status={status!r} asks for contacts of every status, also for those who are on the "
            "phone or were reached; name one, like 'failed' or 'cancelled'"
        )
    if operations.plain(status).strip().lower() in _ON_THE_PHONE:
        raise ValueError(
            f"contacts that are {operations.plain(status)} are on the phone, behind a stop too: a "
            "list of them would call them twice; wait until they have another status"
        )
    return operations.plain(status)


def _each_page(
    pages: Flow[None],
    state: PageState,
    keep: Callable[[int, list[Any]], None],
    progress: Callable[[], ExportProgress] | None,
) -> Flow[None]:
    """Run a flow of pages, keeping each through ``Work`` before the next is read."""
    outcome: Any = None
    raised: BaseException | None = None
    try:
        while True:
            try:
                effect = pages.send(outcome) if raised is None else pages.throw(raised)
            except StopIteration:
                return
            outcome, raised = None, None
            if isinstance(effect, Give):
                page, rows = state.page - 1, _contacts(list(effect.items), state.page - 1)
                yield Work(lambda page=page, rows=rows: keep(page, rows))  # type: ignore[misc]
                if progress is not None:
                    yield Give([progress()])
                continue
            try:
                outcome = yield effect
            except BaseException as error:  # noqa: BLE001 - the inner flow may know what to do
                raised = error
    finally:
        pages.close()


def _contacts(rows: list[Any], page: int) -> list[Any]:
    """The rows of a page, which must be objects to become rows of a table."""
    if all(isinstance(row, dict) for row in rows):
        return rows
    error = ResponseFormatError(
        f"page {page} of the contacts holds something that is no JSON object; iter_contacts gives "
        "it as it is",
        status_code=200,
        body=repr(rows)[:SHOWN_BODY].encode("utf-8", "replace"),
    )
    error.page = page
    raise error


def _export_writer(
    campaign_id: str, target: Any, format: Any, status: str | None, origin: str
) -> Any:
    from kataven.contacts.export import ExportWriter  # noqa: PLC0415 - few clients export

    return ExportWriter(campaign_id, target, format, status, origin)


def _retry_gatherer() -> Any:
    from kataven.contacts._retry import RetryList  # noqa: PLC0415 - few clients retry

    return RetryList()
