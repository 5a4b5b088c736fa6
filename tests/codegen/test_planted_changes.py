"""Fifteen changes in a document are all reported, each with its rank, and nothing else is.

``tests/data/reconstructed-openapi.yaml`` is the document that ``openapi.yaml`` was last imported
from; ``reconstructed-openapi-changed.yaml`` is the same with all fifteen changes.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from planted import PLANTED, Finding, Planted, default_changed, response_field_removed
from spec import compare, document, findings, importer, project, report

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "reconstructed-openapi.yaml"
SECOND = ROOT / "tests" / "data" / "reconstructed-openapi-changed.yaml"
RULES = project.rules(ROOT)
PRESENT = project.current(ROOT)

by_name = pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)


def _load(path: Path) -> dict[str, Any]:
    return document.load(path.read_text("utf-8"), path.name)


def _imported(doc: dict[str, Any]) -> dict[str, Any]:
    return importer.import_document(doc, "the document", RULES, PRESENT).document


def _findings(old: dict[str, Any], new: dict[str, Any]) -> list[Finding]:
    found = compare.compare(_imported(old), _imported(new))
    return [(change.operation, change.what, change.name, change.rank) for change in found]


def _in_report(path: Path) -> list[Finding]:
    found = json.loads(path.read_text("utf-8"))
    assert found.keys() == {"rank", "changes"}
    for change in found["changes"]:
        assert change.keys() == {"operation", "what", "name", "rank", "message"}
    return [(c["operation"], c["what"], c["name"], c["rank"]) for c in found["changes"]]


def test_second_document_is_the_first_with_every_change() -> None:
    doc = _load(FIRST)
    for planted in PLANTED:
        planted.plant(doc)

    assert doc == _load(SECOND), (
        f"{SECOND.name} is not {FIRST.name} with the planted changes: make the last edit of the "
        "first in the second too"
    )


@pytest.mark.slow
@by_name
def test_single_change_and_its_reversal_are_reported_alone(planted: Planted) -> None:
    first = _load(FIRST)
    changed = copy.deepcopy(first)
    planted.plant(changed)

    assert _findings(first, changed) == [planted.forward]
    assert _findings(changed, first) == [planted.back]


@pytest.mark.slow
def test_all_changes_together_are_reported_and_imported(project: Any) -> None:
    reports = project.root.parent
    before = project.snapshot()

    dry = project.run("update_spec.py", SECOND, "--dry-run", "--report", reports / "dry")
    assert (dry.returncode, dry.stderr) == (20, "")
    assert project.snapshot() == before

    imported = project.run("update_spec.py", SECOND, "--report", reports / "there")
    assert (imported.returncode, imported.stderr) == (20, "")
    assert project.snapshot() != before
    found = _in_report(reports / "there")
    assert sorted(found, key=repr) == sorted((one.forward for one in PLANTED), key=repr)
    assert found == _in_report(reports / "dry")
    assert [rank for *_, rank in found] == ["breaking"] * 7 + ["compatible"] * 5 + ["internal"] * 3
    for heading in ("Breaking for users of kataven (7):", "(5):", "(3):", "Next version: "):
        assert heading in imported.stdout
    assert "Hand edits" not in imported.stdout
    check = project.run("generate.py", "--check")
    assert (check.returncode, check.stderr) == (0, "")

    again = project.run("update_spec.py", SECOND, "--dry-run")
    assert (again.returncode, again.stderr) == (0, "")
    assert "Nothing changed." in again.stdout

    back = project.run("update_spec.py", FIRST, "--report", reports / "back")
    assert (back.returncode, back.stderr) == (20, "")
    expected = {one.name: one.back for one in PLANTED}
    # openapi.yaml no longer covers the operation, so its return is only noted.
    expected["a removed operation"] = (
        None,
        "uncovered operation added",
        "POST /campaigns/{id}/resume",
        "internal",
    )
    assert sorted(_in_report(reports / "back"), key=repr) == sorted(expected.values(), key=repr)


def test_changelog_lines_name_what_users_call() -> None:
    first = _load(FIRST)
    changed = copy.deepcopy(first)
    default_changed(changed)
    response_field_removed(changed)
    found = compare.compare(_imported(first), _imported(changed))

    breaking, compatible = report.changelog(found, findings.sdk_methods(PRESENT))

    assert breaking == "Breaking: Campaign.created_by was removed."
    assert "was 300 and is 600" in compatible
    assert (
        "the SDK sends its own default (300), which now differs from the Hub's (600)" in compatible
    )
    assert compatible.endswith(" (campaigns.create).")


def test_next_version_follows_the_highest_rank() -> None:
    cases = {
        ("0.1.0", "internal"): "0.1.1",
        ("0.1.0", "compatible"): "0.1.1",
        ("0.1.4", "breaking"): "0.2.0",
        ("1.2.3", "internal"): "1.2.4",
        ("1.2.3", "compatible"): "1.3.0",
        ("1.2.3", "breaking"): "2.0.0",
    }
    for (version, rank), following in cases.items():
        assert report.next_version(version, rank) == following
