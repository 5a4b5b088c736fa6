"""The items of an event stream, as an iterator, blocking and awaited.

Knows what a reader may ask of a stream beside its items. How it is opened, read and healed is the
feed's, how it is run and ended the iteration's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kataven._core.iteration import AsyncFlowIterator, FlowIterator
from kataven.events.marks import EventItem
from kataven.events.ports import AsyncPort, BlockingPort

if TYPE_CHECKING:
    from kataven._core.operation import Flow
    from kataven._core.senders import AsyncDriver, BlockingDriver
    from kataven.events.feed import StreamState


class EventStream(FlowIterator[EventItem]):
    """The items of a campaign's event stream, as an iterator.

    Lazy: the request goes out when the first item is asked for. Use it as a context manager, or
    close it; dropping it closes it too. It may be closed from another thread while this one waits
    for an item (on Windows the waiting one may notice only at the next byte).
    """

    def __init__(self, driver: BlockingDriver, flow: Flow[Any], state: StreamState) -> None:
        super().__init__(driver, flow, BlockingPort(driver))
        self._state = state

    @property
    def last_event_id(self) -> str:
        """The id of the last frame that had one; ``""`` until one was seen."""
        return self._state.decoder.last_event_id

    @property
    def reconnects(self) -> int:
        """How often the stream was opened again."""
        return self._state.reconnects


class AsyncEventStream(AsyncFlowIterator[EventItem]):
    """The items of a campaign's event stream, as an async iterator.

    Lazy: the request goes out when the first item is asked for. Use it as an async context manager,
    or close it with ``aclose()``; dropping it ends the connection too. A cancelled wait for an item
    ends the connection, not the iteration: the next item opens the stream anew.
    """

    def __init__(self, driver: AsyncDriver, flow: Flow[Any], state: StreamState) -> None:
        super().__init__(driver, flow, AsyncPort(driver))
        self._state = state

    @property
    def last_event_id(self) -> str:
        """The id of the last frame that had one; ``""`` until one was seen."""
        return self._state.decoder.last_event_id

    @property
    def reconnects(self) -> int:
        """How often the stream was opened again."""
        return self._state.reconnects
