"""Follows many campaigns at once, and passes on how far they are. Starts and stops nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kataven import KatavenError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kataven import AsyncKatavenClient, CampaignProgress

logger = logging.getLogger("service")

# The Hub serves 20 requests of an account at once, and an open stream may be one of them. Further
# campaigns are followed when one of these has finished.
STREAMS = 10
RETRY_SECONDS = 30.0
# Proxies close a connection that is silent for about a minute.
KEEP_ALIVE_SECONDS = 15.0


class Following:
    """The latest progress of each campaign, read by one task for each. Needs an event loop."""

    def __init__(self, client: AsyncKatavenClient) -> None:
        self.latest: dict[str, CampaignProgress] = {}
        self._client = client
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._streams = asyncio.Semaphore(STREAMS)
        self._news = asyncio.Event()
        self._ended = False

    def follow(self, campaign_id: str) -> None:
        """Follow a campaign in the background, in any state, until it has finished."""
        if campaign_id not in self._tasks:
            self._tasks[campaign_id] = asyncio.create_task(self._follow(campaign_id))

    async def changes(self, campaign_id: str) -> AsyncIterator[CampaignProgress | None]:
        """Yield the latest progress, then each newer one, until the campaign has finished.

        None means that there is nothing new. A slow reader skips progress; nothing piles up.
        """
        seen: CampaignProgress | None = None
        while not self._ended:
            news = self._news
            progress = self.latest.get(campaign_id)
            if progress is not None and progress is not seen:
                seen = progress
                yield progress
                if progress.terminal:
                    return
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                    await news.wait()
            except TimeoutError:
                yield None

    def end_changes(self) -> None:
        """End every ``changes``, because the service shuts down."""
        self._ended = True
        self._tell()

    async def aclose(self) -> None:
        """Stop following. The campaigns go on: only the Hub, or ``stop``, ends a campaign."""
        self.end_changes()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _follow(self, campaign_id: str) -> None:
        while True:
            try:
                async with self._streams, self._client.campaigns.watch(campaign_id) as watched:
                    async for progress in watched:
                        self.latest[campaign_id] = progress
                        self._tell()
            except NotFoundError:
                logger.warning("campaign %s was deleted", campaign_id)
            except KatavenError as error:
                # watch has retried already, so this is an outage: try again later.
                logger.warning("campaign %s cannot be followed now: %s", campaign_id, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            return

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
