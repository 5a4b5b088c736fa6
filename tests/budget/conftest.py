"""Fixtures of the rate limiter's tests, with a Redis where one is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fixtures import awaited, bare_environment, blocking, caller, clock, hub
from tests.support.measure import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["awaited", "bare_environment", "blocking", "caller", "clock", "hub", "redis_url"]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server for one test module."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url
