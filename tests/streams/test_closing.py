"""Closing a stream ends its connection at once, from any thread or task, and opens nothing again."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sqlite3
import ssl
import subprocess
import threading
import weakref
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from kataven import APITimeoutError, AsyncKatavenClient, RateLimits
from tests.support.clients import KEY, DrivenClock
from tests.support.http import END, data, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, silence, stream, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE, TWO = data({"n": 1}), data({"n": 2})
QUIET = stream(ONE, end="silent")


class Reading:
    """A thread that reads a stream to its end."""

    def __init__(self, events: Any) -> None:
        self.items: list[Any] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, args=(events,))
        self._thread.start()

    def _read(self, events: Any) -> None:
        try:
            for item in events:
                self.items.append(item)
        except BaseException as error:
            self.error = error

    def end(self) -> list[Any]:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the reader still waits"
        assert self.error is None
        return self.items


def test_closing_between_items_closes_the_connection_at_once(hub: LoopbackHub, caller: Any) -> None:
    hub.events(stream(ONE + TWO, end="silent"))
    client = caller.client(hub)
    events = client.campaigns.stream_events("c1")
    assert caller.next(events) == {"n": 1}
    hub.wait_until_silent()
    caller.close(events)
    hub.wait_until_left()
    # The second frame was already received; a closed stream yields nothing all the same.
    assert caller.rest(events) == []
    caller.close(events)
    hub.wait_until_disconnected()
    assert len(hub.requests) == 1


def test_an_ended_stream_does_not_occupy_its_connection(hub: LoopbackHub, caller: Any) -> None:
    hub.events(stream(ONE, END))
    client = caller.client(hub)
    for _ in range(3):
        assert len(caller.rest(client.campaigns.stream_events("c1"))) == 2
    # At most one idle connection is kept.
    wait_for(lambda: hub.open_connections <= 1)


def test_a_context_manager_closes_what_an_error_left_open(hub: LoopbackHub, blocking: Any) -> None:
    hub.events(QUIET)
    client = blocking.client(hub)
    with (
        pytest.raises(ZeroDivisionError),
        client.campaigns.stream_events("c1") as events,
    ):
        next(events)
        raise ZeroDivisionError
    hub.wait_until_left()
    hub.wait_until_disconnected()


def test_an_async_context_manager_closes_too(hub: LoopbackHub, awaited: Any) -> None:
    hub.events(QUIET)
    client = awaited.client(hub)

    async def read() -> None:
        async with client.campaigns.stream_events("c1") as events:
            await anext(events)

    awaited.call(read)
    hub.wait_until_left()
    hub.wait_until_disconnected()


def test_another_thread_closes_while_a_read_is_blocked(hub: LoopbackHub, blocking: Any) -> None:
    hub.events(QUIET)
    client = blocking.client(hub)
    events = client.campaigns.stream_events("c1")
    reading = Reading(events)
    hub.wait_until_silent()
    wait_for(lambda: reading.items == [{"n": 1}])
    events.close()
    hub.wait_until_left()
    assert reading.end() == [{"n": 1}]
    hub.wait_until_disconnected()
    assert len(hub.requests) == 1


def test_another_thread_closes_a_body_that_ends_with_its_connection(
    hub: LoopbackHub, blocking: Any
) -> None:
    hub.events(stream(ONE, end="silent", framing="eof"))
    events = blocking.client(hub).campaigns.stream_events("c1")
    reading = Reading(events)
    hub.wait_until_silent()
    events.close()
    hub.wait_until_left()
    reading.end()
    assert len(hub.requests) == 1


def test_another_thread_closes_while_the_response_is_awaited(
    hub: LoopbackHub, blocking: Any
) -> None:
    hub.events(silence)
    client = blocking.client(hub)
    events = client.campaigns.stream_events("c1")
    reading = Reading(events)
    hub.wait_until_silent()
    events.close()
    hub.wait_until_left()
    assert reading.end() == []
    hub.wait_until_disconnected()
    assert len(hub.requests) == 1


@pytest.fixture
def tls_hub(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A Hub with TLS and a certificate of its own that the client trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate of this test, is not there")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with LoopbackHub(tls=context) as hub:
        yield hub


def test_another_thread_closes_a_read_that_is_blocked_with_tls(
    tls_hub: LoopbackHub, blocking: Any
) -> None:
    tls_hub.events(QUIET)
    client = blocking.client(tls_hub)
    events = client.campaigns.stream_events("c1")
    reading = Reading(events)
    tls_hub.wait_until_silent()
    wait_for(lambda: reading.items == [{"n": 1}])
    events.close()
    tls_hub.wait_until_left()
    assert reading.end() == [{"n": 1}]
    tls_hub.wait_until_disconnected()


def test_the_total_timeout_bounds_a_stream_with_tls(
    tls_hub: LoopbackHub, caller: Any, brief: Any
) -> None:
    tls_hub.events(QUIET)
    events = caller.client(tls_hub).campaigns.stream_events("c1", total_timeout=brief(0.3))
    with pytest.raises(APITimeoutError):
        caller.rest(events)
    tls_hub.wait_until_left()


def test_a_tls_stream_is_dropped_cancelled_and_closed_at_once(
    tls_hub: LoopbackHub, awaited: Any, brief: Any
) -> None:
    tls_hub.events(QUIET)
    client = awaited.client(tls_hub)

    async def in_three_ways() -> None:
        events = client.campaigns.stream_events("c1")
        await anext(events)
        del events
        await asyncio.to_thread(tls_hub.wait_until_left)
        events = client.campaigns.stream_events("c1")
        await anext(events)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), brief(0.1))
        await asyncio.to_thread(tls_hub.wait_until_left)
        await anext(events)
        await events.aclose()
        await asyncio.to_thread(tls_hub.wait_until_left)

    awaited.call(in_three_ways)
    tls_hub.wait_until_disconnected()


def test_another_task_closes_while_a_read_or_an_opening_is_awaited(
    hub: LoopbackHub, awaited: Any
) -> None:
    hub.events(QUIET, silence)
    client = awaited.client(hub)

    async def close_it_meanwhile() -> list[Any]:
        events = client.campaigns.stream_events("c1")

        async def read() -> list[Any]:
            return [item async for item in events]

        reading = asyncio.create_task(read())
        await asyncio.to_thread(hub.wait_until_silent)
        await asyncio.sleep(0.02)
        await events.aclose()
        await asyncio.to_thread(hub.wait_until_left)
        return await asyncio.wait_for(reading, PATIENCE)

    assert awaited.call(close_it_meanwhile) == [{"n": 1}]
    assert awaited.call(close_it_meanwhile) == []
    hub.wait_until_disconnected()
    assert len(hub.requests) == 2


def test_a_second_reader_of_an_async_stream_gets_runtime_error(
    hub: LoopbackHub, awaited: Any
) -> None:
    hub.events(stream(end="silent"))

    async def read_twice() -> None:
        async with awaited.client(hub).campaigns.stream_events("c1") as events:
            first = asyncio.ensure_future(anext(events))
            await asyncio.to_thread(hub.wait_until_silent)
            with pytest.raises(RuntimeError):
                await anext(events)
            first.cancel()
            await asyncio.wait({first})

    awaited.call(read_twice)


def test_a_stream_closed_during_a_pause_is_not_reopened(hub: LoopbackHub, caller: Any) -> None:
    clock = DrivenClock(jitter=0.0)
    hub.events(stream(ONE, end="unfinished"), QUIET)
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    caller.next(events)

    def close(_seconds: float) -> None:
        if caller.name == "sync":
            closing = threading.Thread(target=events.close)
            closing.start()
            closing.join(PATIENCE)
        else:
            closing = events.aclose()
            with pytest.raises(StopIteration):
                closing.send(None)

    clock.on_sleep = close
    assert caller.rest(events) == []
    assert len(hub.requests) == 1
    assert len(clock.slept) == 1, "the pause went on"


def test_a_stream_closed_while_it_opens_sends_nothing(hub: LoopbackHub, caller: Any) -> None:
    """The token is requested last, just before the connection is made."""
    hub.events(QUIET)
    events: list[Any] = []

    def key() -> str:
        if caller.name == "sync":
            closing = threading.Thread(target=events[0].close)
            closing.start()
            closing.join(PATIENCE)
        else:
            closing = events[0].aclose()
            with pytest.raises(StopIteration):
                closing.send(None)
        return KEY

    client = caller.client(hub, api_key=caller.provider(key))
    events.append(client.campaigns.stream_events("c1"))
    assert caller.rest(events[0]) == []
    assert hub.requests == []
    hub.wait_until_disconnected()


def test_a_stream_closed_while_it_waits_for_the_budget_sends_nothing(
    hub: LoopbackHub, blocking: Any
) -> None:
    hub.events(QUIET)
    waits = threading.Event()
    client = blocking.client(
        hub, rate_limits=RateLimits(concurrent=1), on_wait=lambda _event: waits.set()
    )
    first, second = client.campaigns.stream_events("c1"), client.campaigns.stream_events("c1")
    next(first)
    reading = Reading(second)
    assert waits.wait(PATIENCE)
    second.close()
    first.close()
    assert reading.end() == []
    assert len(hub.requests) == 1
    assert client.rate_limits.concurrent == 1


def test_dropping_the_iterator_ends_the_connection(hub: LoopbackHub, blocking: Any) -> None:
    hub.events(QUIET)
    client = blocking.client(hub, rate_limits=RateLimits(concurrent=1))
    gc.disable()
    try:
        for item in client.campaigns.stream_events("c1"):
            assert item == {"n": 1}
            break
        # Nothing refers to it, not even a cycle that the collector would have to find.
        hub.wait_until_left()
        hub.wait_until_disconnected()
        assert client.rate_limits.concurrent == 1
    finally:
        gc.enable()


def test_dropping_an_async_iterator_ends_the_connection(hub: LoopbackHub, awaited: Any) -> None:
    hub.events(QUIET)
    client = awaited.client(hub, rate_limits=RateLimits(concurrent=1))

    async def read_and_drop() -> None:
        async for item in client.campaigns.stream_events("c1"):
            assert item == {"n": 1}
            break
        # At once, before the event loop runs again.
        hub.wait_until_left()
        assert client.rate_limits.concurrent == 1
        while hub.open_connections:
            await asyncio.sleep(0.005)

    gc.disable()
    try:
        awaited.call(lambda: asyncio.wait_for(read_and_drop(), PATIENCE))
    finally:
        gc.enable()


def test_only_its_error_refers_to_a_failed_iterator(hub: LoopbackHub, blocking: Any) -> None:
    hub.events(response(404))
    events = blocking.client(hub).campaigns.stream_events("c1")
    gone = weakref.ref(events)
    with pytest.raises(Exception, match="404"):
        next(events)
    del events
    gc.collect()
    assert gone() is None


def test_cancelling_the_task_ends_the_connection(hub: LoopbackHub, awaited: Any) -> None:
    hub.events(QUIET, silence)
    client = awaited.client(hub)

    async def cancel_it() -> None:
        events = client.campaigns.stream_events("c1")

        async def read() -> None:
            async for _ in events:
                pass

        reading = asyncio.create_task(read())
        await asyncio.to_thread(hub.wait_until_silent)
        await asyncio.sleep(0.02)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        # While the iterator still exists.
        await asyncio.to_thread(hub.wait_until_left)
        await asyncio.to_thread(hub.wait_until_disconnected)
        await events.aclose()

    awaited.call(cancel_it)
    awaited.call(cancel_it)
    assert len(hub.requests) == 2


def test_a_task_that_asks_while_a_cancelled_one_still_closes_gets_runtime_error(
    hub: LoopbackHub, awaited: Any, tmp_path: Path
) -> None:
    hub.events(QUIET, stream(TWO))
    store = str(tmp_path / "budget.db")

    async def read() -> list[Any]:
        client = awaited.client(hub, rate_limits=RateLimits(concurrent=1, store=store))
        events = client.campaigns.stream_events("c1")
        items = [await anext(events)]
        cancelled = asyncio.ensure_future(anext(events))
        for _ in range(20):
            await asyncio.sleep(0)
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            # Another process is busy with the file, so the stream's lease cannot be released yet.
            other.execute("BEGIN IMMEDIATE")
            cancelled.cancel()
            for _ in range(20):
                await asyncio.sleep(0)
            assert not cancelled.done()
            with pytest.raises(RuntimeError, match="another thread or task"):
                await anext(events)
            other.execute("ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert not events.interrupted
        return items + [item async for item in events]

    assert awaited.call(read) == [{"n": 1}, {"n": 2}]


def test_closing_a_stream_leaves_no_async_generator_to_the_event_loop(hub: LoopbackHub) -> None:
    """A loop that ends right after it would destroy the task that closes the generator."""
    hub.events(QUIET)

    async def item_and_close(client: AsyncKatavenClient) -> Any:
        events = client.campaigns.stream_events("c1")
        item = await anext(events)
        await events.aclose()
        return item

    loop = asyncio.new_event_loop()
    try:
        client = AsyncKatavenClient(KEY, base_url=hub.url)
        assert loop.run_until_complete(item_and_close(client)) == {"n": 1}
        assert asyncio.all_tasks(loop) == set()
        loop.run_until_complete(client.aclose())
        assert asyncio.all_tasks(loop) == set()
    finally:
        loop.close()


@pytest.mark.slow
def test_a_timed_out_wait_for_one_item_does_not_end_the_stream(
    hub: LoopbackHub, awaited: Any, brief: Any
) -> None:
    hub.events(stream(b"id: 7\n" + ONE, end="silent"), silence, stream(TWO))
    client = awaited.client(hub)

    async def read() -> list[Any]:
        events = client.campaigns.stream_events("c1")
        items = [await anext(events)]
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), brief(0.5))
        items += [item async for item in events]
        assert events.reconnects == 2
        return items

    assert awaited.call(read) == [{"n": 1}, {"n": 2}]
    assert [request.header("last-event-id") for request in hub.requests] == [None, "7", "7"]


def test_waits_shorter_than_a_pause_finish_it_in_parts(
    hub: LoopbackHub, awaited: Any, brief: Any
) -> None:
    hub.events(response(503), stream(ONE))
    client = awaited.client(hub)

    async def read() -> Any:
        events = client.campaigns.stream_events("c1")
        for _ in range(200):
            try:
                return await asyncio.wait_for(anext(events), brief(0.1))
            except TimeoutError:
                pass
        return None

    assert awaited.call(read) == {"n": 1}
    # Under load an opening may outlast one wait, and is then retried.
    assert len(hub.requests) >= 2


def test_a_cancelled_wait_after_the_marker_does_not_reopen_the_stream(
    hub: LoopbackHub, awaited: Any, brief: Any
) -> None:
    hub.events(stream(END, end="silent"))
    client = awaited.client(hub)

    async def read() -> list[Any]:
        events = client.campaigns.stream_events("c1")
        items = [await anext(events)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), brief(0.1))
        return items + [item async for item in events]

    assert awaited.call(read) == ["event: end"]
    assert len(hub.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("end", ["silent", "clean"])
def test_two_hundred_streams_leak_no_descriptor_and_no_thread(
    hub: LoopbackHub, caller: Any, end: str
) -> None:
    hub.events(stream(ONE, end=end))
    client = caller.client(hub)
    here = psutil.Process()

    def open_and_close(times: int) -> None:
        async def in_one_loop() -> None:
            for _ in range(times):
                events = client.campaigns.stream_events("c1", total_timeout=1000)
                assert await anext(events) == {"n": 1}
                if end == "clean":
                    assert [item async for item in events] == []
                await events.aclose()

        if caller.name == "async":
            caller.call(in_one_loop)
            return
        for _ in range(times):
            events = client.campaigns.stream_events("c1", total_timeout=1000)
            assert next(events) == {"n": 1}
            if end == "clean":
                assert list(events) == []
            events.close()

    def settled() -> tuple[int, int]:
        # The Hub's own sockets and threads end as soon as it has seen the client leave.
        wait_for(lambda: hub.open_connections <= 1)
        wait_for(lambda: sum(t.name == "loopback-hub" for t in threading.enumerate()) <= 2)
        wait_for(lambda: not any(isinstance(t, threading.Timer) for t in threading.enumerate()))
        return here.num_fds(), threading.active_count()

    open_and_close(3)
    fds, threads = settled()
    open_and_close(200)
    after = settled()
    # One idle connection may stay in the pool, as one did before.
    assert after[0] <= fds + 1
    assert after[1] <= threads + 1
