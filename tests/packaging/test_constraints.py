"""The constraint files agree with pyproject.toml, and name no package index."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "scripts" / "constraints"


def test_lowest_versions_are_the_bounds_of_pyproject():
    check = [sys.executable, "scripts/constraints.py", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["lowest.txt", "newest.txt"])
def test_constraints_are_names_with_versions_and_nothing_else(name):
    lines = (FOLDER / name).read_text("utf-8").splitlines()

    assert lines[0].startswith("# ")
    assert len(lines) > 15
    assert [line for line in lines[1:] if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_every_library_of_the_lowest_versions_is_among_the_newest():
    tools = {"pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "psutil", "pyte"}
    tools |= {"pytest-rerunfailures", "socksio", "h2", "opentelemetry-sdk"}
    names = [
        {line.partition("==")[0] for line in (FOLDER / name).read_text("utf-8").splitlines()[1:]}
        for name in ("lowest.txt", "newest.txt")
    ]

    assert names[0] - tools - names[1] == set()
