"""``with_response``: the documented methods, with the data with status, headers and request id."""

import inspect
import io
from typing import Any

import pytest

from kataven import ApiResponse, NotFoundError
from kataven.campaigns.async_client import AsyncCampaignsClient
from kataven.campaigns.client import CampaignsClient
from kataven.campaigns.with_response import AsyncCampaignsWithResponse, CampaignsWithResponse
from tests.support.clients import Blocking, DrivenClock
from tests.support.http import response
from tests.support.paged import PagedHub, json_response
from tests.support.server import hang_up
from tests.support.tables import table

CSV = b"phone_number\n+15550100001\n"
CALLS: dict[str, tuple[Any, ...]] = {
    "list": (),
    "get": ("c1",),
    "create": ("Spring", "a1", "p1", CSV),
    "start": ("c1",),
    "pause": ("c1",),
    "resume": ("c1",),
    "stop": ("c1",),
    "delete": ("c1",),
    "list_contacts": ("c1", "failed", 2),
}


@table("name", CALLS)
def test_every_method_returns_the_headers_of_its_response(
    caller: Blocking, hub: PagedHub, name: str
) -> None:
    client = caller.client(hub)
    plain = caller.call(lambda: getattr(client.campaigns, name)(*CALLS[name]))
    seen = caller.call(lambda: getattr(client.campaigns.with_response, name)(*CALLS[name]))
    assert isinstance(seen, ApiResponse)
    assert seen.data == plain
    writes = name in {"create", "start", "pause", "resume", "stop"}
    assert seen.status_code == (201 if writes else 200)
    assert seen.request_id == "req_7"
    assert seen.headers["content-type"] == "application/json"
    assert hub.lines[0] == hub.lines[1]


def test_the_last_response_counts(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(response(503, b"", {"X-Request-ID": "req_1"}), hang_up)
    client = caller.client(hub, clock=DrivenClock())
    seen = caller.call(lambda: client.campaigns.with_response.get("c1"))
    assert (seen.status_code, seen.request_id) == (200, "req_7")


def test_an_error_is_raised_as_usual(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(response(404, b"no such campaign", {"X-Request-ID": "req_9"}))
    client = caller.client(hub)
    with pytest.raises(NotFoundError) as caught:
        caller.call(lambda: client.campaigns.with_response.get("c1"))
    assert caught.value.request_id == "req_9"


def test_a_success_without_a_body_or_an_id_has_its_headers(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(response(204, b""), response(202, b"accepted", {"A": "1", "a": "2"}))
    client = caller.client(hub)
    seen = caller.call(lambda: client.campaigns.with_response.delete("c1"))
    assert (seen.data, seen.status_code, seen.request_id) == (None, 204, None)
    seen = caller.call(lambda: client.campaigns.with_response.start("c1"))
    assert (seen.data, seen.status_code, seen.headers["a"]) == ({}, 202, "2")


def test_a_found_campaign_has_the_headers_of_its_list(caller: Blocking, hub: PagedHub) -> None:
    mine = {"id": "c7", "name": "Spring", "agent_id": "a1", "phone_number_id": "p1"}
    hub.respond(None, hang_up, json_response({"campaigns": [mine]}))
    client = caller.client(hub)
    create = client.campaigns.with_response.create
    contacts = io.BytesIO(CSV)
    seen = caller.call(lambda: create("Spring", "a1", "p1", contacts, on_ambiguous="find"))
    assert (seen.data, seen.status_code) == (mine, 200)


@table("name", CALLS)
def test_names_parameters_and_docstrings_are_the_methods_own(name: str) -> None:
    pairs = (
        (CampaignsWithResponse, CampaignsClient),
        (AsyncCampaignsWithResponse, AsyncCampaignsClient),
    )
    for with_response, plain in pairs:
        ours, theirs = getattr(with_response, name), getattr(plain, name)
        assert inspect.signature(ours) == inspect.signature(theirs)
        assert ours.__doc__ == theirs.__doc__
        assert ours.__name__ == name


def test_a_view_keeps_its_options(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(*[response(503, b"")] * 2)
    view = caller.client(hub).with_options(max_retries=0)
    with pytest.raises(Exception, match="503"):
        caller.call(lambda: view.campaigns.with_response.get("c1"))
    assert len(hub.lines) == 1
