"""Following a campaign until it is over: watch, wait and run.

Flows, written once for both clients. They tell the truth about the end: it is certain with the end
marker, with a snapshot of a terminal status, or when ``get`` says so behind a clean close. Where no
stream can be had they poll.
"""

from __future__ import annotations

import inspect
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kataven._core.exchange import exchange
from kataven._core.operation import Give, Sleep, check_seconds
from kataven.campaigns import operations
from kataven.campaigns.progress import LIVE_STATUSES, CampaignProgress, ProgressMeter
from kataven.campaigns.recipes import create
from kataven.errors import (
    APIStatusError,
    APITimeoutError,
    CampaignRunError,
    ResponseFormatError,
    StreamError,
    WaitTimeoutError,
)
from kataven.events.feed import StreamSettings, StreamState, follow
from kataven.events.marks import is_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kataven._core.exchange import Options
    from kataven._core.operation import Flow
    from kataven.campaigns.recipes import Creation
    from kataven.clock import Clock
    from kataven.events.marks import EventItem

logger = logging.getLogger("kataven")

# Answers that say "no stream here" rather than "not you" or "not now".
_NO_STREAM: Final = frozenset({404, 405, 406, 501})
# How often a stream is tried again between polls.
_STREAM_AGAIN: Final = 300.0
# A stream that is closed again and again before its time is opened with growing pauses.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_LASTING_STREAM: Final = 60.0
# After the end marker the campaign may need a moment until `get` shows it.
_SETTLING_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How a campaign is followed where no stream can be had.

    Attributes:
        poll_fallback: Whether ``get`` is asked instead.
        poll_interval: Seconds between two of these.
    """

    poll_fallback: bool = True
    poll_interval: float = 10.0


@dataclass(slots=True)
class _Seen:
    """What a stream has brought.

    Attributes:
        item: Whether the last piece brought any item, a heartbeat too.
        marker: Whether the end marker came.
        terminal: Whether the campaign is over by the last snapshot.
    """

    item: bool = False
    marker: bool = False
    terminal: bool = False


class Watching:
    """One campaign being followed.

    Args:
        campaign_id: The campaign.
        settings: How.
        options: How the client sends.
        clock: Where now and jitter come from.
        limit: A moment that nothing may pass, in seconds since the epoch, or None.
    """

    def __init__(
        self,
        campaign_id: str,
        settings: WatchSettings,
        options: Options,
        clock: Clock,
        limit: float | None = None,
    ) -> None:
        self._id = campaign_id
        self._settings = settings
        self._options = options
        self._clock = clock
        self._limit = limit
        self.meter = ProgressMeter()
        # Whether the client's own deadline for one call, not the limit, was the nearer one.
        self._call_deadline_first = False
        # Refuses a bad id here, before anything is asked for.
        self._stream = operations.stream_campaign_events(campaign_id)

    def flow(self) -> Flow[Any]:
        """Give progress until the end is certain.

        Returns:
            The campaign, where it was asked for at the end, else None.
        """
        pause = _FIRST_PAUSE
        while True:
            begun = self._clock.now()
            try:
                over, campaign = yield from self._by_stream()
            except (APIStatusError, ResponseFormatError, StreamError) as error:
                if isinstance(error, APIStatusError) and error.status_code not in _NO_STREAM:
                    raise
                if not self._settings.poll_fallback:
                    raise
                logger.info("no event stream (%s); polling instead", error)
                over, campaign = yield from self._by_polling()
            if over:
                return campaign
            lasted = self._clock.now() - begun
            pause = _FIRST_PAUSE if lasted > _LASTING_STREAM else min(_LONGEST_PAUSE, pause * 2)
            yield from self._sleep(pause)

    def _by_stream(self) -> Flow[tuple[bool, Any]]:
        """Follow the stream to its end; returns whether the campaign is over, and the campaign."""
        stream = follow(
            self._stream,
            StreamSettings(),
            self._options,
            self._clock,
            StreamState(),
            self._limit,
        )
        seen = _Seen()
        outcome: Any = None
        raised: Exception | None = None
        try:
            while not (seen.marker or seen.terminal):
                try:
                    effect = stream.send(outcome) if raised is None else stream.throw(raised)
                except StopIteration:
                    break
                raised = None
                if not isinstance(effect, Give):
                    outcome = yield effect
                    continue
                seen.item = False
                try:
                    yield Give(self._progress(effect.items, seen))
                except Exception as error:  # noqa: BLE001 - the stream knows what its items raise
                    raised = error
                outcome = seen.item
        finally:
            stream.close()
        if seen.terminal:
            return True, None
        return (yield from self._look(marked=seen.marker))

    def _progress(self, items: Iterable[EventItem], seen: _Seen) -> Iterator[CampaignProgress]:
        """The progress in a stream's items, up to a terminal one."""
        for item in items:
            seen.item = True
            if isinstance(item, dict):
                progress = self._take(item)
                seen.terminal = progress.terminal
                yield progress
                if seen.terminal:
                    return
            elif is_end(item):
                seen.marker = True

    def _look(self, *, marked: bool) -> Flow[tuple[bool, Any]]:
        """Ask how the campaign stands behind a stream that ended without a terminal snapshot."""
        looks = _SETTLING_LOOKS if marked else 1
        for look in range(looks):
            if look:
                yield from self._sleep(_FIRST_PAUSE)
            campaign = yield from self._get()
            progress = self._take(campaign)
            # A word that we do not know behind an end marker is the end, whatever it means.
            if progress.terminal or (marked and progress.status not in LIVE_STATUSES):
                yield Give([progress])
                return True, campaign
        return False, None

    def _by_polling(self) -> Flow[tuple[bool, Any]]:
        """Ask with ``get`` until the campaign is over or a stream is worth another try."""
        until = self._clock.now() + _STREAM_AGAIN
        while True:
            campaign = yield from self._get()
            progress = self._take(campaign)
            yield Give([progress])
            if progress.terminal:
                return True, campaign
            if self._clock.now() >= until:
                return False, None
            yield from self._sleep(self._settings.poll_interval)

    def final(self) -> Flow[Any]:
        """The campaign behind a terminal snapshot, which `get` may show a moment later."""
        for _ in range(_SETTLING_LOOKS - 1):
            campaign = yield from self._get()
            status = campaign.get("status")
            if not isinstance(status, str) or status not in LIVE_STATUSES:
                return campaign
            yield from self._sleep(_FIRST_PAUSE)
        return (yield from self._get())

    def out_of_time(self, error: APITimeoutError) -> bool:
        """Whether a timeout is the limit's, and no other one's."""
        if self._limit is None:
            return False
        # A socket's timeout may end a hair before the clock says so.
        if self._clock.now() >= self._limit - 0.001:
            return True
        return error.deadline_passed and not self._call_deadline_first

    def _get(self) -> Flow[Any]:
        operation = operations.get_campaign(self._id)
        deadline = self._options.deadline
        self._call_deadline_first = (
            self._limit is not None
            and deadline is not None
            and self._clock.now() + deadline < self._limit
        )
        campaign = yield from exchange(operation, self._options, self._clock, self._limit)
        self._call_deadline_first = False
        return campaign

    def _take(self, snapshot: dict[str, Any]) -> CampaignProgress:
        return self.meter.take(snapshot, self._clock.now())

    def _sleep(self, seconds: float) -> Flow[None]:
        if self._limit is not None:
            left = self._limit - self._clock.now()
            if left <= 0:
                error = APITimeoutError(f"the time for following {self._id} is over")
                error.deadline_passed = True
                raise error
            seconds = min(seconds, left)
        yield Sleep(seconds)


