"""Fixtures of the tests of pages, exports and creates whose response was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fixtures import awaited, bare_environment, blocking, caller
from tests.support.paged import PagedHub

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["awaited", "bare_environment", "blocking", "caller", "hub"]


@pytest.fixture
def hub() -> Iterator[PagedHub]:
    """A Hub of one campaign whose contacts a test may set."""
    with PagedHub() as hub:
        yield hub
