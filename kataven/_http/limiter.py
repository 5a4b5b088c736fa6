"""Who waits for the rate limiter, and in which order: one limiter for each client.

Within a process the waiting calls form a queue, and only its head asks the store. Control calls
have a queue of their own, so that a stop never waits for an ordinary call. What may be admitted is
decided by the store.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from contextlib import asynccontextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

from kataven._flow.effects import Rejected
from kataven._flow.ratelimit import DAY, PATIENCE, Wait
from kataven.errors import KatavenError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable

    from kataven._flow.effects import Acquire
    from kataven._flow.ratelimit import RateLimitStatus
    from kataven._http.stores import Store
    from kataven.clock import Clock

logger = logging.getLogger("kataven")

T = TypeVar("T")

# How often the head of a queue asks a store again that cannot notify it of a released lease, and
# how long a call waits in its queue before it reports the wait.
_POLL: Final = 0.05
# A lease that is held for long is renewed so often.
_RENEW_AFTER: Final = 30.0
# A server may ask for any pause; it holds calls back for the longest window at most.
_LONGEST_SHARED_PAUSE: Final = DAY


def new_lease() -> str:
    """Return a name for a lease, unique among all processes that share a store."""
    # As secrets.token_hex, whose module takes 8 ms to load.
    return os.urandom(8).hex()


class _Shared:
    """What both limiters share."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        # When the head of each queue asks again.
        self._until = {True: 0.0, False: 0.0}
        self._renewed: dict[str, float] = {}

    def status(self) -> RateLimitStatus:
        """Return what is left of the limits."""
        return self.store.status(self.clock.now())

    def _remaining(self, effect: Acquire) -> float | None:
        if effect.deadline is None:
            return None
        return max(0.0, effect.deadline - self.clock.now())

    def _at_most(self, effect: Acquire, seconds: float) -> float:
        left = self._remaining(effect)
        return seconds if left is None else min(seconds, left)

    def _ask(self, effect: Acquire, lease: str) -> Wait | None:
        """Ask the store; one that is locked counts as busy."""
        patience = self._at_most(effect, PATIENCE)
        control = effect.attempt.operation.control
        return self.store.acquire(self.clock.now(), lease, control=control, patience=patience)

    def _rejected(self, effect: Acquire, wait: Wait) -> Rejected | None:
        """Return Rejected if the wait would pass the deadline."""
        self._until[effect.attempt.operation.control] = self.clock.now() + wait.seconds
        left = self._remaining(effect)
        if left is not None and (left <= 0 or (not wait.busy and wait.seconds > left)):
            return Rejected(wait.seconds)
        return None

    def _ahead(self, effect: Acquire) -> float:
        """Return for how many seconds at least the queue of a call does not move."""
        return max(0.0, self._until[effect.attempt.operation.control] - self.clock.now())

    def _due(self, lease: str) -> bool:
        """Return whether a lease that is held for long must be renewed now."""
        if not self.store.blocks:
            # A lease in memory lasts as long as its process.
            return False
        now = self.clock.now()
        if now - self._renewed.setdefault(lease, now) <= _RENEW_AFTER:
            return False
        self._renewed[lease] = now
        return True

    def _renew(self, lease: str) -> None:
        try:
            self.store.renew(lease, self.clock.now())
        except KatavenError as error:
            # The stream is open and continues; it counts again when the store is back.
            logger.warning("a lease could not be renewed: %s", error)

    def _pause(self, seconds: float) -> None:
        try:
            self.store.pause(self.clock.now(), min(seconds, _LONGEST_SHARED_PAUSE))
        except KatavenError as error:
            # The Hub's response counts; callers that do not know of the pause get their own 429.
            logger.warning("a pause could not be shared with other callers: %s", error)

    def _release(self, lease: str) -> None:
        self._renewed.pop(lease, None)
        try:
            self.store.release(lease)
        except KatavenError as error:
            # The response has arrived; a lease that stays expires by itself.
            logger.warning("a lease could not be released: %s", error)
        except BaseException:
            # An interruption must not keep the slot. Releasing twice is harmless.
            self.store.release(lease)
            raise


