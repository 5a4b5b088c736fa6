"""Knows what ``x-assumed`` means: where it may be used, and how assumptions survive an import.

An assumption is laid over the vendor's document only where that document leaves the place open.
Where the document defines the place, the assumption gives way and a sentence names it.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .document import METHODS, operations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Json
    from .draft import Draft


def lay_over(draft: Draft, present: Json) -> None:
    """Add to a document what openapi.yaml assumes and the document leaves open.

    Args:
        draft: The vendor's document after all rules. Its ``gave_way`` and ``notes`` name each
            assumption that is not added.
        present: openapi.yaml.
    """
    for _, path, _, operation in operations(present):
        if operation.get("x-assumed"):
            _operation(draft, path, present["paths"][path], operation["operationId"])
        else:
            _responses(draft, operation)
    schemas: Json = present.get("components", {}).get("schemas", {})
    for name, schema in schemas.items():
        if not schema.get("x-assumed"):
            for field, node in schema.get("properties", {}).items():
                if node.get("x-assumed"):
                    _field(draft, name, field, node)
    # Fields first: a derived schema copies those of its source.
    for name, schema in schemas.items():
        if schema.get("x-assumed"):
            _schema(draft, name, schema)


def _gave_way(draft: Draft, place: str) -> None:
    draft.gave_way.append(f"{place}: the document defines it now")


def _dropped(draft: Draft, place: str, owner: str) -> None:
    draft.notes.append(f"the assumption about {place} is dropped: the document has no {owner}")


def _operation(draft: Draft, path: str, item: Json, operation_id: str) -> None:
    if draft.operation(operation_id) is not None:
        _gave_way(draft, operation_id)
        return
    (method,) = (one for one in METHODS if item.get(one, {}).get("operationId") == operation_id)
    draft.document["paths"].setdefault(path, {})[method] = copy.deepcopy(item[method])
    draft.absent.discard(operation_id)


def _responses(draft: Draft, ours: Json) -> None:
    name = ours["operationId"]
    theirs = draft.operation(name)
    if theirs is None:
        return
    responses: Json = theirs.setdefault("responses", {})
    for status, response in ours["responses"].items():
        if response.get("x-assumed"):
            success = status.startswith("2") and any(code.startswith("2") for code in responses)
            if status in responses or success:
                _gave_way(draft, f"{name} {status}")
            else:
                responses[status] = copy.deepcopy(response)
            continue
        for media_type, media in response.get("content", {}).items():
            if not media.get("x-assumed"):
                continue
            place = f"the content of {name} {status}"
            if status not in responses:
                _dropped(draft, place, f"response {status}")
                continue
            # A shared response must not change for the others.
            responses[status] = copy.deepcopy(draft.resolve(responses[status]))
            content = responses[status].setdefault("content", {})
            if content.keys() - {media_type} or not _open(draft, media_type, content):
                _gave_way(draft, place)
            else:
                content[media_type] = copy.deepcopy(media)


def _open(draft: Draft, media_type: str, content: Json) -> bool:
    schema = draft.resolve(content.get(media_type, {}).get("schema", {}))
    # Every event stream is text; only a schema with more than that says what the events hold.
    plain = "string" if media_type == "text/event-stream" else "object"
    return _shapeless(schema, plain)


def _shapeless(schema: Any, plain: str = "object") -> bool:
    shaped = {"properties", "allOf", "anyOf", "oneOf", "enum", "const"}
    return (
        isinstance(schema, dict)
        and schema.get("type", plain) == plain
        and not schema.keys() & shaped
    )


def _field(draft: Draft, schema: str, field: str, ours: Json) -> None:
    place = f"{schema}.{field}"
    properties = draft.properties(schema)
    theirs = properties.get(field)
    if ours.get("x-assumed-part") != "nullability":
        if theirs is not None:
            _gave_way(draft, place)
        elif draft.schema(schema) is None:
            _dropped(draft, place, f"schema {schema}")
        else:
            draft.schemas[schema].setdefault("properties", {})[field] = copy.deepcopy(ours)
    elif theirs is None:
        _dropped(draft, f"the nullability of {place}", f"field {place}")
    elif not isinstance(theirs.get("type"), str):
        _gave_way(draft, f"the nullability of {place}")
    else:
        marks = {key: value for key, value in ours.items() if key.startswith("x-assumed")}
        properties[field] = {**theirs, "type": [theirs["type"], "null"], **marks}


def _schema(draft: Draft, name: str, ours: Json) -> None:
    theirs = draft.schema(name)
    if theirs is not None and not _shapeless(draft.resolve(theirs)):
        _gave_way(draft, name)
        return
    new = copy.deepcopy(ours)
    if source := ours.get("x-derived-from"):
        if draft.schema(source) is None:
            _dropped(draft, name, f"schema {source}")
            return
        new["properties"] = copy.deepcopy(draft.properties(source))
    draft.schemas[name] = new


def check_marks(document: Json) -> list[str]:
    """Find assumptions without a reason, in a place that an import cannot keep, or guaranteed.

    Args:
        document: openapi.yaml.

    Returns:
        One sentence for each.
    """
    problems = []
    schemas: Json = document.get("components", {}).get("schemas", {})
    kept = {id(node) for node in _places(document, schemas)}
    for place, node, inside in _marked(document, "", inside=False):
        if not str(node.get("x-assumed-reason") or "").strip():
            problems.append(f"{place} is x-assumed: add an x-assumed-reason")
        if not inside and id(node) not in kept:
            problems.append(
                f"{place} is x-assumed, but an import would lose the mark there: mark the "
                "operation, the response, its media type, the schema or the field"
            )
    for name, schema in schemas.items():
        required = schema.get("required", [])
        if schema.get("x-assumed") and required:
            problems.append(f"the schema {name} is x-assumed: take `required` out of it")
        problems += [
            f"{name}.{field} is x-assumed, so it must not be required"
            for field, node in schema.get("properties", {}).items()
            if field in required and node.get("x-assumed") and "x-assumed-part" not in node
        ]
        source = schema.get("x-derived-from")
        if source and schema.get("properties") != schemas.get(source, {}).get("properties"):
            problems.append(
                f"the schema {name} is x-derived-from {source}, but its properties differ: copy "
                f"those of {source}"
            )
    return problems


def _places(document: Json, schemas: Json) -> Iterator[Json]:
    for _, _, _, operation in operations(document):
        yield operation
        for response in operation.get("responses", {}).values():
            yield response
            yield from response.get("content", {}).values()
    for schema in schemas.values():
        yield schema
        yield from schema.get("properties", {}).values()


def _marked(node: Any, place: str, *, inside: bool) -> Iterator[tuple[str, Json, bool]]:
    """Go through every marked node, and say whether it is inside of another one."""
    if isinstance(node, dict):
        if node.get("x-assumed"):
            yield place, node, inside
            inside = True
        for key, value in node.items():
            yield from _marked(value, f"{place}/{key}" if place else key, inside=inside)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _marked(value, f"{place}/{index}", inside=inside)
