"""A client of pyright's language server, as an editor is one.

Knows the protocol: JSON messages over standard input and output. Must not know kataven.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType

MARK = "|"


@dataclass(frozen=True)
class Place:
    """A place in a file: where a definition is."""

    path: Path
    line: int

    @property
    def text(self) -> str:
        """The line of the file."""
        return self.path.read_text(encoding="utf-8").splitlines()[self.line]


class LanguageServer:
    """A running language server. Programs are passed as texts with one ``|``, the cursor.

    Args:
        folder: An empty folder to run in, so that kataven is an installed package.
    """

    def __init__(self, folder: Path) -> None:
        self._uri = (folder / "program.py").as_uri()
        self._version = 0
        self._text = ""
        self._asked = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyright.langserver", "--stdio"],
            cwd=folder,
            env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        completion = {"completionItem": {"documentationFormat": ["plaintext"]}}
        self._ask(
            "initialize",
            processId=None,
            rootUri=folder.as_uri(),
            capabilities={
                "workspace": {"configuration": True},
                "textDocument": {
                    "completion": completion,
                    "hover": {"contentFormat": ["plaintext"]},
                },
            },
            workspaceFolders=[{"uri": folder.as_uri(), "name": "program"}],
        )
        self._send(method="initialized", params={})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # Closes its input, which ends it. Killed at once, the launcher would leave Node running.
            self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()

    def completions(self, program: str) -> list[str]:
        """Return what an editor offers at the cursor, in the order in which it shows it."""
        found = self._at_cursor("textDocument/completion", program)
        items = sorted(found["items"], key=lambda item: item.get("sortText", item["label"]))
        return [item["label"].strip("\"'") for item in items]

    def hover(self, program: str) -> str:
        """Return what an editor shows of the name at the cursor: its type and its docstring."""
        text: str = self._at_cursor("textDocument/hover", program)["contents"]["value"]
        return text

    def definition(self, program: str) -> Place:
        """Return where an editor goes from the name at the cursor."""
        return self._place("textDocument/definition", program)

    def type_definition(self, program: str) -> Place:
        """Return where an editor goes for the type of the name at the cursor."""
        return self._place("textDocument/typeDefinition", program)

    def _place(self, method: str, program: str) -> Place:
        (found,) = self._at_cursor(method, program)
        path = Path(unquote(urlsplit(found["uri"]).path))
        return Place(path, found["range"]["start"]["line"])

    def _at_cursor(self, method: str, program: str) -> Any:
        before, mark, after = program.partition(MARK)
        assert mark, "the program has no cursor"
        self._show(before + after)
        lines = before.split("\n")
        return self._ask(
            method,
            textDocument={"uri": self._uri},
            position={"line": len(lines) - 1, "character": len(lines[-1])},
        )

    def _show(self, text: str) -> None:
        if text == self._text:
            return
        self._text = text
        self._version += 1
        document = {"uri": self._uri, "version": self._version}
        if self._version == 1:
            document |= {"languageId": "python", "text": text}
            self._send(method="textDocument/didOpen", params={"textDocument": document})
        else:
            changed = {"textDocument": document, "contentChanges": [{"text": text}]}
            self._send(method="textDocument/didChange", params=changed)

    def _ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._send(id=self._asked, method=method, params=params)
        while True:
            message = self._receive()
            if "method" not in message and message.get("id") == self._asked:
                assert "error" not in message, message
                return message["result"]
            if "method" in message and "id" in message:
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
