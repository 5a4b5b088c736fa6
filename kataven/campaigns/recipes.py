"""What takes several operations: a create with its file, and every page of contacts.

Flows, written once for both clients. They do no I/O; files are opened and written through ``Work``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from kataven._core.answers import SHOWN_BODY
from kataven._core.exchange import exchange
from kataven._core.operation import Give, Sleep, Work
from kataven.campaigns import operations
from kataven.errors import (
    APIConnectionError,
    KatavenError,
    ResponseFormatError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kataven._core.exchange import Options
    from kataven._core.operation import Flow
    from kataven.campaigns.operations import CampaignForm
    from kataven.clock import Clock

T = TypeVar("T")

# A list of exactly so many may be the first page of more: nobody knows whether the Hub pages it.
_POSSIBLY_CUT = 100
_IDENTITY = ("name", "agent_id", "phone_number_id")
_SETTINGS = ("max_concurrent_calls", "retries_per_contact", "retry_delay_seconds")
_FIRST_LOOK = 0.5
_LONGEST_LOOK = 2.0


@dataclass(frozen=True, slots=True)
class Creation:
    """How a campaign is to be created.

    Attributes:
        form: Its fields.
        contacts: Its contacts, in any form that is taken.
        check: Whether the contacts are checked row by row first.
        find: Whether a campaign is looked for whose answer was lost.
        find_timeout: For so many seconds.
    """

    form: CampaignForm
    contacts: Any
    check: bool
    find: bool
    find_timeout: float


def creation(
    form: CampaignForm,
    contacts: Any,
    check: bool,  # noqa: FBT001 - checked here for both clients, passed on by position
    on_ambiguous: Literal["raise", "find"],
    find_timeout: float,
) -> Creation:
    """Check how a campaign shall be created.

    Raises:
        TypeError, ValueError: If an option has a wrong type or value.
    """
    if on_ambiguous not in {"raise", "find"}:
        raise ValueError(f"on_ambiguous must be 'raise' or 'find', not {on_ambiguous!r}")
    if not isinstance(find_timeout, int | float) or isinstance(find_timeout, bool):
        raise TypeError(f"find_timeout must be seconds, not {type(find_timeout).__name__}")
    if not find_timeout >= 0:
        raise ValueError(f"find_timeout must be 0 seconds or more, not {find_timeout}")
    return Creation(form, contacts, bool(check), on_ambiguous == "find", find_timeout)


def create(wish: Creation, options: Options, clock: Clock) -> Flow[Any]:
    """Open the contacts, refuse what the Hub would refuse unread, and send the rest once."""
    limit = None if options.deadline is None else clock.now() + options.deadline
    options = replace(options, deadline=None)
    upload = yield Work(lambda: _read(wish))
    before = _Campaigns([])
    if wish.find:
        before = yield from _campaigns(options, clock, limit)
    operation = operations.create_campaign(wish.form, upload.file, upload.filename)
    try:
        return (yield from exchange(operation, options, clock, limit))
    except (APIConnectionError, ServerError, ResponseFormatError) as lost:
        if not wish.find or lost.request_sent is not True:
            raise
        try:
            return (yield from _find(wish, before, lost, options, clock, limit))
        except BaseException as interruption:
            if not isinstance(interruption, Exception):
                interruption.add_note(f"while its campaign was looked for: {lost}")
            raise


def _read(wish: Creation) -> Any:
    # Loaded at the first create: a client that only reads needs none of it.
    from kataven.contacts.source.upload import read_upload  # noqa: PLC0415

    return read_upload(wish.contacts, check=wish.check)


@dataclass(frozen=True, slots=True)
class _Campaigns:
    """A list of campaigns, and what says that it may not be all of them."""

    rows: list[Any]
    cut: str | None = None


def _campaigns(options: Options, clock: Clock, limit: float | None) -> Flow[_Campaigns]:
    answer = yield from exchange(operations.list_campaigns(), options, clock, limit)
    rows = rows_of(answer, "campaigns")
    total = answer.get("total")
    if type(total) is int and total > len(rows):
        return _Campaigns(rows, f"{len(rows)} of {total}")
    if len(rows) == _POSSIBLY_CUT:
        return _Campaigns(rows, f"exactly {_POSSIBLY_CUT}")
    return _Campaigns(rows)


def _find(
    wish: Creation,
    before: _Campaigns,
    lost: APIConnectionError | ServerError | ResponseFormatError,
    options: Options,
    clock: Clock,
    limit: float | None,
) -> Flow[Any]:
    """Look for the campaign whose answer was lost; without it the lost answer's error is raised.

    Another create with the same form at the same time can be taken for it: nothing in a campaign
    tells who made it.
    """
    if before.cut is not None:
        raise _not_found(lost, _cut("before the create", before.cut))
    # A list, for an id may be anything.
    known = [campaign.get("id") for campaign in before.rows if isinstance(campaign, dict)]
    begun = clock.now()
    until = begun + wish.find_timeout
    if limit is not None:
        until = min(until, limit)
    pause = _FIRST_LOOK
    while True:
        try:
            now_there = yield from _campaigns(options, clock, until)
        except KatavenError:
            # The search goes on for its time: a reading that failed says nothing.
            now_there = _Campaigns([])
        if now_there.cut is not None:
            raise _not_found(lost, _cut("after the create", now_there.cut))
        new = [
            campaign
            for campaign in now_there.rows
            if isinstance(campaign, dict)
            and campaign.get("id") not in known
            and _fresh(campaign, wish.form)
        ]
        if len(new) == 1:
            return new[0]
        if new:
            ids = ", ".join(str(campaign.get("id")) for campaign in new)
            raise _not_found(lost, f"Several new campaigns look like it: {ids}.")
        if clock.now() + pause > until:
            searched = max(0.0, clock.now() - begun)
            raise _not_found(
                lost, f"No new campaign that looks like it was seen within {searched:.1f} s."
            )
        yield Sleep(pause)
        pause = min(_LONGEST_LOOK, pause * 2)


def _fresh(campaign: Mapping[str, Any], form: CampaignForm) -> bool:
    """Whether a campaign may be what this form has just made, by all that the Hub shows of it."""
    # One that was started, by whomever, is not handed out to be started.
    if campaign.get("status") not in (None, "draft", "scheduled") or campaign.get("started_at"):
        return False
    if any(campaign.get(key) != getattr(form, key) for key in _IDENTITY):
        return False
    if any(campaign.get(key) not in (None, getattr(form, key)) for key in _SETTINGS):
        return False
    shown = campaign.get("scheduled_at")
    if not shown or form.scheduled_at is None:
        return not shown
    return _may_be_equal(shown, form.scheduled_at)


def _may_be_equal(shown: Any, asked: str) -> bool:
    """Whether two times may be the same; what cannot be read tells nothing."""
    try:
        apart = datetime.fromisoformat(shown) - datetime.fromisoformat(asked)
    except (TypeError, ValueError):
        return True
    # The Hub may keep whole seconds only.
    return abs(apart.total_seconds()) < 1


def _cut(when: str, what: str) -> str:
    return (
        f"The list of campaigns {when} had {what}, so it may be cut, and nothing can be told from "
        "it."
    )


def _not_found(lost: KatavenError, found: str) -> KatavenError:
    lost.args = (f"{lost.message} {found}",)
    return lost


def rows_of(answer: Mapping[str, Any], key: str) -> list[Any]:
    """The rows in an envelope whose keys are not documented.

    Args:
        answer: What the Hub sent.
        key: The key that we assume.

    Returns:
        The value of that key, else of the only key that holds a list. A null in place of a list is
        how a Go server writes an empty one.

    Raises:
        ResponseFormatError: If there is no such list, or several.
    """
    if key in answer:
        value = answer[key]
        if value is None:
            return []
        if isinstance(value, list):
            return value
    lists = [value for value in answer.values() if isinstance(value, list)]
    if len(lists) == 1:
        return lists[0]
    raise ResponseFormatError(
        f"the Hub's answer has no {key!r}, and {len(lists)} of its keys ({', '.join(answer)}) "
        "hold a list: nobody knows which are the rows",
        status_code=200,
        body=repr(answer)[:SHOWN_BODY].encode("utf-8", "replace"),
    )


@dataclass(slots=True)
class PageState:
    """The page that would be read next, counted from 0."""

    page: int


def page_state(campaign_id: str, status: str | None, start_page: int) -> PageState:
    """Where a reading of every page begins; refuses what could not be asked for.

    Raises:
        TypeError, ValueError: If an argument has a wrong type or value.
    """
    operations.list_campaign_contacts(campaign_id, status, start_page)
    if start_page < 0:
        raise ValueError(f"start_page must be 0 or more, not {start_page}")
    return PageState(int(start_page))


def every_page(
    campaign_id: str,
    status: str | None,
    options: Options,
    clock: Clock,
    state: PageState,
    before: Sequence[Any] = (),
) -> Flow[None]:
    """Give the contacts of one page after the other, from ``state.page`` on.

    An empty page ends it, and so does one with the rows of the page before (of the first: the rows
    ``before`` it): a Hub that ignores ``page`` must not make it endless.
    """
    previous = [_identity(row) for row in before]
    while True:
        operation = operations.list_campaign_contacts(campaign_id, status, state.page)
        try:
            answer = yield from exchange(operation, options, clock)
            rows = rows_of(answer, "contacts")
        except KatavenError as error:
            error.page = state.page
            raise
        identities = [_identity(row) for row in rows]
        if not rows or identities == previous:
            return
        previous = identities
        state.page += 1
        yield Give(rows)


def _identity(row: Any) -> Any:
    return row["id"] if isinstance(row, dict) and "id" in row else row
