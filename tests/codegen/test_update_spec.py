"""``update_spec.py`` and ``check_spec.py`` as a maintainer runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spec import document

if TYPE_CHECKING:
    from collections.abc import Callable

# Most tests start the generators, one after the other; a busy machine needs time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "reconstructed-openapi.yaml"

Doc = dict[str, Any]


def _vendor() -> Doc:
    return document.load(FIRST.read_text("utf-8"), FIRST.name)


def test_importing_the_last_document_again_changes_nothing(project: Any) -> None:
    before = project.snapshot()
    written = project.root.parent / "report.json"

    result = project.run_copy("update_spec.py", FIRST, "--report", written)

    assert (result.returncode, result.stderr) == (0, "")
    assert "Nothing changed." in result.stdout
    assert "  - GET /agents\n  - POST /calls/originate" in result.stdout
    assert "To change in kataven/" not in result.stdout
    assert json.loads(written.read_text("utf-8")) == {"rank": "internal", "changes": []}
    assert project.snapshot() == before


def test_import_keeps_comments_and_order_and_names_the_hand_edits_that_it_drops(
    project: Any,
) -> None:
    path = project.root / "openapi.yaml"
    project.edit("openapi.yaml", "    CampaignCreate:\n", "    # The form.\n    CampaignCreate:\n")
    project.edit("openapi.yaml", "      summary: List campaigns\n", "")
    project.edit("openapi.yaml", "  /campaigns:\n", "  /campaigns:  # the list\n")
    commented = path.read_text("utf-8")
    project.edit("openapi.yaml", "maximum: 100", "maximum: 90  # measured")

    result = project.run("update_spec.py", FIRST)

    assert result.returncode == 10
    said = " ".join(result.stdout.split())
    assert "maximum of CampaignCreate.max_concurrent_calls was 90 and is 100" in said
    assert "Hand edits of openapi.yaml that the import drops" in said
    assert "max_concurrent_calls/maximum: was set to 90 by hand, the document has 100" in said
    assert "paths//campaigns/get/summary: was removed by hand, the document has it" in said
    expected = commented.replace("maximum: 100", "maximum: 100  # measured").splitlines()
    imported = path.read_text("utf-8").splitlines()
    assert [line for line in imported if line != "      summary: List campaigns"] == expected
    assert project.run("generate.py", "--check").returncode == 0


def test_assumption_that_the_document_defines_gives_way(project: Any) -> None:
    doc = _vendor()
    times = doc["components"]["schemas"]["data.Campaign"]["properties"]
    times["started_at"]["type"] = ["string", "null"]
    written = project.root.parent / "report.json"

    result = project.run("update_spec.py", project.write("new.json", doc), "--report", written)

    assert (result.returncode, result.stderr) == (0, "")
    assert "the nullability of Campaign.started_at: the document defines it now" in result.stdout
    (change,) = json.loads(written.read_text("utf-8"))["changes"]
    assert (change["what"], change["name"], change["rank"]) == (
        "assumption documented",
        "Campaign.started_at",
        "internal",
    )
    started_at = document.load((project.root / "openapi.yaml").read_text("utf-8"), "openapi.yaml")[
        "components"
    ]["schemas"]["Campaign"]["properties"]["started_at"]
    assert started_at["type"] == ["string", "null"]
    assert "x-assumed" not in started_at


def test_report_lists_what_to_change_in_the_sdk(project: Any) -> None:
    doc = _vendor()
    form = doc["paths"]["/api/v1/campaigns"]["post"]["requestBody"]["content"]
    fields = form["application/x-www-form-urlencoded"]["schema"]["properties"]
    fields["timezone"] = {"type": "string"}

    result = project.run("update_spec.py", project.write("new.json", doc), "--dry-run")

    assert result.returncode == 10
    said = " ".join(result.stdout.split())
    assert "To change in kataven/ (2):" in said
    assert "but CampaignsClient.create has no parameter timezone" in said


def _assumption_without_reason(doc: Doc) -> None:
    del doc["components"]["schemas"]["Contact"]["x-assumed-reason"]


def _operation_without_id(doc: Doc) -> None:
    del doc["paths"]["/call-limits"]["get"]["operationId"]


def _hiding_field(doc: Doc) -> None:
    doc["components"]["schemas"]["Contact"]["properties"]["toDict"] = {"type": "string"}


def _duplicate_operation_id(doc: Doc) -> None:
    doc["paths"]["/campaigns/{id}"]["get"]["operationId"] = "listCampaigns"


def _not_openapi(doc: Doc) -> None:
    doc["components"]["schemas"]["Campaign"]["type"] = "thing"


def _unsupported_media_type(doc: Doc) -> None:
    response = doc["paths"]["/call-limits"]["get"]["responses"]["200"]
    response["content"] = {"application/x-protobuf": {"schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_duplicate_operation_id, ["not a valid OpenAPI document", "listCampaigns"]),
        (_not_openapi, ["openapi.yaml is not a valid OpenAPI document", "thing"]),
        (_assumption_without_reason, ["openapi.yaml: components/schemas/Contact is x-assumed"]),
        (_operation_without_id, ["GET /call-limits has no operationId"]),
        (_hiding_field, ["the field toDict would hide to_dict of the generated model"]),
        (_unsupported_media_type, ["openapi-python-client failed", "application/x-protobuf"]),
    ],
)
def test_changed_openapi_yaml_fails_the_check(
    project: Any, change: Callable[[Doc], None], words: list[str]
) -> None:
    path = project.root / "openapi.yaml"
    doc = document.load(path.read_text("utf-8"), path.name)
    change(doc)
    path.write_text(json.dumps(doc), "utf-8")
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


def _hiding(doc: Doc) -> None:
    doc["components"]["schemas"]["data.Campaign"]["properties"]["from_dict"] = {"type": "string"}


def _unreadable_response(doc: Doc) -> None:
    response = doc["paths"]["/api/v1/call-limits"]["get"]["responses"]["200"]
    response["content"] = {"application/x-protobuf": {"schema": {"type": "object"}}}


UNUSABLE: list[tuple[Callable[[Doc], None], str]] = [
    (_swagger, "is Swagger 2.0: convert it to OpenAPI"),
    (_version_4, "has openapi: '4.0.0'; only OpenAPI 3.0 and 3.1 are supported"),
    (_no_paths, "has no paths"),
    (_other_api, "does it describe the Kataven Hub?"),
    (_dangling, "refers to #/components/schemas/data.CallLimits, which is not in the document"),
    (_outside, "refers to https://example.com/agent.json"),
    (_odd_path, "paths//api/v1/campaigns does not hold operations"),
    (_invalid, "is not a valid OpenAPI document"),
    (_hiding, "the field from_dict would hide from_dict of the generated model: leave it out with"),
    (_unreadable_response, "openapi-python-client failed"),
]


@pytest.mark.parametrize(("spoil", "words"), UNUSABLE)
def test_unusable_document_is_rejected_and_nothing_is_written(
    project: Any, spoil: Callable[[Doc], None], words: str
) -> None:
    doc = _vendor()
    spoil(doc)
    file = project.write("new.json", doc)
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
        ("- one\n- two\n", "does not hold a mapping"),
        ("", "does not hold a mapping"),
        ("openapi: 3.1.0\npaths: {}\npaths: {}\n", "duplicate key 'paths' in one mapping, line 3"),
    ],
)
def test_text_that_is_not_a_document_is_rejected(project: Any, text: str, words: str) -> None:
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


def test_document_is_compared_over_the_network_and_nothing_changes(
    project: Any, socket_server: Any
) -> None:
    before = project.snapshot()
    socket_server.will_send(200, FIRST.read_bytes(), "application/yaml")

    same = project.run_copy("check_spec.py", f"{socket_server.url}/openapi.yaml")
    assert (same.returncode, same.stderr) == (0, "")
    assert "agrees with openapi.yaml" in same.stdout

    doc = _vendor()
    del doc["components"]["schemas"]["data.Campaign"]["properties"]["created_by"]
    socket_server.will_send(200, json.dumps(doc).encode())
    other = project.run("check_spec.py", f"{socket_server.url}/openapi.json")
    assert (other.returncode, other.stderr) == (20, "")
    assert "Campaign.created_by was removed" in other.stdout
    assert "Nothing was changed." in other.stdout
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"no such page", "could not be fetched: the server returned 404"),
        (500, b"down", "could not be fetched: the server returned 500"),
        (200, b"\xff\xfe", "could not be fetched: it is not UTF-8 text"),
    ],
)
def test_failed_fetch_is_reported(
    project: Any, socket_server: Any, status: int, body: bytes, words: str
) -> None:
    socket_server.will_send(status, body)

    result = project.run("check_spec.py", f"{socket_server.url}/openapi.json")

    assert result.returncode == 4
    assert words in result.stderr
    assert "Whether it differs is not known" in result.stderr


def test_unreachable_server_is_reported(project: Any) -> None:
    result = project.run("check_spec.py", "http://127.0.0.1:1/openapi.json")

    assert result.returncode == 4
    assert "could not be fetched" in result.stderr


def test_page_instead_of_a_document_is_reported(project: Any, socket_server: Any) -> None:
    socket_server.will_send(200, b"<html>Sign in</html>", "text/html")

    result = project.run("check_spec.py", f"{socket_server.url}/openapi.json")

    assert result.returncode == 3
    assert "does not hold a mapping" in result.stderr


def test_file_is_compared_and_wrong_name_is_wrong_usage(project: Any) -> None:
    assert project.run("check_spec.py", FIRST).returncode == 0
    assert project.run("check_spec.py", "nowhere.yaml").returncode == 2
    assert project.run("check_spec.py", "ftp://127.0.0.1/openapi.yaml").returncode == 2
