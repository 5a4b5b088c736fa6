"""Who waits for the budget, and in which order: one gate for each client.

Within a process the waiting calls queue, and only their head asks the store. Control calls have a
lane of their own, so that a stop never waits behind a bulk read. What may be admitted is the
store's to say.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from kataven._core.budget import Wait
from kataven._core.operation import Denied
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kataven._core.budget import Left
    from kataven._core.operation import Admit, Pause
    from kataven._core.stores import Store
    from kataven.clock import Clock

logger = logging.getLogger("kataven")

# How often the head of a lane asks a store again that cannot tell it when a lease comes back.
_POLL: Final = 0.05


class _Shared:
    """What both gates share."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    def left(self) -> Left:
        """What is left of the budget."""
        return self.store.left(self.clock.now())

    def _refused(self, effect: Admit, wait: Wait) -> Denied | None:
        """Denied where the wait would pass the call's limit."""
        if effect.limit is not None:
            left = effect.limit - self.clock.now()
            if left <= 0 or (not wait.busy and wait.seconds > left):
                return Denied(wait.seconds)
        return None


class Gate(_Shared):
    """The gate of a blocking client.

    Args:
        store: Who admits.
        clock: How to wait.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self._lanes: dict[bool, deque[threading.Event]] = {True: deque(), False: deque()}
        self._lock = threading.Lock()
        self._given_back = threading.Condition()

    def admit(self, effect: Admit) -> Any:
        """Take a lease, waiting for it; Denied where that would pass the call's limit."""
        with self._turn(effect) as mine:
            if not mine:
                return Denied(0.0)
            told = False
            while True:
                lease = self.store.take(self.clock.now(), control=effect.control)
                if not isinstance(lease, Wait):
                    return lease
                denied = self._refused(effect, lease)
                if denied is not None:
                    return denied
                if not told:
                    told = True
                    effect.told(lease.seconds)
                if lease.busy:
                    with self._given_back:
                        self._given_back.wait(_POLL)
                else:
                    self.clock.sleep(lease.seconds)

    @contextmanager
    def _turn(self, effect: Admit) -> Iterator[bool]:
        """Stand in the lane until all before have been admitted; False where the limit passed."""
        lane = self._lanes[effect.control]
        ticket = threading.Event()
        with self._lock:
            lane.append(ticket)
            if lane[0] is ticket:
                ticket.set()
        try:
            left = None if effect.limit is None else max(0.0, effect.limit - self.clock.now())
            yield ticket.wait(left)
        finally:
            with self._lock:
                lane.remove(ticket)
                if lane:
                    lane[0].set()

    def release(self, lease: Any) -> None:
        """Give a lease back."""
        try:
            self.store.give_back(lease)
        except KatavenError as error:
            # The answer is in hand; a lease that stays ends by itself.
            logger.warning("a lease could not be given back: %s", error)
        with self._given_back:
            self._given_back.notify_all()

    def keep(self, lease: Any) -> None:
        """Renew a lease that is held for long."""
        self.store.keep(lease, self.clock.now())

    def pause(self, effect: Pause) -> None:
        """Hold everybody back, but for control calls."""
        self.store.pause(self.clock.now(), effect.seconds)


class AsyncGate(_Shared):
    """The gate of an async client.

    Args:
        store: Who admits; one that may wait for a disk or a network is asked in a thread.
        clock: How to wait.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self._lanes: dict[bool, deque[Any]] = {True: deque(), False: deque()}
        # Heads of lanes that wait for a lease to come back.
        self._heads: set[Any] = set()

    async def _ask(self, step: Any) -> Any:
        if not self.store.blocks:
            return step()
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        return await asyncio.get_running_loop().run_in_executor(None, step)

    async def admit(self, effect: Admit) -> Any:
        """Take a lease, waiting for it; Denied where that would pass the call's limit."""
        async with self._turn(effect) as mine:
            if not mine:
                return Denied(0.0)
            told = False
            while True:
                lease = await self._take(effect)
                if not isinstance(lease, Wait):
                    return lease
                denied = self._refused(effect, lease)
                if denied is not None:
                    return denied
                if not told:
                    told = True
                    effect.told(lease.seconds)
                if lease.busy:
                    await self._until_given_back()
                else:
                    waiting = self.clock.sleep(lease.seconds)
                    if waiting is not None:
                        await waiting

    async def _take(self, effect: Admit) -> Any:
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        def step() -> Any:
            return self.store.take(self.clock.now(), control=effect.control)

        if not self.store.blocks:
            return step()
        taking = asyncio.get_running_loop().run_in_executor(None, step)
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # The thread goes on; what it takes for a call that is no more goes back.
            taking.add_done_callback(self._give_back_result)
            raise

    def _give_back_result(self, taking: Any) -> None:
        if not taking.cancelled() and taking.exception() is None:
            lease = taking.result()
            if not isinstance(lease, Wait):
                threading.Thread(target=self.store.give_back, args=(lease,)).start()

    @asynccontextmanager
    async def _turn(self, effect: Admit) -> AsyncIterator[bool]:
        """Stand in the lane until all before have been admitted; False where the limit passed."""
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        lane = self._lanes[effect.control]
        ticket = asyncio.get_running_loop().create_future()
        lane.append(ticket)
        if lane[0] is ticket:
            ticket.set_result(True)
        try:
            left = None if effect.limit is None else max(0.0, effect.limit - self.clock.now())
            done, _ = await asyncio.wait({ticket}, timeout=left)
            yield bool(done)
        finally:
            lane.remove(ticket)
            if lane and not lane[0].done():
                head = lane[0]
                head.get_loop().call_soon_threadsafe(_call_up, head)

    async def _until_given_back(self) -> None:
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        head = asyncio.get_running_loop().create_future()
        self._heads.add(head)
        try:
            await asyncio.wait({head}, timeout=_POLL)
        finally:
            self._heads.discard(head)

    async def release(self, lease: Any) -> None:
        """Give a lease back."""
        try:
            await self._ask(lambda: self.store.give_back(lease))
        except KatavenError as error:
            # The answer is in hand; a lease that stays ends by itself.
            logger.warning("a lease could not be given back: %s", error)
        for head in tuple(self._heads):
            head.get_loop().call_soon_threadsafe(_call_up, head)

    async def keep(self, lease: Any) -> None:
        """Renew a lease that is held for long."""
        await self._ask(lambda: self.store.keep(lease, self.clock.now()))

    async def pause(self, effect: Pause) -> None:
        """Hold everybody back, but for control calls."""
        await self._ask(lambda: self.store.pause(self.clock.now(), effect.seconds))


def _call_up(ticket: Any) -> None:
    if not ticket.done():
        ticket.set_result(True)
