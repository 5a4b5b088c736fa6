"""The async driver: it runs flows in an event loop; the twin of ``driver``.

Performs each effect that a flow yields and sends its result back into the flow. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

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
from kataven._http.connection import AsyncStreamConnection
from kataven._http.driver import RunState, Usable
from kataven._http.limiter import new_lease
from kataven._http.outcomes import (
    deadline_failure,
    failure_from_body_error,
    failure_from_send_error,
    response_from,
    token_deadline_failure,
)
from kataven._http.sending import Sending
from kataven._http.threads import run_in_thread
from kataven._http.transport_error import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kataven._flow.effects import AnyEffect, Flow, Rejected
    from kataven._flow.operation import Failure, RawHeaders, Response
    from kataven._http.adapter import AsyncHttpxTransport
    from kataven._http.async_transport import AsyncTransport
    from kataven._http.credentials import AsyncCredentials, Token
    from kataven._http.limiter import AsyncLimiter
    from kataven._http.request import RequestWriter
    from kataven.clock import Clock

T = TypeVar("T")


class AsyncDriver(Usable):
    """Runs flows in the running event loop.

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
        credentials: AsyncCredentials,
        clock: Clock,
        transport: AsyncTransport | AsyncHttpxTransport,
        limiter: AsyncLimiter | None,
    ) -> None:
        super().__init__()
        self.writer = writer
        self.credentials = credentials
        self.clock = clock
        self.transport = transport
        self.limiter = limiter

    async def aclose(self) -> None:
        """Close the connections of the running loop, except those of a caller's own client."""
        self.closed = True
        if self.forked:
            # The event loop would stop watching the parent's sockets, too.
            return
        await self.transport.aclose()
        if self.limiter is not None:
            self.limiter.store.close()

    def __del__(self) -> None:
        transport = getattr(self, "transport", None)
        # What is open is closed by the event loop, or with it: nothing can be awaited here.
        if transport is not None:
            self.warn_if_unclosed("AsyncKatavenClient", open_connections=transport.has_connections)

    async def run(
        self,
        flow: Flow[T],
        on_item: Callable[[Any], object] | None = None,
        on_error: Callable[[BaseException], None] | None = None,
    ) -> T:
        """Run a flow to its end.

        Args:
            flow: The flow.
            on_item: Called with each item that the flow emits, or None; what it returns is awaited
                if it is awaitable.
            on_error: Called with whatever ends it early, before that is raised, or None.

        Returns:
            What the flow returned.
        """
        run = AsyncRun(self, None, on_error)
        try:
            result = await self._run(flow, run, on_item)
            await run.end()
            return result
        except BaseException as error:
            try:
                run.interrupted(error)
                flow.close()
                await run.end()
            except BaseException as second:
                # A second cancellation: nothing more can be awaited.
                run.interrupted(second)
                raise
            finally:
                run.drop()
            raise

    async def _run(
        self, flow: Flow[T], run: AsyncRun, on_item: Callable[[Any], object] | None
    ) -> T:
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
                outcome, raised = await _pass_on_awaited(effect, on_item)
                continue
            try:
                outcome = await run.perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow adds what it knows
                raised = error

    async def release(self, lease: str | None) -> None:
        """Release a lease."""
        if lease is not None and self.limiter is not None:
            await self.limiter.release(lease)

    def drop(self, lease: str | None) -> None:
        """Release a lease where nothing can be awaited any more."""
        if lease is not None and self.limiter is not None:
            self.limiter.drop(lease)

    async def renew(self, lease: str | None) -> None:
        """Renew a lease that is held for long."""
        if lease is not None and self.limiter is not None:
            await self.limiter.renew(lease)

    async def refresh(self, effect: RefreshToken) -> None:
        """Get a new token; wait for it until the deadline at most."""
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        left = None if effect.deadline is None else max(0.0, effect.deadline - self.clock.now())
        limit = asyncio.timeout(left)
        try:
            async with limit:
                await self.credentials.refresh(effect.refused)
        except TimeoutError:
            # The flow looks at the time itself, and says so.
            if not limit.expired():
                raise

    async def send(self, effect: Send) -> Response | Failure:
        """Send a request once and read its response."""
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        self.check_usable()
        sending = Sending(effect.timeout, None, own_connection=effect.attempt.operation.writes)
        effect.attempt.progress = sending
        if effect.deadline is None:
            return await self._send(effect, sending, _Known())
        known = _Known()
        limit = asyncio.timeout(max(0.0, effect.deadline - self.clock.now()))
        try:
            async with limit:
                return await self._send(effect, sending, known)
        except TimeoutError as error:
            if not limit.expired():
                raise
            sent = sending.may_have_been_sent
            return deadline_failure(error, sent=sent, head=known.head, token=known.token)

    async def _send(self, effect: Send, sending: Sending, known: _Known) -> Response | Failure:
        token = known.token = await self.credentials.current()
        if effect.deadline is not None and self.clock.now() >= effect.deadline:
            return token_deadline_failure()
        operation = effect.attempt.operation
        request = self.writer.write(operation.method, operation.target, token, files=operation.form)
        try:
            response = await self.transport.open(request, sending)
        except TransportError as error:
            return failure_from_send_error(error, sending, token)
        known.head = (response.status, response.headers)
        try:
            body = Body(response.content_encoding)
            async for chunk in response:
                body.feed(chunk)
            return response_from(response.status, response.headers, body.complete(), token)
        except (TransportError, BodyError) as error:
            return failure_from_body_error(error, response.status, response.headers, token)
        finally:
            await response.aclose()


