"""What both rate limiters ask of a store, and what they do with its replies."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kataven import ConfigurationError, RateLimits
from kataven._flow.effects import Acquire, Rejected
from kataven._flow.operation import Attempt
from kataven._flow.ratelimit import DAY, Wait
from kataven._http.limiter import AsyncLimiter, Limiter
from kataven._http.stores.memory import MemoryStore
from kataven.campaigns import operations
from tests.support.clients import START, DrivenClock
from tests.support.patience import PATIENCE
from tests.support.server import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


class Scripted(MemoryStore):
    """A store that replies as it was told, and records what it was asked.

    Attributes:
        replies: The outcomes of the next admissions; granted when there is none left.
        asked: Each step: its name and arguments.
        error: What each step but an admission raises.
        threads: The threads in which it was asked.
    """

    def __init__(self, *replies: Wait | BaseException | None, blocks: bool = False) -> None:
        super().__init__(RateLimits())
        self.blocks = blocks
        self.replies = list(replies)
        self.asked: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self.threads: set[int] = set()

    def acquire(self, now: float, lease: str, *, control: bool, patience: float = -1) -> Any:
        self.asked.append(("acquire", now, lease, control, patience))
        self.threads.add(threading.get_ident())
        reply = self.replies.pop(0) if self.replies else None
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def release(self, lease: str) -> None:
        self._step("release", lease)

    def renew(self, lease: str, now: float) -> None:
        self._step("renew", lease, now)

    def pause(self, now: float, seconds: float) -> None:
        self._step("pause", now, seconds)

    def _step(self, *asked: Any) -> None:
        self.asked.append(asked)
        self.threads.add(threading.get_ident())
        if self.error is not None:
            raise self.error

    def names(self) -> list[str]:
        return [asked[0] for asked in self.asked]


class Made:
    """A rate limiter of either kind with its store and clock; every step is run to its end."""

    def __init__(self, kind: str, store: Scripted) -> None:
        self.store = store
        self.clock = DrivenClock()
        self.waits: list[float] = []
        self.runner = asyncio.Runner() if kind == "async" else None
        self.limiter: Any = (AsyncLimiter if self.runner else Limiter)(store, self.clock)

    def effect(self, seconds: float | None = None, *, control: bool = False) -> Acquire:
        named = operations.pause_campaign if control else operations.get_campaign
        deadline = None if seconds is None else START + seconds
        return Acquire(Attempt(named("c1")), deadline, self.waits.append)

    def acquire(
        self, seconds: float | None = None, lease: str = "a lease", *, control: bool = False
    ) -> Any:
        return self.run("acquire", self.effect(seconds, control=control), lease)

    def run(self, step: str, *arguments: Any) -> Any:
        if self.runner is None:
            return getattr(self.limiter, step)(*arguments)

        async def main() -> Any:
            async with asyncio.timeout(PATIENCE):
                return await getattr(self.limiter, step)(*arguments)

        return self.runner.run(main())


@pytest.fixture(params=["sync", "async", "async, store blocks"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Made]]:
    """Makes a rate limiter whose store gives some replies."""
    made: list[Made] = []
    kind, *blocks = request.param.split(", ")

    def make(*replies: Any) -> Made:
        made.append(Made(kind, Scripted(*replies, blocks=bool(blocks))))
        return made[-1]

    yield make
    for each in made:
        if each.runner is not None:
            each.runner.close()


def run_alone(made: Made, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on the loop of an async rate limiter, and end the loop."""
    assert made.runner is not None
    made.runner.run(main())
    made.runner.close()


BUSY = Wait(0.0, busy=True)


def test_the_store_learns_the_time_the_lease_and_how_long_it_may_take(
    make: Callable[..., Made],
) -> None:
    made = make()
    assert made.acquire() is None
    made.clock.advance(1)
    assert made.acquire(6, "another") is None
    assert made.acquire(600, control=True) is None
    assert made.store.asked == [
        ("acquire", START, "a lease", False, 30.0),
        ("acquire", START + 1, "another", False, 5.0),
        ("acquire", START + 1, "a lease", True, 30.0),
    ]
    assert made.waits == []


