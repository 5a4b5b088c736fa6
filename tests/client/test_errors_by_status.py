"""Each response that is not a success raises its own class, with the Hub's own words."""

from __future__ import annotations

from typing import Any

import pytest

import kataven
from tests.support.clients import OPERATIONS, READS, TRANSITIONS, WRITES, Blocking, DrivenClock
from tests.support.http import chunked, response
from tests.support.server import LoopbackHub, close, reset
from tests.support.tables import table

CLASSES = {
    400: kataven.BadRequestError,
    401: kataven.AuthenticationError,
    403: kataven.PermissionDeniedError,
    404: kataven.NotFoundError,
    409: kataven.ConflictError,
    429: kataven.RateLimitError,
    500: kataven.ServerError,
    501: kataven.ServerError,
    502: kataven.ServerError,
    503: kataven.ServerError,
    504: kataven.ServerError,
    520: kataven.ServerError,
    599: kataven.ServerError,
    301: kataven.APIStatusError,
    304: kataven.APIStatusError,
    402: kataven.APIStatusError,
    405: kataven.APIStatusError,
    413: kataven.APIStatusError,
    418: kataven.APIStatusError,
    422: kataven.APIStatusError,
    600: kataven.APIStatusError,
}


@table("status", CLASSES)
def test_the_status_selects_the_class_and_the_error_holds_the_response(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, status: int
) -> None:
    words = "the account « acme » has no such thing"
    headers = [("X-Request-ID", "req-17"), ("X-Other", "1")]
    hub.always = response(
        status, b"" if status == 304 else words, headers, length=0 if status == 304 else None
    )
    client = caller.client(hub, clock=clock, max_retries=0)
    with pytest.raises(kataven.APIStatusError) as caught:
        caller.call(client.campaigns.get, "c1")
    error = caught.value
    assert type(error) is CLASSES[status]
    assert error.status_code == status
    assert error.request_id == "req-17"
    assert error.headers["x-request-id"] == "req-17"
    assert error.headers["x-other"] == "1"
    text = str(error)
    assert "req-17" in text
    assert str(status) in text
    assert "GET" in text
    assert "/campaigns/c1" in text
    if status != 304:
        assert error.body == words
        assert words in text


@table("operation", OPERATIONS)
@table("status", [400, 401, 403, 404, 409, 422])
def test_every_method_raises_by_status_and_sends_one_request(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, status: int
) -> None:
    hub.always = response(status, "no")
    with pytest.raises(CLASSES[status]) as caught:
        caller.call(OPERATIONS[operation], caller.client(hub, clock=clock))
    assert type(caught.value) is CLASSES[status]
    assert hub.arrived(1) == 1
    assert clock.slept == []


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_stream_raises_by_status_before_any_item(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, status: int
) -> None:
    hub.always = response(status, "no")
    stream = caller.client(hub, clock=clock).campaigns.stream_events("c1")
    with pytest.raises(CLASSES[status]):
        caller.items(stream)
    assert hub.arrived(1) == 1


def test_an_error_message_is_one_short_printable_line(caller: Blocking, hub: LoopbackHub) -> None:
    hub.always = response(400, "row 3\x1b[2J\r\nis\tbad\u202e " + "x" * 5000)
    with pytest.raises(kataven.BadRequestError, match=r"row 3.*is.*bad") as caught:
        caller.call(caller.client(hub).campaigns.get, "c1")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    assert caught.value.body.startswith("row 3\x1b[2J\r\nis\tbad")
    assert len(caught.value.body) > 5000


def test_a_body_that_is_not_utf_8_still_raises_its_class(
    caller: Blocking, hub: LoopbackHub
) -> None:
    hub.always = response(404, b"\xff\xfe nothing")
    with pytest.raises(kataven.NotFoundError, match="nothing"):
        caller.call(caller.client(hub).campaigns.get, "c1")


