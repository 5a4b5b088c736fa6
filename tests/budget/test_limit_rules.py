"""The rules of the rate limiter at their edges, and what its errors say."""

from __future__ import annotations

from typing import Any

import pytest

from kataven import RateLimits
from kataven._flow.ratelimit import (
    DAY,
    HOUR,
    RateLimitStatus,
    Usage,
    Wait,
    is_redis,
    least_seconds,
    status_of,
)
from tests.support.clients import START
from tests.support.leases import take
from tests.support.tables import table


@table(
    "limits, error",
    [
        ({"per_minute": 0}, ValueError("per_minute must be 1 or more, not 0")),
        ({"per_day": 1.5}, TypeError("per_day must be an int or None, not float")),
        ({"concurrent": True}, TypeError("concurrent must be an int or None, not bool")),
        ({"headroom": "1"}, TypeError("headroom must be a number, not str")),
        ({"time_scale": True}, TypeError("time_scale must be a number, not bool")),
        ({"headroom": 10.5}, ValueError("headroom must be from 0 to 10, not 10.5")),
        ({"time_scale": 0}, ValueError("time_scale must be finite and more than 0, not 0")),
        ({"store": b"memory"}, TypeError("store must be a str, not bytes")),
        ({"name": 7}, TypeError("name must be a str, not int")),
        (
            {"store": ""},
            ValueError("store must be 'memory', a path or a redis:// URL, not empty"),
        ),
        (
            {"store": ":memory:"},
            ValueError("store must be 'memory', not ':memory:'; it is also the default"),
        ),
        (
            {"store": "memcached://host"},
            ValueError(
                "store is a URL with an unsupported scheme: use redis://, rediss:// or unix:// "
                "for Redis (or Valkey), or the plain path of a file"
            ),
        ),
    ],
)
def test_the_error_of_an_invalid_limit_says_what_is_allowed(limits: Any, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        RateLimits(**limits)
    assert str(caught.value) == str(error)


def test_limits_at_the_edges_are_accepted() -> None:
    limits = RateLimits(per_minute=1, per_hour=1, per_day=1, concurrent=1, headroom=0)
    assert limits.leases() == (1, 1)
    assert RateLimits(headroom=10).headroom == 10
    assert RateLimits(per_minute=None, concurrent=1).leases() == (1, 1)
    # A wrong value after a limit that is None.
    with pytest.raises(ValueError, match="concurrent"):
        RateLimits(per_minute=None, concurrent=0)


def test_a_scheme_of_redis_may_be_in_capitals() -> None:
    assert is_redis("REDIS://host")
    assert is_redis("unix:///run/redis.sock")
    assert not is_redis("budget.db")
    assert not is_redis(r"C:\budget.db")


@table(
    "limits, requests, seconds",
    [
        ({}, 1_000, 0.0),
        ({"per_minute": 60}, 0, 0.0),
        ({"per_minute": 60}, 60, 0.0),
        ({"per_minute": 60}, 61, 60.0),
        ({"per_minute": 60}, 121, 120.0),
        ({"per_minute": 60, "per_hour": 100}, 101, HOUR),
        ({"per_minute": 60, "per_day": 100}, 101, DAY),
        ({"per_minute": 1}, 2, 60.0),
        ({"per_minute": 1}, 0, 0.0),
        ({"per_minute": 60, "time_scale": 2}, 61, 30.0),
    ],
)
def test_the_least_time_of_many_requests_is_that_of_the_full_windows(
    limits: Any, requests: int, seconds: float
) -> None:
    assert least_seconds(RateLimits(**limits), requests) == seconds


def test_every_window_keeps_its_own_rest() -> None:
    usage = Usage(RateLimits(per_minute=10, per_hour=20, per_day=30, headroom=0))
    for n in range(3):
        assert isinstance(take(usage, START + 61 * n, control=False), str)
    assert usage.status(START + 122) == RateLimitStatus(9, 17, 27, None, 0.0)


def test_a_request_leaves_its_window_at_the_end_of_it() -> None:
    usage = Usage(RateLimits(per_minute=1))
    assert isinstance(take(usage, START, control=False), str)
    assert take(usage, START + 60.5, control=False) == Wait(0.5)
    assert usage.status(START + 60.5).per_minute == 0
    assert usage.status(START + 61).per_minute == 1
    assert isinstance(take(usage, START + 61, control=False), str)


def test_a_full_rest_is_never_less_than_nothing() -> None:
    limits = RateLimits(per_minute=10, concurrent=2)
    assert status_of(limits, [11], 3, 7.0) == RateLimitStatus(0, None, None, 0, 7.0)
    # One count for each window.
    with pytest.raises(ValueError, match="zip"):
        status_of(limits, [1, 2], 0, 0.0)


def test_requests_that_count_no_longer_are_forgotten() -> None:
    usage = Usage(RateLimits(per_minute=60, per_hour=100))
    for n in range(5):
        take(usage, START + n, control=False)
    take(usage, START + DAY, control=False)
    assert list(usage._stamps) == [START + DAY]
    usage = Usage(RateLimits(per_minute=60))
    take(usage, START, control=False)
    take(usage, START + 61, control=False)
    assert list(usage._stamps) == [START + 61]


def test_a_clock_that_was_set_back_lets_no_more_be_remembered_than_the_limit() -> None:
    usage = Usage(RateLimits(per_minute=60, headroom=10))
    for count, now, control in (
        (10, START + HOUR, False),
        (40, START, False),
        (10, START, True),
        (5, START + 61, False),
    ):
        for _ in range(count):
            assert isinstance(take(usage, now, control=control), str)
    assert len(usage._stamps) == 60
