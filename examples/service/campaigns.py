"""What the service does with lists and campaigns. Knows nothing of HTTP.

A campaign that is created or resumed by mistake calls people twice, so every step may be repeated:

- An upload sends nothing to the Hub. The same list sent again is the same list, and another
  list needs another name.
- A list has at most one campaign. That a create is under way is stored before it is sent. If its
  outcome is lost, even by a crash, the campaign is looked for by its name and never created again.
- ``start`` starts a draft and nothing else: on a paused campaign, the Hub's start would resume it.
- A lock for each list makes the second click wait for the first, and then it finds the work done.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, BinaryIO, Literal

from kataven import (
    APIConnectionError,
    ConflictError,
    KatavenError,
    ResponseFormatError,
    ServerError,
    contacts,
)

if TYPE_CHECKING:
    from pathlib import Path

    from kataven import AsyncKatavenClient
    from kataven.contacts import CleanReport
    from kataven.types import Campaign

    from .following import Following
    from .store import SavedList, Store

Action = Literal["pause", "resume", "stop"]
# The statuses in which an action has nothing left to do.
REACHED = {"pause": {"paused"}, "resume": {"running"}, "stop": {"completed", "failed"}}
# A list that loses more of its rows was probably read in the wrong way.
MAX_DROPPED = 0.05


class RefusedError(Exception):
    """The service refuses, and nothing was done; the text says what to do."""


class Campaigns:
    """The lists of the service, and their campaigns on the Hub."""

    def __init__(
        self,
        client: AsyncKatavenClient,
        store: Store,
        following: Following,
        do_not_call: Path | None,
    ) -> None:
        self._client = client
        self._store = store
        self._following = following
        self._do_not_call = do_not_call
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def add(
        self, file: BinaryIO, region: str, name: str, agent_id: str, phone_number_id: str
    ) -> tuple[SavedList, CleanReport]:
        """Clean and check a list, and save it. Nothing is sent to the Hub.

        Raises:
            ContactsError: The list cannot be used; ``problems`` says which rows, and why.
        """
        # Reading a long list takes seconds: not in the event loop.
        data, report = await asyncio.to_thread(self._prepare, file, region)
        return self._store.add(name, agent_id, phone_number_id, data, report.kept), report

    def _prepare(self, file: BinaryIO, region: str) -> tuple[bytes, CleanReport]:
        with contacts.clean(
            file, region=region, exclude=self._do_not_call, max_dropped=MAX_DROPPED
        ) as cleaned:
            contacts.check(cleaned).raise_for_problems()
            return cleaned.read(), cleaned.report

    async def start(self, list_id: str, people: int) -> Campaign:
        """Call the people of a list: create the campaign if it has none, and start it once.

        Args:
            list_id: The list.
            people: How many people the user was shown and has agreed to call.
        """
        async with self._locks[list_id]:
            saved = self._store.get(list_id)
            if people != saved.people:
                raise RefusedError(f"confirm with the number of people to call: {saved.people}")
            campaign_id = saved.campaign_id or await self._create(saved)
            try:
                campaign = await self._client.campaigns.get(campaign_id)
                if campaign["status"] == "draft":
                    await self._client.campaigns.start(campaign_id)
                    campaign = await self._client.campaigns.get(campaign_id)
                return campaign
            finally:
                # Also after an error: the campaign may have started.
                self._following.follow(campaign_id)

    async def change(self, list_id: str, action: Action) -> Campaign:
        """Pause, resume or stop the campaign of a list."""
        async with self._locks[list_id]:
            campaign_id = self._store.get(list_id).campaign_id
            if campaign_id is None:
                raise RefusedError("the list has no campaign: start it first")
            campaigns = self._client.campaigns
            send = {"pause": campaigns.pause, "resume": campaigns.resume, "stop": campaigns.stop}
            conflict: ConflictError | None = None
            try:
                await send[action](campaign_id)
            except ConflictError as error:
                conflict = error
            campaign = await campaigns.get(campaign_id)
            # The second click, or a retry of a request whose response was lost, is a success.
            if conflict is not None and campaign["status"] not in REACHED[action]:
                raise conflict
            return campaign

    async def _create(self, saved: SavedList) -> str:
        if saved.creating:
            campaign_id = await self._find(saved.campaign_name)
        else:
            data = self._store.contacts(saved.id)
            self._store.set_creating(saved.id, creating=True)
            try:
                campaign = await self._client.campaigns.create(
                    saved.campaign_name,
                    saved.agent_id,
                    saved.phone_number_id,
                    data,
                    on_ambiguous="find",
                )
            except KatavenError as error:
                if not _may_have_created(error):
                    self._store.set_creating(saved.id, creating=False)
                raise
            campaign_id = campaign["id"]
        self._store.set_campaign(saved.id, campaign_id)
        return campaign_id

    async def _find(self, name: str) -> str:
        async for campaign in self._client.campaigns.iter_campaigns():
            if campaign["name"] == name:
                return campaign["id"]
        raise RefusedError(
            f"whether the campaign {name!r} was created is not known, so it is not created again: "
            "look for it on the Hub; if it is certain that it does not exist, upload the list "
            "under another name"
        )


def _may_have_created(error: KatavenError) -> bool:
    """Whether the Hub may have created the campaign although the call failed."""
    lost = (APIConnectionError, ServerError, ResponseFormatError)
    return isinstance(error, lost) and error.request_sent is True
