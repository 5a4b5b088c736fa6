"""The iterators over what a flow gives: blocking and awaited.

They run a flow and own the event stream that it may open: closing, dropping or cancelling them ends
its connection. They decide nothing.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from kataven._core.operation import Admit, Give, Open, Read, Send, Sleep
from kataven._core.steps import NOTHING, Steps

if TYPE_CHECKING:
    from kataven._core.operation import Flow
    from kataven._core.senders import AsyncDriver, BlockingDriver
    from kataven.events.ports import AsyncPort, BlockingPort

T = TypeVar("T")

# What Python says where two threads ask a generator at once.
_TAKEN_AT_THE_SAME_TIME: Final = "generator already executing"


class FlowIterator(Steps[T]):
    """What a flow gives, as an iterator.

    Lazy: nothing is sent before the first item is asked for. Use it as a context manager, or close
    it; dropping it closes it too. It may be closed from another thread while this one waits for an
    item (on Windows the waiting one may notice only at the next byte).

    Args:
        driver: Carries out what the flow yields.
        flow: What to run.
        port: Where the flow's event stream is opened.
        resumes: Whether the iteration goes on after an interrupted wait.
    """

    def __init__(
        self,
        driver: BlockingDriver,
        flow: Flow[Any],
        port: BlockingPort,
        *,
        resumes: bool = True,
    ) -> None:
        super().__init__(flow, port, resumes=resumes)
        self._driver = driver
        self._turn = threading.RLock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        """The next item.

        Raises:
            StopIteration: The server closed the stream, or this iterator was closed.
            KatavenError: As the method that made it says.
        """
        # Nearly every item is at hand. A lock for each would cost more than all else here, and so
        # would a call: the loop asks the iterator without one.
        try:
            for item in self._items:
                return item
        except BaseException as error:  # noqa: BLE001 - sorted out there
            self._broke(error)
        with self._turn:
            item = self._left_by_others()
            if item is NOTHING:
                item = self._run()
        if self._closed and not self._finished:
            # Closed while the turn was let go of, so nobody else cleans up.
            self.close()
            item = NOTHING
        if item is NOTHING:
            raise StopIteration
        return item

    def _left_by_others(self) -> Any:
        """An item that another thread has fetched while this one waited for its turn."""
        while self._raised is None:
            try:
                for item in self._items:
                    return item
                break
            except BaseException as error:  # noqa: BLE001 - sorted out there
                self._broke(error)
        return NOTHING

    def _broke(self, error: BaseException) -> None:
        """Sort out what came of taking an item."""
        if str(error) == _TAKEN_AT_THE_SAME_TIME:
            # Another thread decodes an item, which takes microseconds.
            time.sleep(0)
        elif isinstance(error, Exception):
            self._raised = error
        else:
            # Decoding was interrupted: what came behind that item is lost, so is the connection.
            self._port.close()
            raise error

    def _run(self) -> Any:
        """Run the flow until it gives an item or ends, and end the connection with it."""
        try:
            item = self._step()
        except BaseException:
            if self._finished:
                self._end()
            raise
        if self._finished or self._closed:
            self._end()
            return NOTHING
        return item

    def _step(self) -> Any:
        outcome, raised = self._handed_over()
        while not self._finished and not self._closed:
            effect = self._effect
            if effect is None:
                effect = self._advance(outcome, raised)
                outcome, raised = None, None
            if effect is None:
                break
            # Stays set where carrying it out is interrupted.
            self._effect = effect
            try:
                if type(effect) is Give:
                    item = self._first(effect.items)
                    if item is not NOTHING:
                        return item
                    outcome = False
                else:
                    outcome = self._perform(effect)
            except Exception as error:  # noqa: BLE001 - the flow may know what to do
                raised = error
            except BaseException as interruption:
                self._port.close()
                self._interrupted(effect, interruption)
                raise
            self._effect = None
        return NOTHING

    def _perform(self, effect: Any) -> Any:
        if type(effect) is Read:
            return self._port.read()
        if type(effect) is Open:
            return self._port.open(effect)
        # A flow that asks for anything else has done with its stream.
        self._port.close()
        if type(effect) is Admit:
            return self._admitted(effect, self._driver.admit(effect))
        if type(effect) is Send:
            if self._call_lease is None and self._admission is not None:
                # Sent anew: the interruption gave the lease back.
                self._call_lease = self._driver.admit(replace(self._admission, limit=None))
            try:
                outcome = self._driver.once(effect)
            finally:
                self._driver.release(self._let_go())
            self._admission = None
            return outcome
        if type(effect) is Sleep:
            for nap in self._naps(effect, self._driver.clock):
                self._driver.clock.sleep(nap)
            return None
        return self._driver.once(effect)

    def _end(self) -> None:
        self._finished = True
        self._items = iter(())
        self._flow.close()
        self._driver.release(self._let_go())
        self._port.close()

    def close(self) -> None:
        """End the iteration and the connection at once; nothing is opened again."""
        self._closed = True
        self._port.shut()
        # While another thread reads, that thread cleans up: it is woken by the shut connection.
        if self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_finished", True):
            self.close()


class AsyncFlowIterator(Steps[T]):
    """What a flow gives, as an async iterator.

    Lazy: nothing is sent before the first item is asked for. Use it as an async context manager, or
    close it with ``aclose()``; dropping it ends its connection too. A cancelled wait for an item
    ends the connection, not the iteration: the next item opens the stream anew.

    Args:
        driver: Carries out what the flow yields.
        flow: What to run.
        port: Where the flow's event stream is opened.
        resumes: Whether the iteration goes on after a cancelled wait.
    """

    def __init__(
        self,
        driver: AsyncDriver,
        flow: Flow[Any],
        port: AsyncPort,
        *,
        resumes: bool = True,
    ) -> None:
        super().__init__(flow, port, resumes=resumes)
        self._driver = driver
        self._reading = False
        self._loop: Any = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next item.

        Raises:
            StopAsyncIteration: The server closed the stream, or this iterator was closed.
            KatavenError: As the method that made it says.
        """
        try:
            # A loop, because it asks the iterator without a call; nearly all items end here.
            for item in self._items:
                return item
        except Exception as error:  # noqa: BLE001 - the flow knows what its items raise
            self._raised = error
        if self._reading:
            raise RuntimeError("another task waits for the next item already")
        self._reading = True
        try:
            item = await self._run()
        finally:
            self._reading = False
        if item is NOTHING:
            raise StopAsyncIteration
        return item

    async def _run(self) -> Any:
        """Run the flow until it gives an item or ends, and end the connection with it."""
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        self._loop = asyncio.get_running_loop()
        try:
            item = await self._step()
        except BaseException:
            if self._finished:
                await self._end()
            raise
        if self._finished or self._closed:
            await self._end()
            return NOTHING
        return item

    async def _step(self) -> Any:
        outcome, raised = self._handed_over()
        while not self._finished and not self._closed:
            effect = self._effect
            if effect is None:
                effect = self._advance(outcome, raised)
                outcome, raised = None, None
            if effect is None:
                break
            # Stays set where carrying it out is cancelled.
            self._effect = effect
            try:
                if type(effect) is Give:
                    item = self._first(effect.items)
                    if item is not NOTHING:
                        return item
                    outcome = False
                else:
                    outcome = await self._perform(effect)
            except Exception as error:  # noqa: BLE001 - the flow may know what to do
                raised = error
            except BaseException as interruption:
                await self._port.close()
                self._interrupted(effect, interruption)
                raise
            self._effect = None
        return NOTHING

    async def _perform(self, effect: Any) -> Any:
        if type(effect) is Read:
            return await self._port.read()
        if type(effect) is Open:
            return await self._port.open(effect)
        # A flow that asks for anything else has done with its stream.
        await self._port.close()
        if type(effect) is Admit:
            return self._admitted(effect, await self._driver.admit(effect))
        if type(effect) is Send:
            if self._call_lease is None and self._admission is not None:
                # Sent anew: the cancellation gave the lease back.
                self._call_lease = await self._driver.admit(replace(self._admission, limit=None))
            try:
                outcome = await self._driver.once(effect)
            finally:
                await self._driver.release(self._let_go())
            self._admission = None
            return outcome
        if type(effect) is Sleep:
            for nap in self._naps(effect, self._driver.clock):
                waiting: Any = self._driver.clock.sleep(nap)
                if hasattr(waiting, "__await__"):
                    await waiting
            return None
        return await self._driver.once(effect)

    async def _end(self) -> None:
        self._finished = True
        self._items = iter(())
        self._flow.close()
        await self._driver.release(self._let_go())
        await self._port.close()

    async def aclose(self) -> None:
        """End the iteration and the connection at once; nothing is opened again."""
        self._closed = True
        self._port.shut()
        # While another task reads, that task cleans up: it is woken by the shut connection.
        if not self._reading:
            await self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_finished", True):
            return
        self._closed = self._finished = True
        self._port.shut()
        # At once: as a loop ends, it cancels what is asked of it here before that begins.
        for lease in (self._let_go(), self._port.take_lease()):
            self._driver.drop(lease)
        loop = self._loop
        if loop is not None and not loop.is_closed() and loop.is_running():
            closing = self._port.close()
            loop.call_soon_threadsafe(loop.create_task, closing)
