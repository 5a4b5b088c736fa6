"""Following a campaign to its end: watch and wait.

Flows for both clients. The end is certain with the end marker, with a snapshot of a terminal
status, or when ``get`` shows a terminal status after a clean close. Where there is no event stream
they poll. ``progress.py`` has the terminal statuses.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kataven import _validate
from kataven._flow.attempts import CLOCK_STEP
from kataven._flow.call import call
from kataven._flow.effects import Emit, Sleep, StopFlow, through
from kataven._flow.stream import StreamSettings, StreamState, follow
from kataven.campaigns import operations
from kataven.campaigns.progress import LIVE_STATUSES, CampaignProgress, ProgressMeter
from kataven.errors import (
    APIStatusError,
    APITimeoutError,
    ResponseFormatError,
    StreamError,
    WaitTimeoutError,
)
from kataven.events.items import is_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kataven._flow.effects import AnyEffect, Flow
    from kataven._flow.options import Options
    from kataven.clock import Clock
    from kataven.types import Campaign

logger = logging.getLogger("kataven")

# Statuses that mean "no stream here" rather than "not you" or "not now".
_NO_STREAM: Final = frozenset({404, 405, 406, 501})
# How often a stream is tried again while polling.
_STREAM_RETRY: Final = 300.0
# A stream that closes early again and again is reopened with growing pauses. Those after a stream
# that breaks are in _flow/stream.py.
_FIRST_REOPEN_PAUSE: Final = 1.0
_LONGEST_REOPEN_PAUSE: Final = 30.0
_LASTING_STREAM: Final = 60.0
# After the end marker it may take a moment until `get` shows the end.
_SETTLING_POLLS: Final = 4


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How a campaign is followed where there is no event stream.

    Attributes:
        poll_fallback: Whether to poll with ``get`` instead.
        poll_interval: Seconds between two polls.
    """

    poll_fallback: bool = True
    poll_interval: float = 10.0


def watch_settings(poll_fallback: bool, poll_interval: float) -> WatchSettings:  # noqa: FBT001
    """Check how a campaign is to be followed.

    Raises:
        TypeError, ValueError: If an option has the wrong type or is out of range.
    """
    _validate.seconds("poll_interval", poll_interval)
    return WatchSettings(bool(poll_fallback), poll_interval)


@dataclass(slots=True)
class _Seen:
    """What a stream has brought.

    Attributes:
        item: Whether the last chunk brought an item, a heartbeat included.
        marker: Whether the end marker came.
        terminal: Whether the last snapshot had a terminal status.
    """

    item: bool = False
    marker: bool = False
    terminal: bool = False


