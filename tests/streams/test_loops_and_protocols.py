"""Streams in another event loop and over HTTP/2: closing one ends that stream only."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import uvloop

from kataven import (
    APITimeoutError,
    AsyncKatavenClient,
    ConfigurationError,
    KatavenClient,
    RateLimits,
    WaitTimeoutError,
)
from tests.support.clients import KEY, DrivenClock
from tests.support.http import END, data, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, stream, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

ONE, TWO = data({"n": 1}), data({"n": 2})
QUIET = stream(ONE, end="silent")


def in_uvloop(hub: LoopbackHub, main: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        limits = RateLimits(per_minute=100, concurrent=2)
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            came = await main(client.campaigns)
            assert client.rate_limits is not None
            assert client.rate_limits.concurrent == 2, "a lease was not released"
            return came

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def test_a_stream_is_closed_in_uvloop(hub: LoopbackHub) -> None:
    hub.events(QUIET)

    async def main(campaigns: Any) -> Any:
        events = campaigns.stream_events("c1")
        item = await anext(events)
        reading = asyncio.ensure_future(anext(events, "over"))
        await asyncio.sleep(0.05)
        await events.aclose()
        return item, await reading

    assert in_uvloop(hub, main) == ({"n": 1}, "over")
    hub.wait_until_left()


def test_a_timed_out_wait_in_uvloop_does_not_end_the_stream(hub: LoopbackHub, brief: Any) -> None:
    hub.events(QUIET, stream(TWO, END))

    async def main(campaigns: Any) -> Any:
        events = campaigns.stream_events("c1")
        items = [await anext(events)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), brief(0.2))
        return items + [item async for item in events]

    assert in_uvloop(hub, main) == [{"n": 1}, {"n": 2}, "event: end"]


def test_a_wait_for_a_campaign_ends_in_uvloop(hub: LoopbackHub) -> None:
    hub.events(stream(data({"status": "completed"}), END, end="silent"))
    hub.get("completed")

    async def main(campaigns: Any) -> Any:
        return (await campaigns.wait("c1", timeout=10))["status"]

    assert in_uvloop(hub, main) == "completed"


class Http2Hub:
    """A Hub that speaks HTTP/2: a stream of one frame, and a start that responds when seen to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.start_asked = threading.Event()
        self.respond = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._over.set()
        self.respond.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        config = h2.config.H2Configuration(client_side=False)
        connection = h2.connection.H2Connection(config=config)
        connection.initiate_connection()
        late: int | None = None
        with sock:
            sock.settimeout(0.05)
            sock.sendall(connection.data_to_send())
            while not self._over.is_set():
                try:
                    chunk = sock.recv(65536)
                except TimeoutError:
                    chunk = None
                except OSError:
                    return
                if chunk == b"":
                    return
                for event in connection.receive_data(chunk) if chunk else ():
                    if isinstance(event, h2.events.RequestReceived):
                        late = self._asked(connection, event) or late
                if late is not None and self.respond.is_set():
                    connection.send_headers(
                        late, [(":status", "200"), ("content-type", "application/json")]
                    )
                    body = json.dumps({"id": "c1", "status": "running"}).encode()
                    connection.send_data(late, body, end_stream=True)
                    late = None
                sock.sendall(connection.data_to_send())

    def _asked(self, connection: Any, event: Any) -> int | None:
        path = dict(event.headers)[b":path"].decode()
        self.asked.append(path)
        number: int = event.stream_id
        if not path.endswith("/events"):
            self.start_asked.set()
            return number
        head = [(":status", "200"), ("content-type", "text/event-stream")]
        connection.send_headers(number, head)
        connection.send_data(number, ONE)
        return None


@pytest.fixture
def http2_hub() -> Iterator[Http2Hub]:
    hub = Http2Hub()
    yield hub
    hub.close()


def test_closing_an_http_2_stream_leaves_other_calls_alone(http2_hub: Http2Hub) -> None:
    results: list[Any] = []
    with (
        httpx.Client(http1=False, http2=True, timeout=PATIENCE) as pool,
        KatavenClient(KEY, base_url=http2_hub.url, http_client=pool) as client,
    ):
        events = client.campaigns.stream_events("c1")
        assert next(events) == {"n": 1}
        starting = threading.Thread(target=lambda: results.append(client.campaigns.start("c1")))
        starting.start()
        assert http2_hub.start_asked.wait(PATIENCE)
        events.close()
        http2_hub.respond.set()
        starting.join(PATIENCE)
        assert list(events) == []
    assert results == [{"id": "c1", "status": "running"}]


