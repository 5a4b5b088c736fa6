"""One event stream on the wire, with the faults that a stream can have.

Knows how frames are sent and how a stream breaks. Must not know which frame is due (model/feeds).
Documented: ``text/event-stream``, ``data: {snapshot}``, ``: heartbeat`` and ``event: end``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kataven.sandbox.http.responses import JsonObject, Receive, ResponseWriter, encode_json
from kataven.sandbox.model.feeds import Feed, Feeds, Frame, Mark

if TYPE_CHECKING:
    from kataven.sandbox.http.faults import Fault
    from kataven.sandbox.model.campaign import Campaign
    from kataven.sandbox.model.engine import Engine

_MARKS: Final = {Mark.HEARTBEAT: b": heartbeat\n\n", Mark.END: b"event: end\n\n"}
# Snapshots closer together than this are merged, in real seconds.
_SHORTEST_WAIT: Final = 0.010
_LONGEST_WAIT: Final = 3600.0


async def serve_stream(
    engine: Engine,
    feeds: Feeds,
    campaign: Campaign,
    receive: Receive,
    writer: ResponseWriter,
    fault: Fault | None,
) -> None:
    """Send the events of a campaign until it ends, the client disconnects or a fault breaks it.

    Args:
        engine: The Hub.
        feeds: Its open streams.
        campaign: The campaign.
        receive: The request's ASGI receive, which reports that the client disconnected.
        writer: The writer of the response.
        fault: The scripted fault of this stream, or None.
    """
    feed = feeds.open(campaign, engine.catch_up(), writer.connection.closed)
    watcher = asyncio.create_task(_close_on_disconnect(receive, feed))
    try:
        if fault is not None and fault.reset == "after":
            await writer.connection.reset()
            return
        await writer.send_head(200, "text/event-stream", None, {"Cache-Control": "no-cache"})
        await _send_frames(engine, feed, writer, fault)
    finally:
        feeds.remove(feed)
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


def encode(frame: Frame) -> bytes:
    """Return a frame as it goes over the wire, with the blank line after it."""
    if isinstance(frame, Mark):
        return _MARKS[frame]
    return _encode_data(frame)


def _encode_data(value: JsonObject) -> bytes:
    return b"data: " + encode_json(value) + b"\n\n"


async def _close_on_disconnect(receive: Receive, feed: Feed) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    feed.close()


async def _send_frames(
    engine: Engine, feed: Feed, writer: ResponseWriter, fault: Fault | None
) -> None:
    sent = 0
    time = engine.time
    while not feed.closed:
        while feed.frames and not feed.closed:
            if fault is not None and await _break_stream(feed, writer, fault, sent):
                return
            await _send_frame(feed.frames.popleft(), writer, fault)
            sent += 1
        if fault is not None and await _break_stream(feed, writer, fault, sent):
            return
        if feed.ended and not feed.frames:
            break
        wait = time.real_seconds(feed.next_time() - time.now())
        # Frames become due only after a wait, so two snapshots are never closer than 10 ms.
        if not await feed.wait(max(_SHORTEST_WAIT, wait) if wait < _LONGEST_WAIT else None):
            feed.tick(engine.catch_up())
    await writer.send_chunk(b"", last=True)


async def _break_stream(feed: Feed, writer: ResponseWriter, fault: Fault, sent: int) -> bool:
    """Break a stream if its fault is due, and return whether it was."""
    if fault.cut_after == sent:
        await writer.connection.reset()
        return True
    if fault.silent_after == sent:
        feed.sent.set()
        while not feed.closed:
            await feed.wait(None)
        return True
    if fault.reset == "middle" and feed.frames:
        data = encode(feed.frames[0])
        await writer.send_chunk(data[: len(data) // 2], last=False)
        await writer.connection.reset()
        return True
    return False


async def _send_frame(frame: Frame, writer: ResponseWriter, fault: Fault | None) -> None:
    if fault is None:
        await writer.send_chunk(encode(frame), last=False)
        return
    if frame is Mark.END and fault.no_end:
        return
    if isinstance(frame, Mark):
        data = encode(frame)
    else:
        data = _encode_data(fault.alter(frame))
        if fault.malformed:
            data = data[: len(data) // 2] + b"\n\n"
    if not fault.trickle:
        await writer.send_chunk(data, last=False)
        return
    for at in range(len(data)):
        await writer.send_chunk(data[at : at + 1], last=False)
        await asyncio.sleep(0)
