"""The documents, their code, and a folder with an embedded Hub to run it in."""

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
    """The code blocks of a document in a language."""

    def find(document: str, language: str) -> list[str]:
        text = (ROOT / document).read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    return find


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Run]:
    """Runs a program in a folder that has the examples, with a Hub named by the environment."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KATAVEN_")}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "generated")])
    with Sandbox(time_scale=600) as hub:
        named = {"KATAVEN_API_KEY": hub.api_key, "KATAVEN_BASE_URL": hub.url}

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                # As the tests run: a warning is an error.
                [sys.executable, "-W", "error", *arguments],
                cwd=tmp_path,
                env={**kept, **named, "PYTHONPATH": paths},
                capture_output=True,
                text=True,
            )

        yield run
