"""The key, phone numbers and the CSV never appear in a repr, str, vars, log, error or traceback."""

from __future__ import annotations

import io
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import kataven
from tests.support.clients import KEY, OPERATIONS, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, hang_up, refused_port, reset, silence

if TYPE_CHECKING:
    from pathlib import Path

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"
PHONE = "+15550100001"
SECRET_CSV = f"phone_number,first_name\n{PHONE},Augusta\n".encode()


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log of every logger at DEBUG, httpx and httpcore among them."""
    caplog.set_level(logging.DEBUG)
    for name in ("kataven", "httpx", "httpcore", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def _shown(thing: Any, seen: set[int] | None = None) -> str:
    """Repr, str and vars of an object, and of all that its vars and slots hold."""
    seen = set() if seen is None else seen
    if (
        id(thing) in seen
        or isinstance(thing, type)
        or not type(thing).__module__.startswith("kataven")
    ):
        return repr(thing)
    seen.add(id(thing))
    texts = [repr(thing), str(thing), format(thing)]
    held = dict(getattr(thing, "__dict__", {}))
    texts.append(repr(held))
    for value in held.values():
        texts.append(_shown(value, seen))
    return "\n".join(texts)


@pytest.mark.parametrize("key", [KEY, JWT, lambda: KEY], ids=["key", "jwt", "callable"])
def test_the_key_does_not_appear_in_repr_str_or_vars(
    caller: Blocking, hub: LoopbackHub, key: Any
) -> None:
    client = caller.client(hub, api_key=key, account_id="acme")
    for round_ in range(2):
        for thing in (
            client,
            client.campaigns,
            client.raw,
            client.with_options(timeout=5),
            client.campaigns.stream_events("c1"),
        ):
            shown = _shown(thing)
            assert KEY not in shown
            assert JWT not in shown
        if not round_:
            caller.call(client.campaigns.get, "c1")


def _fault(name: str) -> Any:
    return {
        "success": response(200, {"id": "c1"}),
        "refusal": response(401, "missing or bad token"),
        "limit": response(429, "rate_limited: x", [("Retry-After", "1")]),
        "failure": response(500, "database error"),
        "page": response(200, "<html>sign in</html>"),
        "reset": (reset,),
        "hang": (silence,),
        "redirect": response(302, "", [("Location", "https://x.example/?a=b")]),
    }[name]


@pytest.mark.parametrize("operation", ["create", "list_contacts", "call_limits"])
@pytest.mark.parametrize(
    "fault", ["success", "refusal", "limit", "failure", "page", "reset", "hang", "redirect"]
)
def test_no_log_error_or_traceback_shows_key_phone_number_or_csv(
    caller: Blocking,
    hub: LoopbackHub,
    clock: DrivenClock,
    everything_logged: pytest.LogCaptureFixture,
    operation: str,
    fault: str,
    brief: Any,
) -> None:
    hub.always = _fault(fault)
    events: list[kataven.CallEvent] = []
    client = caller.client(
        hub,
        clock=clock,
        max_retries=1,
        timeout=kataven.Timeout(read=brief(0.1)),
        on_request=events.append,
        on_response=events.append,
        on_retry=events.append,
    )
    texts = []
    try:
        if operation == "create":
            file = io.BytesIO(SECRET_CSV)
            caller.call(client.campaigns.create, "n", "a", "p", file)
        else:
            caller.call(OPERATIONS[operation], client)
    except kataven.KatavenError as error:
        texts += [str(error), repr(error), repr(vars(error))]
        texts.append("".join(traceback.format_exception(error)))
    else:
        assert fault == "success"
    texts += [record.getMessage() for record in everything_logged.records]
    texts += [str(record.args) for record in everything_logged.records]
    texts += [repr(event) for event in events]
    assert any(record.name == "kataven" for record in everything_logged.records)
    assert any(record.name.startswith("httpcore") for record in everything_logged.records)
    assert events
    shown = "\n".join(texts)
    for secret in (KEY, PHONE, PHONE[1:], "Augusta"):
        assert secret not in shown
    assert hub.requests[0].header("authorization") == f"Bearer {KEY}"


def test_httpx_does_not_log_the_requests_of_the_sdk(
    caller: Blocking, hub: LoopbackHub, everything_logged: pytest.LogCaptureFixture
) -> None:
    limits = ("concurrent_max", "calls_per_minute", "daily_calls_max", "daily_minutes_max")
    hub.respond(
        response(200, {}),
        response(200, dict.fromkeys(limits, 1)),
        response(200, b"", [("Content-Type", "text/event-stream")]),
    )
    client = caller.client(hub)
    caller.call(client.campaigns.list_contacts, "c1", "failed")
    raw = client.raw
    from kataven_hub.api.account import get_call_limits

    caller.call(
        get_call_limits.sync_detailed
        if caller.name == "sync"
        else get_call_limits.asyncio_detailed,
        client=raw,
    )
    caller.items(client.campaigns.stream_events("c1", reconnect=False))
    assert hub.arrived(3) == 3
    assert [record for record in everything_logged.records if record.name == "httpx"] == []


def test_the_log_lines_of_other_httpx_clients_remain(
    caller: Blocking, hub: LoopbackHub, everything_logged: pytest.LogCaptureFixture
) -> None:
    caller.call(caller.client(hub).campaigns.list)
    caller.call(caller.http_client().get, hub.url + "/theirs")
    (record,) = [record for record in everything_logged.records if record.name == "httpx"]
    assert "/theirs" in record.getMessage()


@pytest.mark.parametrize("key", [KEY + "\n", JWT])
def test_an_error_of_the_constructor_does_not_show_the_key(
    caller: Blocking, hub: LoopbackHub, key: str
) -> None:
    with pytest.raises(kataven.ConfigurationError) as caught:
        caller.client_class(key, base_url=hub.url)
    text = "".join(traceback.format_exception(caught.value))
    assert key.strip() not in text + repr(vars(caught.value))


@pytest.mark.parametrize("token", [KEY + "\n", JWT, 7, None])
def test_an_invalid_provided_token_is_reported_at_the_first_call_and_not_shown(
    caller: Blocking, hub: LoopbackHub, token: Any
) -> None:
    client = caller.client(hub, api_key=lambda: token)
    with pytest.raises(kataven.ConfigurationError) as caught:
        caller.call(client.campaigns.get, "c1")
    assert str(token).strip() not in "".join(traceback.format_exception(caught.value)) or token in {
        7,
        None,
    }
    assert hub.connections == 0


def test_a_failed_connection_does_not_show_the_key(caller: Blocking, clock: DrivenClock) -> None:
    held, port = refused_port()
    client = caller.client(f"http://127.0.0.1:{port}", clock=clock)
    with held, pytest.raises(kataven.APIConnectionError) as caught:
        caller.call(client.campaigns.start, "c1")
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [200, 302, 401, 502])
def test_a_server_that_echoes_the_request_does_not_put_the_key_into_an_error(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, status: int
) -> None:
    """Debugging proxies respond with the headers they received."""
    page = f"<pre>authorization: Bearer {KEY}</pre>"
    headers = [("X-Request-ID", f"Bearer {KEY}"), ("Location", f"https://x/{KEY}"), ("X-Echo", KEY)]
    hub.always = response(status, page, headers)
    client = caller.client(hub, clock=clock, max_retries=0)
    with pytest.raises(kataven.KatavenError) as caught:
        caller.call(client.campaigns.get, "c1")
    error = caught.value
    assert KEY not in str(error) + repr(error) + "".join(traceback.format_exception(error))
    assert KEY not in repr(vars(error))


def _assert_the_key_is_hidden(error: BaseException) -> None:
    texts = [str(getattr(error, "body", "")), "".join(traceback.format_exception(error))]
    link: BaseException | None = error
    while link is not None:
        texts += [str(link), repr(link), repr(vars(link))]
        link = link.__cause__
    assert KEY not in "\n".join(texts)


@pytest.mark.parametrize(
    "iterate",
    [
        lambda campaigns: campaigns.stream_events("c1"),
        lambda campaigns: campaigns.watch("c1", poll_fallback=False),
        lambda campaigns: campaigns.iter_contacts("c1"),
    ],
    ids=["stream_events", "watch", "iter_contacts"],
)
def test_a_200_of_the_wrong_kind_that_echoes_the_key_does_not_show_it(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, iterate: Any
) -> None:
    """Neither a stream nor a page with rows."""
    hub.always = response(200, {"headers": {"Authorization": f"Bearer {KEY}"}, "url": "/"})
    client = caller.client(hub, clock=clock, max_retries=0)
    with pytest.raises(kataven.ResponseFormatError) as caught:
        caller.next(iterate(client.campaigns))
    _assert_the_key_is_hidden(caught.value)


def test_an_export_of_rows_that_echo_the_key_does_not_show_it(
    caller: Blocking, hub: LoopbackHub, tmp_path: Path
) -> None:
    hub.always = response(200, {"contacts": [f"Bearer {KEY}"]})
    client = caller.client(hub)
    with pytest.raises(kataven.ResponseFormatError, match="page 0") as caught:
        caller.call(client.campaigns.export_contacts, "c1", tmp_path / "contacts.csv")
    _assert_the_key_is_hidden(caught.value)


HEADER_LINE = f"HTTP/1.1 200 OK\r\nX-Echo Bearer {KEY}\r\n\r\n".encode()
CHUNK_HEADER = (
    f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    f"Transfer-Encoding: chunked\r\n\r\n{KEY}\r\n"
).encode()


@pytest.mark.parametrize("own", [True, False], ids=["own", "httpx"])
@pytest.mark.parametrize(
    ("broken", "operation"),
    [
        (HEADER_LINE, "get"),
        (HEADER_LINE, "start"),
        (HEADER_LINE, "stream"),
        (CHUNK_HEADER, "get"),
        (CHUNK_HEADER, "stream"),
    ],
    ids=["header get", "header start", "header stream", "chunk get", "chunk stream"],
)
def test_a_broken_response_that_echoes_the_key_does_not_show_it(
    caller: Blocking, hub: LoopbackHub, own: bool, broken: bytes, operation: str
) -> None:
    """The HTTP library quotes the line that it cannot read."""
    hub.always = (broken, hang_up)
    http_client = None if own else caller.http_client()
    client = caller.client(hub, http_client=http_client, max_retries=0)
    with pytest.raises(kataven.KatavenError, match="<key>") as caught:
        if operation == "stream":
            caller.rest(client.campaigns.stream_events("c1", reconnect=False))
        else:
            caller.call(OPERATIONS[operation], client)
    _assert_the_key_is_hidden(caught.value)
