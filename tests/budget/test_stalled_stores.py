"""A store that stalls after an admission, or while a call is cancelled."""

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from kataven import (
    APITimeoutError,
    AsyncKatavenClient,
    ConfigurationError,
    KatavenClient,
    RateLimitError,
    RateLimits,
)
from tests.support.clients import KEY, Blocking
from tests.support.http import Request, response
from tests.support.measure import redis_server
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub

RATE_LIMITED = response(429, b"rate_limited: slow down", {"Retry-After": "1"})
CAMPAIGN = response(200, b'{"id": "c1"}', {"Content-Type": "application/json"})


@contextmanager
def redis_that_stalls(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a Redis, and a function that suspends it until the end."""
    with redis_server(folder) as url:
        server = redis.Redis.from_url(url)
        process = int(server.info("server")["process_id"])
        server.close()
        try:
            yield url, lambda: os.kill(process, signal.SIGSTOP)
        finally:
            os.kill(process, signal.SIGCONT)


@contextmanager
def file_that_is_locked(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """The path of an SQLite file, and a function that locks it until the end."""
    path = str(folder / "budget.db")
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def lock() -> None:
        if not holder.in_transaction:
            holder.execute("BEGIN IMMEDIATE")

    try:
        yield path, lock
    finally:
        holder.close()


@pytest.fixture(params=[redis_that_stalls, file_that_is_locked], ids=["redis", "file"])
def stalling(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """The name of a store, and a function that makes it stall."""
    with request.param(tmp_path) as stalling:
        yield stalling


def outcome(caller: Blocking, call: Callable[[], Any]) -> Any:
    """The result of a call within 20 seconds; a store given up later would hide a hang."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(caller.call(call))
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert results, "the call continues"
    return results[0]


def stalls_with(scripted: bytes, stall: Callable[[], None]) -> Any:
    def respond(_request: Request) -> bytes:
        stall()
        return scripted

    return respond


@pytest.mark.slow
def test_a_response_is_returned_though_its_lease_cannot_be_released(
    caller: Blocking, hub: LoopbackHub, stalling: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store, stall = stalling
    client = caller.client(hub, rate_limits=RateLimits(concurrent=5, store=store))
    hub.on_request = stalls_with(CAMPAIGN, stall)
    assert outcome(caller, lambda: client.campaigns.start("c1")) == {"id": "c1"}
    assert "lease" in caplog.text
    assert "nothing was sent" not in caplog.text


@pytest.mark.slow
def test_a_rate_limit_is_raised_though_it_cannot_be_shared(
    caller: Blocking, hub: LoopbackHub, stalling: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store, stall = stalling
    limits = RateLimits(concurrent=5, store=store)
    client = caller.client(hub, rate_limits=limits, max_retries=0)
    hub.on_request = stalls_with(RATE_LIMITED, stall)
    error = outcome(caller, lambda: client.campaigns.start("c1"))
    assert isinstance(error, RateLimitError)
    assert error.reason == "rate_limit"
    assert "rate limit" in caplog.text
    assert "nothing was sent" not in caplog.text


@pytest.mark.slow
def test_a_deadline_that_expires_after_a_rate_limit_names_it(
    caller: Blocking, hub: LoopbackHub, stalling: Any, brief: Any
) -> None:
    store, stall = stalling
    limits = RateLimits(concurrent=5, store=store)
    client = caller.client(hub, rate_limits=limits, deadline=brief(0.5))
    hub.on_request = stalls_with(RATE_LIMITED, stall)
    error = outcome(caller, lambda: client.campaigns.start("c1"))
    assert isinstance(error, APITimeoutError)
    assert isinstance(error.__cause__, RateLimitError)
    assert len(hub.requests) == 1


@pytest.mark.slow
def test_a_store_that_stalls_before_a_call_sends_nothing(
    caller: Blocking, hub: LoopbackHub, stalling: Any, brief: Any
) -> None:
    store, stall = stalling
    limits = RateLimits(concurrent=5, store=store)
    client = caller.client(hub, rate_limits=limits, deadline=brief(0.3))
    stall()
    error = outcome(caller, lambda: client.campaigns.start("c1"))
    # The deadline, or the store's own timeout where that comes first.
    assert isinstance(error, APITimeoutError | ConfigurationError)
    assert hub.requests == []


class _BusyThread:
    """The only thread of an event loop's executor, kept busy until released."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._executor = ThreadPoolExecutor(1)
        self._begun = threading.Event()
        self._over = threading.Event()
        loop.set_default_executor(self._executor)

    def _wait(self) -> None:
        self._begun.set()
        self._over.wait(PATIENCE)

    def keep_busy(self) -> None:
        """From any thread: make the next task of the executor wait."""
        self._loop.call_soon_threadsafe(self._loop.run_in_executor, None, self._wait)

    def is_busy(self) -> None:
        assert self._begun.wait(PATIENCE)

    async def somebody_waits(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self._executor._work_queue.qsize():
                await asyncio.sleep(0.002)

    def let_go(self) -> None:
        self._over.set()


async def _all_leases_are_back(client: AsyncKatavenClient) -> None:
    async with asyncio.timeout(PATIENCE):
        while (left := client.rate_limits) is None or left.concurrent != 5:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["a page", "a call"])
def test_a_lease_is_released_though_its_caller_is_cancelled_meanwhile(
    hub: LoopbackHub, tmp_path: Path, kind: str
) -> None:
    async def main() -> None:
        thread = _BusyThread(asyncio.get_running_loop())
        limits = RateLimits(concurrent=5, headroom=0, store=str(tmp_path / "budget.db"))
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:

            def keep_busy(_request: Request) -> bytes:
                thread.keep_busy()
                thread.is_busy()
                return response(200, {"contacts": [{"id": "1"}]})

            hub.on_request = keep_busy
            rows = client.campaigns.iter_contacts("c1")

            async def one() -> Any:
                return await (client.campaigns.get("c1") if kind == "a call" else anext(rows))

            task = asyncio.create_task(one())
            async with asyncio.timeout(PATIENCE):
                while not hub.requests:
                    await asyncio.sleep(0.002)
            await thread.somebody_waits()
            task.cancel()
            for _ in range(5):
                # Until the cancellation has reached what waits for the thread.
                await asyncio.sleep(0)
            thread.let_go()
            with pytest.raises(asyncio.CancelledError):
                await task
            await _all_leases_are_back(client)
            await rows.aclose()

    asyncio.run(main())


def test_an_admission_that_is_cancelled_before_it_began_keeps_no_lease(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    async def main() -> None:
        thread = _BusyThread(asyncio.get_running_loop())
        limits = RateLimits(concurrent=5, headroom=0, store=str(tmp_path / "budget.db"))
        async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            thread.keep_busy()
            await asyncio.sleep(0)
            thread.is_busy()
            task = asyncio.create_task(client.campaigns.get("c1"))
            await thread.somebody_waits()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            thread.let_go()
            await asyncio.get_running_loop().run_in_executor(None, int)
            await _all_leases_are_back(client)
            assert hub.requests == []

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this machine cannot fork")
@pytest.mark.parametrize("client_class", [KatavenClient, AsyncKatavenClient])
def test_a_forked_child_cannot_use_the_rate_limiter(
    hub: LoopbackHub, tmp_path: Path, client_class: Any
) -> None:
    limits = RateLimits(per_hour=50, headroom=0, store=str(tmp_path / "budget.db"))
    client = client_class(KEY, base_url=hub.url, rate_limits=limits)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, repr(client.rate_limits).encode())
        except ConfigurationError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        assert "fork" in said.read()
    assert client.rate_limits.per_hour == 50
    if client_class is KatavenClient:
        client.close()
    else:
        asyncio.run(client.aclose())
