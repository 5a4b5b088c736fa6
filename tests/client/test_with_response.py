"""``with_response``: the same methods, with the data with status, headers and request id."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import kataven
from kataven import AsyncCampaignsClient, CampaignsClient
from tests.support.clients import CSV, TRANSITIONS, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, reset
from tests.support.tables import table

METHODS = ["list", "get", "create", "start", "pause", "resume", "stop", "delete", "list_contacts"]


def _arguments(name: str) -> list[Any]:
    import io

    if name == "create":
        return ["n", "a", "p", io.BytesIO(CSV)]
    return [] if name == "list" else ["c1"]


@table("name", METHODS)
def test_each_method_returns_status_and_headers_beside_its_data(
    caller: Blocking, hub: LoopbackHub, name: str
) -> None:
    headers = [("X-Request-ID", "req-1"), ("X-Cell", "eu")]
    hub.always = response(202, {"id": "c1", "x": 1}, headers)
    method = getattr(caller.client(hub).campaigns.with_response, name)
    result = caller.call(method, *_arguments(name))
    assert result.data == (None if name == "delete" else {"id": "c1", "x": 1})
    assert result.status_code == 202
    assert result.request_id == "req-1"
    assert result.headers["x-cell"] == "eu"
    assert hub.arrived(1) == 1


def test_the_last_response_is_the_one_described(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    hub.respond(
        response(503, "down", [("X-Request-ID", "a")]),
        response(200, {"id": "c1"}, [("X-Request-ID", "b")]),
    )
    campaigns = caller.client(hub, clock=clock).campaigns
    result = caller.call(campaigns.with_response.get, "c1")
    assert (result.status_code, result.request_id) == (200, "b")


def test_refusals_and_errors_are_those_of_the_methods(caller: Blocking, hub: LoopbackHub) -> None:
    campaigns = caller.client(hub).campaigns.with_response
    with pytest.raises(ValueError):
        caller.call(campaigns.get, "..")
    assert hub.connections == 0
    hub.always = response(404, "none")
    with pytest.raises(kataven.NotFoundError):
        caller.call(campaigns.get, "c1")


@table("name", [*TRANSITIONS, "delete"])
def test_an_accepted_write_with_a_truncated_response_is_a_success_here_too(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, name: str
) -> None:
    hub.always = (response(200, b'{"id"', [("X-Request-ID", "r")], length=90), reset)
    method = getattr(caller.client(hub, clock=clock).campaigns.with_response, name)
    result = caller.call(method, "c1")
    assert result.data == (None if name == "delete" else {})
    assert (result.status_code, result.request_id) == (200, "r")
    assert hub.arrived(1) == 1


def test_concurrent_calls_do_not_mix_their_headers(caller: Blocking, hub: LoopbackHub) -> None:
    hub.on_request = lambda request: response(
        200, {}, [("X-Request-ID", request.path.rpartition("/")[2])]
    )
    campaigns = caller.client(hub).campaigns.with_response
    results = caller.together([lambda i=i: campaigns.get(f"c{i}") for i in range(20)])
    assert [result.request_id for result in results] == [f"c{i}" for i in range(20)]


@table("cls", [CampaignsClient, AsyncCampaignsClient])
@table("name", METHODS)
def test_names_and_parameters_are_those_of_the_methods(cls: type[Any], name: str) -> None:
    import importlib

    responses = importlib.import_module("kataven.campaigns.with_response")
    prefix = "Async" if cls is AsyncCampaignsClient else ""
    ours = getattr(getattr(responses, f"{prefix}CampaignsWithResponse"), name)
    assert list(inspect.signature(ours).parameters.values()) == list(
        inspect.signature(getattr(cls, name)).parameters.values()
    )
