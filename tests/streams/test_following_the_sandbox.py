"""The embedded Hub, which shares no code with the client, and its faults."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kataven import CampaignRunError, ConflictError, NotFoundError, WaitTimeoutError
from kataven.sandbox import Clock, Sandbox
from tests.support.clients import DrivenClock
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS, GET = "GET /campaigns/*/events", "GET /campaigns/*"
CSV = "phone_number\n" + "".join(f"+1555010{n:04d}\n" for n in range(20))


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    """A Hub whose clock the tests advance."""
    with Sandbox(time_scale=Clock.manual(), seed=3, limits=None) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The Hub of this module, without the faults of another test."""
    yield shared_sandbox
    shared_sandbox.faults.clear()


@pytest.fixture
def passing(sandbox: Sandbox) -> Iterator[None]:
    """Let time pass on the Hub, ten seconds at a time."""
    over = threading.Event()

    def pass_on() -> None:
        while not over.wait(0.01):
            sandbox.advance(10)

    thread = threading.Thread(target=pass_on)
    thread.start()
    yield
    over.set()
    thread.join(PATIENCE)


def client_of(caller: Any, sandbox: Sandbox) -> Any:
    return caller.client(sandbox, api_key=sandbox.api_key, clock=DrivenClock(jitter=0.0))


def made(caller: Any, client: Any, **options: Any) -> str:
    create = client.campaigns.create
    return caller.call(lambda: create("Autumn", "a1", "p1", CSV.encode(), **options))["id"]


def started(caller: Any, client: Any) -> str:
    campaign_id = made(caller, client)
    caller.call(lambda: client.campaigns.start(campaign_id))
    return campaign_id


FAULTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "none": [],
    "cut at once": [(EVENTS, {"cut_after": 0, "times": 3})],
    "cut after two frames": [(EVENTS, {"cut_after": 2, "times": 3})],
    "no end marker": [(EVENTS, {"no_end": True, "times": None})],
    "byte by byte": [(EVENTS, {"trickle": True, "times": None})],
    "unknown words on the stream": [(EVENTS, {"unknown_status": True, "times": None})],
    "unknown keys": [(EVENTS, {"extra_keys": True, "times": None})],
    "no streams, and unknown keys": [
        (EVENTS, {"status": 405, "times": None}),
        (GET, {"extra_keys": True, "times": None}),
    ],
    "broken frames": [(EVENTS, {"malformed": True, "times": None})],
    "reset in a frame": [(EVENTS, {"reset": "middle", "times": 2})],
    "reset before the scripted": [(EVENTS, {"reset": "before", "times": 2})],
    "down for a while": [(EVENTS, {"status": 503, "times": 4})],
    "rate limit": [
        (EVENTS, {"status": 429, "body": "rate_limited: x", "retry_after": 60, "times": 2})
    ],
    "no streams": [(EVENTS, {"status": 404, "times": None})],
    "no streams, and no first get": [
        (EVENTS, {"status": 501, "times": None}),
        (GET, {"reset": "before", "times": 2}),
    ],
    "no streams, and slow": [(EVENTS, {"status": 404, "latency": 0.05}), (GET, {"latency": 0.05})],
    "slow": [(EVENTS, {"latency": 0.05})],
}


@pytest.mark.slow
@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize("name", FAULTS)
def test_a_campaign_is_followed_to_its_end_whatever_goes_wrong(
    sandbox: Sandbox, caller: Any, name: str
) -> None:
    client = client_of(caller, sandbox)
    campaign_id = started(caller, client)
    met = [sandbox.faults.add(match, **fault) for match, fault in FAULTS[name]]
    progress = caller.rest(client.campaigns.watch(campaign_id))
    sandbox.faults.clear()
    if name == "unknown words on the stream":
        # The statuses differ from those of `get`, and only `get` ends it.
        assert {one.status for one in progress[:-1]} == {"reviewing"}
    else:
        assert {one.status for one in progress[:-1]} <= {"running"}
    assert progress[-1].status == "completed"
    assert progress[-1].terminal
    assert all(fault.used for fault in met)
    if not name.startswith("no streams") and name != "broken frames":
        assert progress[-1].total == 20
        assert progress[-1].fraction_done == 1.0


