"""A scratch copy of what generation needs, and a scriptable server on a loopback socket."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spec.document import Json

ROOT = Path(__file__).resolve().parents[2]

# The scripts import each other by these names, the tests import shared data by its file name.
sys.path[:0] = [str(ROOT / "scripts"), str(Path(__file__).parent)]


@dataclass(frozen=True)
class Project:
    """A scratch copy of the project."""

    root: Path

    def run(self, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a script on it, in this process."""
        output, errors = io.StringIO(), io.StringIO()
        main = importlib.import_module(script.removesuffix(".py")).main
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                code = main([str(argument) for argument in arguments], self.root)
            except SystemExit as wrong_usage:
                code = wrong_usage.code
        return subprocess.CompletedProcess(
            [script], int(code or 0), output.getvalue(), errors.getvalue()
        )

    def run_copy(self, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run its own copy of a script in a process, from its folder, as a maintainer does."""
        return subprocess.run(
            [sys.executable, f"scripts/{script}", *map(str, arguments)],
            cwd=self.root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def write(self, name: str, doc: Json) -> Path:
        """Write a document next to it, as JSON."""
        path = self.root.parent / name
        path.write_text(json.dumps(doc), "utf-8")
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in one of its files."""
        path = self.root / name
        text = path.read_text("utf-8")
        assert old in text, f"{name} does not contain {old!r}"
        path.write_text(text.replace(old, new), "utf-8")

    def snapshot(self) -> dict[str, bytes]:
        """Return the content of every file, by relative path."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Copy openapi.yaml, the scripts and what they read and generate."""
    root = tmp_path / "project"
    without = shutil.ignore_patterns("__pycache__")
    for name in ("scripts", "generated"):
        shutil.copytree(ROOT / name, root / name, ignore=without)
    for name in ("openapi.yaml", "generator-config.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    (root / "kataven").mkdir()
    shutil.copy(ROOT / "kataven" / "_version.py", root / "kataven")
    (root / "tests" / "data").mkdir(parents=True)
    shutil.copy(ROOT / "tests/data/reconstructed-openapi.yaml", root / "tests" / "data")
    return Project(root)


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Socket:
    """A loopback server that records each request and lets ``respond`` write the response."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    respond: Callable[[BaseHTTPRequestHandler], None] = lambda _handler: None

    def will_send(
        self, status: int, body: bytes = b"", content_type: str = "application/json"
    ) -> None:
        """Send the same response to every request from now on."""

        def send(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status, "Reason")
            handler.send_header("Content-Type", content_type)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        self.respond = send


def _read_body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    body = b""
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


@pytest.fixture
def socket_server() -> Iterator[Socket]:
    """A real HTTP server on 127.0.0.1."""
    state = Socket()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.close_connection = True
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                return
            state.received.append(
                Received(self.command, self.path, list(self.headers.items()), _read_body(self))
            )
            self.close_connection = True
            state.respond(self)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the tests quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield state
        server.shutdown()
        thread.join(PATIENCE)
