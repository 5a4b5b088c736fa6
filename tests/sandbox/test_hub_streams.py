"""Event streams: snapshots, heartbeats and ends in Hub time, over raw sockets and httpx."""

import itertools
import json
import threading
from datetime import datetime, timedelta

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE

SNAPSHOT = {
    "campaign_id",
    "status",
    "total",
    "pending",
    "in_progress",
    "completed",
    "failed",
    "cancelled",
    "active_calls",
    "timestamp",
}


class Stream:
    """A stream, read frame by frame."""

    def __init__(self, http, campaign):
        self.context = http.client.stream("GET", f"/campaigns/{campaign}/events")
        self.response = self.context.__enter__()
        self.lines = self.response.iter_lines()

    def frame(self):
        line = next(self.lines)
        assert next(self.lines) == ""
        return json.loads(line[6:]) if line.startswith("data: ") else line

    def rest(self):
        return [line for line in self.lines if line]

    def close(self):
        self.context.__exit__(None, None, None)


@pytest.fixture
def follow():
    opened = []

    def open_one(http, campaign):
        opened.append(Stream(http, campaign))
        return opened[-1]

    yield open_one
    for stream in opened:
        stream.close()


def test_a_stream_on_the_wire(hub, http, raw):
    campaign = http.create(3)
    http.start(campaign)
    connection = raw(hub)
    connection.request(f"GET /api/v1/campaigns/{campaign}/events", "Connection: close")
    connection.read_until(b"\n\n")
    hub.advance(3600)
    wire = connection.read_all()
    head, _, body = wire.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: text/event-stream" in head.lower()
    assert body.count(b"event: end\n\n") == 1
    assert body.endswith(b"0\r\n\r\n")


def test_a_stream_begins_with_a_snapshot(hub, http, follow):
    campaign = http.create(9)
    http.start(campaign)
    snapshot = follow(http, campaign).frame()
    assert set(snapshot) == SNAPSHOT
    assert snapshot["campaign_id"] == campaign
    assert (snapshot["status"], snapshot["total"]) == ("running", 9)
    assert snapshot["active_calls"] == snapshot["in_progress"] == 5
    assert snapshot["pending"] == 4


def test_each_advance_sends_a_snapshot_of_a_running_campaign(hub, http, follow):
    campaign = http.create(100)
    http.start(campaign)
    stream = follow(http, campaign)
    stream.frame()
    for _ in range(20):
        now = hub.advance(0.25)
        shown = datetime.fromisoformat(stream.frame()["timestamp"])
        assert shown == now


def test_a_heartbeat_every_15_s_with_or_without_snapshots(hub, http, follow):
    running, draft = http.create(100), http.create(1)
    http.start(running)
    loud, quiet = follow(http, running), follow(http, draft)
    loud.frame()
    quiet.frame()
    hub.advance(14.9)
    assert loud.frame()["status"] == "running"
    hub.advance(0.1)
    assert loud.frame()["status"] == "running"
    assert loud.frame() == ": heartbeat"
    assert quiet.frame() == ": heartbeat"
    hub.advance(15)
    assert quiet.frame() == ": heartbeat"


def test_heartbeats_that_are_due_together_are_merged(hub, http, follow):
    stream = follow(http, http.create(1))
    stream.frame()
    hub.advance(150)
    hub.advance(15)
    hub.advance(15)
    assert [stream.frame() for _ in range(3)] == [": heartbeat"] * 3


@pytest.mark.parametrize("state", ["draft", "scheduled", "paused"])
def test_a_campaign_that_is_not_running_sends_one_snapshot_then_heartbeats(
    hub, http, follow, state
):
    when = (hub.now() + timedelta(days=1)).isoformat() if state == "scheduled" else None
    campaign = http.create(3, scheduled_at=when)
    if state == "paused":
        http.start(campaign)
        http.act(campaign, "pause")
    stream = follow(http, campaign)
    assert stream.frame()["status"] == state
    for _ in range(3):
        hub.advance(15)
        assert stream.frame() == ": heartbeat"


def test_a_stream_follows_its_campaign_through_every_status(hub, http, follow):
    campaign = http.create(3)
    stream = follow(http, campaign)
    assert stream.frame()["status"] == "draft"
    for action, status in (("start", "running"), ("pause", "paused"), ("resume", "running")):
        http.act(campaign, action)
        assert stream.frame()["status"] == status
    http.act(campaign, "stop")
    assert stream.frame()["status"] == "completed"
    assert stream.rest() == ["event: end"]


