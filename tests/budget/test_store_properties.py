"""Properties of every store on an injected clock, for any sequence of calls."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrate_limiter import InMemoryBucket, Rate, RateItem

from kataven import RateLimits
from kataven._flow.ratelimit import DAY, HOUR, LEASE_SECONDS, MINUTE, Wait
from kataven._http.stores import Store, open_store
from tests.support.clients import START
from tests.support.leases import take

STORES = ["memory", "sqlite"]


@contextmanager
def opened(kind: str, limits: RateLimits) -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        path = "memory" if kind == "memory" else str(Path(folder) / "budget.db")
        store = open_store(replace(limits, store=path))
        try:
            yield store
        finally:
            store.close()


def lengths(limits: RateLimits) -> list[float]:
    """The Hub's own windows, without the SDK's margin, in seconds at that time scale."""
    pairs = ((MINUTE, limits.per_minute), (HOUR, limits.per_hour), (DAY, limits.per_day))
    return [length / limits.time_scale for length, limit in pairs if limit is not None]


LIMITS = st.builds(
    RateLimits,
    per_minute=st.none() | st.integers(1, 70),
    per_hour=st.none() | st.integers(1, 300),
    per_day=st.none() | st.integers(1, 600),
    concurrent=st.none() | st.integers(1, 25),
    headroom=st.sampled_from([0.0, 1.0, 3.0]),
    time_scale=st.sampled_from([0.5, 1.0, 7.0, 60.0, 1000.0]),
)
# Seconds until the next call, whether it is a control call, how long it is in flight, and
# whether its response is a rate limit.
CALLS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.0, 0.01, 1.0, 61.0, 3700.0]),
        st.booleans(),
        st.sampled_from([0.0, 0.0, 0.5, 30.0]),
        st.sampled_from([False] * 9 + [True]),
    ),
    min_size=10,
    max_size=150,
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORES)
@settings(max_examples=60, deadline=None)
@given(limits=LIMITS, calls=CALLS)
def test_nothing_is_ever_admitted_over_a_limit(kind: str, limits: RateLimits, calls: Any) -> None:
    with opened(kind, limits) as store:
        now = START
        paused_until = 0.0
        admitted: list[float] = []
        in_flight: list[tuple[float, object]] = []
        for gap, control, lasts, refused in calls:
            now += gap
            while True:
                for flight in [flight for flight in in_flight if flight[0] <= now]:
                    store.release(flight[1])
                    in_flight.remove(flight)
                taken = take(store, now, control=control)
                if not isinstance(taken, Wait):
                    break
                # The wait is never too long: just before its end, it still refuses.
                if not taken.busy and taken.seconds > 1e-3:
                    before = take(store, now + taken.seconds - 1e-3, control=control)
                    assert isinstance(before, Wait)
                now = min(ends for ends, _ in in_flight) if taken.busy else now + taken.seconds
            admitted.append(now)
            in_flight.append((now + lasts, taken))
            assert control or now >= paused_until
            if refused:
                paused_until = max(paused_until, now + 60)
                store.pause(now, 60)
            leases = limits.leases()
            assert leases is None or len(in_flight) <= leases[0 if control else 1]
            for length, window in zip(lengths(limits), limits.windows(), strict=True):
                within = sum(1 for moment in admitted if moment > now - length)
                assert within <= (window.limit if control else window.ordinary_limit)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORES)
@settings(max_examples=20, deadline=None)
@given(
    limits=st.builds(
        RateLimits,
        per_minute=st.integers(1, 100),
        per_hour=st.none() | st.integers(1, 500),
        per_day=st.none() | st.integers(1, 500),
        concurrent=st.integers(1, 3),
    )
)
def test_each_request_is_sent_within_two_percent_of_the_earliest_time(
    kind: str, limits: RateLimits
) -> None:
    with opened(kind, limits) as store:
        now = START
        # The earliest time that exact windows, less the headroom, allow for each.
        earliest: list[float] = []
        for number in range(600):
            while isinstance(taken := take(store, now, control=False), Wait):
                assert not taken.busy
                now += taken.seconds
            store.release(taken)
            best = 0.0
            for length, window in zip(lengths(limits), limits.windows(), strict=True):
                if number >= window.ordinary_limit:
                    best = max(best, earliest[number - window.ordinary_limit] + length)
            earliest.append(best)
            assert best - 1e-3 <= now - START
            assert (now - START) * 0.98 <= best + 1e-3


@pytest.mark.parametrize("kind", STORES)
@settings(max_examples=40, deadline=None)
@given(
    per_minute=st.integers(1, 20),
    more=st.integers(1, 50),
    gaps=st.lists(st.integers(0, 30_000), min_size=1, max_size=150),
)
@pytest.mark.slow
def test_pyrate_limiter_admits_the_same_requests(
    kind: str, per_minute: int, more: int, gaps: list[int]
) -> None:
    limits = RateLimits(per_minute=per_minute, per_hour=per_minute + more, headroom=0)
    # In milliseconds; it counts a request as old as the window as inside it, the SDK does not.
    rates = [Rate(per_minute, 61_000 - 1), Rate(per_minute + more, 3_601_000 - 1)]
    oracle = InMemoryBucket(rates)
    with opened(kind, limits) as store:
        now = 0
        for gap in gaps:
            now += gap
            oracle.leak(now)
            admitted = not isinstance(take(store, now / 1000, control=False), Wait)
            assert oracle.put(RateItem("call", now)) is admitted


@pytest.mark.parametrize("kind", STORES)
def test_what_is_left_counts_windows_leases_and_the_pause(kind: str) -> None:
    with opened(kind, RateLimits(per_minute=60, per_day=10_000, concurrent=20)) as store:
        left = store.status(START)
        assert (left.per_minute, left.per_hour, left.per_day) == (59, None, 9900)
        assert (left.concurrent, left.paused_for) == (19, 0.0)
        lease = take(store, START, control=False)
        take(store, START, control=True)
        store.pause(START, 5)
        left = store.status(START + 1)
        assert (left.per_minute, left.per_day, left.concurrent) == (57, 9898, 17)
        assert left.paused_for == pytest.approx(4.0)
        store.release(lease)
        store.release(lease)
        left = store.status(START + 62)
        assert (left.per_minute, left.per_day, left.concurrent) == (59, 9898, 18)
        assert left.paused_for == 0.0


@pytest.mark.parametrize("kind", STORES)
def test_a_shorter_pause_does_not_end_a_longer_one(kind: str) -> None:
    with opened(kind, RateLimits(per_minute=60)) as store:
        store.pause(START, 66)
        store.pause(START, 6)
        wait = take(store, START + 60, control=False)
        assert isinstance(wait, Wait)
        assert wait.seconds == pytest.approx(6)
        assert not isinstance(take(store, START + 60, control=True), Wait)


@pytest.mark.parametrize("kind", STORES)
def test_a_store_without_limits_admits_everything(kind: str) -> None:
    with opened(kind, RateLimits()) as store:
        leases = [take(store, START, control=False) for _ in range(200)]
        assert not any(isinstance(lease, Wait) for lease in leases)
        for lease in leases:
            store.renew(lease, START + LEASE_SECONDS)
            store.release(lease)
