"""No frame of kataven in a traceback holds a key that was refused, or one that a server echoed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import kataven
from tests.support.clients import KEY, OPERATIONS, Blocking
from tests.support.http import response
from tests.support.server import LoopbackHub, hang_up, silence

if TYPE_CHECKING:
    from types import TracebackType


def _frames(error: BaseException) -> list[tuple[str, dict[str, Any]]]:
    """Name and variables of each frame of kataven, of the error and of all that led to it."""
    found: list[tuple[str, dict[str, Any]]] = []
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        waiting += [link.__cause__, link.__context__]
        trace: TracebackType | None = link.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if str(frame.f_globals.get("__name__", "")).startswith("kataven"):
                found.append((frame.f_code.co_name, dict(frame.f_locals)))
            trace = trace.tb_next
    return found


def _assert_no_frame_shows(error: BaseException, *keys: str) -> None:
    for name, variables in _frames(error):
        for variable, value in variables.items():
            shown = [repr(value), str(value), repr(getattr(value, "args", ""))]
            held = getattr(value, "__dict__", None)
            # The client itself has a key; an object of an error must have none.
            if held and not name.startswith("_") and isinstance(value, BaseException):
                shown.append(repr(held))
            for key in keys:
                assert key not in "\n".join(shown), f"{variable} in {name}"


REFUSED = [
    KEY + "\n",
    f'"{KEY}"',
    f"Bearer {KEY}",
    "YOUR_API_KEY_" + KEY,
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln",
]


@pytest.mark.parametrize("key", REFUSED)
@pytest.mark.parametrize("source", ["argument", "variable", "function"])
def test_a_refused_key_is_in_no_frame(
    caller: Blocking, hub: LoopbackHub, key: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATAVEN_API_KEY", key)
    given: Any = {"argument": key, "variable": None, "function": lambda: key}[source]
    with pytest.raises(kataven.ConfigurationError) as caught:
        if source == "function":
            caller.call(caller.client(hub, api_key=given).campaigns.get, "c1")
        else:
            caller.client_class(given, base_url=hub.url)
    _assert_no_frame_shows(caught.value, key, key.strip())


def test_a_key_that_is_bytes_is_in_no_frame(caller: Blocking, hub: LoopbackHub) -> None:
    with pytest.raises(TypeError) as caught:
        caller.client_class(KEY.encode(), base_url=hub.url)
    _assert_no_frame_shows(caught.value, KEY)


def test_a_key_beside_another_wrong_option_is_in_no_frame(
    caller: Blocking, hub: LoopbackHub
) -> None:
    with pytest.raises(ValueError, match="max_retries") as caught:
        caller.client_class(KEY, base_url=hub.url, max_retries=-1)
    _assert_no_frame_shows(caught.value, KEY)


ECHO = [("X-Echo", KEY), ("Location", f"https://x/{KEY}"), (f"X-{KEY}", "1")]
EVENTS = ("Content-Type", "text/event-stream")
RESPONSES: dict[str, Any] = {
    "401": response(401, "missing or bad token", ECHO),
    "502": response(502, "", [("Content-Type", KEY)]),
    "redirect": response(302, "", ECHO),
    "not json": response(200, "{", ECHO),
    "encoding": response(200, {}, [("Content-Encoding", KEY)]),
    "long encoding": response(200, {}, [("Content-Encoding", "x" * 34 + KEY)]),
    "bad header": (f"HTTP/1.1 200 OK\r\nX-Echo Bearer {KEY}\r\n\r\n".encode(), hang_up),
    "truncated": (response(200, b"{", ECHO, length=10), hang_up),
    "truncated 401": (response(401, b"{", ECHO, length=10), hang_up),
    "silent": (response(200, b"", ECHO, length=10), silence),
    "stream encoding": response(200, "x", [EVENTS, ("Content-Encoding", KEY)]),
    "stream type": response(200, "x", [("Content-Type", KEY)]),
}


@pytest.mark.parametrize("own", [True, False], ids=["own", "httpx"])
@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("operation", ["get", "start", "stream"])
@pytest.mark.slow
def test_a_key_that_a_header_echoes_is_in_no_frame(
    caller: Blocking, hub: LoopbackHub, own: bool, name: str, operation: str, brief: Any
) -> None:
    hub.always = RESPONSES[name]
    client = caller.client(
        hub,
        http_client=None if own else caller.http_client(),
        max_retries=0,
        timeout=kataven.Timeout(read=brief(0.2)),
    )
    errors: list[kataven.KatavenError] = []
    try:
        if operation == "stream":
            caller.rest(
                client.campaigns.stream_events("c1", reconnect=False, idle_timeout=brief(0.2))
            )
        else:
            caller.call(OPERATIONS[operation], client)
    except kataven.KatavenError as error:
        errors.append(error)
    # A 2xx to a write is a success whatever follows.
    assert errors or operation == "start"
    for error in errors:
        _assert_no_frame_shows(error, KEY, KEY[:20])
        assert KEY[:20] not in str(error) + repr(vars(error))


def test_the_repr_of_a_client_that_was_not_set_up_works(caller: Blocking) -> None:
    blank = caller.client_class.__new__(caller.client_class)
    assert repr(blank) == f"<{caller.client_class.__name__} not set up>"
