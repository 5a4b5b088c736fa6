"""To the nanosecond: when a frame is due, and how a timestamp is written and read."""

import asyncio

import pytest

from kataven.sandbox.http.streaming import encode
from kataven.sandbox.model import rfc3339
from kataven.sandbox.model.campaign import Campaign, Settings
from kataven.sandbox.model.contacts import Roster
from kataven.sandbox.model.feeds import Feed, Mark

SECOND = 1_000_000_000


def feed_of(status):
    settings = Settings("n", "a", "p", 5, 0, 300, None, None)
    roster = Roster(["+15550100001"])
    campaign = Campaign(1, "camp_1", 1, "acme", settings, (), 0, "jwt", roster, status)
    return Feed(campaign, 0, asyncio.Event())


def drain(feed, now):
    feed.tick(now)
    kinds = ["snapshot" if isinstance(frame, dict) else frame for frame in feed.frames]
    feed.frames.clear()
    return kinds


def test_a_snapshot_every_2_s_while_running_and_a_heartbeat_every_15_s():
    feed = feed_of("running")
    assert drain(feed, 0) == ["snapshot"]
    due = []
    for half in range(1, 61):
        due += [(half / 2, frame) for frame in drain(feed, half * SECOND // 2)]
    assert [at for at, frame in due if frame == "snapshot"] == list(range(2, 31, 2))
    assert [at for at, frame in due if frame == Mark.HEARTBEAT] == [15, 30]


def test_nothing_is_due_a_nanosecond_too_early():
    feed = feed_of("running")
    drain(feed, 0)
    assert feed.next_time() == 2 * SECOND
    assert drain(feed, 2 * SECOND - 1) == []
    assert drain(feed, 2 * SECOND) == ["snapshot"]
    assert feed.next_time() == 4 * SECOND


def test_a_late_stream_sends_one_frame_of_each_kind_and_keeps_its_rhythm():
    feed = feed_of("running")
    drain(feed, 0)
    assert drain(feed, 101 * SECOND) == ["snapshot", Mark.HEARTBEAT]
    assert feed.next_time() == 102 * SECOND


@pytest.mark.parametrize("status", ["draft", "scheduled", "paused"])
def test_a_campaign_that_is_not_running_only_gets_heartbeats(status):
    feed = feed_of(status)
    assert drain(feed, 0) == ["snapshot"]
    assert feed.next_time() == 15 * SECOND
    assert drain(feed, 14 * SECOND) == []
    assert drain(feed, 15 * SECOND) == [Mark.HEARTBEAT]


def test_frames_on_the_wire():
    assert encode(Mark.HEARTBEAT) == b": heartbeat\n\n"
    assert encode(Mark.END) == b"event: end\n\n"
    assert encode({"name": "K\u00f6ln\u2028"}) == 'data: {"name":"Köln\u2028"}\n\n'.encode()


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (10 * SECOND, "1970-01-01T00:00:10Z"),
        (120_000_000, "1970-01-01T00:00:00.12Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_763_000_000 * SECOND + 500_000_100, "2025-11-13T02:13:20.5000001Z"),
    ],
)
def test_trailing_zeros_of_a_fraction_are_dropped(when, text):
    assert rfc3339.write(when) == text
    assert rfc3339.read(text) == (when, text)