def test_a_store_that_blocks_is_asked_in_a_thread_of_its_own(make: Callable[..., Made]) -> None:
    made = make()
    made.acquire()
    made.run("pause", 1.0)
    made.run("release", "a lease")
    own = {threading.get_ident()}
    assert (made.store.threads & own == set()) if made.store.blocks else made.store.threads == own
    assert made.store.names() == ["acquire", "pause", "release"]
    assert made.store.asked[-1] == ("release", "a lease")


def test_a_wait_is_slept_and_reported_once_whatever_follows(make: Callable[..., Made]) -> None:
    made = make(Wait(3.0), BUSY, Wait(4.0), BUSY)
    assert made.acquire() is None
    assert made.clock.slept == [3.0, 4.0]
    assert made.waits == [3.0]
    assert [asked[:2] for asked in made.store.asked] == [
        ("acquire", START + seconds) for seconds in (0, 3, 3, 7, 7)
    ]
    assert not made.limiter._heads


def test_a_clock_whose_sleep_is_awaited_has_slept_when_the_store_is_asked_again() -> None:
    made = Made("async", Scripted(Wait(3.0)))
    made.clock.on_sleep = lambda _seconds: asyncio.sleep(0)
    assert made.acquire() is None
    assert made.store.asked[-1][1] == START + 3
    assert made.runner is not None
    made.runner.close()


@pytest.mark.parametrize(
    ("seconds", "reply", "outcome"),
    [
        (100, Wait(40.0), None),
        (5, Wait(5.1), Rejected(5.1)),
        (0.5, BUSY, None),
        (5, Wait(9.0, busy=True), None),
        (0, BUSY, Rejected(0.0)),
        (-5, BUSY, Rejected(0.0)),
        (0, Wait(0.0), Rejected(0.0)),
        (None, Wait(DAY), None),
    ],
)
def test_a_wait_past_the_deadline_is_refused_unless_a_lease_may_be_released_before(
    make: Callable[..., Made], seconds: float | None, reply: Wait, outcome: Rejected | None
) -> None:
    made = make(reply)
    assert made.acquire(seconds) == outcome
    assert made.waits == ([] if outcome else [reply.seconds])


def test_a_window_that_opens_at_the_deadline_is_waited_for() -> None:
    made = Made("sync", Scripted(Wait(5.0)))
    assert made.acquire(5) is None
    assert made.clock.slept == [5.0]


def test_after_a_refusal_or_an_error_the_next_call_is_first(make: Callable[..., Made]) -> None:
    gone = ConfigurationError("the store is gone")
    made = make(Wait(9.0), gone, gone)
    assert made.acquire(5) == Rejected(9.0)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="the store is gone"):
            made.acquire(5)
    # With a deadline: a call that waited for one of these would be refused.
    assert made.acquire(0.05) is None
    assert made.acquire(0.05, control=True) is None
    assert [len(queue) for queue in made.limiter._queues.values()] == [0, 0]
    assert not made.limiter._heads


def test_an_interrupted_call_leaves_the_queue() -> None:
    made = Made("sync", Scripted(KeyboardInterrupt("pressed")))
    with pytest.raises(KeyboardInterrupt, match="pressed"):
        made.acquire()
    assert made.acquire(0.05) is None


# Queues.


class Held:
    """A rate limiter in which the first call sleeps until the window opens, and others wait."""

    def __init__(self, kind: str) -> None:
        self.made = Made(kind, Scripted(Wait(61.0)))
        self.sleeping = threading.Event()
        self.awake = threading.Event()
        self.others: list[float] = []
        self.made.clock.on_sleep = self._sleep if kind == "sync" else self._sleep_async

    def _sleep(self, _seconds: float) -> None:
        self.sleeping.set()
        assert self.awake.wait(PATIENCE)

    async def _sleep_async(self, _seconds: float) -> None:
        self.sleeping.set()
        await becomes_set(self.awake)

    def other(self, seconds: float | None = None, *, control: bool = False) -> Acquire:
        named = operations.pause_campaign if control else operations.get_campaign
        deadline = None if seconds is None else START + seconds
        return Acquire(Attempt(named("c1")), deadline, self.others.append)