class Watching:
    """One campaign that is being followed.

    Args:
        campaign_id: The campaign's id, checked.
        settings: How.
        options: How the client sends.
        clock: Where now and jitter come from.
        deadline: A moment that nothing may pass, in seconds since the epoch, or None.
    """

    def __init__(
        self,
        campaign_id: str,
        settings: WatchSettings,
        options: Options,
        clock: Clock,
        deadline: float | None = None,
    ) -> None:
        self._id = campaign_id
        self._settings = settings
        self._options = options
        self._clock = clock
        self._deadline = deadline
        self.meter = ProgressMeter()
        # Whether the client's own deadline for one call was nearer than the deadline above.
        self._call_deadline_first = False

    def flow(self) -> Flow[Campaign | None]:
        """Emit progress until the end is certain.

        Returns:
            The campaign, if it was requested at the end, else None.
        """
        pause = _FIRST_REOPEN_PAUSE
        while True:
            begun = self._clock.now()
            try:
                finished, campaign = yield from self._by_stream()
            except (APIStatusError, ResponseFormatError, StreamError) as error:
                if isinstance(error, APIStatusError) and error.status_code not in _NO_STREAM:
                    raise
                if not self._settings.poll_fallback:
                    raise
                logger.info("no event stream (%s); polling instead", error)
                finished, campaign = yield from self._by_polling()
            if finished:
                return campaign
            lasted = self._clock.now() - begun
            pause = min(_LONGEST_REOPEN_PAUSE, pause * 2)
            if lasted > _LASTING_STREAM:
                pause = _FIRST_REOPEN_PAUSE
            yield from self._sleep(pause)

    def _by_stream(self) -> Flow[tuple[bool, Campaign | None]]:
        """Follow the stream; return whether the campaign has finished, and it if known."""
        seen = _Seen()

        def handle(effect: AnyEffect) -> Flow[Any]:
            if not isinstance(effect, Emit):
                return (yield effect)
            seen.item = False
            yield from Emit(self._progress(effect.items, seen))
            if seen.marker or seen.terminal:
                raise StopFlow
            return seen.item

        stream = follow(
            operations.stream_campaign_events(self._id),
            StreamSettings(),
            self._options,
            self._clock,
            StreamState(),
            self._deadline,
        )
        try:
            yield from through(stream, handle)
        except StopFlow:
            if seen.terminal:
                return True, None
        return (yield from self._poll_after_stream(marked=seen.marker))

    def _progress(self, items: Iterable[object], seen: _Seen) -> Iterator[CampaignProgress]:
        """Return the progress in a stream's items, up to a terminal one."""
        for item in items:
            seen.item = True
            if isinstance(item, dict):
                progress = self._take(item)
                seen.terminal = progress.terminal
                yield progress
                if seen.terminal:
                    return
            elif isinstance(item, str) and is_end(item):
                seen.marker = True

    def _poll_after_stream(self, *, marked: bool) -> Flow[tuple[bool, Campaign | None]]:
        """Request the campaign after a stream that ended without a terminal snapshot."""
        for poll in range(_SETTLING_POLLS if marked else 1):
            if poll:
                yield from self._sleep(_FIRST_REOPEN_PAUSE)
            campaign = yield from self._get()
            progress = self._take(campaign)
            # After an end marker, a status that we do not know is an end too.
            if progress.terminal or (marked and progress.status not in LIVE_STATUSES):
                yield from Emit([progress])
                return True, campaign
        return False, None

    def _by_polling(self) -> Flow[tuple[bool, Campaign | None]]:
        """Poll until the campaign has finished, or until a stream is tried again."""
        until = self._clock.now() + _STREAM_RETRY
        while True:
            campaign = yield from self._get()
            progress = self._take(campaign)
            yield from Emit([progress])
            if progress.terminal:
                return True, campaign
            if self._clock.now() >= until:
                return False, None
            yield from self._sleep(self._settings.poll_interval)

    def final(self) -> Flow[Campaign]:
        """Request the campaign after a terminal snapshot, which ``get`` may show a moment later."""
        for _ in range(_SETTLING_POLLS - 1):
            campaign = yield from self._get()
            status = campaign.get("status")
            if not isinstance(status, str) or status not in LIVE_STATUSES:
                return campaign
            yield from self._sleep(_FIRST_REOPEN_PAUSE)
        return (yield from self._get())

    def out_of_time(self, error: APITimeoutError) -> bool:
        """Return whether a timeout was that of the deadline, and not another one."""
        if self._deadline is None:
            return False
        if self._clock.now() >= self._deadline - CLOCK_STEP:
            return True
        return error.deadline_passed and not self._call_deadline_first

    def _get(self) -> Flow[Campaign]:
        seconds = self._options.deadline
        self._call_deadline_first = (
            self._deadline is not None
            and seconds is not None
            and self._clock.now() + seconds < self._deadline
        )
        operation = operations.get_campaign(self._id)
        campaign = yield from call(operation, self._options, self._clock, self._deadline)
        self._call_deadline_first = False
        return campaign

    def _take(self, snapshot: Mapping[str, Any]) -> CampaignProgress:
        return self.meter.take(snapshot, self._clock.now())

    def _sleep(self, seconds: float) -> Flow[None]:
        if self._deadline is not None:
            left = self._deadline - self._clock.now()
            if left <= 0:
                error = APITimeoutError(f"the time limit for following {self._id} expired")
                error.deadline_passed = True
                raise error
            seconds = min(seconds, left)
        yield from Sleep(seconds)


def watch(
    campaign_id: str, settings: WatchSettings, options: Options, clock: Clock
) -> Flow[Campaign | None]:
    """Emit progress until the campaign has certainly finished."""
    return Watching(campaign_id, settings, options, clock).flow()


def wait(campaign_id: str, timeout: float | None, options: Options, clock: Clock) -> Flow[Campaign]:
    """Emit progress until the campaign has finished; return the final campaign.

    Raises:
        WaitTimeoutError: It did not finish before the timeout expired.
    """
    deadline = None if timeout is None else clock.now() + timeout
    watching = Watching(campaign_id, WatchSettings(), options, clock, deadline)
    try:
        campaign = yield from watching.flow()
        if campaign is None:
            campaign = yield from watching.final()
    except APITimeoutError as error:
        if timeout is None or not watching.out_of_time(error):
            raise
        last = watching.meter.last
        if last is not None and last.terminal:
            text = f"has finished ({last.status}), but get did not respond within {timeout:g} s"
        else:
            shown = "no progress was seen" if last is None else f"it is {last.status}"
            text = f"did not finish within {timeout:g} s ({shown}); it continues"
        raise WaitTimeoutError(
            f"campaign {campaign_id} {text}",
            campaign_id=campaign_id,
            progress=last,
        ) from error
    return campaign
