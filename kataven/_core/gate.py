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

from kataven._core.budget import DAY, PATIENCE, Wait
from kataven._core.operation import Denied
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from kataven._core.budget import Left
    from kataven._core.operation import Admit, Pause
    from kataven._core.stores import Store
    from kataven.clock import Clock

logger = logging.getLogger("kataven")

# How often the head of a lane asks a store again that cannot tell it when a lease comes back, and
# how long a call stands in its lane before it says so.
_POLL: Final = 0.05
# A lease that is held for long is renewed so often.
_KEEP_AFTER: Final = 30.0
# A server may ask for any pause; nobody is held back for longer than its longest window.
_LONGEST_PAUSE: Final = DAY


class _Shared:
    """What both gates share."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        # When the head of each lane asks again.
        self._until = {True: 0.0, False: 0.0}
        self._kept: dict[Any, float] = {}

    def left(self) -> Left:
        """What is left of the budget."""
        return self.store.left(self.clock.now())

    def _left_for(self, effect: Admit) -> float | None:
        return None if effect.limit is None else max(0.0, effect.limit - self.clock.now())

    def _at_most(self, effect: Admit, seconds: float) -> float:
        left = self._left_for(effect)
        return seconds if left is None else min(seconds, left)

    def _ask(self, effect: Admit) -> object | Wait:
        """Ask the store; one that is locked answers as one that is busy."""
        patience = self._at_most(effect, PATIENCE)
        return self.store.take(self.clock.now(), control=effect.control, patience=patience)

    def _refused(self, effect: Admit, wait: Wait) -> Denied | None:
        """Denied where the wait would pass the call's limit."""
        self._until[effect.control] = self.clock.now() + wait.seconds
        left = self._left_for(effect)
        if left is not None and (left <= 0 or (not wait.busy and wait.seconds > left)):
            return Denied(wait.seconds)
        return None

    def _ahead(self, effect: Admit) -> float:
        """For how many seconds at least the lane of a call stands still."""
        return max(0.0, self._until[effect.control] - self.clock.now())

    def _is_due(self, lease: Any) -> bool:
        """Whether a lease that is held for long must be renewed now."""
        if not self.store.blocks:
            # A lease in memory lasts as long as its process.
            return False
        now = self.clock.now()
        if now - self._kept.setdefault(lease, now) <= _KEEP_AFTER:
            return False
        self._kept[lease] = now
        return True

    def _renew(self, lease: Any) -> None:
        try:
            self.store.keep(lease, self.clock.now())
        except KatavenError as error:
            # The stream is open and goes on; it is counted again when the store is back.
            logger.warning("a lease could not be renewed: %s", error)

    def _pause(self, seconds: float) -> None:
        try:
            self.store.pause(self.clock.now(), min(seconds, _LONGEST_PAUSE))
        except KatavenError as error:
            # The Hub's answer counts; who does not know of the pause gets a 429 of their own.
            logger.warning("the others could not be told of a rate limit: %s", error)

    def _give_back(self, lease: Any) -> None:
        self._kept.pop(lease, None)
        try:
            self.store.give_back(lease)
        except KatavenError as error:
            # The answer is in hand; a lease that stays ends by itself.
            logger.warning("a lease could not be given back: %s", error)


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
        told = _Once(effect.told)
        with self._turn(effect, told) as mine:
            if not mine:
                return Denied(self._ahead(effect))
            while True:
                lease = self._ask(effect)
                if not isinstance(lease, Wait):
                    return lease
                denied = self._refused(effect, lease)
                if denied is not None:
                    return denied
                told(lease.seconds)
                if lease.busy:
                    with self._given_back:
                        self._given_back.wait(_POLL)
                else:
                    self.clock.sleep(lease.seconds)

    @contextmanager
    def _turn(self, effect: Admit, told: _Once) -> Iterator[bool]:
        """Stand in the lane until all before have been admitted; False where the limit passed."""
        lane = self._lanes[effect.control]
        ticket = threading.Event()
        with self._lock:
            lane.append(ticket)
            if lane[0] is ticket:
                ticket.set()
        try:
            if not ticket.is_set() and not ticket.wait(self._at_most(effect, _POLL)):
                told(self._ahead(effect))
            yield ticket.wait(self._left_for(effect))
        finally:
            with self._lock:
                lane.remove(ticket)
                if lane:
                    lane[0].set()

    def release(self, lease: Any) -> None:
        """Give a lease back."""
        self._give_back(lease)
        with self._given_back:
            self._given_back.notify_all()

    def keep(self, lease: Any) -> None:
        """Renew a lease that is held for long."""
        if self._is_due(lease):
            self._renew(lease)

    def pause(self, effect: Pause) -> None:
        """Hold everybody back, but for control calls."""
        self._pause(effect.seconds)


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

    async def _run(self, step: Callable[[], Any]) -> Any:
        if not self.store.blocks:
            return step()
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        # Shielded: a step that still waits for its thread would be dropped with its caller.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, step))

    async def admit(self, effect: Admit) -> Any:
        """Take a lease, waiting for it; Denied where that would pass the call's limit."""
        told = _Once(effect.told)
        async with self._turn(effect, told) as mine:
            if not mine:
                return Denied(self._ahead(effect))
            while True:
                lease = await self._take(effect)
                if not isinstance(lease, Wait):
                    return lease
                denied = self._refused(effect, lease)
                if denied is not None:
                    return denied
                told(lease.seconds)
                if lease.busy:
                    await self._until_given_back()
                else:
                    waiting = self.clock.sleep(lease.seconds)
                    if waiting is not None and hasattr(waiting, "__await__"):
                        await waiting

    async def _take(self, effect: Admit) -> Any:
        if not self.store.blocks:
            return self._ask(effect)
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        loop = asyncio.get_running_loop()
        taking = loop.run_in_executor(None, self._ask, effect)
        try:
            await asyncio.wait({taking}, timeout=self._left_for(effect))
            if taking.done():
                return taking.result()
        except asyncio.CancelledError:
            taking.add_done_callback(self._give_back_result)
            raise
        # The store is too slow for this call's limit.
        taking.add_done_callback(self._give_back_result)
        return Wait(0.0, busy=True)

    def _give_back_result(self, taking: Any) -> None:
        """What the thread took for a call that is no more goes back."""
        if not taking.cancelled() and taking.exception() is None:
            lease = taking.result()
            if not isinstance(lease, Wait):
                threading.Thread(target=self._give_back, args=(lease,)).start()

    @asynccontextmanager
    async def _turn(self, effect: Admit, told: _Once) -> AsyncIterator[bool]:
        """Stand in the lane until all before have been admitted; False where the limit passed."""
        import asyncio  # noqa: PLC0415 - loaded already by whoever runs a loop

        lane = self._lanes[effect.control]
        ticket = asyncio.get_running_loop().create_future()
        # Whoever stood here in a loop that was closed under him never leaves by himself.
        while lane and lane[0].get_loop().is_closed():
            lane.popleft()
        lane.append(ticket)
        if lane[0] is ticket:
            ticket.set_result(True)
        try:
            if not ticket.done():
                await asyncio.wait({ticket}, timeout=self._at_most(effect, _POLL))
            if not ticket.done():
                told(self._ahead(effect))
                await asyncio.wait({ticket}, timeout=self._left_for(effect))
            yield ticket.done()
        finally:
            if ticket in lane:
                lane.remove(ticket)
            if lane and not lane[0].done():
                _wake(lane[0])

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
        await self._run(lambda: self._give_back(lease))
        for head in tuple(self._heads):
            _wake(head)

    def drop(self, lease: Any) -> None:
        """Give a lease back where nothing can be awaited any more."""
        if self.store.blocks:
            threading.Thread(target=self._give_back, args=(lease,)).start()
        else:
            self._give_back(lease)

    async def keep(self, lease: Any) -> None:
        """Renew a lease that is held for long."""
        if self._is_due(lease):
            await self._run(lambda: self._renew(lease))

    async def pause(self, effect: Pause) -> None:
        """Hold everybody back, but for control calls."""
        await self._run(lambda: self._pause(effect.seconds))


class _Once:
    """Says a wait once, however often there is cause."""

    __slots__ = ("_said", "_say")

    def __init__(self, say: Callable[[float], None]) -> None:
        self._say = say
        self._said = False

    def __call__(self, seconds: float) -> None:
        if not self._said:
            self._said = True
            self._say(seconds)


def _wake(future: Any) -> None:
    """Set a future of any loop; one whose loop is closed has nobody to wake."""
    loop = future.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_call_up, future)


def _call_up(future: Any) -> None:
    if not future.done():
        future.set_result(True)
