"""Who may ask: tokens, keys, accounts, and where the Hub is mounted."""

import httpx
import pytest

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def ask(hub, token=None, path="/api/v1/campaigns", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        named["Authorization"] = (
            token if token.startswith(("Bearer", "Basic")) else f"Bearer {token}"
        )
    return httpx.get(hub.url + path, headers=named, trust_env=False)


@pytest.mark.parametrize("mount", ["/api/v1", "/hub-api/api/v1", "/v1"])
def test_the_hubs_own_routes_are_api_v1_mounted_at_root_and_hub_api_and_v1(hub, connect, mount):
    http = connect(hub, mount)
    campaign = http.create()
    assert http.get(f"/campaigns/{campaign}").json()["id"] == campaign


@pytest.mark.parametrize("path", ["/", "/campaigns", "/api/v2/campaigns", "/hub-api/v1/campaigns"])
def test_outside_the_mounts_is_404(hub, path):
    answer = ask(hub, hub.api_key, path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_an_api_key_names_its_account_and_no_other_header_is_needed(hub):
    assert ask(hub, hub.new_key("acme")).json() == {"campaigns": []}


def test_an_api_key_with_an_account_header_stays_in_its_own_account(hub, connect):
    campaign = connect(hub).create()
    seen = ask(hub, hub.new_key("acme"), X_Account_ID="sandbox").json()
    assert seen == {"campaigns": []}
    assert ask(hub, hub.api_key, X_Account_ID="acme").json()["campaigns"][0]["id"] == campaign


def test_a_jwt_needs_x_account_id(hub):
    answer = ask(hub, JWT)
    assert answer.status_code == 400
    assert "X-Account-ID" in answer.text
    assert ask(hub, JWT, X_Account_ID="acme").status_code == 200


def test_a_jwt_and_a_key_of_one_account_see_the_same_campaigns(hub, connect):
    campaign = connect(hub).create()
    seen = ask(hub, JWT, X_Account_ID="sandbox").json()["campaigns"]
    assert [c["id"] for c in seen] == [campaign]
    assert seen[0]["created_by"] == "api_key"


@pytest.mark.parametrize("name", ["Acme", "-acme", "a" * 64, "a b", "a/b", "", "\u00e9", "a;DROP"])
def test_a_bad_account_name_is_400(hub, name):
    answer = ask(hub, JWT, X_Account_ID=name.encode())
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["a", "0", "a" * 63, "a_b-c"])
def test_account_names_that_fit_the_pattern_are_taken(hub, name):
    assert ask(hub, JWT, X_Account_ID=name).status_code == 200
    assert ask(hub, hub.new_key(name)).status_code == 200


@pytest.mark.parametrize("name", ["Acme", "-acme", "a" * 64, ""])
def test_a_key_for_a_bad_account_name_is_refused(hub, name):
    with pytest.raises(ValueError, match="name"):
        hub.new_key(name)


def test_the_account_kataven_admin_gets_403(hub):
    assert ask(hub, JWT, X_Account_ID="kataven-admin").status_code == 403
    assert ask(hub, hub.new_key("kataven-admin")).status_code == 403


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
def test_a_missing_or_bad_token_is_401(hub, token):
    answer = ask(hub, token, X_Account_ID="acme")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_revoked_key_fails_on_the_next_request(hub):
    key = hub.new_key("acme")
    assert ask(hub, key).status_code == 200
    hub.revoke(key)
    assert ask(hub, key).status_code == 401
    with pytest.raises(LookupError):
        hub.revoke("sk_live_acme_unknown")


def test_a_header_that_stands_twice_is_refused(hub, raw):
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
def test_a_host_that_is_not_loopback_is_400(hub, host):
    assert ask(hub, hub.api_key, Host=host).status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1", "127.1.2.3:8", "[::1]:9"]
)
def test_loopback_hosts_are_answered(hub, host):
    assert ask(hub, hub.api_key, Host=host).status_code == 200


def test_it_binds_to_127_0_0_1_only(hub):
    port = int(hub.url.rsplit(":", 1)[1])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.2:{port}/", trust_env=False)
