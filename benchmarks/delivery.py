"""What a call costs, relative to bare httpx: CPU of a `get`, time and memory of a 10 MB upload.

The server is a process of its own, so that only the client's work is counted. All pairs are
interleaved; ratios, not times, can be compared between machines. Also printed, without a goal: what
a `start` over TLS costs, which opens a connection of its own, and what the stores of the rate
limiter cost. Run as a script it prints everything::

    python benchmarks/delivery.py
"""

import asyncio
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx

from kataven import AsyncKatavenClient, KatavenClient, RateLimits
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


class Responder(asyncio.Protocol):
    """One connection of a server that responds to every request with a campaign."""

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


async def serve(certificate: str | None) -> None:
    """Serve until the process that started this one ends, and print the port."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Responder, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def server(certificate: Path | None = None) -> Iterator[str]:
    """Run the server as a process of its own; its URL."""
    scheme = "http" if certificate is None else "https"
    chain = [] if certificate is None else [str(certificate)]
    command = [sys.executable, __file__, "serve", *chain]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"{scheme}://localhost:{int(process.stdout.readline())}"
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
        target = f"{url}/api/v1/campaigns/cmp_0123456789"

        def get_bare() -> object:
            return bare.get(target).json()

        campaigns = ours.campaigns

        def get_ours() -> object:
            return campaigns.get("cmp_0123456789")

        assert get_bare() == get_ours()
        cpu_of(get_bare, GETS)
        cpu_of(get_ours, GETS)
        pairs = [(cpu_of(get_ours, GETS), cpu_of(get_bare, GETS)) for _ in range(GET_PAIRS)]
    return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)


def async_get_ratio(url: str) -> float:
    """CPU time of an awaited `get` over that of a bare `httpx.AsyncClient.get(...)`."""

    async def main() -> float:
        headers = {"Authorization": f"Bearer {KEY}"}
        target = f"{url}/api/v1/campaigns/cmp_0123456789"
        async with (
            httpx.AsyncClient(headers=headers, trust_env=False) as bare,
            AsyncKatavenClient(KEY, base_url=url) as ours,
        ):

            async def cpu_of_bare() -> float:
                begun = time.process_time()
                for _ in range(GETS):
                    (await bare.get(target)).json()
                return time.process_time() - begun

            async def cpu_of_ours() -> float:
                begun = time.process_time()
                for _ in range(GETS):
                    await ours.campaigns.get("cmp_0123456789")
                return time.process_time() - begun

            await cpu_of_bare()
            await cpu_of_ours()
            pairs = [(await cpu_of_ours(), await cpu_of_bare()) for _ in range(GET_PAIRS)]
        return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)

    return asyncio.run(main())


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
    """A redis-server that stores nothing on disk, or None if it is not installed."""
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
    """Print what each store costs a call: one lease acquired and released."""
    with redis_server(folder) as redis:
        for store in ("memory", str(folder / "budget.db"), redis):
            name = "a file" if store and store.endswith(".db") else str(store).partition(":")[0]
            if store is None:
                print("  rate limiter in redis: not measured, there is no redis-server here")
                continue
            limits = RateLimits(
                per_minute=10**6, per_hour=10**6, per_day=10**6, concurrent=20, store=store
            )
            opened = open_store(limits)
            spent = []
            for _ in range(STORE_STEPS):
                now = time.time()
                begun = time.perf_counter()
                opened.acquire(now, "lease", control=False)
                opened.release("lease")
                spent.append(time.perf_counter() - begun)
            opened.close()
            print(f"  rate limiter in {name}: {statistics.median(spent) * 1e6:.0f} us a call")


def print_start_over_tls(folder: Path) -> None:
    """Print how long a `start` over TLS takes, and a `get`, which reuses its connection."""
    if shutil.which("openssl") is None:
        print("  start over TLS: not measured, openssl is not installed")
        return
    certificate = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(certificate), "-out", str(folder / "only.pem")]
    subprocess.run(command, check=True, capture_output=True)
    certificate.write_bytes(certificate.read_bytes() + (folder / "only.pem").read_bytes())
    with (
        patch.dict(os.environ, SSL_CERT_FILE=str(folder / "only.pem")),
        server(certificate) as url,
        KatavenClient(KEY, base_url=url) as client,
    ):
        client.campaigns.get("c1")
        client.campaigns.start("c1")
        gets = [timed(lambda: client.campaigns.get("c1")) for _ in range(200)]
        starts = [timed(lambda: client.campaigns.start("c1")) for _ in range(200)]
    shown = [f"{statistics.median(times) * 1e3:.1f} ms" for times in (starts, gets)]
    print(f"  start over TLS on loopback: {shown[0]}; get on a kept connection: {shown[1]}")


def measure() -> dict[str, tuple[float, float]]:
    """Take every figure.

    Returns:
        For each name the figure and the most that it should be.
    """
    with tempfile.TemporaryDirectory() as folder, server() as url:
        path = csv_file(Path(folder))
        get = get_ratio(url)
        async_get = async_get_ratio(url)
        upload, memory = upload_figures(url, path)
        print_store_costs(Path(folder))
        print_start_over_tls(Path(folder))
    return {
        "CPU of get / bare httpx get and json": (get, 0.70),
        "CPU of async get / bare httpx get and json": (async_get, 0.85),
        "upload of 10 MB / bare httpx": (upload, 1.10),
        "upload of 10 MB: memory, MiB": (memory, 16.0),
    }


def main() -> int:
    """Print the table; 1 where a goal was missed."""
    missed = 0
    for name, (value, goal) in measure().items():
        missed += value > goal
        print(f"{name:<45} {value:6.3f}  goal {goal:4.2f}{'' if value <= goal else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(sys.argv[2] if len(sys.argv) > 2 else None))
    else:
        sys.exit(main())
