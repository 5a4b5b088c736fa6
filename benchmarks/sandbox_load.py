"""The performance of the embedded Hub: `python benchmarks/sandbox_load.py`.

Prints one line for each figure, with its bound. Everything goes over real sockets from this
process, so the figures include the cost of the client. Exits with 1 if a figure exceeds its bound.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import httpx

from kataven.sandbox import Clock, Sandbox

CONTACTS = 100_000
CAMPAIGNS = 50
CLIENTS = 100
STREAMS = 50
REQUESTS_EACH = 20


def people(count: int) -> bytes:
    rows = (f"+1555{n:07d},Person {n},Springfield" for n in range(count))
    return "\n".join(["phone_number,name,city", *rows, ""]).encode()


def client_of(hub: Sandbox) -> httpx.Client:
    headers = {"Authorization": f"Bearer {hub.api_key}"}
    return httpx.Client(base_url=f"{hub.url}/v1", headers=headers, timeout=60, trust_env=False)


def create(client: httpx.Client, body: bytes, **fields: int) -> str:
    form = {"name": "n", "agent_id": "a", "phone_number_id": "p", **fields}
    response = client.post("/campaigns", data=form, files={"contacts": ("c.csv", body)})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


class Report:
    """Prints the figures, and remembers whether one exceeded its bound."""

    def __init__(self) -> None:
        self.exceeded = False

    def add(self, what: str, seconds: float, bound: float) -> None:
        mark = "ok" if seconds < bound else "TOO SLOW"
        self.exceeded |= seconds >= bound
        print(f"{what:<62} {seconds:8.3f} s  (< {bound:g} s) {mark}")


# Prints the seconds until a Hub has sent its first response, import included, and then the same of
# a second Hub in the process.
STARTS = """
import http.client, time
begin = time.perf_counter()
from kataven.sandbox import Sandbox
for _ in range(2):
    with Sandbox() as hub:
        client = http.client.HTTPConnection("127.0.0.1", int(hub.url.rpartition(":")[2]))
        headers = {"Authorization": "Bearer " + hub.api_key}
        client.request("GET", "/_sandbox/clock", headers=headers)
        assert client.getresponse().read()
        print(time.perf_counter() - begin)
        client.close()
    begin = time.perf_counter()
"""


def starts(report: Report) -> None:
    """Report the fastest of five starts."""
    runs = []
    for _ in range(5):
        command = [sys.executable, "-c", STARTS]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append([float(line) for line in run.stdout.split()])
    fresh, second = (min(times) for times in zip(*runs, strict=True))
    report.add("first response in a fresh process, import included", fresh, 0.3)
    report.add("first response of another Hub in the process", second, 0.02)


def many_campaigns(report: Report) -> None:
    """Report what a dashboard asks for: the summary of 50 campaigns with 100,000 contacts."""
    with Sandbox(time_scale=Clock.manual(), limits=None) as hub, client_of(hub) as client:
        for _ in range(CAMPAIGNS):
            create(client, people(CONTACTS // CAMPAIGNS))
        begin = time.perf_counter()
        for _ in range(100):
            response = client.get(f"{hub.url}/_sandbox/campaigns")
            assert len(response.json()["campaigns"]) == CAMPAIGNS
        passed = (time.perf_counter() - begin) / 100
        report.add(f"summary of {CAMPAIGNS} campaigns, {CONTACTS:,} contacts", passed, 0.02)


def many_contacts(report: Report, path: str | None) -> None:
    where = "memory" if path is None else "a file"
    body = people(CONTACTS)
    with (
        Sandbox(time_scale=Clock.manual(), seed=1, limits=None, path=path) as hub,
        client_of(hub) as client,
    ):
        begin = time.perf_counter()
        campaign = create(client, body, max_concurrent_calls=100, retries_per_contact=1)
        report.add(f"{CONTACTS:,} contacts uploaded, {where}", time.perf_counter() - begin, 1.5)
        client.post(f"/campaigns/{campaign}/start").raise_for_status()
        begin = time.perf_counter()
        hub.advance(60 * 86400)
        report.add(
            f"and dialled to the end on a manual clock, {where}", time.perf_counter() - begin, 10
        )
        assert client.get(f"/campaigns/{campaign}").json()["status"] == "completed"
        begin = time.perf_counter()
        seen = 0
        for page in range(1000):
            response = client.get(f"/campaigns/{campaign}/contacts", params={"page": page})
            seen += len(response.json()["contacts"])
        report.add(f"1,000 pages of contacts read, {where}", time.perf_counter() - begin, 5)
        assert seen == CONTACTS


async def crowd(hub: Sandbox, campaign: str) -> tuple[float, int]:
    """Send requests from 100 clients with 50 open streams; return seconds and frames."""
    headers = {"Authorization": f"Bearer {hub.api_key}"}
    limits = httpx.Limits(max_connections=None)
    frames = 0
    opened = asyncio.Semaphore(0)

    async def follow(client: httpx.AsyncClient) -> None:
        nonlocal frames
        async with client.stream("GET", f"/campaigns/{campaign}/events") as stream:
            opened.release()
            async for line in stream.aiter_lines():
                frames += line.startswith("data:")

    async def request(client: httpx.AsyncClient) -> None:
        for _ in range(REQUESTS_EACH):
            response = await client.get(f"/campaigns/{campaign}")
            assert response.status_code == 200, response.text

    async with httpx.AsyncClient(
        base_url=f"{hub.url}/v1", headers=headers, limits=limits, timeout=60, trust_env=False
    ) as client:
        streams = [asyncio.create_task(follow(client)) for _ in range(STREAMS)]
        for _ in range(STREAMS):
            await opened.acquire()
        begin = time.perf_counter()
        await asyncio.gather(*(request(client) for _ in range(CLIENTS)))
        passed = time.perf_counter() - begin
        await client.post(f"/campaigns/{campaign}/stop")
        await asyncio.gather(*streams)
    return passed, frames


def many_clients(report: Report) -> None:
    with Sandbox(time_scale=60, limits=None) as hub, client_of(hub) as client:
        campaign = create(client, people(10_000), max_concurrent_calls=100)
        client.post(f"/campaigns/{campaign}/start").raise_for_status()
        passed, frames = asyncio.run(crowd(hub, campaign))
        total = CLIENTS * REQUESTS_EACH
        report.add(
            f"{total:,} requests from {CLIENTS} clients with {STREAMS} open streams", passed, 20
        )
        print(f"{'':<62} {total / passed:8.0f} requests/s, {frames:,} snapshots")


def main() -> int:
    report = Report()
    starts(report)
    many_campaigns(report)
    many_contacts(report, None)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        many_contacts(report, f"{folder}/hub.db")
    many_clients(report)
    assert threading.active_count() == 1, "a thread was not ended"
    return int(report.exceeded)


if __name__ == "__main__":
    sys.exit(main())
