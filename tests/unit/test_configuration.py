"""The rules of settings: URL, account names, tokens; nothing is opened."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kataven import ConfigurationError
from kataven.config import credential_headers, read_account_id, read_api_key, read_base_url
from tests.support.tables import table


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KATAVEN_API_KEY", "KATAVEN_ACCOUNT_ID", "KATAVEN_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@table(
    "given, url",
    [
        (None, "https://api.kataven.ai/v1"),
        ("https://api.kataven.ai/v1", "https://api.kataven.ai/v1"),
        ("https://api.kataven.ai/v1/", "https://api.kataven.ai/v1"),
        ("https://api.kataven.ai/v1////", "https://api.kataven.ai/v1"),
        ("https://api.kataven.ai", "https://api.kataven.ai/api/v1"),
        ("https://api.kataven.ai/", "https://api.kataven.ai/api/v1"),
        ("https://hub.kataven.ai/hub-api/", "https://hub.kataven.ai/hub-api/api/v1"),
        ("https://hub.kataven.ai/hub-api/api/v1", "https://hub.kataven.ai/hub-api/api/v1"),
        ("https://hub.kataven.ai/api", "https://hub.kataven.ai/api/api/v1"),
        ("https://hub.kataven.ai/v1/hub", "https://hub.kataven.ai/v1/hub/api/v1"),
        ("https://hub.kataven.ai/notv1", "https://hub.kataven.ai/notv1/api/v1"),
        ("https://hub.kataven.ai/v10", "https://hub.kataven.ai/v10/api/v1"),
        ("https://hub.kataven.ai:8443/v1", "https://hub.kataven.ai:8443/v1"),
        ("HTTPS://Hub.Kataven.AI/v1", "https://hub.kataven.ai/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/api/v1"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1"),
        ("http://localhost", "http://localhost/api/v1"),
    ],
)
def test_the_url_rule(given: str | None, url: str) -> None:
    assert read_base_url(given).url == url


@table(
    "given, loopback",
    [
        ("http://127.0.0.1", True),
        ("http://127.9.9.9", True),
        ("http://localhost", True),
        ("https://localhost", True),
        ("https://[::1]", True),
        ("https://api.kataven.ai", False),
        ("https://192.168.1.1", False),
        ("https://127.0.0.1.example.com", False),
        ("https://mylocalhost", False),
    ],
)
def test_loopback_is_this_machine_only(given: str, loopback: bool) -> None:
    assert read_base_url(given).loopback is loopback


segments = st.text("abcv1-_.~%20", min_size=1, max_size=6).filter(lambda s: s not in {".", ".."})


@given(st.lists(segments, max_size=4), st.integers(0, 3))
def test_a_base_is_extended_once_and_only_if_its_last_segment_is_not_v1(
    path: list[str], slashes: int
) -> None:
    given_ = "https://h/" + "/".join(path) + "/" * slashes
    url = read_base_url(given_).url
    expected = "https://h" + "".join(f"/{segment}" for segment in path)
    assert url == (expected if path and path[-1] == "v1" else expected + "/api/v1")
    assert read_base_url(url).url == url


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=30))
def test_any_text_is_a_usable_url_or_a_configuration_error(tail: str) -> None:
    import httpx

    for text in (tail, "https://" + tail, "https://host/" + tail, "http://127.0.0.1:" + tail):
        try:
            base = read_base_url(text)
        except ConfigurationError:
            continue
        url = httpx.URL(base.url + "/campaigns")
        assert url.path.endswith("/v1/campaigns")
        assert not url.query
        assert not url.fragment
        assert not url.userinfo
        assert url.scheme == "https" or base.loopback


hosts = st.from_regex(r"[0-9a-z.\-_\[\]:%]{1,20}", fullmatch=True)


@given(hosts)
def test_any_host_is_usable_or_a_configuration_error(host: str) -> None:
    import httpx

    try:
        base = read_base_url(f"https://{host}/v1")
    except ConfigurationError:
        return
    url = httpx.URL(base.url)
    assert url.path == "/v1"


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True))
def test_an_account_name_by_the_documented_rule_is_accepted(name: str) -> None:
    assert read_account_id(name) == name


@given(st.text(max_size=70))
def test_any_other_account_name_is_refused(name: str) -> None:
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        return
    with pytest.raises(ConfigurationError):
        read_account_id(name)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=50))
def test_a_token_of_visible_ascii_is_sent_as_it_is(token: str) -> None:
    assume(not re.search(r"[<>{}$'\"`%*\[]|\.\.\.|x{3,}$|^[a-z_-]+$", token, re.IGNORECASE))
    headers = dict(credential_headers(token, "acme"))
    assert headers[b"authorization"] == b"Bearer " + token.encode()
    assert (b"x-account-id" in headers) is token.startswith("eyJ")


@given(st.text(max_size=20))
def test_any_other_token_is_refused_and_not_shown(token: str) -> None:
    if re.fullmatch(r"[\x21-\x7e]+", token):
        return
    with pytest.raises(ConfigurationError) as caught:
        credential_headers("secret" + token if token else token, None)
    assert not token or "secret" + token not in str(caught.value)


def test_an_argument_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATAVEN_API_KEY", "from-environment")
    monkeypatch.setenv("KATAVEN_ACCOUNT_ID", "from-environment")
    monkeypatch.setenv("KATAVEN_BASE_URL", "https://from-environment")
    assert read_api_key("argument") == "argument"
    assert read_api_key(None) == "from-environment"
    assert read_account_id("argument") == "argument"
    assert read_account_id(None) == "from-environment"
    assert read_base_url("https://argument").url == "https://argument/api/v1"
    assert read_base_url(None).url == "https://from-environment/api/v1"
    with pytest.raises(ConfigurationError):
        read_api_key("")
