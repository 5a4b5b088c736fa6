"""Hooks and the log see each attempt: method, path, attempt, status and seconds."""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kataven
from kataven import CallEvent
from tests.support.clients import KEY, OPERATIONS, START, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, refused_port, reset
from tests.support.tables import table

OK = response(200, {"id": "c1"})


class Recorder:
    """Records the events of each hook, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, CallEvent]] = []

    @property
    def hooks(self) -> dict[str, Any]:
        return {
            name: (lambda event, name=name: self.events.append((name, event)))
            for name in ("on_request", "on_response", "on_retry")
        }


def test_hooks_see_each_attempt_in_order(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    recorder = Recorder()
    hub.respond(response(503, "down"), (reset,), OK)
    hub.on_request = lambda _request: clock.advance(3)
    caller.call(
        caller.client(hub, clock=clock, **recorder.hooks).campaigns.list_contacts, "c1", "failed"
    )
    path = "/campaigns/c1/contacts"
    assert recorder.events == [
        ("on_request", CallEvent("GET", path, 1, None, 0.0)),
        ("on_response", CallEvent("GET", path, 1, 503, 3.0)),
        ("on_retry", CallEvent("GET", path, 1, 503, 0.25)),
        ("on_request", CallEvent("GET", path, 2, None, 0.0)),
        ("on_response", CallEvent("GET", path, 2, None, 3.0)),
        ("on_retry", CallEvent("GET", path, 2, None, 0.5)),
        ("on_request", CallEvent("GET", path, 3, None, 0.0)),
        ("on_response", CallEvent("GET", path, 3, 200, 3.0)),
    ]


@table("operation", OPERATIONS)
def test_every_operation_calls_its_hooks(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    recorder = Recorder()
    caller.call(OPERATIONS[operation], caller.client(hub, **recorder.hooks))
    assert [name for name, _ in recorder.events] == ["on_request", "on_response"]
    event = recorder.events[1][1]
    assert (event.method, event.status, event.attempt) == (hub.only.method, 200, 1)
    assert event.path == hub.only.path.removeprefix("/api/v1")


def test_an_event_is_one_frozen_value_with_five_fields(caller: Blocking, hub: LoopbackHub) -> None:
    events: list[Any] = []
    caller.call(caller.client(hub, on_response=events.append).campaigns.get, "c1")
    (event,) = events
    names = [field.name for field in dataclasses.fields(event)]
    assert names == ["method", "path", "attempt", "status", "seconds"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.status = 500


def test_a_failed_connection_is_reported_without_a_status(
    caller: Blocking, clock: DrivenClock
) -> None:
    recorder = Recorder()
    held, port = refused_port()
    client = caller.client(f"http://127.0.0.1:{port}", clock=clock, max_retries=1, **recorder.hooks)
    with held, pytest.raises(kataven.APIConnectionError):
        caller.call(client.campaigns.start, "c1")
    assert [(name, event.attempt, event.status) for name, event in recorder.events] == [
        ("on_request", 1, None),
        ("on_response", 1, None),
        ("on_retry", 1, None),
        ("on_request", 2, None),
        ("on_response", 2, None),
    ]


@pytest.mark.parametrize("hook", ["on_request", "on_response", "on_retry"])
def test_an_exception_of_a_hook_is_logged_and_changes_nothing(
    caller: Blocking,
    hub: LoopbackHub,
    clock: DrivenClock,
    caplog: pytest.LogCaptureFixture,
    hook: str,
) -> None:
    def broken(_event: CallEvent) -> None:
        raise LookupError("a mistake in the hook")

    hub.respond(response(503, "down"), OK)
    client = caller.client(hub, clock=clock, **{hook: broken})
    assert caller.call(client.campaigns.get, "c1") == {"id": "c1"}
    assert hub.arrived(2) == 2
    assert "a mistake in the hook" in caplog.text
    assert all(record.name == "kataven" for record in caplog.records if record.exc_info)


def test_a_view_calls_the_same_hooks(caller: Blocking, hub: LoopbackHub) -> None:
    recorder = Recorder()
    client = caller.client(hub, **recorder.hooks)
    caller.call(client.with_options(max_retries=0).campaigns.get, "c1")
    assert len(recorder.events) == 2


def test_the_log_names_request_status_duration_and_attempt(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="kataven")
    hub.respond(response(503, "down"), OK)
    hub.on_request = lambda _request: clock.advance(1.5)
    caller.call(caller.client(hub, clock=clock).campaigns.list_contacts, "c1", "failed")
    lines = [record.getMessage() for record in caplog.records if record.name == "kataven"]
    assert all("GET /campaigns/c1/contacts" in line for line in lines)
    text = "\n".join(lines)
    for word in ("503", "200", "1.5", "attempt 1", "attempt 2", "0.25"):
        assert word in text
    assert "failed" not in text
    assert str(START) not in text


def test_the_logger_is_quiet_by_default(
    caller: Blocking, hub: LoopbackHub, capfd: pytest.CaptureFixture[str]
) -> None:
    caller.call(caller.client(hub).campaigns.get, "c1")
    assert capfd.readouterr() == ("", "")


PROGRAM = """
import os
from kataven import KatavenClient
with KatavenClient(base_url=os.environ["HUB"]) as client:
    client.campaigns.list_contacts("c1", "failed")
"""


@pytest.mark.parametrize(
    ("level", "shown"), [("debug", True), ("DEBUG", True), ("", False), ("nonsense", False)]
)
@pytest.mark.slow
def test_the_environment_turns_the_log_on(hub: LoopbackHub, level: str, shown: bool) -> None:
    import kataven_hub

    roots = [Path(module.__file__ or "").parents[1] for module in (kataven, kataven_hub)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **os.environ,
            "KATAVEN_LOG": level,
            "KATAVEN_API_KEY": KEY,
            "HUB": hub.url,
            "PYTHONPATH": os.pathsep.join(map(str, roots)),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ("GET /campaigns/c1/contacts" in done.stderr) is shown
    assert ("200" in done.stderr) is shown
    assert done.stdout == ""
    assert KEY not in done.stderr