def test_a_callers_own_timeout_in_the_key_function_is_passed_on(
    hub: LoopbackHub, caller: Any
) -> None:
    """It is not a failure of the stream, which would be retried."""
    hub.events(stream(ONE))

    def slow_vault() -> str:
        raise TimeoutError("the vault is slow")

    client = caller.client(hub, api_key=caller.provider(slow_vault))
    with pytest.raises(TimeoutError, match="the vault is slow"):
        caller.next(client.campaigns.stream_events("c1"))
    assert hub.requests == []


def test_items_reset_the_reconnect_count_even_if_the_next_wait_is_cancelled(
    hub: LoopbackHub, awaited: Any, clock: Any, brief: Any
) -> None:
    hub.events(*[response(503)] * 5, QUIET, response(503), stream(TWO))
    client = awaited.client(hub, clock=clock)

    async def read() -> list[Any]:
        events = client.campaigns.stream_events("c1")
        items = [await anext(events)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), brief(0.2))
        return items + [item async for item in events]

    assert awaited.call(read) == [{"n": 1}, {"n": 2}]


def test_a_key_is_refreshed_again_even_if_the_wait_after_its_items_was_cancelled(
    hub: LoopbackHub, awaited: Any, clock: Any, brief: Any
) -> None:
    hub.events(response(401), QUIET, response(401), stream(TWO))
    keys = iter(range(9))
    provider = awaited.provider(lambda: f"sk_live_acme_{next(keys)}123456789")
    client = awaited.client(hub, clock=clock, api_key=provider)

    async def read() -> list[Any]:
        events = client.campaigns.stream_events("c1")
        items = [await anext(events)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), brief(0.2))
        return items + [item async for item in events]

    assert awaited.call(read) == [{"n": 1}, {"n": 2}]


def test_closing_the_client_wakes_a_waiting_reader(hub: LoopbackHub, blocking: Any) -> None:
    hub.events(QUIET)
    client = blocking.client(hub, clock=DrivenClock(jitter=0.0))
    events = client.campaigns.stream_events("c1")
    assert next(events) == {"n": 1}
    errors: list[BaseException] = []

    def read() -> None:
        try:
            next(events)
        except BaseException as error:
            errors.append(error)

    reading = threading.Thread(target=read)
    reading.start()
    hub.wait_until_silent()
    client.close()
    reading.join(PATIENCE)
    assert [type(error) for error in errors] == [ConfigurationError]
    assert "closed" in str(errors[0])


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_an_async_stream_dropped_as_its_loop_ends_releases_its_lease(
    hub: LoopbackHub, store: str, tmp_path: Path
) -> None:
    hub.events(QUIET)
    where = "memory" if store == "memory" else str(tmp_path / "budget.db")
    limits = RateLimits(per_minute=100, concurrent=1, store=where)
    client = AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits)

    async def first() -> Any:
        async for item in client.campaigns.stream_events("c1"):
            return item
        return None

    assert asyncio.run(first()) == {"n": 1}

    def free() -> bool:
        assert client.rate_limits is not None
        return client.rate_limits.concurrent == 1

    wait_for(free)
    asyncio.run(client.aclose())


@pytest.mark.parametrize("what", ["get", "stream", "wait"])
def test_waiting_for_a_new_key_does_not_outlast_the_call(
    hub: LoopbackHub, awaited: Any, what: str, brief: Any
) -> None:
    hub.events(response(401))
    hub.get(response(401))
    asked: list[int] = []
    never = asyncio.Event()

    async def key() -> str:
        asked.append(len(asked))
        if len(asked) > 1:
            await never.wait()
        return "sk_live_acme_0123456789abcdef"

    deadline = brief(0.3) if what == "get" else None
    campaigns = awaited.client(hub, api_key=key, deadline=deadline).campaigns
    calls = {
        "get": lambda: campaigns.get("c1"),
        "stream": lambda: anext(campaigns.stream_events("c1", total_timeout=brief(0.3))),
        "wait": lambda: campaigns.wait("c1", timeout=brief(0.3)),
    }

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE) as limit:
            with pytest.raises((APITimeoutError, WaitTimeoutError)):
                await calls[what]()
        assert not limit.expired()

    awaited.call(bounded)
    assert len(asked) == 2
