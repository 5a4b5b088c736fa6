"""Code blocks of the documents, and a folder with an embedded Hub to run programs in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kataven.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def blocks() -> Callable[[str, str], list[str]]:
    """Return the code blocks in one language of a document."""

    def find(document: str, language: str) -> list[str]:
        text = (ROOT / document).read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    return find


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Run]:
    """Run Python in a folder with the examples; the environment points to an embedded Hub."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KATAVEN_")}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "generated")])
    with Sandbox(time_scale=600) as hub:
        hub_settings = {"KATAVEN_API_KEY": hub.api_key, "KATAVEN_BASE_URL": hub.url}

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                # Like the test suite: warnings are errors.
                [sys.executable, "-W", "error", *arguments],
                cwd=tmp_path,
                env={**kept, **hub_settings, "PYTHONPATH": paths},
                capture_output=True,
                text=True,
            )

        yield run
