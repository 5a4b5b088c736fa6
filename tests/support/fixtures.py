"""The fixtures that the test folders share; a folder's conftest imports those it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.clients import Awaited, Blocking, DrivenClock
from tests.support.server import LoopbackHub

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = (
    "KATAVEN_API_KEY",
    "KATAVEN_ACCOUNT_ID",
    "KATAVEN_BASE_URL",
    "KATAVEN_LOG",
    "KATAVEN_PROFILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove every variable that the SDK reads."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A scripted Hub; it responds ``{"id": "c1"}`` until a test scripts it."""
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def clock() -> DrivenClock:
    """A clock whose sleeps take no time."""
    return DrivenClock()


@pytest.fixture(params=[Blocking, Awaited], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Iterator[Blocking]:
    """Each of the two clients in turn."""
    caller: Blocking = request.param()
    yield caller
    caller.finish()


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    """The blocking client, for what only it can do."""
    caller = Blocking()
    yield caller
    caller.finish()


@pytest.fixture
def awaited() -> Iterator[Awaited]:
    """The async client, for what only it can do."""
    caller = Awaited()
    yield caller
    caller.finish()
