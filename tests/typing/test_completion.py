"""What an editor offers while a program is written: the language server of pyright is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import kataven

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.types

CONTACT_STATUSES = {"pending", "in_progress", "completed", "failed", "cancelled"}


class Server:
    """A language server, asked over its standard input and output."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyright.langserver", "--stdio"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        uri = folder.as_uri()
        self._ask(
            "initialize",
            processId=None,
            rootUri=uri,
            capabilities={"workspace": {"configuration": True}},
            workspaceFolders=[{"uri": uri, "name": "program"}],
        )
        self._send(method="initialized", params={})

    def completions(self, text: str) -> set[str]:
        """Return what is offered at the mark ``|`` of a program."""
        before, _, after = text.partition("|")
        uri = (self._folder / "program.py").as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": before + after}
        self._send(method="textDocument/didOpen", params={"textDocument": document})
        lines = before.split("\n")
        found = self._ask(
            "textDocument/completion",
            textDocument={"uri": uri},
            position={"line": len(lines) - 1, "character": len(lines[-1])},
        )
        return {item["label"].strip("\"'") for item in found["items"]}

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, method: str, **params: Any) -> Any:
        self._send(id=method, method=method, params=params)
        while True:
            message = self._receive()
            if message.get("id") == method:
                return message["result"]
            if "id" in message:
                # A question of the server: where Python is, or what the client can do.
                items = message.get("params", {}).get("items", [])
                settings = [{"pythonPath": sys.executable} for _ in items]
                self._send(id=message["id"], result=settings or None)

    def _send(self, **message: Any) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the language server ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


def completions(folder: Path, text: str) -> set[str]:
    server = Server(folder)
    try:
        return server.completions(text)
    finally:
        server.close()


def test_kataven_offers_its_public_names_and_no_private_one(tmp_path: Path) -> None:
    offered = completions(tmp_path, "import kataven\nkataven.|\n")

    private = {name for name in offered if name.startswith("_") and not name.endswith("__")}
    assert private == set()
    assert set(kataven.__all__) <= offered


@pytest.mark.parametrize(
    "call",
    [
        'KatavenClient().campaigns.list_contacts("c1", status="|")',
        'KatavenClient().campaigns.list_contacts("c1", "|")',
        'AsyncKatavenClient().campaigns.list_contacts("c1", status="|")',
    ],
)
def test_statuses_of_contacts_are_offered(tmp_path: Path, call: str) -> None:
    offered = completions(tmp_path, f"import kataven\nkataven.{call}\n")

    assert offered >= CONTACT_STATUSES


def test_the_prompt_of_python_offers_the_public_names() -> None:
    """Also after private modules were imported, which makes them attributes."""
    code = "import kataven, kataven._http, kataven._flow; print(*dir(kataven))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == sorted(kataven.__all__)