def test_calls_in_the_queue_of_threads_learn_how_long_it_does_not_move() -> None:
    held = Held("sync")
    limiter = held.made.limiter
    results: list[Any] = []
    first = threading.Thread(target=held.made.acquire)
    first.start()
    assert held.sleeping.wait(PATIENCE)
    assert limiter.acquire(held.other(0.01), "late") == Rejected(61.0)
    assert limiter.acquire(held.other(0.01, control=True), "control") is None
    assert held.others == [61.0]
    second = threading.Thread(
        target=lambda: results.append(limiter.acquire(held.other(), "second"))
    )
    second.start()
    wait_for(lambda: len(held.others) == 2)
    held.made.clock.advance(100)
    assert limiter._ahead(held.other()) == 0.0
    held.awake.set()
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert results == [None]
    assert held.others == [61.0, 61.0]
    assert [asked[2] for asked in held.made.store.asked] == [
        "a lease",
        "control",
        "a lease",
        "second",
    ]


def test_calls_in_the_queue_of_tasks_learn_how_long_it_does_not_move() -> None:
    held = Held("async")
    limiter = held.made.limiter

    async def main() -> None:
        async with asyncio.timeout(PATIENCE):
            first = asyncio.create_task(limiter.acquire(held.made.effect(), "a lease"))
            while not held.sleeping.is_set():
                await asyncio.sleep(0)
            assert await limiter.acquire(held.other(0.01), "late") == Rejected(61.0)
            assert await limiter.acquire(held.other(0.01, control=True), "control") is None
            assert held.others == [61.0]
            second = asyncio.create_task(limiter.acquire(held.other(), "second"))
            while len(held.others) < 2:
                await asyncio.sleep(0.002)
            held.awake.set()
            assert await first is None
            assert await second is None

    asyncio.run(main())
    assert held.others == [61.0, 61.0]
    assert [asked[2] for asked in held.made.store.asked] == [
        "a lease",
        "control",
        "a lease",
        "second",
    ]


# Leases, pauses and stores that fail.


def test_a_lease_in_memory_is_never_renewed(make: Callable[..., Made]) -> None:
    made = make()
    made.store.blocks = False
    for _ in range(3):
        made.run("renew", "a lease")
        made.clock.advance(100)
    assert made.store.asked == []


def test_a_lease_in_a_store_is_renewed_when_it_was_held_for_more_than_30_seconds(
    make: Callable[..., Made],
) -> None:
    made = make()
    made.store.blocks = True

    def renewed(lease: str, at: float) -> bool:
        made.clock.advance(START + at - made.clock.now())
        made.store.asked.clear()
        made.run("renew", lease)
        if made.store.asked:
            assert made.store.asked == [("renew", lease, START + at)]
        return bool(made.store.asked)

    assert not renewed("long", 0)
    assert not renewed("short", 20)
    assert not renewed("long", 30)
    assert renewed("long", 31)
    assert not renewed("short", 31)
    assert not renewed("long", 61)
    assert renewed("long", 62)
    assert renewed("short", 62)
    made.run("release", "long")
    assert not renewed("long", 100)
    assert renewed("short", 100)


def test_a_pause_is_at_most_a_day_long(make: Callable[..., Made]) -> None:
    made = make()
    made.run("pause", 5.0)
    made.run("pause", 10 * DAY)
    assert made.store.asked == [("pause", START, 5.0), ("pause", START, DAY)]


def test_a_store_that_fails_after_the_response_is_logged(
    make: Callable[..., Made], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "kataven")
    made = make()
    made.store.blocks = True
    made.store.error = ConfigurationError("the disk is full")
    made.run("renew", "a lease")
    made.clock.advance(31)
    made.run("renew", "a lease")
    made.run("pause", 5.0)
    made.run("release", "a lease")
    assert caplog.messages == [
        "a lease could not be renewed: the disk is full",
        "a pause could not be shared with other callers: the disk is full",
        "a lease could not be released: the disk is full",
    ]


