"""The event streams of the Hub: which frame is due when.

Knows snapshots, heartbeats and ends. Must not know sockets, the wire format or faults. Documented:
a snapshot every 2 s while running, a heartbeat every 15 s, and an end marker at a terminal status.
Assumed: a snapshot when the stream opens and at each change of status; on a fast clock, frames that
are due together are merged into the newest; on a manual clock, each advance sends one snapshot to
the streams of a running campaign.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from enum import Enum
from typing import Final, TypeAlias

from kataven.sandbox.model import states
from kataven.sandbox.model.campaign import Campaign, Snapshot
from kataven.sandbox.model.clock import NANOSECONDS

SNAPSHOT_EVERY: Final = 2 * NANOSECONDS
HEARTBEAT_EVERY: Final = 15 * NANOSECONDS

# Real seconds. Only a client that does not read makes sending take longer.
_LONGEST_SENDING: Final = 10.0
_LONGEST_READING: Final = 0.1
# A client that does not read must not fill the memory while a test advances the clock.
_MAX_WAITING: Final = 10_000


class Mark(Enum):
    """A frame without data."""

    HEARTBEAT = "heartbeat"
    END = "end"


Frame: TypeAlias = Snapshot | Mark


class Feed:
    """The frames that one open stream still has to send.

    Args:
        campaign: The campaign that it follows.
        now: When it was opened.
        gone: Set when the client has disconnected.
    """

    def __init__(self, campaign: Campaign, now: int, gone: asyncio.Event) -> None:
        self.campaign = campaign
        self.gone = gone
        self.frames: deque[Frame] = deque()
        self.ended = False
        self.closed = False
        # Set when no more frames will be sent: the stream was ended or broken.
        self.sent = asyncio.Event()
        self._changed = asyncio.Event()
        self._next_snapshot = now + SNAPSHOT_EVERY
        self._next_heartbeat = now + HEARTBEAT_EVERY
        self._snapshot(now)
        if campaign.terminal:
            self._end()

    def tick(self, now: int, *, advanced: bool = False) -> None:
        """Add the frames that are due.

        Args:
            now: The Hub's time.
            advanced: A manual clock was moved, so a running campaign sends a snapshot in any case.
        """
        if self.ended:
            return
        if self.campaign.status == states.RUNNING and (advanced or now >= self._next_snapshot):
            self._snapshot(now)
            self._next_snapshot = _next_due(self._next_snapshot, SNAPSHOT_EVERY, now)
        if now >= self._next_heartbeat:
            self._add(Mark.HEARTBEAT)
            self._next_heartbeat = _next_due(self._next_heartbeat, HEARTBEAT_EVERY, now)
        if advanced:
            self._changed.set()

    def status_changed(self, snapshot: Snapshot, now: int) -> None:
        """Add the snapshot of a new status, and the end if it is terminal."""
        if self.ended:
            return
        self._add(snapshot)
        self._next_snapshot = now + SNAPSHOT_EVERY
        if snapshot["status"] in states.TERMINAL:
            self._end()
        self._changed.set()

    def close(self) -> None:
        """Stop sending: the client disconnected, or the campaign was deleted."""
        self.closed = True
        self._changed.set()

    def next_time(self) -> int:
        """Return when the next frame is due."""
        if self.campaign.status == states.RUNNING:
            return min(self._next_snapshot, self._next_heartbeat)
        return self._next_heartbeat

    async def wait(self, seconds: float | None) -> bool:
        """Wait until frames were added or the feed was closed.

        Args:
            seconds: Maximum wait in real seconds, or None for no maximum.

        Returns:
            True if something changed, False if the time is over.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def _snapshot(self, now: int) -> None:
        self._add(self.campaign.snapshot(now))

    def _add(self, frame: Frame) -> None:
        if len(self.frames) >= _MAX_WAITING:
            self.frames.pop()
        self.frames.append(frame)

    def _end(self) -> None:
        self.frames.append(Mark.END)
        self.ended = True


class Feeds:
    """All open streams of a Hub."""

    def __init__(self) -> None:
        self._open: dict[Campaign, set[Feed]] = {}

    def open(self, campaign: Campaign, now: int, gone: asyncio.Event) -> Feed:
        """Open a stream of a campaign.

        Args:
            campaign: The campaign.
            now: The Hub's time.
            gone: Set when the client has disconnected.
        """
        feed = Feed(campaign, now, gone)
        self._open.setdefault(campaign, set()).add(feed)
        return feed

    def remove(self, feed: Feed) -> None:
        """Remove a stream that has ended."""
        feed.sent.set()
        feeds = self._open[feed.campaign]
        feeds.discard(feed)
        if not feeds:
            del self._open[feed.campaign]

    def status_changed(self, campaign: Campaign, snapshot: Snapshot, now: int) -> None:
        """Notify the streams of a campaign whose status changed.

        Args:
            campaign: The campaign.
            snapshot: Its state just after the change.
            now: When it changed.
        """
        for feed in self._open.get(campaign, ()):
            feed.status_changed(snapshot, now)

    def deleted(self, campaign: Campaign) -> None:
        """Close the streams of a deleted campaign, without an end marker."""
        for feed in self._open.get(campaign, ()):
            feed.close()

    async def received(self, campaign: Campaign) -> None:
        """Wait until the streams of a finished campaign have sent their end.

        A client that reads its stream closes the connection then, which is waited for as well, but
        not for long: a client may keep the connection, or read later.
        """
        feeds = list(self._open.get(campaign, ()))
        for events, seconds in (
            ([feed.sent for feed in feeds], _LONGEST_SENDING),
            ([feed.gone for feed in feeds], _LONGEST_READING),
        ):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    for event in events:
                        await event.wait()

    def advanced(self, now: int) -> None:
        """Notify every stream that a manual clock was moved."""
        for feeds in self._open.values():
            for feed in feeds:
                feed.tick(now, advanced=True)


def _next_due(due: int, every: int, now: int) -> int:
    """Return the first time after now in the rhythm of a time that was due."""
    return due + max(0, (now - due) // every + 1) * every
