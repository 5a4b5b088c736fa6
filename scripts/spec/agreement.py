"""Compares openapi.yaml with the hand-written SDK, with a sentence for each disagreement.

It gets what the SDK offers as arguments. It must not import kataven; ``sdk`` does.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import shape
from .document import operations
from .references import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .document import Json
    from .sdk import Offered

_OPERATIONS = "kataven/campaigns/operations.py"


def snake_case(operation_id: str) -> str:
    """Return the name of the generated module and of the builder of an operation."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One argument that an operation requires of its method.

    Attributes:
        name: The name in openapi.yaml.
        argument: The name in the method.
        required: Whether it must not have a default.
        default: The Hub's default; None if it has none.
        sdk_default: ``x-sdk-default``: the default of the method where it differs, or None.
    """

    name: str
    argument: str
    required: bool
    default: Any
    sdk_default: Any


def disagreements(document: Json, offered: Offered) -> list[str]:
    """Run every check of this module.

    Args:
        document: openapi.yaml.
        offered: What the SDK offers.

    Returns:
        One sentence for each disagreement.
    """
    sentences = builders(document, offered.builders)
    sentences += methods(document, offered.clients)
    for schema, known in offered.statuses.items():
        sentences += statuses(document, schema, known)
    for place, names in offered.shapes.items():
        sentences += shapes(document, place, names)
    return sentences


def builders(document: Json, offered: Mapping[str, Callable[..., object]]) -> list[str]:
    """Compare the operations with the builders in ``OPERATIONS``.

    Args:
        document: openapi.yaml.
        offered: ``OPERATIONS`` of kataven/campaigns/operations.py.
    """
    asked = {operation["operationId"] for _, _, _, operation in operations(document)}
    sentences = [
        f"openapi.yaml has the operation {name}, but {_OPERATIONS} does not build it: add a "
        f'function {snake_case(name)} and the line "{name}": {snake_case(name)} to OPERATIONS there'
        for name in sorted(asked - offered.keys())
    ]
    sentences += [
        f"{_OPERATIONS} builds {name}, but openapi.yaml does not have it: remove the function "
        f"{offered[name].__name__} and its line in OPERATIONS"
        for name in sorted(offered.keys() - asked)
    ]
    sentences += [
        f"{_OPERATIONS} builds {name} with the function {builder.__name__}: rename it to "
        f"{snake_case(name)}"
        for name, builder in offered.items()
        if name in asked and builder.__name__ != snake_case(name)
    ]
    return sentences


def methods(document: Json, clients: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Compare what each operation requires with the parameters of its method.

    Args:
        document: openapi.yaml, where ``x-sdk-method`` names the method of each operation.
        clients: By class, such as "CampaignsClient": its methods by the name that users call,
            such as "campaigns.create".
    """
    sentences = []
    for _, _, _, operation in operations(document):
        operation_id, name = operation["operationId"], operation.get("x-sdk-method")
        if name is None:
            sentences.append(
                f"{operation_id} in openapi.yaml lacks x-sdk-method, the name that users call, "
                "such as campaigns.get"
            )
            continue
        for client, offered in clients.items():
            if _prefix(name) not in map(_prefix, offered):
                continue
            if name not in offered:
                sentences.append(
                    f"{operation_id} is client.{name}, but {client} does not have this method: add "
                    "it, or correct x-sdk-method in openapi.yaml"
                )
                continue
            wanted = list(arguments(document, operation))
            sentences += _method(operation_id, client, offered[name], wanted)
    return sentences


def _prefix(name: str) -> str:
    return name.rpartition(".")[0]


def arguments(document: Json, operation: Json) -> Iterator[Wanted]:
    """Yield what an operation requires of its method: the path, the query, then the form."""
    for parameter in operation.get("parameters", ()):
        schema = resolve(document, parameter.get("schema", {}))
        path = parameter["in"] == "path"
        yield Wanted(
            name=parameter["name"],
            # The documented methods call it campaign_id, whatever its name in the path.
            argument="campaign_id" if path else parameter["name"],
            required=path or bool(parameter.get("required")),
            default=schema.get("default"),
            sdk_default=schema.get("x-sdk-default"),
        )
    body = resolve(document, operation.get("requestBody", {}))
    for media in body.get("content", {}).values():
        form = shape.read(document, media.get("schema", {}))
        # A field may be required without being described.
        undescribed = sorted(form.required - form.properties.keys())
        for name, node in {**form.properties, **{key: {} for key in undescribed}}.items():
            schema = resolve(document, node)
            yield Wanted(
                name=name,
                argument=name,
                required=name in form.required,
                default=schema.get("default"),
                sdk_default=schema.get("x-sdk-default"),
            )


