"""Fixtures of the transport's tests: the shared ones, and callers that send through a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fixtures import bare_environment, hub
from tests.transport.sending import AwaitedSender, Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bare_environment", "hub"]


@pytest.fixture(params=[Sender, AwaitedSender], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Iterator[Sender]:
    """Each of the two transports in turn."""
    caller: Sender = request.param()
    yield caller
    caller.finish()


@pytest.fixture
def blocking() -> Iterator[Sender]:
    """The blocking transport, for what only it can do."""
    caller = Sender()
    yield caller
    caller.finish()
