"""Creating a campaign: reading the list, sending it once, finding it again if the response is lost.

A flow for both clients. It does no I/O; the list is read through ``RunInThread``.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeGuard

from kataven import _validate
from kataven._flow.call import call
from kataven._flow.effects import RunInThread, Sleep
from kataven.campaigns import operations
from kataven.campaigns.listing import Listing, listing
from kataven.errors import (
    APIConnectionError,
    BadRequestError,
    KatavenError,
    ResponseFormatError,
    ServerError,
)

if TYPE_CHECKING:
    from kataven._flow.effects import Flow
    from kataven._flow.options import Options
    from kataven.campaigns.operations import CampaignForm
    from kataven.clock import Clock
    from kataven.contacts import ContactsSource, Progress
    from kataven.contacts.source.upload import Upload
    from kataven.types import Campaign

_IDENTITY: Final = ("name", "agent_id", "phone_number_id")
_SETTINGS: Final = ("max_concurrent_calls", "retries_per_contact", "retry_delay_seconds")
_FIRST_POLL: Final = 0.5
_LONGEST_POLL: Final = 2.0


@dataclass(frozen=True, slots=True)
class Creation:
    """How a campaign is to be created; the options are checked.

    Attributes:
        form: The fields of the form.
        contacts: The contacts, in any supported form.
        check: Whether the contacts are checked row by row first, duplicates included.
        allow_duplicates: Whether duplicates pass that check.
        on_ambiguous: ``find`` to look for the campaign if the response is lost.
        find_timeout: For how many seconds.
        on_progress: Called while the contacts are read, or None.

    Raises:
        TypeError, ValueError: If an option has the wrong type or value.
    """

    form: CampaignForm
    contacts: ContactsSource
    check: bool
    allow_duplicates: bool
    on_ambiguous: Literal["raise", "find"]
    find_timeout: float
    on_progress: Progress | None = None

    def __post_init__(self) -> None:
        _validate.function("on_progress", self.on_progress, "the bytes read so far and their total")
        if inspect.iscoroutinefunction(self.on_progress):
            raise TypeError(
                "on_progress must be a plain function: it is called in the thread that reads the "
                "contacts"
            )
        _validate.choice("on_ambiguous", self.on_ambiguous, ("raise", "find"))
        _validate.seconds("find_timeout", self.find_timeout, zero=True)

    def read(self) -> Upload:
        """Read the contacts; a function for ``RunInThread``."""
        # Loaded at the first create: a client that only reads does not need it.
        from kataven.contacts.source.upload import read_upload  # noqa: PLC0415

        return read_upload(
            self.contacts,
            check=self.check,
            allow_duplicates=self.allow_duplicates,
            on_progress=self.on_progress,
        )


def create(creation: Creation, options: Options, clock: Clock) -> Flow[Campaign]:
    """Read the contacts, refuse what the Hub would refuse unread, and send the rest once."""
    deadline = None if options.deadline is None else clock.now() + options.deadline
    options = replace(options, deadline=None)
    upload = yield from RunInThread(creation.read)
    find = creation.on_ambiguous == "find"
    before = Listing([])
    if find:
        before = yield from listing(options, clock, deadline)
    operation = operations.create_campaign(creation.form, upload.file, upload.filename)
    try:
        return (yield from call(operation, options, clock, deadline))
    except BadRequestError as refused:
        if not creation.check:
            _advise_check(refused)
        raise
    except (APIConnectionError, ServerError, ResponseFormatError) as lost:
        if not find or lost.request_sent is not True:
            raise
        try:
            return (yield from _find(creation, before, lost, options, clock, deadline))
        except BaseException as interruption:
            if not isinstance(interruption, Exception):
                interruption.add_note(f"interrupted while looking for the campaign after: {lost}")
            raise


def _advise_check(refused: BadRequestError) -> None:
    """Add what to do to the Hub's words, which need not end like a sentence."""
    words = refused.message
    end = "" if words.endswith((".", "!", "?")) else "."
    advice = "If it is about the contacts, run kataven.contacts.check (and clean) to see every row."
    refused.args = (f"{words}{end} {advice}",)


def _is_object(row: Any) -> TypeGuard[Campaign]:
    return isinstance(row, dict)


def _find(
    creation: Creation,
    before: Listing,
    lost: APIConnectionError | ServerError | ResponseFormatError,
    options: Options,
    clock: Clock,
    deadline: float | None,
) -> Flow[Campaign]:
    """Look for the campaign whose response was lost; raise the original error without it.

    Another create with the same form at the same time can be mistaken for it: a campaign does not
    say who created it.
    """
    if before.incomplete is not None:
        raise _not_found(lost, _incomplete("before the create", before.incomplete))
    # A list and not a set, because an id may be any JSON value.
    known = [campaign.get("id") for campaign in filter(_is_object, before.rows)]
    begun = clock.now()
    until = begun + creation.find_timeout
    if deadline is not None:
        until = min(until, deadline)
    pause = _FIRST_POLL
    while True:
        try:
            present = yield from listing(options, clock, until)
        except KatavenError:
            # A request that failed says nothing; keep looking until the time is up.
            present = Listing([])
        if present.incomplete is not None:
            raise _not_found(lost, _incomplete("after the create", present.incomplete))
        new = [
            campaign
            for campaign in present.rows
            if _is_object(campaign)
            and campaign.get("id") not in known
            and _matches(campaign, creation.form)
        ]
        if len(new) == 1:
            return new[0]
        if new:
            ids = ", ".join(str(campaign.get("id")) for campaign in new)
            raise _not_found(lost, f"Several new campaigns look like it: {ids}.")
        if clock.now() + pause > until:
            searched = max(0.0, clock.now() - begun)
            raise _not_found(lost, f"No new campaign like it appeared within {searched:.1f} s.")
        yield from Sleep(pause)
        pause = min(_LONGEST_POLL, pause * 2)


def _matches(campaign: Campaign, form: CampaignForm) -> bool:
    """Return whether this form may just have made the campaign, by all that the Hub shows of it."""
    # A campaign that was started already must not be returned to be started.
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


def _may_be_equal(shown: Any, requested: str) -> bool:
    """Return whether two times may be the same; a time that cannot be parsed proves nothing."""
    try:
        difference = datetime.fromisoformat(shown) - datetime.fromisoformat(requested)
    except (TypeError, ValueError):
        return True
    # The Hub may keep whole seconds only.
    return abs(difference.total_seconds()) < 1


def _incomplete(when: str, shown: str) -> str:
    return (
        f"The list of campaigns {when} had {shown}, so it may be incomplete, and the search is "
        "inconclusive."
    )


def _not_found(lost: KatavenError, found: str) -> KatavenError:
    lost.args = (f"{lost.message} {found}",)
    return lost
