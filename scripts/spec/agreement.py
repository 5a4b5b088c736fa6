"""Holds openapi.yaml and the hand-written layer together: where they differ, a sentence says so.

It is handed what the layer offers - builders, signatures, words - and imports nothing of kataven.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .document import operations, resolve
from .places import snake_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .document import Json
    from .draft import Covered

_OPERATIONS = "kataven/campaigns/operations.py"
_RULES = "scripts/spec/rules.yaml"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One argument that the specification asks a method for.

    Attributes:
        name: The name in the specification.
        argument: The name in the method.
        required: Whether it has no default.
        default: The default; None where the specification gives none.
    """

    name: str
    argument: str
    required: bool
    default: Any


def builders(document: Json, offered: Mapping[str, Callable[..., object]]) -> list[str]:
    """Compare the operations with the builders in ``OPERATIONS``.

    Args:
        document: openapi.yaml.
        offered: ``OPERATIONS`` of kataven/campaigns/operations.py.
    """
    asked = {operation["operationId"] for _, _, _, operation in operations(document)}
    sentences = [
        f"openapi.yaml has the operation {name}, but {_OPERATIONS} builds none: add a function "
        f'{snake_case(name)} and the line "{name}": {snake_case(name)} to OPERATIONS there'
        for name in sorted(asked - offered.keys())
    ]
    sentences += [
        f"{_OPERATIONS} builds {name}, but openapi.yaml has no such operation: take the function "
        f"{offered[name].__name__} and its line in OPERATIONS out of it, or add {name} to {_RULES}"
        for name in sorted(offered.keys() - asked)
    ]
    sentences += [
        f"{_OPERATIONS} builds {name} with the function {builder.__name__}: call it "
        f"{snake_case(name)}, after what it does"
        for name, builder in offered.items()
        if name in asked and builder.__name__ != snake_case(name)
    ]
    return sentences


def coverage(document: Json, covered: Iterable[Covered]) -> list[str]:
    """Compare the operations with the lines of rules.yaml."""
    present = {operation["operationId"] for _, _, _, operation in operations(document)}
    named = {one.id for one in covered}
    return [
        f"{_RULES} covers {name}, but openapi.yaml does not have it: take the line out of "
        "`operations`, or correct its method and path, then run scripts/update_spec.py"
        for name in sorted(named - present)
    ] + [
        f"openapi.yaml has {name}, but {_RULES} does not cover it: run scripts/update_spec.py"
        for name in sorted(present - named)
    ]