def test_progress_counts_what_the_hub_counts(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    watch = client.campaigns.watch(started(caller, client))
    first = caller.next(watch)
    assert (first.total, first.fraction_done) == (20, 0.0)
    seen = [first]
    while not seen[-1].terminal:
        sandbox.advance(10)
        seen.append(caller.next(watch))
    assert caller.rest(watch) == []
    fractions = [one.fraction_done for one in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    for one in seen:
        assert sum(one.counts.values()) == one.total == 20
        assert one.active_calls == one.snapshot["active_calls"]


@pytest.mark.usefixtures("passing")
def test_wait_returns_what_get_returns(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    campaign_id = started(caller, client)
    final = caller.call(lambda: client.campaigns.wait(campaign_id))
    assert final == caller.call(lambda: client.campaigns.get(campaign_id))
    assert final["status"] == "completed"


def test_a_finished_campaign_ends_the_watch_at_once(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    campaign_id = started(caller, client)
    caller.call(lambda: client.campaigns.stop(campaign_id))
    sandbox.advance(600)
    assert [one.status for one in caller.rest(client.campaigns.watch(campaign_id))] == ["completed"]


def test_a_failed_campaign_ends_the_watch(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    campaign_id = started(caller, client)
    watch = client.campaigns.watch(campaign_id)
    caller.next(watch)
    sandbox.fail(campaign_id)
    assert caller.rest(watch)[-1].status == "failed"


def test_a_draft_is_waited_for_until_it_is_started(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    campaign_id = made(caller, client)
    watch = client.campaigns.watch(campaign_id)
    assert caller.next(watch).status == "draft"
    caller.call(lambda: client.campaigns.start(campaign_id))
    assert caller.next(watch).status == "running"
    caller.call(lambda: client.campaigns.stop(campaign_id))
    sandbox.advance(600)
    assert caller.rest(watch)[-1].status == "completed"


def test_a_silent_stream_does_not_outlast_the_timeout_of_a_wait(
    sandbox: Sandbox, caller: Any, brief: Any
) -> None:
    client = caller.client(sandbox, api_key=sandbox.api_key)
    campaign_id = started(caller, client)
    sandbox.faults.add(EVENTS, silent_after=1)
    with pytest.raises(WaitTimeoutError) as caught:
        caller.call(lambda: client.campaigns.wait(campaign_id, timeout=brief(0.3)))
    assert caught.value.progress.status == "running"


def test_a_deleted_campaign_is_not_waited_for(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    campaign_id = made(caller, client)
    watch = client.campaigns.watch(campaign_id)
    assert caller.next(watch).status == "draft"
    caller.call(lambda: client.campaigns.delete(campaign_id))
    with pytest.raises(NotFoundError):
        caller.next(watch)


@pytest.mark.usefixtures("passing")
def test_run_dials_a_list_to_its_end(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    seen: list[str] = []
    final = caller.call(
        lambda: client.campaigns.run(
            "Autumn", "a1", "p1", CSV.encode(), on_progress=lambda one: seen.append(one.status)
        )
    )
    assert final["status"] == "completed"
    assert seen[-1] == "completed"
    assert {entry.action for entry in sandbox.journal} >= {"create", "start"}


@pytest.mark.usefixtures("passing")
def test_a_scheduled_run_waits_for_the_hub_to_begin(sandbox: Sandbox, caller: Any) -> None:
    client = client_of(caller, sandbox)
    when = sandbox.now() + timedelta(seconds=600)
    run = client.campaigns.run
    final = caller.call(lambda: run("Later", "a1", "p1", CSV.encode(), scheduled_at=when))
    assert final["status"] == "completed"
    assert final["started_at"] >= final["scheduled_at"]


def test_a_run_without_room_leaves_its_draft(caller: Any) -> None:
    with Sandbox(
        time_scale=Clock.manual(), limits=None, call_limits={"concurrent_max": 3}
    ) as sandbox:
        client = client_of(caller, sandbox)
        with pytest.raises(CampaignRunError) as caught:
            caller.call(lambda: client.campaigns.run("Big", "a1", "p1", CSV.encode()))
        assert isinstance(caught.value.__cause__, ConflictError)
        campaign_id = caught.value.campaign_id
        assert caller.call(lambda: client.campaigns.get(campaign_id))["status"] == "draft"
