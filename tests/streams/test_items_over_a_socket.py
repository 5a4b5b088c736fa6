"""Which items are yielded, and when, over a real socket, through both clients."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kataven import StreamError
from kataven.events import EventStream, is_end, is_heartbeat
from tests.support.http import END, HEARTBEAT, data, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, stream, wait_for
from tests.support.tables import table

CORPUS = Path(__file__).parent.parent / "data" / "sse-corpus.jsonl"
CASES: list[dict[str, Any]] = [
    json.loads(line) for line in CORPUS.read_text(encoding="ascii").splitlines()
]
MIB = 1024 * 1024


@pytest.mark.parametrize("framing", ["chunked", "eof"])
def test_cases_of_the_corpus_yield_their_items_over_a_socket(
    hub: LoopbackHub, caller: Any, framing: str
) -> None:
    client = caller.client(hub)
    wrong = []
    # Both framings together cover every fourth case; the decoder's own tests cover all.
    cases = CASES[0 if framing == "chunked" else 4 :: 8]
    assert len(cases) > 100
    for number, case in enumerate(cases):
        raw = case["input"].encode("latin-1")
        cut = (number * 7) % (len(raw) + 1)
        hub.events(stream(raw[:cut], raw[cut:], framing=framing), campaign=f"case-{number}")
        events = client.campaigns.stream_events(f"case-{number}")
        # As text, because NaN is not equal to itself.
        items, last_event_id = repr(caller.rest(events)), events.last_event_id
        if (items, last_event_id) != (repr(case["items"]), case["last_event_id"]):
            wrong.append((case["name"], items, last_event_id))
    assert wrong == []


def test_every_kind_of_item_is_yielded_as_documented(hub: LoopbackHub, caller: Any) -> None:
    hub.events(
        stream(
            data({"a": 1}),
            HEARTBEAT,
            b'event: progress\ndata: {"b": 2}\n\n',
            b"data: [1]\n\n",
            b'event: end\ndata: {"c": 3}\n\n',
            data({"d": 4}),
        )
    )
    events = caller.client(hub).campaigns.stream_events("c1")
    items = caller.rest(events)
    assert items == [
        {"a": 1},
        ": heartbeat",
        {"b": 2},
        "data: [1]",
        {"c": 3},
        "event: end",
        {"d": 4},
    ]
    assert [is_end(item) for item in items] == [False] * 5 + [True, False]
    assert [is_heartbeat(item) for item in items] == [False, True] + [False] * 5


def test_an_item_is_yielded_before_the_hub_sends_more(hub: LoopbackHub, caller: Any) -> None:
    """The Hub waits until the reader has an item before it sends the next byte."""
    heard = [threading.Event() for _ in range(4)]
    # A comment is complete with its line, a frame with its blank line; a CR ends a line at once.
    hub.events(
        stream(
            data({"a": 1}),
            heard[0],
            b": beat\n",
            heard[1],
            b"data: {}\r\r",
            heard[2],
            END,
            heard[3],
        )
    )
    events = caller.client(hub).campaigns.stream_events("c1")
    for event, item in zip(heard, [{"a": 1}, ": beat", {}, "event: end"], strict=True):
        assert caller.next(events) == item
        event.set()
    assert caller.rest(events) == []


@pytest.mark.slow
def test_a_slow_reader_slows_the_hub_down_and_memory_stays_flat(
    hub: LoopbackHub, caller: Any
) -> None:
    frame = data({"filler": "x" * 60_000})
    total = 40 * MIB // len(frame)
    progress = {"sent": 0}

    def pour(connection: Any) -> None:
        for _ in range(total):
            connection.stream(frame)
            progress["sent"] += len(frame)

    hub.events(stream(pour))
    events = caller.client(hub).campaigns.stream_events("c1")
    tracemalloc.start()
    try:
        caller.next(events)
        before = -1

        def level() -> bool:
            nonlocal before
            before, last = progress["sent"], before
            # The Hub is blocked if it sent nothing between two looks.
            return threading.Event().wait(0.1) or before == last

        wait_for(level)
        assert progress["sent"] < 20 * MIB, "the client reads ahead of its reader"
        held, _ = tracemalloc.get_traced_memory()
        assert held < 8 * MIB
        assert len(caller.rest(events)) == total - 1
    finally:
        tracemalloc.stop()


_LINES = st.sampled_from(
    [
        b"data: {}",
        b'data: {"a":1}',
        b"data",
        b": c",
        b"event: end",
        b"id: 7",
        b"\xff",
        b"",
        b"",
        b"",
    ]
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    lines=st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=30),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_any_stream_cut_anywhere_yields_the_same_items(
    hub: LoopbackHub, caller: Any, lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    raw = b"".join(line + end for line, end in lines)
    edges = [0, *sorted({cut for cut in cuts if cut < len(raw)}), len(raw)]
    chunks = [raw[a:b] for a, b in itertools.pairwise(edges)]
    campaigns = caller.client(hub).campaigns
    hub.events(stream(raw), campaign="undivided")
    hub.events(stream(*chunks), campaign="cut")
    undivided = caller.rest(campaigns.stream_events("undivided"))
    assert caller.rest(campaigns.stream_events("cut")) == undivided


def test_a_callers_hook_that_reads_the_response_loses_nothing(
    hub: LoopbackHub, caller: Any
) -> None:
    async def read(response: httpx.Response) -> None:
        await response.aread()

    compressed = gzip.compress(data({"a": 1}) + END)
    hub.events(stream(data({"a": 1}), END), stream(compressed, headers=("Content-Encoding: gzip",)))
    if caller.name == "sync":
        http = httpx.Client(
            event_hooks={"response": [httpx.Response.read]}, trust_env=False, timeout=PATIENCE
        )
    else:
        http = httpx.AsyncClient(
            event_hooks={"response": [read]}, trust_env=False, timeout=PATIENCE
        )
    client = caller.client(hub, http_client=http)
    for _ in range(2):
        assert caller.rest(client.campaigns.stream_events("c1")) == [{"a": 1}, "event: end"]
    http.close() if caller.name == "sync" else caller.call(http.aclose)


def test_nothing_is_sent_before_the_first_item_is_requested(hub: LoopbackHub, caller: Any) -> None:
    hub.events(stream(data({"a": 1})))
    events = caller.client(hub).campaigns.stream_events("c1")
    assert (events.last_event_id, events.reconnects) == ("", 0)
    assert hub.connections == 0
    assert caller.next(events) == {"a": 1}
    assert len(hub.requests) == 1
    caller.close(events)


def test_a_stream_closed_before_its_first_item_sends_nothing(hub: LoopbackHub, caller: Any) -> None:
    events = caller.client(hub).campaigns.stream_events("c1")
    caller.close(events)
    assert caller.rest(events) == []
    assert hub.connections == 0


def test_the_request_accepts_an_uncompressed_uncached_event_stream(
    hub: LoopbackHub, caller: Any
) -> None:
    hub.events(stream())
    assert caller.rest(caller.client(hub).campaigns.stream_events("c1")) == []
    (request,) = hub.requests
    assert request.header("accept") == "text/event-stream"
    assert request.header("accept-encoding") == "identity"
    assert request.header("cache-control") == "no-cache"
    assert request.header("authorization") == "Bearer sk_live_acme_0123456789abcdef"
    assert request.header("last-event-id") is None


def test_the_id_is_that_of_the_last_complete_frame(hub: LoopbackHub, caller: Any) -> None:
    hub.events(stream(b"id: 1\ndata: {}\n\n", b"id: 2\n\n", b"data: {}\n\nid: 3\ndata: {}\n"))
    events = caller.client(hub).campaigns.stream_events("c1")
    caller.next(events)
    assert events.last_event_id in {"1", "2"}
    assert caller.rest(events) == [{}]
    assert events.last_event_id == "2"


def test_a_stream_is_its_own_iterator_and_a_context_manager(
    hub: LoopbackHub, blocking: Any
) -> None:
    hub.events(stream(data({"a": 1})))
    with blocking.client(hub).campaigns.stream_events("c1") as events:
        assert isinstance(events, EventStream)
        assert iter(events) is events
        assert list(events) == [{"a": 1}]
        assert next(events, None) is None


def test_an_id_like_dots_is_refused_before_anything_is_sent(hub: LoopbackHub, caller: Any) -> None:
    campaigns = caller.client(hub).campaigns
    for bad in ("", ".", ".."):
        with pytest.raises(ValueError, match="id"):
            campaigns.stream_events(bad)
        with pytest.raises(ValueError, match="id"):
            campaigns.watch(bad)
    assert hub.connections == 0


@table(
    "option, error",
    [
        ({"max_reconnects": -1}, ValueError),
        ({"max_reconnects": 1.5}, TypeError),
        ({"max_reconnects": True}, TypeError),
        ({"idle_timeout": 0}, ValueError),
        ({"idle_timeout": float("nan")}, ValueError),
        ({"idle_timeout": None}, TypeError),
        ({"total_timeout": -1.0}, ValueError),
        ({"total_timeout": "9"}, TypeError),
    ],
)
def test_an_invalid_option_is_refused(
    hub: LoopbackHub, caller: Any, option: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=next(iter(option))):
        caller.client(hub).campaigns.stream_events("c1", **option)


@pytest.mark.slow
def test_a_frame_over_the_limit_is_an_error_after_the_items_before_it(
    hub: LoopbackHub, caller: Any
) -> None:
    # Plain frames before it, so that the chunk with its start is decoded in place.
    plain = data({"n": 1}) * 10_000
    hub.events(stream(plain, b"data: " + b"x" * (64 * MIB), end="silent"))
    events = caller.client(hub).campaigns.stream_events("c1")
    items = [caller.next(events) for _ in range(10_000)]
    assert items == [{"n": 1}] * 10_000
    with pytest.raises(StreamError, match="67108864") as caught:
        caller.next(events)
    assert "/campaigns/c1/events" in str(caught.value)
    hub.wait_until_left()
    assert caller.rest(events) == []


@pytest.mark.slow
def test_a_watch_falls_back_to_polling_when_a_frame_is_over_the_limit(
    hub: LoopbackHub, caller: Any
) -> None:
    hub.events(stream(data({"status": "running"}), b"data: " + b"x" * (64 * MIB), end="silent"))
    hub.get(response(200, {"id": "c1", "status": "completed"}))
    progress = caller.client(hub).campaigns.watch("c1")
    assert [seen.status for seen in caller.rest(progress)] == ["running", "completed"]
