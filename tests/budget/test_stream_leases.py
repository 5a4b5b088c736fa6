"""An open event stream holds one lease of the rate limiter, exactly as long as it is open."""

import asyncio
import gc
import io
from collections.abc import Iterator
from typing import Any

import pytest

from kataven import APITimeoutError, AsyncKatavenClient, KatavenClient, RateLimits
from kataven._flow.ratelimit import LEASE_SECONDS
from kataven._http.stores.sqlite import SQLiteStore
from kataven.sandbox import Clock, Sandbox
from tests.support.clients import Blocking, DrivenClock
from tests.support.patience import PATIENCE

CSV = b"phone_number\n+15550100001\n+15550100002\n"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An embedded Hub with a manual clock."""
    with Sandbox(time_scale=Clock.manual(), limits=None) as sandbox:
        yield sandbox


@pytest.fixture
def running(sandbox: Sandbox) -> str:
    """A running campaign."""
    with KatavenClient(sandbox.api_key, base_url=sandbox.url) as client:
        campaign = client.campaigns.create("Spring", "a1", "p1", io.BytesIO(CSV))
        client.campaigns.start(campaign["id"])
        return campaign["id"]


def test_a_stream_holds_one_lease_until_it_is_closed(
    caller: Blocking, sandbox: Sandbox, running: str
) -> None:
    client = caller.client(sandbox, rate_limits=RateLimits(concurrent=5))
    stream = client.campaigns.stream_events(running)
    assert client.rate_limits.concurrent == 5
    assert caller.next(stream)["status"] == "running"
    assert client.rate_limits.concurrent == 4
    caller.call(lambda: client.campaigns.get(running))
    assert client.rate_limits.concurrent == 4
    caller.close(stream)
    assert client.rate_limits.concurrent == 5


def test_a_stream_that_ends_releases_its_lease(
    caller: Blocking, sandbox: Sandbox, running: str
) -> None:
    client = caller.client(sandbox, rate_limits=RateLimits(concurrent=5))
    stream = client.campaigns.stream_events(running)
    caller.next(stream)
    caller.call(lambda: client.campaigns.stop(running))
    sandbox.advance(600)
    assert caller.items(stream)[-1] == "event: end"
    assert client.rate_limits.concurrent == 5


def test_a_refused_stream_releases_its_lease(
    caller: Blocking, sandbox: Sandbox, running: str
) -> None:
    client = caller.client(sandbox, rate_limits=RateLimits(concurrent=5))
    with pytest.raises(Exception, match="404"):
        caller.next(client.campaigns.stream_events("unknown"))
    assert client.rate_limits.concurrent == 5


@pytest.mark.slow
def test_a_dropped_stream_releases_its_lease(sandbox: Sandbox, running: str) -> None:
    limits = RateLimits(concurrent=5)
    with KatavenClient(sandbox.api_key, base_url=sandbox.url, rate_limits=limits) as client:
        stream = client.campaigns.stream_events(running)
        next(stream)
        del stream
        gc.collect()
        left = client.rate_limits
        assert left is not None
        assert left.concurrent == 5

    async def main() -> None:
        key, url = sandbox.api_key, sandbox.url
        async with AsyncKatavenClient(key, base_url=url, rate_limits=limits) as client:
            stream = client.campaigns.stream_events(running)
            await anext(stream)
            del stream
            gc.collect()
            async with asyncio.timeout(PATIENCE):
                while client.rate_limits.concurrent != 5:  # type: ignore[union-attr]
                    await asyncio.sleep(0.002)

    asyncio.run(main())


def test_no_call_can_use_the_lease_of_a_stream(
    caller: Blocking, sandbox: Sandbox, running: str, brief: Any
) -> None:
    client = caller.client(sandbox, rate_limits=RateLimits(concurrent=1))
    hurried = client.with_options(deadline=brief(0.1))
    stream = client.campaigns.stream_events(running)
    caller.next(stream)
    with pytest.raises(APITimeoutError):
        caller.call(lambda: hurried.campaigns.get(running))
    caller.close(stream)
    assert caller.call(lambda: hurried.campaigns.get(running))["id"] == running


def test_a_stream_waits_for_a_lease_within_its_total_timeout(
    caller: Blocking, sandbox: Sandbox, running: str, brief: Any
) -> None:
    client = caller.client(sandbox, rate_limits=RateLimits(concurrent=1))
    stream = client.campaigns.stream_events(running)
    caller.next(stream)
    another = client.campaigns.stream_events(running, total_timeout=brief(0.1))
    with pytest.raises(APITimeoutError):
        caller.next(another)
    caller.close(stream)
    assert client.rate_limits.concurrent == 1


def test_a_lease_in_a_file_is_renewed_while_the_stream_is_open(
    caller: Blocking, sandbox: Sandbox, running: str, tmp_path: Any
) -> None:
    limits = RateLimits(concurrent=5, store=str(tmp_path / "budget.db"))
    clock = DrivenClock()
    client = caller.client(sandbox, rate_limits=limits, clock=clock)
    stream = client.campaigns.stream_events(running, idle_timeout=1000)
    caller.next(stream)
    other = SQLiteStore(limits)
    for _ in range(8):
        # Four lifetimes of a lease, with an item each half of one.
        clock.advance(LEASE_SECONDS / 2)
        sandbox.advance(2)
        caller.next(stream)
        assert other.status(clock.now()).concurrent == 4
    caller.close(stream)
    assert other.status(clock.now()).concurrent == 5
    other.close()


def test_a_failing_store_does_not_end_an_open_stream(
    caller: Blocking, sandbox: Sandbox, running: str, tmp_path: Any, caplog: Any
) -> None:
    import sqlite3

    limits = RateLimits(concurrent=5, store=str(tmp_path / "budget.db"))
    clock = DrivenClock()
    client = caller.client(sandbox, rate_limits=limits, clock=clock)
    stream = client.campaigns.stream_events(running, idle_timeout=1000)
    caller.next(stream)
    other = sqlite3.connect(limits.store)
    other.execute("DROP TABLE leases")
    other.close()
    clock.advance(100)
    sandbox.advance(2)
    assert caller.next(stream)["status"] == "running"
    assert "lease" in caplog.text
    caller.close(stream)


def test_a_watch_needs_one_lease_for_its_stream_and_its_last_get(
    caller: Blocking, sandbox: Sandbox, running: str
) -> None:
    client = caller.client(sandbox, rate_limits=RateLimits(concurrent=1))
    watch = client.campaigns.watch(running)
    caller.next(watch)
    assert client.rate_limits.concurrent == 0
    with KatavenClient(sandbox.api_key, base_url=sandbox.url) as other:
        other.campaigns.stop(running)
    sandbox.advance(600)
    # After the end marker `get` uses the one lease that the stream has released.
    assert caller.items(watch)[-1].status == "completed"
    assert client.rate_limits.concurrent == 1
