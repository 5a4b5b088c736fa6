"""Write the blocking clients from the async ones.

    python scripts/make_blocking.py            writes the blocking modules
    python scripts/make_blocking.py --check    exits with 1 if one differs, and changes nothing

The facades hold signatures, docstrings and one line of code a method; everything that decides is in
flows, which both clients run. So the blocking facade is the async one without ``async`` and
``await``, with other names for classes and with a few other sentences. ``REWORDED`` lists those; an
entry that no longer applies is an error, so that the list stays true.
"""

from __future__ import annotations

import argparse
import difflib
import io
import re
import subprocess
import sys
import tokenize
from importlib import import_module
from pathlib import Path

from tools import imported

ROOT = Path(__file__).resolve().parent.parent

FILES = {
    "kataven/async_client.py": "kataven/client.py",
    "kataven/campaigns/async_methods.py": "kataven/campaigns/methods.py",
    "kataven/campaigns/async_client.py": "kataven/campaigns/client.py",
}

# Names by a rule of their own; every other name loses its "Async" or "async_" prefix.
RENAMED = {
    "aclose": "close",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "AsyncKatavenClient": "KatavenClient",
}

# What the blocking client says differently, by the file that says it.
REWORDED: dict[str, list[tuple[str, str]]] = {
    "kataven/async_client.py": [
        ('"""The async client:', '"""The blocking client:'),
        (
            "``scripts/make_blocking.py`` writes the blocking twin, ``client.py``, from this file.",
            "Written by ``scripts/make_blocking.py`` from ``async_client.py``: change that file.",
        ),
        ("The Kataven Hub, with asyncio.", "The Kataven Hub."),
        ("Safe to share between tasks;", "Safe to share between threads;"),
        ("Use it as an async context manager, or\n", "Use it as a context manager, or\n"),
        (
            "``aclose()``, which closes the connections of the running event loop.",
            "``close()``.",
        ),
        ("or a function, async or not, that returns one.", "or a function that returns one."),
        ("An ``httpx.AsyncClient`` of your own.", "An ``httpx.Client`` of your own."),
        ("Callable[[], str | Awaitable[str]]", "Callable[[], str]"),
        ("import Awaitable, Callable", "import Callable"),
        ("httpx.AsyncClient | None", "httpx.Client | None"),
        ("await get_campaign.asyncio(id,", "get_campaign.sync(id,"),
    ],
    "kataven/campaigns/async_methods.py": [
        (
            "``scripts/make_blocking.py`` writes the blocking twin, ``methods.py``, from this file",
            "Written by ``scripts/make_blocking.py`` from ``async_methods.py``: change that file",
        ),
    ],
    "kataven/campaigns/async_client.py": [
        (
            "``scripts/make_blocking.py`` writes the blocking twin, ``client.py``, from this file.",
            "Written by ``scripts/make_blocking.py`` from ``async_client.py``: change that file.",
        ),
        ("; may be async.", "."),
        ("awaited=True", "awaited=False"),
    ],
}


def blocking(source: str, reworded: list[tuple[str, str]]) -> str:
    """Return the blocking form of an async module.

    Args:
        source: The text of the async module.
        reworded: What the blocking module says differently.

    Raises:
        ValueError: If something to reword is not there.
    """
    for old, new in reworded:
        if old not in source:
            raise ValueError(f"nothing to reword: {old!r}")
        source = source.replace(old, new)
    lines = source.splitlines(keepends=True)
    # From the end, so that the places before stay right.
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type != tokenize.NAME:
            continue
        row, column = token.start
        line = lines[row - 1]
        end = token.end[1]
        name = _renamed(token.string)
        if name is None:
            # The keyword and the space after it.
            end += len(line[end:]) - len(line[end:].lstrip(" "))
            name = ""
        lines[row - 1] = line[:column] + name + line[end:]
    return "".join(lines)


def _renamed(name: str) -> str | None:
    """Return the blocking name, or None for a keyword that goes."""
    if name in {"async", "await"}:
        return None
    if name in RENAMED:
        return RENAMED[name]
    return re.sub(r"^(_*)(?:Async(?=[A-Z])|async_)", r"\1", name)


def formatted(source: str, path: str) -> str:
    """Sort the imports of a module and format it, as ruff does for every other module."""
    for arguments in (["check", "--select=I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, f"--stdin-filename={path}", "-"]
        done = subprocess.run(
            command, input=source, capture_output=True, text=True, cwd=ROOT, check=True
        )
        source = done.stdout
    return source


def main() -> int:
    """Write or compare the blocking modules; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    check = parser.parse_args().check
    with imported():
        # It formats what is written, and is started as a module.
        import_module("ruff")
    different = False
    for source_name, target_name in FILES.items():
        source = (ROOT / source_name).read_text(encoding="utf-8")
        try:
            wanted = formatted(blocking(source, REWORDED[source_name]), target_name)
        except ValueError as error:
            print(f"{source_name}: {error}; correct REWORDED in {__file__}", file=sys.stderr)
            return 2
        target = ROOT / target_name
        present = target.read_text(encoding="utf-8") if target.exists() else ""
        if wanted == present:
            continue
        different = True
        if check:
            print(f"{target_name} is not what {source_name} gives; run scripts/make_blocking.py:")
            sys.stdout.writelines(
                difflib.unified_diff(
                    present.splitlines(keepends=True),
                    wanted.splitlines(keepends=True),
                    target_name,
                    "expected",
                    n=1,
                )
            )
        else:
            target.write_text(wanted, encoding="utf-8")
            print(f"wrote {target_name}")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main())