class _Known:
    """What is known of a request when its deadline ends it."""

    __slots__ = ("head", "token")

    def __init__(self) -> None:
        self.head: tuple[int, RawHeaders] | None = None
        self.token: Token | None = None


async def _pass_on_awaited(
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
            returned = on_item(item)
            if isinstance(returned, Awaitable):
                await returned


class AsyncRun(RunState[AsyncDriver, AsyncStreamConnection]):
    """One flow that an async driver runs, and what it holds."""

    __slots__ = ()

    async def perform(self, effect: AnyEffect) -> Any:
        """Perform one effect; the type of the result is the effect's own."""
        driver = self.driver
        if isinstance(effect, ReadStream):
            return None if self.connection is None else await self.connection.read()
        if isinstance(effect, OpenStream):
            if self.connection is None:
                self.connection = AsyncStreamConnection(driver)
            self.attempt = None
            return await self.connection.open(effect)
        # A flow that asks for anything else has finished with its stream.
        await self._close_connection()
        if isinstance(effect, Send):
            self.attempt = effect.attempt
            try:
                return await driver.send(effect)
            finally:
                await self._release()
        if isinstance(effect, Acquire):
            return await self._acquire(effect)
        if isinstance(effect, Sleep):
            sleeping = driver.clock.sleep(effect.seconds)
            return await sleeping if isinstance(sleeping, Awaitable) else None
        if isinstance(effect, RunInThread):
            return await run_in_thread(effect.function)
        if isinstance(effect, RefreshToken):
            return await driver.refresh(effect)
        if isinstance(effect, PauseLimiter):
            return None if driver.limiter is None else await driver.limiter.pause(effect.seconds)
        if isinstance(effect, Emit):
            raise TypeError("only the code that runs the flow can hand out its items")
        assert_never(effect)

    async def _acquire(self, effect: Acquire) -> Rejected | None:
        driver = self.driver
        self.attempt = effect.attempt
        # Before the limiter: its store belongs to the process that made it.
        driver.check_usable()
        if driver.limiter is None:
            return None
        if effect.stream:
            if self.connection is None:
                self.connection = AsyncStreamConnection(driver)
            lease = self.connection.lease = new_lease()
        else:
            lease = self.lease = new_lease()
        try:
            rejected = await driver.limiter.acquire(effect, lease)
        except BaseException:
            # Without waiting: a store that stalls must not hold up a cancelled task. What it grants
            # after all, the limiter releases.
            self._forget(lease)
            driver.drop(lease)
            raise
        if rejected is not None:
            await self._release()
            await self._close_connection()
        return rejected

    def _forget(self, lease: str) -> None:
        if self.lease == lease:
            self.lease = None
        if self.connection is not None and self.connection.lease == lease:
            self.connection.lease = None

    async def _release(self) -> None:
        lease, self.lease = self.lease, None
        if lease is not None:
            await self.driver.release(lease)

    async def _close_connection(self) -> None:
        if self.connection is not None:
            await self.connection.close()

    def interrupted(self, error: BaseException) -> None:
        """Do what must be done after an exception, which may have come at any line."""
        self.report(error)
        if not isinstance(error, Exception):
            self.note(error)

    async def end(self) -> None:
        """Release everything that the flow still holds."""
        try:
            await self._release()
        finally:
            await self._close_connection()

    def drop(self) -> None:
        """Release leases and shut the connection where nothing can be awaited any more."""
        lease, self.lease = self.lease, None
        self.driver.drop(lease)
        if self.connection is not None:
            self.connection.drop()
