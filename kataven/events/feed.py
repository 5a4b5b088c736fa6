"""What to do about a drop, a silence, a refusal and the end of an event stream.

A flow: it decides when a stream is opened, read, given up and opened again, and yields effects. It
does no I/O; now and jitter are handed in with the clock.

A clean close is the end, as the contract says, and so is a break behind the end marker. A
connection that breaks otherwise is opened again, with growing pauses, until an item arrives or too
many openings in a row came to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kataven._core.answers import (
    SHOWN_BODY,
    failure_error,
    one_line,
    status_error,
    unreadable,
)
from kataven._core.exchange import admission
from kataven._core.observe import CallEvent
from kataven._core.operation import (
    Denied,
    Failure,
    Give,
    Interrupted,
    Open,
    Opened,
    Pause,
    Read,
    Renew,
    Reply,
    Sleep,
    check_seconds,
)
from kataven._core.retry import PASSING_STATUSES, limit_reason, read_retry_after
from kataven.errors import APITimeoutError, KatavenError, ResponseFormatError, StreamError
from kataven.events.decoder import EventDecoder, FrameTooLargeError

if TYPE_CHECKING:
    from kataven._core.exchange import Options
    from kataven._core.operation import Flow, Operation
    from kataven.clock import Clock

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
# A server's own `retry` is the base of the pauses within these bounds, in seconds.
_LEAST_BASE: Final = 0.1
# A timeout of 0 would mean "do not wait at all" to a socket.
_LEAST_TIMEOUT: Final = 0.001
# Bytes that come without ever making an item are no sign of life.
TRICKLE_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How a stream heals.

    Attributes:
        reconnect: Whether a stream that breaks is opened again.
        max_reconnects: At most so many openings in a row that bring no item.
        idle_timeout: Seconds without a byte that count as broken.
        total_timeout: Seconds for the whole stream since its first item was asked for, or None.
    """

    reconnect: bool = True
    max_reconnects: int = 5
    idle_timeout: float = 40.0
    total_timeout: float | None = None


def stream_settings(
    reconnect: bool,  # noqa: FBT001 - checked here for both clients, passed on by position
    max_reconnects: int,
    idle_timeout: float,
    total_timeout: float | None,
) -> StreamSettings:
    """Check how a stream shall heal.

    Raises:
        TypeError, ValueError: If an option has a wrong type or is out of its bounds.
    """
    if not isinstance(max_reconnects, int) or isinstance(max_reconnects, bool):
        raise TypeError(f"max_reconnects must be an int, not {type(max_reconnects).__name__}")
    if max_reconnects < 0:
        raise ValueError(f"max_reconnects must be 0 or more, not {max_reconnects}")
    check_seconds("idle_timeout", idle_timeout)
    if total_timeout is not None:
        check_seconds("total_timeout", total_timeout)
    return StreamSettings(bool(reconnect), max_reconnects, idle_timeout, total_timeout)


@dataclass(slots=True)
class StreamState:
    """What a stream's reader may look at while it is read.

    Attributes:
        decoder: Decodes the connection at hand, and knows the id in force and the end marker.
        reconnects: How often the stream was opened again.
    """

    decoder: EventDecoder = field(default_factory=EventDecoder)
    reconnects: int = 0


def follow(
    operation: Operation[Any],
    settings: StreamSettings,
    options: Options,
    clock: Clock,
    state: StreamState,
    limit: float | None = None,
) -> Flow[None]:
    """Follow a stream until its end.

    Args:
        operation: The stream.
        settings: How it heals.
        options: How the client sends.
        clock: Where now and jitter come from.
        state: Is kept up to date for the reader.
        limit: A moment that nothing may pass, in seconds since the epoch, beside the settings'.

    Raises:
        APIStatusError: The Hub refused the stream.
        APIConnectionError: It could not be opened, where ``reconnect`` is off.
        ResponseFormatError: The Hub answered with something that is no stream.
        StreamError: It broke and could not be opened again.
        APITimeoutError: ``total_timeout`` has passed.
    """
    flow = _follow(operation, settings, options, clock, state, limit)
    return flow if options.tracing is None else options.tracing.follow(operation, flow)


