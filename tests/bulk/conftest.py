"""Fixtures for the tests of bulk lists."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.fixtures import bare_environment
from tests.support.measure import redis_server

__all__ = ["bare_environment", "durable_redis"]

settings.register_profile("bulk", deadline=None, max_examples=40)
settings.load_profile("bulk")


@pytest.fixture(scope="module")
def durable_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server that writes to disk before it confirms."""
    with redis_server(tmp_path_factory.mktemp("redis"), durable=True) as url:
        yield url