def watch_settings(poll_fallback: bool, poll_interval: float) -> WatchSettings:  # noqa: FBT001
    """Check how a campaign shall be followed.

    Raises:
        TypeError, ValueError: If an option has a wrong type or is out of its bounds.
    """
    check_seconds("poll_interval", poll_interval)
    return WatchSettings(bool(poll_fallback), poll_interval)


def check_wait(campaign_id: str, timeout: float | None) -> None:
    """Refuse what cannot be waited for, before anything is sent.

    Raises:
        TypeError, ValueError: If an argument has a wrong type or value.
    """
    operations.get_campaign(campaign_id)
    if timeout is not None:
        check_seconds("timeout", timeout, zero=True)


def wait(campaign_id: str, timeout: float | None, options: Options, clock: Clock) -> Flow[Any]:
    """Give progress until the campaign is over; returns the final campaign.

    Raises:
        WaitTimeoutError: It was not over in time.
    """
    limit = None if timeout is None else clock.now() + timeout
    watching = Watching(campaign_id, WatchSettings(), options, clock, limit)
    try:
        campaign = yield from watching.flow()
        if campaign is None:
            campaign = yield from watching.final()
    except APITimeoutError as error:
        if timeout is None or not watching.out_of_time(error):
            raise
        last = watching.meter.last
        if last is not None and last.terminal:
            text = f"is over ({last.status}), but get did not answer within the {timeout:g} s"
        else:
            shown = "nothing was seen of it" if last is None else f"it is {last.status}"
            text = f"was not over within {timeout:g} s ({shown}); it goes on"
        raise WaitTimeoutError(
            f"campaign {campaign_id} {text}",
            campaign_id=campaign_id,
            progress=last,
        ) from error
    return campaign


