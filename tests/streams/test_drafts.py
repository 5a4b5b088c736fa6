"""A draft that is watched or waited for is said to be one, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from kataven import KatavenClient, WaitTimeoutError
from kataven.sandbox import Sandbox
from tests.support.clients import CSV
from tests.support.http import HEARTBEAT, data, response
from tests.support.server import LoopbackHub, stream

if TYPE_CHECKING:
    from tests.support.clients import DrivenClock
    from tests.support.server import Connection

EVENTS, GET = "GET /campaigns/c1/events", "GET /campaigns/c1"
DRAFT, RUNNING = data({"status": "draft"}), data({"status": "running"})
COMPLETED = data({"status": "completed"})


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


STREAMS = {
    "snapshots": [stream(DRAFT, DRAFT, DRAFT, COMPLETED)],
    "closes": [stream(DRAFT), stream(), stream(DRAFT), stream(COMPLETED)],
    "polls": [response(404)],
}


@pytest.mark.parametrize("way", ["watch", "wait"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_draft_is_warned_of_once(
    hub: LoopbackHub,
    caller: Any,
    clock: DrivenClock,
    caplog: pytest.LogCaptureFixture,
    name: str,
    way: str,
) -> None:
    hub.events(*STREAMS[name])
    hub.get("draft", "draft", "draft", "completed")
    campaigns = caller.client(hub, clock=clock).campaigns
    if way == "watch":
        assert caller.rest(campaigns.watch("c1"))[-1].status == "completed"
    else:
        caller.call(lambda: campaigns.wait("c1"))
    (warning,) = warnings(caplog)
    assert "campaign c1 has not been started" in warning


def test_a_draft_whose_stream_sends_heartbeats_only_is_found_by_one_get(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, caplog: pytest.LogCaptureFixture
) -> None:
    def beat(connection: Connection) -> None:
        while not connection.hub.over.wait(0.02):
            connection.stream(HEARTBEAT)
            clock.advance(15)

    def beat_thrice(connection: Connection) -> None:
        for _ in range(3):
            connection.hub.over.wait(0.05)
            connection.stream(HEARTBEAT)
            clock.advance(15)

    hub.events(stream(beat), stream(beat_thrice, COMPLETED))
    hub.get("draft")
    client = caller.client(hub, clock=clock)
    assert [each.status for each in caller.rest(client.campaigns.watch("c1"))] == ["completed"]
    assert hub.routes == [EVENTS, GET, EVENTS]
    (warning,) = warnings(caplog)
    assert "has not been started" in warning


@pytest.mark.parametrize("events", [stream(DRAFT, end="silent"), response(404)])
def test_the_timeout_of_a_wait_says_that_a_draft_was_not_started(
    hub: LoopbackHub, caller: Any, events: Any, brief: Any
) -> None:
    hub.events(events)
    hub.get("draft")
    client = caller.client(hub)
    with pytest.raises(WaitTimeoutError, match=r"c1 .*has not been started") as caught:
        caller.call(lambda: client.campaigns.wait("c1", timeout=brief(0.3)))
    assert caught.value.progress.status == "draft"


@pytest.mark.parametrize("state", ["scheduled", "paused", "running"])
def test_any_other_state_is_not_warned_of(
    hub: LoopbackHub,
    caller: Any,
    clock: DrivenClock,
    caplog: pytest.LogCaptureFixture,
    state: str,
) -> None:
    hub.events(stream(data({"status": state}), COMPLETED))
    assert caller.rest(caller.client(hub, clock=clock).campaigns.watch("c1"))
    assert warnings(caplog) == []


def test_an_old_snapshot_after_the_start_of_a_run_is_not_warned_of(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, caplog: pytest.LogCaptureFixture
) -> None:
    hub.on("POST /campaigns", response(201, {"id": "c1"}))
    hub.on("POST /campaigns/c1/start", response(200, {"id": "c1"}))
    hub.events(stream(DRAFT, RUNNING, COMPLETED))
    hub.get("completed")
    client = caller.client(hub, clock=clock)
    caller.call(lambda: client.campaigns.run("n", "a", "p", CSV))
    assert warnings(caplog) == []


def test_a_draft_on_the_embedded_hub_is_warned_of(
    caplog: pytest.LogCaptureFixture, brief: Any
) -> None:
    with Sandbox() as hub, KatavenClient(hub.api_key, base_url=hub.url) as client:
        campaign = client.campaigns.create("n", "a", "p", CSV)
        with pytest.raises(WaitTimeoutError, match="has not been started"):
            client.campaigns.wait(campaign["id"], timeout=brief(0.5))
    (warning,) = [text for text in warnings(caplog) if campaign["id"] in text]
    assert "has not been started" in warning
