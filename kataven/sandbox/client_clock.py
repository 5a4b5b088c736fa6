"""The Hub's clock, as a client of the SDK takes it for its argument ``clock``.

Knows the three methods that a client calls. Must not know why a client waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven.sandbox.model.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from kataven.sandbox.hub import HubThread


class _HubClock:
    """What the clocks of both clients share.

    Args:
        running: Returns the running Hub.
    """

    def __init__(self, running: Callable[[], HubThread]) -> None:
        self._running = running

    def now(self) -> float:
        """Return the Hub's time in seconds since the epoch."""
        return self._running().now() / NANOSECONDS

    def jitter(self) -> float:
        """Return 0.5, so that every run waits for the same time; 0 would make a backoff of 0 s."""
        return 0.5


class ClientClock(_HubClock):
    """The Hub's clock for a blocking client. ``Sandbox.client_clock`` makes it."""

    def sleep(self, seconds: float, /) -> None:
        """Wait for some seconds of Hub time; a manual clock is moved to their end."""
        hub = self._running()
        begin = hub.now()
        hub.run(lambda running: running.sleepers.sleep(begin, seconds))


class AsyncClientClock(_HubClock):
    """The Hub's clock for an async client. ``Sandbox.async_client_clock`` makes it."""

    def sleep(self, seconds: float, /) -> Coroutine[object, object, None]:
        """Wait for some seconds of Hub time; a manual clock is moved to their end."""
        hub = self._running()
        begin = hub.now()
        return hub.run_async(lambda running: running.sleepers.sleep(begin, seconds))
