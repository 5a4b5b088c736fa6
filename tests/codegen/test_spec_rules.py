"""Each rule and each assumption is an error once its cause is gone, and says what to take out."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spec import document, normalise, project
from spec.problems import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "vendor-openapi.yaml"

Doc = dict[str, Any]
TABLES = project.tables(ROOT)

_ANSWER = {"application/json": {"schema": {"$ref": "#/components/schemas/data.Campaign"}}}


@pytest.fixture
def vendor() -> Doc:
    return document.load(FIRST.read_text("utf-8"), FIRST.name)


def _normalise(doc: Doc) -> normalise.Normalised:
    return normalise.normalise(doc, "the document", TABLES)


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


def _no_errors(doc: Doc) -> None:
    for operation in _operations(doc):
        responses = operation["responses"]
        for status in [one for one in responses if one[0] in "45"]:
            del responses[status]
        responses.setdefault("default", {"description": "Something else."})


# In the order of rules.yaml; each takes away what its rule is for.
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
    _no_errors,
]


def test_every_rule_has_its_test_here() -> None:
    assert len(TABLES.rules) == len(RULE_CAUSES)
    assert len(TABLES.assumed) == len(ASSUMED_CAUSES)


@pytest.mark.parametrize("number", range(len(RULE_CAUSES)))
def test_a_rule_without_its_cause_is_an_error_that_names_it(vendor: Doc, number: int) -> None:
    RULE_CAUSES[number](vendor)
    rule = TABLES.rules[number]

    with pytest.raises(SpecError) as caught:
        _normalise(vendor)

    (problem,) = caught.value.problems
    assert problem.startswith("scripts/spec/rules.yaml: ")
    assert rule["rule"] in problem
    assert "take it out" in problem


@pytest.mark.parametrize("number", range(len(RULE_CAUSES)))
def test_without_the_rule_the_document_passes_then(vendor: Doc, number: int) -> None:
    RULE_CAUSES[number](vendor)
    rules = [copy.deepcopy(rule) for rule in TABLES.rules]
    gone = rules.pop(number)
    if gone["rule"] == "require" and gone["schema"] == "Campaign":
        # The vendor requires one of its fields; the rule goes on for the others.
        rules.append({**gone, "fields": [name for name in gone["fields"] if name != "id"]})
    if gone["rule"] == "name_request_schema":
        # The name that the vendor gives is not ours; the rules behind it do not mind.
        assert "CreateCampaignRequest" in _with(vendor, rules)["components"]["schemas"]
        return

    if gone["rule"] == "open_enum":
        # What the rule made is used by an assumption, which has to follow.
        with pytest.raises(SpecError, match=r"CampaignStatus is referred to in .*assumed\.yaml"):
            _with(vendor, rules)
        return

    assert _with(vendor, rules)["paths"].keys() >= {"/campaigns", "/campaigns/{id}"}


def _with(doc: Doc, rules: list[Doc]) -> Doc:
    tables = normalise.Tables(
        head=TABLES.head,
        covered=TABLES.covered,
        field_order=TABLES.field_order,
        rules=rules,
        assumed=TABLES.assumed,
    )
    return normalise.normalise(doc, "the document", tables).document


def _nullable_by_the_vendor(doc: Doc) -> None:
    _campaign(doc)["properties"]["started_at"]["type"] = ["string", "null"]


def _schema(name: str) -> Callable[[Doc], None]:
    def add(doc: Doc) -> None:
        doc["components"]["schemas"][f"data.{name}"] = {"type": "object"}

    add.__name__ = f"the vendor has {name}"
    return add


def _answer(method: str, path: str) -> Callable[[Doc], None]:
    def add(doc: Doc) -> None:
        _operation(doc, method, path)["responses"]["200"]["content"] = copy.deepcopy(_ANSWER)

    add.__name__ = f"the vendor answers {method} {path}"
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


# In the order of assumed.yaml; each lets the vendor say it.
ASSUMED_CAUSES: list[Callable[[Doc], None]] = [
    _nullable_by_the_vendor,
    _schema("CampaignList"),
    _answer("get", "/campaigns"),
    _schema("CampaignTransition"),
    _answer("post", "/campaigns/{id}/pause"),
    _status("delete", "/campaigns/{id}", "200"),
    _status("post", "/campaigns/{id}/stop", "409"),
    _schema("KnownContactStatus"),
    _schema("ContactStatus"),
    _schema("Contact"),
    _schema("ContactPage"),
    _answer("get", "/campaigns/{id}/contacts"),
    _schema("CampaignSnapshot"),
    _typed_events,
]


@pytest.mark.parametrize("number", range(len(ASSUMED_CAUSES)))
def test_an_assumption_that_the_vendor_documents_is_an_error_that_names_it(
    vendor: Doc, number: int
) -> None:
    ASSUMED_CAUSES[number](vendor)

    with pytest.raises(SpecError) as caught:
        _normalise(vendor)

    (problem,) = caught.value.problems
    assert problem.startswith("scripts/spec/assumed.yaml assumes ")
    assert "which the vendor's document says itself now; take the entry" in problem


def test_an_assumption_about_what_is_not_there_is_an_error(vendor: Doc) -> None:
    tables = copy.deepcopy(TABLES)
    tables.assumed.append(
        {
            "assume": "field",
            "schema": "Nowhere",
            "name": "total",
            "type": {"type": "integer"},
            "reason": "Because.",
        }
    )

    with pytest.raises(SpecError, match=r"assumed\.yaml: field .*matches nothing"):
        normalise.normalise(vendor, "the document", tables)


def test_an_assumed_field_is_marked_and_goes_when_the_vendor_has_it(vendor: Doc) -> None:
    tables = copy.deepcopy(TABLES)
    entry = {
        "assume": "field",
        "schema": "CallLimits",
        "name": "in_flight_max",
        "type": {"type": "integer"},
        "reason": "Seen in an example.",
    }
    tables.assumed.append(entry)

    found = normalise.normalise(vendor, "the document", tables).document

    assert found["components"]["schemas"]["CallLimits"]["properties"]["in_flight_max"] == {
        "type": "integer",
        "x-assumed": True,
        "x-assumed-reason": "Seen in an example.",
    }
    limits = vendor["components"]["schemas"]["data.CallLimits"]["properties"]
    limits["in_flight_max"] = {"type": "integer"}
    with pytest.raises(SpecError, match=r"assumes the field CallLimits\.in_flight_max"):
        normalise.normalise(vendor, "the document", tables)