# Stores that are slower than a call waits.


class Gated(Scripted):
    """A store whose admissions wait for ``gate``; ``began`` tells of each."""

    def __init__(self, *replies: Wait | BaseException | None) -> None:
        super().__init__(*replies, blocks=True)
        self.gate = threading.Event()
        self.began = threading.Event()
        self.released = threading.Event()

    def acquire(self, *arguments: Any, **options: Any) -> Any:
        reply = super().acquire(*arguments, **options)
        self.began.set()
        assert self.gate.wait(PATIENCE)
        return reply

    def release(self, lease: str) -> None:
        super().release(lease)
        self.released.set()


async def becomes_set(event: threading.Event) -> None:
    """Wait for an event of a thread, without a thread: those of the loop may all wait themselves."""
    async with asyncio.timeout(PATIENCE):
        while not event.is_set():
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_after_one_that_waits_for_the_store_expects_no_wait(
    kind: str, control: bool
) -> None:
    held = Held(kind)
    made, store = held.made, Gated()
    made.limiter.store = store
    # As early as a clock may be: nothing of the limiter is in the future.
    made.clock.advance(-START)
    late = held.other(0.01 - START, control=control)

    async def main() -> None:
        first = asyncio.create_task(made.limiter.acquire(made.effect(control=control), "a lease"))
        await becomes_set(store.began)
        assert await made.limiter.acquire(late, "late") == Rejected(0.0)
        store.gate.set()
        assert await first is None

    if kind == "async":
        asyncio.run(main())
    else:
        first = threading.Thread(
            target=lambda: made.limiter.acquire(made.effect(control=control), "a lease")
        )
        first.start()
        assert store.began.wait(PATIENCE)
        assert made.limiter.acquire(late, "late") == Rejected(0.0)
        store.gate.set()
        first.join(PATIENCE)
    assert held.others == [0.0]
    assert [asked[2] for asked in store.asked] == ["a lease"]


def test_a_lease_that_is_granted_after_the_deadline_is_released() -> None:
    made = Made("async", Gated())
    store: Any = made.store

    async def main() -> None:
        effect = made.effect(0.01)
        asking = asyncio.create_task(made.limiter.acquire(effect, "late"))
        await becomes_set(store.began)
        made.clock.advance(1)
        assert await asking == Rejected(0.0)
        assert "release" not in store.names()
        store.gate.set()
        await becomes_set(store.released)

    run_alone(made, main)
    assert store.asked[-1] == ("release", "late")


def test_a_lease_that_is_granted_to_a_cancelled_call_is_released() -> None:
    made = Made("async", Gated())
    store: Any = made.store

    async def main() -> None:
        asking = asyncio.create_task(made.limiter.acquire(made.effect(), "cancelled"))
        await becomes_set(store.began)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        store.gate.set()
        await becomes_set(store.released)

    run_alone(made, main)
    assert store.asked[-1] == ("release", "cancelled")


def test_a_store_that_is_slow_once_counts_as_busy() -> None:
    made = Made("async", Gated(None))
    store: Any = made.store

    async def main() -> None:
        asking = asyncio.create_task(made.limiter.acquire(made.effect(0.01), "a lease"))
        await becomes_set(store.began)
        store.began.clear()
        # The deadline of the driven clock has not passed: the store is asked again.
        await becomes_set(store.began)
        made.clock.advance(1)
        store.gate.set()
        await asking

    run_alone(made, main)
    assert made.clock.slept == []
    assert made.waits == [0.0]


# Only the async client drops leases.
@pytest.mark.parametrize("make", ["async", "async, store blocks"], indirect=True)
def test_a_lease_is_dropped_without_waiting_for_a_store_that_blocks(
    make: Callable[..., Made],
) -> None:
    made = make()
    made.limiter.drop("a lease")
    wait_for(lambda: made.store.asked == [("release", "a lease")])
    own = threading.get_ident()
    assert made.store.threads == {own} or made.store.blocks
    assert own not in made.store.threads or not made.store.blocks
