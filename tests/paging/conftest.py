"""A Hub that counts, both clients and a driven clock, as the tests of the budget have them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Test folders are no packages; what the budget's tests share serves here too.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "budget")]

from budget_callers import Awaited, Blocking  # noqa: E402
from paging_world import PagedHub  # noqa: E402

_VARIABLES = ("KATAVEN_API_KEY", "KATAVEN_ACCOUNT_ID", "KATAVEN_BASE_URL", "KATAVEN_LOG")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_VARIABLES, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def hub() -> Iterator[PagedHub]:
    """A Hub whose campaign has as many contacts as a test says."""
    with PagedHub() as hub:
        yield hub


@pytest.fixture(params=[Blocking, Awaited], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Iterator[Blocking]:
    """One of the two clients."""
    caller: Blocking = request.param()
    yield caller
    caller.finish()
