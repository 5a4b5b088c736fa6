"""The rules of the rate limiter, on a virtual clock: windows, leases, headroom, the shared pause."""

from typing import Any

import pytest

from kataven import RateLimits
from kataven._flow.ratelimit import DAY, HOUR, MINUTE, RateLimitStatus, Usage, Wait, Window
from tests.support.clients import START
from tests.support.leases import take
from tests.support.measure import max_in_window
from tests.support.tables import table

THREE_DAYS = 3 * DAY


def spend(usage: Usage, now: float, until: float, *, control: bool = False) -> list[float]:
    """Acquire as soon as the usage allows, and release at once; the time of each request."""
    admitted = []
    while now < until:
        taken = take(usage, now, control=control)
        if isinstance(taken, Wait):
            now += taken.seconds
        else:
            usage.release(taken)
            admitted.append(now)
    return admitted


def test_three_days_of_the_documented_quota_are_used_up_and_never_exceeded() -> None:
    admitted = spend(Usage(RateLimits.documented()), START, START + THREE_DAYS)
    assert max_in_window(admitted, MINUTE) == 59
    assert max_in_window(admitted, HOUR) == 990
    assert max_in_window(admitted, DAY) == 9900
    assert len(admitted) == 3 * 9900


def test_headroom_is_the_documented_share_rounded_down() -> None:
    documented = RateLimits.documented()
    assert [(w.limit, w.ordinary_limit) for w in documented.windows()] == [
        (60, 59),
        (1000, 990),
        (10_000, 9900),
    ]
    assert documented.leases() == (20, 19)
    small = RateLimits(per_minute=59, per_hour=99, per_day=99, concurrent=19)
    assert [(w.limit, w.ordinary_limit) for w in small.windows()] == [(59, 59), (99, 99), (99, 99)]
    assert small.leases() == (19, 19)
    none = RateLimits(per_minute=60, concurrent=20, headroom=0)
    assert none.windows()[0].ordinary_limit == 60
    assert none.leases() == (20, 20)
    # Whatever the headroom, one request is left for ordinary calls.
    assert RateLimits(per_minute=10, headroom=10).windows()[0].ordinary_limit == 9
    assert RateLimits(per_minute=60, headroom=10).windows()[0].ordinary_limit == 50
    assert RateLimits(concurrent=1, headroom=10).leases() == (1, 1)


@table("scale, seconds", [(1, 61.0), (2, 30.5), (10, 6.1), (20, 3.05), (200, 0.35), (0.5, 122.0)])
def test_windows_are_a_margin_longer_than_the_hubs(scale: float, seconds: float) -> None:
    (window,) = RateLimits(per_minute=60, time_scale=scale).windows()
    assert window == Window(pytest.approx(seconds), 60, 59)


def test_a_control_call_has_the_last_of_every_window_and_of_the_leases() -> None:
    usage = Usage(RateLimits(per_minute=60, concurrent=60))
    for _ in range(57):
        assert isinstance(take(usage, START, control=False), str)
    assert take(usage, START, control=False) == Wait(0.0, busy=True)
    for _ in range(3):
        assert isinstance(take(usage, START, control=True), str)
    assert take(usage, START, control=True) == Wait(0.0, busy=True)

    usage = Usage(RateLimits(per_minute=60))
    for _ in range(59):
        assert isinstance(take(usage, START, control=False), str)
    assert take(usage, START, control=False) == Wait(61.0)
    assert isinstance(take(usage, START, control=True), str)
    assert take(usage, START + 1, control=True) == Wait(60.0)


def test_a_pause_holds_back_all_but_control_calls() -> None:
    usage = Usage(RateLimits(per_minute=60))
    usage.pause(START + 66)
    usage.pause(START + 6)
    assert take(usage, START, control=False) == Wait(66.0)
    assert isinstance(take(usage, START, control=True), str)
    assert take(usage, START + 65.5, control=False) == Wait(0.5)
    assert isinstance(take(usage, START + 66, control=False), str)


def test_a_lease_makes_room_only_when_it_is_released() -> None:
    usage = Usage(RateLimits(concurrent=2))
    first = take(usage, START, control=False)
    assert isinstance(first, str)
    take(usage, START, control=False)
    assert take(usage, START + DAY, control=False) == Wait(0.0, busy=True)
    usage.release(first)
    usage.release(first)
    assert isinstance(take(usage, START, control=False), str)
    assert take(usage, START, control=False) == Wait(0.0, busy=True)


def test_what_is_left_is_shown_for_ordinary_calls() -> None:
    usage = Usage(RateLimits(per_minute=60, per_day=10_000, concurrent=20))
    assert usage.status(START) == RateLimitStatus(59, None, 9900, 19, 0.0)
    lease = take(usage, START, control=False)
    take(usage, START, control=True)
    usage.pause(START + 5)
    assert isinstance(lease, str)
    assert usage.status(START) == RateLimitStatus(57, None, 9898, 17, 5.0)
    usage.release(lease)
    assert usage.status(START + 62) == RateLimitStatus(59, None, 9898, 18, 0.0)
    assert Usage(RateLimits()).status(START) == RateLimitStatus(None, None, None, None, 0.0)


@table(
    "limits, error",
    [
        ({"per_minute": 0}, ValueError),
        ({"per_hour": -1}, ValueError),
        ({"per_day": 1.5}, TypeError),
        ({"concurrent": True}, TypeError),
        ({"per_minute": "60"}, TypeError),
        ({"headroom": -0.1}, ValueError),
        ({"headroom": float("nan")}, ValueError),
        ({"headroom": None}, TypeError),
        ({"time_scale": 0}, ValueError),
        ({"time_scale": float("inf")}, ValueError),
        ({"time_scale": float("nan")}, ValueError),
        ({"time_scale": "2"}, TypeError),
        ({"store": ""}, ValueError),
        ({"store": None}, TypeError),
        ({"store": "redis:host:6379"}, ValueError),
        ({"store": "postgresql://host/db"}, ValueError),
        ({"name": 7}, TypeError),
    ],
)
def test_invalid_limits_are_refused(limits: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(limits))):
        RateLimits(**limits)


def test_no_repr_shows_the_password_of_a_store() -> None:
    assert "hush" not in repr(RateLimits(store="redis://user:hush@127.0.0.1/0"))