def _method(operation_id: str, client: str, method: Any, wanted: list[Wanted]) -> list[str]:
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(method).parameters.items()
        if name != "self"
    }
    where = f"{client}.{method.__name__}"
    sentences = []
    for argument in wanted:
        parameter = parameters.get(argument.argument)
        if parameter is None:
            kind = "required" if argument.required else "optional"
            sentences.append(
                f"{operation_id} takes {argument.name} ({kind}), but {where} has no parameter "
                f"{argument.argument}: add it there and to {snake_case(operation_id)} in "
                f"{_OPERATIONS}"
            )
            continue
        default = parameter.default
        if argument.required and default is not inspect.Parameter.empty:
            sentences.append(
                f"{operation_id} requires {argument.name}, but {where} has the default "
                f"{default!r}: remove the default"
            )
        elif not argument.required and default is inspect.Parameter.empty:
            sentences.append(
                f"{operation_id} does not require {argument.name}, but {where} does: give it the "
                f"default {argument.default!r}"
            )
        elif not argument.required:
            sentences += _default(where, argument, default)
    asked = [argument.argument for argument in wanted]
    positional = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    sentences += [
        f"{where} takes {name}, but {operation_id} does not: remove it from the method and from "
        f"{snake_case(operation_id)} in {_OPERATIONS}, or, if it is an option of the SDK, make it "
        "keyword-only"
        for name in positional
        if name not in asked
    ]
    known = [name for name in positional if name in asked]
    expected = [name for name in asked if name in known]
    if known != expected:
        sentences.append(
            f"{where} takes {', '.join(known)}, but openapi.yaml has the order "
            f"{', '.join(expected)}: use the same order in both"
        )
    return sentences


def _default(where: str, argument: Wanted, default: Any) -> list[str]:
    name, stated = argument.name, argument.sdk_default
    if (type(default), default) == (type(argument.default), argument.default):
        sentence = (
            f"{name} has an x-sdk-default in openapi.yaml, but {where} has the Hub's default: "
            "remove x-sdk-default"
        )
        return [] if stated is None else [sentence]
    if stated is not None and stated == default:
        return []
    sentence = (
        f"the default of {name} is {argument.default!r} in openapi.yaml and {default!r} in "
        f"{where}: correct the method, or, if its default is documented, add x-sdk-default: "
        f"{default!r} to {name} in openapi.yaml"
    )
    return [sentence]


def statuses(document: Json, schema: str, known: Mapping[str, Iterable[str]]) -> list[str]:
    """Compare an enum with the statuses that the SDK knows.

    Args:
        document: openapi.yaml.
        schema: The name of the schema, such as "KnownCampaignStatus".
        known: By place, such as "STATUSES in kataven/...": all its statuses.
    """
    found = document["components"]["schemas"].get(schema, {}).get("enum", [])
    sentences = []
    for place, names in known.items():
        mine = set(names)
        sentences += [
            f"{schema} in openapi.yaml has {word!r}, but {place} does not: add it there"
            for word in found
            if word not in mine
        ]
        sentences += [
            f"{place} has {word!r}, but {schema} in openapi.yaml does not: remove it there"
            for word in sorted(mine - set(found))
        ]
    return sentences


def shapes(document: Json, place: str, names: Iterable[str]) -> list[str]:
    """Check that each generated type that a module exports is still generated.

    Args:
        document: openapi.yaml.
        place: The module, such as "kataven/types.py".
        names: The types that it exports.
    """
    schemas = document["components"]["schemas"]
    return [
        f"{place} exports {name}, but openapi.yaml does not have this schema: remove it there, or "
        "export what replaces it"
        for name in sorted(names)
        if name not in schemas
    ]
