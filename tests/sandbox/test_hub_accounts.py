"""Authentication: tokens, keys, accounts, hosts, and where the Hub is mounted."""

import ssl

import httpx
import pytest

from tests.support.patience import PATIENCE

TLS = ssl.create_default_context()
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def fetch(hub):
    """Sends a GET with these headers only."""
    with httpx.Client(base_url=hub.url, trust_env=False, verify=TLS, timeout=PATIENCE) as client:

        def send(token=None, path="/api/v1/campaigns", **headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if token is not None:
                scheme = "" if token.startswith(("Bearer", "Basic")) else "Bearer "
                named["Authorization"] = scheme + token
            return client.get(path, headers=named)

        yield send


@pytest.mark.parametrize("mount", ["/api/v1", "/hub-api/api/v1", "/v1"])
def test_the_hubs_own_routes_are_api_v1_mounted_at_root_and_hub_api_and_v1(hub, connect, mount):
    http = connect(hub, mount)
    campaign = http.create()
    assert http.get(f"/campaigns/{campaign}").json()["id"] == campaign


@pytest.mark.parametrize(
    "path", ["/index.html", "/campaigns", "/api/v2/campaigns", "/hub-api/v1/campaigns"]
)
def test_outside_the_mounts_is_404(hub, path, fetch):
    response = fetch(hub.api_key, path)
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/plain")


def test_an_api_key_names_its_account_and_no_other_header_is_needed(hub, fetch):
    assert fetch(hub.new_key("acme")).json() == {"campaigns": []}


def test_an_api_key_with_an_account_header_stays_in_its_own_account(hub, connect, fetch):
    campaign = connect(hub).create()
    seen = fetch(hub.new_key("acme"), X_Account_ID="sandbox").json()
    assert seen == {"campaigns": []}
    assert fetch(hub.api_key, X_Account_ID="acme").json()["campaigns"][0]["id"] == campaign


def test_a_jwt_needs_x_account_id(fetch):
    response = fetch(JWT)
    assert response.status_code == 400
    assert "X-Account-ID" in response.text
    assert fetch(JWT, X_Account_ID="acme").status_code == 200


def test_a_jwt_and_a_key_of_one_account_see_the_same_campaigns(hub, connect, fetch):
    campaign = connect(hub).create()
    seen = fetch(JWT, X_Account_ID="sandbox").json()["campaigns"]
    assert [c["id"] for c in seen] == [campaign]
    assert seen[0]["created_by"] == "api_key"


@pytest.mark.parametrize("name", ["Acme", "-acme", "a" * 64, "a b", "a/b", "", "\u00e9", "a;DROP"])
def test_a_bad_account_name_is_400(name, fetch):
    response = fetch(JWT, X_Account_ID=name.encode())
    assert response.status_code == 400


@pytest.mark.parametrize("name", ["a", "0", "a" * 63, "a_b-c"])
def test_account_names_that_match_the_pattern_are_accepted(hub, name, fetch):
    assert fetch(JWT, X_Account_ID=name).status_code == 200
    assert fetch(hub.new_key(name)).status_code == 200


@pytest.mark.parametrize("name", ["Acme", "-acme", "a" * 64, ""])
def test_a_key_for_a_bad_account_name_is_refused(hub, name):
    with pytest.raises(ValueError, match="name"):
        hub.new_key(name)


def test_the_account_kataven_admin_gets_403(hub, fetch):
    assert fetch(JWT, X_Account_ID="kataven-admin").status_code == 403
    assert fetch(hub.new_key("kataven-admin")).status_code == 403


@pytest.mark.parametrize(
    "token",
    [
        None,
        "sk_live_sandbox_unknown",
        "Bearer",
        "Basic c2FuZGJveDo=",
        "eyJ.a.b",
        "eyJa.b",
        "eyJa.b.c.d",
        "eyJa..c",
        "x",
    ],
)
def test_a_missing_or_bad_token_is_401(token, fetch):
    response = fetch(token, X_Account_ID="acme")
    assert response.status_code == 401
    assert response.headers["Content-Type"].startswith("text/plain")


def test_a_revoked_key_fails_on_the_next_request(hub, fetch):
    key = hub.new_key("acme")
    assert fetch(key).status_code == 200
    hub.revoke(key)
    assert fetch(key).status_code == 401
    with pytest.raises(LookupError):
        hub.revoke("sk_live_acme_unknown")


def test_a_duplicate_header_is_refused(hub, raw):
    connection = raw(hub)
    connection.request("GET /api/v1/campaigns", "Authorization: Bearer x", "Connection: close")
    assert connection.read_all().startswith(b"HTTP/1.1 400")


def test_a_campaign_of_another_account_is_404_for_every_operation(hub, connect):
    campaign = connect(hub).create()
    other = connect(hub, key=hub.new_key("acme"))
    assert other.get("/campaigns").json() == {"campaigns": []}
    for path in ("", "/contacts", "/events"):
        assert other.get(f"/campaigns/{campaign}{path}").status_code == 404
    for action in ("start", "pause", "resume", "stop"):
        assert other.act(campaign, action).status_code == 404
    assert other.delete(f"/campaigns/{campaign}").status_code == 404
    assert connect(hub).status(campaign) == "draft"


@pytest.mark.parametrize(
    "host", ["hub.kataven.ai", "127.0.0.1.example.com", "10.0.0.1", "localhost.example", "0"]
)
def test_a_host_that_is_not_loopback_is_400(hub, host, fetch):
    assert fetch(hub.api_key, Host=host).status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1", "127.1.2.3:8", "[::1]:9"]
)
def test_loopback_hosts_are_accepted(hub, host, fetch):
    assert fetch(hub.api_key, Host=host).status_code == 200


def test_it_binds_to_127_0_0_1_only(hub):
    port = int(hub.url.rsplit(":", 1)[1])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.2:{port}/", trust_env=False, timeout=PATIENCE)
