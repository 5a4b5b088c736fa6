"""The kinds of assumptions that assumed.yaml may name, each a function on the draft.

Each marks what it adds with ``x-assumed: true`` and the reason. It returns how many places it
filled; none, or a place that the vendor fills by now, is an error, so that no guess outlives the
silence that it stood for.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .document import operations
from .draft import SCHEMA_PREFIX, Draft
from .problems import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .document import Json


def _marked(node: Json, reason: str) -> Json:
    return {**node, "x-assumed": True, "x-assumed-reason": reason}


def _documented(place: str) -> SpecError:
    return SpecError(
        f"scripts/spec/assumed.yaml assumes {place}, which the vendor's document says itself now; "
        "take the entry (or the name in it) out, and read in the report whether the two agree"
    )


def schema(draft: Draft, *, name: str, schema: Json, reason: str) -> int:
    """Add a whole schema, each of its fields marked."""
    if name in draft.schemas:
        raise _documented(f"the schema {name}")
    added = copy.deepcopy(schema)
    if "required" in added:
        raise SpecError(
            f"scripts/spec/assumed.yaml: the schema {name} is assumed, so nothing in it is "
            "required; take `required` out of it"
        )
    for key, value in added.get("properties", {}).items():
        added["properties"][key] = _marked(value, reason)
    draft.schemas[name] = _marked(added, reason)
    return 1


def field(draft: Draft, *, schema: str, name: str, type: Json, reason: str) -> int:
    """Add a field to a documented schema."""
    found = draft.schema(schema)
    if found is None:
        return 0
    if name in draft.properties(schema):
        raise _documented(f"the field {schema}.{name}")
    found.setdefault("properties", {})[name] = _marked(copy.deepcopy(type), reason)
    return 1


def nullable(draft: Draft, *, schema: str, fields: list[str], reason: str) -> int:
    """Say of documented fields that they may be null."""
    matched = 0
    for name in fields:
        found = draft.properties(schema).get(name)
        if not isinstance(found, dict):
            draft.notes.append(
                f"scripts/spec/assumed.yaml: nullable names {schema}.{name}, which the vendor's "
                "document does not have any more; take it out of the entry"
            )
            continue
        types = found.get("type")
        if not isinstance(types, str):
            raise _documented(f"that {schema}.{name} may be null")
        draft.properties(schema)[name] = {
            **_marked({**found, "type": [types, "null"]}, reason),
            "x-assumed-part": "nullability",
        }
        matched += 1
    return matched


def derived_schema(draft: Draft, *, name: str, source: str, description: str, reason: str) -> int:
    """Add a schema that has the fields of another, none of them required."""
    if name in draft.schemas:
        raise _documented(f"the schema {name}")
    found = draft.schema(source)
    if found is None:
        return 0
    derived = copy.deepcopy(found)
    derived.pop("required", None)
    derived["description"] = description
    derived["x-derived-from"] = source
    draft.schemas[name] = _marked(derived, reason)
    return 1


def answer(draft: Draft, *, operations: list[str], status: str, schema: str, reason: str) -> int:
    """Say what the JSON of an answer is, where the document gives it no shape."""
    matched = 0
    for operation_id in operations:
        response = _response(draft, operation_id, status)
        if response is None:
            continue
        content = response.setdefault("content", {})
        if content.keys() - {"application/json"} or not _shapeless(
            draft, content.get("application/json", {}).get("schema", {})
        ):
            raise _documented(f"the answer of {operation_id}")
        content["application/json"] = {"schema": {"$ref": SCHEMA_PREFIX + schema}}
        response.update(_marked({}, reason))
        matched += 1
    return matched


def status(
    draft: Draft,
    *,
    operations: list[str],
    status: str,
    description: str,
    reason: str,
    text: bool = False,
) -> int:
    """Add an answer of a status: with a body of plain text, or without one."""
    matched = 0
    for operation_id in operations:
        found = draft.operation(operation_id)
        if found is None:
            continue
        family = {code for code in found["responses"] if code[0] == status[0] == "2"}
        if status in found["responses"] or family:
            raise _documented(f"the answer {status} of {operation_id}")
        added: Json = {"description": description}
        if text:
            added["content"] = {"text/plain": {"schema": {"type": "string"}}}
        found["responses"][status] = _marked(added, reason)
        matched += 1
    return matched


def event_data(draft: Draft, *, operations: list[str], schema: str, reason: str) -> int:
    """Say what the data of the frames of an event stream is."""
    matched = 0
    for operation_id in operations:
        response = _response(draft, operation_id, "200") or {}
        media = response.get("content", {}).get("text/event-stream")
        if media is None:
            continue
        if draft.resolve(media.get("schema", {})).get("type", "string") != "string":
            raise _documented(f"the events of {operation_id}")
        media.update(_marked({"x-event-schema": schema}, reason))
        matched += 1
    return matched


def _response(draft: Draft, operation_id: str, status: str) -> Json | None:
    responses = (draft.operation(operation_id) or {}).get("responses", {})
    if status not in responses:
        return None
    # What is shared is not changed for one: the operation gets its own copy.
    responses[status] = copy.deepcopy(draft.resolve(responses[status]))
    found: Json = responses[status]
    return found


def _shapeless(draft: Draft, node: Json) -> bool:
    found: Any = draft.resolve(node)
    return (
        isinstance(found, dict)
        and found.get("type", "object") == "object"
        and not found.keys() & {"properties", "allOf", "anyOf", "oneOf", "enum", "const"}
    )


KINDS: dict[str, Callable[..., int]] = {
    kind.__name__: kind
    for kind in (schema, field, nullable, derived_schema, answer, status, event_data)
}


def check_marks(document: Json) -> list[str]:
    """Find assumptions that promise too much, or do not say why.

    Returns:
        One sentence for each.
    """
    problems = []
    for place, node in _walk(document, ""):
        if node.get("x-assumed") and not str(node.get("x-assumed-reason") or "").strip():
            problems.append(f"{place} is x-assumed without an x-assumed-reason")
        required = node.get("required")
        if not isinstance(required, list):
            continue
        for name in required:
            field_node = node.get("properties", {}).get(name, {})
            if field_node.get("x-assumed") and "x-assumed-part" not in field_node:
                problems.append(f"{place}: {name} is assumed and required")
    return problems


def _walk(node: Any, place: str) -> Any:
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from _walk(value, f"{place}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, f"{place}/{index}")


def operation_ids(document: Json) -> set[str]:
    """Our ids of all operations of a normalised document."""
    return {operation["operationId"] for _, _, _, operation in operations(document)}
