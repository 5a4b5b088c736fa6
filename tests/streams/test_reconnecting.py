"""When a stream is opened again, after which pause, and when no more.

The Hub's own clock is the client's, so that the Hub tells how long each pause was.
"""

from __future__ import annotations

import itertools
import socket
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sides import KEY, DrivenClock
from stream_hub import StreamHub, data, refuse, reply, silence, stream

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

ONE, TWO = data({"n": 1}), data({"n": 2})
LIMITED = "rate_limited: per-minute (60) exceeded"


def pauses(hub: StreamHub) -> list[float]:
    """The time between two openings, by the Hub's clock."""
    times = [asked.at for asked in hub.streams()]
    return [round(b - a, 3) for a, b in itertools.pairwise(times)]


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.5), (0.5, 0.75), (0.999999, 1.0)])
def test_pauses_double_from_a_second_to_thirty_each_between_half_and_whole(
    hub: StreamHub, side: Any, clock: DrivenClock, jitter: float, share: float
) -> None:
    clock.fixed_jitter = jitter
    hub.events(*[reply(503, "down")] * 8, stream(ONE))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1", max_reconnects=9)
    assert side.rest(events) == [{"n": 1}]
    steps = [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses(hub) == pytest.approx([step * share for step in steps], abs=0.01)
    assert events.reconnects == 8


def test_an_item_begins_the_pauses_anew_and_an_opened_stream_without_one_does_not(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(
        stream(ONE, end="unfinished"),
        reply(502),
        stream(end="unfinished"),
        stream(b"data: half", end="unfinished"),
        stream(TWO, end="unfinished"),
        stream(),
    )
    events = side.client(hub, clock=clock).campaigns.stream_events("c1")
    assert side.rest(events) == [{"n": 1}, {"n": 2}]
    assert pauses(hub) == [0.5, 1.0, 2.0, 4.0, 0.5]


def test_so_many_reconnects_in_a_row_and_no_more(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ONE, end="unfinished"), reply(503, "first"), reply(500, "last"))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1")
    assert side.next(events) == {"n": 1}
    with pytest.raises(StreamError, match="5 reconnects") as caught:
        side.next(events)
    assert isinstance(caught.value.__cause__, ServerError)
    assert caught.value.__cause__.body == "last"
    assert len(hub.asked) == 6
    assert side.rest(events) == []


@pytest.mark.parametrize("most", [0, 1, 3])
def test_the_first_opening_counts_like_any_other(
    hub: StreamHub, side: Any, clock: DrivenClock, most: int
) -> None:
    hub.events(refuse)
    # What repeats calls does not multiply the openings of a stream.
    campaigns = side.client(hub, clock=clock, max_retries=7).campaigns
    with pytest.raises(StreamError) as caught:
        side.next(campaigns.stream_events("c1", max_reconnects=most))
    assert isinstance(caught.value.__cause__, APIConnectionError)
    assert isinstance(caught.value.__cause__.__cause__, httpx.TransportError)
    assert len(hub.asked) == most + 1


def test_the_last_failure_may_be_a_stream_that_broke(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(stream(end="unfinished"))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1", max_reconnects=1)
    with pytest.raises(StreamError) as caught:
        side.next(events)
    cause = caught.value.__cause__
    assert isinstance(cause, StreamError)
    assert isinstance(cause.__cause__, httpx.RemoteProtocolError)


def test_no_retries_of_calls_leave_a_stream_its_own(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(reply(503), stream(ONE))
    client = side.client(hub, clock=clock, max_retries=0)
    assert side.rest(client.campaigns.stream_events("c1")) == [{"n": 1}]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524, 529])
def test_what_may_pass_is_tried_again(
    hub: StreamHub, side: Any, clock: DrivenClock, status: int
) -> None:
    hub.events(reply(status, "down"), stream(ONE))
    assert side.rest(side.client(hub, clock=clock).campaigns.stream_events("c1")) == [{"n": 1}]


@pytest.mark.parametrize("failing", [refuse, silence], ids=["reset", "no answer"])
def test_an_opening_without_an_answer_is_tried_again(
    hub: StreamHub, side: Any, clock: DrivenClock, failing: Any
) -> None:
    hub.events(failing, stream(ONE))
    client = side.client(hub, clock=clock, timeout=0.3)
    assert side.rest(client.campaigns.stream_events("c1")) == [{"n": 1}]


def test_a_hub_that_is_not_there_is_tried_again(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    away = SimpleNamespace(url=f"http://127.0.0.1:{held.getsockname()[1]}")
    events = side.client(away, clock=clock).campaigns.stream_events("c1", max_reconnects=2)
    with pytest.raises(StreamError, match="no connection to the Hub"):
        side.next(events)
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


@pytest.mark.parametrize(("status", "error"), REFUSALS)
def test_a_refusal_raises_its_class_before_any_item_and_is_not_tried_again(
    hub: StreamHub, side: Any, clock: DrivenClock, status: int, error: type[APIStatusError]
) -> None:
    hub.events(reply(status, "no such thing"))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1")
    with pytest.raises(error, match=f"{status} to GET /campaigns/c1/events: no such") as caught:
        side.next(events)
    assert type(caught.value) is error
    assert caught.value.body == "no such thing"
    assert len(hub.asked) == 1
    assert clock.slept == []


def test_a_refusal_at_a_reconnect_raises_its_class_too(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ONE, end="unfinished"), reply(404, "deleted"))
    events = side.client(hub, clock=clock).campaigns.stream_events("c1")
    assert side.next(events) == {"n": 1}
    with pytest.raises(NotFoundError):
        side.next(events)


def test_204_ends_the_iteration(hub: StreamHub, side: Any, clock: DrivenClock) -> None:
    hub.events(stream(ONE, end="unfinished"), reply(204))
    assert side.rest(side.client(hub, clock=clock).campaigns.stream_events("c1")) == [{"n": 1}]
    hub.events(reply(204))
    assert side.rest(side.client(hub, clock=clock).campaigns.stream_events("c1")) == []
    assert len(hub.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", "<html>sign in</html>"),
        (200, "application/json", '{"id": "c1"}'),
        (202, "text/plain", "soon"),
        (200, "text/event-stream-ish", "data: {}\n\n"),
    ],
)
def test_another_content_type_raises_and_is_not_tried_again(
    hub: StreamHub, side: Any, clock: DrivenClock, status: int, kind: str, body: str
) -> None:
    hub.events(reply(status, body, f"Content-Type: {kind}"))
    with pytest.raises(ResponseFormatError, match=kind) as caught:
        side.next(side.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert (caught.value.status_code, caught.value.body) == (status, body.encode())
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    "kind", ["text/event-stream; charset=utf-8", "Text/Event-Stream", "text/event-stream ;x"]
)
def test_a_content_type_is_read_as_http_says(hub: StreamHub, side: Any, kind: str) -> None:
    hub.events(stream(ONE, kind=kind))
    assert side.rest(side.client(hub).campaigns.stream_events("c1")) == [{"n": 1}]


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_the_hub_asks_for_is_kept(
    hub: StreamHub, side: Any, clock: DrivenClock, status: int
) -> None:
    hub.events(reply(status, LIMITED, "Retry-After: 60"), stream(ONE))
    assert side.rest(side.client(hub, clock=clock).campaigns.stream_events("c1")) == [{"n": 1}]
    assert 60 <= pauses(hub)[0] <= 66


