"""Runs the code of documentation pages in order, and compares what they show with what it prints.

::

    python scripts/run_pages.py docs/start/own-list.md          run, and compare
    python scripts/run_pages.py --write docs/start/own-list.md  run, and write what it prints

A page runs in an empty folder, with an embedded Hub in the environment. In it

- ``python`` is a program; a block ``text`` that follows is what it prints;
- ``console`` is commands after ``$``, each with what it prints;
- ``<!-- file: NAME -->`` before a block saves it instead, ``<!-- pytest -->`` runs it as tests;
- ``<!-- hub: seed=2 time_scale=600 -->`` sets up the Hub of the page;
- ``sh`` is for commands that install something or run for ever: they are not run.

``...`` in a page matches any text of a line, and alone in a line any lines. Ids of campaigns are
translated; ports, keys and times that differ from run to run are not compared.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools import imported

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
RUN: Final = frozenset({"python", "console"})
_BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<note>file: \S+|pytest) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_HUB: Final = re.compile(r"<!-- hub: (.*?) -->")
_ID: Final = re.compile(r"camp_[0-9a-f]{24}")
# What differs from run to run, whatever the page shows.
_VARYING: Final = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"sk_live_sandbox_[0-9a-f]+"), "sk_live_sandbox_KEY"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "TIME"),
)
# The port that pages show, which is the one of `kataven sandbox`.
_PORT: Final = 8321
_PATIENCE: Final = 100


class PageError(Exception):
    """A program of a page failed, or printed something else than the page shows."""


@dataclass
class Page:
    """The run of one page.

    Attributes:
        path: The page.
        folder: Where its code runs.
        environment: What its programs see.
        write: Whether the page is written instead of compared.
    """

    path: Path
    folder: Path
    environment: dict[str, str]
    write: bool = False
    ids: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    hubs: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self) -> str:
        """Run the blocks.

        Returns:
            The text of the page, with what its code printed if ``write`` is set.

        Raises:
            PageError: A program failed, or the page shows something else than it printed.
        """
        text = self.path.read_text(encoding="utf-8")
        parts: list[str] = []
        at = end = 0
        printed: str | None = None
        self.names = list(dict.fromkeys(_ID.findall(text)))
        for block in _BLOCK.finditer(text):
            language, body, note = block["language"], block["text"], block["note"]
            follows = not text[end : block.start()].strip()
            end = block.end()
            new = body
            if note and note.startswith("file: "):
                file = self.folder / note.removeprefix("file: ")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(body, encoding="utf-8")
                printed = None
            elif note == "pytest":
                (self.folder / "test_page.py").write_text(body, encoding="utf-8")
                printed = self._python("-m", "pytest", "-q", "-p", "no:cacheprovider")
            elif language == "python":
                (self.folder / "program.py").write_text(body, encoding="utf-8")
                printed = self._python("program.py")
            elif language == "console":
                new, printed = self._console(body), None
            elif language == "text" and printed is not None and follows:
                new, printed = self._shown(body, printed), None
            elif language == "text":
                raise PageError(f"{self.path}: this output follows no program:\n{body}")
            start = block.start("text")
            parts += [text[at:start], new]
            at = block.end("text")
            if language != "python":
                printed = None
        return "".join([*parts, text[at:]])

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            # Like the test suite: warnings are errors.
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode or done.stderr:
            raise PageError(f"{self.path}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _console(self, body: str) -> str:
        """Run the commands of a block, and return it with what they printed."""
        result = []
        for command, shown in re.findall(
            r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE
        ):
            if command.startswith("kataven sandbox"):
                printed = self._start_hub(command)
            else:
                printed = self._command(command)
            result.append(f"$ {command}\n{self._shown(shown, printed)}")
        return "".join(result)

    def _command(self, command: str) -> str:
        for shown, real in self.ids.items():
            command = command.replace(shown, real)
        done = subprocess.run(  # noqa: S602 - the project's own pages
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # In the order in which a reader of a terminal sees it.
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        return done.stdout

    def _start_hub(self, command: str) -> str:
        """Start the Hub that a page shows, on any port, and use it from here on."""
        hub = subprocess.Popen(  # noqa: S602 - the project's own pages
            f"exec {command} --port 0",
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.hubs.append(hub)
        lines: list[str] = []
        for line in hub.stdout or ():
            lines.append(line)
            if found := re.match(r"\s*export (\w+)=(\S+)", line):
                self.environment[found[1]] = found[2]
            if "Ctrl-C" in line:
                break
        return "".join(lines)

    def _shown(self, shown: str, printed: str) -> str:
        """Compare what a page shows with what was printed; return what it must show."""
        # The first campaign that is printed is the first one that the page names.
        for real in _ID.findall(printed):
            unused = next((name for name in self.names if name not in self.ids), real)
            if real not in self.ids.values():
                self.ids[unused] = real
        names = {real: mine for mine, real in self.ids.items()}
        printed = _ID.sub(lambda found: names.get(found[0], found[0]), printed)
        if self.write and not _matches(shown, printed):
            if "..." in shown:
                raise PageError(f"{self.path}: write by hand what it printed:\n{printed}")
            return re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{_PORT}", printed)
        if not _matches(shown, printed):
            raise PageError(
                f"{self.path} shows\n----\n{shown}----\nand it printed\n----\n{printed}----"
            )
        return shown

    def close(self) -> None:
        """End the Hubs that the page started."""
        for hub in self.hubs:
            hub.terminate()
            hub.wait()
            if hub.stdout:
                hub.stdout.close()


def _matches(shown: str, printed: str) -> bool:
    for pattern, name in _VARYING:
        shown, printed = pattern.sub(name, shown), pattern.sub(name, printed)
    # A line of its own matches any number of lines.
    wanted = "(?:.*\n)*".join(
        ".*".join(re.escape(part) for part in lines.split("..."))
        for lines in re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)
    )
    return re.fullmatch(wanted, printed) is not None


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each code block of a page."""
    for block in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        yield block["language"], block["text"]


def _options(path: Path) -> dict[str, Any]:
    options: dict[str, Any] = {"time_scale": 3_000, "limits": None, "seed": 1}
    if found := _HUB.search(path.read_text(encoding="utf-8")):
        options |= {
            name: int(value) for name, value in (word.split("=") for word in found[1].split())
        }
    return options


def run_page(path: Path, *, write: bool = False) -> str:
    """Run the code of a page in a folder of its own.

    Args:
        path: The page.
        write: Return the page with what its code printed, instead of comparing.

    Returns:
        The text of the page.

    Raises:
        PageError: A program failed, or the page shows something else than it printed.
    """
    with imported():
        import uvicorn  # noqa: F401, PLC0415 - the Hub loads it when it starts

        from kataven.sandbox import Sandbox  # noqa: PLC0415 - after sys.path

    kept = {name: value for name, value in os.environ.items() if not name.startswith("KATAVEN_")}
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(ROOT / "examples", folder / "examples")
        hub = closing.enter_context(Sandbox(**_options(path)))
        environment = {
            **kept,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "KATAVEN_API_KEY": hub.api_key,
            "KATAVEN_BASE_URL": hub.url,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "generated")]),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
            "COLUMNS": "200",
        }
        page = Page(path, folder, environment, write=write)
        closing.callback(page.close)
        return page.run()


def main() -> int:
    """Run pages; return 0, or 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="write what the code prints")
    parser.add_argument("pages", nargs="+", type=Path)
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "generated")]
    failed = 0
    for path in given.pages:
        try:
            text = run_page(path, write=given.write)
        except PageError as error:
            print(error)
            failed = 1
            continue
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
        else:
            print(f"fine: {path}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
