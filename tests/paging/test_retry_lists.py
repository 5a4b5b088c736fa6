"""The contacts that failed, as a list for the next campaign."""

import csv
import io
from typing import Any

import pytest

from kataven import KatavenClient, ServerError
from kataven.sandbox import Clock, Sandbox
from tests.support.clients import Blocking
from tests.support.http import response
from tests.support.measure import open_files
from tests.support.paged import PagedHub, contact
from tests.support.tables import table


def made(caller: Blocking, client: Any, **options: Any) -> list[dict[str, str]]:
    file = caller.call(lambda: client.campaigns.retry_list("c1", **options))
    with file:
        return list(csv.DictReader(io.StringIO(file.read().decode(), newline="")))


def test_it_holds_every_number_once_and_all_custom_fields(caller: Blocking, hub: PagedHub) -> None:
    hub.contacts = [contact(number) for number in range(150)]
    hub.contacts[120] = contact(3, custom_fields={"plan": "gold"})
    hub.contacts[130]["custom_fields"] = {"plan": "blue"}
    found = made(caller, caller.client(hub))
    numbers = [f"+1555{number:07d}" for number in range(150) if number != 120]
    assert [row["phone_number"] for row in found] == numbers
    assert found[0] == {"phone_number": "+15550000000", "first_name": "Person 0", "plan": ""}
    assert found[129] == {"phone_number": "+15550000130", "first_name": "", "plan": "blue"}
    assert hub.lines[0] == "GET /campaigns/c1/contacts?status=failed&page=0"
    assert hub.pages == [0, 1, 2]


def test_without_failed_contacts_the_list_is_empty(caller: Blocking, hub: PagedHub) -> None:
    hub.contacts = []
    assert made(caller, caller.client(hub)) == []


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_another_status_requires_a_finished_campaign(
    caller: Blocking, hub: PagedHub, status: str
) -> None:
    hub.status = status
    assert len(made(caller, caller.client(hub), status="pending")) == 250
    assert hub.lines[:2] == [
        "GET /campaigns/c1",
        "GET /campaigns/c1/contacts?status=pending&page=0",
    ]


@table("status", ["draft", "scheduled", "running", "paused", "reviewing"])
def test_a_campaign_that_may_still_dial_them_is_refused(
    caller: Blocking, hub: PagedHub, status: str
) -> None:
    hub.status = status
    with pytest.raises(ValueError, match=f"c1 is {status}"):
        made(caller, caller.client(hub), status="pending")
    assert hub.lines == ["GET /campaigns/c1"]


def test_a_failure_leaves_no_file_open(caller: Blocking, hub: PagedHub) -> None:
    client = caller.client(hub, max_retries=0)
    made(caller, client)
    before = open_files()
    hub.respond(None, response(500, b"database"))
    with pytest.raises(ServerError) as caught:
        made(caller, client)
    assert caught.value.page == 1
    assert open_files() == before


def test_the_hub_accepts_it_unchanged(caller: Blocking) -> None:
    with Sandbox(time_scale=Clock.manual(), limits=None) as sandbox:
        with KatavenClient(sandbox.api_key, base_url=sandbox.url) as other:
            people = b"phone_number,first_name\n+15550100001,Ada\n+15550100002,Bo\n"
            for line in people.splitlines()[1:]:
                sandbox.outcomes[line.split(b",")[0].decode()] = "no_answer"
            first = other.campaigns.create("Spring", "a1", "p1", people)["id"]
            other.campaigns.start(first)
            sandbox.advance(3600)
            assert other.campaigns.get(first)["status"] == "completed"
        client = caller.client(sandbox)
        file = caller.call(lambda: client.campaigns.retry_list(first))
        with file:
            call = client.campaigns.create
            second = caller.call(lambda: call("Again", "a1", "p1", file))["id"]
        contacts = caller.items(client.campaigns.iter_contacts(second))
        assert [(c["phone_number"], c["custom_fields"]) for c in contacts] == [
            ("+15550100001", {"first_name": "Ada"}),
            ("+15550100002", {"first_name": "Bo"}),
        ]
