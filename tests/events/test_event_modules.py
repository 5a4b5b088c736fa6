"""What the modules of events may import."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kataven.events
from kataven.events import data_lines, decoder, items


@pytest.mark.parametrize("module", [decoder, data_lines, items], ids=lambda module: module.__name__)
def test_the_decoder_imports_nothing_that_reads_waits_or_connects(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    inside = {"kataven.events.items", "kataven.events.data_lines"}
    assert imported <= {"json", "typing", "collections.abc", "contextlib", *inside}


def test_importing_the_events_loads_no_http_client() -> None:
    code = (
        "import sys, kataven.events, kataven.events.decoder;"
        "print([n for n in ('httpx', 'httpcore', 'asyncio', 'anyio', 'ssl') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_package_names_what_it_offers_and_no_more() -> None:
    assert set(kataven.events.__all__) <= set(dir(kataven.events))
    assert {"EventStream", "AsyncEventStream"} <= set(kataven.events.__all__)
    for name in kataven.events.__all__:
        assert getattr(kataven.events, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Stream'"):
        _ = kataven.events.Stream
