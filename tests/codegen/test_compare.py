"""Each kind of change between two documents is found, named and ranked for users of kataven."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spec import compare, project, ranks

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]

Doc = dict[str, Any]
Edit = tuple["Callable[[Doc], Any]", str, Any]


@pytest.fixture(scope="module")
def spec() -> Doc:
    """Load openapi.yaml and add a closed enum, a bound and a field that the Hub does not have."""
    doc = project.current(ROOT)
    parameters = doc["paths"]["/campaigns/{id}/contacts"]["get"]["parameters"]
    parameters.append(
        {
            "name": "order",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ["up", "down"]},
        }
    )
    _field("CallLimits", "calls_per_minute")(doc).update(maximum=1000, type="number")
    _schema("Campaign")(doc)["propertyNames"] = {"minLength": 1}
    form = doc["components"]["schemas"]["CampaignCreate"]["properties"]
    form["note"] = {
        "type": ["string", "null"],
        "format": "uri",
        "maxLength": 10,
        "not": {"const": "none"},
    }
    return doc


def _schema(name: str) -> Callable[[Doc], Any]:
    return lambda doc: doc["components"]["schemas"][name]


def _field(name: str, field: str) -> Callable[[Doc], Any]:
    return lambda doc: doc["components"]["schemas"][name]["properties"][field]


def _fields(name: str) -> Callable[[Doc], Any]:
    return lambda doc: doc["components"]["schemas"][name]["properties"]


def _operation(path: str, method: str) -> Callable[[Doc], Any]:
    return lambda doc: doc["paths"][path][method]


def _query(number: int) -> Callable[[Doc], Any]:
    return lambda doc: doc["paths"]["/campaigns/{id}/contacts"]["get"]["parameters"][number]


def _responses(path: str, method: str) -> Callable[[Doc], Any]:
    return lambda doc: doc["paths"][path][method]["responses"]


def _content(path: str, method: str, status: str) -> Callable[[Doc], Any]:
    return lambda doc: doc["paths"][path][method]["responses"][status]["content"]


def _form(doc: Doc) -> Any:
    return doc["paths"]["/campaigns"]["post"]["requestBody"]


def _put(at: Callable[[Doc], Any], key: Any, value: Any) -> Callable[[Doc], None]:
    def edit(doc: Doc) -> None:
        at(doc)[key] = copy.deepcopy(value)

    return edit


def _drop(at: Callable[[Doc], Any], key: Any) -> Callable[[Doc], None]:
    def edit(doc: Doc) -> None:
        del at(doc)[key]

    return edit


def _move(at: Callable[[Doc], Any], old: str, new: str) -> Callable[[Doc], None]:
    def edit(doc: Doc) -> None:
        at(doc)[new] = at(doc).pop(old)

    return edit


def _rename_schema(doc: Doc) -> None:
    schemas = doc["components"]["schemas"]
    schemas["Limits"] = schemas.pop("CallLimits")
    content = _content("/call-limits", "get", "200")(doc)
    content["application/json"]["schema"]["$ref"] = "#/components/schemas/Limits"


def _documented(at: Callable[[Doc], Any]) -> Callable[[Doc], None]:
    def edit(doc: Doc) -> None:
        at(doc).pop("x-assumed")
        at(doc).pop("x-assumed-reason")

    return edit


def _start_with_body(doc: Doc, *, required: bool) -> None:
    """Give an operation without a body one."""
    doc["paths"]["/campaigns/{id}/start"]["post"]["requestBody"] = {
        "required": required,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }


def _form_of_two(doc: Doc, added: Doc) -> None:
    """Compose the form of its present schema and another one."""
    media = _form(doc)["content"]["multipart/form-data"]
    media["schema"] = {"allOf": [media["schema"], added]}


def _header(doc: Doc) -> None:
    item = doc["paths"]["/campaigns/{id}/contacts"]["get"]
    header = {"name": "X-Team", "in": "header", "required": True, "schema": {"type": "string"}}
    item["parameters"].append(header)


DELAY = "CampaignCreate.retry_delay_seconds"
START = "CampaignCreate.scheduled_at"
WORDS = ["up", "down", "random"]
LIMITS = "/call-limits"
BREAKING, COMPATIBLE, INTERNAL = "breaking", "compatible", "internal"

# Each edit with what must be reported, including the rank. Every kind of ranks.RANKS that planted.py
# does not have is here.
CASES: list[tuple[Callable[[Doc], None], list[tuple[str, str, str]]]] = [
    (
        _put(lambda doc: doc["components"]["securitySchemes"]["bearer"], "scheme", "basic"),
        [("security changed", "security", BREAKING)],
    ),
    (
        _put(_operation(LIMITS, "get"), "security", []),
        [("security changed", "getCallLimits", BREAKING)],
    ),
    (
        _put(lambda doc: doc["components"]["securitySchemes"]["bearer"], "description", "A key."),
        [("document changed", "openapi.yaml", INTERNAL)],
    ),
    (
        _put(_operation(LIMITS, "get"), "deprecated", True),
        [("operation deprecated", "getCallLimits", COMPATIBLE)],
    ),
    (
        _put(_operation(LIMITS, "get"), "tags", ["Campaigns"]),
        [("tag changed", "getCallLimits", INTERNAL)],
    ),
    (
        _put(_operation(LIMITS, "get"), "summary", "Caps"),
        [("description changed", "getCallLimits", INTERNAL)],
    ),
    (
        _put(_field("Campaign", "name"), "description", "Its name."),
        [("description changed", "Campaign.name", INTERNAL)],
    ),
    (
        _put(_query(1), "required", True),
        [("request field became required", "status", BREAKING)],
    ),
    (
        _drop(lambda doc: _operation("/campaigns/{id}/contacts", "get")(doc)["parameters"], 2),
        [("request field removed", "page", BREAKING)],
    ),
    (
        lambda doc: _operation("/campaigns", "get")(doc).update(
            parameters=[
                {"name": "team", "in": "query", "required": True, "schema": {"type": "string"}},
                {"name": "limit", "in": "query", "schema": {"type": "integer"}},
            ]
        ),
        [
            ("required request field added", "team", BREAKING),
            ("request field added", "limit", COMPATIBLE),
        ],
    ),
    (
        _put(_query(2), "schema", {"type": "string", "default": "0"}),
        [("request type changed", "page", BREAKING)],
    ),
    (
        _put(_query(3), "schema", {"type": "string", "enum": WORDS}),
        [("request enum word added", "order: random", COMPATIBLE)],
    ),
    (
        _put(_query(3), "schema", {"type": "string", "enum": ["up"]}),
        [("request enum word removed", "order: down", BREAKING)],
    ),
    (
        _put(_query(3), "schema", {"type": "string"}),
        [("request enum word added", "order", COMPATIBLE)],
    ),
    (
        _put(_query(1), "schema", {"type": "string", "enum": ["failed"]}),
        [("request type changed", "status", BREAKING)],
    ),
    (
        _put(_schema("CampaignCreate"), "required", ["agent_id", "phone_number_id", "contacts"]),
        [("request field became optional", "CampaignCreate.name", COMPATIBLE)],
    ),
    (
        _put(_field("CampaignCreate", "name"), "type", ["string", "null"]),
        [("request field became nullable", "CampaignCreate.name", COMPATIBLE)],
    ),
    (
        _put(_field("CampaignCreate", "note"), "type", "string"),
        [("request field no longer nullable", "CampaignCreate.note", BREAKING)],
    ),
    (
        _put(_field("CampaignCreate", "note"), "format", "email"),
        [("request format changed", "CampaignCreate.note", COMPATIBLE)],
    ),
    (
        _drop(_field("CampaignCreate", "contacts"), "format"),
        [("request type changed", "CampaignCreate.contacts", BREAKING)],
    ),
    (
        _put(_field("CampaignCreate", "note"), "maxLength", 20),
        [("request bound widened", "CampaignCreate.note", COMPATIBLE)],
    ),
    (
        _put(_field("CampaignCreate", "note"), "pattern", "^[a-z]+$"),
        [("request bound narrowed", "CampaignCreate.note", BREAKING)],
    ),
    (
        _put(_field("CampaignCreate", "retry_delay_seconds"), "minimum", 30),
        [("request bound widened", "CampaignCreate.retry_delay_seconds", COMPATIBLE)],
    ),
    (
        _drop(_field("CampaignCreate", "retry_delay_seconds"), "default"),
        [("request default changed", "CampaignCreate.retry_delay_seconds", COMPATIBLE)],
    ),
    (
        _put(_form, "required", False),
        [("request field became optional", "body", COMPATIBLE)],
    ),
    (
        _move(lambda doc: _form(doc)["content"], "multipart/form-data", "application/json"),
        [("request media type changed", "application/json", BREAKING)],
    ),
    (
        lambda doc: _form(doc)["content"].update(
            {"application/json": {"schema": {"type": "object"}}}
        ),
        [("request media type added", "application/json", COMPATIBLE)],
    ),
    (
        lambda doc: _form(doc)["content"].clear(),
        [("request media type removed", "multipart/form-data", BREAKING)],
    ),
    (
        lambda doc: _form(doc)["content"]["multipart/form-data"].pop("encoding"),
        [("encoding changed", "body", INTERNAL)],
    ),
    (
        lambda doc: _schema("CallLimits")(doc)["required"].remove("concurrent_max"),
        [("response field became optional", "CallLimits.concurrent_max", BREAKING)],
    ),
    (
        lambda doc: _schema("Campaign")(doc)["required"].append("started_at"),
        [("response field became required", "Campaign.started_at", COMPATIBLE)],
    ),
    (
        _put(_field("Campaign", "created_at"), "format", "date"),
        [("response format changed", "Campaign.created_at", COMPATIBLE)],
    ),
    (
        _put(_field("CallLimits", "concurrent_max"), "minimum", 1),
        [("response bound narrowed", "CallLimits.concurrent_max", COMPATIBLE)],
    ),
    (
        _put(_field("CallLimits", "calls_per_minute"), "maximum", 2000),
        [("response bound widened", "CallLimits.calls_per_minute", COMPATIBLE)],
    ),
    (
        _put(_field("CallLimits", "concurrent_max"), "default", 1),
        [("response default changed", "CallLimits.concurrent_max", INTERNAL)],
    ),
    (
        _put(_content(LIMITS, "get", "200"), "application/cbor", {"schema": {"type": "object"}}),
        [("response media type added", "application/cbor", COMPATIBLE)],
    ),
    (
        _drop(_content(LIMITS, "get", "200"), "application/json"),
        [("response media type removed", "application/json", BREAKING)],
    ),
    (
        lambda doc: doc["components"]["responses"]["TooManyRequests"].pop("headers"),
        [("response header removed", "Retry-After", COMPATIBLE)],
    ),
    (
        _put(
            lambda doc: doc["components"]["responses"]["TooManyRequests"]["headers"],
            "X-Reason",
            {"schema": {"type": "string"}},
        ),
        [("response header added", "X-Reason", COMPATIBLE)],
    ),
    (
        _put(lambda doc: doc["components"]["responses"]["NotFound"], "description", "Not here."),
        [("description changed", "NotFound", INTERNAL)],
    ),
    (
        _move(_responses("/campaigns", "post"), "201", "200"),
        [("status code changed", "200", COMPATIBLE)],
    ),
    (
        _drop(_responses("/campaigns/{id}", "delete"), "409"),
        [("status code removed", "409", COMPATIBLE)],
    ),
    (_rename_schema, [("schema renamed", "Limits", INTERNAL)]),
    (
        lambda doc: doc["servers"].pop(),
        [("document changed", "servers", INTERNAL)],
    ),
    # Whatever the document's way to say that a request needs more than before.
    (
        lambda doc: _schema("CampaignCreate")(doc)["required"].append("scheduled_at"),
        [("request field became required", START, BREAKING)],
    ),
    (
        lambda doc: _schema("CampaignCreate")(doc)["required"].append("consent"),
        [("required request field added", "CampaignCreate.consent", BREAKING)],
    ),
    (
        lambda doc: _schema("CampaignCreate")(doc).update(
            allOf=[{"required": ["consent"], "properties": {"consent": {"type": "string"}}}]
        ),
        [("required request field added", "CampaignCreate.consent", BREAKING)],
    ),
    (
        lambda doc: _form_of_two(doc, {"required": ["scheduled_at"]}),
        [("request field became required", "body.scheduled_at", BREAKING)],
    ),
    (
        _put(_schema("CampaignCreate"), "oneOf", [{"required": ["scheduled_at"]}]),
        [("request field became required", START, BREAKING)],
    ),
    (
        _put(
            _schema("CampaignCreate"),
            "anyOf",
            [{"required": ["scheduled_at"]}, {"required": ["retries_per_contact"]}],
        ),
        [("request rule changed", "CampaignCreate", BREAKING)],
    ),
    (
        _put(_schema("CampaignCreate"), "dependentRequired", {"name": ["scheduled_at"]}),
        [("request rule changed", "CampaignCreate", BREAKING)],
    ),
    (
        _put(_schema("CampaignCreate"), "additionalProperties", value=False),
        [("request rule changed", "CampaignCreate", BREAKING)],
    ),
    (
        _put(_query(1), "style", "pipeDelimited"),
        [("request rule changed", "status", BREAKING)],
    ),
    (
        _drop(_field("CampaignCreate", "note"), "not"),
        [("request rule removed", "CampaignCreate.note", COMPATIBLE)],
    ),
    (
        _put(_field("CampaignCreate", "scheduled_at"), "const", "now"),
        [("request type changed", START, BREAKING)],
    ),
    (
        _put(_field("CampaignCreate", "scheduled_at"), "readOnly", value=True),
        [("request field removed", START, BREAKING)],
    ),
    (_header, [("required request field added", "X-Team", BREAKING)]),
    (
        lambda doc: _start_with_body(doc, required=True),
        [("required request field added", "body", BREAKING)],
    ),
    (
        lambda doc: _start_with_body(doc, required=False),
        [("request field added", "body", COMPATIBLE)],
    ),
    # Types: wider is harmless where users write, narrower where they read.
    (
        _put(_field("CampaignCreate", "retry_delay_seconds"), "type", "number"),
        [("request type widened", DELAY, COMPATIBLE)],
    ),
    (
        _put(_field("CampaignCreate", "note"), "type", ["null", "integer"]),
        [("request type changed", "CampaignCreate.note", BREAKING)],
    ),
    (
        _put(_field("CallLimits", "concurrent_max"), "type", ["integer", "string"]),
        [("response type changed", "CallLimits.concurrent_max", BREAKING)],
    ),
    (
        _put(_field("CallLimits", "calls_per_minute"), "type", "integer"),
        [("response type narrowed", "CallLimits.calls_per_minute", COMPATIBLE)],
    ),
    (
        lambda doc: _field("CallLimits", "concurrent_max")(doc).update(
            type=[], anyOf=[{"type": "integer", "minimum": 1}, {"type": "null"}]
        ),
        [
            ("response field became nullable", "CallLimits.concurrent_max", BREAKING),
            ("response bound narrowed", "CallLimits.concurrent_max", COMPATIBLE),
        ],
    ),
    (
        _put(_schema("CallLimits"), "minContains", 1),
        [("response rule changed", "CallLimits", COMPATIBLE)],
    ),
    (
        _drop(_schema("Campaign"), "propertyNames"),
        [("response rule removed", "Campaign", COMPATIBLE)],
    ),
    # A change of an assumption is not breaking.
    (
        _drop(_fields("Contact"), "attempts"),
        [("response field removed", "Contact.attempts", COMPATIBLE)],
    ),
    (
        _put(_field("Contact", "attempts"), "type", "string"),
        [("response type changed", "Contact.attempts", COMPATIBLE)],
    ),
    (
        _put(_field("Contact", "custom_fields"), "additionalProperties", {"type": "integer"}),
        [("response type changed", "Contact.custom_fields.*", COMPATIBLE)],
    ),
    (
        _put(_field("ContactPage", "contacts"), "items", {"type": "string"}),
        [("response type changed", "ContactPage.contacts[]", COMPATIBLE)],
    ),
    (
        _put(_field("Campaign", "started_at"), "type", "string"),
        [("response field no longer nullable", "Campaign.started_at", COMPATIBLE)],
    ),
    (
        _documented(_schema("ContactPage")),
        [("assumption documented", "ContactPage", INTERNAL)],
    ),
    (
        _documented(lambda doc: _content("/campaigns", "get", "200")(doc)["application/json"]),
        [("assumption documented", "listCampaigns 200", INTERNAL)],
    ),
    (
        _documented(lambda doc: _responses("/campaigns/{id}", "delete")(doc)["409"]),
        [("assumption documented", "deleteCampaign 409", INTERNAL)],
    ),
]


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.slow
def test_change_is_found_named_and_ranked(spec: Doc, number: int) -> None:
    edit, expected = CASES[number]
    changed = copy.deepcopy(spec)
    edit(changed)

    found = compare.compare(spec, changed)

    assert sorted((one.what, one.name, one.rank) for one in found) == sorted(expected)


def test_same_document_has_no_change(spec: Doc) -> None:
    assert compare.compare(spec, copy.deepcopy(spec)) == []


def test_every_kind_of_change_is_tested() -> None:
    here = {what for _, expected in CASES for what, _, _ in expected}
    planted = (Path(__file__).parent / "planted.py").read_text("utf-8")
    elsewhere = {what for what in ranks.RANKS if f'"{what}"' in planted}

    missing = ranks.RANKS.keys() - here - elsewhere
    assert not missing, f"not tested: {sorted(missing)}"


def test_change_of_a_shared_schema_is_reported_once(spec: Doc) -> None:
    changed = copy.deepcopy(spec)
    changed["components"]["schemas"]["KnownCampaignStatus"]["enum"].append("archived")

    (found,) = compare.compare(spec, changed)

    assert found.operation is None
    assert "campaigns.get" in found.message
    assert "campaigns.stream_events" in found.message
