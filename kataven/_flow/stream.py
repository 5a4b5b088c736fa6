"""How an event stream is followed: opening, reading, reconnecting, the end.

A flow: it decides when a stream is opened, read, given up and reopened, and yields effects. It does
no I/O; now and jitter come from the clock that is passed in.

A clean close is the end, as the contract says, and so is a break after the end marker. A connection
that breaks otherwise is reopened with growing pauses, until an item arrives or too many connections
in a row brought none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from kataven._flow.attempts import Attempts, why_rejected
from kataven._flow.effects import Emit, Interrupted, Opened, OpenStream, ReadStream
from kataven._flow.operation import Failure
from kataven._flow.responses import (
    SHOWN_BODY,
    add_reason,
    body_error,
    failure_error,
    one_line,
    status_error,
)
from kataven._flow.retry import TRANSIENT_STATUSES, limit_reason, read_retry_after
from kataven.clock import time_of_day
from kataven.errors import (
    APIStatusError,
    APITimeoutError,
    KatavenError,
    ResponseFormatError,
    StreamError,
)
from kataven.events.decoder import EventDecoder, FrameTooLargeError

if TYPE_CHECKING:
    from kataven._flow.effects import Flow
    from kataven._flow.operation import Operation, Response
    from kataven._flow.options import Options
    from kataven.clock import Clock

# Pauses before a stream that broke is reopened. Those after a stream that the Hub closed early are
# in campaigns/watch.py.
FIRST_RECONNECT_PAUSE: Final = 1.0
LONGEST_RECONNECT_PAUSE: Final = 30.0
# A server's own `retry` is the base of the pauses within these limits, in seconds.
_LEAST_BASE: Final = 0.1
# To a socket, a timeout of 0 means "do not wait at all".
_LEAST_TIMEOUT: Final = 0.001
# Seconds after which a stream whose bytes never complete an item counts as silent.
TRICKLE_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How a stream reconnects.

    Attributes:
        reconnect: Whether a stream that breaks is reopened.
        max_reconnects: Maximum number of connections in a row that bring no item.
        idle_timeout: Seconds without a byte after which a connection counts as broken.
        total_timeout: Seconds for the entire stream from the request of its first item, or None.
        names: Whether items of frames with a name other than ``end`` are emitted with it.
    """

    reconnect: bool = True
    max_reconnects: int = 5
    idle_timeout: float = 40.0
    total_timeout: float | None = None
    names: bool = False


@dataclass(slots=True)
class StreamState:
    """What the reader of a stream may look at.

    Attributes:
        decoder: The decoder of the present connection; it knows the last event id.
        reconnects: The number of attempts to open it after the first, failed ones included.
    """

    decoder: EventDecoder = field(default_factory=EventDecoder)
    reconnects: int = 0


def follow(
    operation: Operation[None],
    settings: StreamSettings,
    options: Options,
    clock: Clock,
    state: StreamState,
    deadline: float | None = None,
) -> Flow[None]:
    """Follow a stream until its end.

    Args:
        operation: The stream.
        settings: How it reconnects.
        options: How the client sends.
        clock: Where now and jitter come from.
        state: Updated for the reader.
        deadline: A moment that nothing may pass, in seconds since the epoch, in addition to
            that of the settings.

    Raises:
        APIStatusError: The Hub refused the stream.
        APIConnectionError: It could not be opened, and ``reconnect`` is off.
        ResponseFormatError: The response was not an event stream.
        StreamError: It broke and could not be reopened.
        APITimeoutError: ``total_timeout`` or the deadline expired.
    """
    flow = _Following(operation, settings, options, clock, state, deadline).flow()
    return flow if options.tracing is None else options.tracing.trace(operation, flow)


