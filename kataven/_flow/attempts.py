"""The attempts of one call or one stream: what both do before, during and after each of them.

Knows the rate limiter, the observer, the deadline and the token as effects. How often and whether
to try again is decided by ``call.py`` and ``stream.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kataven._flow.effects import Acquire, PauseLimiter, RefreshToken, Sleep
from kataven._flow.observe import CallEvent
from kataven._flow.operation import Attempt
from kataven._flow.retry import FIRST_BACKOFF

if TYPE_CHECKING:
    from kataven._flow.effects import Flow, Rejected
    from kataven._flow.operation import Operation, Response
    from kataven._flow.options import Options
    from kataven.clock import Clock

# Sockets wait in whole milliseconds, by another clock.
CLOCK_STEP: Final = 0.001


def why_rejected(rejected: Rejected) -> str:
    """Say why the rate limiter lets no request start in time."""
    if rejected.retry_in <= 0:
        return "too many requests are in flight for the rate limiter to start another in time"
    return f"the rate limiter would delay the next attempt by {rejected.retry_in:.1f} s"


class Attempts:
    """The attempts of one call or stream.

    Args:
        operation: What is sent.
        options: How.
        clock: Where now and jitter come from.
        deadline: The moment, in seconds since the epoch, that nothing may pass; or None.
        seconds: The same as a duration from now, or None; the earlier one counts.
    """

    __slots__ = (
        "_refreshed",
        "_sent_at",
        "attempt",
        "clock",
        "deadline",
        "operation",
        "options",
    )

    def __init__(
        self,
        operation: Operation[object],
        options: Options,
        clock: Clock,
        deadline: float | None,
        seconds: float | None,
    ) -> None:
        if seconds is not None:
            own = clock.now() + seconds
            deadline = own if deadline is None else min(deadline, own)
        self.operation = operation
        self.options = options
        self.clock = clock
        self.deadline = deadline
        self.attempt = Attempt(operation)
        self._refreshed = False
        self._sent_at = 0.0

    def begin(self, number: int, *, stream: bool = False) -> Flow[Rejected | None]:
        """Begin attempt ``number`` (from 1): wait for the rate limiter, if there is one."""
        self.attempt = Attempt(self.operation, number)
        if not self.options.rate_limited:
            return None
        return (yield from Acquire(self.attempt, self.deadline, self._on_wait, stream))

    def remaining(self) -> float | None:
        """Return the seconds left until the deadline, negative after it; None without one."""
        return None if self.deadline is None else self.deadline - self.clock.now()

    def deadline_reached(self) -> bool:
        """Return whether a timeout that just expired was the deadline's."""
        left = self.remaining()
        return left is not None and left <= CLOCK_STEP

    def _event(self, status: int | None, seconds: float) -> CallEvent:
        operation = self.operation
        return CallEvent(operation.method, operation.path, self.attempt.number, status, seconds)

    def _on_wait(self, seconds: float) -> None:
        self.options.observer.wait(self._event(None, seconds))

    def report_request(self) -> None:
        """Tell the observer that the request is about to be sent."""
        if self.options.observer.active:
            self._sent_at = self.clock.now()
            self.options.observer.request(self._event(None, 0.0))

    def report_response(self, status: int | None) -> None:
        """Tell the observer how the attempt ended."""
        if self.options.observer.active:
            self.options.observer.response(self._event(status, self.clock.now() - self._sent_at))

    def refresh_token(self, response: Response) -> Flow[bool]:
        """Get a new token if this one was rejected, once; return whether to try again at once."""
        if response.status != 401 or not self.options.refreshable or self._refreshed:
            return False
        self._refreshed = True
        # A request whose token was rejected was not processed.
        self.attempt.progress = None
        yield from RefreshToken(response.token, self.deadline)
        return True

    def allow_refresh(self) -> None:
        """Allow another refresh: the last token worked."""
        self._refreshed = False

    def pause_limiter(self, seconds: float | None) -> Flow[None]:
        """Hold back all calls of the rate limiter, if there is one, after a rate limit of the Hub.

        Args:
            seconds: The pause of this call; None or 0 if the Hub named none.
        """
        if self.options.rate_limited:
            pause = min(seconds or FIRST_BACKOFF, self.options.max_retry_wait)
            yield from PauseLimiter(pause)

    def back_off(self, seconds: float, status: int | None) -> Flow[None]:
        """Wait before the next attempt."""
        if self.options.observer.active:
            self.options.observer.retry(self._event(status, seconds))
        yield from Sleep(seconds)
