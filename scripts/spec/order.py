"""Puts a document into one order, whatever order it came in, and writes it as YAML.

It also seals the text: the head of the file carries a digest of the rest, by which an edit by hand
is noticed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from .document import Json

_KEYS = (
    "$ref", "openapi", "info", "name", "in", "title", "version", "tags", "operationId",
    "x-vendor-operation-id", "url", "type", "format", "scheme", "summary", "description",
    "required", "deprecated", "license", "servers", "security", "x-left-out", "paths", "parameters",
    "requestBody", "headers", "content", "schema", "encoding", "responses", "components",
    "securitySchemes", "schemas", "anyOf", "oneOf", "allOf", "enum", "minimum", "maximum",
    "default", "items", "properties", "additionalProperties",
)  # fmt: skip
_RANK = {key: number for number, key in enumerate(_KEYS)}

# Below these keys stand names, not keywords.
_MAPS = frozenset({
    "paths", "responses", "content", "headers", "properties", "patternProperties", "schemas",
    "securitySchemes", "requestBodies", "encoding", "callbacks", "examples", "links", "mapping",
    "scopes", "variables", "$defs",
})  # fmt: skip
# Below these stand values of the API, whose order is their own.
_VALUES = frozenset({"default", "example", "enum", "const", "security"})

_HEAD = "# Written by scripts/update_spec.py; docs/spec.md says how it is changed, not by hand.\n"
_SEAL = "# sha256 of the rest: "


def ordered(document: Json, field_order: list[str]) -> Json:
    """Put every mapping into one order.

    Args:
        document: A normalised document.
        field_order: The order of the names of fields; others follow by name.

    Returns:
        A new document.
    """
    fields = {name: number for number, name in enumerate(field_order)}

    def field_key(name: str) -> tuple[int, str]:
        return fields.get(name, len(fields)), name

    def node(value: Any, key: str) -> Any:
        if key in _VALUES:
            return value
        if isinstance(value, list):
            return _list(value, key)
        if not isinstance(value, dict):
            return value
        # `components/parameters` maps names; everywhere else `parameters` is a list.
        if key in _MAPS or key == "parameters":
            names = sorted(value, key=field_key if key == "properties" else str)
            return {name: node(value[name], "") for name in names}
        keys = sorted(value, key=lambda one: (_RANK.get(one, len(_RANK)), one))
        return {one: node(value[one], one) for one in keys}

    def _list(value: list[Any], key: str) -> list[Any]:
        if key == "required":
            return sorted(value, key=field_key)
        if key == "parameters":
            places = ("path", "query", "header", "cookie")
            value = sorted(value, key=lambda one: (places.index(one["in"]), field_key(one["name"])))
        return [node(one, "") for one in value]

    result: Json = node(document, "")
    return result


class _Dumper(yaml.SafeDumper):
    """Block style without anchors: what is the same twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Every value is written where it stands."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Indent lists inside mappings, as people write them."""
        super().increase_indent(flow, indentless=False)


def write(document: Json) -> str:
    """Write a document as the text of openapi.yaml, with its seal."""
    body = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=98, indent=2
    )
    return f"{_HEAD}{_SEAL}{_digest(body)}\n{body}"


def seal_is_whole(text: str) -> bool:
    """Say whether the text of openapi.yaml is as ``write`` left it."""
    head, _, rest = text.partition("\n")
    seal, _, body = rest.partition("\n")
    return head + "\n" == _HEAD and seal == _SEAL + _digest(body)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
