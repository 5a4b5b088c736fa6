"""What each method sends, byte for byte, and that its response is returned unchanged."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

import kataven
from kataven.types import as_dict
from tests.support.clients import CSV, KEY, OPERATIONS, WRITES, Blocking
from tests.support.http import response
from tests.support.tables import table

if TYPE_CHECKING:
    from tests.support.server import LoopbackHub

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"

ROUTES = {
    "list": ("GET", "/campaigns", []),
    "get": ("GET", "/campaigns/c1", []),
    "create": ("POST", "/campaigns", []),
    "start": ("POST", "/campaigns/c1/start", []),
    "pause": ("POST", "/campaigns/c1/pause", []),
    "resume": ("POST", "/campaigns/c1/resume", []),
    "stop": ("POST", "/campaigns/c1/stop", []),
    "delete": ("DELETE", "/campaigns/c1", []),
    "list_contacts": ("GET", "/campaigns/c1/contacts", [("page", "0")]),
    "call_limits": ("GET", "/call-limits", []),
}


@table("operation", OPERATIONS)
def test_each_method_is_one_request_of_the_documented_method_and_path(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    caller.call(OPERATIONS[operation], caller.client(hub))
    method, path, query = ROUTES[operation]
    request = hub.only
    assert (request.method, request.path) == (method, "/api/v1" + path)
    assert (request.query if query else request.target.partition("?")[2]) == (query or "")
    if operation != "create":
        assert request.body == b""
        assert request.header("content-type") is None


@table("operation", OPERATIONS)
def test_each_request_carries_the_key_and_names_the_client_and_no_account(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    caller.call(OPERATIONS[operation], caller.client(hub, account_id="acme"))
    request = hub.only
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("x-account-id") is None
    assert request.header("user-agent") == f"kataven-python/{kataven.__version__} python/{python}"
    assert request.header("host") == f"127.0.0.1:{hub.port}"
    assert request.header("cookie") is None
    assert request.header("accept") == "application/json"


@table("operation", OPERATIONS)
def test_a_jwt_is_sent_with_the_account_it_acts_for(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    client = caller.client(hub, api_key=JWT, account_id="acme_2")
    caller.call(OPERATIONS[operation], client)
    assert hub.only.header("authorization") == f"Bearer {JWT}"
    assert hub.only.header("x-account-id") == "acme_2"


@table("operation", OPERATIONS)
@table(
    "base, prefix",
    [
        ("", "/api/v1"),
        ("/", "/api/v1"),
        ("///", "/api/v1"),
        ("/hub-api/", "/hub-api/api/v1"),
        ("/hub-api", "/hub-api/api/v1"),
        ("/v1", "/v1"),
        ("/v1///", "/v1"),
        ("/hub-api/api/v1/", "/hub-api/api/v1"),
        ("/v1/x", "/v1/x/api/v1"),
        ("/xv1", "/xv1/api/v1"),
    ],
)
def test_the_path_follows_the_base_by_the_url_rule(
    blocking: Blocking, hub: LoopbackHub, operation: str, base: str, prefix: str
) -> None:
    OPERATIONS[operation](blocking.client(hub.url + base))
    assert hub.only.path == prefix + ROUTES[operation][1]


@pytest.mark.parametrize(
    ("base", "prefix"), [("/", "/api/v1"), ("/hub-api/", "/hub-api/api/v1"), ("/v1///", "/v1")]
)
def test_the_url_rule_holds_for_both_clients_and_for_streams(
    caller: Blocking, hub: LoopbackHub, base: str, prefix: str
) -> None:
    hub.respond(
        response(200, {}),
        response(200, b": heartbeat\n\n", [("Content-Type", "text/event-stream")]),
    )
    client = caller.client(hub.url + base)
    caller.call(client.campaigns.get, "c1")
    caller.items(client.campaigns.stream_events("c1", reconnect=False))
    assert [request.target for request in hub.requests] == [
        f"{prefix}/campaigns/c1",
        f"{prefix}/campaigns/c1/events",
    ]


def test_settings_come_from_the_environment_where_no_argument_is_given(
    caller: Blocking, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KATAVEN_API_KEY", JWT)
    monkeypatch.setenv("KATAVEN_ACCOUNT_ID", "from-environment")
    monkeypatch.setenv("KATAVEN_BASE_URL", hub.url + "/v1/")
    caller.call(caller.client(api_key=None).campaigns.get, "c1")
    caller.call(caller.client(api_key=JWT + "x", account_id="argument").campaigns.get, "c1")
    first, second = hub.requests
    assert first.target == second.target == "/v1/campaigns/c1"
    assert first.header("authorization") == f"Bearer {JWT}"
    assert first.header("x-account-id") == "from-environment"
    assert second.header("authorization") == f"Bearer {JWT}x"
    assert second.header("x-account-id") == "argument"


def test_empty_variables_count_as_not_set(
    caller: Blocking, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KATAVEN_API_KEY", "KATAVEN_ACCOUNT_ID", "KATAVEN_BASE_URL"):
        monkeypatch.setenv(name, "")
    caller.call(caller.client(hub).campaigns.get, "c1")
    assert hub.only.header("x-account-id") is None
    assert repr(caller.client()).count("https://api.kataven.ai/v1") == 1
    with pytest.raises(kataven.ConfigurationError, match="KATAVEN_API_KEY"):
        caller.client_class(base_url=hub.url)


@table(
    "given, sent",
    [
        ("a/b", "a%2Fb"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("../admin", "..%2Fadmin"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("a b", "a%20b"),
        ("a\u00a0b", "a%C2%A0b"),
        ("a X: y", "a%20X%3A%20y"),
        ("å", "%C3%A5"),
        ("-_.~", "-_.~"),
        (";x", "%3Bx"),
        ("\\..\\", "%5C..%5C"),
    ],
)
@table("operation", ["get", "start", "delete", "list_contacts", "stream"])
def test_any_other_id_stays_one_segment_of_the_path(
    caller: Blocking, hub: LoopbackHub, operation: str, given: str, sent: str
) -> None:
    client = caller.client(hub)
    if operation == "stream":
        hub.respond(response(200, b"", [("Content-Type", "text/event-stream")]))
        caller.items(client.campaigns.stream_events(given, reconnect=False))
    else:
        caller.call(getattr(client.campaigns, operation), given)
    tail = {"start": "/start", "list_contacts": "/contacts", "stream": "/events"}.get(operation, "")
    assert hub.only.path == f"/api/v1/campaigns/{sent}{tail}"


@table(
    "arguments, query",
    [
        ({}, [("page", "0")]),
        ({"status": "failed"}, [("page", "0"), ("status", "failed")]),
        ({"page": 7}, [("page", "7")]),
        ({"status": "a b&page=9#é", "page": 3}, [("page", "3"), ("status", "a b&page=9#é")]),
        ({"status": "", "page": -1}, [("page", "-1"), ("status", "")]),
    ],
)
def test_status_and_page_of_contacts_are_sent_as_given(
    caller: Blocking, hub: LoopbackHub, arguments: dict[str, Any], query: list[tuple[str, str]]
) -> None:
    caller.call(caller.client(hub).campaigns.list_contacts, "c1", **arguments)
    assert sorted(hub.only.query) == query


def test_positions_of_the_arguments_are_those_of_the_contract(
    caller: Blocking, hub: LoopbackHub
) -> None:
    client = caller.client(hub)
    import io

    caller.call(
        client.campaigns.create, "N", "A", "P", io.BytesIO(CSV), 7, 2, 90, "2030-01-31T09:00:00Z"
    )
    caller.call(client.campaigns.list_contacts, "c1", "failed", 4)
    assert hub.requests[0].form == {
        "name": "N",
        "agent_id": "A",
        "phone_number_id": "P",
        "max_concurrent_calls": "7",
        "retries_per_contact": "2",
        "retry_delay_seconds": "90",
        "scheduled_at": "2030-01-31T09:00:00Z",
    }
    assert sorted(hub.requests[1].query) == [("page", "4"), ("status", "failed")]


ODD = {
    "id": 17,
    "status": "a status of next year",
    "new_key": {"deep": [1, 2.5, None, True]},
    "max_concurrent_calls": "five",
    "scheduled_at": "2030-01-01T00:00:00.123456789+05:45",
    "é": "\U0001f600",
    "big": 12345678901234567890123,
}


@table("operation", sorted(set(OPERATIONS) - {"delete"}))
@table("status", [200, 201])
def test_the_result_is_the_hubs_json_unchanged_in_a_plain_dict(
    caller: Blocking, hub: LoopbackHub, operation: str, status: int
) -> None:
    hub.always = response(status, json.dumps(ODD), [("Content-Type", "text/plain")])
    result = caller.call(OPERATIONS[operation], caller.client(hub))
    assert result == ODD
    assert list(result) == list(ODD)
    assert type(result) is dict
    assert as_dict(result) is result


@pytest.mark.parametrize(
    "scripted", [response(204), response(200, b"gone"), response(200, {"id": "c1"})]
)
def test_delete_returns_none_whatever_the_body(
    caller: Blocking, hub: LoopbackHub, scripted: bytes
) -> None:
    hub.always = scripted
    assert caller.call(caller.client(hub).campaigns.delete, "c1") is None


def test_a_stream_requests_events_and_sends_nothing_before_its_first_item(
    caller: Blocking, hub: LoopbackHub
) -> None:
    frames = b': heartbeat\n\ndata: {"status": "running", "x": 1}\n\nevent: end\n\n'
    hub.respond(response(200, frames, [("Content-Type", "text/event-stream")]))
    stream = caller.client(hub).campaigns.stream_events("c1", reconnect=False)
    assert hub.connections == 0
    items = caller.items(stream)
    assert items == [": heartbeat", {"status": "running", "x": 1}, "event: end"]
    request = hub.only
    assert (request.method, request.target) == ("GET", "/api/v1/campaigns/c1/events")
    assert request.header("accept") == "text/event-stream"
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("x-account-id") is None


def test_reads_share_one_connection_and_each_write_has_its_own(
    caller: Blocking, hub: LoopbackHub
) -> None:
    client = caller.client(hub)
    for operation in OPERATIONS.values():
        caller.call(operation, client)
    assert len(hub.requests) == len(OPERATIONS)
    assert hub.connections == 1 + len(WRITES)


def test_a_cookie_that_the_hub_sets_is_not_sent_back(caller: Blocking, hub: LoopbackHub) -> None:
    hub.always = response(200, {}, [("Set-Cookie", "track=1; Path=/")])
    client = caller.client(hub)
    caller.call(client.campaigns.get, "c1")
    caller.call(client.campaigns.get, "c1")
    assert [request.header("cookie") for request in hub.requests] == [None, None]


@table("operation", WRITES)
def test_a_write_without_a_form_declares_an_empty_body(
    caller: Blocking, hub: LoopbackHub, operation: str
) -> None:
    caller.call(WRITES[operation], caller.client(hub))
    length = hub.only.header("content-length")
    if operation == "create":
        assert length == str(len(hub.only.body))
        assert hub.only.header("transfer-encoding") is None
    elif operation != "delete":
        assert length == "0"


def test_no_header_is_sent_twice(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub, api_key=JWT, account_id="acme")
    for operation in OPERATIONS.values():
        caller.call(operation, client)
    for request in hub.requests:
        names = [name.lower() for name, _ in request.headers]
        assert sorted(set(names)) == sorted(names)
        assert re.fullmatch(rb"[\x20-\x7e\r\n]+", request.raw.partition(b"\r\n\r\n")[0])
