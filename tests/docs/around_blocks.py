"""Runs the blocks of a page that are parts of a program, with what they take for granted.

Started in the folder of the page: ``python around_blocks.py``. The blocks are in ``blocks.json``.
"""

from __future__ import annotations

import asyncio
import json
import os
import textwrap
from pathlib import Path

from kataven import AsyncKatavenClient, KatavenClient, contacts

Path("export.csv").write_text("Name,Phone\nAda,(415) 555-0132\nGrace,415 555 0133\n")
Path("do-not-call.csv").write_text("phone_number\n+14155550133\n")
Path("contacts.csv").write_text("phone_number\n+14155550132\n")

AROUND_AWAIT = """
async def page():
    async with (
        AsyncKatavenClient() as client,
        client.campaigns.stream_events(campaign_id) as events,
    ):
{}

asyncio.run(page())
"""

with KatavenClient() as client:
    campaign_id = client.campaigns.run("Spring", "agent_1", "number_1", "contacts.csv")["id"]
    key = os.environ["KATAVEN_API_KEY"]
    names = {
        "KatavenClient": KatavenClient,
        "asyncio": asyncio,
        "campaign_id": campaign_id,
        "contacts": contacts,
        "fetch_token": lambda: key,
    }
    for text in json.loads(Path("blocks.json").read_text()):
        block = text.replace('"cmp_1"', "campaign_id")
        if "await " in block:
            block = AROUND_AWAIT.format(textwrap.indent(block, " " * 8))
        scope = {**names, "AsyncKatavenClient": AsyncKatavenClient, "client": client}
        exec(compile(block, "block", "exec"), scope)
        # What a page leaves open, because it shows no more than what it is about.
        for name, value in scope.items():
            if (
                name not in names
                and value is not client
                and hasattr(value, "close")
                and not isinstance(value, type)
            ):
                value.close()