def test_the_last_data_frame_before_the_end_has_the_terminal_status(hub, http, follow):
    for end in ("run", "fail"):
        campaign = http.create(3)
        http.start(campaign)
        stream = follow(http, campaign)
        stream.frame()
        if end == "run":
            hub.advance(3600)
        else:
            hub.fail(campaign)
        *_, last, marker = stream.rest()
        assert json.loads(last[6:])["status"] == ("completed" if end == "run" else "failed")
        assert marker == "event: end"


def test_the_stream_of_a_finished_campaign_is_one_snapshot_and_the_end(hub, http, follow):
    campaign = http.create(3)
    http.act(campaign, "stop")
    stream = follow(http, campaign)
    assert stream.frame()["cancelled"] == 3
    assert stream.rest() == ["event: end"]


def test_the_stream_of_a_deleted_campaign_closes_without_an_end_marker(http, follow):
    campaign = http.create(3)
    stream = follow(http, campaign)
    stream.frame()
    http.delete(f"/campaigns/{campaign}")
    assert stream.rest() == []


def test_a_snapshot_every_2_s_of_hub_time_on_a_scaled_clock(connect, follow):
    with Sandbox(time_scale=100, limits=None) as hub:
        http = connect(hub)
        campaign = http.create(200, max_concurrent_calls=1)
        http.start(campaign)
        stream = follow(http, campaign)
        times, beats = [], 0
        while len(times) < 30:
            frame = stream.frame()
            if isinstance(frame, str):
                assert frame == ": heartbeat"
                beats += 1
            else:
                times.append(datetime.fromisoformat(frame["timestamp"]))
        span = (times[-1] - times[0]).total_seconds()
        assert span >= 29 * 2 - 4
        assert 1 <= beats <= span / 15 + 1


def test_on_a_very_fast_clock_snapshots_are_merged_into_the_newest(connect, follow):
    with Sandbox(time_scale=10_000, limits=None) as hub:
        http = connect(hub)
        campaign = http.create(2000, max_concurrent_calls=1)
        http.start(campaign)
        stream = follow(http, campaign)
        snapshots = []
        while len(snapshots) < 10:
            frame = stream.frame()
            if isinstance(frame, dict):
                snapshots.append(datetime.fromisoformat(frame["timestamp"]))
        gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(snapshots)]
        assert min(gaps) >= 90


def test_all_streams_of_a_campaign_get_the_same_frames(hub, http, connect, follow):
    campaign = http.create(20)
    http.start(campaign)
    streams = [follow(http, campaign) for _ in range(10)]
    for stream in streams:
        stream.frame()
    hub.advance(86400)
    ends = [stream.rest() for stream in streams]
    assert all(end[-1] == "event: end" for end in ends)
    assert len({end[-2] for end in ends}) == 1


def test_an_async_client_reads_a_stream(hub, http):
    import asyncio

    campaign = http.create(3)
    http.start(campaign)

    async def read():
        headers = {"Authorization": f"Bearer {hub.api_key}"}
        async with (
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client,
            client.stream(
                "GET", f"{hub.url}/v1/campaigns/{campaign}/events", headers=headers
            ) as stream,
        ):
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith("data: ")
            hub.advance(3600)
            return [line async for line in lines if line]

    assert asyncio.run(read())[-1] == "event: end"


@pytest.mark.slow
def test_a_client_that_does_not_read_does_not_block_the_hub(hub, http, raw):
    campaign = http.create(100)
    http.start(campaign)
    connection = raw(hub)
    connection.request(f"GET /api/v1/campaigns/{campaign}/events")
    connection.read_until(b"data: ")
    done = threading.Event()

    def move():
        for _ in range(3000):
            hub.advance(0.001)
        done.set()

    mover = threading.Thread(target=move)
    mover.start()
    assert done.wait(5 * PATIENCE)
    mover.join()
    assert http.status(campaign) == "running"


def test_timestamps_of_a_stream_never_go_back(connect, follow):
    with Sandbox(time_scale=Clock.scaled(5000), limits=None) as hub:
        http = connect(hub)
        campaign = http.create(300, max_concurrent_calls=20)
        http.start(campaign)
        times = [
            json.loads(line[6:])["timestamp"]
            for line in follow(http, campaign).rest()
            if line.startswith("data: ")
        ]
        parsed = [datetime.fromisoformat(t) for t in times]
        assert parsed == sorted(parsed)