@table("status", [300, 301, 302, 303, 307, 308])
@table("operation", ["get", "create", "delete", "stream"])
def test_redirects_are_not_followed_and_show_no_query_and_no_userinfo(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, status: int
) -> None:
    with LoopbackHub() as elsewhere:
        location = f"http://ada:pass-word@127.0.0.1:{elsewhere.port}/login?token=secret-token#part"
        hub.always = response(status, "", [("Location", location)])
        client = caller.client(hub, clock=clock)
        with pytest.raises(kataven.APIStatusError) as caught:
            if operation == "stream":
                caller.items(client.campaigns.stream_events("c1"))
            else:
                caller.call(OPERATIONS[operation], client)
        assert elsewhere.connections == 0
    error = caught.value
    assert type(error) is kataven.APIStatusError
    assert error.status_code == status
    assert hub.arrived(1) == 1
    shown = f"http://127.0.0.1:{elsewhere.port}/login"
    assert shown in str(error)
    assert error.headers["location"] == shown
    for secret in ("pass-word", "secret-token", "ada"):
        assert secret not in str(error) + repr(error) + repr(vars(error))


@pytest.mark.parametrize(
    "location",
    [
        "http://[bad/?token=secret-token",
        "//ada:secret-token@x/y",
        "/p?secret-token",
        "?secret-token",
    ],
)
def test_a_strange_location_shows_no_secret_either(
    caller: Blocking, hub: LoopbackHub, location: str
) -> None:
    hub.always = response(302, "", [("Location", location)])
    with pytest.raises(kataven.APIStatusError) as caught:
        caller.call(caller.client(hub).campaigns.get, "c1")
    assert "secret-token" not in str(caught.value) + repr(vars(caught.value))


NOT_OBJECTS: dict[str, Any] = {
    "empty": response(200, b""),
    "no content": response(204),
    "a list": response(200, []),
    "a string": response(200, b'"c1"', [("Content-Type", "application/json")]),
    "null": response(200, b"null", [("Content-Type", "application/json")]),
    "a proxy's page": response(200, b"<html>Sign in</html>", [("Content-Type", "text/html")]),
    "half an object": response(200, b'{"id": "c1"', [("Content-Type", "application/json")]),
    "two objects": response(200, b"{}{}", [("Content-Type", "application/json")]),
    "no UTF-8": response(200, b'{"id": "\xff\xfe"}', [("Content-Type", "application/json")]),
    "nested too deep": response(200, b'{"a":' * 100_000, [("Content-Type", "application/json")]),
    "a number too long": response(200, b'{"a": %s}' % (b"9" * 10_000), []),
    "compressed wrongly": response(200, b"{}", [("Content-Encoding", "gzip")]),
    "compressed as br": response(200, b"{}", [("Content-Encoding", "br")]),
}
BROKEN_OFF: dict[str, Any] = {
    "reset in the body": (response(200, b'{"id": ', length=50), reset),
    "closed in the body": (response(200, b'{"id": ', length=50), close),
    "closed in a chunk": (
        response(200, b"", [("Transfer-Encoding", "chunked")]) + chunked(b'{"id": ', end=False),
        close,
    ),
    "closed after the headers": (response(200, b"", length=50), close),
}


@table("operation", READS)
@table("body", NOT_OBJECTS)
def test_a_success_to_a_read_without_a_json_object_is_a_format_error_and_is_not_retried(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, body: str
) -> None:
    hub.always = NOT_OBJECTS[body]
    with pytest.raises(kataven.ResponseFormatError) as caught:
        caller.call(READS[operation], caller.client(hub, clock=clock))
    assert caught.value.request_sent is None
    assert 200 <= caught.value.status_code < 300
    assert hub.arrived(1) == 1
    assert "accepted" not in str(caught.value)


