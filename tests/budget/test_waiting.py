"""Which calls wait for the rate limiter, how long, and what shows it; blocking and async."""

import asyncio
import logging
import os
import threading
from typing import Any

import pytest

from kataven import (
    APIConnectionError,
    APITimeoutError,
    AsyncKatavenClient,
    CallEvent,
    ConfigurationError,
    KatavenClient,
    RateLimitError,
    RateLimits,
    ResponseFormatError,
    ServerError,
)
from tests.support.clients import KEY, NOT_PROCESSED, Blocking, DrivenClock
from tests.support.http import Request, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, wait_for

CAMPAIGN = response(200, b'{"id": "c1"}', {"Content-Type": "application/json"})


def clock_for(caller: Blocking) -> DrivenClock:
    return DrivenClock()


def gets(client: Any, count: int) -> list[Any]:
    return [lambda: client.campaigns.get("c1")] * count


# Windows and leases.


def test_calls_wait_for_the_window_and_all_are_sent(caller: Blocking, hub: LoopbackHub) -> None:
    clock = clock_for(caller)
    client = caller.client(hub, rate_limits=RateLimits(per_minute=60), clock=clock)
    results = caller.together(gets(client, 150))
    assert [result["id"] for result in results] == ["c1"] * 150
    assert len(hub.requests) == 150
    assert clock.slept == pytest.approx([61.0, 61.0])


def test_fifty_concurrent_calls_share_the_leases(caller: Blocking, hub: LoopbackHub) -> None:
    gate = threading.Semaphore(0)

    def slow(_request: Request) -> None:
        gate.acquire(timeout=PATIENCE)

    hub.on_request = slow
    client = caller.client(hub, rate_limits=RateLimits.documented())
    at_most: list[int] = []

    def let_go() -> None:
        wait_for(lambda: hub.in_flight == 19)
        at_most.append(client.rate_limits.concurrent)
        gate.release(50)

    helper = threading.Thread(target=let_go)
    helper.start()
    results = caller.together(gets(client, 50))
    helper.join()
    assert [result["id"] for result in results] == ["c1"] * 50
    assert hub.max_in_flight == 19
    assert at_most == [0]
    assert client.rate_limits.concurrent == 19
    assert client.rate_limits.per_minute == 9


def test_a_view_shares_the_rate_limiter(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub, rate_limits=RateLimits(per_hour=10, headroom=0))
    view = client.with_options(timeout=5)
    caller.call(lambda: view.campaigns.get("c1"))
    caller.call(lambda: client.campaigns.get("c1"))
    assert view.rate_limits == client.rate_limits
    assert client.rate_limits.per_hour == 8
    assert caller.client(hub).rate_limits is None