def test_a_short_pause_that_the_hub_asks_for_does_not_shorten_ours(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(*[reply(503, "", "Retry-After: 1")] * 4, stream())
    side.rest(side.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert pauses(hub) == [1.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "answer",
    [
        reply(429, "Concurrent call limit reached"),
        reply(429, "Daily minute budget exhausted", "Retry-After: 60"),
        reply(429, "slow down"),
    ],
    ids=["cost cap", "cost cap with a time", "bare"],
)
def test_a_cost_cap_is_not_tried_again(
    hub: StreamHub, side: Any, clock: DrivenClock, answer: Any
) -> None:
    hub.events(answer)
    with pytest.raises(RateLimitError) as caught:
        side.next(side.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert caught.value.reason == "cost_cap"
    assert len(hub.asked) == 1


def test_a_rate_limit_for_ever_ends_after_so_many(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(reply(429, LIMITED, "Retry-After: 60"))
    with pytest.raises(StreamError) as caught:
        side.next(side.client(hub, clock=clock).campaigns.stream_events("c1", max_reconnects=2))
    assert isinstance(caught.value.__cause__, RateLimitError)
    assert pauses(hub) == [60.0, 60.0]


def test_a_refused_token_is_renewed_once_where_a_function_gives_it(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    keys = itertools.count(1)
    hub.events(reply(401, "expired"), stream(ONE, end="unfinished"), reply(401), stream(TWO))
    client = side.client(
        hub, clock=clock, api_key=side.provider(lambda: f"sk_live_acme_{next(keys)}")
    )
    assert side.rest(client.campaigns.stream_events("c1")) == [{"n": 1}, {"n": 2}]
    sent = [asked.header("authorization") for asked in hub.asked]
    assert sent == [f"Bearer sk_live_acme_{n}" for n in (1, 2, 2, 3)]
    assert pauses(hub) == [0.0, 0.5, 0.0]


def test_a_second_401_in_a_row_raises(hub: StreamHub, side: Any, clock: DrivenClock) -> None:
    hub.events(reply(401, "no"))
    client = side.client(hub, clock=clock, api_key=side.provider(lambda: KEY))
    with pytest.raises(AuthenticationError):
        side.next(client.campaigns.stream_events("c1"))
    assert len(hub.asked) == 2


def test_a_fixed_key_is_not_tried_again(hub: StreamHub, side: Any, clock: DrivenClock) -> None:
    hub.events(reply(401, "no"))
    with pytest.raises(AuthenticationError):
        side.next(side.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        (reply(503, "down"), ServerError),
        (reply(429, LIMITED, "Retry-After: 1"), RateLimitError),
        (refuse, APIConnectionError),
        (silence, APITimeoutError),
    ],
    ids=["503", "429", "reset", "no answer"],
)
def test_without_reconnect_an_opening_that_fails_raises_its_own_class(
    hub: StreamHub, side: Any, clock: DrivenClock, failing: Any, error: type[Exception]
) -> None:
    hub.events(failing)
    campaigns = side.client(hub, clock=clock, timeout=0.3).campaigns
    with pytest.raises(error) as caught:
        side.next(campaigns.stream_events("c1", reconnect=False))
    assert type(caught.value) is error
    assert len(hub.asked) == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    ("sent", "header"),
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
    ids=[
        "the last",
        "blank",
        "beyond ASCII",
        "blanks around",
        "control",
        "vertical tab",
        "taken back",
        "NUL",
        "unfinished",
        "of a frame without data",
    ],
)
def test_the_last_event_id_is_named_at_a_reconnect(
    hub: StreamHub, side: Any, clock: DrivenClock, sent: bytes, header: str | None
) -> None:
    hub.events(stream(sent, end="unfinished"), stream())
    side.rest(side.client(hub, clock=clock).campaigns.stream_events("c1"))
    first, second = hub.asked
    assert first.header("last-event-id") is None
    told = second.header("last-event-id")
    assert (None if told is None else told.encode("latin-1").decode()) == header


def test_an_id_outlives_a_connection_that_named_none(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(
        stream(b"id: 7\ndata: {}\n\n", end="unfinished"),
        stream(b"event: x\ndata: {}\n\ndata: 1\n\n", end="unfinished"),
        stream(ONE),
    )
    events = side.client(hub, clock=clock).campaigns.stream_events("c1")
    side.rest(events)
    assert [asked.header("last-event-id") for asked in hub.asked] == [None, "7", "7"]
    assert events.last_event_id == "7"


@pytest.mark.parametrize(
    ("retry", "base"),
    [(b"5000", 5.0), (b"200", 0.2), (b"0", 0.1), (b"99999999999999999999", 30.0), (b"5s", 1.0)],
)
def test_the_hubs_retry_is_the_base_of_the_pauses_within_bounds(
    hub: StreamHub, side: Any, clock: DrivenClock, retry: bytes, base: float
) -> None:
    hub.events(
        stream(b"retry: " + retry + b"\n" + ONE, end="unfinished"), reply(503), refuse, stream()
    )
    side.rest(side.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert pauses(hub) == pytest.approx([min(30.0, base * n) / 2 for n in (1, 2, 4)], abs=0.01)


def test_each_reconnect_makes_a_connection_of_its_own(
    hub: StreamHub, side: Any, clock: DrivenClock
) -> None:
    hub.events(*[stream(ONE, end="unfinished")] * 3, stream())
    client = side.client(hub, clock=clock)
    events = client.campaigns.stream_events("c1")
    assert side.rest(events) == [{"n": 1}] * 3
    assert events.reconnects == 3
    assert len({asked.connection for asked in hub.asked}) == 4
