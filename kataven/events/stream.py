"""The items of an event stream, as an iterator, blocking and awaited.

Knows what a stream offers in addition to its items. When it is opened and reopened is the
flow's decision; how it runs and ends is the HTTP layer's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven import _validate
from kataven._flow.stream import StreamSettings
from kataven._http.async_iterator import AsyncFlowIterator
from kataven._http.iterator import FlowIterator
from kataven.events.items import EventItem

if TYPE_CHECKING:
    from kataven._flow.effects import Flow
    from kataven._flow.stream import StreamState
    from kataven._http.async_driver import AsyncDriver
    from kataven._http.driver import Driver


def stream_settings(
    reconnect: bool,  # noqa: FBT001 - checked here for both clients, passed on by position
    max_reconnects: int,
    idle_timeout: float,
    total_timeout: float | None,
) -> StreamSettings:
    """Check how a stream is to reconnect.

    Raises:
        TypeError, ValueError: If an option has the wrong type or is out of range.
    """
    return StreamSettings(
        bool(reconnect),
        _validate.count("max_reconnects", max_reconnects),
        _validate.seconds("idle_timeout", idle_timeout),
        _validate.optional_seconds("total_timeout", total_timeout),
    )


class EventStream(FlowIterator[EventItem]):
    """The items of a campaign's event stream, as an iterator; what ``stream_events`` returns.

    Lazy: the request is sent when the first item is requested. Use it as a context manager, or
    close it; dropping it closes it too. It may be closed from another thread while this one waits
    for an item (on Windows the waiting thread may notice only at the next byte).
    """

    def __init__(self, driver: Driver, flow: Flow[None], state: StreamState) -> None:
        super().__init__(driver, flow)
        self._stream = state

    @property
    def last_event_id(self) -> str:
        """The id of the last frame that had one; ``""`` until then."""
        return self._stream.decoder.last_event_id

    @property
    def reconnects(self) -> int:
        """The number of attempts to open the stream after the first, failed ones included."""
        return self._stream.reconnects


class AsyncEventStream(AsyncFlowIterator[EventItem]):
    """The items of a campaign's event stream, as an async iterator; what ``stream_events`` returns.

    Lazy: the request is sent when the first item is requested. Use it as an async context manager,
    or close it with ``aclose()``; dropping it ends the connection too. A cancelled wait for an item
    ends the connection, not the iteration: the next request for an item reopens the stream.
    """

    def __init__(self, driver: AsyncDriver, flow: Flow[None], state: StreamState) -> None:
        super().__init__(driver, flow)
        self._stream = state

    @property
    def last_event_id(self) -> str:
        """The id of the last frame that had one; ``""`` until then."""
        return self._stream.decoder.last_event_id

    @property
    def reconnects(self) -> int:
        """The number of attempts to open the stream after the first, failed ones included."""
        return self._stream.reconnects
