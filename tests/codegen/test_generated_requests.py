"""Requests of the generated client on the wire, read by parsers that are not ours."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from kataven_hub import Client
from kataven_hub.api.account import get_call_limits
from kataven_hub.api.campaigns import (
    create_campaign,
    delete_campaign,
    get_campaign,
    list_campaign_contacts,
    list_campaigns,
    pause_campaign,
    resume_campaign,
    start_campaign,
    stop_campaign,
    stream_campaign_events,
)
from kataven_hub.models import CampaignCreate, KnownContactStatus
from kataven_hub.types import File

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]

WITH_AN_ID: list[ModuleType] = [
    get_campaign,
    start_campaign,
    pause_campaign,
    resume_campaign,
    stop_campaign,
    delete_campaign,
    list_campaign_contacts,
    stream_campaign_events,
]

CAMPAIGN = (
    b'{"id":"c1","name":"n","agent_id":"a","phone_number_id":"p","status":"draft",'
    b'"max_concurrent_calls":5,"retries_per_contact":0,"retry_delay_seconds":300,'
    b'"created_at":"2030-01-01T00:00:00Z","created_by":"u"}'
)

HOSTILE = (
    b"phone_number,note\r\n+12025550100,hello\r\n--+++\r\n"
    b'Content-Disposition: form-data; name="max_concurrent_calls"\r\n\r\n100\r\n--+++--\r\n'
)


def _form(content: bytes) -> CampaignCreate:
    return CampaignCreate(
        name="Spring",
        agent_id="agent-1",
        phone_number_id="number-1",
        contacts=File(io.BytesIO(content), file_name="contacts.csv", mime_type="text/csv"),
        max_concurrent_calls=2,
    )


def _parts(received: Any) -> list[tuple[str, str | None, str, bytes]]:
    """Parse name, filename, content type and content of each part with the standard library."""
    (content_type,) = received.header("Content-Type")
    message = message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + received.body,
        policy=policy.HTTP,
    )
    parts = []
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        name = part.get_param("name", header="content-disposition")
        parts.append((str(name), part.get_filename(), part.get_content_type(), payload))
    return parts


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_csv_content_cannot_add_a_form_field(socket_server: Any, kind: str) -> None:
    socket_server.will_send(201, CAMPAIGN)

    if kind == "blocking":
        with Client(socket_server.url) as client:
            response = create_campaign.sync_detailed(client=client, body=_form(HOSTILE))
    else:

        async def send() -> Any:
            async with Client(socket_server.url) as client:
                return await create_campaign.asyncio_detailed(client=client, body=_form(HOSTILE))

        response = asyncio.run(send())

    assert response.status_code == 201
    (received,) = socket_server.received
    assert (received.method, received.target) == ("POST", "/campaigns")
    parts = _parts(received)
    assert [(name, filename) for name, filename, _, _ in parts] == [
        ("name", None),
        ("agent_id", None),
        ("phone_number_id", None),
        ("contacts", "contacts.csv"),
        ("max_concurrent_calls", None),
        ("retries_per_contact", None),
        ("retry_delay_seconds", None),
    ]
    by_name = {name: content for name, _, _, content in parts}
    assert by_name["max_concurrent_calls"] == b"2"
    assert by_name["contacts"] == HOSTILE
    assert {kind for name, _, kind, _ in parts if name == "contacts"} == {"text/csv"}


def test_each_form_has_its_own_boundary(socket_server: Any) -> None:
    socket_server.will_send(201, CAMPAIGN)

    with Client(socket_server.url) as client:
        for _ in range(2):
            create_campaign.sync(client=client, body=_form(b"phone_number\n+12025550100\n"))

    first, second = (received.header("Content-Type") for received in socket_server.received)
    assert first != second


@pytest.mark.parametrize("endpoint", WITH_AN_ID, ids=lambda endpoint: endpoint.__name__[26:])
@pytest.mark.parametrize("campaign_id", ["", ".", ".."])
@pytest.mark.slow
def test_id_that_would_lead_to_another_path_is_rejected(
    socket_server: Any, endpoint: ModuleType, campaign_id: str
) -> None:
    with pytest.raises(ValueError, match="would lead to another path"):
        endpoint.build_request(campaign_id)

    with Client(socket_server.url) as client, pytest.raises(ValueError, match="another path"):
        if endpoint is stream_campaign_events:
            with stream_campaign_events.stream(campaign_id, client=client):
                pass
        else:
            endpoint.sync_detailed(campaign_id, client=client)
    assert socket_server.received == []


@pytest.mark.parametrize(
    ("campaign_id", "target"),
    [
        ("../admin", "/campaigns/..%2Fadmin"),
        ("a/b?c#d", "/campaigns/a%2Fb%3Fc%23d"),
        ("%2e%2e", "/campaigns/%252e%252e"),
        ("...", "/campaigns/..."),
        ("é 1", "/campaigns/%C3%A9%201"),
    ],
)
def test_any_other_id_is_one_segment_of_the_path(
    socket_server: Any, campaign_id: str, target: str
) -> None:
    socket_server.will_send(200, CAMPAIGN)

    with Client(socket_server.url) as client:
        get_campaign.sync(campaign_id, client=client)

    assert socket_server.received[0].target == target


def test_every_request_has_the_documented_method_and_path() -> None:
    built = [endpoint.build_request("c1") for endpoint in WITH_AN_ID]
    built += [list_campaigns.build_request(), get_call_limits.build_request()]
    built += [create_campaign.build_request(body=_form(b"phone_number\n"))]

    assert [f"{request['method']} {request['url']}" for request in built] == [
        "get /campaigns/c1",
        "post /campaigns/c1/start",
        "post /campaigns/c1/pause",
        "post /campaigns/c1/resume",
        "post /campaigns/c1/stop",
        "delete /campaigns/c1",
        "get /campaigns/c1/contacts",
        "get /campaigns/c1/events",
        "get /campaigns",
        "get /call-limits",
        "post /campaigns",
    ]


@pytest.mark.parametrize("status", ["failed", KnownContactStatus.FAILED])
def test_known_status_is_sent_as_its_value(socket_server: Any, status: Any) -> None:
    socket_server.will_send(200, b'{"contacts":[]}')

    with Client(socket_server.url) as client:
        list_campaign_contacts.sync("c1", client=client, status=status, page=3)

    assert socket_server.received[0].target == "/campaigns/c1/contacts?status=failed&page=3"


@pytest.mark.parametrize("mount", ["/v1", "/api/v1", "/hub-api/api/v1"])
def test_paths_work_below_every_mount_of_the_hub(socket_server: Any, mount: str) -> None:
    socket_server.will_send(200, CAMPAIGN)

    with Client(socket_server.url + mount) as client:
        get_campaign.sync("c1", client=client)

    assert socket_server.received[0].target == f"{mount}/campaigns/c1"


def test_httpx_accepts_every_request() -> None:
    with httpx.Client(base_url="http://127.0.0.1") as http:
        for endpoint in WITH_AN_ID:
            request = http.build_request(**endpoint.build_request("c1"))
            assert request.url.path.startswith("/campaigns/c1")


def test_building_a_request_imports_neither_httpx_nor_attrs_nor_a_response_model() -> None:
    program = (
        "import sys\n"
        "import kataven_hub\n"
        "from kataven_hub.api.campaigns import get_campaign, list_campaign_contacts\n"
        "from kataven_hub.api.campaigns import stream_campaign_events\n"
        "get_campaign.build_request('c1')\n"
        "stream_campaign_events.build_request('c1')\n"
        "list_campaign_contacts.build_request('c1', status='failed')\n"
        "heavy = {'httpx', 'attr', 'attrs', 'asyncio', 'kataven', 'dateutil',\n"
        "         'kataven_hub.client', 'kataven_hub.models.contact_page'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "generated")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert result.stdout.strip() == "[]"


def test_lazy_packages_have_every_name_and_no_other() -> None:
    import kataven_hub
    from kataven_hub import models

    for package in (kataven_hub, models):
        for name in package.__all__:
            assert getattr(package, name).__name__ == name
            assert name in dir(package)
        with pytest.raises(AttributeError, match="'Nothing'"):
            package.Nothing  # noqa: B018