class Limiter(_Shared):
    """The rate limiter of a blocking client.

    Args:
        store: Decides what is admitted.
        clock: How to wait.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        # A ticket is a SimpleQueue and not an Event or a Condition: it is a single step in C, so an
        # interruption cannot leave a lock inside it taken.
        self._queues: dict[bool, deque[SimpleQueue[None]]] = {True: deque(), False: deque()}
        self._lock = threading.Lock()
        # Heads of queues that wait for a lease to be released.
        self._heads: set[SimpleQueue[None]] = set()

    def acquire(self, effect: Acquire, lease: str) -> Rejected | None:
        """Wait until ``lease`` is granted; return Rejected if that would pass the deadline."""
        queue = self._queues[effect.attempt.operation.control]
        ticket: SimpleQueue[None] = SimpleQueue()
        try:
            rejected = self._acquire(effect, lease, queue, ticket)
            self._leave(queue, ticket)
            return rejected
        except BaseException:
            # Also after an interruption: a ticket that stays would block every call after it.
            self._leave(queue, ticket)
            raise

    def _acquire(
        self,
        effect: Acquire,
        lease: str,
        queue: deque[SimpleQueue[None]],
        ticket: SimpleQueue[None],
    ) -> Rejected | None:
        report = _Once(effect.on_wait)
        with self._lock:
            queue.append(ticket)
            if queue[0] is ticket:
                ticket.put(None)
        if not _came(ticket, self._at_most(effect, _POLL)):
            report(self._ahead(effect))
            if not _came(ticket, self._remaining(effect)):
                return Rejected(self._ahead(effect))
        while True:
            wait = self._ask(effect, lease)
            if wait is None:
                return None
            rejected = self._rejected(effect, wait)
            if rejected is not None:
                return rejected
            report(wait.seconds)
            if wait.busy:
                self._heads.add(ticket)
                _came(ticket, _POLL)
            else:
                self.clock.sleep(wait.seconds)

    def _leave(self, queue: deque[SimpleQueue[None]], ticket: SimpleQueue[None]) -> None:
        self._heads.discard(ticket)
        with self._lock:
            if ticket in queue:
                queue.remove(ticket)
            if queue:
                queue[0].put(None)

    def release(self, lease: str) -> None:
        """Release a lease."""
        self._release(lease)
        # A copy made in one step: other threads add and discard meanwhile.
        for head in self._heads.copy():
            head.put(None)

    def renew(self, lease: str) -> None:
        """Renew a lease that is held for long."""
        if self._due(lease):
            self._renew(lease)

    def pause(self, seconds: float) -> None:
        """Hold back every call, except control calls."""
        self._pause(seconds)


class AsyncLimiter(_Shared):
    """The rate limiter of an async client.

    Args:
        store: Decides what is admitted; one that may block is asked in a thread.
        clock: How to wait.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self._queues: dict[bool, deque[asyncio.Future[bool]]] = {True: deque(), False: deque()}
        # Heads of queues that wait for a lease to be released.
        self._heads: set[asyncio.Future[bool]] = set()

    async def _run(self, step: Callable[[], T]) -> T:
        if not self.store.blocks:
            return step()
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        # Shielded: a step that still waits for its thread would be dropped with its caller.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, step))

    async def acquire(self, effect: Acquire, lease: str) -> Rejected | None:
        """Wait until ``lease`` is granted; return Rejected if that would pass the deadline."""
        report = _Once(effect.on_wait)
        async with self._turn(effect, report) as mine:
            if not mine:
                return Rejected(self._ahead(effect))
            while True:
                wait = await self._ask_store(effect, lease)
                if wait is None:
                    return None
                rejected = self._rejected(effect, wait)
                if rejected is not None:
                    return rejected
                report(wait.seconds)
                if wait.busy:
                    await self._until_released()
                else:
                    sleeping = self.clock.sleep(wait.seconds)
                    if sleeping is not None and hasattr(sleeping, "__await__"):
                        await sleeping

    async def _ask_store(self, effect: Acquire, lease: str) -> Wait | None:
        if not self.store.blocks:
            return self._ask(effect, lease)
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        loop = asyncio.get_running_loop()
        asking = loop.run_in_executor(None, self._ask, effect, lease)
        try:
            await asyncio.wait({asking}, timeout=self._remaining(effect))
            if asking.done():
                return asking.result()
        except asyncio.CancelledError:
            asking.add_done_callback(lambda _: self.drop(lease))
            raise
        # The store is too slow for this deadline.
        asking.add_done_callback(lambda done: self._release_late(done, lease))
        return Wait(0.0, busy=True)

    def _release_late(self, asked: asyncio.Future[Wait | None], lease: str) -> None:
        """Release a lease that was granted only after the call had given up."""
        if not asked.cancelled() and asked.exception() is None:
            self.drop(lease)

    @asynccontextmanager
    async def _turn(self, effect: Acquire, report: _Once) -> AsyncIterator[bool]:
        """Wait in the queue until all calls ahead were admitted; False if the deadline passed."""
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        queue = self._queues[effect.attempt.operation.control]
        ticket: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        # A call whose loop was closed never leaves the queue by itself.
        while queue and queue[0].get_loop().is_closed():
            queue.popleft()
        queue.append(ticket)
        if queue[0] is ticket:
            ticket.set_result(True)
        try:
            if not ticket.done():
                await asyncio.wait({ticket}, timeout=self._at_most(effect, _POLL))
            if not ticket.done():
                report(self._ahead(effect))
                await asyncio.wait({ticket}, timeout=self._remaining(effect))
            yield ticket.done()
        finally:
            if ticket in queue:
                queue.remove(ticket)
            if queue and not queue[0].done():
                _wake(queue[0])

    async def _until_released(self) -> None:
        import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

        head: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._heads.add(head)
        try:
            await asyncio.wait({head}, timeout=_POLL)
        finally:
            self._heads.discard(head)

    async def release(self, lease: str) -> None:
        """Release a lease."""
        await self._run(lambda: self._release(lease))
        for head in tuple(self._heads):
            _wake(head)

    def drop(self, lease: str) -> None:
        """Release a lease where nothing can be awaited any more."""
        if self.store.blocks:
            threading.Thread(target=self._release, args=(lease,)).start()
        else:
            self._release(lease)

    async def renew(self, lease: str) -> None:
        """Renew a lease that is held for long."""
        if self._due(lease):
            await self._run(lambda: self._renew(lease))

    async def pause(self, seconds: float) -> None:
        """Hold back every call, except control calls."""
        await self._run(lambda: self._pause(seconds))


class _Once:
    """Reports a wait once, however often there is cause."""

    __slots__ = ("_on_wait", "_reported")

    def __init__(self, on_wait: Callable[[float], None]) -> None:
        self._on_wait = on_wait
        self._reported = False

    def __call__(self, seconds: float) -> None:
        if not self._reported:
            self._reported = True
            self._on_wait(seconds)


def _came(ticket: SimpleQueue[None], timeout: float | None) -> bool:
    """Wait for a ticket to be called, at most so many seconds; return whether it was."""
    try:
        ticket.get(timeout=timeout)
    except Empty:
        return False
    return True


def _wake(future: asyncio.Future[bool]) -> None:
    """Set a future of any loop; with its loop closed nothing waits for it."""
    loop = future.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_set, future)


def _set(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(True)
