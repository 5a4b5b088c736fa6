"""How one operation becomes one answer: attempts, waits, deadline, a token that ends.

A flow: it decides and yields effects, does no I/O and reads no clock of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kataven._core.answers import (
    NOTHING_DONE,
    OUTCOME_UNKNOWN,
    failure_error,
    status_error,
    unreadable,
)
from kataven._core.observe import SILENT, CallEvent, Observer
from kataven._core.operation import (
    Admit,
    Attempt,
    Denied,
    Failure,
    Operation,
    Pause,
    Renew,
    Reply,
    Send,
    Sleep,
    Timeout,
)
from kataven._core.retry import FIRST_BACKOFF, wait_before_repeat
from kataven.errors import APIConnectionError, APITimeoutError, KatavenError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kataven._core.operation import Flow
    from kataven._core.tracing import Tracing
    from kataven.clock import Clock

T = TypeVar("T")

# Their text says nothing that a read must know before it goes on.
_SAID_BY_STATUS: Final = frozenset({401, 429})
# Transports wait in whole milliseconds, by another clock.
_CLOCK_STEP: Final = 0.001


@dataclass(frozen=True, slots=True)
class Options:
    """How a view of a client sends.

    Attributes:
        timeout: Seconds for each part of a request.
        max_retries: At most so many repeats.
        max_retry_wait: The longest ``Retry-After``, in seconds, that is waited for.
        deadline: Seconds for a whole call, or None.
        budgeted: Whether calls ask the budget first.
        renewable: Whether a refused token can be renewed.
        not_found_hint: What a 404 says in addition.
        origin: Which Hub and account it speaks to, without the key.
        observer: Who is told.
        record: Who is handed the last reply of each call.
        tracing: Makes a span of each call, or None.
    """

    timeout: Timeout = field(default_factory=Timeout)
    max_retries: int = 3
    max_retry_wait: float = 120.0
    deadline: float | None = None
    budgeted: bool = False
    renewable: bool = False
    not_found_hint: str = ""
    origin: str = ""
    observer: Observer = SILENT
    record: Callable[[Reply], None] | None = None
    tracing: Tracing | None = None


def exchange(
    operation: Operation[T], options: Options, clock: Clock, limit: float | None = None
) -> Flow[T]:
    """Send the operation until there is an answer, or the truth about what happened.

    Args:
        operation: What to send.
        options: How.
        clock: Where now and jitter come from.
        limit: A moment that the call must not pass, in seconds since the epoch, beside the
            deadline of the options.

    Returns:
        The operation's result.

    Raises:
        APIConnectionError, APIStatusError, ResponseFormatError: As the operation's outcome was.
    """
    flow = _exchange(operation, options, clock, limit)
    return flow if options.tracing is None else options.tracing.follow(operation, flow)


def _exchange(
    operation: Operation[T], options: Options, clock: Clock, limit: float | None
) -> Flow[T]:
    if options.deadline is not None:
        own = clock.now() + options.deadline
        limit = own if limit is None else min(limit, own)
    observer = options.observer
    repeats = 0
    renewed = False
    last: KatavenError | None = None
    while True:
        timeout = options.timeout
        if options.budgeted:
            with _nothing_done(operation):
                denied = yield admission(operation, options, repeats + 1, limit)
            if isinstance(denied, Denied):
                raise _too_late(operation, f"the budget has room in {denied.wait:.1f} s", last)
        if limit is not None:
            left = limit - clock.now()
            if left <= 0:
                raise _too_late(operation, "the deadline has passed", last)
            timeout = timeout.within(left)
        attempt = Attempt()
        watched = observer.active
        begun = clock.now()
        if watched:
            observer.request(CallEvent(operation.method, operation.path, repeats + 1, None, 0.0))
        try:
            outcome: Reply | Failure = yield Send(operation, timeout, attempt, limit)
        except BaseException as interruption:
            if operation.writes and not isinstance(interruption, Exception):
                _say_what_is_known(interruption, operation, attempt)
            raise
        if watched:
            status = outcome.status
            seconds = clock.now() - begun
            observer.response(
                CallEvent(operation.method, operation.path, repeats + 1, status, seconds)
            )
        if isinstance(outcome, Failure) and outcome.status is not None:
            if 200 <= outcome.status < 300:
                if options.record is not None:
                    options.record(Reply(outcome.status, outcome.raw_headers, b""))
                if operation.broken_answer is not None:
                    return operation.broken_answer(outcome.status, outcome)
                if outcome.final:
                    raise unreadable(operation, outcome) from outcome.cause
            elif operation.writes or outcome.final or outcome.status in _SAID_BY_STATUS:
                # The Hub's word was heard, if not its reasons.
                outcome = Reply(outcome.status, outcome.raw_headers, b"", outcome.token)
        if isinstance(outcome, Reply):
            if options.record is not None:
                options.record(outcome)
            if 200 <= outcome.status < 300:
                return operation.answer(outcome)
            last = status_error(operation, outcome, clock.now(), options.not_found_hint)
            if outcome.status == 401 and options.renewable and not renewed:
                renewed = True
                yield Renew(outcome.token, limit)
                continue
        else:
            if limit is not None and outcome.timed_out and clock.now() >= limit - _CLOCK_STEP:
                outcome = replace(outcome, deadline_passed=True)
            last = failure_error(operation, outcome)
        wait = wait_before_repeat(
            operation,
            outcome,
            repeats=repeats,
            max_retries=options.max_retries,
            max_retry_wait=options.max_retry_wait,
            now=clock.now(),
            jitter=clock.jitter(),
        )
        if options.budgeted and isinstance(last, RateLimitError) and last.reason == "rate_limit":
            # Everybody waits, whether this call goes on or not.
            asked = last.retry_after or FIRST_BACKOFF if wait is None else wait
            yield Pause(min(asked, options.max_retry_wait), operation.control)
        if wait is None:
            raise last from (outcome.cause if isinstance(outcome, Failure) else None)
        if limit is not None and clock.now() + wait > limit:
            raise _too_late(operation, f"the next try would be in {wait:.1f} s", last)
        if watched:
            observer.retry(
                CallEvent(operation.method, operation.path, repeats + 1, outcome.status, wait)
            )
        repeats += 1
        with _nothing_done(operation):
            yield Sleep(wait)


def admission(
    operation: Operation[Any],
    options: Options,
    attempt: int,
    limit: float | None,
    *,
    stream: bool = False,
) -> Admit:
    """What the budget is asked before an attempt."""

    def told(seconds: float) -> None:
        options.observer.wait(CallEvent(operation.method, operation.path, attempt, None, seconds))

    return Admit(operation.control, limit, told, stream)


@contextmanager
def _nothing_done(operation: Operation[Any]) -> Iterator[None]:
    """Say of a write that is interrupted between its attempts that the Hub did not act."""
    try:
        yield
    except BaseException as interruption:
        if operation.writes and not isinstance(interruption, Exception):
            interruption.add_note(f"{operation.method} {operation.path}: {NOTHING_DONE}")
        raise


def _too_late(operation: Operation[Any], why: str, last: KatavenError | None) -> APIConnectionError:
    # Whatever was tried before was told apart already: a write that may have been acted upon is
    # never repeated, so it never comes here.
    sent = False if operation.writes else None
    error = APITimeoutError(
        f"{operation.method} {operation.path}: the call's deadline does not allow another try: "
        f"{why}.{' ' + NOTHING_DONE if operation.writes else ''}",
        request_sent=sent,
    )
    error.deadline_passed = True
    error.__cause__ = last
    return error


def _say_what_is_known(
    interruption: BaseException, operation: Operation[Any], attempt: Attempt
) -> None:
    known = OUTCOME_UNKNOWN if attempt.may_have_been_sent else NOTHING_DONE
    interruption.add_note(f"{operation.method} {operation.path} was interrupted. {known}")
