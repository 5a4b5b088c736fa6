"""Following a campaign to its end: watch, and what wait.py builds on.

A flow for both clients. The end is certain with the end marker, with a snapshot of a terminal
status, or when ``get`` shows a terminal status after a clean close. Where there is no event stream,
or none with snapshots, it polls. ``progress.py`` has the terminal statuses.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kataven import _validate
from kataven._flow.attempts import CLOCK_STEP
from kataven._flow.call import call
from kataven._flow.effects import Emit, OpenStream, ReadStream, Sleep, StopFlow, through
from kataven._flow.responses import one_line
from kataven._flow.stream import StreamSettings, StreamState, follow
from kataven.campaigns import operations
from kataven.campaigns.progress import LIVE_STATUSES, CampaignProgress, ProgressMeter
from kataven.errors import (
    APIStatusError,
    APITimeoutError,
    ResponseFormatError,
    StreamError,
)
from kataven.events.items import NamedFrame, is_end, is_heartbeat

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
# Our choice: the name of a frame that may be a snapshot. Documented are frames without a name.
_SNAPSHOT_NAMES: Final = frozenset({"message", "snapshot"})
# A running campaign sends a snapshot every 2 s (documented), so a connection that brings other
# items but no snapshot for so long does not show how far it is.
_SNAPSHOT_PATIENCE: Final = 5.0
# A server may invent names without end; so many are logged.
_LOGGED_NAMES: Final = 20
_KEPT_NAME: Final = 80


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
        opened: When the present connection was opened.
        item: Whether the last chunk brought an item, a heartbeat included.
        snapshot: Whether the present connection brought a snapshot.
        other: The name of the first frame of the present connection that is neither a snapshot
            nor the marker, ``""`` for data that is not an object, or None.
        marker: Whether the end marker came.
        terminal: Whether the last snapshot had a terminal status.
    """

    opened: float = 0.0
    item: bool = False
    snapshot: bool = False
    other: str | None = None
    marker: bool = False
    terminal: bool = False

    @property
    def only_others(self) -> bool:
        """Whether this is a stream, but not one of progress."""
        return self.other is not None and not self.snapshot


class Watching:
    """One campaign that is being followed.

    Args:
        campaign_id: The campaign's id, checked.
        settings: How.
        options: How the client sends.
        clock: Where now and jitter come from.
        deadline: A moment that nothing may pass, in seconds since the epoch, or None.
        started: Whether the campaign was just started, so that a draft is only an old state.
    """

    def __init__(
        self,
        campaign_id: str,
        settings: WatchSettings,
        options: Options,
        clock: Clock,
        deadline: float | None = None,
        *,
        started: bool = False,
    ) -> None:
        self._id = campaign_id
        self._settings = settings
        self._options = options
        self._clock = clock
        self._deadline = deadline
        self.meter = ProgressMeter()
        # Whether the client's own deadline for one call was nearer than the deadline above.
        self._call_deadline_first = False
        self._started = started
        self._warned_of_draft = False
        # The names of frames that were logged.
        self._logged: set[str] = set()

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
            yield from self.sleep(pause)

    def _by_stream(self) -> Flow[tuple[bool, Campaign | None]]:
        """Follow the stream; return whether the campaign has finished, and it if known."""
        seen = _Seen()

        def handle(effect: AnyEffect) -> Flow[Any]:
            if isinstance(effect, ReadStream):
                return (yield effect)
            if not isinstance(effect, Emit):
                # The connection has ended, or there was none yet.
                if seen.only_others:
                    raise StopFlow
                outcome = yield effect
                if isinstance(effect, OpenStream):
                    seen.opened, seen.snapshot, seen.other = self._clock.now(), False, None
                return outcome
            seen.item = False
            yield from Emit(self._progress(effect.items, seen))
            if seen.marker or seen.terminal or self._is_useless(seen):
                raise StopFlow
            return seen.item

        stream = follow(
            operations.stream_campaign_events(self._id),
            StreamSettings(names=True),
            self._options,
            self._clock,
            StreamState(),
            self._deadline,
        )
        with suppress(StopFlow):
            yield from through(stream, handle)
        if seen.terminal:
            return True, None
        if seen.only_others and not seen.marker:
            raise StreamError(
                f"the event stream of campaign {self._id} brought no snapshot, only "
                f"{_described(seen.other)}"
            )
        return (yield from self._poll_after_stream(marked=seen.marker))

    def _is_useless(self, seen: _Seen) -> bool:
        """Return whether an open stream brings items, but for too long no snapshot.

        Heartbeats alone may mean that the campaign has nothing to report, as a draft. One look with
        ``get`` shows that; after it they are enough.
        """
        if seen.snapshot or self._clock.now() - seen.opened < _SNAPSHOT_PATIENCE:
            return False
        return seen.only_others or self.meter.last is None

    def _progress(self, items: Iterable[object], seen: _Seen) -> Iterator[CampaignProgress]:
        """Return the progress in a stream's items, up to a terminal one."""
        for item in items:
            seen.item = True
            name = ""
            if isinstance(item, NamedFrame):
                name, item = item.name[:_KEPT_NAME], item.data  # noqa: PLW2901
            if isinstance(item, dict) and (not name or name in _SNAPSHOT_NAMES):
                seen.snapshot = True
                progress = self._take(item)
                seen.terminal = progress.terminal
                yield progress
                if seen.terminal:
                    return
            elif isinstance(item, str) and is_end(item):
                seen.marker = True
            elif not (isinstance(item, str) and is_heartbeat(item)):
                self._ignore(name, seen)

    def _ignore(self, name: str, seen: _Seen) -> None:
        """Log a frame that is not a snapshot, once per name."""
        if seen.other is None:
            seen.other = name
        if name in self._logged or len(self._logged) == _LOGGED_NAMES:
            return
        self._logged.add(name)
        logger.warning(
            "the event stream of campaign %s brought %s, which is ignored: it is not a snapshot",
            self._id,
            _described(name),
        )

    def _poll_after_stream(self, *, marked: bool) -> Flow[tuple[bool, Campaign | None]]:
        """Request the campaign after a stream that ended without a terminal snapshot."""
        for poll in range(_SETTLING_POLLS if marked else 1):
            if poll:
                yield from self.sleep(_FIRST_REOPEN_PAUSE)
            campaign = yield from self.get()
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
            campaign = yield from self.get()
            progress = self._take(campaign)
            yield from Emit([progress])
            if progress.terminal:
                return True, campaign
            if self._clock.now() >= until:
                return False, None
            yield from self.sleep(self._settings.poll_interval)

    def out_of_time(self, error: APITimeoutError) -> bool:
        """Return whether a timeout was that of the deadline, and not another one."""
        if self._deadline is None:
            return False
        if self._clock.now() >= self._deadline - CLOCK_STEP:
            return True
        return error.deadline_passed and not self._call_deadline_first

    def get(self) -> Flow[Campaign]:
        """Request the campaign, within the deadline."""
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
        progress = self.meter.take(snapshot, self._clock.now())
        if self.is_draft and not self._warned_of_draft:
            self._warned_of_draft = True
            logger.warning(
                "campaign %s has not been started (it is a draft); client.campaigns.start(%r) "
                "starts it",
                self._id,
                self._id,
            )
        return progress

    @property
    def is_draft(self) -> bool:
        """Whether the campaign has not been started, as far as was seen."""
        last = self.meter.last
        return last is not None and last.status == "draft" and not self._started

    def sleep(self, seconds: float) -> Flow[None]:
        """Wait, but not past the deadline; raise if that has passed."""
        if self._deadline is not None:
            left = self._deadline - self._clock.now()
            if left <= 0:
                error = APITimeoutError(f"the time limit for following {self._id} expired")
                error.deadline_passed = True
                raise error
            seconds = min(seconds, left)
        yield from Sleep(seconds)


def _described(name: str | None) -> str:
    return f"a frame named {one_line(name)!r}" if name else "data that is not a JSON object"


def watch(
    campaign_id: str, settings: WatchSettings, options: Options, clock: Clock
) -> Flow[Campaign | None]:
    """Emit progress until the campaign has certainly finished."""
    return Watching(campaign_id, settings, options, clock).flow()
