"""The async iterator over what a flow emits; the twin of ``iterator``, whose states it shares.

A cancelled wait for an item does not end the iteration; what was to be done is done at the next
request for an item.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from kataven._flow.effects import (
    Acquire,
    AnyEffect,
    Emit,
    Interrupted,
    OpenStream,
    ReadStream,
    Send,
    Sleep,
)
from kataven._http.async_driver import AsyncRun
from kataven._http.connection import AsyncStreamConnection
from kataven._http.iterator import (
    BUSY,
    ENDED,
    FORKED,
    INTERRUPTED,
    NOTHING,
    READY,
    RUNNING,
    IteratorState,
)
from kataven._http.usage import AsyncUsage, wrong_keyword
from kataven.errors import KatavenError

if TYPE_CHECKING:
    import asyncio

    from kataven._flow.effects import Flow
    from kataven._http.async_driver import AsyncDriver

T = TypeVar("T")


class AsyncFlowIterator(IteratorState[T], AsyncUsage):
    """What a flow emits, as an async iterator.

    Lazy: nothing is sent before the first item is requested. Use it as an async context manager, or
    close it with ``aclose()``; dropping it ends its connection too. One task uses it at a time: a
    second one that asks for an item meanwhile gets a ``RuntimeError``.

    A cancelled wait for an item ends the connection, not the iteration: the next request for an
    item opens a new connection. After any other exception that the SDK did not raise itself, the
    iterator is closed, and the next request for an item raises an error that says so.
    """

    def __init__(self, driver: AsyncDriver, flow: Flow[Any]) -> None:
        super().__init__(flow)
        self._driver = driver
        self._connection = AsyncStreamConnection(driver)
        self._run = AsyncRun(driver, self._connection)
        self._loop: asyncio.AbstractEventLoop | None = None
        # After a cancellation: the effects to perform before the flow continues, or its outcome.
        self._pending: list[AnyEffect] = []
        self._outcome: Interrupted | None = None
        # What was asked of the rate limiter for the call in progress.
        self._acquired: Acquire | None = None
        # Whether the exception on its way is a cancellation after which the iteration continues.
        self._resumable = False

    def __aiter__(self) -> Self:
        return self

    if not TYPE_CHECKING:

        def __iter__(self) -> NoReturn:
            wrong_keyword(self, "async for", "for")

        def __next__(self) -> NoReturn:
            wrong_keyword(self, "await anext(...)", "next(...)")

    async def __anext__(self) -> T:
        """Return the next item.

        Raises:
            StopAsyncIteration: The flow has ended, or the iterator was closed.
            KatavenError: As documented by the method that returned the iterator.
            RuntimeError: Another task is waiting for an item.
        """
        refusal: Exception | None = None
        try:
            if self._state != READY:
                refusal = self._refusal(StopAsyncIteration)
                raise refusal  # noqa: TRY301 - every line of this method must be guarded
            self._state = BUSY
            # Nearly every item is here already. A `for` asks for it without a Python call.
            for item in self._items:
                self._state = READY
                return item  # type: ignore[no-any-return]
            return await self._advance(None)
        except BaseException as error:
            if error is refusal:
                raise
            return await self._recover(error)

    async def _recover(self, error: BaseException) -> T:
        """Let the flow handle what its items raised; after anything else, close the iterator."""
        try:
            if self._state == BUSY and isinstance(error, Exception):
                return await self._advance(error)
        except BaseException as raised:
            await self._fail(raised)
            raise
        await self._fail(error)
        raise error

    async def _advance(self, raised: Exception | None) -> T:
        """Run the flow until it emits an item or ends."""
        self._state = RUNNING
        item = await self._step(raised)
        if item is NOTHING or self._closed:
            await self._clean_up()
            if self._state == INTERRUPTED:
                raise self._interrupted_error()
            self._end()
        self._state = READY
        return item  # type: ignore[no-any-return]

    def _end(self) -> NoReturn:
        raise StopAsyncIteration

    async def _step(self, raised: BaseException | None) -> Any:
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        self._loop = asyncio.get_running_loop()
        outcome: Any = True if self._emitting else self._outcome
        self._emitting = False
        self._outcome = None
        while not self._closed:
            if self._pending:
                effect: AnyEffect | None = self._pending.pop(0)
            else:
                effect = self._resume(outcome, raised)
            outcome, raised = None, None
            if effect is None:
                break
            begun = self._driver.clock.now()
            try:
                if isinstance(effect, ReadStream):
                    outcome = await self._connection.read()
                elif isinstance(effect, Emit):
                    item = self._first(effect)
                    if item is not NOTHING:
                        return item
                    outcome = False
                else:
                    outcome = await self._run.perform(effect)
                    self._remember(effect)
            except asyncio.CancelledError:
                self._prepare(effect, self._driver.clock.now() - begun)
                try:
                    await self._connection.close()
                finally:
                    # Still running until here: another task must not enter meanwhile.
                    self._resumable = True
                raise
            except BaseException as error:  # noqa: BLE001 - the flow may know what to do
                raised = error
        return NOTHING

    def _remember(self, effect: AnyEffect) -> None:
        """Remember what a call in progress asked of the rate limiter."""
        if isinstance(effect, Acquire):
            self._acquired = None if effect.stream else effect
        elif isinstance(effect, Send):
            self._acquired = None

    def _prepare(self, effect: AnyEffect, elapsed: float) -> None:
        """Prepare to continue, after a cancellation, at the next request for an item."""
        # Before what an earlier cancellation has left to do.
        if isinstance(effect, OpenStream | ReadStream):
            self._outcome = Interrupted()
        elif isinstance(effect, Sleep):
            self._pending.insert(0, Sleep(max(0.0, effect.seconds - elapsed)))
        elif isinstance(effect, Send) and self._acquired is not None:
            # The cancellation released the lease. Without a deadline it is never rejected.
            self._pending[:0] = [replace(self._acquired, deadline=None), effect]
        else:
            self._pending.insert(0, effect)

    async def _fail(self, error: BaseException) -> None:
        """Close the iterator after an exception, unless it continues after a cancellation."""
        if self._resumable:
            self._resumable = False
            self._state = READY
            return
        # First of all, so that nothing below can leave it looking finished.
        self._state = INTERRUPTED
        orderly = isinstance(error, StopAsyncIteration | KatavenError)
        if not orderly:
            self._run.interrupted(error)
        await self._clean_up()
        if orderly:
            self._state = ENDED

    async def _clean_up(self) -> None:
        self._closed = True
        self._items = iter(())
        try:
            self._flow.close()
        finally:
            await self._run.end()

    async def aclose(self) -> None:
        """End the iteration and the connection at once; nothing is reopened."""
        self._closed = True
        if self._state == FORKED:
            return
        self._connection.shut()
        # While another task waits for an item, that task wakes up and cleans up.
        if self._state not in {BUSY, RUNNING}:
            if self._state == READY:
                self._state = ENDED
            await self._clean_up()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # An iterator whose __init__ failed has nothing to close.
        if getattr(self, "_closed", True):
            return
        self._closed = True
        if self._state == FORKED:
            return
        # Leases at once: a loop that ends cancels what is scheduled here before it begins.
        self._run.drop()
        loop = self._loop
        if loop is not None and not loop.is_closed() and loop.is_running():
            closing = self._connection.close()
            loop.call_soon_threadsafe(loop.create_task, closing)
