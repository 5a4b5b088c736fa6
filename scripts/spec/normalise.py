"""Turns a vendor-style document into ours: rules, then assumptions, then the order of everything.

It is a pure function of its inputs; it reads no file and knows nothing of the document before.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import assume, rules
from .document import as_openapi_31
from .draft import SCHEMA_PREFIX, Covered, Draft, cover
from .order import ordered
from .problems import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .document import Json

_RULES = "scripts/spec/rules.yaml"
_ASSUMED = "scripts/spec/assumed.yaml"


@dataclass(frozen=True, slots=True)
class Tables:
    """What rules.yaml and assumed.yaml hold."""

    head: Json
    covered: list[Covered]
    field_order: list[str]
    rules: list[Json]
    assumed: list[Json]


@dataclass(frozen=True, slots=True)
class Normalised:
    """The document as it becomes openapi.yaml, and sentences for the maintainer."""

    document: Json
    notes: list[str]


def read_tables(rules_document: Json, assumed: Any) -> Tables:
    """Check the shape of both tables.

    Raises:
        SpecError: If something in them has no name that we know, or no reason.
    """
    problems = [
        f"{_RULES} lacks {key}"
        for key in ("document", "operations", "field_order", "rules")
        if key not in rules_document
    ]
    if problems:
        raise SpecError(*problems)
    if not isinstance(assumed, list):
        raise SpecError(f"{_ASSUMED} holds no list of entries")
    try:
        covered = [Covered(**entry) for entry in rules_document["operations"]]
    except TypeError as error:
        raise SpecError(
            f"{_RULES}: an entry of `operations` has id, method, path, tag, sdk and, where needed, "
            f"defaults ({error})"
        ) from None
    for table, key, kinds, entries in (
        (_RULES, "rule", rules.KINDS, rules_document["rules"]),
        (_ASSUMED, "assume", assume.KINDS, assumed),
    ):
        for number, entry in enumerate(entries, 1):
            problems += _entry_problems(f"{table}: entry {number}", key, kinds, entry)
    if problems:
        raise SpecError(*problems)
    return Tables(
        head=rules_document["document"],
        covered=covered,
        field_order=rules_document["field_order"],
        rules=rules_document["rules"],
        assumed=assumed,
    )


def _entry_problems(
    place: str, key: str, kinds: dict[str, Callable[..., int]], entry: Json
) -> list[str]:
    kind = kinds.get(str(entry.get(key)))
    if kind is None:
        return [f"{place} names no known kind ({key}: {entry.get(key)}); known: {', '.join(kinds)}"]
    problems = []
    if not str(entry.get("reason") or "").strip():
        problems.append(f"{place} ({entry[key]}) has no reason; write one sentence")
    parameters = list(inspect.signature(kind).parameters.values())[1:]
    wanted = {parameter.name for parameter in parameters} | {"reason"}
    needed = {p.name for p in parameters if p.default is inspect.Parameter.empty}
    given = entry.keys() - {key}
    if given - wanted:
        problems.append(f"{place} ({entry[key]}) has no use for {sorted(given - wanted)}")
    if needed - given - {"reason"}:
        problems.append(f"{place} ({entry[key]}) lacks {sorted(needed - given - {'reason'})}")
    return problems


def normalise(vendor: Json, name: str, tables: Tables) -> Normalised:
    """Make our document of the vendor's.

    Args:
        vendor: The vendor's document.
        name: What it is called in errors.
        tables: Our rules and assumptions.

    Raises:
        SpecError: If the document cannot be used, or a rule or an assumption has lost its cause.
    """
    draft = Draft(as_openapi_31(vendor, name))
    paths_first = [rule for rule in tables.rules if rule["rule"] == "strip_path_prefix"]
    others = [rule for rule in tables.rules if rule["rule"] != "strip_path_prefix"]
    problems: list[str] = []
    for rule in paths_first:
        problems += _apply(draft, rule, "rule", rules.KINDS, _RULES)
    try:
        cover(draft, tables.covered)
    except SpecError as error:
        # Another API has none of our paths, so the rules about them have no cause either.
        raise SpecError(*error.problems, *problems) from None
    for operation_id in sorted(draft.absent):
        draft.notes.append(
            f"{_RULES} covers {operation_id}, but the document has no such operation: take its "
            "line out of `operations`, or correct its method and path"
        )
    for rule in others:
        problems += _apply(draft, rule, "rule", rules.KINDS, _RULES)
    for entry in tables.assumed:
        problems += _apply(draft, entry, "assume", assume.KINDS, _ASSUMED)
    if problems:
        raise SpecError(*problems)
    document = _assemble(draft, tables)
    if marks := assume.check_marks(document):
        raise SpecError(*marks)
    return Normalised(document, draft.notes)


def _apply(
    draft: Draft, entry: Json, key: str, kinds: dict[str, Callable[..., int]], table: str
) -> list[str]:
    """Run one entry; the sentence is there when it matched nothing."""
    kind = kinds[entry[key]]
    arguments = copy.deepcopy({name: value for name, value in entry.items() if name != key})
    if "reason" not in inspect.signature(kind).parameters:
        del arguments["reason"]
    named: set[str] = set(arguments.get("operations", ()))
    if "operation" in arguments:
        named.add(arguments["operation"])
    gone = named & draft.absent
    if gone:
        # That the operation is gone is reported as such; the rule goes with it.
        draft.notes.append(
            f"{table}: {entry[key]} names {', '.join(sorted(gone))}, which the document does not "
            "have; take it out"
        )
        if "operations" not in arguments or not named - gone:
            return []
        arguments["operations"] = [one for one in arguments["operations"] if one not in gone]
    try:
        matched = kind(draft, **arguments)
    except SpecError as error:
        return list(error.problems)
    if matched:
        return []
    details = ", ".join(f"{name}: {value}" for name, value in arguments.items() if name in _SHOWN)
    sentence = (
        f"{table}: {entry[key]} ({details}) matches nothing in the document, so its cause is gone "
        f"or has moved: take it out or correct it. Its reason was: {entry['reason']}"
    )
    return [sentence]


_SHOWN = ("prefix", "name", "operation", "operations", "schema", "field", "vendor", "source")


def _assemble(draft: Draft, tables: Tables) -> Json:
    vendor = draft.document
    components = vendor.get("components", {})
    document: Json = {
        **copy.deepcopy(tables.head),
        "security": vendor.get("security", []),
        "paths": vendor["paths"],
        "components": {key: value for key, value in components.items() if value},
    }
    if draft.left_out:
        document["x-left-out"] = draft.left_out
    _prune(document)
    return ordered(document, tables.field_order)


def _prune(document: Json) -> None:
    """Drop components that nothing of ours refers to; assumed ones stay, they are ours."""
    components: Json = document["components"]
    used: set[tuple[str, str]] = {
        ("schemas", name)
        for name, node in components.get("schemas", {}).items()
        if node.get("x-assumed")
    }
    used |= {("securitySchemes", name) for name in _security_names(document)}
    pending: list[Any] = [document["paths"], *(components[kind][name] for kind, name in used)]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/components/"):
                _, _, kind, name = reference.split("/", 3)
                if (kind, name) not in used:
                    used.add((kind, name))
                    if name not in components.get(kind, {}):
                        raise SpecError(
                            f"{reference} is referred to in {_ASSUMED}, but no rule makes it and "
                            "the document does not have it: correct the entry"
                        )
                    pending.append(components[kind][name])
    for kind in list(components):
        components[kind] = {
            name: node for name, node in components[kind].items() if (kind, name) in used
        }
        if not components[kind]:
            del components[kind]


def _security_names(document: Json) -> set[str]:
    found: set[str] = {name for requirement in document["security"] for name in requirement}
    for item in document["paths"].values():
        for operation in item.values():
            found |= {name for need in operation.get("security", ()) for name in need}
    known: set[str] = set(document["components"].get("securitySchemes", {}))
    return found & known


__all__ = ["SCHEMA_PREFIX", "Normalised", "Tables", "normalise", "read_tables"]
