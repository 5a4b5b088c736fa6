"""What the scripts make of YAML and JSON: YAML 1.2, references, and documents that are too much."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from problems import ScriptError
from spec import compare, document, importer, project, references, yaml_edit

ROOT = Path(__file__).resolve().parents[2]
PRESENT = project.current(ROOT)
VENDOR = document.load((ROOT / project.LAST_IMPORTED).read_text("utf-8"), "vendor.yaml")
CAMPAIGNS = "/api/v1/campaigns"

Doc = dict[str, Any]

# The core schema of YAML 1.2: each plain scalar with its value.
PLAIN = {
    **{word: word for word in (
        "no", "No", "NO", "yes", "on", "off", "Off", "y", "n", "Y", "N",
        "1_000", "0b11", "12:30", "12:30:45", "190:20:30", "2027-01-01", "2027-01-01T09:00:00Z",
        "1e", "0x", "0o8", "+", ".", "tRUE", "nULL", "NaN", "inf", "=", "+1 555",
    )},
    "012": 12, "0o14": 12, "0x1F": 31, "-7": -7, "+12": 12, "0": 0, "007": 7,
    "1e3": 1000.0, "1.": 1.0, ".5": 0.5, "1.10": 1.1, "-2.5E-1": -0.25,
    "true": True, "True": True, "FALSE": False, "null": None, "~": None, "": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), PLAIN.items(), ids=repr)
def test_plain_scalar_is_read_by_the_core_schema(text: str, value: Any) -> None:
    loaded = document.load(f"a:\n  - {text}\nb: {{ x: {text} }}\n", "x.yaml")

    assert loaded == {"a": [value], "b": {"x": value}}
    assert type(loaded["a"][0]) is type(value)


def test_quoted_scalars_and_keys_are_text() -> None:
    text = "'no': \"012\"\n012: '1e3'\non: |\n  yes\n1.10: !!str 7\n"

    assert document.load(text, "x.yaml") == {"no": "012", "012": "1e3", "on": "yes\n", "1.10": "7"}


@pytest.mark.parametrize("word", [*PLAIN, "0777", "1:2", "0.", "1e-3"], ids=repr)
def test_text_that_is_written_is_read_as_the_same_text(word: str) -> None:
    wanted = {"words": [word, "other"], "one": word}

    edited = yaml_edit.edit("words:\n  - first\none: first\n", wanted)

    assert document.load(edited, "x.yaml") == wanted


def test_words_of_an_enum_and_names_of_fields_survive_an_import() -> None:
    vendor = copy.deepcopy(VENDOR)
    campaign = vendor["components"]["schemas"]["data.Campaign"]
    text = json.dumps(vendor)
    yaml_text = text.replace('"scheduled"', "no, off, 12:30", 1)
    assert yaml_text != text
    words = [*campaign["properties"]["status"]["enum"]]
    words[words.index("scheduled") : words.index("scheduled") + 1] = ["no", "off", "12:30"]

    imported = _import(document.load(yaml_text, "vendor.yaml")).document

    assert imported["components"]["schemas"]["KnownCampaignStatus"]["enum"] == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2\n", "duplicate key 'a' in one mapping, line 2"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "duplicate key 'c' in one mapping"),
        ("base: &b {x: 1}\nother: {<<: *b}\n", "the merge key <<, line 2, is not part of YAML 1.2"),
        ("? [a, b]\n: 1\n", "a list or a mapping is a key, line 1"),
        ("a: !!timestamp 2027-01-01\n", "the tag tag:yaml.org,2002:timestamp, line 1, has no"),
        ("a: !!python/name:os.system x\n", "has no meaning in JSON"),
        ("a: !!set {x}\n", "has no meaning in JSON"),
        ("a: !!int seven\n", "'seven', line 1, is not a value of type int"),
        ("a: .nan\n", "holds a value that JSON does not have"),
        ('{"a": Infinity}', "holds a value that JSON does not have"),
        ('{"a": 1e999}', "holds a value that JSON does not have"),
        ('{"a": ' + "9" * 5000 + "}", "holds a value that JSON does not have"),
        ('{"a": "\\ud800"}', "holds a value that JSON does not have"),
        ("a: &x [*x]\n", "is neither JSON nor YAML"),
        ("a: [\n", "is neither JSON nor YAML"),
    ],
)
def test_what_json_cannot_hold_is_rejected(text: str, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        document.load(text, "x.yaml")

    assert str(caught.value).startswith("x.yaml")
    assert words in str(caught.value)


def _bomb() -> str:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    return "\n".join(lines) + "\n"


TOO_MUCH = {
    "JSON lists": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "JSON objects": '{"a": ' * 5000 + "1" + "}" * 5000,
    "JSON that only later code could not follow": '{"a": ' + "[" * 300 + "]" * 300 + "}",
    "YAML in flow style": "a: " + "[" * 5000 + "]" * 5000 + "\n",
    "YAML in block style": "".join(f"{' ' * n}a:\n" for n in range(400)),
    "a chain of aliases": "\n".join(["a0: &a0 1", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 300))]),
    "an alias bomb": _bomb(),
    "aliases of a long text": f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", TOO_MUCH)
def test_document_that_is_too_deep_or_too_large_ends_with_a_sentence(
    project: Any, what: str
) -> None:
    file = project.root.parent / "new.yaml"
    file.write_text(TOO_MUCH[what], "utf-8")

    for script, arguments in (("update_spec.py", [file, "--dry-run"]), ("check_spec.py", [file])):
        result = project.run(script, *arguments)

        assert result.returncode == 3, script
        assert "levels deep" in result.stderr or "more than 20971520 characters" in result.stderr
        assert "Traceback" not in result.stderr


def test_document_may_be_as_deep_as_the_limit() -> None:
    text = '{"a": ' * 100 + "1" + "}" * 100

    assert document.load(text, "x.json")
    with pytest.raises(ScriptError, match="more than 100 levels deep"):
        document.load('{"a": ' * 101 + "1" + "}" * 101, "x.json")


def test_schema_that_contains_itself_ends_with_a_sentence(project: Any) -> None:
    vendor = copy.deepcopy(VENDOR)
    vendor["components"]["schemas"]["data.Campaign"]["allOf"] = [
        {"$ref": "#/components/schemas/data.Campaign"}
    ]

    result = project.run("check_spec.py", project.write("new.json", vendor))

    assert result.returncode == 3
    assert "contains itself without end" in result.stderr


def test_aliased_objects_are_separate() -> None:
    loaded = document.load("a: &a {x: [1]}\nb: *a\n", "x.yaml")

    loaded["a"]["x"].append(2)

    assert loaded["b"] == {"x": [1]}


def _import(vendor: Doc) -> importer.Imported:
    return importer.import_document(vendor, "vendor.yaml", project.rules(ROOT), PRESENT)


def _into_a_path(vendor: Doc) -> None:
    get = vendor["paths"][f"{CAMPAIGNS}/{{id}}"]["get"]
    deleted = vendor["paths"][f"{CAMPAIGNS}/{{id}}"]["delete"]
    deleted["parameters"] = [
        {"$ref": f"#/paths/~1api~1v1~1campaigns~1%7Bid%7D/get/parameters/{number}"}
        for number in range(len(get["parameters"]))
    ]
    deleted["responses"]["404"] = {
        "$ref": "#/paths/~1api~1v1~1campaigns~1%7Bid%7D/get/responses/404"
    }


def _into_an_operation_that_is_left_out(vendor: Doc) -> None:
    get = vendor["paths"][f"{CAMPAIGNS}/{{id}}"]["get"]
    vendor["paths"]["/api/v1/agents"]["get"]["responses"]["200"] = get["responses"]["200"]
    get["responses"]["200"] = {"$ref": "#/paths/~1api~1v1~1agents/get/responses/200"}


def _path_item(vendor: Doc) -> None:
    path = f"{CAMPAIGNS}/{{id}}/pause"
    vendor["x-items"] = {"pause campaign": vendor["paths"].pop(path)}
    vendor["paths"][path] = {"$ref": "#/x-items/pause%20campaign"}


def _percent_encoded(vendor: Doc) -> None:
    text = json.dumps(vendor).replace("schemas/data.Campaign", "schemas/data%2ECampaign")
    vendor.clear()
    vendor.update(json.loads(text))


def _into_a_schema(vendor: Doc) -> None:
    schemas = vendor["components"]["schemas"]
    limits = schemas["data.CallLimits"]["properties"]
    schemas["data.Shared"] = {"properties": {"~max/day": limits["daily_calls_max"]}}
    limits["daily_calls_max"] = {"$ref": "#/components/schemas/data.Shared/properties/~0max~1day"}


@pytest.mark.parametrize(
    "written",
    [
        _into_a_path,
        _into_an_operation_that_is_left_out,
        _path_item,
        _percent_encoded,
        _into_a_schema,
    ],
)
def test_reference_of_any_form_is_imported_like_what_it_points_at(written: Any) -> None:
    vendor = copy.deepcopy(VENDOR)
    written(vendor)
    assert vendor != VENDOR

    imported = _import(vendor).document

    assert compare.compare(_import(copy.deepcopy(VENDOR)).document, imported) == []
    for reference in references.references(imported):
        assert reference.startswith("#/components/")
        assert references.target(imported, reference) is not None


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("#/paths/~1nowhere/get", "which is not in the document"),
        ("#/paths/~1api~1v1~1campaigns/get/tags/7", "which is not in the document"),
        ("other.yaml#/components/schemas/A", "which is not in the document"),
        ("#", "which is not in the document"),
        ("#/paths/~1api~1v1~1campaigns/get", "leads back to itself"),
    ],
)
def test_reference_that_cannot_be_followed_is_named(reference: str, words: str) -> None:
    vendor = copy.deepcopy(VENDOR)
    response = vendor["paths"][CAMPAIGNS]["get"]["responses"]["200"]
    response["content"]["application/json"]["schema"] = {"$ref": reference}

    with pytest.raises(ScriptError) as caught:
        _import(vendor)

    assert reference in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.slow
def test_references_that_multiply_end_with_a_sentence() -> None:
    vendor = copy.deepcopy(VENDOR)
    vendor["x-0"] = ["lol"] * 10
    vendor |= {f"x-{n}": [{"$ref": f"#/x-{n - 1}"}] * 10 for n in range(1, 20)}

    with pytest.raises(ScriptError, match="refers to too much"):
        _import(vendor)
