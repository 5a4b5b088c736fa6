"""Fifteen changes planted in a vendor-style document are all reported, with their rank, and no other.

``tests/data/vendor-openapi.yaml`` is the document that ``openapi.yaml`` is made of;
``vendor-openapi-changed.yaml`` is the same with every planted change in it.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from planted import PLANTED, Finding, Planted, default_changed, response_field_removed
from spec import compare, document, normalise, places, project, report

# Each test here starts processes, several of them one after the other; a busy machine needs time.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "vendor-openapi.yaml"
SECOND = ROOT / "tests" / "data" / "vendor-openapi-changed.yaml"

by_name = pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)


def _load(path: Path) -> dict[str, Any]:
    return document.load(path.read_text("utf-8"), path.name)


def _normalised(doc: dict[str, Any]) -> dict[str, Any]:
    return normalise.normalise(doc, "the document", project.tables(ROOT)).document


def _findings(old: dict[str, Any], new: dict[str, Any]) -> list[Finding]:
    found = compare.compare(
        _normalised(old), _normalised(new), places.Places(project.tables(ROOT).covered)
    )
    return [(change.operation, change.what, change.name, change.rank) for change in found]


def _in_report(path: Path) -> list[Finding]:
    found = json.loads(path.read_text("utf-8"))
    assert found.keys() == {"rank", "changes"}
    for change in found["changes"]:
        assert change.keys() == {"operation", "what", "name", "rank", "message"}
    return [(c["operation"], c["what"], c["name"], c["rank"]) for c in found["changes"]]


def test_the_second_document_is_the_first_with_every_planted_change() -> None:
    doc = _load(FIRST)
    for planted in PLANTED:
        planted.plant(doc)

    assert doc == _load(SECOND), (
        f"{SECOND.name} is not {FIRST.name} with the planted changes: carry the last edit of the "
        "first over to the second"
    )


@by_name
def test_a_change_alone_is_reported_alone_and_so_is_its_opposite(planted: Planted) -> None:
    first = _load(FIRST)
    changed = copy.deepcopy(first)
    planted.plant(changed)

    assert _findings(first, changed) == [planted.forward]
    assert _findings(changed, first) == [planted.back]


@pytest.mark.slow
def test_all_together_are_reported_and_taken_over_and_taken_back(project: Any) -> None:
    reports = project.root.parent
    before = project.snapshot()

    dry = project.run("update_spec.py", SECOND, "--dry-run", "--report", reports / "dry")
    assert (dry.returncode, dry.stderr) == (20, "")
    assert project.snapshot() == before

    taken = project.run("update_spec.py", SECOND, "--report", reports / "there")
    assert (taken.returncode, taken.stderr) == (20, "")
    assert project.snapshot() != before
    found = _in_report(reports / "there")
    assert sorted(found, key=repr) == sorted((one.forward for one in PLANTED), key=repr)
    assert found == _in_report(reports / "dry")
    assert [rank for *_, rank in found] == ["breaking"] * 7 + ["compatible"] * 5 + ["internal"] * 3
    for rank, number in (("Breaking", 7), ("Compatible", 5), ("Internal", 3)):
        assert f"{rank}" in taken.stdout
        assert f"({number}):" in taken.stdout
    assert "Next version: " in taken.stdout
    check = project.run("generate.py", "--check")
    assert (check.returncode, check.stderr) == (0, "")

    again = project.run("update_spec.py", SECOND, "--dry-run")
    assert (again.returncode, again.stderr) == (0, "")
    assert "Nothing changed." in again.stdout

    back = project.run("update_spec.py", FIRST, "--report", reports / "back")
    assert (back.returncode, back.stderr) == (20, "")
    found = _in_report(reports / "back")
    assert sorted(found, key=repr) == sorted((one.back for one in PLANTED), key=repr)
    assert project.snapshot() == before


@by_name
def test_the_report_names_the_place_in_kataven(planted: Planted) -> None:
    first = _load(FIRST)
    changed = copy.deepcopy(first)
    planted.plant(changed)
    found = compare.compare(
        _normalised(first), _normalised(changed), places.Places(project.tables(ROOT).covered)
    )

    for change in found:
        named = [word.strip(",;()") for word in change.message.split() if "kataven/" in word]
        if change.rank == "internal":
            continue
        assert named, change.message
        for place in named:
            assert (ROOT / place).exists(), f"{place} is named, but is not there"


def test_the_changelog_lines_name_what_users_meet() -> None:
    first = _load(FIRST)
    changed = copy.deepcopy(first)
    default_changed(changed)
    response_field_removed(changed)
    naming = places.Places(project.tables(ROOT).covered)
    found = compare.compare(_normalised(first), _normalised(changed), naming)

    breaking, compatible = report.changelog(found, naming)
    assert breaking == "Breaking: Campaign.created_by is gone."
    assert "was 300 and is 600" in compatible
    assert "the contract's default (300) and the Hub's (600) differ now" in compatible
    assert compatible.endswith(" (campaigns.create).")


@pytest.mark.parametrize(
    ("version", "rank", "following"),
    [
        ("0.1.0", "internal", "0.1.1"),
        ("0.1.0", "compatible", "0.1.1"),
        ("0.1.4", "breaking", "0.2.0"),
        ("1.2.3", "internal", "1.2.4"),
        ("1.2.3", "compatible", "1.3.0"),
        ("1.2.3", "breaking", "2.0.0"),
    ],
)
def test_the_next_version_follows_the_gravest_rank(version: str, rank: str, following: str) -> None:
    assert report.next_version(version, rank) == following
