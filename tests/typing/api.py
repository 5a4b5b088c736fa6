"""A user's program that is never run: mypy --strict and pyright must accept it.

It asserts the type of what each call returns, so that a lost type is an error here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, assert_type

import kataven_hub
from kataven_hub.api.campaigns import get_campaign

import kataven
from kataven import (
    AsyncKatavenClient,
    CampaignProgress,
    CampaignsClient,
    ConflictError,
    ExportSummary,
    KatavenClient,
    RateLimitError,
    RetryList,
    Timeout,
)
from kataven.events import is_end, is_heartbeat
from kataven.models import Campaign as CampaignModel
from kataven.types import (
    CallLimits,
    Campaign,
    CampaignList,
    CampaignStatus,
    CampaignTransition,
    Contact,
    ContactPage,
    ContactStatus,
    as_dict,
    parse_time,
)


def settings() -> None:
    KatavenClient()
    KatavenClient("sk_live_acme_1", base_url="https://hub.kataven.ai/hub-api")
    KatavenClient(api_key=lambda: "eyJ", account_id="acme", timeout=Timeout(read=5.0))
    KatavenClient(timeout=10, max_retries=0, deadline=60.0).with_options(timeout=5, deadline=None)
    assert_type(kataven.__version__, str)


def documented(client: KatavenClient, file: BinaryIO) -> None:
    campaigns = client.campaigns
    assert_type(campaigns, CampaignsClient)
    assert_type(campaigns.list(), CampaignList)
    assert_type(campaigns.get("c1"), Campaign)
    assert_type(campaigns.create("Spring", "agent", "number", file), Campaign)
    campaigns.create(
        name="Spring",
        agent_id="agent",
        phone_number_id="number",
        contacts=file,
        max_concurrent_calls=10,
        retries_per_contact=2,
        retry_delay_seconds=60,
        scheduled_at="2027-01-01T09:00:00Z",
    )
    assert_type(campaigns.start("c1"), CampaignTransition)
    assert_type(campaigns.pause("c1"), CampaignTransition)
    assert_type(campaigns.resume("c1"), CampaignTransition)
    assert_type(campaigns.stop("c1"), CampaignTransition)
    campaigns.delete("c1")
    assert_type(campaigns.list_contacts("c1", status="failed", page=2), ContactPage)
    assert_type(client.call_limits(), CallLimits)


def sources_of_contacts(client: KatavenClient) -> None:
    create = client.campaigns.create
    create("Spring", "agent", "number", BytesIO(b"phone_number\n+15550100001\n"))
    create("Spring", "agent", "number", "contacts.csv")
    create("Spring", "agent", "number", Path("contacts.csv"))
    create("Spring", "agent", "number", b"phone_number\n+15550100001\n")
    create("Spring", "agent", "number", [{"phone_number": "+15550100001", "name": "Ada"}])
    create("Spring", "agent", "number", "contacts.csv", scheduled_at=datetime.now(UTC))


def keys(campaign: Campaign, moved: CampaignTransition, contact: Contact) -> None:
    assert_type(campaign["status"], CampaignStatus)
    assert_type(campaign["max_concurrent_calls"], int)
    # These three are null until they are known, and may be missing.
    assert_type(campaign.get("started_at"), str | None)
    if campaign["status"] == "completed":
        assert_type(campaign["name"], str)
    # Nothing that start, pause, resume and stop return is guaranteed.
    assert_type(moved.get("retries_per_contact"), int | None)
    assert_type(contact.get("custom_fields"), dict[str, str] | None)
    # Assumed, and yet read with [] by every program.
    assert_type(contact["id"], str)
    assert_type(contact["phone_number"], str)
    assert_type(contact["status"], ContactStatus)
    assert_type(campaign["created_at"], str)
    assert_type(parse_time(campaign["created_at"]), datetime)
    # A status that the SDK does not know is a string too.
    campaign["status"] = "archived"


def annotated_as_documented(client: KatavenClient) -> dict[str, Any]:
    campaign: dict[str, Any] = as_dict(client.campaigns.get("c1"))
    return campaign


def events(client: KatavenClient) -> None:
    stream: Iterator[dict[str, Any] | str] = client.campaigns.stream_events("c1")
    for event in stream:
        if isinstance(event, str):
            assert_type(is_end(event) or is_heartbeat(event), bool)
        else:
            assert_type(event, dict[str, Any])
    with client.campaigns.stream_events("c1", idle_timeout=20, reconnect=False) as closing:
        assert_type(next(closing), dict[str, Any] | str)


def recipes(client: KatavenClient) -> None:
    for contact in client.campaigns.iter_contacts("c1", status="failed"):
        assert_type(contact, Contact)
    with client.campaigns.watch("c1") as watched:
        for progress in watched:
            assert_type(progress, CampaignProgress)
            assert_type(progress.eta_seconds, float | None)
            assert_type(progress.counts.get("pending"), int | None)
    assert_type(client.campaigns.wait("c1", timeout=60), Campaign)
    for campaign in client.campaigns.iter_campaigns("running"):
        assert_type(campaign, Campaign)
    campaigns: Iterator[Campaign] = client.campaigns.iter_campaigns(status="archived")
    print(campaigns)
    summary = client.campaigns.export_contacts("c1", Path("results.csv"), format="csv")
    assert_type(summary, ExportSummary)
    assert_type(summary.rows, int)
    assert_type(summary.path, Path | None)
    assert_type(summary.counts.get("failed"), int | None)
    client.campaigns.export_contacts("c1", ["a.csv", Path("a.parquet"), BytesIO()], status="odd")
    client.campaigns.iter_contacts("c1", last_error={"busy", "a word of the Hub"})
    retry = client.campaigns.retry_list("c1")
    assert_type(retry, RetryList)
    assert_type(retry.rows, int)
    file: BinaryIO = client.campaigns.retry_list(["c1", "c2"], last_error={"busy", "no_answer"})
    client.campaigns.create("Again", "agent", "number", retry)
    client.campaigns.create("Again", "agent", "number", file)


def errors(client: KatavenClient) -> None:
    try:
        client.campaigns.start("c1")
    except ConflictError as error:
        assert_type(error.status_code, int)
        assert_type(error.request_id, str | None)
    except RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except kataven.APIConnectionError as error:
        assert_type(error.request_sent, bool | None)


def low_level(client: KatavenClient) -> None:
    assert_type(client.raw, kataven_hub.Client)
    response = get_campaign.sync("c1", client=client.raw)
    if isinstance(response, CampaignModel):
        assert_type(response.name, str)
        assert_type(response.created_at, datetime | str)


async def awaited(file: BinaryIO) -> None:
    async with AsyncKatavenClient() as client:
        assert_type(await client.campaigns.list(), CampaignList)
        assert_type(await client.campaigns.get("c1"), Campaign)
        assert_type(await client.campaigns.create("Spring", "agent", "number", file), Campaign)
        assert_type(await client.campaigns.start("c1"), CampaignTransition)
        assert_type(await client.campaigns.pause("c1"), CampaignTransition)
        assert_type(await client.campaigns.resume("c1"), CampaignTransition)
        assert_type(await client.campaigns.stop("c1"), CampaignTransition)
        await client.campaigns.delete("c1")
        assert_type(await client.campaigns.list_contacts("c1"), ContactPage)
        assert_type(await client.call_limits(), CallLimits)
        async with client.campaigns.stream_events("c1") as stream:
            async for event in stream:
                assert_type(event, dict[str, Any] | str)
        async for contact in client.campaigns.iter_contacts("c1"):
            assert_type(contact, Contact)
        async for campaign in client.campaigns.iter_campaigns():
            assert_type(campaign, Campaign)
        assert_type(await client.campaigns.export_contacts("c1", "a.csv"), ExportSummary)
        assert_type(await client.campaigns.retry_list("c1"), RetryList)
        assert_type(await client.campaigns.wait("c1"), Campaign)
