"""Reads a schema as a user sees it: its types, values, bounds and fields.

It knows JSON Schema as OpenAPI documents use it. It must not compare anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .references import resolve

if TYPE_CHECKING:
    from .document import Json

# Bounds, by the direction in which they become narrower.
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
OTHER = ("pattern", "multipleOf", "uniqueItems")

# Keywords that this module reads, and those that accept or reject nothing. What is left are rules,
# which are compared as they are written.
_READ = frozenset({
    "$ref", "type", "nullable", "enum", "const", "format", "default", "required", "properties",
    "items", "allOf", "anyOf", "oneOf", "description", *LOWER, *UPPER, *OTHER,
})  # fmt: skip
_NOTES = frozenset({
    "$schema", "$id", "$anchor", "$comment", "$defs", "title", "example", "examples", "deprecated",
    "externalDocs", "xml", "discriminator", "readOnly", "writeOnly", "contentMediaType",
    "contentEncoding",
})  # fmt: skip


@dataclass(slots=True)
class Shape:
    """One schema, with references resolved and alternatives merged.

    Attributes:
        types: JSON types without null; empty means any.
        nullable: Whether null is allowed.
        words: The known values of an enum, or None if it is not an enum.
        open: Whether other values are allowed too.
        format: Its format, or None.
        bounds: Bounds by keyword.
        default: ``(value,)``, or () if there is none.
        required: Names of the required fields.
        properties: The schemas of the fields, by name.
        items: The schema of a list's items, or None.
        values: The schema of the additional properties of an object, or None.
        rules: What else must hold, by keyword, each as a canonical text.
        assumed: Whether all of it is assumed.
        part_assumed: Which part of it is assumed, or "".
        description: Its description.
    """

    types: frozenset[str] = frozenset()
    nullable: bool = False
    words: tuple[str, ...] | None = None
    open: bool = False
    format: str | None = None
    bounds: dict[str, Any] = field(default_factory=dict)
    default: tuple[Any, ...] = ()
    required: frozenset[str] = frozenset()
    properties: Json = field(default_factory=dict)
    items: Json | None = None
    values: Json | None = None
    rules: dict[str, str] = field(default_factory=dict)
    assumed: bool = False
    part_assumed: str = ""
    description: str = ""


def read(document: Json, node: Json) -> Shape:
    """Read one schema.

    Args:
        document: The document that contains it.
        node: The schema.
    """
    found: Json = {**_resolved(document, node), **{k: v for k, v in node.items() if k != "$ref"}}
    shape = Shape(
        format=found.get("format"),
        bounds={key: found[key] for key in (*LOWER, *UPPER, *OTHER) if key in found},
        default=(found["default"],) if "default" in found else (),
        required=frozenset(found.get("required", ())),
        properties=dict(found.get("properties", {})),
        items=found.get("items"),
        assumed=bool(found.get("x-assumed")) and "x-assumed-part" not in found,
        part_assumed=str(found.get("x-assumed-part", "")),
        description=str(found.get("description", "")),
    )
    values = found.get("additionalProperties")
    shape.values = values if isinstance(values, dict) and values else None
    shape.rules = {
        key: _canonical(value)
        for key, value in found.items()
        if key not in _READ | _NOTES and not key.startswith("x-")
        # Without the keyword, any other field is allowed.
        if key != "additionalProperties" or value is False
    }
    types = found.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    if "enum" in found:
        shape.words = tuple(str(word) for word in found["enum"] if word is not None)
        types += ["null"] if None in found["enum"] else []
    elif "const" in found:
        shape.words = (str(found["const"]),)
    for member in found.get("allOf", ()):
        _lay_over(shape, read(document, member))
    alternatives = [read(document, one) for key in ("anyOf", "oneOf") for one in found.get(key, ())]
    types += ["null" for one in alternatives if one.nullable]
    alternatives = [one for one in alternatives if one != Shape(nullable=True)]
    if len(alternatives) == 1:
        # "This or null": the one alternative always holds.
        _lay_over(shape, alternatives.pop())
    elif alternatives:
        _lay_side_by_side(shape, alternatives)
    if alternatives and shape.words is not None:
        shape.open = any(one.words is None and "string" in one.types for one in alternatives)
    if not types and (shape.properties or shape.values):
        types = ["object"]
    shape.types = frozenset(types) - {"null"} | shape.types
    shape.nullable = shape.nullable or "null" in types
    return shape


def _resolved(document: Json, node: Json) -> Json:
    found: Json = resolve(document, node)
    return found


def _lay_side_by_side(shape: Shape, alternatives: list[Shape]) -> None:
    """Merge alternatives, of which a value fits at least one."""
    words = shape.words
    for one in alternatives:
        shape.types |= one.types
        shape.properties = {**one.properties, **shape.properties}
        if words is None and one.words is not None:
            added = [word for word in one.words if word not in (shape.words or ())]
            shape.words = (*(shape.words or ()), *added)
        shape.items = shape.items or one.items
        shape.format = shape.format or one.format
    shape.required |= frozenset.intersection(*(one.required for one in alternatives))
    # What one alternative asks for beyond that.
    asked = sorted(
        _canonical([sorted(one.required - shape.required), one.bounds, one.rules])
        for one in alternatives
    )
    if any(one != _canonical([[], {}, {}]) for one in asked):
        shape.rules["alternatives"] = "; ".join(asked)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _lay_over(shape: Shape, other: Shape) -> None:
    shape.types |= other.types
    shape.required |= other.required
    shape.properties = {**other.properties, **shape.properties}
    shape.bounds = {**other.bounds, **shape.bounds}
    if shape.words is None:
        shape.words, shape.open = other.words, other.open
    shape.items = shape.items or other.items
    shape.values = shape.values or other.values
    shape.rules = {**other.rules, **shape.rules}
    shape.format = shape.format or other.format


def kind(shape: Shape) -> str:
    """Return the type of a shape in words."""
    names = " or ".join(sorted(shape.types)) or "any type"
    return f"{names} ({shape.format})" if shape.format == "binary" else names
