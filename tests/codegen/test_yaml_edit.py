"""Only what differs changes in the text: comments, order, quotes and blank lines stay."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
from spec import document, yaml_edit

ROOT = Path(__file__).resolve().parents[2]

TEXT = """\
# The head.
title: "A"  # the title

limits:
  # The upper one.
  maximum: 100  # calls
  minimum: 1

  # After a blank line.
  text: >-
    A long text that is folded
    over two lines.
flow: {a: 1, b: [x, y]}
words:
  - one  # first
  # Before two.
  - two
parameters:
  - name: id  # the ID
    in: path
    description: An ID.
  # The page.
  - name: page
    in: query
"""

# The edit of the document, and the lines of the text that change: "-" removed, "+" added.
CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"title": "B"}, ['-title: "A"  # the title', "+title: B  # the title"]),
    ({"limits.maximum": 50}, ["-  maximum: 100  # calls", "+  maximum: 50  # calls"]),
    ({"limits.maximum": None}, ["-  maximum: 100  # calls"]),
    ({"limits.minimum": None}, ["-  minimum: 1"]),
    ({"limits.default": 5}, ["+  default: 5"]),
    (
        {"limits.text": "Short."},
        ["-  text: >-", "-    A long text that is folded", "-    over two lines.", "+  text: Short."],
    ),
    ({"limits.text": None, "limits.more": {"a": [1]}}, [
        "-  text: >-", "-    A long text that is folded", "-    over two lines.",
        "+  more:", "+    a:", "+      - 1",
    ]),
    (
        {"flow": {"a": 2, "b": ["y", "x"]}},
        ["-flow: {a: 1, b: [x, y]}", "+flow:", "+  a: 2", "+  b:", "+    - y", "+    - x"],
    ),
    ({"words": ["two", "three"]}, ["-  - one  # first", "+  - three"]),
    ({"words": ["two", "one"]}, []),
    (
        {"parameters": [{"name": "page", "in": "query"}]},
        ["-  - name: id  # the ID", "-    in: path", "-    description: An ID."],
    ),
    (
        {"parameters": [{"name": "key", "in": "path"}, {"name": "page", "in": "query"}]},
        ["-  - name: id  # the ID", "-    description: An ID.", "+  - name: key  # the ID"],
    ),
    ({"words": []}, ["-words:", "-  - one  # first", "-  # Before two.", "-  - two", "+words: []"]),
]  # fmt: skip


def _edited(changes: dict[str, Any]) -> dict[str, Any]:
    doc = document.load(TEXT, "text")
    for place, value in changes.items():
        node = doc
        *parents, key = place.split(".")
        for parent in parents:
            node = node[parent]
        if value is None:
            del node[key]
        else:
            node[key] = value
    return doc


@pytest.mark.parametrize(("changes", "lines"), CASES)
def test_only_what_differs_changes(changes: dict[str, Any], lines: list[str]) -> None:
    wanted = _edited(changes)

    text = yaml_edit.edit(TEXT, wanted)

    old, new = TEXT.splitlines(), text.splitlines()
    assert sorted(lines) == sorted(
        [f"-{line}" for line in old if line not in new]
        + [f"+{line}" for line in new if line not in old]
    )
    assert yaml_edit.same(document.load(text, "text"), wanted)


def test_text_without_a_difference_is_returned_as_it_is() -> None:
    assert yaml_edit.edit(TEXT, document.load(TEXT, "text")) == TEXT


def test_keys_of_the_sdk_stay() -> None:
    text = "a:\n  x-sdk-method: one\n  b: 1\n  c: 2\n"

    assert yaml_edit.edit(text, {"a": {"b": 3}}) == "a:\n  x-sdk-method: one\n  b: 3\n"


def test_path_whose_parameter_is_renamed_keeps_its_place_and_comments() -> None:
    text = "paths:\n  # One.\n  /a/{id}:  # item\n    get: 1\n  /b: 2\n"

    edited = yaml_edit.edit(text, {"paths": {"/a/{key}": {"get": 1}, "/b": 2}})

    assert edited == text.replace("{id}", "{key}")


def _change(node: Any, seed: random.Random) -> None:
    """Remove, replace or add one value in each mapping that is met."""
    if isinstance(node, list):
        for value in node:
            _change(value, seed)
        return
    if not isinstance(node, dict):
        return
    for key in list(node):
        if seed.random() < 0.1 and len(node) > 1 and key not in {"name", "in"}:
            del node[key]
        elif seed.random() < 0.1 and not isinstance(node[key], dict | list) and key != "in":
            node[key] = seed.choice([7, "other", "a: b # c", "x" * 90 + " y", "", None, True])
        else:
            _change(node[key], seed)
    if seed.random() < 0.1 and "in" not in node:
        node["new"] = {"type": "string", "description": "A long description. " * 8}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_openapi_yaml_holds_any_other_document_after_an_edit(seed: int) -> None:
    text = (ROOT / "openapi.yaml").read_text("utf-8")
    wanted = document.load(text, "openapi.yaml")
    before = copy.deepcopy(wanted)
    _change(wanted, random.Random(seed))

    edited = yaml_edit.edit(text, yaml_edit.without_sdk_keys(wanted))

    found = yaml_edit.without_sdk_keys(document.load(edited, "openapi.yaml"))
    assert yaml_edit.same(found, yaml_edit.without_sdk_keys(wanted))
    assert yaml_edit.edit(edited, before).count("\n") > 800
