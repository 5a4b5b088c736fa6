"""What the generated response half makes of answers that a real Hub or a gateway may give."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from kataven_hub import Client
from kataven_hub.api.campaigns import get_campaign, list_campaign_contacts, list_campaigns
from kataven_hub.errors import UnexpectedStatus
from kataven_hub.models import Campaign, CampaignList, ContactPage, KnownCampaignStatus

CAMPAIGN: dict[str, Any] = {
    "id": "c1",
    "name": "n",
    "agent_id": "a",
    "phone_number_id": "p",
    "status": "running",
    "max_concurrent_calls": 5,
    "retries_per_contact": 0,
    "retry_delay_seconds": 300,
    "scheduled_at": None,
    "created_at": "2030-01-01T00:00:00.123456789Z",
    "created_by": "u",
}


@pytest.mark.parametrize("status", [520, 299, 799])
@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_status_outside_ianas_list_is_handed_over_as_a_number(
    socket_server: Any, status: int, kind: str
) -> None:
    socket_server.will_send(status, b"<html>web server is down</html>", "text/html")

    if kind == "blocking":
        with Client(socket_server.url) as client:
            answer = get_campaign.sync_detailed("c1", client=client)
    else:

        async def ask() -> Any:
            async with Client(socket_server.url) as client:
                return await get_campaign.asyncio_detailed("c1", client=client)

        answer = asyncio.run(ask())

    assert answer.status_code == status
    assert type(answer.status_code) is int
    assert answer.content == b"<html>web server is down</html>"
    assert answer.parsed is None


def test_a_strict_client_raises_on_it_with_the_number(socket_server: Any) -> None:
    socket_server.will_send(520, b"down", "text/plain")

    with (
        Client(socket_server.url, raise_on_unexpected_status=True) as client,
        pytest.raises(UnexpectedStatus, match="520"),
    ):
        get_campaign.sync("c1", client=client)


def test_a_status_word_that_we_do_not_know_survives_and_loses_no_page(socket_server: Any) -> None:
    known, unknown = CAMPAIGN, CAMPAIGN | {"id": "c2", "status": "archived"}
    socket_server.will_send(200, json.dumps({"campaigns": [known, unknown]}).encode())

    with Client(socket_server.url) as client:
        page = list_campaigns.sync(client=client)

    assert isinstance(page, CampaignList)
    assert isinstance(page.campaigns, list)
    first, second = page.campaigns
    assert first.status is KnownCampaignStatus.RUNNING
    assert second.status == "archived"
    assert page.to_dict() == {"campaigns": [known, unknown]}


def test_a_contact_of_an_unknown_status_survives(socket_server: Any) -> None:
    body = {"contacts": [{"id": "1", "status": "voicemail"}], "page": 0, "cursor": "x"}
    socket_server.will_send(200, json.dumps(body).encode())

    with Client(socket_server.url) as client:
        page = list_campaign_contacts.sync("c1", client=client)

    assert isinstance(page, ContactPage)
    assert page.to_dict() == body


def test_an_unknown_key_survives(socket_server: Any) -> None:
    socket_server.will_send(200, json.dumps(CAMPAIGN | {"timezone": "UTC"}).encode())

    with Client(socket_server.url) as client:
        campaign = get_campaign.sync("c1", client=client)

    assert isinstance(campaign, Campaign)
    assert campaign["timezone"] == "UTC"


def test_an_error_is_handed_over_in_the_hubs_own_words(socket_server: Any) -> None:
    socket_server.will_send(404, b"campaign not found", "text/plain; charset=utf-8")

    with Client(socket_server.url) as client:
        answer = get_campaign.sync_detailed("c1", client=client)

    assert (answer.status_code, answer.parsed) == (404, "campaign not found")
