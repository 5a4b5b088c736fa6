"""Six processes on one shared store get exactly what its limits allow.

The server counts. Each process wants more than its share, and gives up at its deadline.
"""

import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.http import Request
from tests.support.measure import max_in_window
from tests.support.server import LoopbackHub

NAMES = (f"race {number}" for number in itertools.count())

RACER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from kataven import APITimeoutError, KatavenClient, RateLimits
url, store, name, calls, deadline, limits = sys.argv[1:]
limits = RateLimits(store=store, name=name, **eval(limits))
client = KatavenClient("sk_live_acme_1", base_url=url, rate_limits=limits, deadline=eval(deadline))
def call(number):
    try:
        client.campaigns.get("c1")
    except APITimeoutError as error:
        assert error.request_sent is None
        return 0
    return 1
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(call, range(int(calls)))), flush=True)
client.close()
"""


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        return url
    return str(tmp_path / "budget.db")


def race(hub: LoopbackHub, store: str, calls: int, deadline: float | None, limits: str) -> int:
    """Let six processes make calls, all at once; how many got a response."""
    command = [sys.executable, "-c", RACER, hub.url, store, next(NAMES)]
    command += [str(calls), repr(deadline), limits]
    pipe = subprocess.PIPE
    racers = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=60) for racer in racers]
    assert [errors for _, errors in said] == [""] * 6
    return sum(int(count) for count, _ in said)


@pytest.mark.slow
def test_processes_get_exactly_an_hours_quota_and_never_exceed_the_leases(
    hub: LoopbackHub, store: str
) -> None:

    def slow(_request: Request) -> None:
        time.sleep(0.005)

    hub.on_request = slow
    # An hour of 200, of which 2 are headroom; 240 are wanted, and none waits for an hour.
    assert race(hub, store, 40, 60.0, "dict(per_hour=200, concurrent=5)") == 198
    assert len(hub.requests) == 198
    assert hub.max_in_flight <= 5


@pytest.mark.slow
def test_processes_respect_rolling_windows(hub: LoopbackHub, store: str) -> None:
    # Minutes of one second: 150 calls take at least three of them.
    limits = "dict(per_minute=50, concurrent=4, time_scale=60)"
    assert race(hub, store, 25, None, limits) == 150
    assert len(hub.requests) == 150
    # Only requests in flight can be late: four at most.
    assert max_in_window([request.received_at for request in hub.requests], 1.0) <= 50 + 4
