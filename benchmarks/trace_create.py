"""The functions that ``create(file)`` passes on its way to the socket, by file, in call order.

They are what a reader of the code meets who follows ``create``. The second create of a client is
traced, so that imports, caches and the connection pool are not on the path; it ends with the first
byte that goes to the socket. Counted are the functions of ``kataven`` and of the generated client.
A comprehension belongs to its function, and what dataclasses and attrs generate has no file.

It measures no time, so it has no ``measure()``, and ``run.py`` leaves it out. To print the list::

    python benchmarks/trace_create.py
"""

from __future__ import annotations

import socket
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType, FrameType

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (ROOT / "kataven", ROOT / "generated" / "kataven_hub")
COMPREHENSIONS = frozenset({"<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>"})
CONTACTS = b"phone_number,first_name\r\n+14155550100,Ada\r\n"


class Handler(BaseHTTPRequestHandler):
    """Responds to every POST with the same campaign."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"id": "1", "name": "n", "status": "draft"}'
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Followed:
    """The functions that were called, in order, until the first byte was sent."""

    def __init__(self) -> None:
        self.functions: dict[CodeType, None] = {}

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        """Note a call; ``sys.setprofile`` calls this."""
        if event == "call" and frame.f_code.co_name not in COMPREHENSIONS:
            self.functions.setdefault(frame.f_code)
        elif (
            event == "c_call"
            # Not the ``send`` of a generator, which every flow has.
            and isinstance(getattr(arg, "__self__", None), socket.socket)
            and arg.__name__ in {"send", "sendall"}
        ):
            sys.setprofile(None)

    def by_file(self) -> dict[str, list[str]]:
        """Return the names of the SDK's functions, with their lines, by file."""
        files: dict[str, list[str]] = {}
        for code in self.functions:
            path = Path(code.co_filename)
            for package in PACKAGES:
                if path.is_relative_to(package):
                    name = f"{code.co_qualname} (line {code.co_firstlineno})"
                    files.setdefault(str(path.relative_to(package.parent)), []).append(name)
        return files


def trace() -> dict[str, list[str]]:
    """Create two campaigns, and return the functions of the second create by file."""
    from kataven import KatavenClient

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        with (
            KatavenClient("sk_live_bench_1", base_url=url) as client,
            tempfile.TemporaryFile() as file,
        ):
            file.write(CONTACTS)
            file.seek(0)
            create = client.campaigns.create
            create("n", "a", "p", file)
            file.seek(0)
            followed = Followed()
            sys.setprofile(followed)
            try:
                create("n", "a", "p", file)
            finally:
                sys.setprofile(None)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    return followed.by_file()


def main() -> None:
    """Print the functions and the totals."""
    files = trace()
    for file, functions in files.items():
        print(file)
        for function in functions:
            print(f"    {function}")
    count = sum(len(functions) for functions in files.values())
    print(f"{count} functions in {len(files)} files")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