def methods(
    document: Json, covered: Iterable[Covered], clients: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Compare what each operation asks for with the parameters of its method.

    Args:
        document: openapi.yaml.
        covered: The lines of rules.yaml.
        clients: By the file of a client: its methods by their name for users, such as
            "campaigns.create".
    """
    by_id = {operation["operationId"]: operation for _, _, _, operation in operations(document)}
    sentences = []
    for one in covered:
        if one.id not in by_id:
            continue
        places = [(file, found) for file, found in clients.items() if _is_place_of(one.sdk, file)]
        for file, found in places:
            method = found.get(one.sdk)
            if method is None:
                sentences.append(
                    f"{one.id} is client.{one.sdk}, but {file} has no such method: add it there, "
                    f"or take the line of {one.id} out of {_RULES}"
                )
                continue
            wanted = list(arguments(document, by_id[one.id]))
            sentences += _method(one, file, method, wanted)
    return sentences


def _is_place_of(sdk: str, file: str) -> bool:
    return ("campaigns/" in file) == sdk.startswith("campaigns.")


def arguments(document: Json, operation: Json) -> Iterator[Wanted]:
    """What an operation asks a method for, in order: the path, the query, the form."""
    for parameter in operation.get("parameters", ()):
        schema = resolve(document, parameter.get("schema", {}))
        path = parameter["in"] == "path"
        yield Wanted(
            name=parameter["name"],
            # The contract calls the one id in a path so; its name in the path is the vendor's.
            argument="campaign_id" if path else parameter["name"],
            required=path or bool(parameter.get("required")),
            default=schema.get("default"),
        )
    body = resolve(document, operation.get("requestBody", {}))
    for media in body.get("content", {}).values():
        form = resolve(document, media.get("schema", {}))
        for name, schema in form.get("properties", {}).items():
            yield Wanted(
                name=name,
                argument=name,
                required=name in form.get("required", ()),
                default=resolve(document, schema).get("default"),
            )


def _method(one: Covered, file: str, method: Any, wanted: list[Wanted]) -> list[str]:
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(method).parameters.items()
        if name != "self"
    }
    where = f"{method.__name__} in {file}"
    sentences = []
    for argument in wanted:
        parameter = parameters.get(argument.argument)
        if parameter is None:
            kind = "required" if argument.required else "optional"
            sentences.append(
                f"{one.id} takes {argument.name} ({kind}), but {where} has no parameter "
                f"{argument.argument}: add it there and to {snake_case(one.id)} in {_OPERATIONS}"
            )
            continue
        default = parameter.default
        if argument.required and default is not inspect.Parameter.empty:
            sentences.append(
                f"{one.id} requires {argument.name}, but in {where} it has the default "
                f"{default!r}: take the default out"
            )
        elif not argument.required and default is inspect.Parameter.empty:
            sentences.append(
                f"{one.id} does not require {argument.name}, but {where} does: give it the default "
                f"{argument.default!r}"
            )
        elif not argument.required:
            sentences += _default(one, where, argument, default)
    asked = [argument.argument for argument in wanted]
    positional = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    sentences += [
        f"{where} takes {name}, which {one.id} does not have: take it out of the method and of "
        f"{snake_case(one.id)} in {_OPERATIONS}, or, if it is an option of the SDK's own, make it "
        "keyword-only"
        for name in positional
        if name not in asked
    ]
    known = [name for name in positional if name in asked]
    expected = [name for name in asked if name in known]
    if known != expected:
        sentences.append(
            f"{where} takes {', '.join(known)}, openapi.yaml has the order {', '.join(expected)}: "
            f"put one of them into the other's order (`field_order` in {_RULES}, or the method)"
        )
    return sentences


def _default(one: Covered, where: str, argument: Wanted, default: Any) -> list[str]:
    name = argument.name
    same = (type(default), default) == (type(argument.default), argument.default)
    if name in one.defaults and same:
        sentence = (
            f"{_RULES} states a default of {name} for {one.id}, but the Hub's is no other any "
            "more: take it out of `defaults` there"
        )
        return [sentence]
    if same or (name in one.defaults and one.defaults[name] == default):
        return []
    sentence = (
        f"the default of {name} is {argument.default!r} in openapi.yaml and {default!r} in "
        f"{where}: correct the method, or, where its contract fixes {default!r}, add "
        f"defaults: {{{name}: {default}}} to the line of {one.id} in {_RULES}"
    )
    return [sentence]


def words(document: Json, schema: str, known: Mapping[str, Iterable[str]]) -> list[str]:
    """Compare an enum with the words that the layer knows.

    Args:
        document: openapi.yaml.
        schema: The name of the schema, such as "KnownCampaignStatus".
        known: By place, such as "TERMINAL_STATUSES in kataven/...": all its words.
    """
    found = document["components"]["schemas"].get(schema, {}).get("enum", [])
    sentences = []
    for place, names in known.items():
        mine = set(names)
        sentences += [
            f"{schema} in openapi.yaml has the word {word!r}, but not {place}: add it there"
            for word in found
            if word not in mine
        ]
        sentences += [
            f"{place} has the word {word!r}, but not {schema} in openapi.yaml: take it out there"
            for word in sorted(mine - set(found))
        ]
    return sentences


__all__ = ["Wanted", "arguments", "builders", "coverage", "methods", "words"]
