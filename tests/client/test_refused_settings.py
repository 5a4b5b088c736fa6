"""Settings refused by the constructor: the Hub sees no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import kataven
from tests.support.clients import KEY, Blocking
from tests.support.tables import table

if TYPE_CHECKING:
    from tests.support.server import LoopbackHub

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"


@pytest.fixture(autouse=True)
def _nothing_is_sent(hub: LoopbackHub) -> Any:
    yield
    assert hub.connections == 0


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_refused_with_what_to_do(
    caller: Blocking, hub: LoopbackHub, key: str | None
) -> None:
    with pytest.raises(kataven.ConfigurationError, match=r"api_key.*KATAVEN_API_KEY"):
        caller.client_class(key, base_url=hub.url)


@pytest.mark.parametrize(
    "key",
    [
        "sk_live_acme_123\n",
        " sk_live_acme_123",
        "sk_live acme",
        "sk_live_acme_\u20131",
        "sk_live_acme_é",
        "sk_live_acme_\x7f",
        "sk_live_acme_\x00",
        "sk\r\nX-Evil: 1",
        "\ud800",
    ],
)
def test_a_key_with_anything_but_visible_ascii_is_refused_and_not_shown(
    caller: Blocking, hub: LoopbackHub, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kataven.ConfigurationError, match="ASCII") as caught:
        caller.client_class(key, base_url=hub.url)
    assert key.strip() not in str(caught.value)
    if "\x00" not in key and "\ud800" not in key:
        monkeypatch.setenv("KATAVEN_API_KEY", key)
        with pytest.raises(kataven.ConfigurationError, match="ASCII"):
            caller.client_class(base_url=hub.url)


PLACEHOLDERS = [
    "YOUR_API_KEY", "your-api-key-here", "<key>", "<your key>", "<YOUR-KEY>", "...", "sk-...",
    "sk_live_...", "sk_live_<account>_...", "eyJ...", "xxx", "XXXXXXXX", "sk_live_xxxx",
    "sk_live_acme_XXXXXXXX", "sk_live_YOUR_KEY", "sk_live_your_account_key", "changeme",
    "CHANGE_ME", "change-me", "replace_me", "placeholder", "$KATAVEN_API_KEY",
    "${KATAVEN_API_KEY}", "%KATAVEN_API_KEY%", "{{ api_key }}", "KATAVEN_API_KEY", "api_key",
    "my-api-key", "insert key here", "None", "null", "undefined", "TODO", "***", "sk_live_****",
]  # fmt: skip
QUOTED = [f"{a}{KEY}{b}" for a, b in ("''", '""', "``", "\u201c\u201d", ("'", ""), (' "', '"\n'))]
PREFIXED = [f"{prefix}{KEY}" for prefix in ("Bearer ", "bearer ", "Authorization: Bearer ")]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (PLACEHOLDERS, "placeholder"),
        (QUOTED, "quotation marks"),
        (PREFIXED, "Bearer"),
        ([f"KATAVEN_API_KEY={KEY}", f"export KATAVEN_API_KEY={KEY}"], "name of a variable"),
    ],
)
def test_what_is_no_key_is_refused_wherever_it_comes_from(
    caller: Blocking,
    hub: LoopbackHub,
    keys: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key in keys:
        with pytest.raises(kataven.ConfigurationError, match=says) as caught:
            caller.client_class(key, base_url=hub.url)
        assert KEY not in str(caught.value)
        monkeypatch.setenv("KATAVEN_API_KEY", key)
        with pytest.raises(kataven.ConfigurationError, match=says):
            caller.client_class(base_url=hub.url)
        client = caller.client(hub, api_key=lambda key=key: key)
        with pytest.raises(kataven.ConfigurationError, match=says):
            caller.call(client.campaigns.get, "c1")


@pytest.mark.parametrize(
    "key",
    [
        "sk_live_acme_1", "sk_live_acme_0xxx1", "sk_live_your-company_8f2Q", "sk_live_acme_key9",
        "sk_live_my-key_1a2B3c", "sk_live_example_7Gh2kQ", "test", "k",
    ],
)  # fmt: skip
def test_a_key_that_only_resembles_a_placeholder_is_accepted(
    caller: Blocking, hub: LoopbackHub, key: str
) -> None:
    caller.client(hub, api_key=key)


def test_a_jwt_without_account_is_refused_with_what_to_do(
    caller: Blocking, hub: LoopbackHub
) -> None:
    with pytest.raises(
        kataven.ConfigurationError, match=r"account_id.*KATAVEN_ACCOUNT_ID"
    ) as caught:
        caller.client_class(JWT, base_url=hub.url)
    assert JWT not in str(caught.value)


@pytest.mark.parametrize(
    "account", ["", "Acme", "-acme", "_acme", "a" * 64, "acme\n", "a.b", "a b", "é", "a/b"]
)
@pytest.mark.parametrize("key", [KEY, JWT])
def test_an_account_name_that_breaks_the_rule_is_refused(
    caller: Blocking, hub: LoopbackHub, account: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kataven.ConfigurationError, match="account"):
        caller.client_class(key, base_url=hub.url, account_id=account)
    if account:
        monkeypatch.setenv("KATAVEN_ACCOUNT_ID", account)
        with pytest.raises(kataven.ConfigurationError, match="account"):
            caller.client_class(key, base_url=hub.url)


BAD_BASES = [
    "http://api.kataven.ai/v1",
    "http://10.0.0.1/",
    "http://localhost.example.com",
    "http://127.0.0.1.nip.io",
    "http://0.0.0.0:80",
    "http://[::2]",
    "http://user@127.0.0.1/",
    "https://user:secret-word@api.kataven.ai/v1",
    "https://api.kataven.ai\\@127.0.0.1/",
    "https://api.kataven.ai/v1?account=secret-word",
    "https://api.kataven.ai/v1?",
    "https://api.kataven.ai/v1#secret-word",
    "https://api.kataven.ai/v1#",
    "ftp://api.kataven.ai/v1",
    "ws://127.0.0.1/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "api.kataven.ai/v1",
    "//api.kataven.ai/v1",
    "/v1",
    "",
    " ",
    "https://",
    "https:///v1",
    "https://api.kataven.ai:0/",
    "https://api.kataven.ai:99999/",
    "https://api.kataven.ai:x/",
    "https://api kataven.ai/",
    "https://api.kataven.ai/v1\n",
    "https://api.kataven.ai/é",
    "https://[::1/",
    "https://api.kataven.ai/../x",
    "https://api.kataven.ai/./v1",
    "https://api.kataven.ai/v1/campaigns",
    "https://api.kataven.ai/v1/campaigns/",
    "https://api.kataven.ai/v1/Campaigns",
    "https://hub.kataven.ai/campaigns",
    "https://hub.kataven.ai/hub-api/api/v1/campaigns/c1",
    "https://api.kataven.ai/v1/campaigns/c1/start",
    "https://api.kataven.ai/v1/campaigns/c1/events/",
    "https://api.kataven.ai/v1/call-limits",
    "http://127.0.0.1:8080/api/v1/campaigns",
]


@pytest.mark.parametrize("base", BAD_BASES)
def test_a_base_url_that_would_leak_or_mislead_the_key_is_refused(
    caller: Blocking, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kataven.ConfigurationError, match="URL") as caught:
        caller.client_class(KEY, base_url=base)
    assert "secret-word" not in str(caught.value)
    if base:
        monkeypatch.setenv("KATAVEN_BASE_URL", base)
        with pytest.raises(kataven.ConfigurationError, match="URL"):
            caller.client_class(KEY)


def test_a_refused_base_url_is_quoted_in_eighty_characters(caller: Blocking) -> None:
    base = f"https://api.kataven.ai/{'x' * 500}/campaigns"
    with pytest.raises(kataven.ConfigurationError, match="remove '/campaigns'") as caught:
        caller.client_class(KEY, base_url=base)
    assert "x" * 80 not in str(caught.value)


@table(
    "base",
    [
        "https://tools.example.com/campaigns/v1",
        "https://campaigns.example.com",
        "https://tools.example.com/campaigns-hub",
        "http://localhost",
        "http://LOCALHOST:8000/v1",
        "http://127.0.0.1",
        "http://127.0.0.2:1",
        "http://127.255.0.9/",
        "http://[::1]:9/hub-api/",
        "https://10.0.0.1:8443",
        "HTTPS://API.KATAVEN.AI/v1",
    ],
)
def test_http_to_this_machine_and_https_to_any_host_are_accepted(
    caller: Blocking, base: str
) -> None:
    caller.client(base)


@table(
    "option, value, error",
    [
        ("api_key", b"sk_live_acme_1", TypeError),
        ("api_key", 7, TypeError),
        ("account_id", 7, TypeError),
        ("base_url", 7, TypeError),
        ("base_url", b"https://api.kataven.ai/v1", TypeError),
        ("timeout", "30", TypeError),
        ("timeout", True, TypeError),
        ("timeout", 0, ValueError),
        ("timeout", -1, ValueError),
        ("timeout", float("nan"), ValueError),
        ("timeout", float("inf"), ValueError),
        ("timeout", kataven.Timeout(read=0), ValueError),
        ("timeout", kataven.Timeout(connect=None), TypeError),  # type: ignore[arg-type]
        ("max_retries", -1, ValueError),
        ("max_retries", 1.5, TypeError),
        ("max_retries", True, TypeError),
        ("max_retries", None, TypeError),
        ("max_retry_wait", -0.1, ValueError),
        ("max_retry_wait", "60", TypeError),
        ("deadline", 0, ValueError),
        ("deadline", -5, ValueError),
        ("deadline", float("nan"), ValueError),
        ("deadline", "5", TypeError),
    ],
)
def test_an_option_of_a_wrong_type_or_out_of_bounds_is_refused(
    caller: Blocking, option: str, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=option if option != "base_url" else "base_url|URL"):
        caller.client_class(**{"api_key": KEY, option: value})
    if option not in {"api_key", "account_id", "base_url"}:
        with pytest.raises(error, match=option):
            caller.client().with_options(**{option: value})


def test_options_after_the_key_are_keyword_only(caller: Blocking) -> None:
    with pytest.raises(TypeError):
        caller.client_class(KEY, "acme")
