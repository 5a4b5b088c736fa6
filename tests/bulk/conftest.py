"""Fixtures for the tests of bulk lists."""

from hypothesis import settings

from tests.support.fixtures import bare_environment

__all__ = ["bare_environment"]

settings.register_profile("bulk", deadline=None, max_examples=40)
settings.load_profile("bulk")