class _Following:
    """One stream that is being followed."""

    def __init__(
        self,
        operation: Operation[None],
        settings: StreamSettings,
        options: Options,
        clock: Clock,
        state: StreamState,
        deadline: float | None,
    ) -> None:
        self._operation = operation
        self._settings = settings
        self._options = options
        self._clock = clock
        self._state = state
        self._deadline = deadline
        # Connections in a row without an item.
        self._fruitless = 0
        self._base = FIRST_RECONNECT_PAUSE

    def flow(self) -> Flow[None]:
        # Here and not before: the total timeout begins when the first item is asked for.
        attempts = Attempts(
            self._operation,
            self._options,
            self._clock,
            self._deadline,
            self._settings.total_timeout,
        )
        opened_before = False
        while True:
            if opened_before:
                self._state.reconnects += 1
            opened_before = True
            outcome = yield from self._open(attempts)
            if isinstance(outcome, Interrupted):
                continue
            pause = 0.0
            if isinstance(outcome, Opened):
                broken = yield from self._read(attempts)
                if broken is None or self._state.decoder.ended:
                    return
                if isinstance(broken, Interrupted):
                    continue
                status = broken.status
                error: KatavenError = self._broken(broken)
            elif isinstance(outcome, Failure):
                if outcome.final:
                    raise body_error(self._operation, outcome) from outcome.cause
                status = outcome.status
                error = failure_error(self._operation, outcome)
                error.__cause__ = outcome.cause
            else:
                if outcome.status == 204:
                    return
                status = outcome.status
                error = self._refusal(outcome)
                if (yield from attempts.refresh_token(outcome)):
                    continue
                pause = yield from self._requested_pause(attempts, outcome, error)
            yield from self._back_off(attempts, error, status, pause)

    def _open(self, attempts: Attempts) -> Flow[Opened | Response | Failure | Interrupted]:
        """Make one attempt to open the stream."""
        self._check_time(attempts)
        rejected = yield from attempts.begin(self._fruitless + 1, stream=True)
        if rejected is not None:
            why = why_rejected(rejected)
            raise _out_of_time(self._operation, self._settings, f"would expire: {why}")
        timeout = self._options.timeout
        if self._options.deadline is not None:
            timeout = timeout.within(self._options.deadline)
        left = attempts.remaining()
        if left is not None:
            timeout = timeout.within(max(_LEAST_TIMEOUT, left))
        attempts.report_request()
        outcome = yield from OpenStream(
            self._operation,
            timeout,
            self._settings.idle_timeout,
            self._state.decoder.last_event_id,
            attempts.deadline,
        )
        if not isinstance(outcome, Interrupted):
            attempts.report_response(200 if isinstance(outcome, Opened) else outcome.status)
            self._check_time(attempts)
        return outcome

    def _read(self, attempts: Attempts) -> Flow[Failure | Interrupted | None]:
        """Read the open stream; return None at its end, or what ended it early."""
        decoder = EventDecoder(
            last_event_id=self._state.decoder.last_event_id, names=self._settings.names
        )
        self._state.decoder = decoder
        last_item = self._clock.now()
        while True:
            chunk = yield from ReadStream()
            if chunk is None or isinstance(chunk, Interrupted):
                return chunk
            if isinstance(chunk, Failure):
                self._check_time(attempts)
                return chunk
            try:
                emitted = yield from Emit(decoder.feed(chunk))
            except FrameTooLargeError as error:
                raise StreamError(
                    f"an event frame is larger than {error.limit} bytes, so the stream was not "
                    f"read further ({self._operation.path})"
                ) from error
            if emitted:
                self._fruitless = 0
                attempts.allow_refresh()
                # The reader may have taken long over these items; that is not the Hub's silence.
                last_item = self._clock.now()
            elif self._clock.now() - last_item > TRICKLE_TIMEOUT:
                text = f"bytes arrived, but no complete item for {TRICKLE_TIMEOUT:.0f} s"
                return Failure(TimeoutError(text), text, sent=True, timed_out=True)
            self._check_time(attempts)

    def _requested_pause(
        self, attempts: Attempts, response: Response, error: KatavenError
    ) -> Flow[float]:
        """Return the least pause before another attempt; raise ``error`` if there must be none."""
        retry_after = read_retry_after(response.raw_headers, time_of_day(self._clock))
        if response.status == 429:
            if limit_reason(response.body, retry_after) != "rate_limit":
                self._give_up(error, retry_after)
        elif response.status not in TRANSIENT_STATUSES:
            raise error
        pause = (retry_after or 0.0) * (1 + self._clock.jitter() / 10)
        if response.status == 429:
            # Every call waits, whether this stream is reopened or not.
            yield from attempts.pause_limiter(pause)
        if (retry_after or 0.0) > self._options.max_retry_wait:
            self._give_up(error, retry_after)
        return pause

    def _give_up(self, error: KatavenError, retry_after: float | None) -> NoReturn:
        if isinstance(error, APIStatusError):  # pragma: no branch - for 429 and 5xx it always is
            add_reason(error, retry_after, self._options.max_retry_wait, self._fruitless)
        raise error

    def _back_off(
        self, attempts: Attempts, error: KatavenError, status: int | None, least: float
    ) -> Flow[None]:
        """Wait before the next attempt, or raise if there must be none."""
        settings = self._settings
        if not settings.reconnect:
            raise error
        self._fruitless += 1
        if self._fruitless > settings.max_reconnects:
            raise StreamError(
                f"gave up after {settings.max_reconnects} consecutive reconnects without an event; "
                f"the last failure: {error} ({self._operation.path})"
            ) from error
        step = min(LONGEST_RECONNECT_PAUSE, self._base * 2.0 ** (self._fruitless - 1))
        pause = max(least, step * (0.5 + self._clock.jitter() / 2))
        left = attempts.remaining()
        if left is not None:
            pause = min(pause, max(0.0, left))
        yield from attempts.back_off(pause, status)

    def _broken(self, broken: Failure) -> KatavenError:
        """Return the error of a stream that broke, and adopt the pause that the server named."""
        retry = self._state.decoder.retry
        if retry is not None:
            self._base = min(LONGEST_RECONNECT_PAUSE, max(_LEAST_BASE, retry / 1000))
        error = StreamError(f"the event stream broke: {broken.phrase} ({self._operation.path})")
        error.__cause__ = broken.cause
        return error

    def _refusal(self, response: Response) -> KatavenError:
        operation = self._operation
        if not response.is_success:
            hint = self._options.not_found_hint
            return status_error(operation, response, time_of_day(self._clock), hint)
        kind = response.headers.get("content-type", "no content type")
        text = one_line(response.shown_body[:2400].decode("utf-8", "replace"), 200)
        return ResponseFormatError(
            f"{operation.method} {operation.path}: the Hub responded {response.status} with "
            f"{one_line(kind, 100)} instead of an event stream: {text!r}",
            status_code=response.status,
            body=response.shown_body[:SHOWN_BODY],
        )

    def _check_time(self, attempts: Attempts) -> None:
        left = attempts.remaining()
        if left is not None and left <= 0:
            raise _out_of_time(self._operation, self._settings)


def _out_of_time(
    operation: Operation[None], settings: StreamSettings, what: str = "expired"
) -> APITimeoutError:
    total = settings.total_timeout
    limit = "the time limit" if total is None else f"the total_timeout of {total:g} s"
    error = APITimeoutError(
        f"{operation.method} {operation.path}: {limit} for following this stream {what}"
    )
    error.deadline_passed = True
    return error
