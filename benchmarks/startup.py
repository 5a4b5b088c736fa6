"""Start-up cost: the import, and the time to the first response, relative to bare httpx.

Measured in a separate environment (benchmarks/scratch/core) with the wheel and its core
requirements only: if click and rich are installed, httpx imports them for its own command line and
looks slower than it is. Without SSL_CERT_FILE and SSL_CERT_DIR, which would decide how much httpx
reads for a URL with http://. CPU time of fresh processes, interleaved, medians. To print a table::

    python benchmarks/startup.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "benchmarks" / "scratch" / "core"
ROUNDS = 41

TIMED = "import time; begun = time.process_time(); {}; print(time.process_time() - begun)"
IMPORT_OURS = "import kataven"
IMPORT_HTTPX = "import httpx"
# The same work: a client, a GET with a bearer token, the JSON of the response as a dict.
FIRST_OURS = (
    "from kataven import KatavenClient; "
    "client = KatavenClient('sk_live_bench_1', base_url='{url}'); "
    "client.campaigns.get('1')['id']"
)
FIRST_HTTPX = (
    "import httpx; "
    "client = httpx.Client(base_url='{url}/api/v1', headers={{'Authorization': 'Bearer x'}}); "
    "client.get('/campaigns/1').raise_for_status().json()['id']"
)


class Handler(BaseHTTPRequestHandler):
    """Responds to every GET with the same campaign."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"id": "1", "name": "n", "status": "draft"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def prepare() -> Path:
    """Build the wheel, install it with its core requirements and return the path of the Python."""
    python = CORE / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CORE)], check=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as folder:
        # Without isolation: this environment has hatchling, so the build downloads nothing.
        build = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps"]
        subprocess.run([*build, "--no-build-isolation", "-w", folder, str(ROOT)], check=True)
        (wheel,) = Path(folder).glob("kataven-*.whl")
        subprocess.run([*pip, "install", str(wheel)], check=True)
        # Builds of one version look alike to pip, which would keep the old files.
        reinstall = ["install", "--no-deps", "--force-reinstall", str(wheel)]
        subprocess.run([*pip, *reinstall], check=True)
    return python


def seconds(python: Path, code: str) -> float:
    """Return the CPU seconds of some code in a fresh interpreter."""
    command = [str(python), "-I", "-c", TIMED.format(code)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return float(done.stdout)


def ratio(python: Path, code: str, yardstick: str) -> float:
    """Return the CPU time of some code, relative to that of the yardstick."""
    pairs = [(seconds(python, code), seconds(python, yardstick)) for _ in range(ROUNDS)]
    return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)


def measure() -> dict[str, tuple[float, float]]:
    """Measure every figure.

    Returns:
        For each name, the measured ratio and its goal.
    """
    python = prepare()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        first_ours, first_httpx = FIRST_OURS.format(url=url), FIRST_HTTPX.format(url=url)
        return {
            "import kataven / import httpx": (ratio(python, IMPORT_OURS, IMPORT_HTTPX), 0.05),
            "import, first client, first request / the same with httpx": (
                ratio(python, first_ours, first_httpx),
                1.10,
            ),
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> int:
    """Print the table; return 1 if a goal was missed."""
    missed = 0
    for name, (value, goal) in measure().items():
        missed += value > goal
        print(f"{name:<58} {value:6.3f}  goal {goal:4.2f}{'' if value <= goal else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
