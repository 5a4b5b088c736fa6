"""One event stream on the wire, with the faults that a stream can have.

Knows how frames are sent and how a stream breaks. Must not know which frame is due (feeds).
"""

import asyncio
from typing import Final

from kataven.sandbox.answers import Receive, Reply
from kataven.sandbox.campaign import Campaign
from kataven.sandbox.engine import Engine
from kataven.sandbox.faults import Fault
from kataven.sandbox.feeds import END, Feed, Feeds, Frame, encode

# Snapshots closer together than this are merged.
_LEAST_WAIT: Final = 0.010
_MOST_WAIT: Final = 3600.0


async def serve_stream(
    engine: Engine,
    feeds: Feeds,
    campaign: Campaign,
    receive: Receive,
    reply: Reply,
    fault: Fault | None,
) -> None:
    """Send the events of a campaign until it ends, its client leaves or a fault breaks it.

    Args:
        engine: The Hub.
        feeds: Its open streams.
        campaign: The campaign.
        receive: Tells when the client leaves.
        reply: The reply to the request.
        fault: The scripted fault of this stream, or None.
    """
    feed = feeds.open(campaign, engine.catch_up())
    watcher = asyncio.create_task(_watch(receive, feed))
    try:
        if fault is not None and fault.reset == "after":
            await reply.connection.reset()
            return
        await reply.head(200, "text/event-stream", None, {"Cache-Control": "no-cache"})
        await _send_frames(engine, feed, reply, fault)
    finally:
        feeds.close(feed)
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


async def _watch(receive: Receive, feed: Feed) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    feed.leave()


async def _send_frames(engine: Engine, feed: Feed, reply: Reply, fault: Fault | None) -> None:
    sent = 0
    time = engine.time
    while not feed.gone:
        while feed.frames and not feed.gone:
            if fault is not None and await _broken(feed, reply, fault, sent):
                return
            await _send_frame(feed.frames.popleft(), reply, fault)
            sent += 1
        if fault is not None and await _broken(feed, reply, fault, sent):
            return
        if feed.ended and not feed.frames:
            break
        wait = time.machine_seconds(feed.next_time() - time.now())
        # The stream's own frames come after a wait only: never two snapshots within 10 ms.
        if not await feed.wait(max(_LEAST_WAIT, wait) if wait < _MOST_WAIT else None):
            feed.tick(engine.catch_up())
    await reply.piece(b"", last=True)


async def _broken(feed: Feed, reply: Reply, fault: Fault, sent: int) -> bool:
    """Break a stream if it is time to; tell whether it was."""
    if fault.cut_after == sent:
        await reply.connection.reset()
        return True
    if fault.silent_after == sent:
        while not feed.gone:
            await feed.wait(None)
        return True
    if fault.reset == "middle" and feed.frames:
        half = encode(feed.frames[0])
        await reply.piece(half[: len(half) // 2], last=False)
        await reply.connection.reset()
        return True
    return False


async def _send_frame(frame: Frame, reply: Reply, fault: Fault | None) -> None:
    if fault is None:
        await reply.piece(encode(frame), last=False)
        return
    if frame == END and fault.no_end:
        return
    bent = fault.bend(frame)
    data = encode(bent if isinstance(bent, dict) else frame)
    if fault.malformed and isinstance(frame, dict):
        data = data[: len(data) // 2] + b"\n\n"
    if not fault.trickle:
        await reply.piece(data, last=False)
        return
    for at in range(len(data)):
        await reply.piece(data[at : at + 1], last=False)
        await asyncio.sleep(0)
