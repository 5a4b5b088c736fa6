"""Knows what the generator cannot do with a schema: name some fields, and keep an odd time.

It must not run the generator or read files.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spec.document import Json

# Methods of a generated model, and names that its methods use. A field of such a name would hide
# the method or break it.
_TAKEN = frozenset({
    "additional_keys", "additional_properties", "cast", "cls", "d", "field_dict", "files",
    "from_dict", "parse_time", "prop", "prop_dict", "prop_name", "src_dict", "time_text", "to_dict",
    "to_multipart",
})  # fmt: skip


def name_problems(document: Mapping[str, Any]) -> list[str]:
    """Find fields whose names a generated model needs, and operations without a name.

    Args:
        document: A valid OpenAPI document.

    Returns:
        One sentence for each.
    """
    # Slow to import, so not before it is needed.
    from openapi_python_client.strings import PythonIdentifier  # noqa: PLC0415

    problems = [
        f"{method.upper()} {path} has no operationId, so the generator would invent a name: add one"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "responses" in operation
        if "operationId" not in operation
    ]
    return problems + [
        f"{place}: the field {name} would hide {python_name} of the generated model: leave it out "
        "with a rule drop_field in scripts/spec/rules.yaml (the model then keeps it among its "
        "additional properties)"
        for place, node in _walk(document, "")
        for name in _properties(node)
        if (python_name := str(PythonIdentifier(name, prefix="field_"))) in _TAKEN
    ]


def _properties(node: Mapping[str, Any]) -> list[str]:
    found = node.get("properties")
    # A field may be called "properties" itself; then there is a schema in it, not fields.
    return list(found) if isinstance(found, dict) else []


def _walk(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from _walk(value, f"{place}/{key}" if place else key)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, f"{place}/{index}")


def for_typed_dicts(document: Json) -> Json:
    """Return a document where the fields that ``x-sdk-required`` names are required.

    The type checkers then allow reading them with ``[]``. The models do not require them, so that
    ``from_dict`` accepts a document without one.

    Args:
        document: A valid OpenAPI document.
    """
    result = copy.deepcopy(document)
    for schema in result.get("components", {}).get("schemas", {}).values():
        required = schema.get("required", [])
        added = [name for name in schema.get("x-sdk-required", ()) if name not in required]
        if added:
            schema["required"] = [*required, *added]
    return result


def for_models(node: Any) -> Any:
    """Return a document whose times may also be any other text.

    With ``format: date-time`` alone, a generated model would raise on a text that is not a time.
    The alternative makes the generator keep such a text as it is.

    Args:
        node: A document or a part of it.
    """
    if isinstance(node, list):
        return [for_models(value) for value in node]
    if not isinstance(node, dict):
        return node
    result = {key: for_models(value) for key, value in node.items()}
    if result.get("format") == "date-time" and "type" in result:
        del result["format"]
        types = result.pop("type")
        result["anyOf"] = [
            {"type": "string", "format": "date-time"},
            *({"type": one} for one in ([types] if isinstance(types, str) else types)),
        ]
    return result
