"""The blocking driver, and what it shares with its twin in ``async_driver``.

A driver performs each effect that a flow yields and sends its result back into the flow. It decides
nothing: whether to retry, to wait or to give up is the flow's decision. What the caller's own
function raises for an emitted item never reaches the flow.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, assert_never
from weakref import WeakSet

from kataven._flow.effects import (
    Acquire,
    Emit,
    OpenStream,
    PauseLimiter,
    ReadStream,
    RefreshToken,
    RunInThread,
    Send,
    Sleep,
)
from kataven._http.body import Body, BodyError
from kataven._http.connection import StreamConnection
from kataven._http.limiter import new_lease
from kataven._http.outcomes import (
    failure_from_body_error,
    failure_from_send_error,
    response_from,
    token_deadline_failure,
)
from kataven._http.sending import Sending
from kataven._http.transport_error import TransportError
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven._flow.effects import AnyEffect, Flow, Rejected
    from kataven._flow.operation import Attempt, Failure, Response
    from kataven._http.adapter import HttpxTransport
    from kataven._http.credentials import Credentials
    from kataven._http.limiter import Limiter
    from kataven._http.request import RequestWriter
    from kataven._http.transport import Transport
    from kataven.clock import Clock

logger = logging.getLogger("kataven")

_PACKAGE: Final = __file__.rpartition("_http")[0]

T = TypeVar("T")
DriverT = TypeVar("DriverT")
ConnectionT = TypeVar("ConnectionT")


class Usable:
    """What both drivers know about their own life."""

    def __init__(self) -> None:
        self.closed = False
        self._pid = os.getpid()
        self._made_at = _line_outside()

    @property
    def forked(self) -> bool:
        """Whether this is a child of the process that made the client."""
        return self._pid != os.getpid()

    def warn_if_unclosed(self, name: str, *, open_connections: bool) -> None:
        """Warn of a client that was dropped and not closed, at the line that made it."""
        if open_connections and not (self.closed or self.forked):
            warnings.warn_explicit(
                f"unclosed {name}, made in this line: close it, or use it in a 'with' statement",
                ResourceWarning,
                *self._made_at,
                source=self,
            )

    def check_usable(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: If the client is closed, or was made before a fork.
        """
        if self.closed:
            raise ConfigurationError("this client is closed; create a new one")
        if self.forked:
            raise ConfigurationError(
                "this client was created before a fork: its connections belong to the parent "
                "process, and two processes on one connection mix up their responses; create a "
                "client in the child process"
            )


def _line_outside() -> tuple[str, int]:
    """Return file and line of the code that makes a client."""
    # The constructors of the driver and of the client lie between; a pickle adds one more.
    level = 4
    file, line, *_ = logger.findCaller(stacklevel=level)
    while file.startswith(_PACKAGE) and level < 8:
        level += 1
        file, line, *_ = logger.findCaller(stacklevel=level)
    return file, line


@dataclass(slots=True, eq=False, repr=False)
class RunState(Generic[DriverT, ConnectionT]):
    """What one flow holds while it runs.

    Attributes:
        driver: Performs what the flow yields.
        connection: The flow's event stream, or None to make one when it is needed.
        on_error: Called with whatever ends the flow early, or None.
        attempt: What it sent last, or is about to send.
        lease: The lease of a call, until its response has arrived.
    """

    driver: DriverT
    connection: ConnectionT | None = None
    on_error: Callable[[BaseException], None] | None = None
    attempt: Attempt | None = None
    lease: str | None = None

    def note(self, interruption: BaseException) -> None:
        """Say on an interruption whether the Hub may have processed a write."""
        note = None if self.attempt is None else self.attempt.interrupted_note()
        if note is not None and note not in getattr(interruption, "__notes__", ()):
            interruption.add_note(note)

    def report(self, error: BaseException) -> None:
        """Call ``on_error``."""
        if self.on_error is not None:
            self.on_error(error)


