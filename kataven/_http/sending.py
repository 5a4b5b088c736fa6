"""One attempt of a request: its limits, and what is known of it so far.

Knows neither httpx nor httpcore. It does no I/O; the clock it reads is only for limits.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kataven._flow.operation import Timeout


class Connection(Protocol):
    """A connection that can be ended from any thread."""

    def shut(self) -> None:
        """End it and wake a read that is blocked on it."""


class Sending:
    """One attempt of a request: how long it may take, and what is known of it so far.

    Args:
        timeout: The limits of each phase, in seconds.
        remaining: Seconds left for the entire request, or None without a deadline.
        own_connection: Use a connection that has carried nothing before and close it after the
            response.

    Attributes:
        timeout: As given.
        own_connection: As given.
        sent: Whether a byte of the request may have reached the Hub. Set before the first write;
            what is written to a proxy or for TLS does not count.
        foreign: Whether a caller's transport sends it. What that reports need not be all that it
            does: it may try one address after another.
        handed_over: Whether a caller's transport has the request and has reported nothing yet.
        received: Whether anything was received since the last write.
        shut_down: Whether ``shut`` was called.
        idle_timeout: Seconds that one read of a followed body may take, or None.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_response_deadline",
        "foreign",
        "handed_over",
        "idle_timeout",
        "own_connection",
        "received",
        "sent",
        "shut_down",
        "timeout",
    )

    def __init__(
        self, timeout: Timeout, remaining: float | None = None, *, own_connection: bool = False
    ) -> None:
        self.timeout = timeout
        self.own_connection = own_connection
        self.sent = False
        self.foreign = False
        self.handed_over = False
        self.received = False
        self.shut_down = False
        self.idle_timeout: float | None = None
        self._deadline = None if remaining is None else time.monotonic() + remaining
        self._response_deadline: float | None = None
        self._connection: Connection | None = None

    def timeout_name(self, phase: str) -> str:
        """Return the name of a timeout with its value and its option, for an error."""
        if phase == "read" and self.idle_timeout is not None:
            return f"idle timeout of {self.idle_timeout:g} s (option idle_timeout)"
        return f"{phase} timeout of {getattr(self.timeout, phase):g} s (option timeout)"

    def left(self) -> float | None:
        """Return the seconds that the deadline leaves, at least 0, or None without a deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def may_have_been_sent(self) -> bool:
        """Whether the Hub may have seen a byte of the request."""
        return self.sent or self.handed_over

    def within(self, seconds: float) -> float:
        """Shorten a timeout to what the deadline leaves.

        Args:
            seconds: The timeout of one step.

        Returns:
            The seconds that the step may take.

        Raises:
            TimeoutError: If the deadline has passed.
        """
        if self._deadline is None:
            return seconds
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(seconds, left)

    def read_timeout(self) -> float:
        """Return the seconds that the next read may take.

        From the first byte of a response, ``timeout.read`` bounds all of it: a server that sends a
        byte a second would never exceed the timeout of a single read.

        Raises:
            TimeoutError: If none are left.
        """
        if self.idle_timeout is not None:
            return self.within(self.idle_timeout)
        if self._response_deadline is None:
            return self.within(self.timeout.read)
        left = self._response_deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return self.within(left)

    def note_write(self) -> None:
        """Note that bytes are about to be written: a response to them has not begun."""
        self.received = False
        self._response_deadline = None

    def note_read(self) -> None:
        """Note that bytes of a response arrived."""
        self.received = True
        if self._response_deadline is None:
            self._response_deadline = time.monotonic() + self.timeout.read

    def attach(self, connection: Connection) -> None:
        """Remember the connection in use, so that ``shut`` can end it.

        Args:
            connection: The connection. It is ended at once if ``shut`` was called before.
        """
        # Stored before the flag is read, where shut() sets the flag before it reads the connection:
        # whatever the order of two threads, one of them sees the other.
        self._connection = connection
        if self.shut_down:
            connection.shut()

    def detach(self) -> None:
        """Forget the connection: it may serve another request from now on."""
        self._connection = None

    def abandon(self) -> None:
        """End and close the connection, from the thread that used it; nothing continues on it."""
        connection = self._connection
        self.shut()
        close = getattr(connection, "close", None)
        if close is not None:
            close()

    def shut(self) -> None:
        """End the connection, from any thread; a read that is blocked on it returns.

        A connection that is made later is ended at once.
        """
        self.shut_down = True
        # Another thread may detach it just now and let another read have it. That read fails and is
        # retried; a write never has a connection that served another request.
        connection = self._connection
        if connection is not None:
            connection.shut()
