"""Who may see the page and act on it, over plain HTTP: not another site in the same browser."""

import re
import socket

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.page.conftest import TLS, create, status
from tests.support.patience import PATIENCE

SECRETS = ("sk_live_", "Spring", "+1555")


@pytest.fixture
def http(hub):
    with httpx.Client(base_url=hub.url, verify=TLS, trust_env=False, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def token(http):
    return re.search(r'name="kataven-page" content="([^"]+)"', http.get("/").text)[1]


def assert_learns_nothing(response, statuses):
    assert response.status_code in statuses, response.text
    assert not any(secret in response.text for secret in SECRETS), response.text
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_the_page_is_html_with_its_data_and_strict_headers(hub, http):
    campaign = create(hub)
    response = http.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert campaign in response.text
    assert "Nobody is called" in response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    policy = dict(
        part.split(" ", 1) for part in response.headers["content-security-policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert "set-cookie" not in response.headers
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", response.text)


def test_every_response_of_the_page_has_the_headers(http, token):
    for path in ("/", "/_page/style.css", "/_page/main.js", "/_page/none.js", "/_page/api/state"):
        response = http.get(path, headers={"X-Kataven-Page": token})
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"], path
        assert response.headers["cross-origin-resource-policy"] == "same-origin", path
        assert response.headers["x-content-type-options"] == "nosniff", path


def test_the_token_opens_the_data_and_nothing_else_does(hub, http, token):
    create(hub)
    assert http.get("/_page/api/state", headers={"X-Kataven-Page": token}).status_code == 200
    for headers in (
        {},
        {"X-Kataven-Page": ""},
        {"X-Kataven-Page": token[:-1]},
        {"X-Kataven-Page": "\u00ff".encode("latin-1")},
        {"Authorization": f"Bearer {hub.api_key}"},
        {"Cookie": f"X-Kataven-Page={token}"},
    ):
        assert_learns_nothing(http.get("/_page/api/state", headers=headers), {403})
    assert_learns_nothing(http.get(f"/_page/api/state?X-Kataven-Page={token}"), {403})


def test_each_hub_has_its_own_token(http, token):
    with Sandbox() as other:
        response = httpx.get(
            f"{other.url}/_page/api/state",
            headers={"X-Kataven-Page": token},
            verify=TLS,
            trust_env=False,
            timeout=PATIENCE,
        )
    assert_learns_nothing(response, {403})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "state"),
        ("GET", "journal"),
        ("GET", "requests"),
        ("GET", "campaigns/{id}/contacts"),
        ("GET", "campaigns/{id}/calls"),
        ("GET", "campaigns/{id}/events"),
        ("POST", "campaigns/{id}/start"),
        ("POST", "campaigns/{id}/stop"),
        ("DELETE", "campaigns/{id}"),
        ("POST", "campaigns"),
        ("POST", "sandbox/advance"),
        ("POST", "sandbox/faults"),
        ("POST", "sandbox/reset"),
        ("GET", "sandbox/accounts"),
        ("OPTIONS", "campaigns/{id}/start"),
    ],
)
def test_without_the_token_nothing_is_done_or_read(hub, http, method, path):
    campaign = create(hub)
    before = hub.now()
    response = http.request(
        method, f"/_page/api/{path.format(id=campaign)}", content='{"seconds": 60}'
    )
    assert_learns_nothing(response, {403})
    assert status(hub, campaign) == "draft"
    assert hub.now() == before
    assert hub.faults.unused() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_another_site_cannot_act_even_with_the_token(hub, http, token, headers):
    campaign = create(hub)
    port = hub.url.rpartition(":")[2]
    sent = {name: value.format(port=port) for name, value in headers.items()}
    response = http.post(
        f"/_page/api/campaigns/{campaign}/start", headers={"X-Kataven-Page": token, **sent}
    )
    assert_learns_nothing(response, {403})
    assert status(hub, campaign) == "draft"


def test_the_page_itself_may_act(hub, http, token):
    campaign = create(hub)
    headers = {"X-Kataven-Page": token, "Origin": hub.url, "Sec-Fetch-Site": "same-origin"}
    response = http.post(f"/_page/api/campaigns/{campaign}/start", headers=headers)
    assert (response.status_code, status(hub, campaign)) == (200, "running")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil.example:{port}",
        "127.0.0.1@evil.example:{port}",
        "127.0.0.1:1",
        "localhost",
        "0.0.0.0:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/_page/main.js", "/_page/api/state"])
