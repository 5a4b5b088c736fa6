"""A rule that matches nothing is an error. An assumption that the document defines gives way."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from problems import ScriptError
from spec import document, importer, project

if TYPE_CHECKING:
    from collections.abc import Callable

# Each test imports a document as a whole.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "reconstructed-openapi.yaml"

Doc = dict[str, Any]
RULES = project.rules(ROOT)
PRESENT = project.current(ROOT)

_RESPONSE = {"application/json": {"schema": {"$ref": "#/components/schemas/data.Campaign"}}}


@pytest.fixture
def vendor() -> Doc:
    return document.load(FIRST.read_text("utf-8"), FIRST.name)


def _import(doc: Doc, rules: list[Doc] = RULES, present: Doc = PRESENT) -> importer.Imported:
    return importer.import_document(doc, "the document", rules, present)


def _operations(doc: Doc) -> list[Doc]:
    return [operation for _, _, _, operation in document.operations(doc)]


def _operation(doc: Doc, method: str, path: str) -> Doc:
    found: Doc = doc["paths"][f"/api/v1{path}"][method]
    return found


def _campaign(doc: Doc) -> Doc:
    found: Doc = doc["components"]["schemas"]["data.Campaign"]
    return found


def _form_content(doc: Doc) -> Doc:
    found: Doc = _operation(doc, "post", "/campaigns")["requestBody"]["content"]
    return found


def _unprefixed(doc: Doc) -> None:
    doc["paths"] = {path.removeprefix("/api/v1"): item for path, item in doc["paths"].items()}


def _security_on_top(doc: Doc) -> None:
    doc["security"] = [{"BearerAuth": []}]
    for operation in _operations(doc):
        operation.pop("security", None)


def _no_account_header(doc: Doc) -> None:
    for operation in _operations(doc):
        operation["parameters"] = [
            one for one in operation.get("parameters", ()) if one["in"] != "header"
        ]


def _no_dots(doc: Doc) -> None:
    text = json.dumps(doc)
    for name in ("Agent", "CallLimits", "Campaign"):
        text = text.replace(f"data.{name}", name)
    text = text.replace("handlers.originateRequest", "OriginateRequest")
    doc.clear()
    doc.update(json.loads(text))


def _multipart(doc: Doc) -> None:
    content = _form_content(doc)
    content["multipart/form-data"] = content.pop("application/x-www-form-urlencoded")


def _named_form(doc: Doc) -> None:
    media = _form_content(doc)["application/x-www-form-urlencoded"]
    doc["components"]["schemas"]["handlers.createCampaignRequest"] = media["schema"]
    media["schema"] = {"$ref": "#/components/schemas/handlers.createCampaignRequest"}


def _typed_part(doc: Doc) -> None:
    media = _form_content(doc)["application/x-www-form-urlencoded"]
    media["encoding"] = {"contacts": {"contentType": "text/csv"}}


def _open_status(doc: Doc) -> None:
    del _campaign(doc)["properties"]["status"]["enum"]


def _required_by_the_vendor(doc: Doc) -> None:
    _campaign(doc)["required"] = ["id"]


def _limits_required_by_the_vendor(doc: Doc) -> None:
    limits = doc["components"]["schemas"]["data.CallLimits"]
    limits["required"] = list(limits["properties"])


def _formatted_times(doc: Doc) -> None:
    _campaign(doc)["properties"]["created_at"]["format"] = "date-time"


def _no_errors(doc: Doc) -> None:
    for operation in _operations(doc):
        responses = operation["responses"]
        for status in [one for one in responses if one[0] in "45"]:
            del responses[status]
        responses.setdefault("default", {"description": "Something else."})


# In the order of rules.yaml. Each removes what its rule matches.
RULE_CAUSES: list[Callable[[Doc], None]] = [
    _unprefixed,
    _security_on_top,
    _no_account_header,
    _no_dots,
    _multipart,
    _named_form,
    _typed_part,
    _open_status,
    _required_by_the_vendor,
    _limits_required_by_the_vendor,
    _formatted_times,
    _no_errors,
]


def test_every_rule_is_tested() -> None:
    assert len(RULES) == len(RULE_CAUSES)


@pytest.mark.parametrize("number", range(len(RULE_CAUSES)))
def test_rule_that_matches_nothing_is_an_error_that_names_it(vendor: Doc, number: int) -> None:
    RULE_CAUSES[number](vendor)

    with pytest.raises(ScriptError) as caught:
        _import(vendor)

    (problem,) = caught.value.problems
    assert problem.startswith("scripts/spec/rules.yaml: ")
    assert RULES[number]["rule"] in problem
    assert "remove" in problem


@pytest.mark.parametrize("number", range(len(RULE_CAUSES)))
def test_document_is_imported_without_that_rule(vendor: Doc, number: int) -> None:
    RULE_CAUSES[number](vendor)
    rules = copy.deepcopy(RULES)
    gone = rules.pop(number)
    if gone["rule"] in {"require", "date_time"} and gone["schema"] == "Campaign":
        # The document defines one of its fields; the rule remains for the others.
        named = {"require": "id", "date_time": "created_at"}[gone["rule"]]
        rules.append({**gone, "fields": [name for name in gone["fields"] if name != named]})
    if gone["rule"] == "name_request_schema":
        # The vendor's name is not ours, and no later rule minds.
        schemas = _import(vendor, rules).document["components"]["schemas"]
        assert "CreateCampaignRequest" in schemas
        return
    if gone["rule"] == "open_enum":
        # An assumption uses what the rule makes.
        with pytest.raises(ScriptError, match=r"refers to .*CampaignStatus, which neither"):
            _import(vendor, rules)
        return

    assert _import(vendor, rules).document["paths"].keys() >= {"/campaigns", "/campaigns/{id}"}


def test_rule_about_an_operation_that_is_gone_is_only_noted(vendor: Doc) -> None:
    del vendor["paths"]["/api/v1/campaigns"]["post"]

    found = _import(vendor)

    assert len(found.notes) == 3
    assert all("names createCampaign, which the document does not have" in n for n in found.notes)


def test_dropped_field_is_left_out(vendor: Doc) -> None:
    _campaign(vendor)["properties"]["to_dict"] = {"type": "string"}
    _campaign(vendor)["required"] = ["to_dict"]
    rule = {"rule": "drop_field", "schema": "Campaign", "field": "to_dict", "reason": "Because."}

    schema = _import(vendor, [*RULES, rule]).document["components"]["schemas"]["Campaign"]

    assert "to_dict" not in schema["properties"]
    assert "to_dict" not in schema["required"]
    with pytest.raises(ScriptError, match=r"drop_field .* matches nothing"):
        _import(document.load(FIRST.read_text("utf-8"), FIRST.name), [*RULES, rule])


def _nullable_by_the_vendor(doc: Doc) -> None:
    _campaign(doc)["properties"]["started_at"]["type"] = ["string", "null"]


def _schema(name: str) -> Callable[[Doc], None]:
    def add(doc: Doc) -> None:
        doc["components"]["schemas"][f"data.{name}"] = {"type": "string"}

    add.__name__ = f"the vendor has {name}"
    return add


def _response(method: str, path: str) -> Callable[[Doc], None]:
    def add(doc: Doc) -> None:
        _operation(doc, method, path)["responses"]["200"]["content"] = copy.deepcopy(_RESPONSE)

    add.__name__ = f"the vendor documents {method} {path}"
    return add


def _status(method: str, path: str, status: str) -> Callable[[Doc], None]:
    def add(doc: Doc) -> None:
        responses = _operation(doc, method, path)["responses"]
        responses[status] = {"description": "What happens."}

    add.__name__ = f"the vendor says {status} of {method} {path}"
    return add


def _typed_events(doc: Doc) -> None:
    media = _operation(doc, "get", "/campaigns/{id}/events")["responses"]["200"]["content"]
    media["text/event-stream"]["schema"] = {"type": "object", "properties": {"total": {}}}


# Each lets the document define what openapi.yaml assumes; the sentence names the place.
DEFINED: list[tuple[Callable[[Doc], None], str]] = [
    (_nullable_by_the_vendor, "the nullability of Campaign.started_at"),
    (_schema("CampaignList"), "CampaignList"),
    (_response("get", "/campaigns"), "the content of listCampaigns 200"),
    (_schema("CampaignTransition"), "CampaignTransition"),
    (_response("post", "/campaigns/{id}/pause"), "the content of pauseCampaign 200"),
    (_status("delete", "/campaigns/{id}", "200"), "deleteCampaign 204"),
    (_status("post", "/campaigns/{id}/stop", "409"), "stopCampaign 409"),
    (_schema("KnownContactStatus"), "KnownContactStatus"),
    (_schema("ContactStatus"), "ContactStatus"),
    (_schema("Contact"), "Contact"),
    (_schema("ContactPage"), "ContactPage"),
    (_response("get", "/campaigns/{id}/contacts"), "the content of listCampaignContacts 200"),
    (_schema("CampaignSnapshot"), "CampaignSnapshot"),
    (_typed_events, "the content of streamCampaignEvents 200"),
]


@pytest.mark.parametrize(("define", "place"), DEFINED)
def test_assumption_gives_way_where_the_document_defines_it(
    vendor: Doc, define: Callable[[Doc], None], place: str
) -> None:
    define(vendor)

    found = _import(vendor)

    assert found.gave_way == [f"{place}: the document defines it now"]


def test_schema_without_content_leaves_the_assumption_in_place(vendor: Doc) -> None:
    vendor["components"]["schemas"]["data.Contact"] = {"type": "object"}

    found = _import(vendor)

    assert found.gave_way == []
    schemas = found.document["components"]["schemas"]
    assert schemas["Contact"] == PRESENT["components"]["schemas"]["Contact"]


def test_what_gave_way_is_the_documents_and_the_rest_is_still_assumed(vendor: Doc) -> None:
    _nullable_by_the_vendor(vendor)
    contact = {"type": "object", "properties": {"number": {"type": "string"}}}
    vendor["components"]["schemas"]["data.Contact"] = contact

    schemas = _import(vendor).document["components"]["schemas"]

    assert schemas["Contact"] == contact
    assert "x-assumed" not in schemas["Campaign"]["properties"]["started_at"]
    assert schemas["Campaign"]["properties"]["completed_at"]["x-assumed"] is True
    # A derived schema follows its source.
    assert "x-assumed" not in schemas["CampaignTransition"]["properties"]["started_at"]


def test_assumption_whose_place_is_gone_is_dropped_and_named(vendor: Doc) -> None:
    del _campaign(vendor)["properties"]["started_at"]
    responses = _operation(vendor, "get", "/campaigns")["responses"]
    responses["202"] = responses.pop("200")

    found = _import(vendor)

    assert found.gave_way == []
    assert (
        "the content of listCampaigns 200 is dropped: the document has no response 200"
        in " ".join(found.notes)
    )
    assert "the nullability of Campaign.started_at is dropped" in " ".join(found.notes)
    assert "the assumed schema CampaignList is dropped: nothing refers to it" in " ".join(
        found.notes
    )
    assert "CampaignList" not in found.document["components"]["schemas"]


def test_assumed_field_of_a_documented_schema_is_kept_until_it_is_documented(vendor: Doc) -> None:
    present = copy.deepcopy(PRESENT)
    ours = {"type": "integer", "x-assumed": True, "x-assumed-reason": "Seen in an example."}
    present["components"]["schemas"]["CallLimits"]["properties"]["in_flight_max"] = ours

    found = _import(copy.deepcopy(vendor), present=present)
    kept = found.document["components"]["schemas"]["CallLimits"]["properties"]
    assert kept["in_flight_max"] == ours

    limits = vendor["components"]["schemas"]["data.CallLimits"]["properties"]
    limits["in_flight_max"] = {"type": "string"}
    found = _import(vendor, present=present)
    kept = found.document["components"]["schemas"]["CallLimits"]["properties"]
    assert kept["in_flight_max"] == {"type": "string"}
    assert found.gave_way == ["CallLimits.in_flight_max: the document defines it now"]


def test_assumed_operation_is_kept_until_it_is_documented(vendor: Doc) -> None:
    present = copy.deepcopy(PRESENT)
    path = "/campaigns/{id}/recordings"
    ours = {
        **copy.deepcopy(present["paths"]["/campaigns/{id}"]["get"]),
        "operationId": "getCampaignRecordings",
        "x-assumed": True,
        "x-assumed-reason": "Announced, not documented.",
    }
    present["paths"][path] = {"get": ours}

    found = _import(copy.deepcopy(vendor), present=present)
    assert found.document["paths"][path]["get"] == ours

    get = _operation(vendor, "get", "/campaigns/{id}")
    vendor["paths"][f"/api/v1{path}"] = {"get": {**copy.deepcopy(get), "summary": "Recordings"}}
    found = _import(vendor, present=present)
    assert found.gave_way == ["getCampaignRecordings: the document defines it now"]
    assert "x-assumed" not in found.document["paths"][path]["get"]
    assert found.document["paths"][path]["get"]["operationId"] == "getCampaignRecordings"
