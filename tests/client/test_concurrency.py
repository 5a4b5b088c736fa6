"""Many concurrent calls on one client, in threads, tasks and event loops, and what they leave."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import pytest

import kataven
from tests.support.clients import KEY, Awaited, Blocking, DrivenClock
from tests.support.http import Request, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, reset, wait_for


def _by_id(request: Request) -> bytes:
    return response(200, {"id": request.path.rpartition("/")[2]})


def test_fifty_concurrent_calls_each_get_their_own_response(
    caller: Blocking, hub: LoopbackHub
) -> None:
    together = threading.Barrier(50)

    def decide(request: Request) -> bytes:
        # No response is sent before all fifty are in flight.
        together.wait(PATIENCE)
        return _by_id(request)

    hub.on_request = decide
    client = caller.client(hub)
    ids = [f"c{number}" for number in range(50)]
    results = caller.together([lambda i=i: client.campaigns.get(i) for i in ids])
    assert [result["id"] for result in results] == ids


def test_fifty_concurrent_calls_survive_faults(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(
        *[(reset,), response(503, "down"), response(429, "rate_limited", [("Retry-After", "1")])]
        * 6
    )
    client = caller.client(hub, clock=clock, max_retries=18)
    results = caller.together([lambda: client.campaigns.get("c1")] * 30)
    assert results == [{"id": "c1"}] * 30
    assert hub.arrived(48) == 48


def test_first_calls_from_many_threads_create_one_pool(
    blocking: Blocking, hub: LoopbackHub
) -> None:
    hub.on_request = _by_id
    client = blocking.client(hub)
    start = threading.Barrier(16)

    def call() -> Any:
        start.wait(PATIENCE)
        return client.campaigns.get("c1")

    assert blocking.together([call] * 16) == [{"id": "c1"}] * 16
    client.close()
    wait_for(lambda: hub.open_connections == 0)


def test_the_blocking_client_works_inside_a_running_loop(
    blocking: Blocking, hub: LoopbackHub
) -> None:
    client = blocking.client(hub)

    async def cell_of_a_notebook() -> Any:
        return client.campaigns.get("c1"), list(
            client.campaigns.stream_events("c1", reconnect=False)
        )

    hub.respond(
        response(200, {"id": "c1"}),
        response(200, b": x\n\n", [("Content-Type", "text/event-stream")]),
    )
    assert asyncio.run(cell_of_a_notebook()) == ({"id": "c1"}, [": x"])


def test_the_async_client_works_in_one_loop_after_another(hub: LoopbackHub) -> None:
    client = kataven.AsyncKatavenClient(KEY, base_url=hub.url)

    async def call() -> Any:
        result = await client.campaigns.get("c1")
        await asyncio.sleep(0)
        return result

    async def call_and_close() -> Any:
        result = await call()
        await client.aclose()
        return result

    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert first.run(call()) == {"id": "c1"}
        assert second.run(call()) == {"id": "c1"}
        assert first.run(call_and_close()) == {"id": "c1"}
        assert hub.connections == 2
        # A connection belongs to the event loop that opened it.
        second.run(client.aclose())


def test_cancelling_one_call_leaves_other_tasks_running(awaited: Awaited, hub: LoopbackHub) -> None:
    hub.on_request = _by_id
    client = awaited.client(hub)

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(client.campaigns.get(f"c{n}")) for n in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = awaited.run(main())
    for number, result in enumerate(results):
        if number % 3:
            assert result == {"id": f"c{number}"}
        else:
            assert isinstance(result, asyncio.CancelledError)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")
def test_faults_leave_no_descriptor_and_no_thread_behind(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    faults = [
        (reset,),
        response(503, "x"),
        response(200, b"{", length=9),
        response(200, b"{}", [("Content-Encoding", "br")]),
        response(302, "", [("Location", "/")]),
        response(200, b"no json"),
    ]
    faults[2] = (faults[2], reset)
    client = caller.client(hub, clock=clock, max_retries=0)
    caller.call(client.campaigns.get, "c1")

    def fail() -> None:
        for fault in faults:
            hub.respond(fault)
            with pytest.raises(kataven.KatavenError):
                caller.call(client.campaigns.get, "c1")
        caller.call(client.campaigns.get, "c1")

    fail()
    wait_for(lambda: hub.open_connections <= 1)
    descriptors = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    for _ in range(5):
        fail()
    wait_for(lambda: hub.open_connections <= 1)
    wait_for(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    wait_for(lambda: threading.active_count() <= threads)
