"""A scripted Hub, both clients and a driven clock, for every test of streams."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Test folders are no packages; what several files of this one share lies beside them.
sys.path.insert(0, str(Path(__file__).parent))

from sides import Awaited, Blocking, DrivenClock
from stream_hub import StreamHub

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = ("KATAVEN_API_KEY", "KATAVEN_ACCOUNT_ID", "KATAVEN_BASE_URL", "KATAVEN_LOG")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[StreamHub]:
    """A Hub whose streams do what a test says."""
    with StreamHub() as hub:
        yield hub


@pytest.fixture
def clock(hub: StreamHub) -> DrivenClock:
    """A clock whose sleeps take no time; the Hub reads it too."""
    clock = DrivenClock()
    hub.time = clock.now
    return clock


@pytest.fixture(params=[Blocking, Awaited], ids=["sync", "async"])
def side(request: pytest.FixtureRequest, hub: StreamHub) -> Iterator[Any]:
    """One of the two clients."""
    side = request.param()
    yield side
    side.finish()


@pytest.fixture
def blocking(hub: StreamHub) -> Iterator[Blocking]:
    """The blocking client, where only that can be meant."""
    side = Blocking()
    yield side
    side.finish()


@pytest.fixture
def awaited(hub: StreamHub) -> Iterator[Awaited]:
    """The async client, where only that can be meant."""
    side = Awaited()
    yield side
    side.finish()
