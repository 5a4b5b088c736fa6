"""Reads an OpenAPI document from text and upgrades it to OpenAPI 3.1.

It knows the formats. It must not know anything of Kataven: no path, name or rule of the Hub.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from .problems import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

Json: TypeAlias = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class _Loader(yaml.SafeLoader):
    """YAML as JSON: no dates, and a duplicate key is an error instead of a lost value."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Json:
    # Keys are strings, as in JSON: otherwise one document would have two spellings.
    found: Json = {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in found:
            raise SpecError(
                f"duplicate key {key!r} in one mapping, line {key_node.start_mark.line + 1}"
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str, name: str) -> Json:
    """Read a mapping from JSON or YAML.

    Args:
        text: The document.
        name: Its name, for error messages.

    Raises:
        SpecError: If it is neither, or does not hold a mapping.
    """
    loaded = _parse(text, name)
    if not isinstance(loaded, dict):
        raise SpecError(f"{name} does not hold a mapping, so it is not an OpenAPI document")
    return loaded


def compose(text: str) -> yaml.Node | None:
    """Read the nodes of a YAML text, which know where in the text they are."""
    return yaml.compose(text, Loader=_Loader)


def construct(node: yaml.Node) -> Any:
    """Return the value of a node."""
    return _Loader("").construct_document(node)


def _parse(text: str, name: str) -> Any:
    try:
        # JSON first: not all of it is YAML, and it is faster to read.
        return json.loads(text)
    except ValueError:
        try:
            return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
        except yaml.YAMLError as error:
            raise SpecError(f"{name} is neither JSON nor YAML: {error}") from None
        except RecursionError:
            raise SpecError(f"{name} is nested too deeply to be read") from None


def as_openapi_31(document: Json, name: str) -> Json:
    """Upgrade a document to OpenAPI 3.1.

    Returns:
        A copy; the argument is not changed.

    Raises:
        SpecError: If it is Swagger 2.0, another version, or has no paths.
    """
    if "swagger" in document:
        raise SpecError(
            f"{name} is Swagger {document['swagger']}: convert it to OpenAPI 3.0 or 3.1 first, for "
            "example with https://converter.swagger.io or swagger2openapi, and import the result"
        )
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0.", "3.1.")):
        raise SpecError(f"{name} has openapi: {version!r}; only OpenAPI 3.0 and 3.1 are supported")
    paths = document.get("paths")
    if not isinstance(paths, dict) or not paths:
        raise SpecError(f"{name} has no paths")
    for path, item in paths.items():
        if not isinstance(item, dict) or not all(
            isinstance(item[method], dict) for method in METHODS if method in item
        ):
            raise SpecError(f"{name}: paths/{path} does not hold operations")
    for reference in sorted(set(_references(document))):
        if _target(document, reference) is None:
            raise SpecError(f"{name} refers to {reference}, which is not in the document")
    result = copy.deepcopy(document)
    if version.startswith("3.0."):
        _upgrade(result)
        result["openapi"] = "3.1.0"
    return result


def resolve(document: Json, node: Json) -> Any:
    """Follow ``$ref`` to what it refers to.

    Raises:
        SpecError: If it leads outside the document, to nothing or in a circle.
    """
    seen = set()
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        found = _target(document, reference)
        if found is None or reference in seen:
            raise SpecError(f"the reference {reference} leads nowhere")
        seen.add(reference)
        node = found
    return node


def _target(document: Json, reference: str) -> Any:
    if not reference.startswith("#/"):
        return None
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return found


def operations(document: Json) -> Iterator[tuple[str, str, Json, Json]]:
    """Yield the method, path, path item and operation of each operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item, item[method]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _upgrade(node: Any) -> None:
    """Rewrite the keywords of OpenAPI 3.0 as those of JSON Schema."""
    if isinstance(node, list):
        for value in node:
            _upgrade(value)
        return
    if not isinstance(node, dict):
        return
    nullable = node.get("nullable")
    if isinstance(nullable, bool):
        del node["nullable"]
        if nullable and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
            if isinstance(node.get("enum"), list) and None not in node["enum"]:
                node["enum"] = [*node["enum"], None]
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and bound in node:
            node[exclusive] = node.pop(bound)
    for value in node.values():
        _upgrade(value)
