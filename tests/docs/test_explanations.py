"""The tables of the explanations: assumptions are linked, and threats are guarded."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
KNOWN = (DOCS / "explanation" / "known-and-assumed.md").read_text(encoding="utf-8")
SECURITY = (DOCS / "explanation" / "security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[(.*)\]\{#([\w-]+)\} \| (.*?) \| (.*?) \|$", KNOWN, re.MULTILINE)
GUARDS = re.findall(r"\| `(tests/[^`]+)` \|$", SECURITY, re.MULTILINE)


def test_every_fact_has_an_anchor_and_a_source():
    rows = [line for line in KNOWN.splitlines() if line.startswith("| ")]
    headers = rows.count("| fact | source | if it is otherwise |")

    assert len(ROWS) == len(rows) - headers
    assert len({anchor for _, anchor, _, _ in ROWS}) == len(ROWS) > 40
    for _, anchor, source, _ in ROWS:
        assert re.match(r"documented|assumed|not known|our choice|409 is assumed", source), anchor


def test_every_assumption_says_what_happens_otherwise_and_is_linked():
    links = set()
    for path in DOCS.rglob("*.md"):
        links |= set(re.findall(r"known-and-assumed\.md#([\w-]+)", path.read_text("utf-8")))
    links |= set(re.findall(r'"([\w-]+)"', (DOCS / "_ext" / "assumptions.py").read_text("utf-8")))

    for _, anchor, source, otherwise in ROWS:
        if not source.startswith("documented") or "assumed" in source:
            assert otherwise
            assert anchor in links, anchor
    assert links & {"a-scheduled-campaign"}


@pytest.mark.slow
def test_every_threat_has_a_test_that_exists():
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ")]

    assert len(GUARDS) == len(rows) - rows.count("| threat | what the SDK does | guarded by |")
    for guard in GUARDS:
        path, _, name = guard.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
        assert name in names, guard


@pytest.mark.parametrize("word", ["token", "Redirects", "server", "list", "Personal"])
def test_security_has_a_section_about(word):
    assert re.search(rf"^## .*{word}", SECURITY, re.MULTILINE)
