"""The kinds of rules that rules.yaml may use, each a function of the draft.

A function returns how many places it changed. The caller treats 0 as an error, so that no rule
outlives its reason. The reasons are in rules.yaml, not here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from problems import ScriptError

from .document import operations
from .draft import SCHEMA_PREFIX, Draft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .document import Json


def strip_path_prefix(draft: Draft, *, prefix: str) -> int:
    """Remove a prefix from every path that has it."""
    paths = draft.document["paths"]
    stripped: Json = {}
    matched = 0
    for path, item in paths.items():
        short = path.removeprefix(prefix)
        matched += short != path
        if short in stripped:
            raise ScriptError(f"the document has both {prefix}{short} and {short}")
        stripped[short] = item
    draft.document["paths"] = stripped
    return matched


def lift_security(draft: Draft, *, name: str) -> int:
    """Move the security that operations share to the top, and give its scheme our name."""
    found = [operation.get("security") for _, _, _, operation in operations(draft.document)]
    shared = found[0]
    schemes = draft.document.get("components", {}).get("securitySchemes", {})
    if not shared or len(shared) != 1 or len(shared[0]) != 1:
        return 0
    (vendor_name,) = shared[0]
    if vendor_name not in schemes:
        return 0
    matched = 0
    for _, _, _, operation in operations(draft.document):
        # An operation with another security keeps it, and the comparison reports it.
        if operation.get("security") == shared:
            del operation["security"]
            matched += 1
    draft.document["security"] = [{name: shared[0][vendor_name]}]
    draft.document["components"]["securitySchemes"] = {
        (name if key == vendor_name else key): scheme for key, scheme in schemes.items()
    }
    return matched


def drop_header_parameter(draft: Draft, *, name: str) -> int:
    """Remove a header from the parameters of every operation."""
    matched = 0
    for _, _, _, operation in operations(draft.document):
        parameters = operation.get("parameters", [])
        kept = [
            parameter
            for parameter in parameters
            if (parameter["in"], parameter["name"].lower()) != ("header", name.lower())
        ]
        matched += len(parameters) - len(kept)
        if kept:
            operation["parameters"] = kept
        else:
            operation.pop("parameters", None)
    return matched


def undot_schema_names(draft: Draft) -> int:
    """Name every schema by the part after the last dot, with a capital letter."""
    renamed: dict[str, str] = {}
    for name in draft.schemas:
        last = name.rpartition(".")[2]
        renamed[name] = last[:1].upper() + last[1:] if "." in name else name
    if len(set(renamed.values())) < len(renamed):
        duplicates = sorted(
            name for name, new in renamed.items() if list(renamed.values()).count(new) > 1
        )
        raise ScriptError(
            f"without their dots, the schemas {', '.join(duplicates)} have the same name"
        )
    schemas = draft.schemas
    draft.document["components"]["schemas"] = {renamed[name]: schemas[name] for name in schemas}
    _rename_references(draft.document, renamed)
    return sum(name != new for name, new in renamed.items())


def _rename_references(node: Any, renamed: dict[str, str]) -> None:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(SCHEMA_PREFIX):
            name = reference.removeprefix(SCHEMA_PREFIX)
            node["$ref"] = SCHEMA_PREFIX + renamed.get(name, name)
        mapping = _mapping_of(node.get("discriminator"))
        for word, reference in mapping.items():
            prefix = SCHEMA_PREFIX if str(reference).startswith(SCHEMA_PREFIX) else ""
            name = str(reference).removeprefix(prefix)
            mapping[word] = prefix + renamed.get(name, name)
        for value in node.values():
            _rename_references(value, renamed)
    elif isinstance(node, list):
        for value in node:
            _rename_references(value, renamed)


def _mapping_of(discriminator: Any) -> Json:
    # A field of an object may be called discriminator too.
    found = discriminator.get("mapping") if isinstance(discriminator, dict) else None
    return found if isinstance(found, dict) else {}


def _request_content(draft: Draft, operation: str) -> Json:
    found = draft.operation(operation) or {}
    body = draft.resolve(found.get("requestBody") or {})
    content = body.get("content") if isinstance(body, dict) else None
    return content if isinstance(content, dict) else {}


def media_type(draft: Draft, *, operation: str, vendor: str, ours: str) -> int:
    """Correct the media type of a request body."""
    content = _request_content(draft, operation)
    if vendor not in content or ours in content:
        return 0
    content[ours] = content.pop(vendor)
    return 1


def name_request_schema(draft: Draft, *, operation: str, name: str) -> int:
    """Give the unnamed schema of a request body a name."""
    matched = 0
    for media in _request_content(draft, operation).values():
        schema = media.get("schema")
        if not schema or "$ref" in schema:
            continue
        if name in draft.schemas:
            raise ScriptError(
                f"the document already has a schema {name}, so the form of {operation} cannot be "
                "called that"
            )
        draft.schemas[name] = schema
        media["schema"] = {"$ref": SCHEMA_PREFIX + name}
        matched += 1
    return matched


def part_type(draft: Draft, *, operation: str, field: str, type: str) -> int:
    """Set the media type of one part of a form."""
    matched = 0
    for media in _request_content(draft, operation).values():
        encoding = media.setdefault("encoding", {})
        for properties in _form_properties(draft, media.get("schema") or {}):
            if field in properties and field not in encoding:
                encoding[field] = {"contentType": type}
                properties[field].setdefault("contentMediaType", type)
                matched += 1
    return matched


def _form_properties(draft: Draft, schema: Json) -> Iterator[Json]:
    """Yield the properties of a form, and of the forms that it is composed of."""
    form = draft.resolve(schema)
    yield form.get("properties") or {}
    for member in form.get("allOf", ()):
        yield from _form_properties(draft, member)


def open_enum(draft: Draft, *, schema: str, field: str, name: str) -> int:
    """Turn a closed enum into known values that allow any other string too."""
    found = draft.properties(schema).get(field)
    if not isinstance(found, dict) or not isinstance(found.get("enum"), list):
        return 0
    known = f"Known{name}"
    for taken in (name, known):
        if taken in draft.schemas:
            raise ScriptError(f"the document already has a schema {taken}")
    about = {"description": found["description"]} if "description" in found else {}
    draft.schemas[known] = {key: found[key] for key in found if key != "description"}
    draft.schemas[name] = {
        **about,
        "anyOf": [{"$ref": SCHEMA_PREFIX + known}, {"type": "string"}],
    }
    draft.properties(schema)[field] = {"$ref": SCHEMA_PREFIX + name}
    return 1


def require(draft: Draft, *, schema: str, fields: list[str]) -> int:
    """Mark fields as required."""
    found = draft.schema(schema)
    if found is None:
        return 0
    required: list[str] = found.setdefault("required", [])
    matched = 0
    for name in fields:
        if name in required:
            raise ScriptError(
                f"scripts/spec/rules.yaml: the rule require names {schema}.{name}, which the "
                "document requires by itself now; remove it from the rule"
            )
        if name not in draft.properties(schema):
            draft.notes.append(
                f"scripts/spec/rules.yaml: the rule require names {schema}.{name}, which the "
                "document no longer has; remove it from the rule"
            )
            continue
        required.append(name)
        matched += 1
    return matched


def date_time(draft: Draft, *, schema: str, fields: list[str]) -> int:
    """Give fields of type string the format date-time."""
    matched = 0
    for name in fields:
        found = draft.properties(schema).get(name)
        if found is None:
            draft.notes.append(
                f"scripts/spec/rules.yaml: the rule date_time names {schema}.{name}, which the "
                "document no longer has; remove it from the rule"
            )
        elif "format" in found:
            raise ScriptError(
                f"scripts/spec/rules.yaml: the rule date_time names {schema}.{name}, which has a "
                "format in the document now; remove it from the rule"
            )
        elif "string" in (found.get("type"), *_listed(found.get("type"))):
            found["format"] = "date-time"
            matched += 1
    return matched


def _listed(types: Any) -> list[Any]:
    return types if isinstance(types, list) else []


def drop_field(draft: Draft, *, schema: str, field: str) -> int:
    """Leave a field out; the generated model then keeps it among its additional properties."""
    found = draft.schema(schema) or {}
    if field in found.get("required", ()):
        found["required"].remove(field)
    return int(draft.properties(schema).pop(field, None) is not None)


def share_responses(draft: Draft, *, names: dict[str, str]) -> int:
    """Write the most frequent form of each error response once, and refer to it."""
    matched = 0
    for status, name in names.items():
        seen: dict[str, list[Json]] = {}
        for _, _, _, operation in operations(draft.document):
            response = operation["responses"].get(status)
            if isinstance(response, dict) and "$ref" not in response:
                seen.setdefault(json.dumps(response, sort_keys=True), []).append(
                    operation["responses"]
                )
        if not seen:
            continue
        text = max(sorted(seen), key=lambda form: len(seen[form]))
        components = draft.document.setdefault("components", {})
        components.setdefault("responses", {})[name] = json.loads(text)
        for responses in seen[text]:
            responses[status] = {"$ref": f"#/components/responses/{name}"}
            matched += 1
    return matched


KINDS: dict[str, Callable[..., int]] = {
    kind.__name__: kind
    for kind in (
        strip_path_prefix,
        lift_security,
        drop_header_parameter,
        undot_schema_names,
        media_type,
        name_request_schema,
        part_type,
        open_enum,
        require,
        date_time,
        drop_field,
        share_responses,
    )
}