def test_a_format_error_shows_the_body(caller: Blocking, hub: LoopbackHub) -> None:
    hub.always = response(200, b"<html>\x1b[2J Sign in </html>")
    with pytest.raises(kataven.ResponseFormatError, match="Sign in") as caught:
        caller.call(caller.client(hub).campaigns.list)
    assert caught.value.body == b"<html>\x1b[2J Sign in </html>"
    assert str(caught.value).isprintable()


@table("operation", TRANSITIONS)
@table("body", [*NOT_OBJECTS, *BROKEN_OFF])
def test_a_transition_that_the_hub_accepted_succeeds_whatever_its_body(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, body: str
) -> None:
    hub.always = {**NOT_OBJECTS, **BROKEN_OFF}[body]
    result = caller.call(TRANSITIONS[operation], caller.client(hub, clock=clock))
    assert result == {}
    assert type(result) is dict
    assert hub.arrived(1) == 1


@pytest.mark.parametrize(
    "body", ["a list", "half an object", "compressed as br", "reset in the body"]
)
def test_an_unreadable_body_of_a_transition_is_logged(
    caller: Blocking, hub: LoopbackHub, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    hub.always = {**NOT_OBJECTS, **BROKEN_OFF}[body]
    caller.call(caller.client(hub).campaigns.start, "c1")
    (record,) = [record for record in caplog.records if record.name == "kataven"]
    assert record.levelname == "WARNING"
    assert "accepted" in record.getMessage()


@table("body", [*NOT_OBJECTS, *BROKEN_OFF])
def test_a_delete_that_the_hub_accepted_returns_none_whatever_its_body(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, body: str
) -> None:
    hub.always = {**NOT_OBJECTS, **BROKEN_OFF}[body]
    assert caller.call(caller.client(hub, clock=clock).campaigns.delete, "c1") is None
    assert hub.arrived(1) == 1


@table("body", [*NOT_OBJECTS, *BROKEN_OFF])
def test_a_create_that_the_hub_accepted_and_that_cannot_be_read_says_so(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, body: str
) -> None:
    hub.always = {**NOT_OBJECTS, **BROKEN_OFF}[body]
    with pytest.raises(kataven.ResponseFormatError) as caught:
        caller.call(WRITES["create"], caller.client(hub, clock=clock))
    error = caught.value
    assert "accepted" in str(error)
    assert "list" in str(error)
    assert error.request_sent is True
    assert 200 <= error.status_code < 300
    assert hub.arrived(1) == 1


@table("operation", ["create", "start", "delete"])
@table("status", [400, 409, 404])
def test_a_truncated_refusal_of_a_write_is_still_a_refusal(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str, status: int
) -> None:
    hub.always = (response(status, b"the camp", length=90), reset)
    with pytest.raises(CLASSES[status]):
        caller.call(WRITES[operation], caller.client(hub, clock=clock))
    assert hub.arrived(1) == 1


def test_a_404_below_the_undocumented_mount_hints_at_the_documented_one(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    """The host api.kataven.ai is never contacted: a transport leads its requests to loopback."""
    import httpx

    # Plain http, so that the loopback Hub can respond for the real one.
    class ToTheLoopbackHub(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return super().handle_request(_led_to(hub, request))

    class ToTheLoopbackHubAwaited(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await super().handle_async_request(_led_to(hub, request))

    transport = ToTheLoopbackHub if caller.name == "sync" else ToTheLoopbackHubAwaited
    hub.always = response(404, "nothing here")
    given = caller.http_client(transport=transport())
    for base, hinted in [("https://api.kataven.ai", True), ("https://api.kataven.ai/v1", False)]:
        client = caller.client(base, http_client=given, clock=clock)
        with pytest.raises(kataven.NotFoundError, match="nothing here") as caught:
            caller.call(client.campaigns.get, "c1")
        assert ("https://api.kataven.ai/v1" in str(caught.value)) is hinted


def _led_to(hub: LoopbackHub, request: Any) -> Any:
    request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=hub.port)
    return request
