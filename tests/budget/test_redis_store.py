"""The store in Redis, on a redis-server of the tests' own, whose clock cannot be stopped."""

import itertools
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from kataven import AsyncKatavenClient, ConfigurationError, KatavenClient, RateLimits
from kataven._flow.ratelimit import DAY, HOUR, MINUTE, Wait
from kataven._http.stores.redis import RedisStore
from tests.support.clients import KEY
from tests.support.http import Request
from tests.support.leases import take
from tests.support.measure import max_in_window, redis_server
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, wait_for

NAMES = (f"budget {number}" for number in itertools.count())


@pytest.fixture
def name() -> str:
    """A name whose quota no other test has used."""
    return next(NAMES)


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    connection = redis.Redis.from_url(redis_url)
    yield connection
    connection.close()


def key(name: str, what: str) -> str:
    return f"{{kataven:budget:{name}}}:{what}"


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    per_minute=st.none() | st.integers(1, 60),
    per_hour=st.none() | st.integers(1, 200),
    concurrent=st.none() | st.integers(1, 5),
    headroom=st.sampled_from([0.0, 3.0]),
    time_scale=st.sampled_from([600.0, 3000.0]),
    controls=st.lists(st.booleans(), min_size=20, max_size=120),
)
def test_nothing_is_ever_admitted_over_a_limit(
    redis_url: str,
    per_minute: int | None,
    per_hour: int | None,
    concurrent: int | None,
    headroom: float,
    time_scale: float,
    controls: list[bool],
) -> None:
    limits = RateLimits(
        per_minute=per_minute,
        per_hour=per_hour,
        concurrent=concurrent,
        headroom=headroom,
        time_scale=time_scale,
        store=redis_url,
        name=next(NAMES),
    )
    store = RedisStore(limits)
    server = redis.Redis.from_url(redis_url)
    stamps: dict[bytes, float] = {}
    held: list[object] = []
    begun = time.monotonic()
    for control in controls:
        while isinstance(taken := take(store, 0.0, control=control), Wait):
            if taken.busy:
                store.release(held.pop(0))
            else:
                time.sleep(taken.seconds)
        held.append(taken)
        leases = limits.leases()
        assert leases is None or len(held) <= leases[0 if control else 1]
        stamps |= dict(server.zrange(key(limits.name, "stamps"), 0, -1, withscores=True))
        if time.monotonic() - begun > 0.3:
            break
    # By the server's own clock.
    pairs = ((MINUTE, per_minute), (HOUR, per_hour))
    lengths = [length / time_scale for length, limit in pairs if limit is not None]
    for length, window in zip(lengths, limits.windows(), strict=True):
        assert max_in_window(list(stamps.values()), length) <= window.limit
    server.close()
    store.close()


def test_what_is_left_counts_windows_leases_and_the_pause(redis_url: str, name: str) -> None:
    limits = RateLimits(per_minute=60, per_day=10_000, concurrent=20, store=redis_url, name=name)
    store = RedisStore(limits)
    left = store.status(0.0)
    assert (left.per_minute, left.per_hour, left.per_day) == (59, None, 9900)
    assert (left.concurrent, left.paused_for) == (19, 0.0)
    lease = take(store, 0.0, control=False)
    take(store, 0.0, control=True)
    store.pause(0.0, 500)
    store.pause(0.0, 5)
    left = store.status(0.0)
    assert (left.per_minute, left.per_day, left.concurrent) == (57, 9898, 17)
    assert 400 < left.paused_for <= 500
    waits = take(store, 0.0, control=False)
    assert isinstance(waits, Wait)
    assert 400 < waits.seconds <= 500
    assert not isinstance(take(store, 0.0, control=True), Wait)
    store.release(lease)
    store.release(lease)
    assert store.status(0.0).concurrent == 17
    store.close()


def test_a_control_call_has_the_last_of_a_window_and_of_the_leases(
    redis_url: str, name: str
) -> None:
    store = RedisStore(RateLimits(per_minute=60, concurrent=20, store=redis_url, name=name))
    held = [take(store, 0.0, control=False) for _ in range(19)]
    assert take(store, 0.0, control=False) == Wait(0.0, busy=True)
    held.append(take(store, 0.0, control=True))
    assert take(store, 0.0, control=True) == Wait(0.0, busy=True)
    for lease in held:
        store.release(lease)
    for _ in range(39):
        store.release(take(store, 0.0, control=False))
    wait = take(store, 0.0, control=False)
    assert isinstance(wait, Wait)
    assert 30 < wait.seconds <= 61
    assert not isinstance(take(store, 0.0, control=True), Wait)
    assert isinstance(take(store, 0.0, control=True), Wait)
    store.close()


def test_names_separate_quotas(redis_url: str, name: str) -> None:
    one = RedisStore(RateLimits(per_hour=1, store=redis_url, name=name))
    other = RedisStore(RateLimits(per_hour=1, store=redis_url, name=f"{name} of another account"))
    assert not isinstance(take(one, 0.0, control=False), Wait)
    assert isinstance(take(one, 0.0, control=False), Wait)
    assert not isinstance(take(other, 0.0, control=False), Wait)
    one.close()
    other.close()


