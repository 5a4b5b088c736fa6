"""Fixtures of the tests of streams: the Hub reads the clock that the tests drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.clients import DrivenClock
from tests.support.fixtures import awaited, bare_environment, blocking, caller
from tests.support.http import response
from tests.support.server import LoopbackHub, hang_up

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["awaited", "bare_environment", "blocking", "caller", "clock", "hub"]


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A scripted Hub; it responds 404 to what a test does not script."""
    with LoopbackHub(always=(response(404, "not scripted"), hang_up)) as hub:
        yield hub


@pytest.fixture
def clock(hub: LoopbackHub) -> DrivenClock:
    """A clock whose sleeps take no time and that adds no jitter; the Hub reads it too."""
    clock = DrivenClock(jitter=0.0)
    hub.time = clock.now
    return clock
