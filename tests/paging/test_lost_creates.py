"""A create whose response was lost: with `on_ambiguous="find"` the SDK looks for its campaign.

There is never a second POST, and nothing is claimed that is not known.
"""

import asyncio
import io
import pickle
import threading
from typing import Any

import pytest

from kataven import (
    APIConnectionError,
    APITimeoutError,
    AsyncKatavenClient,
    BadRequestError,
    ConflictError,
    KatavenError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
    Timeout,
)
from kataven.sandbox import Clock, Sandbox
from tests.support.clients import KEY, MAY_HAVE_PROCESSED, Blocking, DrivenClock
from tests.support.http import response
from tests.support.paged import PagedHub, json_response
from tests.support.server import LoopbackHub, hang_up
from tests.support.tables import table

CSV = b"phone_number\n+15550100001\n"


def campaign(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"c{number}",
        "name": "Spring",
        "agent_id": "a1",
        "phone_number_id": "p1",
        "status": "draft",
        **fields,
    }


OLD = [campaign(1), campaign(2, name="Autumn")]


def create(caller: Blocking, client: Any, **options: Any) -> Any:
    options.setdefault("on_ambiguous", "find")
    call = client.campaigns.create
    return caller.call(lambda: call("Spring", "a1", "p1", io.BytesIO(CSV), **options))


def found_by(hub: PagedHub, *lists: list[Any]) -> None:
    """Script the list of campaigns, one reading after another; the last one stays."""
    left = list(lists)
    hub.campaigns = lambda: left.pop(0) if len(left) > 1 else left[0]


LOST: dict[str, tuple[Any, type[KatavenError]]] = {
    "a connection that closes": (hang_up, APIConnectionError),
    "a 500": (response(500, b"database"), ServerError),
    "a proxy's 502": (response(502, b"<html>"), ServerError),
    "a 504": (response(504, b""), ServerError),
    "a 520": (response(520, b""), ServerError),
    "a 201 without JSON": (response(201, b"<html>created"), ResponseFormatError),
    "a 201 with a list": (response(201, b"[]"), ResponseFormatError),
    "a truncated 200": (response(200, b'{"id": "c'), ResponseFormatError),
}
lost_answers = pytest.mark.parametrize("fault", LOST)


@lost_answers
def test_the_one_new_matching_campaign_is_returned(
    caller: Blocking, hub: PagedHub, fault: str
) -> None:
    mine = campaign(7)
    found_by(hub, OLD, [*OLD, mine, campaign(8, name="Other"), campaign(9, agent_id="a2")])
    hub.respond(None, LOST[fault][0])
    clock = DrivenClock()
    assert create(caller, caller.client(hub, clock=clock)) == mine
    assert hub.lines == ["GET /campaigns", "POST /campaigns", "GET /campaigns"]
    assert clock.slept == []


@lost_answers
def test_without_a_new_campaign_the_original_error_is_raised(
    caller: Blocking, hub: PagedHub, fault: str
) -> None:
    found_by(hub, OLD)
    hub.respond(None, LOST[fault][0])
    clock = DrivenClock()
    with pytest.raises(LOST[fault][1], match=r"(?i)campaign") as caught:
        create(caller, caller.client(hub, clock=clock))
    assert type(caught.value) is LOST[fault][1]
    assert caught.value.request_sent is True  # type: ignore[attr-defined]
    assert hub.lines.count("POST /campaigns") == 1
    # With growing pauses, and no longer than ten seconds.
    assert clock.slept == [0.5, 1.0, 2.0, 2.0, 2.0, 2.0]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@lost_answers
def test_by_default_there_is_no_search_and_the_error_says_what_to_do(
    caller: Blocking, hub: PagedHub, fault: str
) -> None:
    hub.respond(LOST[fault][0])
    with pytest.raises(LOST[fault][1], match=r"client\.campaigns\.list\(\)") as caught:
        create(caller, caller.client(hub), on_ambiguous="raise")
    assert caught.value.request_sent is True  # type: ignore[attr-defined]
    assert hub.lines == ["POST /campaigns"]


def test_a_response_that_arrives_is_returned_at_once(caller: Blocking, hub: PagedHub) -> None:
    found_by(hub, OLD)
    assert create(caller, caller.client(hub))["id"] == "c1"
    assert hub.lines == ["GET /campaigns", "POST /campaigns"]


def test_a_response_that_does_not_arrive_in_time_is_lost_too(
    caller: Blocking, hub: PagedHub, brief: Any
) -> None:
    release = threading.Event()
    mine = campaign(7)
    found_by(hub, OLD, [*OLD, mine])
    hub.respond(None, (release, hang_up))
    client = caller.client(hub, timeout=Timeout(read=brief(0.1)))
    assert create(caller, client) == mine
    release.set()
    assert hub.lines == ["GET /campaigns", "POST /campaigns", "GET /campaigns"]


