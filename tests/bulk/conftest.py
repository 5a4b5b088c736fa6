"""Fixtures of the tests of plans and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fixtures import bare_environment
from tests.support.measure import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bare_environment", "durable_redis"]


@pytest.fixture(scope="module")
def durable_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server that writes to disk before it confirms."""
    with redis_server(tmp_path_factory.mktemp("redis"), durable=True) as url:
        yield url
