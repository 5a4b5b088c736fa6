"""``client.raw``: the generated client on the same pool, with the same auth and URL rule."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import kataven
from tests.support.clients import CSV, KEY, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, silence
from tests.support.tables import table

if TYPE_CHECKING:
    from types import ModuleType

CAMPAIGN = {
    "id": "c1",
    "name": "Spring",
    "agent_id": "a1",
    "phone_number_id": "p1",
    "status": "draft",
    "max_concurrent_calls": 5,
    "retries_per_contact": 0,
    "retry_delay_seconds": 300,
    "created_at": "2030-01-31T09:00:00Z",
    "created_by": "u1",
    "scheduled_at": None,
}
LIMITS = {
    "concurrent_max": 1,
    "calls_per_minute": 2,
    "daily_calls_max": 3,
    "daily_minutes_max": 4,
}
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"


def _run(
    caller: Blocking, module: ModuleType, *args: Any, client: Any, detailed: bool = False
) -> Any:
    name = "sync" if caller.name == "sync" else "asyncio"
    function = getattr(module, name + ("_detailed" if detailed else ""))
    options = {"body": args[0]} if args and not isinstance(args[0], str) else {}
    return caller.call(function, *([] if options else args), client=client.raw, **options)


def _http(caller: Blocking, client: Any) -> Any:
    raw = client.raw
    return raw.get_httpx_client() if caller.name == "sync" else raw.get_async_httpx_client()


@table(
    "base, prefix",
    [
        ("", "/api/v1"),
        ("/", "/api/v1"),
        ("/hub-api/", "/hub-api/api/v1"),
        ("/v1", "/v1"),
        ("/v1///", "/v1"),
    ],
)
@table("own", [False, True])
def test_a_generated_module_works_on_each_mount(
    caller: Blocking, hub: LoopbackHub, base: str, prefix: str, own: bool
) -> None:
    from kataven_hub.api.campaigns import get_campaign

    hub.always = response(200, CAMPAIGN)
    options = {"http_client": caller.http_client()} if own else {}
    client = caller.client(hub.url + base, **options)
    campaign = _run(caller, get_campaign, "c/1", client=client)
    assert (campaign.id, campaign.status, campaign.max_concurrent_calls) == ("c1", "draft", 5)
    request = hub.only
    assert (request.method, request.target) == ("GET", f"{prefix}/campaigns/c%2F1")
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("x-account-id") is None
    assert str(request.header("user-agent")).startswith("kataven-python/")
    if own:
        assert not options["http_client"].is_closed


def test_a_jwt_is_sent_with_its_account(caller: Blocking, hub: LoopbackHub) -> None:
    from kataven_hub.api.account import get_call_limits

    hub.always = response(200, LIMITS)
    limits = _run(
        caller, get_call_limits, client=caller.client(hub, api_key=JWT, account_id="acme")
    )
    assert limits.daily_minutes_max == 4
    assert hub.only.header("x-account-id") == "acme"


def test_it_shares_the_pool_with_the_client(caller: Blocking, hub: LoopbackHub) -> None:
    from kataven_hub.api.campaigns import get_campaign

    hub.always = response(200, CAMPAIGN)
    client = caller.client(hub)
    caller.call(client.campaigns.get, "c1")
    _run(caller, get_campaign, "c1", client=client)
    assert hub.connections == 1


def test_an_upload_through_it_is_complete(caller: Blocking, hub: LoopbackHub) -> None:
    from kataven_hub.api.campaigns import create_campaign
    from kataven_hub.models.campaign_create import CampaignCreate
    from kataven_hub.types import File

    hub.always = response(201, CAMPAIGN)
    content = CSV + b"x" * 300_000
    body = CampaignCreate("n", "a", "p", File(io.BytesIO(content), "list.csv", "text/csv"))
    assert _run(caller, create_campaign, body, client=caller.client(hub)).id == "c1"
    assert hub.only.file.content == content
    assert hub.only.form["name"] == "n"


@pytest.mark.parametrize("status", [400, 429, 503])
def test_it_sends_once_and_returns_any_response(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, status: int
) -> None:
    from kataven_hub.api.campaigns import start_campaign

    hub.always = response(status, "no", [("Retry-After", "1")])
    client = caller.client(hub, clock=clock)
    result = _run(caller, start_campaign, "c1", client=client, detailed=True)
    assert (int(result.status_code), result.content) == (status, b"no")
    assert result.headers["retry-after"] == "1"
    assert hub.arrived(1) == 1


def test_it_does_not_follow_redirects(caller: Blocking, hub: LoopbackHub) -> None:
    from kataven_hub.api.campaigns import get_campaign

    with LoopbackHub() as elsewhere:
        hub.always = response(307, "", [("Location", elsewhere.url)])
        result = _run(caller, get_campaign, "c1", client=caller.client(hub), detailed=True)
        assert int(result.status_code) == 307
        assert elsewhere.connections == 0


BAD = [
    "https://evil.example/campaigns",
    "http://127.0.0.1:1/campaigns",
    "//evil.example/campaigns",
    "campaigns",
    "",
    "/../admin",
    "/campaigns/../../admin",
    "/campaigns/.",
    "/campaigns/..?x=1",
    "/campaigns/..#x",
    "/.#x",
    "\\\\evil.example/x",
    "@evil.example/x",
    ":1/x",
]


@table("url", BAD)
@table("way", ["request", "stream"])
def test_a_request_goes_to_the_clients_base_url_only(
    caller: Blocking, hub: LoopbackHub, url: str, way: str
) -> None:
    http = _http(caller, caller.client(hub))

    async def stream_awaited() -> None:
        async with http.stream("GET", url):
            pass

    def stream() -> None:
        with http.stream("GET", url):
            pass

    with pytest.raises(ValueError):
        if way == "request":
            caller.call(http.request, "GET", url)
        else:
            caller.call(stream if caller.name == "sync" else stream_awaited)
    assert hub.connections == 0


def test_headers_of_a_call_cannot_replace_the_credentials(
    caller: Blocking, hub: LoopbackHub
) -> None:
    http = _http(caller, caller.client(hub))
    headers = {"Authorization": "Bearer other", "X-Other": "1", "User-Agent": "theirs"}
    caller.call(http.request, "GET", "/campaigns", headers=headers)
    assert hub.only.header("authorization") == f"Bearer {KEY}"
    assert hub.only.header("x-other") == "1"


def test_an_event_stream_can_be_read_through_it(caller: Blocking, hub: LoopbackHub) -> None:
    from kataven_hub.api.campaigns import stream_campaign_events as endpoint

    hub.always = response(200, b": one\n\n", [("Content-Type", "text/event-stream")])
    client = caller.client(hub)

    def read() -> bytes:
        with endpoint.stream("c1", client=client.raw) as received:
            return b"".join(received.iter_bytes())

    async def read_awaited() -> bytes:
        async with endpoint.astream("c1", client=client.raw) as received:
            return b"".join([chunk async for chunk in received.aiter_bytes()])

    assert caller.call(read if caller.name == "sync" else read_awaited) == b": one\n\n"
    assert hub.only.header("accept") == "text/event-stream"
    assert hub.only.header("authorization") == f"Bearer {KEY}"


def test_a_bomb_is_refused_in_the_raw_client(caller: Blocking, hub: LoopbackHub) -> None:
    bomb = gzip.compress(gzip.compress(b"0" * (17 * 1024 * 1024)))
    hub.always = response(200, bomb, [("Content-Encoding", "gzip, gzip")])
    http = _http(caller, caller.client(hub))
    with pytest.raises((ValueError, kataven.KatavenError), match="16 MiB"):
        caller.call(http.request, "GET", "/campaigns")


def test_a_compressed_response_is_returned_decompressed(caller: Blocking, hub: LoopbackHub) -> None:
    hub.always = response(200, gzip.compress(b'{"a": 1}'), [("Content-Encoding", "gzip")])
    received = caller.call(_http(caller, caller.client(hub)).request, "GET", "/campaigns")
    assert received.json() == {"a": 1}
    assert isinstance(received, httpx.Response)


def test_it_uses_the_clients_timeout(caller: Blocking, hub: LoopbackHub, brief: Any) -> None:
    from kataven_hub.api.campaigns import get_campaign

    hub.always = (silence,)
    client = caller.client(hub, timeout=kataven.Timeout(read=brief(0.1)))
    with pytest.raises((httpx.TimeoutException, kataven.APITimeoutError)):
        _run(caller, get_campaign, "c1", client=client)


def test_a_closed_client_has_a_closed_raw_client(caller: Blocking, hub: LoopbackHub) -> None:
    from kataven_hub.api.campaigns import get_campaign

    client = caller.client(hub)
    raw = client.raw
    caller.close(client)
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        caller.call(
            get_campaign.sync if caller.name == "sync" else get_campaign.asyncio, "c1", client=raw
        )
    assert hub.connections == 0


def test_its_docstring_says_that_it_does_not_retry(caller: Blocking) -> None:
    doc = " ".join(str(type(caller.client()).raw.__doc__).split())
    assert "no retries" in doc
