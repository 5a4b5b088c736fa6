"""The route of a request: proxies of the environment, TLS, IPv6, and a caller's own httpx client."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import kataven
from tests.support.clients import KEY, OPERATIONS, READS, WRITES, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, close
from tests.support.tables import table
from tests.support.tls import make_certificate, server_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]


@pytest.fixture
def proxy() -> Iterator[LoopbackHub]:
    """A proxy that does not forward."""
    with LoopbackHub() as proxy:
        proxy.always = (response(403, "this proxy refuses"), close)
        yield proxy


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("variable", PROXY_VARIABLES)
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "127.0.0.2", "LOCALHOST", "::1"])
def test_a_loopback_base_never_goes_through_a_proxy_of_the_environment(
    caller: Blocking,
    proxy: LoopbackHub,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    name: str,
) -> None:
    if name == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    host = name if name in {"127.0.0.2", "::1"} else "127.0.0.1"
    monkeypatch.setenv(variable, proxy.url)
    with LoopbackHub(host=host) as hub:
        hub.respond(
            response(200, {}),
            response(200, b"", [("Content-Type", "text/event-stream")]),
            response(200, {}),
        )
        shown = f"[{name}]" if ":" in name else name
        client = caller.client(f"http://{shown}:{hub.port}")
        caller.call(client.campaigns.list)
        caller.items(client.campaigns.stream_events("c1", reconnect=False))
        raw = client.raw
        http = raw.get_httpx_client() if caller.name == "sync" else raw.get_async_httpx_client()
        caller.call(http.request, "GET", "/call-limits")
        caller.close(client)
        assert hub.arrived(3) == 3
    assert proxy.connections == 0


def test_another_host_does_go_through_the_proxy_of_the_environment(
    caller: Blocking, proxy: LoopbackHub, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    client = caller.client("https://hub.example.invalid/v1", clock=clock, max_retries=0)
    with pytest.raises(kataven.APIConnectionError) as caught:
        caller.call(client.campaigns.get, "c1")
    assert caught.value.request_sent is None
    request = proxy.only
    assert (request.method, request.target) == ("CONNECT", "hub.example.invalid:443")
    assert request.header("authorization") is None
    assert KEY.encode() not in request.raw


@pytest.mark.parametrize("operation", ["create", "start", "delete"])
def test_a_write_refused_by_a_proxy_was_not_sent_and_is_retried(
    caller: Blocking,
    proxy: LoopbackHub,
    clock: DrivenClock,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    client = caller.client("https://hub.example.invalid/v1", clock=clock)
    with pytest.raises(kataven.APIConnectionError) as caught:
        caller.call(WRITES[operation], client)
    assert caught.value.request_sent is False
    assert [request.method for request in proxy.requests] == ["CONNECT"] * 4


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new certificate for 127.0.0.1 that no default trust store accepts."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


@pytest.fixture
def tls_hub(certificate: Path) -> Iterator[LoopbackHub]:
    """A Hub that speaks TLS."""
    with LoopbackHub(tls=server_context(certificate)) as hub:
        yield hub


@pytest.mark.parametrize("operation", ["get", "create"])
def test_an_untrusted_certificate_ends_the_call_before_anything_is_sent(
    caller: Blocking, tls_hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    with pytest.raises(kataven.APIConnectionError) as caught:
        caller.call(OPERATIONS[operation], caller.client(tls_hub, clock=clock))
    assert caught.value.request_sent is (None if operation == "get" else False)
    assert tls_hub.requests == []


def test_a_ca_bundle_of_the_environment_is_trusted(
    caller: Blocking,
    tls_hub: LoopbackHub,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert caller.call(caller.client(tls_hub).campaigns.get, "c1") == {"id": "c1"}
    assert tls_hub.only.header("authorization") == f"Bearer {KEY}"


# A caller's own client.


def test_a_callers_http_client_is_used_and_stays_open(caller: Blocking, hub: LoopbackHub) -> None:
    seen: list[str] = []

    def note(request: Any) -> None:
        seen.append(request.url.path)

    async def note_awaited(request: Any) -> None:
        seen.append(request.url.path)

    hook = note if caller.name == "sync" else note_awaited
    given = caller.http_client(event_hooks={"request": [hook]})
    client = caller.client(hub, http_client=given)
    hub.respond(response(200, {}), response(200, b"", [("Content-Type", "text/event-stream")]))
    caller.call(client.campaigns.get, "c1")
    caller.items(client.campaigns.stream_events("c1", reconnect=False))
    caller.close(client)
    assert seen == ["/api/v1/campaigns/c1", "/api/v1/campaigns/c1/events"]
    assert not given.is_closed
    assert caller.call(given.get, hub.url).status_code == 200
    with pytest.raises(kataven.ConfigurationError, match="closed"):
        caller.call(client.campaigns.get, "c1")


def test_the_sdk_sets_auth_url_headers_timeout_and_redirects_of_a_callers_client(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    with LoopbackHub() as elsewhere:
        given = caller.http_client(
            auth=("ada", "word"),
            base_url=elsewhere.url,
            headers={"X-Account-ID": "other", "X-Theirs": "1", "User-Agent": "theirs"},
            cookies={"a": "b"},
            params={"theirs": "1"},
            follow_redirects=True,
            timeout=0.000001,
        )
        client = caller.client(hub, http_client=given, clock=clock)
        hub.respond(response(200, {}), response(302, "", [("Location", elsewhere.url)]))
        caller.call(client.campaigns.get, "c1")
        with pytest.raises(kataven.APIStatusError):
            caller.call(client.campaigns.get, "c1")
        assert elsewhere.connections == 0
    request = hub.requests[0]
    assert hub.arrived(2) == 2
    assert request.target == "/api/v1/campaigns/c1"
    assert request.header("authorization") == f"Bearer {KEY}"
    assert str(request.header("user-agent")).startswith("kataven-python/")
    for name in ("x-account-id", "x-theirs", "cookie"):
        assert request.header(name) is None


@table("operation", OPERATIONS)
@pytest.mark.slow
def test_a_callers_hook_may_read_the_response(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    bodies: list[bytes] = []

    def read(response: httpx.Response) -> None:
        bodies.append(response.read())

    async def read_awaited(response: httpx.Response) -> None:
        bodies.append(await response.aread())

    hook = read if caller.name == "sync" else read_awaited
    given = caller.http_client(event_hooks={"response": [hook]})
    result = caller.call(OPERATIONS[operation], caller.client(hub, http_client=given, clock=clock))
    assert result == (None if operation == "delete" else {"id": "c1"})
    assert bodies == [b'{"id": "c1"}']
    assert hub.arrived(1) == 1


def test_a_callers_transport_may_respond_without_a_network(
    caller: Blocking, clock: DrivenClock
) -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"id": "c1"})

    given = caller.http_client(transport=httpx.MockTransport(respond))
    client = caller.client("https://hub.example.invalid/v1", http_client=given, clock=clock)
    assert caller.call(client.campaigns.get, "c1") == {"id": "c1"}
    assert asked == ["https://hub.example.invalid/v1/campaigns/c1"]


def test_a_wrong_kind_of_http_client_is_a_type_error(caller: Blocking, hub: LoopbackHub) -> None:
    other: Any = httpx.AsyncClient if caller.name == "sync" else httpx.Client
    for wrong in (other(), object(), httpx, caller.http_class):
        with pytest.raises(TypeError, match="http_client"):
            caller.client_class(KEY, base_url=hub.url, http_client=wrong)
    assert hub.connections == 0


def test_a_closed_http_client_is_an_error_and_the_write_was_not_sent(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock
) -> None:
    given = caller.http_client()
    caller.call(given.aclose if caller.name == "async" else given.close)
    client = caller.client(hub, http_client=given, clock=clock)
    with pytest.raises((kataven.KatavenError, RuntimeError), match="closed"):
        caller.call(client.campaigns.start, "c1")
    assert hub.connections == 0


@pytest.mark.parametrize("operation", READS)
def test_an_idle_connection_that_the_server_closed_costs_a_read_nothing(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, operation: str
) -> None:
    hub.always = (response(200, {"id": "c1"}), close)
    client = caller.client(hub, clock=clock)
    for _ in range(3):
        assert caller.call(READS[operation], client) == {"id": "c1"}
    assert hub.arrived(3) == 3
