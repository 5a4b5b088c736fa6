"""What a call costs beside bare httpx: CPU time of a `get`, time and memory of a 10 MB upload.

The server is a process of its own, so that only the client's work is counted. All pairs are
interleaved; ratios, not times, can be compared between machines. The cost of the budget's stores is
printed: with a budget a call is admitted and its lease given back. Run as a script it prints all::

    python benchmarks/delivery.py
"""

import asyncio
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from kataven import KatavenClient, RateLimits
from kataven._http.stores import open_store

KEY = "sk_live_bench_0123456789abcdef"
GETS = 200
GET_PAIRS = 40
UPLOAD_PAIRS = 60
UPLOAD_BYTES = 10_000_000
STORE_STEPS = 2000

CAMPAIGN = (
    b'{"id":"cmp_0123456789","name":"Spring renewal","agent_id":"agt_1","phone_number_id":"pn_1",'
    b'"status":"running","max_concurrent_calls":5,"retries_per_contact":1,'
    b'"retry_delay_seconds":300,"scheduled_at":null,"started_at":"2026-11-24T10:00:00.123456789Z",'
    b'"completed_at":null,"created_at":"2026-11-24T09:59:00Z","created_by":"ops@example.com"}'
)


class Answers(asyncio.Protocol):
    """One connection of a server that answers every request with a campaign."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = b""
            lowered = head.lower()
            if b"content-length:" in lowered:
                size = lowered.split(b"content-length:")[1].split(b"\r\n")[0]
                self._left = int(size) - len(rest)
        if self._left <= 0:
            self._left = 0
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(CAMPAIGN)
                + CAMPAIGN
            )


async def serve() -> None:
    """Serve until the starting process goes, and say on which port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def server() -> Iterator[str]:
    """The server, as a process; its URL."""
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        assert process.stdin is not None
        process.stdin.close()


def cpu_of(call: Callable[[], object], times: int) -> float:
    """CPU seconds of this process for so many calls."""
    begun = time.process_time()
    for _ in range(times):
        call()
    return time.process_time() - begun


def get_ratio(url: str) -> float:
    """CPU time of a `get` over that of a bare `httpx.Client.get(...).json()`."""
    with ExitStack() as stack:
        headers = {"Authorization": f"Bearer {KEY}"}
        bare = stack.enter_context(httpx.Client(headers=headers, trust_env=False))
        ours = stack.enter_context(KatavenClient(KEY, base_url=url))
        whole = f"{url}/api/v1/campaigns/cmp_0123456789"

        def get_bare() -> object:
            return bare.get(whole).json()

        campaigns = ours.campaigns

        def get_ours() -> object:
            return campaigns.get("cmp_0123456789")

        assert get_bare() == get_ours()
        cpu_of(get_bare, GETS)
        cpu_of(get_ours, GETS)
        pairs = [(cpu_of(get_ours, GETS), cpu_of(get_bare, GETS)) for _ in range(GET_PAIRS)]
    return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)


def csv_file(folder: Path) -> Path:
    """A contacts file of 10 MB."""
    path = folder / "contacts.csv"
    row = "+1555{:07d},Person {},Some Street {}\n"
    lines = ["phone_number,first_name,street\n"]
    size = len(lines[0])
    while size < UPLOAD_BYTES - 100:
        number = len(lines)
        lines.append(row.format(number, number, number))
        size += len(lines[-1])
    path.write_text("".join(lines), encoding="ascii")
    return path


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


@contextmanager
def uploads(url: str, path: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """The two uploads, ours and the bare one, each on a warm connection of its own."""
    form = {
        "name": "Spring",
        "agent_id": "agt_1",
        "phone_number_id": "pn_1",
        "max_concurrent_calls": "5",
        "retries_per_contact": "0",
        "retry_delay_seconds": "300",
    }
    with ExitStack() as stack:
        headers = {"Authorization": f"Bearer {KEY}"}
        bare = stack.enter_context(httpx.Client(headers=headers, trust_env=False, timeout=60))
        ours = stack.enter_context(KatavenClient(KEY, base_url=url))

        def upload_ours() -> None:
            with path.open("rb") as file:
                ours.campaigns.create("Spring", "agt_1", "pn_1", file)

        def upload_bare() -> None:
            with path.open("rb") as file:
                files = {"contacts": (path.name, file, "text/csv")}
                bare.post(f"{url}/api/v1/campaigns", data=form, files=files).json()

        upload_ours()
        upload_bare()
        yield upload_ours, upload_bare


def upload_figures(url: str, path: Path) -> tuple[float, float]:
    """Time of a 10 MB create over bare httpx, and the MiB of memory that it takes."""
    pairs: list[tuple[float, float]] = []
    for number in range(UPLOAD_PAIRS):
        # New connections each time: how fast the system lets one send is partly chance, and stays.
        with uploads(url, path) as (ours, bare):
            # Who comes first changes too.
            if number % 2:
                pairs.append((timed(ours), timed(bare)))
            else:
                second = timed(bare)
                pairs.append((timed(ours), second))
    with uploads(url, path) as (ours, _):
        tracemalloc.start()
        ours()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        ours()
        memory = (tracemalloc.get_traced_memory()[1] - before) / 2**20
        tracemalloc.stop()
    ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
    return ratio, memory


@contextmanager
def redis_server(folder: Path) -> Iterator[str | None]:
    """A redis-server that keeps nothing, or None where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--logfile", "redis.log"]
    with subprocess.Popen(command) as process:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


def print_store_costs(folder: Path) -> None:
    """Print what each store costs a call: one admission and one lease given back."""
    with redis_server(folder) as redis:
        for store in ("memory", str(folder / "budget.db"), redis):
            name = "a file" if store and store.endswith(".db") else str(store).partition(":")[0]
            if store is None:
                print("  budget in redis: not measured, there is no redis-server here")
                continue
            limits = RateLimits(
                per_minute=10**6, per_hour=10**6, per_day=10**6, concurrent=20, store=store
            )
            opened = open_store(limits)
            spent = []
            for _ in range(STORE_STEPS):
                now = time.time()
                begun = time.perf_counter()
                opened.release(opened.take(now, control=False))
                spent.append(time.perf_counter() - begun)
            opened.close()
            print(f"  budget in {name}: {statistics.median(spent) * 1e6:.0f} us a call")


def measure() -> dict[str, tuple[float, float]]:
    """Take every figure.

    Returns:
        For each name the figure and the most that it should be.
    """
    with tempfile.TemporaryDirectory() as folder, server() as url:
        path = csv_file(Path(folder))
        get = get_ratio(url)
        upload, memory = upload_figures(url, path)
        print_store_costs(Path(folder))
    return {
        "CPU of get / bare httpx get and json": (get, 1.0),
        "upload of 10 MB / bare httpx": (upload, 1.10),
        "upload of 10 MB: extra memory, MiB": (memory, 4.0),
    }


def main() -> int:
    """Print the table; 1 where a goal was missed."""
    missed = 0
    for name, (value, goal) in measure().items():
        missed += value > goal
        print(f"{name:<45} {value:6.3f}  goal {goal:4.2f}{'' if value <= goal else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        sys.exit(main())
