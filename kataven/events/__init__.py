"""Live events of a campaign: what a stream yields, and how it is read.

1. ``is_end`` and ``is_heartbeat`` distinguish a stream's items. They load no HTTP library.
2. ``EventStream`` and ``AsyncEventStream`` need one, so they are loaded when they are first used.
3. ``decoder`` turns bytes into items and knows nothing of connections.
"""

from typing import TYPE_CHECKING

from kataven.events.items import is_end, is_heartbeat

if TYPE_CHECKING:
    from kataven.events.stream import AsyncEventStream, EventStream

__all__ = ["AsyncEventStream", "EventStream", "is_end", "is_heartbeat"]

_STREAMS = frozenset({"AsyncEventStream", "EventStream"})


def __getattr__(name: str) -> object:
    if name not in _STREAMS:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from kataven.events import stream  # noqa: PLC0415 - loads the HTTP layer

    value: object = getattr(stream, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
