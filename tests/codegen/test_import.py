"""A document is imported whatever its key order, format or OpenAPI version, or it is rejected."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from problems import ScriptError
from spec import assumptions, document, hand_edits, importer, project, yaml_edit

if TYPE_CHECKING:
    from collections.abc import Callable

# Each test imports a document as a whole.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "reconstructed-openapi.yaml"

Doc = dict[str, Any]
RULES = project.rules(ROOT)
PRESENT = project.current(ROOT)


@pytest.fixture
def vendor() -> Doc:
    return document.load(FIRST.read_text("utf-8"), FIRST.name)


def _import(doc: Doc, present: Doc = PRESENT) -> importer.Imported:
    return importer.import_document(doc, "the document", RULES, present)


def _campaign(doc: Doc) -> Doc:
    found: Doc = doc["components"]["schemas"]["data.Campaign"]
    return found


def _form(doc: Doc) -> Doc:
    content = doc["paths"]["/api/v1/campaigns"]["post"]["requestBody"]["content"]
    found: Doc = content["application/x-www-form-urlencoded"]["schema"]["properties"]
    return found


def test_every_assumption_of_openapi_yaml_has_a_reason_and_guarantees_nothing() -> None:
    assert assumptions.check_marks(PRESENT) == []
    assert len([node for node in _walk(PRESENT) if node.get("x-assumed")]) > 15
    for name in (
        "Contact",
        "ContactPage",
        "CampaignList",
        "CampaignSnapshot",
        "CampaignTransition",
    ):
        schema = PRESENT["components"]["schemas"][name]
        assert schema["x-assumed"] is True
        assert "required" not in schema


def _walk(node: Any) -> list[Doc]:
    if isinstance(node, dict):
        return [node, *(one for value in node.values() for one in _walk(value))]
    return [one for value in node for one in _walk(value)] if isinstance(node, list) else []


def test_importing_the_last_document_again_changes_nothing(vendor: Doc) -> None:
    found = _import(vendor)
    text = (ROOT / "openapi.yaml").read_text("utf-8")

    assert (found.gave_way, found.notes) == ([], [])
    assert yaml_edit.edit(text, found.document) == text
    assert hand_edits.dropped(found.document, PRESENT, found.document) == []


def _shuffled(node: Any, seed: random.Random) -> Any:
    if isinstance(node, dict):
        names = list(node)
        seed.shuffle(names)
        return {name: _shuffled(node[name], seed) for name in names}
    return [_shuffled(value, seed) for value in node] if isinstance(node, list) else node


@pytest.mark.parametrize("seed", range(5))
def test_key_order_of_the_document_does_not_matter(vendor: Doc, seed: int) -> None:
    shuffled = _shuffled(vendor, random.Random(seed))
    text = (ROOT / "openapi.yaml").read_text("utf-8")

    assert yaml_edit.edit(text, _import(shuffled).document) == text


def test_json_and_yaml_are_read_alike(vendor: Doc) -> None:
    assert document.load(json.dumps(vendor), "x.json") == vendor
    assert document.load(yaml.safe_dump(vendor), "x.yaml") == vendor


def test_openapi_3_0_is_upgraded(vendor: Doc) -> None:
    wanted = _campaign(vendor)["properties"]
    wanted["phone_number_id"]["type"] = ["string", "null"]
    old = copy.deepcopy(vendor)
    old["openapi"] = "3.0.3"
    field = _campaign(old)["properties"]["phone_number_id"]
    field["type"] = "string"
    field["nullable"] = True

    assert _import(old).document == _import(vendor).document


def test_exclusive_bounds_of_openapi_3_0_become_numbers(vendor: Doc) -> None:
    vendor["openapi"] = "3.0.0"
    form = _form(vendor)
    form["retry_delay_seconds"]["exclusiveMinimum"] = True
    form["max_concurrent_calls"]["exclusiveMaximum"] = False

    found = _import(vendor).document["components"]["schemas"]["CampaignCreate"]["properties"]

    assert found["retry_delay_seconds"]["exclusiveMinimum"] == 60
    assert "minimum" not in found["retry_delay_seconds"]
    assert found["max_concurrent_calls"]["maximum"] == 100
    assert "exclusiveMaximum" not in found["max_concurrent_calls"]


def test_operations_not_covered_are_left_out_and_named(vendor: Doc) -> None:
    found = _import(vendor).document

    assert found["x-left-out"] == ["GET /agents", "POST /calls/originate"]
    assert len(list(document.operations(found))) == len(list(document.operations(PRESENT)))
    assert not {"Agent", "OriginateRequest"} & found["components"]["schemas"].keys()


def test_parameters_of_a_path_item_are_imported(vendor: Doc) -> None:
    item = vendor["paths"]["/api/v1/campaigns/{id}"]
    before = _import(copy.deepcopy(vendor)).document
    item["parameters"] = [item["get"]["parameters"].pop(0)]
    item["delete"]["parameters"].pop(0)

    assert _import(vendor).document == before


BAD_RULES = [
    ({"rule": "bend", "reason": "Because."}, "unknown kind 'bend'"),
    ({"rule": "undot_schema_names"}, "has no reason"),
    ({"rule": "undot_schema_names", "reason": " "}, "has no reason"),
    ({"rule": "strip_path_prefix", "reason": "B.", "prefx": "/x"}, "has unknown arguments"),
    ({"rule": "strip_path_prefix", "reason": "Because."}, r"lacks the arguments \['prefix'\]"),
]


@pytest.mark.parametrize(("rule", "words"), BAD_RULES)
def test_malformed_rule_is_rejected(rule: Doc, words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        importer.read_rules({"rules": [rule]})


def test_rules_yaml_holds_nothing_but_rules() -> None:
    with pytest.raises(ScriptError, match="must hold `rules` and nothing else"):
        importer.read_rules({"rules": [], "operations": []})


def _unmark(doc: Doc) -> None:
    doc["components"]["schemas"]["Contact"]["x-assumed-reason"] = " "


def _mark_a_parameter(doc: Doc) -> None:
    parameter = doc["paths"]["/campaigns/{id}/contacts"]["get"]["parameters"][1]
    parameter.update({"x-assumed": True, "x-assumed-reason": "Because."})


def _require_in_an_assumed_schema(doc: Doc) -> None:
    doc["components"]["schemas"]["Contact"]["required"] = ["id"]


def _require_an_assumed_field(doc: Doc) -> None:
    field = doc["components"]["schemas"]["CallLimits"]["properties"]["concurrent_max"]
    field.update({"x-assumed": True, "x-assumed-reason": "Because."})


def _change_a_derived_schema(doc: Doc) -> None:
    del doc["components"]["schemas"]["CampaignTransition"]["properties"]["name"]


BAD_MARKS: list[tuple[Callable[[Doc], None], str]] = [
    (_unmark, "components/schemas/Contact is x-assumed: add an x-assumed-reason"),
    (_mark_a_parameter, "an import would lose the mark there"),
    (_require_in_an_assumed_schema, "the schema Contact is x-assumed: take `required` out"),
    (
        _require_an_assumed_field,
        "CallLimits.concurrent_max is x-assumed, so it must not be required",
    ),
    (_change_a_derived_schema, "CampaignTransition is x-derived-from Campaign, but its properties"),
]


@pytest.mark.parametrize(("change", "words"), BAD_MARKS)
def test_misplaced_assumption_is_named(change: Callable[[Doc], None], words: str) -> None:
    present = copy.deepcopy(PRESENT)
    change(present)

    (problem,) = assumptions.check_marks(present)

    assert words in problem


def _added(doc: Doc) -> None:
    doc["components"]["schemas"]["CallLimits"]["properties"]["weekly_max"] = {"type": "integer"}


def _changed(doc: Doc) -> None:
    form = doc["components"]["schemas"]["CampaignCreate"]["properties"]
    form["max_concurrent_calls"]["maximum"] = 90


def _removed(doc: Doc) -> None:
    doc["components"]["schemas"]["KnownCampaignStatus"]["enum"].remove("scheduled")


def _described(doc: Doc) -> None:
    doc["paths"]["/campaigns/{id}/contacts"]["get"]["parameters"][0]["description"] = "The ID."


FIELDS = "components/schemas"
EDITS: list[tuple[Callable[[Doc], None], str]] = [
    (_added, f"{FIELDS}/CallLimits/properties/weekly_max: was added by hand"),
    (_changed, "max_concurrent_calls/maximum: was set to 90 by hand, the document has 100"),
    (_removed, f"{FIELDS}/KnownCampaignStatus/enum/scheduled: was removed by hand"),
    (_described, 'parameters/path 0/description: was set to "The ID." by hand'),
]


@pytest.mark.parametrize(("change", "words"), EDITS)
def test_hand_edit_that_the_import_drops_is_named(
    vendor: Doc, change: Callable[[Doc], None], words: str
) -> None:
    present = copy.deepcopy(PRESENT)
    change(present)
    found = _import(vendor, present).document

    (sentence,) = hand_edits.dropped(found, present, found)

    assert words in sentence


def test_change_of_the_vendor_is_not_a_hand_edit(vendor: Doc) -> None:
    last = _import(copy.deepcopy(vendor)).document
    _campaign(vendor)["properties"].pop("created_by")
    _form(vendor)["max_concurrent_calls"]["maximum"] = 50

    assert hand_edits.dropped(last, PRESENT, _import(vendor).document) == []


def test_hand_edit_that_the_vendor_makes_too_is_not_dropped(vendor: Doc) -> None:
    last = _import(copy.deepcopy(vendor)).document
    present = copy.deepcopy(PRESENT)
    _changed(present)
    _form(vendor)["max_concurrent_calls"]["maximum"] = 90

    assert hand_edits.dropped(last, present, _import(vendor, present).document) == []
