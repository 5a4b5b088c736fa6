"""The vendor's document becomes ours, whatever its order, spelling or version, or is refused."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from spec import document, normalise, order, project
from spec.problems import SpecError

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "tests" / "data" / "vendor-openapi.yaml"

Doc = dict[str, Any]
TABLES = project.tables(ROOT)


@pytest.fixture
def vendor() -> Doc:
    return document.load(FIRST.read_text("utf-8"), FIRST.name)


def _normalise(doc: Doc) -> normalise.Normalised:
    return normalise.normalise(doc, "the document", TABLES)


def _campaign(doc: Doc) -> Doc:
    found: Doc = doc["components"]["schemas"]["data.Campaign"]
    return found


def _form(doc: Doc) -> Doc:
    content = doc["paths"]["/api/v1/campaigns"]["post"]["requestBody"]["content"]
    found: Doc = content["application/x-www-form-urlencoded"]["schema"]["properties"]
    return found


def test_everything_assumed_says_why_and_is_not_required() -> None:
    spec = project.current(ROOT)
    assumed = [node for node in _walk(spec) if node.get("x-assumed")]
    assert len(assumed) > 20
    for node in assumed:
        assert node["x-assumed"] is True
        assert node["x-assumed-reason"].strip()
    for name in ("Contact", "ContactPage", "CampaignList", "CampaignSnapshot"):
        schema = spec["components"]["schemas"][name]
        assert "required" not in schema
        assert all(field["x-assumed"] for field in schema["properties"].values())
    assert "required" not in spec["components"]["schemas"]["CampaignTransition"]


def _walk(node: Any) -> list[Doc]:
    if isinstance(node, dict):
        return [node, *(one for value in node.values() for one in _walk(value))]
    return [one for value in node for one in _walk(value)] if isinstance(node, list) else []


def test_the_committed_document_is_what_the_vendors_becomes(vendor: Doc) -> None:
    found = _normalise(vendor)

    assert found.notes == []
    assert order.write(found.document) == (ROOT / "openapi.yaml").read_text("utf-8")


def _shuffled(node: Any, seed: random.Random) -> Any:
    if isinstance(node, dict):
        names = list(node)
        seed.shuffle(names)
        return {name: _shuffled(node[name], seed) for name in names}
    return [_shuffled(value, seed) for value in node] if isinstance(node, list) else node


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_vendors_document_does_not_matter(vendor: Doc, seed: int) -> None:
    shuffled = _shuffled(vendor, random.Random(seed))

    assert order.write(_normalise(shuffled).document) == order.write(_normalise(vendor).document)


def test_json_and_yaml_are_read_alike(vendor: Doc) -> None:
    assert document.load(json.dumps(vendor), "x.json") == vendor
    assert document.load(yaml.safe_dump(vendor), "x.yaml") == vendor


def test_openapi_3_0_becomes_the_same_document(vendor: Doc) -> None:
    wanted = _campaign(vendor)["properties"]
    wanted["phone_number_id"]["type"] = ["string", "null"]
    old = copy.deepcopy(vendor)
    old["openapi"] = "3.0.3"
    field = _campaign(old)["properties"]["phone_number_id"]
    field["type"] = "string"
    field["nullable"] = True

    assert _normalise(old).document == _normalise(vendor).document


def test_exclusive_bounds_of_openapi_3_0_become_numbers(vendor: Doc) -> None:
    vendor["openapi"] = "3.0.0"
    form = _form(vendor)
    form["retry_delay_seconds"]["exclusiveMinimum"] = True
    form["max_concurrent_calls"]["exclusiveMaximum"] = False

    found = _normalise(vendor).document["components"]["schemas"]["CampaignCreate"]["properties"]

    assert found["retry_delay_seconds"]["exclusiveMinimum"] == 60
    assert "minimum" not in found["retry_delay_seconds"]
    assert found["max_concurrent_calls"]["maximum"] == 100
    assert "exclusiveMaximum" not in found["max_concurrent_calls"]


def test_what_the_sdk_does_not_cover_is_left_out_and_named(vendor: Doc) -> None:
    found = _normalise(vendor).document

    assert found["x-left-out"] == ["GET /agents", "POST /calls/originate"]
    assert len(list(document.operations(found))) == 11
    assert not {"Agent", "OriginateRequest"} & found["components"]["schemas"].keys()


def test_parameters_of_a_path_item_are_taken_over(vendor: Doc) -> None:
    item = vendor["paths"]["/api/v1/campaigns/{id}"]
    before = _normalise(copy.deepcopy(vendor)).document
    item["parameters"] = [item["get"]["parameters"].pop(0)]
    item["delete"]["parameters"].pop(0)

    assert _normalise(vendor).document == before


BAD_TABLES = [
    ("rules", {"rule": "bend", "reason": "Because."}, "names no known kind"),
    ("rules", {"rule": "undot_schema_names"}, "has no reason"),
    ("rules", {"rule": "undot_schema_names", "reason": " "}, "has no reason"),
    ("rules", {"rule": "strip_path_prefix", "reason": "B.", "prefx": "/x"}, "has no use for"),
    ("rules", {"rule": "strip_path_prefix", "reason": "Because."}, r"lacks \['prefix'\]"),
    ("assumed", {"assume": "nullable", "schema": "X", "fields": ["a"]}, "has no reason"),
]


@pytest.mark.parametrize(("table", "entry", "words"), BAD_TABLES)
def test_a_table_that_cannot_be_meant_is_refused(table: str, entry: Doc, words: str) -> None:
    rules: Doc = {
        "document": {},
        "operations": [],
        "field_order": [],
        "rules": [entry] if table == "rules" else [],
    }

    with pytest.raises(SpecError, match=words):
        normalise.read_tables(rules, [entry] if table == "assumed" else [])


def test_an_assumed_schema_that_requires_something_is_refused(vendor: Doc) -> None:
    tables = copy.deepcopy(TABLES)
    tables.assumed[-2]["schema"]["required"] = ["total"]

    with pytest.raises(SpecError, match="nothing in it is required"):
        normalise.normalise(vendor, "the document", tables)