def test_every_redis_key_expires(redis_url: str, server: redis.Redis, name: str) -> None:
    store = RedisStore(RateLimits(per_day=5, concurrent=5, store=redis_url, name=name))
    take(store, 0.0, control=False)
    store.pause(0.0, 60)
    store.close()
    lives = {what: server.ttl(key(name, what)) for what in ("stamps", "leases", "pause")}
    assert DAY < lives["stamps"] <= DAY + 120
    assert 0 < lives["leases"] <= 300
    assert 0 < lives["pause"] <= 180


def test_the_lease_of_a_killed_process_expires(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    store = RedisStore(RateLimits(concurrent=1, store=redis_url, name=name))
    lease = take(store, 0.0, control=False)
    assert isinstance(lease, str)
    assert take(store, 0.0, control=False) == Wait(0.0, busy=True)
    # As if its 150 s had expired but for a second, and it was renewed; then as if expired.
    server.zadd(key(name, "leases"), {lease: time.time() + 1})
    store.renew(lease, 0.0)
    assert server.zscore(key(name, "leases"), lease) > time.time() + 100
    server.zadd(key(name, "leases"), {lease: time.time() - 1})
    assert not isinstance(take(store, 0.0, control=False), Wait)
    store.close()


def test_a_lease_whose_response_was_lost_is_taken_once(redis_url: str, name: str) -> None:
    limits = RateLimits(per_hour=50, concurrent=1, headroom=0, store=redis_url, name=name)
    store = RedisStore(limits)
    # What the connection's own retry sends: the same step, with the same lease.
    assert store._run("acquire", "lease")[0] == "ok"
    assert store._run("acquire", "lease")[0] == "ok"
    left = store.status(0.0)
    assert (left.per_hour, left.concurrent) == (49, 0)
    store.close()


def test_a_redis_that_cannot_be_reached_is_a_clear_error_without_its_password(
    hub: LoopbackHub,
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        store = f"redis://user:hush@127.0.0.1:{held.getsockname()[1]}/0"
        with pytest.raises(ConfigurationError, match="Redis") as caught:
            KatavenClient(KEY, base_url=hub.url, rate_limits=RateLimits(store=store))
    assert "hush" not in repr(caught.value)
    assert hub.requests == []


def test_an_invalid_url_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="Redis"):
        RedisStore(RateLimits(store="redis://127.0.0.1:port/0"))


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_a_redis_that_goes_away_is_a_clear_error_and_nothing_is_sent(
    hub: LoopbackHub, tmp_path: Path, awaited: bool
) -> None:
    import asyncio

    with redis_server(tmp_path) as url:
        limits = RateLimits(per_minute=600, store=url)

        async def main() -> None:
            async with AsyncKatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
                await client.campaigns.get("c1")
                stop(url)
                with pytest.raises(ConfigurationError, match="Redis"):
                    await client.campaigns.get("c1")

        if awaited:
            asyncio.run(main())
        else:
            with KatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
                client.campaigns.get("c1")
                stop(url)
                with pytest.raises(ConfigurationError, match="Redis"):
                    client.campaigns.get("c1")
    assert len(hub.requests) == 1


def stop(url: str) -> None:
    server = redis.Redis.from_url(url)
    server.shutdown(nosave=True)
    server.close()


def test_a_response_is_not_lost_with_the_redis_that_holds_its_lease(
    hub: LoopbackHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server(tmp_path) as url:
        limits = RateLimits(concurrent=2, store=url)

        def stops(_request: Request) -> None:
            stop(url)

        hub.on_request = stops
        with KatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
            assert client.campaigns.get("c1")["id"] == "c1"
    assert "lease" in caplog.text


@pytest.mark.slow
def test_of_threads_that_wait_for_a_lease_only_one_asks_redis(
    hub: LoopbackHub, redis_url: str, server: redis.Redis, name: str
) -> None:
    limits = RateLimits(concurrent=1, headroom=0, store=redis_url, name=name)
    release = threading.Event()

    def slow(_request: Request) -> None:
        release.wait(PATIENCE)

    hub.on_request = slow
    with KatavenClient(KEY, base_url=hub.url, rate_limits=limits) as client:
        threads = [threading.Thread(target=client.campaigns.get, args=("c1",)) for _ in range(20)]
        for thread in threads:
            thread.start()
        wait_for(lambda: hub.requests)
        asked = _scripts(server)
        time.sleep(1)
        asked = _scripts(server) - asked
        release.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert len(hub.requests) == 20
    assert hub.max_in_flight == 1
    # One head, 20 times a second; 20 threads would have made 400 calls.
    assert asked <= 40


def _scripts(server: redis.Redis) -> int:
    return int(server.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


def test_without_its_extra_a_redis_store_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "kataven._http.stores.redis", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'kataven\[redis\]'"):
        KatavenClient(KEY, rate_limits=RateLimits(store="redis://127.0.0.1/0"))
