"""Run two campaigns at the same time with the async client.

Needs the extra ``sandbox``. Uses the embedded Hub; for the real one, leave out the sandbox and set
KATAVEN_API_KEY.
"""

from __future__ import annotations

import asyncio

from kataven import AsyncKatavenClient, CampaignProgress
from kataven.sandbox import Sandbox


async def run_campaign(client: AsyncKatavenClient, name: str) -> None:
    """Create a campaign, start it and wait until it has finished."""

    def show(progress: CampaignProgress) -> None:
        # Round down: only a finished campaign is at 100 %.
        done = int(100 * (progress.fraction_done or 0.0))
        print(f"{name}: {progress.status}, {done} % done, {progress.active_calls} calls")

    campaign = await client.campaigns.create(
        name, "agent_1", "number_1", "examples/contacts.csv", max_concurrent_calls=50
    )
    await client.campaigns.start(campaign["id"])
    finished = await client.campaigns.wait(campaign["id"], on_progress=show)
    print(f"{name}: finished with status {finished['status']}")


async def main() -> None:
    """Run both campaigns."""
    async with (
        Sandbox(time_scale=600, limits=None) as hub,
        AsyncKatavenClient(hub.api_key, base_url=hub.url) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(run_campaign(client, "Spring"))
        group.create_task(run_campaign(client, "Autumn"))


asyncio.run(main())
