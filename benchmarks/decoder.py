"""What decoding an event stream costs, relative to ``json.loads`` and other decoders.

Each figure is a ratio of CPU times, the median of interleaved runs: this machine's speed, and
whatever else runs on it, touch both sides alike. Run as a script it prints a table::

    python benchmarks/decoder.py
"""

import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from kataven.events.decoder import EventDecoder

FRAME_BYTES = 300
FRAMES = 2_000
REPEATS = 31
KIB = 1024

Run = Callable[[], object]


def payloads() -> list[bytes]:
    """Snapshots of a running campaign, each of a length that makes an LF frame of 300 bytes."""
    made = []
    for number in range(FRAMES):
        snapshot: dict[str, Any] = {
            "campaign_id": "cmp_01JD8Q4T5V",
            "status": "running",
            "total": 100_000,
            "pending": 90_000 - number,
            "in_progress": 5,
            "completed": number * 3,
            "failed": number // 7,
            "cancelled": 0,
            "active_calls": number % 6,
            "timestamp": f"2026-11-03T10:{number // 60 % 60:02}:{number % 60:02}.123456Z",
            "name": "",
        }
        spare = FRAME_BYTES - len(b"data: \n\n") - len(json.dumps(snapshot))
        snapshot["name"] = "n" * spare
        made.append(json.dumps(snapshot).encode())
    return made


def cut(stream: bytes, size: int) -> list[bytes]:
    """Cut a stream into chunks of a size, as a socket's reads do."""
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def ours(chunks: Iterable[bytes]) -> None:
    """Decode with kataven and look at each item."""
    feed = EventDecoder().feed
    for chunk in chunks:
        for _item in feed(chunk):
            pass


def loads(texts: Iterable[bytes] | Iterable[str]) -> None:
    """Parse what a perfect splitter would have handed over for nothing."""
    for text in texts:
        json.loads(text)


def httpx_sse(chunks: Iterable[bytes]) -> None:
    """Decode with httpx-sse, from a response whose body is in memory."""
    event_source = importlib.import_module("httpx_sse").EventSource
    response = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=iter(chunks)
    )
    for event in event_source(response).iter_sse():
        json.loads(event.data)


def vendor(package: str) -> Callable[[Iterable[bytes]], None]:
    """Decode with the decoder inside openai's or anthropic's client."""
    decoder = importlib.import_module(f"{package}._streaming").SSEDecoder

    def run(chunks: Iterable[bytes]) -> None:
        for event in decoder().iter_bytes(iter(chunks)):
            json.loads(event.data)

    return run


def timed(run: Run) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    run()
    return time.process_time() - start


def ratio(run: Run, baseline: Run, runs: int = REPEATS) -> float:
    """Return the CPU time of a run, relative to that of ``baseline``."""
    times = [(timed(run), timed(baseline)) for _ in range(runs)]
    return statistics.median(a for a, _ in times) / statistics.median(b for _, b in times)


def growth(stream: Callable[[int], Iterator[bytes]], size: int) -> float:
    """How much more each unit costs in a stream of eight times the size; 1.0 is linear."""
    return ratio(lambda: ours(stream(size)), lambda: ours(stream(size // 8)), runs=7) / 8


def long_line(size: int) -> Iterator[bytes]:
    """One frame of one line, in chunks of 1 KiB."""
    body = b"x" * KIB
    yield b'data: {"a":"'
    for _ in range(size // KIB):
        yield body
    yield b'"}\n\n'


def many_lines(count: int) -> Iterator[bytes]:
    """One frame of many data lines, in chunks of 64 KiB."""
    lines = b"data: 12345,\n" * count
    yield b"data: [\n"
    yield from cut(lines, 64 * KIB)
    yield b"data: 0]\n\n"


def measure() -> dict[str, tuple[float, float]]:
    """Take every figure.

    Returns:
        For each name the ratio measured and the most that it should be.
    """
    bodies = payloads()
    texts = [body.decode() for body in bodies]
    figures: dict[str, tuple[float, float]] = {}
    for name, end, goal in (("LF", b"\n", 0.8), ("CRLF", b"\r\n", 1.0)):
        frames = [b"data: " + body + end + end for body in bodies]
        stream = b"".join(frames)
        for form, chunks, most in (
            ("64 KiB chunks", cut(stream, 64 * KIB), goal),
            ("4 KiB chunks", cut(stream, 4 * KIB), goal),
            # Each frame bears the cost of a call here.
            ("a frame a chunk", frames, goal),
        ):
            figures[f"{name}, {form} / json.loads(bytes)"] = (
                ratio(partial(ours, chunks), partial(loads, bodies)),
                most,
            )
        chunked = cut(stream, 64 * KIB)
        figures[f"{name}, 64 KiB chunks / json.loads(str)"] = (
            ratio(partial(ours, chunked), partial(loads, texts)),
            1.1,
        )
        others: dict[str, Callable[[Iterable[bytes]], None]] = {}
        if importlib.util.find_spec("httpx_sse"):
            others["httpx-sse + json.loads"] = httpx_sse
        for package in ("openai", "anthropic"):
            if importlib.util.find_spec(package):
                others[f"{package} + json.loads"] = vendor(package)
        for other, decode in others.items():
            figures[f"{name}, 64 KiB chunks / {other}"] = (
                ratio(partial(ours, chunked), partial(decode, chunked), 9),
                0.7,
            )
    figures["one line in 1 KiB chunks: a byte of 10 MB / of 1.25 MB"] = (
        growth(long_line, 10_000_000),
        2.0,
    )
    figures["one frame of lines: a line of 200,000 / of 25,000"] = (
        growth(many_lines, 200_000),
        2.0,
    )
    return figures


def main() -> int:
    """Print the table; 1 where a goal was missed."""
    missed = 0
    for name, (value, goal) in measure().items():
        missed += value > goal
        print(f"{name:<58} {value:6.2f}  goal {goal:4.2f}{'' if value <= goal else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
