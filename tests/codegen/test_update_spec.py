"""``update_spec.py`` and ``check_spec.py`` as a maintainer runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spec import document, order

if TYPE_CHECKING:
    from collections.abc import Callable

# Each test here starts processes, several of them one after the other; a busy machine needs time.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "vendor-openapi.yaml"

Doc = dict[str, Any]


def _vendor() -> Doc:
    return document.load(FIRST.read_text("utf-8"), FIRST.name)


def test_the_first_document_changes_nothing(project: Any) -> None:
    before = project.snapshot()
    written = project.root.parent / "report.json"

    result = project.run("update_spec.py", FIRST, "--report", written)

    assert (result.returncode, result.stderr) == (0, "")
    assert "Nothing changed." in result.stdout
    assert "GET /agents, POST /calls/originate" in result.stdout
    assert json.loads(written.read_text("utf-8")) == {"rank": "internal", "changes": []}
    assert project.snapshot() == before


@pytest.mark.slow
def test_an_edit_of_openapi_yaml_by_hand_is_noticed_and_replaced(project: Any) -> None:
    before = project.snapshot()
    project.edit("openapi.yaml", "maximum: 100", "maximum: 90")

    check = project.run("generate.py", "--check")
    assert check.returncode == 1
    assert "openapi.yaml was edited by hand, but it is output only" in check.stderr
    assert "scripts/spec/assumed.yaml" in check.stderr
    assert "python scripts/update_spec.py" in check.stderr

    result = project.run("update_spec.py", FIRST)
    assert result.returncode == 10
    assert "maximum of CampaignCreate.max_concurrent_calls was 90 and is 100" in result.stdout
    assert "this run replaces the" in " ".join(result.stdout.split())
    assert project.snapshot() == before


def _sealed(project: Any, change: Callable[[Doc], None]) -> None:
    """Change openapi.yaml as update_spec.py would write it, but generate nothing from it."""
    path = project.root / "openapi.yaml"
    doc = document.load(path.read_text("utf-8"), path.name)
    change(doc)
    path.write_text(order.write(doc), "utf-8")


def _description(doc: Doc) -> None:
    doc["components"]["schemas"]["Campaign"]["description"] = "A list of people to call."


def _doubled_operation_id(doc: Doc) -> None:
    doc["paths"]["/campaigns/{id}"]["get"]["operationId"] = "listCampaigns"


def _not_openapi(doc: Doc) -> None:
    doc["components"]["schemas"]["Campaign"]["type"] = "thing"


def _nothing_to_parse(doc: Doc) -> None:
    answer = doc["paths"]["/call-limits"]["get"]["responses"]["200"]
    answer["content"] = {"application/x-protobuf": {"schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_description, ["generated/kataven_hub/models/campaign.py is not what openapi.yaml"]),
        (_doubled_operation_id, ["no valid OpenAPI document", "listCampaigns"]),
        (_not_openapi, ["openapi.yaml is no valid OpenAPI document", "thing"]),
        (_nothing_to_parse, ["openapi-python-client failed", "application/x-protobuf"]),
    ],
)
def test_a_changed_specification_fails_the_check(
    project: Any, change: Callable[[Doc], None], words: list[str]
) -> None:
    _sealed(project, change)
    before = project.snapshot()

    result = project.run("generate.py", "--check")

    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert project.snapshot() == before


def _swagger(doc: Doc) -> None:
    del doc["openapi"]
    doc["swagger"] = "2.0"


def _version_4(doc: Doc) -> None:
    doc["openapi"] = "4.0.0"


def _no_paths(doc: Doc) -> None:
    doc["paths"] = {}


def _other_api(doc: Doc) -> None:
    doc["paths"] = {"/pets": {"get": {"responses": {"200": {"description": "Pets."}}}}}


def _dangling(doc: Doc) -> None:
    del doc["components"]["schemas"]["data.CallLimits"]


def _outside(doc: Doc) -> None:
    doc["components"]["schemas"]["data.Agent"] = {"$ref": "https://example.com/agent.json"}


def _odd_path(doc: Doc) -> None:
    doc["paths"]["/api/v1/campaigns"]["get"] = ["not", "an", "operation"]


def _invalid(doc: Doc) -> None:
    doc["components"]["schemas"]["data.Campaign"]["properties"]["id"]["type"] = "text"


def _unreadable_answer(doc: Doc) -> None:
    answer = doc["paths"]["/api/v1/call-limits"]["get"]["responses"]["200"]
    answer["content"] = {"application/x-protobuf": {"schema": {"type": "object"}}}


UNUSABLE: list[tuple[Callable[[Doc], None], str]] = [
    (_swagger, "is Swagger 2.0: convert it first"),
    (_version_4, "says openapi: '4.0.0'; this reads OpenAPI 3.0 and 3.1"),
    (_no_paths, "has no paths"),
    (_other_api, "is it the Kataven Hub's?"),
    (_dangling, "refers to #/components/schemas/data.CallLimits, which is not in the document"),
    (_outside, "refers to https://example.com/agent.json"),
    (_odd_path, "paths//api/v1/campaigns holds no operations"),
    (_invalid, "is no valid OpenAPI document"),
    (_unreadable_answer, "openapi-python-client failed"),
]


@pytest.mark.parametrize(("spoil", "words"), UNUSABLE)
def test_a_document_that_cannot_be_used_leaves_the_tree_as_it_was(
    project: Any, spoil: Callable[[Doc], None], words: str
) -> None:
    doc = _vendor()
    spoil(doc)
    file = project.root.parent / "new.json"
    file.write_text(json.dumps(doc), "utf-8")
    before = project.snapshot()

    result = project.run("update_spec.py", file)

    assert result.returncode == 3
    assert words in result.stderr
    assert "Nothing was written." in result.stderr
    assert "Traceback" not in result.stderr
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is neither JSON nor YAML"),
        ("- one\n- two\n", "holds no mapping"),
        ("", "holds no mapping"),
        ("openapi: 3.1.0\npaths: {}\npaths: {}\n", "'paths' stands twice in one mapping, line 3"),
    ],
)
def test_a_text_that_is_no_document_is_refused(project: Any, text: str, words: str) -> None:
    file = project.root.parent / "new.yaml"
    file.write_text(text, "utf-8")

    result = project.run("update_spec.py", file, "--dry-run")

    assert result.returncode == 3
    assert words in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nowhere.yaml"],
        [str(FIRST), "--frce"],
        [str(FIRST), "--report", "nowhere/report.json"],
        [str(FIRST), "--report", "."],
    ],
)
def test_wrong_usage_has_its_own_exit_code(project: Any, arguments: list[str]) -> None:
    before = project.snapshot()

    result = project.run("update_spec.py", *arguments)

    assert result.returncode == 2
    assert "usage:" in result.stderr
    assert project.snapshot() == before


@pytest.mark.slow
def test_an_assumption_that_comes_true_is_internal_once_its_entry_is_out(project: Any) -> None:
    doc = _vendor()
    times = doc["components"]["schemas"]["data.Campaign"]["properties"]
    times["started_at"]["type"] = ["string", "null"]
    file = project.root.parent / "new.json"
    file.write_text(json.dumps(doc), "utf-8")

    refused = project.run("update_spec.py", file)
    assert refused.returncode == 3
    assert "assumes that Campaign.started_at may be null" in refused.stderr

    project.edit(
        "scripts/spec/assumed.yaml",
        "fields: [scheduled_at, started_at, completed_at]",
        "fields: [scheduled_at, completed_at]",
    )
    written = project.root.parent / "report.json"
    taken = project.run("update_spec.py", file, "--report", written)

    assert (taken.returncode, taken.stderr) == (0, "")
    (change,) = json.loads(written.read_text("utf-8"))["changes"]
    assert (change["what"], change["name"], change["rank"]) == (
        "assumption documented",
        "Campaign.started_at",
        "internal",
    )


def test_the_vendors_document_is_compared_over_the_network_and_nothing_changes(
    project: Any, socket_server: Any
) -> None:
    before = project.snapshot()
    socket_server.will_send(200, FIRST.read_bytes(), "application/yaml")

    same = project.run("check_spec.py", f"{socket_server.url}/openapi.yaml")
    assert (same.returncode, same.stderr) == (0, "")
    assert "says what openapi.yaml says" in same.stdout

    doc = _vendor()
    del doc["components"]["schemas"]["data.Campaign"]["properties"]["created_by"]
    socket_server.will_send(200, json.dumps(doc).encode())
    other = project.run("check_spec.py", f"{socket_server.url}/openapi.json")
    assert (other.returncode, other.stderr) == (20, "")
    assert "Campaign.created_by is gone" in other.stdout
    assert "Nothing was changed." in other.stdout
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"no such page", "could not be fetched: the server answered 404"),
        (500, b"down", "could not be fetched: the server answered 500"),
        (200, b"\xff\xfe", "could not be fetched: it is no UTF-8 text"),
    ],
)
def test_what_could_not_be_fetched_is_said_so(
    project: Any, socket_server: Any, status: int, body: bytes, words: str
) -> None:
    socket_server.will_send(status, body)

    result = project.run("check_spec.py", f"{socket_server.url}/openapi.json")

    assert result.returncode == 4
    assert words in result.stderr
    assert "nothing is known of whether it differs" in result.stderr


def test_a_server_that_is_not_there_is_said_so(project: Any) -> None:
    result = project.run("check_spec.py", "http://127.0.0.1:1/openapi.json")

    assert result.returncode == 4
    assert "could not be fetched" in result.stderr


def test_a_page_instead_of_a_document_is_said_so(project: Any, socket_server: Any) -> None:
    socket_server.will_send(200, b"<html>Sign in</html>", "text/html")

    result = project.run("check_spec.py", f"{socket_server.url}/openapi.json")

    assert result.returncode == 3
    assert "holds no mapping" in result.stderr


def test_a_file_is_compared_too_and_a_wrong_name_is_wrong_usage(project: Any) -> None:
    assert project.run("check_spec.py", FIRST).returncode == 0
    assert project.run("check_spec.py", "nowhere.yaml").returncode == 2
    assert project.run("check_spec.py", "ftp://127.0.0.1/openapi.yaml").returncode == 2
