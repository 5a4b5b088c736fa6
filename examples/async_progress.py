"""Two campaigns at once, followed by the async client.

Needs the extra `sandbox`. Runs on an embedded Hub; for the real one leave out the sandbox and set
KATAVEN_API_KEY.
"""

import asyncio

from kataven import AsyncKatavenClient, CampaignProgress
from kataven.sandbox import Sandbox


async def dial(client: AsyncKatavenClient, name: str) -> None:
    """Create a campaign, start it and wait until it is over."""

    def show(progress: CampaignProgress) -> None:
        # Cut off, not rounded: 100 % only when the last call is over.
        done = int(100 * (progress.fraction_done or 0.0))
        print(f"{name}: {progress.status}, {done} % done, {progress.active_calls} calls")

    campaign = await client.campaigns.create(
        name, "agent_1", "number_1", "examples/contacts.csv", max_concurrent_calls=50
    )
    await client.campaigns.start(campaign["id"])
    finished = await client.campaigns.wait(campaign["id"], on_progress=show)
    print(f"{name}: over, {finished['status']}")


async def main() -> None:
    """Dial both."""
    async with (
        Sandbox(time_scale=600, limits=None) as hub,
        AsyncKatavenClient(hub.api_key, base_url=hub.url) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(dial(client, "Spring"))
        group.create_task(dial(client, "Autumn"))


asyncio.run(main())
