"""The campaigns of an account, from one request, filtered by the SDK."""

import logging
from typing import Any

import pytest

from kataven import KatavenClient, ServerError
from tests.support.clients import KEY, Blocking
from tests.support.http import response
from tests.support.paged import PagedHub, json_response
from tests.support.tables import table


def campaigns(count: int, status: str = "running") -> list[Any]:
    return [{"id": f"c{n}", "status": status} for n in range(count)]


def test_every_campaign_is_yielded_unchanged_from_one_lazy_request(
    caller: Blocking, hub: PagedHub
) -> None:
    rows = [*campaigns(3), {"id": "x", "new": 1}]
    hub.campaigns = lambda: rows
    iterator = caller.client(hub).campaigns.iter_campaigns()
    assert hub.lines == []
    assert caller.items(iterator) == rows
    assert hub.lines == ["GET /campaigns"]


def test_a_status_is_filtered_here_and_not_sent(
    caller: Blocking, hub: PagedHub, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*campaigns(2), *campaigns(3, "archived"), "odd", {"id": "no status"}]
    hub.campaigns = lambda: rows
    client = caller.client(hub)
    assert caller.items(client.campaigns.iter_campaigns("running")) == rows[:2]
    assert caller.items(client.campaigns.iter_campaigns(status="archived")) == rows[2:5]
    assert caller.items(client.campaigns.iter_campaigns("paused")) == []
    assert set(hub.lines) == {"GET /campaigns"}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert caller.items(client.campaigns.iter_campaigns("ongoing")) == []
    assert (
        "no campaign has the status 'ongoing'; known statuses are completed, draft" in caplog.text
    )
    with pytest.raises(TypeError, match="status must be a str"):
        client.campaigns.iter_campaigns(7)


@table("count, total, warned", [(99, None, False), (100, None, True), (101, None, False)])
def test_exactly_one_hundred_campaigns_may_be_incomplete(
    caller: Blocking, hub: PagedHub, caplog: Any, count: int, total: Any, warned: bool
) -> None:
    caplog.clear()
    hub.campaigns = lambda: campaigns(count)
    assert len(caller.items(caller.client(hub).campaigns.iter_campaigns("running"))) == count
    assert ("exactly 100 entries, so it may be incomplete" in caplog.text) is warned


def test_a_total_that_is_larger_than_the_list_is_reported(
    caller: Blocking, hub: PagedHub, caplog: pytest.LogCaptureFixture
) -> None:
    hub.respond(json_response({"items": campaigns(2), "total": 3}))
    assert len(caller.items(caller.client(hub).campaigns.iter_campaigns())) == 2
    assert "2 of 3 entries" in caplog.text


def test_errors_are_raised_by_the_first_item(caller: Blocking, hub: PagedHub) -> None:
    hub.respond(response(500, b"database"))
    iterator = caller.client(hub, max_retries=0).campaigns.iter_campaigns()
    with pytest.raises(ServerError):
        caller.next(iterator)


def test_it_can_be_closed_early(hub: PagedHub) -> None:
    hub.campaigns = lambda: campaigns(3)
    with KatavenClient(KEY, base_url=hub.url) as client:
        with client.campaigns.iter_campaigns() as iterator:
            assert next(iterator)["id"] == "c0"
        assert list(iterator) == []
