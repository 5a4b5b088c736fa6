"""Each kind of 429: which is retried, after how long, and which is a cost cap."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from typing import Any

import pytest

import kataven
from tests.support.clients import OPERATIONS, START, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, reset
from tests.support.tables import table

LIMITED = "rate_limited: per-minute (60) exceeded"
OK = response(200, {"id": "c1"})


def _date(seconds: float) -> str:
    return format_datetime(
        datetime.fromtimestamp(START, UTC) + timedelta(seconds=seconds), usegmt=True
    )


def _limit(text: str, retry_after: str | None) -> bytes:
    return response(429, text, [] if retry_after is None else [("Retry-After", retry_after)])


@table("operation", OPERATIONS)
def test_every_operation_waits_for_a_rate_limit_and_is_sent_again(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.respond(_limit(LIMITED, "60"), _limit(LIMITED, "60"), OK)
    result = caller.call(OPERATIONS[operation], caller.client(hub, clock=clock))
    assert result == (None if operation == "delete" else {"id": "c1"})
    assert hub.arrived(3) == 3
    # Retry-After plus a tenth of it times the jitter, which is one half here.
    assert clock.slept == pytest.approx([63.0, 63.0])


@table(
    "value, seconds",
    [
        ("7", 7),
        ("1.5", 1.5),
        ("0.25", 0.25),
        (" 7 ", 7),
        ("120", 120),
        (_date(30), 30),
        (_date(119), 119),
    ],
)
def test_a_usable_retry_after_is_honoured_with_the_documented_jitter(
    caller: Blocking, hub: LoopbackHub, value: str, seconds: float
) -> None:
    for text in (LIMITED, "too many requests", "", "<html>slow down</html>"):
        clock = DrivenClock()
        hub.respond(_limit(text, value), OK)
        caller.call(caller.client(hub, clock=clock).campaigns.start, "c1")
        assert clock.slept == pytest.approx([seconds * 1.05])
    assert hub.arrived(8) == 8


RUBBISH = [
    None,
    "",
    "soon",
    "0",
    "0.0",
    "-1",
    "-60",
    "nan",
    "inf",
    "Infinity",
    "+5",
    "1e3",
    "0x10",
    "1,5",
    "1_000",
    "60 s",
    "5, 10",
    "\xb2",
    _date(0),
    _date(-1),
    _date(-86_400),
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 99 Foo 2027 99:99:99 GMT",
    "9" * 400,
]


@table("value", RUBBISH)
def test_a_rate_limit_without_a_usable_retry_after_waits_by_ordinary_backoff(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, value: str | None
) -> None:
    hub.respond(_limit(LIMITED, value), _limit(LIMITED, value), OK)
    caller.call(caller.client(hub, clock=clock).campaigns.start, "c1")
    assert clock.slept == [0.25, 0.5]
    assert hub.arrived(3) == 3


@table("value", RUBBISH)
def test_a_bare_429_without_a_usable_retry_after_is_a_cost_cap(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, value: str | None
) -> None:
    client = caller.client(hub, clock=clock)
    texts = ["too many requests", "<html>429</html>", "", "x rate_limited"]
    for text in texts:
        hub.always = _limit(text, value)
        with pytest.raises(kataven.RateLimitError) as caught:
            caller.call(client.campaigns.list)
        assert caught.value.reason == "cost_cap"
        assert caught.value.retry_after is None
    assert hub.arrived(len(texts)) == len(texts)
    assert clock.slept == []


COST_CAPS = [
    "Concurrent call limit reached",
    "Call rate limit",
    "Daily call limit reached",
    "Daily minute budget exhausted",
    "DAILY CALL LIMIT REACHED",
    "sorry, the call rate limit of the account",
    "  daily minute budget exhausted\n",
]


@table("text", COST_CAPS)
@table("value", [None, "60", "1"])
@table("operation", ["start", "list"])
def test_a_cost_cap_is_neither_waited_for_nor_retried(
    caller: Blocking,
    hub: LoopbackHub,
    clock: DrivenClock,
    text: str,
    value: str | None,
    operation: str,
) -> None:
    hub.always = _limit(text, value)
    with pytest.raises(kataven.RateLimitError, match=r"(?i)limit|budget") as caught:
        caller.call(OPERATIONS[operation], caller.client(hub, clock=clock))
    assert caught.value.reason == "cost_cap"
    assert caught.value.retry_after == (None if value is None else float(value))
    assert hub.arrived(1) == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    "text", ["rate_limited", "rate_limited: call limit", "RATE_LIMITED: x", "\n rate_limited: x"]
)
def test_a_text_that_begins_with_rate_limited_is_a_rate_limit(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, text: str
) -> None:
    hub.respond(_limit(text, None), OK)
    assert caller.call(caller.client(hub, clock=clock).campaigns.get, "c1") == {"id": "c1"}
    assert hub.arrived(2) == 2


@pytest.mark.parametrize("operation", ["get", "create", "stop"])
def test_a_rate_limit_that_does_not_end_is_raised_after_three_retries(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = _limit(LIMITED, "60")
    with pytest.raises(kataven.RateLimitError, match="per-minute") as caught:
        caller.call(OPERATIONS[operation], caller.client(hub, clock=clock))
    assert (caught.value.reason, caught.value.retry_after) == ("rate_limit", 60.0)
    assert hub.arrived(4) == 4


@table("value", ["121", "120.5", "86400", _date(121), _date(90_000)])
def test_a_retry_after_longer_than_max_retry_wait_raises_at_once(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, value: str
) -> None:
    hub.always = _limit(LIMITED, value)
    with pytest.raises(kataven.RateLimitError) as caught:
        caller.call(caller.client(hub, clock=clock).campaigns.start, "c1")
    assert caught.value.reason == "rate_limit"
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 120
    assert hub.arrived(1) == 1
    assert clock.slept == []


@pytest.mark.parametrize(("most", "requests"), [(0, 1), (59.9, 1), (60, 4), (3600, 4)])
def test_max_retry_wait_is_the_longest_retry_after_that_is_waited_for(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, most: float, requests: int
) -> None:
    hub.always = _limit(LIMITED, "60")
    with pytest.raises(kataven.RateLimitError):
        caller.call(caller.client(hub, clock=clock, max_retry_wait=most).campaigns.list)
    assert hub.arrived(requests) == requests


def test_a_read_honours_the_retry_after_of_a_503(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(response(503, "deploying", [("Retry-After", "10")]), OK)
    caller.call(caller.client(hub, clock=clock).campaigns.get, "c1")
    assert clock.slept == pytest.approx([10.5])


def test_an_http_date_is_compared_with_the_injected_clock(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    clock.advance(1000)
    hub.respond(_limit(LIMITED, _date(1040)), OK)
    caller.call(caller.client(hub, clock=clock).campaigns.get, "c1")
    assert clock.slept == pytest.approx([42.0])


def test_a_truncated_rate_limit_is_still_waited_for(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:

    cut: Any = (response(429, b"rate_lim", [("Retry-After", "2")], length=90), reset)
    hub.respond(cut, OK)
    assert caller.call(caller.client(hub, clock=clock).campaigns.start, "c1") == {"id": "c1"}
    assert hub.arrived(2) == 2


@pytest.mark.parametrize("off", [-7200.0, 7200.0])
def test_a_date_is_compared_to_the_machines_clock_as_it_is_now(
    caller: Blocking, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    """The clock was set after the client was created."""
    client = caller.client(hub, max_retries=0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + off)
    date = formatdate(time.time() + 300, usegmt=True)
    hub.always = response(429, "rate_limited: per-minute (60) exceeded", [("Retry-After", date)])
    with pytest.raises(kataven.RateLimitError) as caught:
        caller.call(client.campaigns.get, "c1")
    assert caught.value.retry_after == pytest.approx(300, abs=60)
