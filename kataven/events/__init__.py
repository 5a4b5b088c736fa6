"""Live events of a campaign: what is yielded, and how it is read.

1. ``is_end`` and ``is_heartbeat`` tell a stream's items apart; they cost no import of httpx.
2. ``EventStream`` and ``AsyncEventStream`` do, and so are loaded when first asked for.
3. The layers below know less: ``decoder`` turns bytes into items and knows nothing of connections.
"""

from typing import TYPE_CHECKING

from kataven.events.marks import is_end, is_heartbeat

if TYPE_CHECKING:
    from kataven.events.streams import AsyncEventStream, EventStream

__all__ = ["AsyncEventStream", "EventStream", "is_end", "is_heartbeat"]

_STREAMS = frozenset({"AsyncEventStream", "EventStream"})


def __getattr__(name: str) -> object:
    if name not in _STREAMS:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from kataven.events import streams  # noqa: PLC0415 - loads httpx, which readers of items skip

    value: object = getattr(streams, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
