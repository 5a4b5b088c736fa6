"""Fifteen changes planted in a vendor-style document are all reported, with their rank, and no other.

``tests/data/vendor-openapi.yaml`` is the document that ``openapi.yaml`` is made of;
``vendor-openapi-changed.yaml`` is the same with every planted change in it.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scripts.spec import compare, document, normalise, places, project, report

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "vendor-openapi.yaml"
SECOND = ROOT / "tests" / "data" / "vendor-openapi-changed.yaml"

CAMPAIGNS = "/api/v1/campaigns"

Finding = tuple[str | None, str, str, str]


@dataclass(frozen=True)
class Planted:
    """A change, what the report has to say of it, and what of its opposite."""

    name: str
    plant: Callable[[dict[str, Any]], None]
    forward: Finding
    back: Finding


def _campaign(doc: dict[str, Any]) -> dict[str, Any]:
    return doc["components"]["schemas"]["data.Campaign"]["properties"]


def _form(doc: dict[str, Any]) -> dict[str, Any]:
    content = doc["paths"][CAMPAIGNS]["post"]["requestBody"]["content"]
    return content["application/x-www-form-urlencoded"]["schema"]


def _operation_id_appears(doc: dict[str, Any]) -> None:
    doc["paths"][CAMPAIGNS]["get"]["operationId"] = "campaignsList"


def _path_parameter_renamed(doc: dict[str, Any]) -> None:
    item = doc["paths"].pop(f"{CAMPAIGNS}/{{id}}/contacts")
    doc["paths"][f"{CAMPAIGNS}/{{campaign_id}}/contacts"] = item
    item["get"]["parameters"][0]["name"] = "campaign_id"


def _operation_removed(doc: dict[str, Any]) -> None:
    del doc["paths"][f"{CAMPAIGNS}/{{id}}/resume"]


def _operation_added(doc: dict[str, Any]) -> None:
    doc["paths"][f"{CAMPAIGNS}/{{id}}/report"] = {
        "get": {
            "tags": ["Campaigns"],
            "summary": "Get the report of a campaign",
            "security": [{"BearerAuth": []}],
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "responses": {"200": {"description": "The report."}},
        }
    }


def _required_form_field(doc: dict[str, Any]) -> None:
    _form(doc)["required"].append("consent_basis")
    _form(doc)["properties"]["consent_basis"] = {
        "type": "string",
        "description": "Why the contacts may be called.",
    }


def _optional_form_field(doc: dict[str, Any]) -> None:
    _form(doc)["properties"]["timezone"] = {
        "type": "string",
        "description": "The zone of the contacts.",
    }


def _response_field_removed(doc: dict[str, Any]) -> None:
    del _campaign(doc)["created_by"]


def _type_changed(doc: dict[str, Any]) -> None:
    _campaign(doc)["retry_delay_seconds"]["type"] = "string"


def _nullability_changed(doc: dict[str, Any]) -> None:
    _campaign(doc)["phone_number_id"]["type"] = ["string", "null"]


def _enum_word_added(doc: dict[str, Any]) -> None:
    _campaign(doc)["status"]["enum"].append("archived")


def _enum_word_removed(doc: dict[str, Any]) -> None:
    _campaign(doc)["status"]["enum"].remove("scheduled")


def _bound_changed(doc: dict[str, Any]) -> None:
    _form(doc)["properties"]["max_concurrent_calls"]["maximum"] = 50


def _default_changed(doc: dict[str, Any]) -> None:
    _form(doc)["properties"]["retry_delay_seconds"]["default"] = 600


def _media_type_changed(doc: dict[str, Any]) -> None:
    content = doc["paths"]["/api/v1/call-limits"]["get"]["responses"]["200"]["content"]
    content["application/vnd.kataven+json"] = content.pop("application/json")


def _status_code_added(doc: dict[str, Any]) -> None:
    doc["paths"][CAMPAIGNS]["post"]["responses"]["413"] = {
        "description": "The file is too large.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }


def _internal(operation: str | None, what: str, name: str) -> Finding:
    return operation, what, name, "internal"


def _compatible(operation: str | None, what: str, name: str) -> Finding:
    return operation, what, name, "compatible"


def _breaking(operation: str | None, what: str, name: str) -> Finding:
    return operation, what, name, "breaking"


PLANTED = [
    Planted(
        "an operationId that appears",
        _operation_id_appears,
        _internal("listCampaigns", "operationId changed", "listCampaigns"),
        _internal("listCampaigns", "operationId changed", "listCampaigns"),
    ),
    Planted(
        "a renamed path parameter",
        _path_parameter_renamed,
        _internal("listCampaignContacts", "path parameter renamed", "campaign_id"),
        _internal("listCampaignContacts", "path parameter renamed", "id"),
    ),
    Planted(
        "a removed operation",
        _operation_removed,
        _breaking("resumeCampaign", "operation removed", "resumeCampaign"),
        _compatible("resumeCampaign", "operation added", "resumeCampaign"),
    ),
    Planted(
        "an added operation",
        _operation_added,
        _internal(None, "uncovered operation added", "GET /campaigns/{id}/report"),
        _internal(None, "uncovered operation removed", "GET /campaigns/{id}/report"),
    ),
    Planted(
        "a new required form field",
        _required_form_field,
        _breaking("createCampaign", "required request field added", "CampaignCreate.consent_basis"),
        _breaking("createCampaign", "request field removed", "CampaignCreate.consent_basis"),
    ),
    Planted(
        "a new optional form field",
        _optional_form_field,
        _compatible("createCampaign", "request field added", "CampaignCreate.timezone"),
        _breaking("createCampaign", "request field removed", "CampaignCreate.timezone"),
    ),
    Planted(
        "a removed response field",
        _response_field_removed,
        _breaking(None, "response field removed", "Campaign.created_by"),
        _compatible(None, "response field added", "Campaign.created_by"),
    ),
    Planted(
        "a type change",
        _type_changed,
        _breaking(None, "response type changed", "Campaign.retry_delay_seconds"),
        _breaking(None, "response type changed", "Campaign.retry_delay_seconds"),
    ),
    Planted(
        "a nullability change",
        _nullability_changed,
        _breaking(None, "response field became nullable", "Campaign.phone_number_id"),
        _compatible(None, "response field no longer nullable", "Campaign.phone_number_id"),
    ),
    Planted(
        "a new enum word",
        _enum_word_added,
        _compatible(None, "response enum word added", "CampaignStatus: archived"),
        _compatible(None, "response enum word removed", "CampaignStatus: archived"),
    ),
    Planted(
        "a removed enum word",
        _enum_word_removed,
        _compatible(None, "response enum word removed", "CampaignStatus: scheduled"),
        _compatible(None, "response enum word added", "CampaignStatus: scheduled"),
    ),
    Planted(
        "a changed bound",
        _bound_changed,
        _breaking(
            "createCampaign", "request bound narrowed", "CampaignCreate.max_concurrent_calls"
        ),
        _compatible(
            "createCampaign", "request bound widened", "CampaignCreate.max_concurrent_calls"
        ),
    ),
    Planted(
        "a changed default",
        _default_changed,
        _compatible(
            "createCampaign", "request default changed", "CampaignCreate.retry_delay_seconds"
        ),
        _compatible(
            "createCampaign", "request default changed", "CampaignCreate.retry_delay_seconds"
        ),
    ),
    Planted(
        "a media type",
        _media_type_changed,
        _breaking("getCallLimits", "response media type changed", "application/vnd.kataven+json"),
        _breaking("getCallLimits", "response media type changed", "application/json"),
    ),
    Planted(
        "a status code",
        _status_code_added,
        _compatible("createCampaign", "status code added", "413"),
        _compatible("createCampaign", "status code removed", "413"),
    ),
]

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
    _default_changed(changed)
    _response_field_removed(changed)
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


# What mypy finds in kataven/ after a change, by the file that it is behind in; every other change
# leaves kataven/ as it is.
BEHIND = {
    "a removed operation": "kataven/campaigns/operations.py",
    "a new required form field": "kataven/campaigns/operations.py",
}


def _type_check(root: Path) -> set[str]:
    """What mypy finds in both packages, a line for each error."""
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "-p", "kataven_hub", "-p", "kataven"],
        cwd=root,
        env={"MYPYPATH": "generated", "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "checked" in checked.stdout or "Success" in checked.stdout, checked.stderr
    return {line for line in checked.stdout.splitlines() if ": error:" in line}


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The tree as it is, with mypy's cache of it, and what mypy finds there already."""
    root = tmp_path_factory.mktemp("unchanged")
    for name in ("kataven", "generated"):
        shutil.copytree(ROOT / name, root / name)
    return root, _type_check(root)


@pytest.mark.proof
@pytest.mark.timeout(600)
@by_name
def test_after_a_change_all_type_checks_or_the_report_says_what_is_behind(
    project: Any, unchanged: tuple[Path, set[str]], planted: Planted
) -> None:
    tree, before = unchanged
    shutil.copytree(tree / "kataven", project.root / "kataven", dirs_exist_ok=True)
    shutil.copytree(tree / ".mypy_cache", project.root / ".mypy_cache")
    changed = _load(FIRST)
    planted.plant(changed)
    file = project.root.parent / "changed.json"
    file.write_text(json.dumps(changed), "utf-8")

    result = project.run("update_spec.py", file)
    assert result.stderr == ""
    found = _type_check(project.root) - before

    behind = {line.split(":")[0] for line in found}
    assert behind == {BEHIND[planted.name]} if planted.name in BEHIND else not behind, found
    for place in behind:
        assert place in " ".join(result.stdout.split())
