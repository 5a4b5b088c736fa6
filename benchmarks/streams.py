"""What following an event stream costs through the client, over a loopback socket.

The server is a process of its own, so that CPU time counts the client alone. Each figure is a ratio
of CPU times, the median of interleaved runs. The yardstick is ``json.loads`` on frames that a
perfect splitter would have handed over for nothing; the other one is httpx-sse on the same socket.
The figure includes what the HTTP library needs to read the socket; another one leaves it out.

A server may put each frame into an HTTP chunk of its own, as one that flushes each frame does. Then
the HTTP library's own work for each chunk is far more than the frame's, and the same for everyone;
those figures are relative to bare httpx reading the same bytes.

Run as a script it prints a table, and how soon the server sees that a stream was closed::

    python benchmarks/streams.py
"""

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import httpx
from decoder import payloads

from kataven import AsyncKatavenClient, KatavenClient

KEY = "sk_live_bench_1"
FRAMES = 2_000
STREAMED = 60_000
REPEATS = 11
CLOSINGS = 20
KIB = 1024


def stream_bytes(end: bytes) -> list[bytes]:
    """Return the frames of an entire stream."""
    frames = [b"data: " + body + end + end for body in payloads()]
    return frames * (STREAMED // FRAMES)


def serve() -> None:
    """Respond to each connection by its path; print the port, and when each client left."""
    bodies: dict[str, list[bytes]] = {}
    for name, end in (("LF", b"\n"), ("CRLF", b"\r\n")):
        frames = stream_bytes(end)
        stream = b"".join(frames)
        size = 64 * KIB
        bodies[f"{name}-64KiB"] = [
            chunk(stream[at : at + size]) for at in range(0, len(stream), size)
        ]
        # The chunks of frames are sent together, so that only their parsing costs more.
        bodies[f"{name}-frames"] = [
            b"".join(map(chunk, frames[at : at + 200])) for at in range(0, len(frames), 200)
        ]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=respond, args=(connection, bodies), daemon=True).start()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def respond(connection: socket.socket, bodies: dict[str, list[bytes]]) -> None:
    """Stream what the path names, or one frame and then nothing until the client leaves."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(65536)
            if not data:
                return
            head += data
        name = head.split(b" ")[1].split(b"/")[4].decode()
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        if name == "quiet":
            connection.sendall(chunk(b"data: {}\n\n"))
            try:
                while connection.recv(65536):
                    pass
            except OSError:
                pass
            print(time.monotonic(), flush=True)
            return
        for data in bodies[name]:
            connection.sendall(data)
        connection.sendall(b"0\r\n\r\n")


class Server:
    """The serving process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{self.line()}"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def server() -> Iterator[Server]:
    running = Server()
    try:
        yield running
    finally:
        running.stop()


def ours(client: KatavenClient, name: str) -> None:
    count = 0
    for _item in client.campaigns.stream_events(name):
        count += 1
    assert count == STREAMED


def ours_awaited(runner: asyncio.Runner, client: AsyncKatavenClient, name: str) -> None:
    async def read() -> None:
        count = 0
        async for _item in client.campaigns.stream_events(name):
            count += 1
        assert count == STREAMED

    runner.run(read())


def httpx_sse(client: httpx.Client, url: str) -> None:
    from httpx_sse import EventSource

    count = 0
    with client.stream("GET", url, timeout=60) as response:
        for event in EventSource(response).iter_sse():
            json.loads(event.data)
            count += 1
    assert count == STREAMED


def bare_httpx(client: httpx.Client, url: str) -> None:
    with client.stream("GET", url, timeout=60) as response:
        for _piece in response.iter_raw():
            pass


def loads(bodies: list[bytes]) -> None:
    for _ in range(STREAMED // len(bodies)):
        for body in bodies:
            json.loads(body)


def timed(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def medians(*runs: Callable[[], object]) -> list[float]:
    """The median CPU time of each, measured in turns."""
    times = [[timed(run) for run in runs] for _ in range(REPEATS)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def close_latencies(hub: Server) -> dict[str, float]:
    """Seconds from ``close()`` until the server has seen the end, each the worst of some."""
    worst = {"same thread": 0.0, "another thread": 0.0, "async": 0.0, "dropped": 0.0}
    with KatavenClient(KEY, base_url=hub.url) as client:
        for _ in range(CLOSINGS):
            events = client.campaigns.stream_events("quiet")
            next(events)
            start = time.monotonic()
            events.close()
            worst["same thread"] = max(worst["same thread"], float(hub.line()) - start)

            events = client.campaigns.stream_events("quiet")
            reading = threading.Thread(target=list, args=(events,))
            reading.start()
            time.sleep(0.05)
            start = time.monotonic()
            events.close()
            worst["another thread"] = max(worst["another thread"], float(hub.line()) - start)
            reading.join()

            events = client.campaigns.stream_events("quiet")
            next(events)
            start = time.monotonic()
            del events
            worst["dropped"] = max(worst["dropped"], float(hub.line()) - start)

    async def awaited() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            for _ in range(CLOSINGS):
                events = client.campaigns.stream_events("quiet")
                await anext(events)
                start = time.monotonic()
                await events.aclose()
                worst["async"] = max(worst["async"], float(hub.line()) - start)

    asyncio.run(awaited())
    return worst


def measure() -> dict[str, tuple[float, float]]:
    """Take every figure.

    Returns:
        For each name the ratio measured and the most that it should be.
    """
    bodies = payloads()
    figures: dict[str, tuple[float, float]] = {}
    with (
        server() as hub,
        KatavenClient(KEY, base_url=hub.url) as client,
        asyncio.Runner() as runner,
        httpx.Client(trust_env=False) as bare,
    ):
        awaiting = AsyncKatavenClient(KEY, base_url=hub.url)
        perfect = partial(loads, bodies)
        for end, goal in (("LF", 0.8), ("CRLF", 1.0)):
            name = f"{end}-64KiB"
            url = f"{hub.url}/api/v1/campaigns/{name}/events"
            cost, task, yardstick, reading = medians(
                partial(ours, client, name),
                partial(ours_awaited, runner, awaiting, name),
                perfect,
                partial(bare_httpx, bare, url),
            )
            shown = f"stream of {end} frames"
            figures[f"{shown}, less httpx's reading / json.loads on split frames"] = (
                (cost - reading) / yardstick,
                goal,
            )
            figures[f"{shown} / json.loads on split frames"] = (cost / yardstick, goal)
            figures[f"{shown}, async / json.loads on split frames"] = (
                task / yardstick,
                goal + 0.4,
            )
            if find_spec("httpx_sse"):
                cost, other = medians(partial(ours, client, name), partial(httpx_sse, bare, url))
                figures[f"{shown} / httpx-sse + json.loads"] = (cost / other, 0.75)
        name = "LF-frames"
        url = f"{hub.url}/api/v1/campaigns/{name}/events"
        cost, reading, yardstick = medians(
            partial(ours, client, name), partial(bare_httpx, bare, url), perfect
        )
        figures["a frame a chunk / bare httpx + json.loads"] = (cost / (reading + yardstick), 1.5)
        for how, seconds in close_latencies(hub).items():
            figures[f"seconds until the server sees a close, {how} / 0.2 s"] = (seconds / 0.2, 1.0)
        runner.run(awaiting.aclose())
    return figures


def main() -> int:
    """Print the table; 1 where a goal was missed."""
    missed = 0
    for name, (value, goal) in measure().items():
        missed += value > goal
        print(f"{name:<66} {value:6.2f}  goal {goal:4.2f}{'' if value <= goal else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    sys.exit(main())