@dataclass(slots=True)
class RunState:
    """The campaign that a run has made, as soon as it has."""

    campaign_id: str | None = None


def run(
    wish: Creation, timeout: float | None, options: Options, clock: Clock, state: RunState
) -> Flow[Any]:
    """Create, start and follow a campaign; returns the final campaign.

    Raises:
        CampaignRunError: Something failed after the campaign was made.
    """
    campaign = yield from create(wish, options, clock)
    campaign_id = campaign.get("id")
    if not isinstance(campaign_id, str) or campaign_id in {"", ".", ".."}:
        raise ResponseFormatError(
            "the Hub accepted the request, but its answer names no id, so the campaign cannot be "
            "started; find it with client.campaigns.list()",
            status_code=201,
            body=repr(sorted(map(str, campaign))).encode("utf-8", "replace"),
            request_sent=True,
        )
    state.campaign_id = campaign_id
    step = "start"
    try:
        # Starting a scheduled campaign would dial at once.
        if wish.form.scheduled_at is None:
            yield from exchange(operations.start_campaign(campaign_id), options, clock)
        step = "watch"
        return (yield from wait(campaign_id, timeout, options, clock))
    except Exception as error:
        raise CampaignRunError(
            f"campaign {campaign_id} was made, but to {step} it failed: {error}",
            campaign_id=campaign_id,
            step="start" if step == "start" else "watch",
            request_sent=getattr(error, "request_sent", None),
        ) from error


def say_what_runs(interruption: BaseException, state: RunState) -> None:
    """Leave word of a campaign that goes on behind an interruption or a caller's own error."""
    campaign_id = state.campaign_id
    if campaign_id is None or isinstance(interruption, CampaignRunError):
        return
    text = f"campaign {campaign_id} was made and may be dialling; nothing was undone"
    # Ctrl-C under asyncio.run reaches the caller as a new KeyboardInterrupt, without the note.
    logger.warning("%s", text)
    # An error of the caller's own may refuse to carry anything.
    with suppress(AttributeError, TypeError):
        interruption.campaign_id = campaign_id  # type: ignore[attr-defined]
        interruption.add_note(text)


def check_progress_function(function: object, *, awaited: bool) -> None:
    """Refuse what cannot be called with progress, before anything is sent.

    Raises:
        TypeError: It is no function, or a coroutine function that nobody would await.
    """
    if function is None:
        return
    if not callable(function):
        raise TypeError(f"on_progress must be a function, not {type(function).__name__}")
    if not awaited and inspect.iscoroutinefunction(function):
        raise TypeError(
            "on_progress must be a plain function here: a coroutine function is for the async "
            "client"
        )
