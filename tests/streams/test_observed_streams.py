"""Hooks see every opening of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.http import data, response
from tests.support.server import LoopbackHub, reset, stream

if TYPE_CHECKING:
    from tests.support.clients import DrivenClock


def test_hooks_see_each_opening_its_outcome_and_each_pause(
    hub: LoopbackHub, caller: Any, clock: DrivenClock
) -> None:
    seen: list[Any] = []

    def note(what: str) -> Any:
        return lambda event: seen.append((what, event.attempt, event.status, event.seconds))

    hub.events(response(503), reset, stream(data({}), end="unfinished"), stream())
    client = caller.client(
        hub,
        clock=clock,
        on_request=note("request"),
        on_response=note("response"),
        on_retry=note("retry"),
    )
    caller.rest(client.campaigns.stream_events("c1"))
    assert seen == [
        ("request", 1, None, 0.0),
        ("response", 1, 503, 0.0),
        ("retry", 1, 503, 0.5),
        ("request", 2, None, 0.0),
        ("response", 2, None, 0.0),
        ("retry", 2, None, 1.0),
        ("request", 3, None, 0.0),
        ("response", 3, 200, 0.0),
        ("retry", 3, 200, 0.5),
        # The stream that was truncated counts as the first attempt.
        ("request", 2, None, 0.0),
        ("response", 2, 200, 0.0),
    ]


def test_hooks_see_the_path_and_not_the_key(hub: LoopbackHub, caller: Any) -> None:
    events: list[Any] = []
    hub.events(stream())
    client = caller.client(hub, on_response=events.append)
    caller.rest(client.campaigns.stream_events("c1"))
    (event,) = events
    assert (event.method, event.path) == ("GET", "/campaigns/c1/events")
    assert "sk_live" not in repr(event)
