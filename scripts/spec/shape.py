"""Reads a schema as a user sees it: its types, values, bounds and fields.

It knows JSON Schema as OpenAPI documents use it. It must not compare anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .document import resolve

if TYPE_CHECKING:
    from .document import Json

# Bounds, by the direction in which they become narrower.
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
OTHER = ("pattern", "multipleOf", "uniqueItems")


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
    types = found.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    if "enum" in found:
        shape.words = tuple(str(word) for word in found["enum"] if word is not None)
        types += ["null"] if None in found["enum"] else []
    for member in found.get("allOf", ()):
        _lay_over(shape, read(document, member))
    alternatives = [read(document, one) for key in ("anyOf", "oneOf") for one in found.get(key, ())]
    for one in alternatives:
        types += one.types
        types += ["null"] if one.nullable else []
        shape.properties = {**one.properties, **shape.properties}
        shape.words = one.words if shape.words is None else shape.words
        shape.items = shape.items or one.items
        shape.format = shape.format or one.format
    if shape.words is not None:
        shape.open = any(one.words is None and "string" in one.types for one in alternatives)
    if not types and (shape.properties or shape.values):
        types = ["object"]
    shape.types = frozenset(types) - {"null"} | shape.types
    shape.nullable = shape.nullable or "null" in types
    return shape


def _resolved(document: Json, node: Json) -> Json:
    found: Json = resolve(document, node)
    return found


def _lay_over(shape: Shape, other: Shape) -> None:
    shape.types |= other.types
    shape.required |= other.required
    shape.properties = {**other.properties, **shape.properties}
    shape.bounds = {**other.bounds, **shape.bounds}
    shape.words = other.words if shape.words is None else shape.words
    shape.items = shape.items or other.items
    shape.values = shape.values or other.values
    shape.format = shape.format or other.format


def kind(shape: Shape) -> str:
    """Return the type of a shape in words."""
    names = " or ".join(sorted(shape.types)) or "any type"
    return f"{names} ({shape.format})" if shape.format == "binary" else names
