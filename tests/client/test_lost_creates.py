"""``on_ambiguous="find"``: the SDK looks for a create whose response was lost, and never sends it twice."""

from __future__ import annotations

import io
from typing import Any

import pytest

import kataven
from tests.support.clients import (
    CSV,
    MAY_HAVE_PROCESSED,
    Awaited,
    Blocking,
    DrivenClock,
    cancelled_when_silent,
)
from tests.support.http import Request, response
from tests.support.server import LoopbackHub, close, reset, silence
from tests.support.tables import table

MINE = {"id": "new", "name": "Spring", "agent_id": "a1", "phone_number_id": "p1", "status": "draft"}
OLD = {**MINE, "id": "old"}
LOST: dict[str, Any] = {
    "reset": (reset,),
    "closed": (close,),
    "500": response(500, "database error"),
    "502": response(502, "<html>Bad gateway</html>"),
    "504": response(504, ""),
    "empty": response(201, b""),
    "html": response(200, "<html></html>"),
    "truncated": (response(201, b'{"id"', length=90), reset),
    "timeout": (silence,),
}
TWIN = {**MINE, "id": "twin"}


def _campaigns(*campaigns: Any) -> bytes:
    return response(200, {"campaigns": list(campaigns)})


def _create(caller: Blocking, client: Any, **options: Any) -> Any:
    options = {"on_ambiguous": "find", **options}
    return caller.call(client.campaigns.create, "Spring", "a1", "p1", io.BytesIO(CSV), **options)


def _methods(hub: LoopbackHub) -> list[str]:
    return [request.method for request in hub.requests]


def _client(caller: Blocking, hub: LoopbackHub, clock: DrivenClock, **options: Any) -> Any:
    return caller.client(hub, clock=clock, **options)


