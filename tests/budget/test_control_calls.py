"""Control calls are sent at once; a rate limit from the Hub pauses all other calls."""

from typing import Any

import pytest

from kataven import APITimeoutError, KatavenError, RateLimitError, RateLimits
from tests.support.clients import Blocking, DrivenClock
from tests.support.http import Request, response
from tests.support.server import LoopbackHub

LIMITED = response(429, b"rate_limited: per-minute (60) exceeded", {"Retry-After": "60"})
CAMPAIGN = response(200, b'{"id": "c1"}', {"Content-Type": "application/json"})


def clock_for(caller: Blocking) -> DrivenClock:
    return DrivenClock()


def gets(client: Any, count: int) -> list[Any]:
    return [lambda: client.campaigns.get("c1")] * count


def meanwhile(caller: Blocking, call: Any, done: list[Any]) -> Any:
    """A function for a clock: at the first sleep it makes a call and keeps its result."""
    begun: list[float] = []

    async def awaited() -> None:
        done.append(await call())

    def act(seconds: float) -> Any:
        if begun:
            return None
        begun.append(seconds)
        if caller.name == "async":
            return awaited()
        done.append(call())
        return None

    return act


@pytest.mark.parametrize("word", ["pause", "stop"])
def test_a_control_call_is_sent_at_once_while_bulk_reads_wait(
    caller: Blocking, hub: LoopbackHub, word: str
) -> None:
    clock = clock_for(caller)
    client = caller.client(hub, rate_limits=RateLimits.documented(), clock=clock)
    done: list[Any] = []
    clock.on_sleep = meanwhile(caller, lambda: getattr(client.campaigns, word)("c1"), done)
    caller.together(gets(client, 100))
    assert [result["id"] for result in done] == ["c1"]
    # It was one of the 60 of the first minute, before any read of the next.
    assert f"POST /campaigns/c1/{word}" in hub.routes[:60]
    assert len(hub.requests) == 101


def test_other_writes_do_not_use_the_headroom(caller: Blocking, hub: LoopbackHub) -> None:
    limits = RateLimits(per_minute=60)
    clock = clock_for(caller)
    client = caller.client(hub, rate_limits=limits, clock=clock, deadline=30)
    caller.together(gets(client, 59))
    for word in ("start", "resume", "delete"):
        with pytest.raises(APITimeoutError):
            caller.call(lambda word=word: getattr(client.campaigns, word)("c1"))  # type: ignore[misc]
    caller.call(lambda: client.campaigns.stop("c1"))
    with pytest.raises(APITimeoutError):
        caller.call(lambda: client.campaigns.stop("c1"))
    assert len(hub.requests) == 60


def test_a_rate_limit_pauses_all_but_control_calls(caller: Blocking, hub: LoopbackHub) -> None:
    clock = clock_for(caller)
    client = caller.client(hub, rate_limits=RateLimits(per_minute=600), clock=clock)
    order: list[tuple[str, str, float]] = []

    def note(request: Request) -> None:
        order.append((request.method, request.path.rpartition("/")[2], clock.now()))

    hub.on_request = note
    hub.respond(LIMITED)
    begun = clock.now()
    stopped: list[Any] = []
    clock.on_sleep = meanwhile(caller, lambda: client.campaigns.stop("c9"), stopped)
    hurried = client.with_options(deadline=30)
    caller.call(lambda: client.campaigns.get("c1"))
    assert stopped == [{"id": "c1"}]
    assert order == [
        ("GET", "c1", begun),
        ("POST", "stop", begun),
        ("GET", "c1", pytest.approx(begun + 63)),
    ]
    # Another call would have to wait as long.
    hub.respond(LIMITED)
    refused: list[Any] = []

    def try_another() -> Any:
        return hurried.campaigns.get("c2")

    clock.on_sleep = meanwhile(caller, lambda: _caught(caller, try_another), refused)
    caller.call(lambda: client.campaigns.get("c1"))
    assert [type(error) for error in refused] == [APITimeoutError]
    assert "63.0 s" in str(refused[0])


def _caught(caller: Blocking, call: Any) -> Any:
    """The exception of a call, as its value."""
    if caller.name == "sync":
        try:
            return call()
        except KatavenError as error:
            return error

    async def awaited() -> Any:
        try:
            return await call()
        except KatavenError as error:
            return error

    return awaited()


def test_a_control_call_waits_for_its_own_rate_limit_and_so_does_bulk(
    caller: Blocking, hub: LoopbackHub
) -> None:
    clock = clock_for(caller)
    client = caller.client(hub, rate_limits=RateLimits(per_minute=600), clock=clock)
    hub.respond(LIMITED)
    paused: list[float] = []
    clock.on_sleep = lambda _seconds: paused.append(client.rate_limits.paused_for)
    caller.call(lambda: client.campaigns.stop("c1"))
    assert clock.slept == pytest.approx([63.0])
    assert paused == pytest.approx([63.0])


@pytest.mark.parametrize(
    "options", [{"max_retries": 0}, {"max_retry_wait": 30}, {"deadline": 30}], ids=str
)
def test_a_rate_limit_pauses_others_even_if_its_call_gives_up(
    caller: Blocking, hub: LoopbackHub, options: Any
) -> None:
    clock = clock_for(caller)
    client = caller.client(hub, rate_limits=RateLimits(per_minute=600), clock=clock)
    hub.always = LIMITED
    with pytest.raises((RateLimitError, APITimeoutError)):
        caller.call(lambda: client.with_options(**options).campaigns.get("c1"))
    assert len(hub.requests) == 1
    assert 30 <= client.rate_limits.paused_for <= 66


def test_no_response_pauses_calls_for_more_than_a_day(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub, rate_limits=RateLimits(per_minute=600), clock=clock_for(caller))
    headers = {"Retry-After": "9" * 300}
    hub.always = response(429, b"rate_limited: per-day (10000) exceeded", headers)
    with pytest.raises(RateLimitError):
        caller.call(lambda: client.campaigns.get("c1"))
    assert 0 < client.rate_limits.paused_for <= 86_400


def test_a_cost_cap_pauses_no_call(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub, rate_limits=RateLimits(per_minute=600), clock=clock_for(caller))
    hub.always = response(429, b"Concurrent call limit reached")
    with pytest.raises(RateLimitError):
        caller.call(lambda: client.campaigns.start("c1"))
    assert client.rate_limits.paused_for == 0.0
