"""Fixtures for the tests of contact lists."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.fixtures import bare_environment, clock, hub

__all__ = ["bare_environment", "clock", "exports", "hub", "pipe"]

settings.register_profile("contacts", max_examples=60)
settings.load_profile("contacts")

DATA = Path(__file__).parent.parent / "data" / "exports"


@pytest.fixture
def exports() -> Path:
    """Return the folder of lists as programs export them."""
    return DATA


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return a pipe: (reading end, writing end)."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue
