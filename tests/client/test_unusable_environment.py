"""Unusable certificates and proxies of the environment are named before anything is sent."""

from __future__ import annotations

import asyncio
import sys

import pytest

from kataven import AsyncKatavenClient, ConfigurationError, KatavenClient


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "foo://user:hush@proxy"),
        ("HTTPS_PROXY", "http://user:hush@proxy:notaport"),
        ("HTTPS_PROXY", "socks5://user:hush@proxy:1"),
        ("SSL_CERT_FILE", "/nowhere/hush.pem"),
    ],
)
def test_an_unusable_environment_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    # As where the package for SOCKS proxies is not installed.
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(variable, value)
    options = {"api_key": "sk_live_acme_0123456789", "base_url": "https://kataven.invalid"}

    async def awaited() -> None:
        async with AsyncKatavenClient(**options) as client:
            await client.campaigns.start("c1")

    with KatavenClient(**options) as client:
        with pytest.raises(ConfigurationError, match=variable) as blocking:
            client.campaigns.start("c1")
    with pytest.raises(ConfigurationError, match=variable):
        asyncio.run(awaited())
    assert "user:hush" not in str(blocking.value)
