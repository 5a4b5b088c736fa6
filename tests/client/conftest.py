"""Fixtures of the client's tests."""

from tests.support.fixtures import awaited, bare_environment, blocking, caller, clock, hub

__all__ = ["awaited", "bare_environment", "blocking", "caller", "clock", "hub"]
