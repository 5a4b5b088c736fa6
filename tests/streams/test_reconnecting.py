"""When a stream is reopened, after which pause, and when it gives up.

The Hub shares the client's clock, so the Hub knows how long each pause was.
"""

from __future__ import annotations

import itertools
import socket
from types import SimpleNamespace
from typing import Any

import httpcore
import pytest

from kataven import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
    StreamError,
)
from tests.support.clients import KEY, DrivenClock
from tests.support.http import data, response
from tests.support.server import LoopbackHub, reset, silence, stream
from tests.support.tables import table

ONE, TWO = data({"n": 1}), data({"n": 2})
LIMITED = "rate_limited: per-minute (60) exceeded"


def pauses(hub: LoopbackHub) -> list[float]:
    """The seconds between two openings, by the Hub's clock."""
    times = [request.received_at for request in hub.streams()]
    return [round(b - a, 3) for a, b in itertools.pairwise(times)]


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.5), (0.5, 0.75), (0.999999, 1.0)])
def test_pauses_double_from_one_to_thirty_seconds_with_half_jitter(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, jitter: float, share: float
) -> None:
    clock.fixed_jitter = jitter
    hub.events(*[response(503, "down")] * 8, stream(ONE))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", max_reconnects=9)
    assert caller.rest(events) == [{"n": 1}]
    steps = [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses(hub) == pytest.approx([step * share for step in steps], abs=0.01)
    assert events.reconnects == 8


def test_an_item_resets_the_backoff_and_an_opening_without_items_does_not(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(
        stream(ONE, end="unfinished"),
        response(502),
        stream(end="unfinished"),
        stream(b"data: half", end="unfinished"),
        stream(TWO, end="unfinished"),
        stream(),
    )
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    assert caller.rest(events) == [{"n": 1}, {"n": 2}]
    assert pauses(hub) == [0.5, 1.0, 2.0, 4.0, 0.5]


def test_consecutive_reconnects_are_limited(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ONE, end="unfinished"), response(503, "first"), response(500, "last"))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    assert caller.next(events) == {"n": 1}
    with pytest.raises(StreamError, match="5") as caught:
        caller.next(events)
    assert isinstance(caught.value.__cause__, ServerError)
    assert caught.value.__cause__.body == "last"
    assert len(hub.requests) == 6
    assert caller.rest(events) == []


@pytest.mark.parametrize("most", [0, 1, 3])
def test_the_first_opening_counts_like_any_other(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, most: int
) -> None:
    hub.events(reset)
    # The retries of calls do not multiply the openings of a stream.
    campaigns = caller.client(hub, clock=clock, max_retries=7).campaigns
    with pytest.raises(StreamError) as caught:
        caller.next(campaigns.stream_events("c1", max_reconnects=most))
    assert isinstance(caught.value.__cause__, APIConnectionError)
    assert isinstance(caught.value.__cause__.__cause__, httpcore.NetworkError)
    assert len(hub.requests) == most + 1


def test_the_last_failure_may_be_a_stream_that_broke(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(end="unfinished"))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1", max_reconnects=1)
    with pytest.raises(StreamError) as caught:
        caller.next(events)
    cause = caught.value.__cause__
    assert isinstance(cause, StreamError)
    assert isinstance(cause.__cause__, httpcore.RemoteProtocolError)


def test_no_retries_of_calls_leave_a_stream_its_own(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(response(503), stream(ONE))
    client = caller.client(hub, clock=clock, max_retries=0)
    assert caller.rest(client.campaigns.stream_events("c1")) == [{"n": 1}]


@table("status", [500, 502, 503, 504, 520, 524, 529])
def test_transient_errors_are_retried(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, status: int
) -> None:
    hub.events(response(status, "down"), stream(ONE))
    assert caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1")) == [{"n": 1}]


@pytest.mark.parametrize("failing", [reset, silence], ids=["reset", "no response"])
def test_an_opening_without_a_response_is_retried(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, failing: Any, brief: Any
) -> None:
    hub.events(failing, stream(ONE))
    client = caller.client(hub, clock=clock, timeout=brief(0.3))
    assert caller.rest(client.campaigns.stream_events("c1")) == [{"n": 1}]


def test_an_unreachable_hub_is_retried(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    away = SimpleNamespace(url=f"http://127.0.0.1:{held.getsockname()[1]}")
    events = caller.client(away, clock=clock).campaigns.stream_events("c1", max_reconnects=2)
    with pytest.raises(StreamError) as caught:
        caller.next(events)
    assert isinstance(caught.value.__cause__, APIConnectionError)
    assert sum(clock.slept) == pytest.approx(0.5 + 1.0)
    held.close()


REFUSALS: list[tuple[int, type[APIStatusError]]] = [
    (302, APIStatusError),
    (400, BadRequestError),
    (401, AuthenticationError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (405, APIStatusError),
    (406, APIStatusError),
    (408, APIStatusError),
    (409, ConflictError),
    (410, APIStatusError),
    (501, ServerError),
]


@table("status, error", REFUSALS)
def test_a_refusal_raises_its_class_before_any_item_and_is_not_retried(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, status: int, error: type[APIStatusError]
) -> None:
    hub.events(response(status, "no such thing"))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    with pytest.raises(error, match="no such thing") as caught:
        caller.next(events)
    assert str(status) in str(caught.value)
    assert "GET /campaigns/c1/events" in str(caught.value)
    assert type(caught.value) is error
    assert caught.value.body == "no such thing"
    assert len(hub.requests) == 1
    assert clock.slept == []


def test_a_refusal_at_a_reconnect_raises_its_class_too(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ONE, end="unfinished"), response(404, "deleted"))
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    assert caller.next(events) == {"n": 1}
    with pytest.raises(NotFoundError):
        caller.next(events)


def test_204_ends_the_iteration(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    hub.events(stream(ONE, end="unfinished"), response(204))
    assert caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1")) == [{"n": 1}]
    hub.events(response(204))
    assert caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1")) == []
    assert len(hub.requests) == 3


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", "<html>sign in</html>"),
        (200, "application/json", '{"id": "c1"}'),
        (202, "text/plain", "soon"),
        (200, "text/event-stream-ish", "data: {}\n\n"),
    ],
)
def test_another_content_type_raises_and_is_not_retried(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, status: int, kind: str, body: str
) -> None:
    hub.events(response(status, body, {"Content-Type": f"{kind}"}))
    with pytest.raises(ResponseFormatError, match=kind) as caught:
        caller.next(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert (caught.value.status_code, caught.value.body) == (status, body.encode())
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    "kind", ["text/event-stream; charset=utf-8", "Text/Event-Stream", "text/event-stream ;x"]
)
def test_a_content_type_is_read_as_http_says(hub: LoopbackHub, caller: Any, kind: str) -> None:
    hub.events(stream(ONE, kind=kind))
    assert caller.rest(caller.client(hub).campaigns.stream_events("c1")) == [{"n": 1}]


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_respected(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, status: int
) -> None:
    hub.events(response(status, LIMITED, {"Retry-After": "60"}), stream(ONE))
    assert caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1")) == [{"n": 1}]
    assert 60 <= pauses(hub)[0] <= 66


def test_a_short_retry_after_does_not_shorten_the_backoff(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(*[response(503, "", {"Retry-After": "1"})] * 4, stream())
    caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert pauses(hub) == [1.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "scripted",
    [
        response(429, "Concurrent call limit reached"),
        response(429, "Daily minute budget exhausted", {"Retry-After": "60"}),
        response(429, "slow down"),
    ],
    ids=["cost cap", "cost cap with a time", "bare"],
)
def test_a_cost_cap_is_not_retried(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, scripted: Any
) -> None:
    hub.events(scripted)
    with pytest.raises(RateLimitError) as caught:
        caller.next(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert caught.value.reason == "cost_cap"
    assert len(hub.requests) == 1


def test_an_endless_rate_limit_ends_after_max_reconnects(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(response(429, LIMITED, {"Retry-After": "60"}))
    with pytest.raises(StreamError) as caught:
        caller.next(caller.client(hub, clock=clock).campaigns.stream_events("c1", max_reconnects=2))
    assert isinstance(caught.value.__cause__, RateLimitError)
    assert pauses(hub) == [60.0, 60.0]


def test_a_refused_token_is_refreshed_once_by_a_provider(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    keys = itertools.count(1)
    hub.events(response(401, "expired"), stream(ONE, end="unfinished"), response(401), stream(TWO))
    client = caller.client(
        hub, clock=clock, api_key=caller.provider(lambda: f"sk_live_acme_{next(keys)}")
    )
    assert caller.rest(client.campaigns.stream_events("c1")) == [{"n": 1}, {"n": 2}]
    sent = [request.header("authorization") for request in hub.requests]
    assert sent == [f"Bearer sk_live_acme_{n}" for n in (1, 2, 2, 3)]
    assert pauses(hub) == [0.0, 0.5, 0.0]


def test_a_second_401_in_a_row_raises(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    hub.events(response(401, "no"))
    client = caller.client(hub, clock=clock, api_key=caller.provider(lambda: KEY))
    with pytest.raises(AuthenticationError):
        caller.next(client.campaigns.stream_events("c1"))
    assert len(hub.requests) == 2


def test_a_fixed_key_is_not_retried(hub: LoopbackHub, caller: Any, clock: DrivenClock) -> None:
    hub.events(response(401, "no"))
    with pytest.raises(AuthenticationError):
        caller.next(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        (response(503, "down"), ServerError),
        (response(429, LIMITED, {"Retry-After": "1"}), RateLimitError),
        (reset, APIConnectionError),
        (silence, APITimeoutError),
    ],
    ids=["503", "429", "reset", "no response"],
)
def test_without_reconnect_an_opening_that_fails_raises_its_own_class(
    hub: LoopbackHub,
    caller: Any,
    clock: DrivenClock,
    failing: Any,
    error: type[Exception],
    brief: Any,
) -> None:
    hub.events(failing)
    campaigns = caller.client(hub, clock=clock, timeout=brief(0.3)).campaigns
    with pytest.raises(error) as caught:
        caller.next(campaigns.stream_events("c1", reconnect=False))
    assert type(caught.value) is error
    assert len(hub.requests) == 1
    assert clock.slept == []


@table(
    "sent, header",
    [
        (b"id: 41\ndata: {}\n\nid: 42\ndata: {}\n\n", "42"),
        (b"id: a b\ndata: {}\n\n", "a b"),
        ("id: é✓\ndata: {}\n\n".encode(), "é✓"),
        (b"id:  7 \ndata: {}\n\n", "7"),
        (b"id: a\x01b\ndata: {}\n\n", None),
        (b"id: a\x0bb\ndata: {}\n\n", None),
        (b"id: 7\ndata: {}\n\nid\ndata: {}\n\n", None),
        (b"id: a\0b\ndata: {}\n\n", None),
        (b"data: {}\n\nid: 7\ndata: {}\n", None),
        (b"id: 7\n\n: c\n", "7"),
    ],
)
def test_the_last_event_id_is_sent_at_a_reconnect(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, sent: bytes, header: str | None
) -> None:
    hub.events(stream(sent, end="unfinished"), stream())
    caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    first, second = hub.requests
    assert first.header("last-event-id") is None
    seen = second.header("last-event-id")
    assert (None if seen is None else seen.encode("latin-1").decode()) == header


def test_an_id_outlives_a_connection_without_ids(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(
        stream(b"id: 7\ndata: {}\n\n", end="unfinished"),
        stream(b"event: x\ndata: {}\n\ndata: 1\n\n", end="unfinished"),
        stream(ONE),
    )
    events = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    caller.rest(events)
    assert [request.header("last-event-id") for request in hub.requests] == [None, "7", "7"]
    assert events.last_event_id == "7"


@table(
    "retry, base",
    [(b"5000", 5.0), (b"200", 0.2), (b"0", 0.1), (b"99999999999999999999", 30.0), (b"5s", 1.0)],
)
def test_the_hubs_retry_field_sets_the_base_of_the_backoff_within_limits(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, retry: bytes, base: float
) -> None:
    hub.events(
        stream(b"retry: " + retry + b"\n" + ONE, end="unfinished"), response(503), reset, stream()
    )
    caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert pauses(hub) == pytest.approx([min(30.0, base * n) / 2 for n in (1, 2, 4)], abs=0.01)


def test_each_reconnect_opens_a_new_connection(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(*[stream(ONE, end="unfinished")] * 3, stream())
    client = caller.client(hub, clock=clock)
    events = client.campaigns.stream_events("c1")
    assert caller.rest(events) == [{"n": 1}] * 3
    assert events.reconnects == 3
    assert len({request.connection for request in hub.requests}) == 4
