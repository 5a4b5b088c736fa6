"""Reads an OpenAPI document from text and upgrades it to OpenAPI 3.1.

It knows the formats. It must not know anything of Kataven: no path, name or rule of the Hub.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml
from problems import ScriptError

from . import yaml12
from .references import inlined

if TYPE_CHECKING:
    from collections.abc import Iterator

Json: TypeAlias = dict[str, Any]

# Far more than any API needs. The generators and the validator recurse, and fail below 200.
MAX_DEPTH: Final = 100
MAX_SIZE: Final = 20 * 1024 * 1024

# What the scripts say where recursion ends all the same.
CIRCULAR: Final = "has a schema that contains itself without end, such as an allOf of itself"

_TOO_DEEP: Final = f"it is nested more than {MAX_DEPTH} levels deep"

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def load(text: str, name: str) -> Json:
    """Read a mapping from JSON or YAML 1.2.

    Args:
        text: The document.
        name: Its name, for error messages.

    Returns:
        Only what JSON can hold, without objects that stand in two places.

    Raises:
        ScriptError: If it is neither, does not hold a mapping, has a key twice or a number that
            JSON does not have, or is too large or too deep to
            be worked with.
    """
    try:
        loaded = _parse(text)
        _measure(loaded, 0, {})
        # A YAML alias is one object in several places, which a later change would change in all.
        separate = json.loads(json.dumps(loaded, allow_nan=False))
        json.dumps(separate, ensure_ascii=False).encode()
    except ScriptError as error:
        raise ScriptError(*(f"{name}: {problem}" for problem in error.problems)) from None
    except RecursionError:
        raise ScriptError(f"{name}: {_TOO_DEEP}") from None
    except yaml.YAMLError as error:
        raise ScriptError(f"{name} is neither JSON nor YAML: {error}") from None
    except ValueError as error:
        raise ScriptError(f"{name} holds a value that JSON does not have: {error}") from None
    if not isinstance(separate, dict):
        raise ScriptError(f"{name} does not hold a mapping of keys to values")
    return separate


def _parse(text: str) -> Any:
    try:
        # JSON first: not all of it is YAML, and it is faster to read.
        return json.loads(text, object_pairs_hook=_object)
    except ValueError:
        return yaml12.read(text)


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        (key, *_) = (key for key in keys if keys.count(key) > 1)
        raise ScriptError(f"duplicate key {key!r} in one mapping")
    return found


def _measure(node: Any, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return the levels and the size of a value, where aliases count each time.

    Aliases of aliases can make a short text so large that no memory holds it.
    """
    if depth > MAX_DEPTH:
        raise ScriptError(_TOO_DEEP)
    if not isinstance(node, dict | list):
        return 0, 1 + (len(node) if isinstance(node, str) else 0)
    if id(node) not in known:
        values = node.values() if isinstance(node, dict) else node
        inner = [_measure(value, depth + 1, known) for value in values]
        size = (
            1 + sum(size for _, size in inner) + sum(map(len, node if values is not node else ()))
        )
        known[id(node)] = (1 + max((levels for levels, _ in inner), default=0), size)
    levels, size = known[id(node)]
    if depth + levels > MAX_DEPTH:
        raise ScriptError(_TOO_DEEP)
    if size > MAX_SIZE:
        raise ScriptError(f"with its aliases written out, it has more than {MAX_SIZE} characters")
    return levels, size


def as_openapi_31(document: Json, name: str) -> Json:
    """Upgrade a document to OpenAPI 3.1.

    Returns:
        A copy; the argument is not changed.

    Raises:
        ScriptError: If it is Swagger 2.0, another version, or has no paths, or a reference leads
            nowhere.
    """
    if "swagger" in document:
        raise ScriptError(
            f"{name} is Swagger {document['swagger']}: convert it to OpenAPI 3.0 or 3.1 first, for "
            "example with https://converter.swagger.io or swagger2openapi, and import the result"
        )
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0.", "3.1.")):
        raise ScriptError(
            f"{name} has openapi: {version!r}; only OpenAPI 3.0 and 3.1 are supported"
        )
    result = inlined(document, name)
    paths = result.get("paths")
    if not isinstance(paths, dict) or not paths:
        raise ScriptError(f"{name} has no paths")
    for path, item in paths.items():
        if not isinstance(item, dict) or not all(
            isinstance(item[method], dict) for method in METHODS if method in item
        ):
            raise ScriptError(f"{name}: paths/{path} does not hold operations")
    if version.startswith("3.0."):
        _upgrade(result)
        result["openapi"] = "3.1.0"
    return result


def operations(document: Json) -> Iterator[tuple[str, str, Json, Json]]:
    """Yield the method, path, path item and operation of each operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item, item[method]


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
