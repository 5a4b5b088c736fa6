"""Both clients, a scripted Hub and a driven clock, for every test of the client."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Test folders are no packages; what several files of this one share lies beside them.
sys.path.insert(0, str(Path(__file__).parent))

from callers import Awaited, Blocking, DrivenClock
from loopback_hub import LoopbackHub

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = (
    "KATAVEN_API_KEY",
    "KATAVEN_ACCOUNT_ID",
    "KATAVEN_BASE_URL",
    "KATAVEN_LOG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A Hub that answers ``{"id": "c1"}`` unless it is told otherwise."""
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def clock() -> DrivenClock:
    """A clock whose sleeps take no time."""
    return DrivenClock()


@pytest.fixture(params=[Blocking, Awaited], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Iterator[Blocking]:
    """One of the two clients."""
    caller: Blocking = request.param()
    yield caller
    caller.finish()


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    """The blocking client, where only that can be meant."""
    caller = Blocking()
    yield caller
    caller.finish()


@pytest.fixture
def awaited() -> Iterator[Awaited]:
    """The async client, where only that can be meant."""
    caller = Awaited()
    yield caller
    caller.finish()