def test_a_campaign_may_appear_late(caller: Blocking, hub: PagedHub) -> None:
    mine = campaign(7)
    found_by(hub, OLD, OLD, OLD, OLD, [*OLD, mine])
    hub.respond(None, hang_up)
    clock = DrivenClock()
    assert create(caller, caller.client(hub, clock=clock)) == mine
    assert clock.slept == [0.5, 1.0, 2.0]


def test_two_matches_are_ambiguous(caller: Blocking, hub: PagedHub) -> None:
    found_by(hub, OLD, [*OLD, campaign(7), campaign(8), campaign(9, name="Other")])
    hub.respond(None, response(502, b"bad gateway"))
    clock = DrivenClock()
    with pytest.raises(ServerError, match="c7, c8") as caught:
        create(caller, caller.client(hub, clock=clock))
    assert "502" in str(caught.value)
    assert "c9" not in str(caught.value)
    assert clock.slept == []


def test_an_older_campaign_is_never_returned(caller: Blocking, hub: PagedHub) -> None:
    found_by(hub, OLD, [campaign(1, status="running"), campaign(2, name="Spring")])
    hub.respond(None, hang_up)
    client = caller.client(hub, clock=DrivenClock())
    with pytest.raises(APIConnectionError):
        create(caller, client, find_timeout=1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_list_of_exactly_a_hundred_may_be_truncated_and_proves_nothing(
    caller: Blocking, hub: PagedHub, when: str
) -> None:
    hundred = [campaign(number, name="Other") for number in range(100)]
    if when == "before":
        found_by(hub, hundred, [*hundred, campaign(700)])
    else:
        found_by(hub, hundred[1:], [*hundred[1:], campaign(700)])
    hub.respond(None, hang_up)
    clock = DrivenClock()
    with pytest.raises(APIConnectionError, match=f"{when}.*100"):
        create(caller, caller.client(hub, clock=clock))
    assert hub.lines.count("POST /campaigns") == 1
    assert clock.slept == []


@pytest.mark.parametrize("count", [99, 101])
def test_other_lists_count_as_complete(caller: Blocking, hub: PagedHub, count: int) -> None:
    others = [campaign(number, name="Other") for number in range(count)]
    found_by(hub, others, [*others[1:], campaign(700)])
    hub.respond(None, hang_up)
    client = caller.client(hub, clock=DrivenClock())
    if count == 99:
        assert create(caller, client)["id"] == "c700"
    else:
        assert create(caller, client)["id"] == "c700"


FIRST_LISTS: dict[str, tuple[Any, type[KatavenError]]] = {
    "a refusal": (response(401, b"revoked"), KatavenError),
    "errors to the end": (response(500, b"database"), ServerError),
    "no connection": (hang_up, APIConnectionError),
    "no rows that anybody can tell": (json_response({"a": [], "b": []}), ResponseFormatError),
    "no JSON": (response(200, b"<html>"), ResponseFormatError),
}


@table("fault", FIRST_LISTS)
def test_if_the_first_list_fails_nothing_is_sent(
    caller: Blocking, hub: PagedHub, fault: str
) -> None:
    hub.respond(*[FIRST_LISTS[fault][0]] * 4)
    client = caller.client(hub, clock=DrivenClock())
    with pytest.raises(FIRST_LISTS[fault][1]):
        create(caller, client)
    assert set(hub.lines) == {"GET /campaigns"}


def test_failed_lists_do_not_end_the_search(caller: Blocking, hub: PagedHub) -> None:
    mine = campaign(7)
    found_by(hub, OLD, [*OLD, mine])
    hub.respond(
        None,
        hang_up,
        response(401, b"?"),
        hang_up,
        response(500, b""),
        json_response({"a": 1}),
        None,
    )
    client = caller.client(hub, clock=DrivenClock())
    assert create(caller, client) == mine
    assert hub.lines.count("POST /campaigns") == 1


def test_odd_rows_do_not_hide_the_original_error(caller: Blocking, hub: PagedHub) -> None:
    odd: list[Any] = [None, "c1", {"id": ["deep"]}, {"id": None}, {}]
    mine = campaign(7)
    found_by(hub, odd, [*odd, mine])
    hub.respond(None, hang_up)
    client = caller.client(hub, clock=DrivenClock())
    assert create(caller, client) == mine


def test_the_list_is_found_in_any_envelope(caller: Blocking, hub: PagedHub) -> None:
    mine = campaign(7)
    hub.respond(
        json_response({"data": OLD}), hang_up, json_response({"data": [*OLD, mine], "n": 3})
    )
    client = caller.client(hub, clock=DrivenClock())
    assert create(caller, client) == mine


SURE: dict[str, tuple[Any, type[KatavenError]]] = {
    "a 400": (response(400, b"row 3"), BadRequestError),
    "a 409": (response(409, b"name"), ConflictError),
    "a cost cap": (response(429, b"Daily call limit reached"), RateLimitError),
}


@pytest.mark.parametrize("fault", SURE)
def test_a_refusal_is_not_a_lost_response(caller: Blocking, hub: PagedHub, fault: str) -> None:
    hub.respond(None, SURE[fault][0])
    with pytest.raises(SURE[fault][1]):
        create(caller, caller.client(hub))
    assert hub.lines == ["GET /campaigns", "POST /campaigns"]


def test_a_deadline_bounds_the_search_too(caller: Blocking, hub: PagedHub) -> None:
    found_by(hub, OLD)
    hub.respond(None, hang_up)
    clock = DrivenClock()
    client = caller.client(hub, clock=clock, deadline=4)
    begun = clock.now()
    with pytest.raises(APIConnectionError) as caught:
        create(caller, client)
    assert caught.value.request_sent is True
    assert clock.now() - begun <= 4
    assert clock.slept == [0.5, 1.0, 2.0]
    assert "10 s" not in str(caught.value)


def test_a_find_timeout_of_zero_looks_once(caller: Blocking, hub: PagedHub, brief: Any) -> None:
    mine = campaign(7)
    found_by(hub, OLD, [*OLD, mine])
    hub.respond(None, hang_up)
    clock = DrivenClock()
    client = caller.client(hub, clock=clock)
    assert create(caller, client, find_timeout=brief(0.4)) == mine
    found_by(hub, OLD)
    hub.respond(None, hang_up)
    with pytest.raises(APIConnectionError):
        create(caller, client, find_timeout=0.4)
    assert clock.slept == []


@table(
    "options, error",
    [
        ({"on_ambiguous": "retry"}, ValueError),
        ({"on_ambiguous": None}, ValueError),
        ({"find_timeout": -1}, ValueError),
        ({"find_timeout": float("nan")}, ValueError),
        ({"find_timeout": "10"}, TypeError),
    ],
)
def test_invalid_options_are_refused(
    caller: Blocking, hub: PagedHub, options: Any, error: Any
) -> None:
    with pytest.raises(error, match=next(iter(options))):
        create(caller, caller.client(hub), **options)
    assert hub.lines == []


def test_run_finds_the_campaign_and_starts_that_one(caller: Blocking, hub: PagedHub) -> None:
    mine = campaign(7)
    found_by(hub, OLD, [*OLD, mine])
    hub.respond(None, hang_up)
    client = caller.client(hub, clock=DrivenClock())
    run = client.campaigns.run
    contacts = io.BytesIO(CSV)
    caller.call(lambda: run("Spring", "a1", "p1", contacts, on_ambiguous="find"))
    assert "POST /campaigns/c7/start" in hub.lines
    assert hub.lines.count("POST /campaigns") == 1


def test_a_cancelled_search_is_passed_on(hub: PagedHub) -> None:
    found_by(hub, OLD)
    hub.respond(None, hang_up)

    async def main() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            create = client.campaigns.create
            task = asyncio.create_task(create("S", "a", "p", CSV, on_ambiguous="find"))
            while len(hub.requests) < 3:
                await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert hub.lines.count("POST /campaigns") == 1


@pytest.mark.parametrize("reset", ["before", "after", "middle"])
def test_the_embedded_hub_makes_one_campaign_at_most(caller: Blocking, reset: Any) -> None:
    with Sandbox(time_scale=Clock.manual()) as sandbox:
        client = caller.client(sandbox)
        create(caller, client)
        sandbox.faults.add("POST /campaigns", reset=reset)
        if reset == "before":
            with pytest.raises(APIConnectionError) as caught:
                create(caller, client, find_timeout=0.6)
            assert caught.value.request_sent is True
        else:
            found = create(caller, client)
            made = [entry.campaign for entry in sandbox.journal if entry.action == "create"]
            assert found["id"] == made[1]
        made = [entry for entry in sandbox.journal if entry.action == "create"]
        assert len(made) == (1 if reset == "before" else 2)


def test_an_upload_that_times_out_within_the_deadline_may_have_been_acted_upon(
    caller: Blocking,
    brief: Any,
) -> None:
    release = threading.Event()
    with LoopbackHub() as hub:
        hub.always = (release, hang_up)
        client = caller.client(hub, deadline=brief(0.2))
        with pytest.raises(APITimeoutError, match=MAY_HAVE_PROCESSED) as caught:
            create(caller, client, on_ambiguous="raise")
        release.set()
    assert caught.value.request_sent is True