def _follow(
    operation: Operation[Any],
    settings: StreamSettings,
    options: Options,
    clock: Clock,
    state: StreamState,
    limit: float | None,
) -> Flow[None]:
    if settings.total_timeout is not None:
        own = clock.now() + settings.total_timeout
        limit = own if limit is None else min(limit, own)
    fruitless = 0
    base = FIRST_PAUSE
    renewed = False
    opened_before = False
    while True:
        _check_time(operation, clock, limit)
        if options.budgeted:
            denied = yield admission(operation, options, fruitless + 1, limit, stream=True)
            if isinstance(denied, Denied):
                raise _out_of_time(operation)
        if opened_before:
            state.reconnects += 1
        opened_before = True
        attempt = fruitless + 1
        effect = _open(operation, settings, options, clock, state, limit)
        outcome = yield from _observed(effect, options, clock, attempt)
        if isinstance(outcome, Interrupted):
            continue
        _check_time(operation, clock, limit)
        least = 0.0
        if isinstance(outcome, Opened):
            decoder = EventDecoder(last_event_id=state.decoder.last_event_id)
            state.decoder = decoder
            broken, fruitful = yield from _read_on(operation, decoder, clock, limit)
            if broken is None or decoder.ended:
                return
            if fruitful:
                fruitless = 0
                renewed = False
            if isinstance(broken, Interrupted):
                continue
            if decoder.retry is not None:
                base = min(LONGEST_PAUSE, max(_LEAST_BASE, decoder.retry / 1000))
            status = broken.status
            error: KatavenError = StreamError(
                f"the event stream broke: {broken.text} ({operation.path})"
            )
            error.__cause__ = broken.cause
        elif isinstance(outcome, Failure):
            if outcome.final:
                raise unreadable(operation, outcome) from outcome.cause
            status = outcome.status
            error = failure_error(operation, outcome)
            error.__cause__ = outcome.cause
        else:
            if outcome.status == 204:
                return
            status = outcome.status
            error = _refusal(operation, outcome, clock, options)
            if outcome.status == 401 and options.renewable and not renewed:
                renewed = True
                yield Renew(outcome.token, limit)
                continue
            pause = _pause_asked_for(outcome, clock)
            if pause is None or pause > options.max_retry_wait:
                raise error
            least = pause * (1 + clock.jitter() / 10)
            if options.budgeted and outcome.status == 429:
                yield Pause(least, control=False)
        if not settings.reconnect:
            raise error
        fruitless += 1
        if fruitless > settings.max_reconnects:
            raise StreamError(
                f"the event stream could not be read on, after {settings.max_reconnects} "
                f"reconnects in a row that brought nothing; the last failure: {error} "
                f"({operation.path})"
            ) from error
        step = min(LONGEST_PAUSE, base * 2.0 ** (fruitless - 1))
        wait = max(least, step * (0.5 + clock.jitter() / 2))
        if limit is not None:
            wait = min(wait, max(0.0, limit - clock.now()))
        if options.observer.active:
            options.observer.retry(
                CallEvent(operation.method, operation.path, attempt, status, wait)
            )
        yield Sleep(wait)


def _open(
    operation: Operation[Any],
    settings: StreamSettings,
    options: Options,
    clock: Clock,
    state: StreamState,
    limit: float | None,
) -> Open:
    timeout = options.timeout
    if options.deadline is not None:
        timeout = timeout.within(options.deadline)
    if limit is not None:
        timeout = timeout.within(max(_LEAST_TIMEOUT, limit - clock.now()))
    return Open(operation, timeout, settings.idle_timeout, state.decoder.last_event_id, limit)


def _observed(effect: Open, options: Options, clock: Clock, attempt: int) -> Flow[Any]:
    """Open the stream, and tell who watches the client's requests."""
    observer = options.observer
    if not observer.active:
        return (yield effect)
    method, path = effect.operation.method, effect.operation.path
    begun = clock.now()
    observer.request(CallEvent(method, path, attempt, None, 0.0))
    outcome = yield effect
    if not isinstance(outcome, Interrupted):
        status = 200 if isinstance(outcome, Opened) else outcome.status
        observer.response(CallEvent(method, path, attempt, status, clock.now() - begun))
    return outcome


def _read_on(
    operation: Operation[Any],
    decoder: EventDecoder,
    clock: Clock,
    limit: float | None,
) -> Flow[Any]:
    """Read an open stream: None at its end or what broke it, and whether it gave items."""
    fruitful = False
    last_item = clock.now()
    while True:
        outcome = yield Read()
        if outcome is None or isinstance(outcome, Interrupted):
            return outcome, fruitful
        if isinstance(outcome, Failure):
            _check_time(operation, clock, limit)
            return outcome, fruitful
        try:
            given = yield Give(decoder.feed(outcome))
        except FrameTooLargeError as error:
            raise StreamError(
                f"an event frame is larger than {error.limit} bytes, so the stream was not read "
                f"on ({operation.path})"
            ) from error
        if given:
            fruitful = True
            # The reader may have taken long over these items; that is no silence of the Hub's.
            last_item = clock.now()
        elif clock.now() - last_item > TRICKLE_TIMEOUT:
            text = f"bytes came, but no item for {TRICKLE_TIMEOUT:.0f} s"
            return Failure(TimeoutError(text), text, sent=True, timed_out=True), fruitful
        _check_time(operation, clock, limit)


def _refusal(
    operation: Operation[Any], reply: Reply, clock: Clock, options: Options
) -> KatavenError:
    if not 200 <= reply.status < 300:
        return status_error(operation, reply, clock.now(), options.not_found_hint)
    kind = reply.headers.get("content-type", "no content type")
    text = one_line(reply.body[:2400].decode("utf-8", "replace"), 200)
    return ResponseFormatError(
        f"{operation.method} {operation.path}: the Hub answered {reply.status} with "
        f"{one_line(kind, 100)} in place of an event stream: {text!r}",
        status_code=reply.status,
        body=reply.body[:SHOWN_BODY],
    )


def _pause_asked_for(reply: Reply, clock: Clock) -> float | None:
    """Seconds that must pass before another opening, 0 for our own pauses, None for never."""
    retry_after = read_retry_after(reply.raw_headers, clock.now())
    if reply.status == 429:
        if limit_reason(reply.body, retry_after) == "cost_cap":
            return None
    elif reply.status not in PASSING_STATUSES:
        return None
    return retry_after or 0.0


def _check_time(operation: Operation[Any], clock: Clock, limit: float | None) -> None:
    if limit is not None and clock.now() >= limit:
        raise _out_of_time(operation)


def _out_of_time(operation: Operation[Any]) -> APITimeoutError:
    error = APITimeoutError(
        f"{operation.method} {operation.path}: the time for following this stream is over"
    )
    error.deadline_passed = True
    return error
