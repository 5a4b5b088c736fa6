"""Ten thousand calls, one in twenty with a fault: nothing is lost and nothing leaks."""

import asyncio
import gc
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kataven import (
    APIConnectionError,
    AsyncKatavenClient,
    KatavenClient,
    RateLimitError,
    RateLimits,
    ServerError,
)
from tests.support.clients import KEY
from tests.support.http import Request, response
from tests.support.measure import open_files
from tests.support.server import LoopbackHub, hang_up, wait_for

pytestmark = [pytest.mark.proof, pytest.mark.timeout(600)]

CALLS = 10_000
WORKERS = 16
# Wide windows, so that the proof ends soon; it is about the leases.
LIMITS = RateLimits(per_minute=10**6, concurrent=WORKERS, headroom=0)
JSON = {"Content-Type": "application/json"}


class HurriedClock:
    """The system clock with pauses a hundredth as long."""

    def __init__(self, *, awaited: bool = False) -> None:
        self._awaited = awaited

    def now(self) -> float:
        return time.time()

    def jitter(self) -> float:
        return 0.5

    def sleep(self, seconds: float, /) -> Any:
        if self._awaited:
            return asyncio.sleep(seconds / 100)
        time.sleep(seconds / 100)
        return None


class FaultyHub(LoopbackHub):
    """Responds with the requested name; one response in twenty is a fault.

    Attributes:
        acted: How often the Hub acted on each write.
        faults: How often each fault occurred.
    """

    def __init__(self) -> None:
        super().__init__(max_requests=4 * CALLS)
        self.acted: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._chance = random.Random(20261124)
        self._in_a_row: Counter[str] = Counter()
        self._guard = threading.Lock()
        self.on_request = self._sometimes

    def _sometimes(self, request: Request) -> Any:
        name = request.path.split("/")[4]
        with self._guard:
            faulty = self._chance.random() < 0.05 and self._in_a_row[name] < 3
            self._in_a_row[name] = self._in_a_row[name] + 1 if faulty else 0
            fault = self._chance.choice(_FAULTS) if faulty else "none"
            self.faults[fault] += 1
            if request.method == "POST" and fault not in {"a rate limit", "a lost request"}:
                self.acted[name] += 1
        body = b'{"id": "%s", "status": "running"}' % name.encode()
        if fault in {"a lost response", "a lost request"}:
            return hang_up
        if fault == "a rate limit":
            limited = b"rate_limited: per-minute (60) exceeded"
            return response(429, limited, {"Retry-After": "1"})
        if fault == "an error":
            return response(503, b"database")
        if fault == "half a response":
            return response(200, body[: len(body) // 2], JSON, length=len(body)), hang_up
        if fault == "a slow response":
            time.sleep(0.05)
        return response(200, body, JSON)


_FAULTS = (
    "a lost response",
    "a lost request",
    "a rate limit",
    "an error",
    "half a response",
    "a slow response",
)


def judged(hub: FaultyHub, name: str, outcome: Any) -> str:
    """Check that what the client reports of a call is what happened at the Hub."""
    writes = name.startswith("w")
    if isinstance(outcome, dict):
        if writes:
            assert hub.acted[name] == 1, name
            # A truncated success is reported as a success, without its body.
            assert outcome in ({}, {"id": name, "status": "running"})
        else:
            assert outcome == {"id": name, "status": "running"}
        return "answered"
    assert writes, outcome
    assert isinstance(outcome, APIConnectionError | ServerError | RateLimitError), outcome
    if isinstance(outcome, RateLimitError):
        assert hub.acted[name] == 0, name
        return "refused"
    assert outcome.request_sent is True
    assert hub.acted[name] <= 1, name
    return "lost, and said so"


NAMES = [f"{'w' if number % 5 == 0 else 'r'}{number}" for number in range(CALLS)]


def check(hub: FaultyHub, outcomes: list[Any]) -> None:
    verdicts = Counter(
        judged(hub, name, outcome) for name, outcome in zip(NAMES, outcomes, strict=True)
    )
    assert sum(verdicts.values()) == CALLS
    assert verdicts["answered"] > 0.97 * CALLS
    assert all(count <= 1 for count in hub.acted.values())
    faults = sum(hub.faults.values()) - hub.faults["none"]
    assert 0.04 < faults / len(hub.requests) < 0.06
    assert all(hub.faults[fault] for fault in _FAULTS)
    # Never more connections than workers, because each holds a lease.
    assert hub.max_in_flight <= WORKERS


def test_calls_from_threads_survive_faults_and_leak_nothing() -> None:
    gc.collect()
    files, threads = open_files(), threading.active_count()
    with FaultyHub() as hub:
        clock = HurriedClock()
        options: dict[str, Any] = {"rate_limits": LIMITS, "clock": clock, "timeout": 10}
        with KatavenClient(KEY, base_url=hub.url, **options) as client:

            def call(name: str) -> Any:
                try:
                    if name.startswith("w"):
                        return client.campaigns.start(name)
                    return client.campaigns.get(name)
                except Exception as error:
                    return error

            with ThreadPoolExecutor(WORKERS * 2) as pool:
                outcomes = list(pool.map(call, NAMES))
            check(hub, outcomes)
            left = client.rate_limits
            assert left is not None
            assert left.concurrent == WORKERS
            wait_for(lambda: hub.open_connections <= 20)
        wait_for(lambda: not hub.open_connections)
    wait_for(lambda: open_files() == files)
    wait_for(lambda: threading.active_count() == threads)


def test_calls_from_tasks_survive_faults_and_leak_nothing() -> None:
    gc.collect()
    files, threads = open_files(), threading.active_count()
    with FaultyHub() as hub:

        async def main() -> None:
            clock = HurriedClock(awaited=True)
            options: dict[str, Any] = {"rate_limits": LIMITS, "clock": clock, "timeout": 10}
            async with AsyncKatavenClient(KEY, base_url=hub.url, **options) as client:

                async def call(name: str) -> Any:
                    try:
                        if name.startswith("w"):
                            return await client.campaigns.start(name)
                        return await client.campaigns.get(name)
                    except Exception as error:
                        return error

                outcomes: list[Any] = []
                for first in range(0, CALLS, 50):
                    some = NAMES[first : first + 50]
                    outcomes += await asyncio.gather(*(call(name) for name in some))
                check(hub, outcomes)
                left = client.rate_limits
                assert left is not None
                assert left.concurrent == WORKERS
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())
        wait_for(lambda: not hub.open_connections)
    wait_for(lambda: open_files() == files)
    wait_for(lambda: threading.active_count() == threads)


def test_memory_does_not_grow_with_the_calls() -> None:
    with FaultyHub() as hub:
        clock = HurriedClock()
        options: dict[str, Any] = {"rate_limits": LIMITS, "clock": clock, "timeout": 10}
        with KatavenClient(KEY, base_url=hub.url, **options) as client:

            def objects_after(calls: int) -> int:
                for number in range(calls):
                    client.campaigns.get(f"r{number % 100}")
                gc.collect()
                hub.requests.clear()
                return len(gc.get_objects())

            before = objects_after(2500)
            after = objects_after(2500)
            # A leak would leave at least one object per call.
            assert after - before < 500
