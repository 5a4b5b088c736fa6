"""Refused values that may hold a secret are not shown, and are not pickled."""

from pathlib import Path
from typing import Any

import pytest

from kataven import AsyncKatavenClient, ConfigurationError, KatavenClient, RateLimits
from kataven._settings import _is_portable
from kataven.config import read_account_id, read_base_url
from tests.support.tables import table

KEY = "sk_live_acme_0123456789abcdef"
BOTH = pytest.mark.parametrize("client_class", [KatavenClient, AsyncKatavenClient])


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KATAVEN_ACCOUNT_ID", "KATAVEN_BASE_URL", "KATAVEN_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KATAVEN_API_KEY", KEY)
    # Whatever the name of a store means, no file appears beside the tests.
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("secret", ["eyJhbGciOi.HUSH.sig", "sk_live_Acme_HUSH"])
def test_a_key_in_place_of_the_account_is_not_shown(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"account_id \(or KATAVEN_ACCOUNT_ID\)") as caught:
        read_account_id(secret)
    assert "HUSH" not in str(caught.value)
    monkeypatch.setenv("KATAVEN_ACCOUNT_ID", secret)
    with pytest.raises(ConfigurationError, match="account_id") as caught:
        read_account_id(None)
    assert "HUSH" not in str(caught.value)


@table(
    "url",
    [
        "https://me:hush/x@api.kataven.ai/v1",
        "https://me:123/hush@api.kataven.ai/v1",
        "https://api.kataven.ai:hush/v1",
        "https://[hush/v1",
        "https://[hush]/v1",
    ],
)
def test_no_part_of_an_invalid_base_url_is_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base URL") as caught:
        read_base_url(url)
    assert "hush" not in str(caught.value)


@BOTH
@pytest.mark.parametrize(
    "url",
    [
        "redis://:hush/x@127.0.0.1:1/0",
        "redis://:1/hush@127.0.0.1:1/0",
        "redis://:1?hush@127.0.0.1:1/0",
        "REDIS://:hush#x@127.0.0.1:1/0",
        "redis://127.0.0.1:1/0?db=hush",
        "redis://127.0.0.1:1/0?hash=hush",
        "Redis://:hush@127.0.0.1:1/0",
    ],
)
def test_no_part_of_the_url_of_a_redis_is_shown(client_class: Any, url: str) -> None:
    with pytest.raises(ConfigurationError, match="Redis") as caught:
        client_class(rate_limits=RateLimits(per_minute=1, store=url))
    assert "hush" not in str(caught.value)
    assert "127.0.0.1:1/" not in str(caught.value)
    assert list(Path().iterdir()) == []


@table(
    "url",
    [
        "valkey://:hush@127.0.0.1/0",
        "redis+sentinel://:hush@h/0",
        "postgres://u:hush@h",
        "redis:/:hush@h/0",
        "file:///hush.db",
    ],
)
def test_a_url_of_another_kind_is_not_a_path_and_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)store|url") as caught:
        RateLimits(per_minute=1, store=url)
    assert "hush" not in str(caught.value)


def test_a_path_is_still_a_path() -> None:
    for path in ("budget.db", "/a/b@c?d.db", r"C:\budget.db", "C:/budget.db", "a:b.db"):
        assert RateLimits(store=path).store == path
        assert _is_portable(path)


def test_sqlites_memory_name_is_refused_and_ours_named() -> None:
    with pytest.raises(ValueError, match="'memory'"):
        RateLimits(store=":memory:")


@pytest.mark.parametrize(
    "store",
    [
        "redis://127.0.0.1/0?password=hush",
        "redis://:hush@127.0.0.1/0",
        "Redis://127.0.0.1?Password=hush",
        "unix:///run/redis.sock?password=hush",
    ],
)
def test_a_store_whose_url_may_hold_a_password_is_not_pickled(store: str) -> None:
    assert not _is_portable(store)


@BOTH
@pytest.mark.parametrize("name", ["on_request", "on_response", "on_retry", "on_wait"])
def test_a_hook_that_cannot_be_called_is_refused(client_class: Any, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        client_class(**{name: 5})


@BOTH
@pytest.mark.parametrize("tracing", ["no", 1, None])
def test_tracing_is_on_or_off(client_class: Any, tracing: Any) -> None:
    with pytest.raises(TypeError, match="tracing"):
        client_class(tracing=tracing)