def test_a_name_that_resolves_to_this_machine_reaches_nothing(hub, http, token, host, path):
    create(hub)
    port = hub.url.rpartition(":")[2]
    headers = {"Host": host.format(port=port), "X-Kataven-Page": token}
    assert_learns_nothing(http.get(path, headers=headers), {400, 421})


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_each_loopback_name_with_the_port_of_the_hub_works(hub, http, name):
    host = f"{name}:{hub.url.rpartition(':')[2]}"
    assert http.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/", "/_page/main.js", "/_page/icon.svg"])
@pytest.mark.parametrize(
    ("mode", "dest"),
    [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("navigate", "iframe"),
        ("cors", "empty"),
        ("navigate", "object"),
    ],
)
def test_another_site_cannot_embed_or_load_the_page(hub, http, site, path, mode, dest):
    create(hub)
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    assert_learns_nothing(http.get(path, headers=headers), {403})


def test_a_link_from_another_site_opens_the_page(http):
    headers = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert http.get("/", headers=headers).status_code == 200


def test_the_hub_and_its_page_listen_on_loopback_only(hub):
    port = int(hub.url.rpartition(":")[2])
    assert hub.page_url == f"http://127.0.0.1:{port}/"
    with socket.socket() as probe:
        # Of this machine, but not loopback: free, because the Hub listens on 127.0.0.1 alone.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        try:
            probe.bind((_own_address(), port))
        except OSError as error:
            pytest.skip(f"this machine has no other address: {error}")
        probe.listen()


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "192.0.2.1"
        address = probe.getsockname()[0]
    return "192.0.2.1" if address.startswith("127.") else address


@pytest.mark.parametrize(
    "path",
    [
        "/_page/",
        "/_page/..%2fpage.html",
        "/_page/../page.html",
        "/_page/page.html",
        "/_page//etc/passwd",
        "/_page/site.py",
    ],
)
def test_only_the_files_of_the_page_are_served(http, path):
    assert http.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_the_page_is_only_read(http, method):
    response = http.request(method, "/")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "nothing", 404),
        ("PUT", "state", 404),
        ("GET", "campaigns/none/contacts", 404),
        ("POST", "campaigns/none/start", 404),
        ("POST", "campaigns/{id}/events", 404),
        ("POST", "campaigns/{id}/fail", 404),
        ("GET", "campaigns/{id}/contacts?page=-1", 400),
        ("GET", "campaigns/{id}/contacts?status=x", 400),
        ("GET", "campaigns/{id}/contacts?error=x", 400),
        ("GET", "journal?page=x", 400),
        ("POST", "campaigns?account=none", 400),
        ("POST", "campaigns", 400),
        ("POST", "campaigns/{id}/pause", 409),
        ("POST", "sandbox/advance", 400),
        ("GET", "sandbox/none", 404),
    ],
)
def test_a_wrong_request_is_refused_in_the_words_of_the_hub(hub, http, token, method, path, code):
    url = f"/_page/api/{path.format(id=create(hub))}"
    response = http.request(method, url, headers={"X-Kataven-Page": token})
    assert response.status_code == code, response.text
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text


def test_requests_of_the_page_meet_no_limit_no_fault_and_no_log():
    limited = Sandbox(time_scale=Clock.manual(), limits={"per_minute": 3})
    with (
        limited as hub,
        httpx.Client(base_url=hub.url, verify=TLS, trust_env=False, timeout=PATIENCE) as http,
    ):
        campaign = create(hub)
        hub.faults.add("* /campaigns/*/start", status=503, times=None)
        found = re.search(r'name="kataven-page" content="([^"]+)"', http.get("/").text)
        headers = {"X-Kataven-Page": found[1]}
        response = http.post(f"/_page/api/campaigns/{campaign}/start", headers=headers)
        assert response.status_code == 200
        for _ in range(10):
            assert http.get("/_page/api/state", headers=headers).status_code == 200
        assert [one.path for one in hub.requests] == ["/campaigns"]
        assert len(hub.faults.unused()) == 1
        assert status(hub, campaign) == "running"
