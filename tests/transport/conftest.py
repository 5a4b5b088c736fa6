"""Both transports and a scripted server, for every test of the transport."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Test folders are not packages; the scripted server is next door.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "client"))

from loopback_hub import LoopbackHub
from sending import AsyncSide, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A server that responds ``{"id": "c1"}`` unless a test says otherwise."""
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture(params=[Side, AsyncSide], ids=["sync", "async"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """One of the two transports."""
    side: Side = request.param()
    yield side
    side.finish()


@pytest.fixture
def blocking() -> Iterator[Side]:
    """The blocking transport."""
    side = Side()
    yield side
    side.finish()
