"""The contacts that failed, as a list for the next campaign."""

import csv
import io
import re
from typing import Any

import pytest

from kataven import KatavenClient, ServerError
from kataven.sandbox import Clock, Sandbox
from tests.support.clients import Blocking
from tests.support.http import response
from tests.support.measure import open_files
from tests.support.paged import PagedHub, contact, json_response
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


def test_with_nobody_to_call_again_the_list_has_only_a_header(
    caller: Blocking, hub: PagedHub
) -> None:
    hub.contacts = []
    client = caller.client(hub)
    with caller.call(lambda: client.campaigns.retry_list("c1")) as file:
        assert file.rows == 0
        assert file.read() == b"phone_number\r\n"


# Of several campaigns.


def campaigns(hub: PagedHub, **contacts: list[dict[str, Any]]) -> None:
    """Give each campaign its own contacts."""

    def respond(request: Any) -> Any:
        found = re.fullmatch(
            r"GET /campaigns/(\w+)/contacts\?status=failed&page=(\d+)", request.line
        )
        if found is None:
            return None
        first = int(found[2]) * 100
        return json_response({"contacts": contacts[found[1]][first : first + 100]})

    hub.on_request = respond


def of_several(caller: Blocking, client: Any, ids: Any, **options: Any) -> list[str]:
    file = caller.call(lambda: client.campaigns.retry_list(ids, **options))
    with file:
        found = list(csv.DictReader(io.StringIO(file.read().decode(), newline="")))
        assert file.rows == len(found)
    return [row["phone_number"] for row in found]


def test_several_campaigns_make_one_list_in_which_each_telephone_is_once(
    caller: Blocking, hub: PagedHub
) -> None:
    first = [contact(number) for number in range(130)]
    # The same telephone with the digit that starts a call inside its country, and without it.
    first[0]["phone_number"] = "+442079460018"
    second = [contact(number) for number in range(120, 150)]
    second[-1]["phone_number"] = "+4402079460018"
    campaigns(hub, c1=first, c2=second)
    found = of_several(caller, caller.client(hub), ["c1", "c2", "c1"])
    expected = ["+442079460018", *(contact(number)["phone_number"] for number in range(1, 149))]
    assert found == expected
    paths = [line.partition("?")[0] for line in hub.lines]
    assert paths == [*["GET /campaigns/c1/contacts"] * 3, *["GET /campaigns/c2/contacts"] * 2]


def test_one_telephone_in_two_writings_is_called_once(caller: Blocking, hub: PagedHub) -> None:
    hub.contacts = [
        contact(1, phone_number="+4402079460018"),
        contact(2, phone_number="+442079460018"),
        contact(3, phone_number="not a number"),
    ]
    assert of_several(caller, caller.client(hub), "c1") == ["+4402079460018", "not a number"]


@pytest.mark.parametrize("collection", [tuple, iter, dict.fromkeys, set])
def test_any_collection_of_ids_is_accepted(
    caller: Blocking, hub: PagedHub, collection: Any
) -> None:
    campaigns(hub, c1=[contact(1)], c2=[contact(2)])
    ids = collection(["c1", "c2"])
    ids = ids.keys() if isinstance(ids, dict) else ids
    assert len(of_several(caller, caller.client(hub), ids)) == 2


@table(
    "ids, error",
    [
        ([], ValueError),
        (["c1", ""], ValueError),
        (["c1", 7], TypeError),
        (b"c1", TypeError),
        (7, TypeError),
        # What create returned, in place of its id.
        ({"id": "c1", "status": "completed"}, TypeError),
    ],
)
def test_ids_that_name_no_campaign_are_refused(
    caller: Blocking, hub: PagedHub, ids: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="campaign"):
        of_several(caller, caller.client(hub), ids)
    assert hub.lines == []


def test_every_one_of_several_campaigns_must_have_finished(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(None, json_response({"id": "c2", "status": "running"}))
    with pytest.raises(ValueError, match="c2 is running"):
        of_several(caller, caller.client(hub), ["c1", "c2"], status="cancelled")
    assert hub.lines == ["GET /campaigns/c1", "GET /campaigns/c2"]


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
    assert open_files() <= before


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
