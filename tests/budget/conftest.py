"""A Hub that counts, a clock that tests drive, and a Redis where there is one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Test folders are no packages; what several files of this one share lies beside them.
sys.path.insert(0, str(Path(__file__).parent))

from budget_callers import Awaited, Blocking
from budget_world import CountingHub, VirtualClock, redis_server

_VARIABLES = ("KATAVEN_API_KEY", "KATAVEN_ACCOUNT_ID", "KATAVEN_BASE_URL", "KATAVEN_LOG")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_VARIABLES, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def hub() -> Iterator[CountingHub]:
    """A Hub that answers every request with a campaign."""
    with CountingHub() as hub:
        yield hub


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that moves only by being slept on."""
    return VirtualClock()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server that this module's tests have for themselves."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=[Blocking, Awaited], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Iterator[Blocking]:
    """One of the two clients."""
    caller: Blocking = request.param()
    yield caller
    caller.finish()
