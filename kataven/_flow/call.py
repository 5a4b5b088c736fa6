"""How one operation becomes one result: attempts, waits, the deadline, an expired token.

A flow: it decides and yields effects. It does no I/O and reads no clock of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from kataven._flow.attempts import Attempts, why_rejected
from kataven._flow.effects import Send
from kataven._flow.operation import NOT_PROCESSED, Failure, Response
from kataven._flow.responses import add_reason, body_error, failure_error, status_error
from kataven._flow.retry import read_retry_after, retry_delay
from kataven.clock import time_of_day
from kataven.errors import APIStatusError, APITimeoutError, RateLimitError

if TYPE_CHECKING:
    from kataven._flow.effects import Flow
    from kataven._flow.operation import Operation
    from kataven._flow.options import Options
    from kataven.clock import Clock
    from kataven.errors import APIConnectionError, KatavenError

T = TypeVar("T")

# For these the status says everything, and a truncated body changes nothing.
_DECISIVE_STATUSES: Final = frozenset({401, 429})


def call(
    operation: Operation[T], options: Options, clock: Clock, deadline: float | None = None
) -> Flow[T]:
    """Send the operation until there is a result, or an error that says what happened.

    Args:
        operation: What to send.
        options: How.
        clock: Where now and jitter come from.
        deadline: A moment that the call must not pass, in seconds since the epoch, in
            addition to the deadline of the options.

    Returns:
        The operation's result.

    Raises:
        APIConnectionError, APIStatusError, ResponseFormatError: As the last attempt ended.
    """
    flow = _call(operation, options, clock, deadline)
    return flow if options.tracing is None else options.tracing.trace(operation, flow)


def _call(
    operation: Operation[T], options: Options, clock: Clock, deadline: float | None
) -> Flow[T]:
    attempts = Attempts(operation, options, clock, deadline, options.deadline)
    error: KatavenError | None = None
    retries = 0
    while True:
        outcome = _settled(operation, (yield from _send(attempts, retries + 1, error)))
        if isinstance(outcome, Response):
            if options.record is not None:
                options.record(outcome)
            if outcome.is_success:
                return operation.parse(outcome)
            error = status_error(operation, outcome, time_of_day(clock), options.not_found_hint)
            if (yield from attempts.refresh_token(outcome)):
                continue
        else:
            if outcome.is_success:
                if options.record is not None:
                    options.record(Response(outcome.status or 0, outcome.raw_headers, b""))
                if operation.parse_truncated is not None:
                    return operation.parse_truncated(outcome.status or 0, outcome)
                if outcome.final:
                    raise body_error(operation, outcome) from outcome.cause
            if outcome.timed_out and attempts.deadline_reached():
                outcome = replace(outcome, deadline_passed=True)
            if outcome.deadline_passed and outcome.expired:
                outcome = replace(outcome, expired=_deadline(options))
            error = failure_error(operation, outcome)
        delay = retry_delay(
            operation,
            outcome,
            retries=retries,
            max_retries=options.max_retries,
            max_retry_wait=options.max_retry_wait,
            now=time_of_day(clock),
            jitter=clock.jitter(),
        )
        if isinstance(error, RateLimitError) and error.reason == "rate_limit":
            # Every call waits, whether this one is retried or not.
            yield from attempts.pause_limiter(error.retry_after if delay is None else delay)
        if delay is None:
            if isinstance(outcome, Response) and isinstance(error, APIStatusError):
                after = read_retry_after(outcome.raw_headers, time_of_day(clock))
                add_reason(error, after, options.max_retry_wait, retries)
            raise error from (outcome.cause if isinstance(outcome, Failure) else None)
        # A write comes here only if the Hub did not process it.
        attempts.attempt.progress = None
        left = attempts.remaining()
        if left is not None and delay > left:
            raise _deadline_error(attempts, f"the next attempt would be in {delay:.1f} s", error)
        yield from attempts.back_off(delay, outcome.status)
        retries += 1


def _send(attempts: Attempts, number: int, last: KatavenError | None) -> Flow[Response | Failure]:
    """Make one attempt within the rate limits and the deadline; ``last`` is the previous error."""
    options = attempts.options
    rejected = yield from attempts.begin(number)
    if rejected is not None:
        raise _deadline_error(attempts, why_rejected(rejected), last)
    timeout = options.timeout
    left = attempts.remaining()
    if left is not None:
        if left <= 0:
            raise _deadline_error(attempts, "no time is left for another attempt", last)
        timeout = timeout.within(left)
    attempts.report_request()
    outcome = yield from Send(attempts.attempt, timeout, attempts.deadline)
    attempts.report_response(outcome.status)
    return outcome


def _settled(operation: Operation[object], outcome: Response | Failure) -> Response | Failure:
    """Return a response where the status alone decides, although the body did not arrive."""
    if isinstance(outcome, Response) or outcome.status is None or outcome.is_success:
        return outcome
    if operation.writes or outcome.final or outcome.status in _DECISIVE_STATUSES:
        return Response(outcome.status, outcome.raw_headers, b"", outcome.token)
    return outcome


def _deadline(options: Options) -> str:
    """Return the deadline of a call as an error names it; it may be that of a larger call."""
    return (
        "deadline"
        if options.deadline is None
        else f"deadline of {options.deadline:g} s (option deadline)"
    )


def _deadline_error(attempts: Attempts, why: str, last: KatavenError | None) -> APIConnectionError:
    operation = attempts.operation
    # A write that the Hub may have processed is never retried, so it never comes here.
    error = APITimeoutError(
        f"{operation.method} {operation.path}: {_deadline(attempts.options)} exceeded: {why}."
        f"{' ' + NOT_PROCESSED if operation.writes else ''}",
        request_sent=False if operation.writes else None,
    )
    error.deadline_passed = True
    error.__cause__ = last
    return error
