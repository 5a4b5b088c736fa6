"""``watch`` takes snapshots from frames without a name; other frames never end it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kataven import StreamError
from tests.support.http import END, HEARTBEAT, data
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.clients import DrivenClock
    from tests.support.server import Connection

EVENTS, GET = "GET /campaigns/c1/events", "GET /campaigns/c1"


def shot(status: str) -> bytes:
    return data({"status": status, "total": 4})


def named(name: str, frame: bytes) -> bytes:
    return f"event: {name}\n".encode() + frame


RUNNING, COMPLETED = shot("running"), shot("completed")
ERROR = named("error", data({"status": "failed", "message": "upstream"}))


def slowly(clock: DrivenClock, frame: bytes) -> Callable[[Connection], None]:
    """A step that sends a frame every six seconds of the clock until the client leaves."""

    def step(connection: Connection) -> None:
        while not connection.hub.over.wait(0.02):
            connection.stream(frame)
            clock.advance(6)

    return step


def watched(caller: Any, hub: LoopbackHub, clock: DrivenClock, **options: Any) -> list[str]:
    client = caller.client(hub, clock=clock)
    return [progress.status for progress in caller.rest(client.campaigns.watch("c1", **options))]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    "name", ["error", "completed", "End", " message", " ", "snapshots", "x" * 5000]
)
def test_a_frame_of_another_name_is_not_progress_and_logged_once(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    other = named(name, shot("failed"))
    hub.events(stream(RUNNING, other, other, named(name, b"data: text\n\n"), COMPLETED))
    assert watched(caller, hub, clock) == ["running", "completed"]
    (warning,) = warnings(caplog)
    assert name.strip()[:70] in warning
    assert "a frame named" in warning
    assert "c1" in warning
    assert len(warning) < 300
    assert hub.routes == [EVENTS]


@pytest.mark.parametrize("name", ["", "message", "snapshot"])
def test_a_snapshot_may_be_named_as_one(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    hub.events(stream(named(name, RUNNING), named(name, COMPLETED), end="silent"))
    assert watched(caller, hub, clock) == ["running", "completed"]
    hub.wait_until_left()
    assert warnings(caplog) == []


@pytest.mark.parametrize("line", [b"event", b"event:", b"event: "])
def test_an_empty_name_is_no_name(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, line: bytes
) -> None:
    hub.events(stream(line + b"\n" + RUNNING, b"event: x\n" + line + b"\n" + COMPLETED))
    assert watched(caller, hub, clock) == ["running", "completed"]
    assert hub.routes == [EVENTS]


def test_the_object_of_an_end_marker_counts(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(RUNNING, named("end", COMPLETED), end="silent"))
    assert watched(caller, hub, clock) == ["running", "completed"]
    assert hub.routes == [EVENTS]


def test_an_end_marker_with_a_status_that_is_not_terminal_asks_get(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(RUNNING, named("end", shot("aborted"))), stream(COMPLETED))
    hub.get("running")
    assert watched(caller, hub, clock) == ["running", "aborted", "completed"]
    assert hub.routes.count(GET) == 4


def test_an_end_marker_after_other_frames_still_counts(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ERROR, END, end="silent"))
    hub.get("completed")
    assert watched(caller, hub, clock) == ["completed"]
    assert hub.routes == [EVENTS, GET]


ONLY_OTHERS = {
    "closed": lambda _clock: stream(ERROR),
    "broken": lambda _clock: stream(ERROR, end="unfinished"),
    "reset": lambda _clock: stream(ERROR, end="reset"),
    "open": lambda clock: stream(slowly(clock, ERROR)),
    "open with heartbeats": lambda clock: stream(ERROR, slowly(clock, HEARTBEAT)),
    "several names": lambda clock: stream(
        ERROR, named("ping", data({})), slowly(clock, named("x", data({})))
    ),
    "text": lambda _clock: stream(named("error", b"data: upstream failed\n\n")),
    "text without a name": lambda _clock: stream(b"data: upstream failed\n\n"),
}


@pytest.mark.parametrize("name", ONLY_OTHERS)
def test_a_stream_of_other_frames_only_is_polled_instead(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, name: str
) -> None:
    hub.events(ONLY_OTHERS[name](clock))
    hub.get("running", "running", "completed")
    assert watched(caller, hub, clock) == ["running", "running", "completed"]
    assert hub.routes == [EVENTS, GET, GET, GET]


@pytest.mark.parametrize("name", ONLY_OTHERS)
def test_without_the_fallback_a_stream_of_other_frames_is_an_error(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, name: str
) -> None:
    hub.events(ONLY_OTHERS[name](clock))
    with pytest.raises(StreamError, match=r"c1 brought no snapshot, only (a frame named|data)"):
        watched(caller, hub, clock, poll_fallback=False)


def test_snapshots_may_follow_other_frames_on_an_open_stream(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    seen = threading.Event()

    def until_seen(_connection: Connection) -> None:
        assert seen.wait(PATIENCE)

    hub.events(stream(ERROR, ERROR, RUNNING, until_seen, ERROR, COMPLETED))
    watch = caller.client(hub, clock=clock).campaigns.watch("c1")
    assert caller.next(watch).status == "running"
    clock.advance(6)
    seen.set()
    assert [progress.status for progress in caller.rest(watch)] == ["completed"]
    assert hub.routes == [EVENTS]


def test_a_reopened_stream_is_judged_by_what_it_brings_itself(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(
        stream(RUNNING, ERROR, end="reset"),
        stream(HEARTBEAT, RUNNING, end="reset"),
        stream(ERROR, end="reset"),
    )
    hub.get("completed")
    assert watched(caller, hub, clock) == ["running", "running", "completed"]
    assert hub.routes == [EVENTS, EVENTS, EVENTS, GET]


def test_names_without_end_are_not_logged_without_end(
    hub: LoopbackHub, caller: Any, clock: DrivenClock, caplog: pytest.LogCaptureFixture
) -> None:
    names = [named(f"n{number}", data({})) for number in range(100)]
    hub.events(stream(RUNNING, *names, COMPLETED))
    assert watched(caller, hub, clock) == ["running", "completed"]
    assert len(warnings(caplog)) == 20


def test_a_wait_does_not_end_with_the_status_of_another_frame(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ERROR, RUNNING, ERROR, COMPLETED))
    hub.get("completed")
    client = caller.client(hub, clock=clock)
    assert caller.call(lambda: client.campaigns.wait("c1"))["status"] == "completed"


def test_stream_events_yields_the_objects_of_all_frames(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    hub.events(stream(ERROR, named("error", b"data: text\n\n"), RUNNING, END))
    items = caller.rest(caller.client(hub, clock=clock).campaigns.stream_events("c1"))
    assert items == [
        {"status": "failed", "message": "upstream"},
        "data: text",
        {"status": "running", "total": 4},
        "event: end",
    ]
    assert type(items[0]) is dict
