"""How calls leave the rate limiter: interrupted, refused late, or left in a loop that was closed."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from kataven import ConfigurationError, RateLimits
from kataven._flow.effects import Acquire, Rejected
from kataven._flow.operation import Attempt
from kataven._flow.ratelimit import Wait
from kataven._http.limiter import AsyncLimiter, Limiter
from kataven._http.stores.memory import MemoryStore
from kataven._http.stores.redis import RedisStore
from kataven._http.stores.sqlite import SQLiteStore
from kataven.campaigns import operations
from tests.support.clients import START, DrivenClock
from tests.support.leases import take
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


def effect(deadline: float | None = None) -> Acquire:
    """What a call asks of the rate limiter."""
    return Acquire(Attempt(operations.get_campaign("c1")), deadline, lambda _seconds: None)


class Interrupted(MemoryStore):
    """A store during whose first release Ctrl-C is pressed."""

    pressed = False

    def release(self, lease: str) -> None:
        if not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt
        super().release(lease)


def test_an_interruption_while_a_lease_is_released_releases_it_all_the_same() -> None:
    limiter = Limiter(Interrupted(RateLimits(concurrent=1)), DrivenClock())
    assert limiter.acquire(effect(), "first") is None

    with pytest.raises(KeyboardInterrupt):
        limiter.release("first")

    assert limiter.status().concurrent == 1


class Slow(MemoryStore):
    """A store that blocks until ``gate`` is set, and then fails."""

    blocks = True

    def __init__(self, limits: RateLimits) -> None:
        super().__init__(limits)
        self.gate = threading.Event()
        self.failed = threading.Event()
        self.released: list[str] = []

    def acquire(self, *_arguments: Any, **_options: Any) -> Wait | None:
        assert self.gate.wait(PATIENCE)
        self.failed.set()
        raise ConfigurationError("the store is gone")

    def release(self, lease: str) -> None:
        self.released.append(lease)


def test_a_store_that_fails_after_the_deadline_has_granted_no_lease() -> None:
    store = Slow(RateLimits(concurrent=1))
    clock = DrivenClock()
    limiter = AsyncLimiter(store, clock)

    async def run() -> Rejected | None:
        deadline = clock.now() + 0.01
        asking = asyncio.create_task(limiter.acquire(effect(deadline), "late"))
        await asyncio.sleep(0)
        clock.advance(1)
        rejected = await asking
        store.gate.set()
        await asyncio.to_thread(store.failed.wait, 10)
        # The callback of the step that failed runs in this loop.
        for _ in range(10):
            await asyncio.sleep(0)
        return rejected

    assert isinstance(asyncio.run(run()), Rejected)
    assert store.released == []


def test_calls_left_in_a_closed_loop_do_not_hold_up_the_next_loop() -> None:
    limiter = AsyncLimiter(MemoryStore(RateLimits(concurrent=1)), DrivenClock())
    closed = asyncio.new_event_loop()

    async def begin() -> list[asyncio.Task[Any]]:
        assert await limiter.acquire(effect(), "held") is None
        left = [asyncio.create_task(limiter.acquire(effect(), f"left {i}")) for i in range(3)]
        await asyncio.sleep(0)
        return left

    left = closed.run_until_complete(begin())
    for task in left:
        # asyncio would print that they were pending; that is what is tested.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    closed.close()

    async def next_loop() -> Rejected | None:
        await limiter.release("held")
        return await asyncio.wait_for(limiter.acquire(effect(), "next"), PATIENCE)

    assert asyncio.run(next_loop()) is None
    assert limiter.status().concurrent == 0
    # Their ends find neither their place in the queue nor a loop to wake.
    left.clear()
    del task
    gc.collect()
    asyncio.run(limiter.release("next"))
    assert limiter.status().concurrent == 1


def test_a_store_in_use_by_another_thread_is_busy_for_an_impatient_call(tmp_path: Path) -> None:
    store = SQLiteStore(RateLimits(concurrent=1, store=str(tmp_path / "budget.db")))
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._lock:
            taken.set()
            assert done.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(PATIENCE)
    try:
        busy = store.acquire(START, "first", control=False, patience=0.01)
        with pytest.raises(ConfigurationError, match="it is locked"):
            store._step(lambda _db: None, 0.01)
    finally:
        done.set()
        holder.join()

    assert busy == Wait(0.0, busy=True)
    assert isinstance(take(store, START, control=False), str)
    store.close()


def test_a_file_that_is_locked_while_it_is_opened_is_tried_again(tmp_path: Path) -> None:
    path = str(tmp_path / "budget.db")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE other (a)")
    # SQLite refuses a change of the journal at once, without waiting, while another writes.
    holder.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as pool:
        opening = pool.submit(SQLiteStore, RateLimits(per_minute=2, store=path))
        # Neither open nor refused while the file is locked.
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.2)
        holder.rollback()
        store = opening.result(timeout=PATIENCE)

    assert isinstance(take(store, START, control=False), str)
    store.close()
    holder.close()


def test_a_file_with_other_tables_of_the_same_names_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "other.db")
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE stamps (something)")
    other.close()

    with pytest.raises(
        ConfigurationError,
        match=r"cannot be used: .*column",
    ):
        SQLiteStore(RateLimits(per_minute=2, store=path))


def test_leaving_the_queue_twice_calls_the_next_and_keeps_its_place() -> None:
    """An interruption may come after a call has left; it then leaves once more."""
    limiter = Limiter(MemoryStore(RateLimits(concurrent=1)), DrivenClock())
    queue = limiter._queues[False]
    first: SimpleQueue[None] = SimpleQueue()
    second: SimpleQueue[None] = SimpleQueue()
    queue += (first, second)

    limiter._leave(queue, first)
    limiter._leave(queue, first)

    assert list(queue) == [second]
    assert not second.empty()


def test_a_limit_that_cannot_be_shown_is_refused_by_its_type() -> None:
    with pytest.raises(ValueError, match="not a value of type int"):
        RateLimits(per_minute=-(10**5000))


def test_renewing_in_redis_does_nothing_without_a_limit_of_requests_in_flight(
    redis_url: str,
) -> None:
    store = RedisStore(RateLimits(per_minute=5, store=redis_url, name="renewing"))
    assert isinstance(take(store, START, control=False), str)
    before = store.status(START)

    store.renew("any", START)
    store.release("any")

    assert store.status(START) == before
    store.close()
