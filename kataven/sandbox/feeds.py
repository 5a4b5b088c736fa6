"""The event streams: which frame is due when.

Knows snapshots, heartbeats and ends. Must not know sockets or faults. Documented: a snapshot every
2 s while running, a comment `: heartbeat` every 15 s, `event: end` and a close at a terminal
status. Ours: a snapshot at once and at each change of status; on a fast clock what falls together
is merged into the newest; on a manual clock each advance gives a running campaign's stream one
snapshot.
"""

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from typing import Final

from kataven.sandbox import states
from kataven.sandbox.campaign import Campaign
from kataven.sandbox.clock import NANOSECONDS

SNAPSHOT_EVERY: Final = 2 * NANOSECONDS
HEARTBEAT_EVERY: Final = 15 * NANOSECONDS
HEARTBEAT: Final = ": heartbeat"
END: Final = "event: end"

# A reader that does not read must not fill the memory while a test advances the clock.
_MOST_WAITING: Final = 10_000

Frame = dict[str, object] | str


class Feed:
    """What one open stream has still to send.

    Args:
        campaign: The campaign that it follows.
        now: When it was opened.
    """

    def __init__(self, campaign: Campaign, now: int) -> None:
        self.campaign = campaign
        self.frames: deque[Frame] = deque()
        self.ended = False
        self.gone = False
        self._news = asyncio.Event()
        self._next_snapshot = now + SNAPSHOT_EVERY
        self._next_heartbeat = now + HEARTBEAT_EVERY
        self._snapshot(now)
        if campaign.terminal:
            self._end()

    def tick(self, now: int, *, advanced: bool = False) -> None:
        """Add the frames that are due.

        Args:
            now: The Hub's time.
            advanced: A manual clock was moved: a running campaign sends a snapshot in any case.
        """
        if self.ended:
            return
        if self.campaign.status == states.RUNNING and (advanced or now >= self._next_snapshot):
            self._snapshot(now)
            self._next_snapshot = _following(self._next_snapshot, SNAPSHOT_EVERY, now)
        if now >= self._next_heartbeat:
            self._add(HEARTBEAT)
            self._next_heartbeat = _following(self._next_heartbeat, HEARTBEAT_EVERY, now)
        if advanced:
            self._news.set()

    def status_changed(self, now: int) -> None:
        """Add the snapshot of a new status, and the end if it is terminal."""
        if self.ended:
            return
        self._snapshot(now)
        self._next_snapshot = now + SNAPSHOT_EVERY
        if self.campaign.terminal:
            self._end()
        self._news.set()

    def leave(self) -> None:
        """Stop the stream where it stands: its client is gone, or its campaign was deleted."""
        self.gone = True
        self._news.set()

    def next_time(self) -> int:
        """Return when the next frame is due."""
        if self.campaign.status == states.RUNNING:
            return min(self._next_snapshot, self._next_heartbeat)
        return self._next_heartbeat

    async def wait(self, seconds: float | None) -> bool:
        """Wait for news.

        Args:
            seconds: Seconds of the machine at most; None waits as long as it takes.

        Returns:
            Whether news came; False after the time.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def _snapshot(self, now: int) -> None:
        self._add(self.campaign.snapshot(now))

    def _add(self, frame: Frame) -> None:
        if len(self.frames) >= _MOST_WAITING:
            self.frames.pop()
        self.frames.append(frame)

    def _end(self) -> None:
        self.frames.append(END)
        self.ended = True


class Feeds:
    """All open streams of a Hub."""

    def __init__(self) -> None:
        self._open: dict[Campaign, set[Feed]] = {}

    def open(self, campaign: Campaign, now: int) -> Feed:
        """Begin a stream of a campaign."""
        feed = Feed(campaign, now)
        self._open.setdefault(campaign, set()).add(feed)
        return feed

    def close(self, feed: Feed) -> None:
        """Forget a stream."""
        feeds = self._open[feed.campaign]
        feeds.discard(feed)
        if not feeds:
            del self._open[feed.campaign]

    def status_changed(self, campaign: Campaign, now: int) -> None:
        """Tell the streams of a campaign that its status changed."""
        for feed in self._open.get(campaign, ()):
            feed.status_changed(now)

    def deleted(self, campaign: Campaign) -> None:
        """Close the streams of a campaign that is gone; they get no end marker."""
        for feed in self._open.get(campaign, ()):
            feed.leave()

    def advanced(self, now: int) -> None:
        """Tell every stream that a manual clock was moved."""
        for feed in self._all():
            feed.tick(now, advanced=True)

    def _all(self) -> Iterable[Feed]:
        return [feed for feeds in self._open.values() for feed in feeds]


def encode(frame: Frame) -> bytes:
    """Return a frame as it goes over the wire, with the blank line behind it."""
    if isinstance(frame, str):
        return f"{frame}\n\n".encode()
    return (
        b"data: " + json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )


def _following(due: int, every: int, now: int) -> int:
    return due + max(0, (now - due) // every + 1) * every