class Driver(Usable):
    """Runs flows in the calling thread.

    Args:
        writer: Writes requests for the base URL.
        credentials: The token to send.
        clock: How to wait.
        transport: Sends requests.
        limiter: The rate limiter, or None.
    """

    def __init__(
        self,
        writer: RequestWriter,
        credentials: Credentials,
        clock: Clock,
        transport: Transport | HttpxTransport,
        limiter: Limiter | None,
    ) -> None:
        super().__init__()
        self.writer = writer
        self.credentials = credentials
        self.clock = clock
        self.transport = transport
        self.limiter = limiter
        # The event streams that may be open.
        self.connections: WeakSet[StreamConnection] = WeakSet()

    def close(self) -> None:
        """Close the connections, except those of a caller's own client.

        In a child process this closes its copies of the sockets, and leaves the connections alone.
        """
        self.closed = True
        # A thread that waits for an item wakes up, and finds that the client is closed.
        for connection in tuple(self.connections):
            connection.wake()
        self.transport.close()
        if self.limiter is not None and not self.forked:
            self.limiter.store.close()

    def __del__(self) -> None:
        # One whose __init__ failed has nothing to close.
        transport = getattr(self, "transport", None)
        if transport is not None and not self.closed:
            self.warn_if_unclosed("KatavenClient", open_connections=transport.has_connections)
            transport.close()

    def run(
        self,
        flow: Flow[T],
        on_item: Callable[[Any], object] | None = None,
        on_error: Callable[[BaseException], None] | None = None,
    ) -> T:
        """Run a flow to its end.

        Args:
            flow: The flow.
            on_item: Called with each item that the flow emits, or None.
            on_error: Called with whatever ends it early, before that is raised, or None.

        Returns:
            What the flow returned.
        """
        run = Run(self, None, on_error)
        try:
            result = self._run(flow, run, on_item)
            run.end()
            return result
        except BaseException as error:
            # No "finally": an interruption can come at any line, and this one runs after all.
            try:
                run.interrupted(error)
                flow.close()
            finally:
                run.end()
            raise

    def _run(self, flow: Flow[T], run: Run, on_item: Callable[[Any], object] | None) -> T:
        outcome: Any = None
        raised: BaseException | None = None
        while True:
            try:
                effect = flow.send(outcome) if raised is None else flow.throw(raised)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome, raised = None, None
            if isinstance(effect, Emit):
                outcome, raised = _pass_on(effect, on_item)
                continue
            try:
                outcome = run.perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow adds what it knows
                raised = error

    def release(self, lease: str | None) -> None:
        """Release a lease."""
        if lease is not None and self.limiter is not None:
            self.limiter.release(lease)

    def renew(self, lease: str | None) -> None:
        """Renew a lease that is held for long."""
        if lease is not None and self.limiter is not None:
            self.limiter.renew(lease)

    def send(self, effect: Send) -> Response | Failure:
        """Send a request once and read its response."""
        self.check_usable()
        token = self.credentials.current()
        remaining: float | None = None
        if effect.deadline is not None:
            remaining = effect.deadline - self.clock.now()
            if remaining <= 0:
                return token_deadline_failure()
        operation = effect.attempt.operation
        request = self.writer.write(operation.method, operation.target, token, files=operation.form)
        sending = Sending(effect.timeout, remaining, own_connection=operation.writes)
        effect.attempt.progress = sending
        try:
            response = self.transport.open(request, sending)
        except TransportError as error:
            return failure_from_send_error(error, sending, token)
        try:
            body = Body(response.content_encoding)
            for chunk in response:
                body.feed(chunk)
            return response_from(response.status, response.headers, body.complete(), token)
        except (TransportError, BodyError) as error:
            return failure_from_body_error(error, response.status, response.headers, token)
        finally:
            response.close()


def _pass_on(
    effect: Emit, on_item: Callable[[Any], object] | None
) -> tuple[bool, Exception | None]:
    """Pass items on; return whether there was any, and what producing them raised."""
    emitted = False
    items = iter(effect.items)
    while True:
        try:
            item = next(items)
        except StopIteration:
            return emitted, None
        except Exception as error:  # noqa: BLE001 - the flow knows what its items raise
            return emitted, error
        emitted = True
        if on_item is not None:
            on_item(item)


class Run(RunState[Driver, StreamConnection]):
    """One flow that a blocking driver runs, and what it holds."""

    __slots__ = ()

    def perform(self, effect: AnyEffect) -> Any:
        """Perform one effect; the type of the result is the effect's own."""
        driver = self.driver
        if isinstance(effect, ReadStream):
            return None if self.connection is None else self.connection.read()
        if isinstance(effect, OpenStream):
            if self.connection is None:
                self.connection = StreamConnection(driver)
            self.attempt = None
            return self.connection.open(effect)
        # A flow that asks for anything else has finished with its stream.
        self._close_connection()
        if isinstance(effect, Send):
            self.attempt = effect.attempt
            try:
                return driver.send(effect)
            finally:
                self._release()
        if isinstance(effect, Acquire):
            return self._acquire(effect)
        if isinstance(effect, Sleep):
            driver.clock.sleep(effect.seconds)
            return None
        if isinstance(effect, RunInThread):
            return effect.function()
        if isinstance(effect, RefreshToken):
            return driver.credentials.refresh(effect.refused)
        if isinstance(effect, PauseLimiter):
            return None if driver.limiter is None else driver.limiter.pause(effect.seconds)
        if isinstance(effect, Emit):
            raise TypeError("only the code that runs the flow can hand out its items")
        assert_never(effect)

    def _acquire(self, effect: Acquire) -> Rejected | None:
        driver = self.driver
        self.attempt = effect.attempt
        # Before the limiter: its store belongs to the process that made it.
        driver.check_usable()
        if driver.limiter is None:
            return None
        if effect.stream:
            if self.connection is None:
                self.connection = StreamConnection(driver)
            lease = self.connection.lease = new_lease()
        else:
            lease = self.lease = new_lease()
        rejected = driver.limiter.acquire(effect, lease)
        if rejected is not None:
            self._release()
            self._close_connection()
        return rejected

    def _release(self) -> None:
        if self.lease is not None:
            self.driver.release(self.lease)
            self.lease = None

    def _close_connection(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def interrupted(self, error: BaseException) -> None:
        """Do what must be done after an exception, which may have come at any line."""
        self.report(error)
        if isinstance(error, Exception):
            return
        self.note(error)
        # Nothing continues what was interrupted in the middle, so its connection is ended, and the
        # pool is left, which may have been in the middle of a step.
        if self.attempt is not None and self.attempt.progress is not None:
            self.attempt.progress.abandon()
        if self.connection is not None:
            self.connection.wake()
        self.driver.transport.forget()

    def end(self) -> None:
        """Release everything that the flow still holds."""
        try:
            self._release()
        finally:
            self._close_connection()
