"""What the generated client makes of responses that a Hub or a gateway may send."""

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
def test_status_outside_ianas_list_is_returned_as_a_number(
    socket_server: Any, status: int, kind: str
) -> None:
    socket_server.will_send(status, b"<html>web server is down</html>", "text/html")

    if kind == "blocking":
        with Client(socket_server.url) as client:
            response = get_campaign.sync_detailed("c1", client=client)
    else:

        async def ask() -> Any:
            async with Client(socket_server.url) as client:
                return await get_campaign.asyncio_detailed("c1", client=client)

        response = asyncio.run(ask())

    assert response.status_code == status
    assert type(response.status_code) is int
    assert response.content == b"<html>web server is down</html>"
    assert response.parsed is None


def test_strict_client_raises_on_an_unexpected_status(socket_server: Any) -> None:
    socket_server.will_send(520, b"down", "text/plain")

    with (
        Client(socket_server.url, raise_on_unexpected_status=True) as client,
        pytest.raises(UnexpectedStatus, match="520"),
    ):
        get_campaign.sync("c1", client=client)


def test_unknown_campaign_status_is_kept_and_does_not_lose_the_page(socket_server: Any) -> None:
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


def test_unknown_contact_status_is_kept(socket_server: Any) -> None:
    body = {"contacts": [{"id": "1", "status": "voicemail"}], "page": 0, "cursor": "x"}
    socket_server.will_send(200, json.dumps(body).encode())

    with Client(socket_server.url) as client:
        page = list_campaign_contacts.sync("c1", client=client)

    assert isinstance(page, ContactPage)
    assert page.to_dict() == body


def test_unknown_key_is_kept(socket_server: Any) -> None:
    socket_server.will_send(200, json.dumps(CAMPAIGN | {"timezone": "UTC"}).encode())

    with Client(socket_server.url) as client:
        campaign = get_campaign.sync("c1", client=client)

    assert isinstance(campaign, Campaign)
    assert campaign["timezone"] == "UTC"


def test_error_text_of_the_hub_is_returned(socket_server: Any) -> None:
    socket_server.will_send(404, b"campaign not found", "text/plain; charset=utf-8")

    with Client(socket_server.url) as client:
        response = get_campaign.sync_detailed("c1", client=client)

    assert (response.status_code, response.parsed) == (404, "campaign not found")