def test_a_response_that_arrives_costs_one_more_request(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(_campaigns(OLD), response(201, MINE))
    assert _create(caller, _client(caller, hub, clock)) == MINE
    assert _methods(hub) == ["GET", "POST"]
    assert hub.requests[0].target == "/api/v1/campaigns"
    assert clock.slept == []


def test_the_list_is_read_first_only_on_request(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond((reset,))
    with pytest.raises(kataven.APIConnectionError):
        _create(caller, _client(caller, hub, clock), on_ambiguous="raise")
    assert _methods(hub) == ["POST"]


@table("lost", LOST)
def test_the_campaign_is_found_after_each_kind_of_lost_response(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, lost: str, brief: Any
) -> None:
    hub.respond(_campaigns(OLD), LOST[lost], _campaigns(OLD, MINE))
    options = {"timeout": kataven.Timeout(read=brief(0.5))} if lost == "timeout" else {}
    assert _create(caller, _client(caller, hub, clock, **options)) == MINE
    assert _methods(hub) == ["GET", "POST", "GET"]


def test_the_search_pauses_grow_from_half_a_second_to_two(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(_campaigns(), (reset,), *[_campaigns()] * 5, _campaigns(MINE))
    assert _create(caller, _client(caller, hub, clock)) == MINE
    assert clock.slept == [0.5, 1.0, 2.0, 2.0, 2.0]
    assert _methods(hub) == ["GET", "POST"] + ["GET"] * 6


@table(
    "other",
    [
        {**MINE, "id": "x", "name": "Autumn"},
        {**MINE, "id": "x", "agent_id": "a2"},
        {**MINE, "id": "x", "phone_number_id": "p2"},
        OLD,
        "no object",
        {},
    ],
)
def test_only_a_new_campaign_of_the_same_name_agent_and_number_counts(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, other: Any
) -> None:
    hub.respond(_campaigns(OLD))
    hub.respond((reset,), _campaigns(OLD, other), _campaigns(other, MINE, OLD))
    assert _create(caller, _client(caller, hub, clock)) == MINE
    assert clock.slept == [0.5]


@pytest.mark.parametrize("lost", ["reset", "502", "empty"])
def test_two_matches_raise_the_original_error_at_once_with_both_ids(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, lost: str
) -> None:
    hub.respond(_campaigns(OLD), LOST[lost], _campaigns(MINE, TWIN, OLD))
    kinds = {
        "reset": kataven.APIConnectionError,
        "502": kataven.ServerError,
        "empty": kataven.ResponseFormatError,
    }
    with pytest.raises(kinds[lost]) as caught:
        _create(caller, _client(caller, hub, clock))
    assert caught.value.request_sent is True
    assert "new" in str(caught.value)
    assert "twin" in str(caught.value)
    assert _methods(hub) == ["GET", "POST", "GET"]
    assert clock.slept == []


def test_no_match_in_time_raises_the_original_error(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(_campaigns(OLD), response(504, "gateway"))
    hub.always = _campaigns(OLD)
    with pytest.raises(kataven.ServerError, match="gateway") as caught:
        _create(caller, _client(caller, hub, clock))
    assert caught.value.request_sent is True
    assert caught.value.status_code == 504
    # The pauses sum to 9.5 s; the next one would exceed ten seconds.
    assert clock.slept == [0.5, 1.0, 2.0, 2.0, 2.0, 2.0]
    assert _methods(hub).count("POST") == 1


# The pauses do not depend on the machine, so the limit cannot be longer; another round may be in time.
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    ("find_timeout", "pauses"), [(0, []), (0.5, [0.5]), (3.4, [0.5, 1.0]), (3.5, [0.5, 1.0, 2.0])]
)
def test_find_timeout_bounds_the_search(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, find_timeout: float, pauses: list[float]
) -> None:
    hub.respond(_campaigns(), (reset,))
    hub.always = _campaigns()
    with pytest.raises(kataven.APIConnectionError):
        _create(caller, _client(caller, hub, clock), find_timeout=find_timeout)
    assert clock.slept == pauses


@pytest.mark.usefixtures("brief")
def test_the_calls_deadline_bounds_the_search_too(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(_campaigns(), response(502, "gateway"))
    hub.always = _campaigns()
    with pytest.raises(kataven.ServerError) as caught:
        _create(caller, _client(caller, hub, clock, deadline=2.0))
    assert caught.value.request_sent is True
    assert clock.slept == [0.5, 1.0]
    assert _methods(hub).count("POST") == 1


@pytest.mark.usefixtures("brief")
def test_the_deadline_bounds_reading_before_creating_and_searching_together(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    def later(request: Request) -> None:
        clock.advance(4 if request.method == "GET" and len(hub.requests) == 1 else 0)

    hub.on_request = later
    hub.respond(_campaigns(), response(502, "gateway"))
    hub.always = _campaigns()
    with pytest.raises(kataven.ServerError):
        _create(caller, _client(caller, hub, clock, deadline=5.6))
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize(
    "scripted",
    [
        response(403, "no"),
        response(200, b"[]"),
        response(200, {"a": [], "b": []}),
        response(200, {}),
    ],
)
def test_nothing_is_sent_if_the_campaigns_cannot_be_listed_first(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, scripted: bytes
) -> None:
    hub.always = scripted
    with pytest.raises(kataven.KatavenError) as caught:
        _create(caller, _client(caller, hub, clock))
    assert _methods(hub) == ["GET"]
    assert getattr(caught.value, "request_sent", None) is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_list_of_exactly_a_hundred_may_be_truncated_so_nothing_is_returned(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, when: str
) -> None:
    hundred = [{**MINE, "id": f"c{n}", "name": "Another"} for n in range(99)]
    before = _campaigns(*hundred, OLD) if when == "before" else _campaigns(OLD)
    after = _campaigns(*hundred, MINE) if when == "after" else _campaigns(*hundred, OLD, MINE)
    hub.respond(before, (reset,))
    hub.always = after
    with pytest.raises(kataven.APIConnectionError, match="100") as caught:
        _create(caller, _client(caller, hub, clock))
    assert caught.value.request_sent is True
    assert _methods(hub).count("POST") == 1


def test_a_hundred_campaigns_before_do_not_matter_if_the_response_arrives(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(_campaigns(*[{**OLD, "id": n} for n in range(100)]), response(201, MINE))
    assert _create(caller, _client(caller, hub, clock)) == MINE


@pytest.mark.parametrize(
    "scripted",
    [
        response(400, "row 3"),
        response(401, "no"),
        response(409, "x"),
        response(429, "daily call limit reached"),
    ],
)
def test_a_refusal_starts_no_search(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, scripted: bytes
) -> None:
    hub.respond(_campaigns(), scripted)
    with pytest.raises(kataven.APIStatusError):
        _create(caller, _client(caller, hub, clock))
    assert _methods(hub) == ["GET", "POST"]


def test_rate_limits_during_the_search_are_waited_for(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    limited = response(429, "rate_limited: x", [("Retry-After", "1")])
    hub.respond(_campaigns(), limited, (reset,), limited, _campaigns(MINE))
    assert _create(caller, _client(caller, hub, clock)) == MINE
    assert _methods(hub) == ["GET", "POST", "POST", "GET", "GET"]


@pytest.mark.parametrize(
    "fault", [(reset,), response(503, "down"), response(403, "no"), response(200, b"[]")]
)
def test_a_failed_list_does_not_end_the_search(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, fault: Any
) -> None:
    hub.respond(_campaigns(), (reset,), fault, _campaigns(MINE))
    assert _create(caller, _client(caller, hub, clock, max_retries=0)) == MINE
    assert _methods(hub).count("POST") == 1


@pytest.mark.parametrize(
    "envelope",
    [
        {"campaigns": [MINE]},
        {"items": [MINE], "total": 1},
        {"data": [MINE]},
        {"campaigns": [MINE], "links": []},
    ],
)
def test_the_rows_are_found_in_any_unambiguous_envelope(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, envelope: Any
) -> None:
    hub.respond(response(200, {"campaigns": None}), (reset,), response(200, envelope))
    assert _create(caller, _client(caller, hub, clock)) == MINE


@table(
    "options, error",
    [
        ({"on_ambiguous": "retry"}, ValueError),
        ({"on_ambiguous": True}, (ValueError, TypeError)),
        ({"find_timeout": -1}, ValueError),
        ({"find_timeout": float("nan")}, ValueError),
        ({"find_timeout": "10"}, TypeError),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_sent(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, options: Any, error: Any
) -> None:
    with pytest.raises(error):
        _create(caller, _client(caller, hub, clock), **options)
    assert hub.connections == 0


def test_ctrl_c_during_the_search_says_that_the_hub_may_have_acted(
    blocking: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    clock.on_sleep = interrupt
    hub.respond(_campaigns(), (reset,))
    hub.always = _campaigns()
    with pytest.raises(KeyboardInterrupt) as caught:
        _create(blocking, _client(blocking, hub, clock))
    assert MAY_HAVE_PROCESSED in "\n".join(getattr(caught.value, "__notes__", []))


def test_cancellation_during_the_search_says_so_too(
    awaited: Awaited, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(_campaigns(), (reset,))
    hub.always = (silence,)
    client = awaited.client(hub, clock=clock)
    create = client.campaigns.create("n", "a", "p", io.BytesIO(CSV), on_ambiguous="find")
    error = awaited.run(cancelled_when_silent(hub, create))
    assert MAY_HAVE_PROCESSED in "\n".join(getattr(error, "__notes__", []))