FAULTS: dict[str, Any] = {
    "an error": response(500, b"database"),
    "a cost cap": response(429, b"Daily call limit reached"),
    "no JSON": response(200, b"<html>"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_call_releases_its_lease(caller: Blocking, hub: LoopbackHub, fault: str) -> None:
    limits = RateLimits(concurrent=1)
    client = caller.client(hub, rate_limits=limits, clock=clock_for(caller), max_retries=1)
    hub.always = FAULTS[fault]
    for _ in range(2):
        with pytest.raises((ServerError, RateLimitError, ResponseFormatError)):
            caller.call(lambda: client.campaigns.get("c1"))
    assert client.rate_limits.concurrent == 1


def test_a_failed_connection_releases_its_lease(caller: Blocking) -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        unreachable = type("Unreachable", (), {"url": f"http://127.0.0.1:{held.getsockname()[1]}"})
        limits = RateLimits(concurrent=1, per_hour=50, headroom=0)
        client = caller.client(unreachable, rate_limits=limits, clock=clock_for(caller))
        with pytest.raises(APIConnectionError):
            caller.call(lambda: client.campaigns.get("c1"))
        assert client.rate_limits.concurrent == 1
        # Each attempt is counted.
        assert client.rate_limits.per_hour == 46


def test_a_cancelled_call_releases_its_lease(hub: LoopbackHub) -> None:
    gate = threading.Event()

    def slow(_request: Request) -> None:
        gate.wait(PATIENCE)

    hub.on_request = slow

    async def main() -> None:
        limits = RateLimits(concurrent=1)
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            call = asyncio.create_task(client.campaigns.get("c1"))
            waiting = asyncio.create_task(client.campaigns.get("c2"))
            async with asyncio.timeout(PATIENCE):
                while not hub.requests:
                    await asyncio.sleep(0.002)
                waiting.cancel()
                call.cancel()
                for task in (call, waiting):
                    with pytest.raises(asyncio.CancelledError):
                        await task
                gate.set()
                assert (await client.campaigns.get("c3"))["id"] == "c1"
            assert [request.path for request in hub.requests] == [
                "/api/v1/campaigns/c1",
                "/api/v1/campaigns/c3",
            ]

    asyncio.run(main())


def test_calls_are_admitted_in_order(hub: LoopbackHub) -> None:
    async def main() -> None:
        limits = RateLimits(concurrent=1)
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            await asyncio.gather(*(client.campaigns.get(f"c{n}") for n in range(30)))

    asyncio.run(main())
    assert [request.path.rpartition("/")[2] for request in hub.requests] == [
        f"c{n}" for n in range(30)
    ]


# Deadlines.


def test_a_window_that_opens_after_the_deadline_is_not_waited_for(
    caller: Blocking, hub: LoopbackHub
) -> None:
    clock = clock_for(caller)
    limits = RateLimits(per_minute=2)
    client = caller.client(hub, rate_limits=limits, clock=clock, deadline=60)
    caller.together(gets(client, 2))
    with pytest.raises(APITimeoutError, match=r"61\.0 s") as caught:
        caller.call(lambda: client.campaigns.get("c1"))
    assert caught.value.request_sent is None
    with pytest.raises(APITimeoutError, match=NOT_PROCESSED) as caught:
        caller.call(lambda: client.campaigns.start("c1"))
    assert caught.value.request_sent is False
    assert clock.slept == []
    assert len(hub.requests) == 2
    # One second more is enough.
    patient = client.with_options(deadline=62)
    assert caller.call(lambda: patient.campaigns.get("c1"))["id"] == "c1"
    assert clock.slept == pytest.approx([61.0])


def test_a_lease_that_is_not_released_is_waited_for_until_the_deadline(
    caller: Blocking, hub: LoopbackHub, brief: Any
) -> None:
    arrived, gate = threading.Event(), threading.Event()

    def slow(_request: Request) -> None:
        arrived.set()
        gate.wait(PATIENCE)

    hub.on_request = slow
    client = caller.client(hub, rate_limits=RateLimits(concurrent=1))
    hurried = client.with_options(deadline=brief(0.3))

    def release() -> None:
        wait_for(lambda: len(late) == 3)
        gate.set()

    late: list[str] = []

    def on_late() -> None:
        late.append("late")

    helper = threading.Thread(target=release)
    helper.start()

    def after_the_first() -> Any:
        # Tasks start in order; threads do not.
        assert caller.name != "sync" or arrived.wait(PATIENCE)
        return _noted(caller, hurried, on_late)

    results = caller.together([lambda: client.campaigns.get("c1"), *[after_the_first] * 3])
    helper.join()
    assert results[0]["id"] == "c1"
    # The head of the queue and the calls after it alike.
    assert [type(result) for result in results[1:]] == [APITimeoutError] * 3
    assert len(hub.requests) == 1


def _noted(caller: Blocking, client: Any, on_late: Any) -> Any:
    """A call that reports when it was late: a value for one client, an awaitable for the other."""
    if caller.name == "sync":
        try:
            return client.campaigns.get("c1")
        except APITimeoutError:
            on_late()
            raise

    async def awaited() -> Any:
        # After the call that holds the lease.
        await asyncio.sleep(0.05)
        try:
            return await client.campaigns.get("c1")
        except APITimeoutError:
            on_late()
            raise

    return awaited()


# Hooks and logs.


def test_waiting_for_the_window_is_logged_and_calls_the_hook(
    caller: Blocking, hub: LoopbackHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kataven")
    seen: list[CallEvent] = []
    limits = RateLimits(per_minute=2)
    client = caller.client(hub, rate_limits=limits, clock=clock_for(caller), on_wait=seen.append)
    for _ in range(3):
        caller.call(lambda: client.campaigns.get("c1"))
    assert seen == [CallEvent("GET", "/campaigns/c1", 1, None, pytest.approx(61.0))]
    assert "GET /campaigns/c1" in caplog.text
    assert "61.0 s" in caplog.text
    assert KEY not in caplog.text


def test_a_call_that_waits_in_the_queue_calls_the_hook_too(
    caller: Blocking, hub: LoopbackHub
) -> None:
    seen: list[CallEvent] = []

    def slow(_request: Request) -> None:
        # Until the head of the queue and the two after it have reported that they wait.
        wait_for(lambda: len(seen) >= 3)

    hub.on_request = slow
    client = caller.client(hub, rate_limits=RateLimits(concurrent=1), on_wait=seen.append)
    results = caller.together(gets(client, 4))
    assert [result["id"] for result in results] == ["c1"] * 4
    assert len(seen) == 3


def test_a_hook_that_raises_changes_nothing(caller: Blocking, hub: LoopbackHub) -> None:
    def broken(_event: CallEvent) -> None:
        raise RuntimeError("mine")

    clock = clock_for(caller)
    limits = RateLimits(per_minute=1)
    client = caller.client(hub, rate_limits=limits, clock=clock, on_wait=broken)
    for _ in range(3):
        assert caller.call(lambda: client.campaigns.get("c1"))["id"] == "c1"


# Clients that must not be used.


@pytest.mark.parametrize("store", ["memory", "file"])
def test_a_closed_client_says_so(
    caller: Blocking, hub: LoopbackHub, tmp_path: Any, store: str
) -> None:
    path = "memory" if store == "memory" else str(tmp_path / "budget.db")
    client = caller.client(hub, rate_limits=RateLimits(per_minute=5, store=path))
    caller.call(lambda: client.campaigns.get("c1"))
    caller.close(client)
    with pytest.raises(ConfigurationError, match="closed"):
        caller.call(lambda: client.campaigns.get("c1"))
    assert len(hub.requests) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this machine cannot fork")
def test_a_forked_child_gets_an_error_before_it_uses_the_rate_limiter(
    hub: LoopbackHub, tmp_path: Any
) -> None:
    limits = RateLimits(per_hour=50, headroom=0, store=str(tmp_path / "budget.db"))
    with KatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
        client.campaigns.get("c1")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                client.campaigns.get("c1")
            except ConfigurationError as error:
                os.write(writing, str(error).encode())
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as said:
            assert "fork" in said.read()
        left = client.rate_limits
    assert left is not None
    assert left.per_hour == 49
    assert len(hub.requests) == 1


def test_a_clock_may_return_anything_from_its_sleep(caller: Blocking, hub: LoopbackHub) -> None:
    clock = DrivenClock()
    sleep = clock.sleep

    def tells_the_time(seconds: float) -> Any:
        sleep(seconds)
        return clock.now()

    clock.sleep = tells_the_time  # type: ignore[assignment, method-assign]
    client = caller.client(hub, rate_limits=RateLimits(per_minute=1), clock=clock)
    hub.respond(response(503, b"soon"))
    for _ in range(2):
        assert caller.call(lambda: client.campaigns.get("c1"))["id"] == "c1"
    assert len(clock.slept) == 3


# Loops that end.


def test_an_async_client_works_in_a_new_loop_after_one_that_was_interrupted(
    hub: LoopbackHub,
) -> None:
    gate = threading.Event()

    def slow(_request: Request) -> None:
        gate.wait(PATIENCE)

    hub.on_request = slow
    client = AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=RateLimits(concurrent=1))
    calls: list[Any] = []

    async def cut_off() -> None:
        calls.extend(asyncio.create_task(client.campaigns.get("c1")) for _ in range(3))
        async with asyncio.timeout(PATIENCE):
            while not hub.requests:
                await asyncio.sleep(0.002)

    # The end of the loop cancels the call with the lease and the two that wait for it.
    asyncio.run(cut_off())
    assert all(call.cancelled() for call in calls)
    gate.set()

    async def again() -> None:
        async with client, asyncio.timeout(PATIENCE):
            assert (await client.campaigns.get("c1"))["id"] == "c1"

    asyncio.run(again())


def test_two_event_loops_may_share_one_rate_limiter(hub: LoopbackHub) -> None:
    client = AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=RateLimits(concurrent=2))
    both_are_done = threading.Barrier(2)

    def in_a_loop() -> None:
        async def main() -> None:
            await asyncio.gather(*(client.campaigns.get("c1") for _ in range(20)))
            both_are_done.wait(PATIENCE)
            # Each loop closes the connections that it opened.
            await client.aclose()

        asyncio.run(main())

    threads = [threading.Thread(target=in_a_loop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(hub.requests) == 40
    assert hub.max_in_flight <= 2
