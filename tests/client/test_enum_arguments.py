"""Enum members that are strings or numbers are sent as their values, never as their names."""

from __future__ import annotations

import io
from enum import Enum
from typing import TYPE_CHECKING, Any

from tests.support.clients import CSV, Blocking
from tests.support.http import response
from tests.support.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.server import LoopbackHub


class Word(str, Enum):  # noqa: UP042 - a StrEnum is written as its value anyway
    ID = "c1"
    AGENT = "agent_1"
    FAILED = "failed"
    SOON = "2030-01-31T09:00:00Z"
    FIND = "find"
    GOLD = "gold"


class Count(int, Enum):
    TWO = 2
    FIVE = 5


PATHS: dict[str, Callable[[Any], Any]] = {
    "/campaigns/c1": lambda c: c.get(Word.ID),
    "/campaigns/c1/start": lambda c: c.start(Word.ID),
    "/campaigns/c1/pause": lambda c: c.pause(Word.ID),
    "/campaigns/c1/resume": lambda c: c.resume(Word.ID),
    "/campaigns/c1/stop": lambda c: c.stop(Word.ID),
    "/campaigns/c1/contacts?status=failed&page=2": lambda c: c.list_contacts(
        Word.ID, Word.FAILED, Count.TWO
    ),
}


@table("target", PATHS)
def test_ids_statuses_and_pages(caller: Blocking, hub: LoopbackHub, target: str) -> None:
    client = caller.client(hub)
    caller.call(PATHS[target], client.campaigns)
    assert hub.only.target.endswith(target)


def test_a_delete(caller: Blocking, hub: LoopbackHub) -> None:
    hub.respond(response(204))
    caller.call(caller.client(hub).campaigns.delete, Word.ID)
    assert hub.only.target.endswith("/campaigns/c1")


def test_every_field_of_a_create(caller: Blocking, hub: LoopbackHub) -> None:
    create = caller.client(hub).campaigns.create
    hub.respond(response(201, {"id": "c1"}))
    fields = (Count.FIVE, Count.TWO, Count.FIVE, Word.SOON)
    caller.call(create, Word.GOLD, Word.AGENT, Word.ID, io.BytesIO(CSV), *fields)
    assert hub.only.form == {
        "name": "gold",
        "agent_id": "agent_1",
        "phone_number_id": "c1",
        "max_concurrent_calls": "5",
        "retries_per_contact": "2",
        "retry_delay_seconds": "5",
        "scheduled_at": "2030-01-31T09:00:00Z",
    }


def test_cells_of_rows(caller: Blocking, hub: LoopbackHub) -> None:
    rows = [{"phone_number": "+15550100001", "plan": Word.GOLD, "seats": Count.FIVE}]
    caller.call(caller.client(hub).campaigns.create, "n", "a", "p", rows)
    assert hub.only.file.content == b"phone_number,plan,seats\r\n+15550100001,gold,5\r\n"


def test_iterating_streaming_and_options(caller: Blocking, hub: LoopbackHub) -> None:
    campaigns = caller.client(hub).campaigns
    hub.respond(response(200, {"contacts": [{"id": "1"}]}), response(200, {"contacts": []}))
    contacts = campaigns.iter_contacts(Word.ID, Word.FAILED, start_page=Count.TWO)
    assert caller.items(contacts) == [{"id": "1"}]
    targets = [request.target.partition("?")[2] for request in hub.requests]
    assert targets == ["status=failed&page=2", "status=failed&page=3"]
    event = response(200, b"data: 1\n\n", [("Content-Type", "text/event-stream")])
    hub.respond(event)
    assert len(caller.items(campaigns.stream_events(Word.ID, reconnect=False))) == 1
    assert hub.requests[-1].target.endswith("/campaigns/c1/events")
    hub.respond(response(200, {"campaigns": []}), response(201, {"id": "c1"}))
    caller.call(campaigns.create, "n", "a", "p", CSV, on_ambiguous=Word.FIND)
    assert [request.method for request in hub.requests[-2:]] == ["GET", "POST"]
