"""Turns a vendor's document into ours: rules, then the assumptions of openapi.yaml.

It is a pure function of its arguments. It must not read files or know how a document is compared.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from problems import ScriptError

from . import rules
from .assumptions import check_marks, lay_over
from .document import as_openapi_31
from .draft import Draft, cover

if TYPE_CHECKING:
    from .document import Json

_RULES = "scripts/spec/rules.yaml"
# What a rule is about, shown when it matches nothing.
_SHOWN = ("prefix", "name", "operation", "schema", "field", "vendor")


@dataclass(frozen=True, slots=True)
class Imported:
    """A document as it becomes openapi.yaml, with sentences for the maintainer.

    Attributes:
        document: The document.
        gave_way: One sentence for each assumption that the vendor's document made unnecessary.
        notes: Further things to look at.
    """

    document: Json
    gave_way: list[str]
    notes: list[str]


def read_rules(table: Json) -> list[Json]:
    """Check the rules of rules.yaml.

    Raises:
        ScriptError: If a rule has no known kind, no reason, or wrong arguments.
    """
    problems = [] if table.keys() == {"rules"} else [f"{_RULES} must hold `rules` and nothing else"]
    entries: list[Json] = table.get("rules") or []
    for number, entry in enumerate(entries, 1):
        problems += _entry_problems(f"{_RULES}: rule {number}", entry)
    if problems:
        raise ScriptError(*problems)
    return entries


def _entry_problems(place: str, entry: Json) -> list[str]:
    kind = rules.KINDS.get(str(entry.get("rule")))
    if kind is None:
        return [f"{place}: unknown kind {entry.get('rule')!r} (known: {', '.join(rules.KINDS)})"]
    problems = []
    if not str(entry.get("reason") or "").strip():
        problems.append(f"{place} ({entry['rule']}) has no reason: write one sentence")
    wanted = set(inspect.signature(kind).parameters) - {"draft"}
    given = entry.keys() - {"rule", "reason"}
    if given - wanted:
        problems.append(
            f"{place} ({entry['rule']}) has unknown arguments: {sorted(given - wanted)}"
        )
    if wanted - given:
        problems.append(f"{place} ({entry['rule']}) lacks the arguments {sorted(wanted - given)}")
    return problems


def import_document(vendor: Json, name: str, table: list[Json], present: Json) -> Imported:
    """Turn a vendor's document into ours.

    Args:
        vendor: The vendor's document.
        name: Its name, for error messages.
        table: The rules.
        present: openapi.yaml, which says what the SDK covers and what it assumes.

    Raises:
        ScriptError: If the document cannot be used, or a rule matches nothing in it.
    """
    draft = Draft(as_openapi_31(vendor, name))
    paths_first = [rule for rule in table if rule["rule"] == "strip_path_prefix"]
    others = [rule for rule in table if rule["rule"] != "strip_path_prefix"]
    problems = [problem for rule in paths_first for problem in _apply(draft, rule)]
    try:
        cover(draft, present)
    except ScriptError as error:
        # Another API has none of our paths, so the rules about them match nothing either.
        raise ScriptError(*error.problems, *problems) from None
    problems += [problem for rule in others for problem in _apply(draft, rule)]
    lay_over(draft, present)
    if problems:
        raise ScriptError(*problems)
    document = _assemble(draft, present)
    if marks := check_marks(document):
        raise ScriptError(*marks)
    return Imported(document, draft.gave_way, draft.notes)


def _apply(draft: Draft, rule: Json) -> list[str]:
    """Run one rule, and return a sentence if it matches nothing."""
    kind = rule["rule"]
    arguments = copy.deepcopy({key: rule[key] for key in rule if key not in {"rule", "reason"}})
    if arguments.get("operation") in draft.absent:
        # The report names the missing operation; the rule goes with it.
        draft.notes.append(
            f"{_RULES}: {kind} names {arguments['operation']}, which the document does not have: "
            "remove the rule"
        )
        return []
    try:
        matched = rules.KINDS[kind](draft, **arguments)
    except ScriptError as error:
        return list(error.problems)
    if matched:
        return []
    details = ", ".join(f"{name}: {value}" for name, value in arguments.items() if name in _SHOWN)
    sentence = (
        f"{_RULES}: {kind} ({details}) matches nothing in the document: remove or correct the "
        f"rule. Its reason was: {rule['reason']}"
    )
    return [sentence]


def _assemble(draft: Draft, present: Json) -> Json:
    vendor = draft.document
    components = vendor.get("components", {})
    kept = present.keys() - {"security", "paths", "components", "x-left-out"}
    document: Json = {
        # The head of the file is ours.
        **{key: copy.deepcopy(present[key]) for key in present if key in kept},
        "security": vendor.get("security", []),
        "paths": vendor["paths"],
        "components": {key: value for key, value in components.items() if value},
    }
    if draft.left_out:
        document["x-left-out"] = draft.left_out
    _prune(draft, document)
    return document


def _prune(draft: Draft, document: Json) -> None:
    """Remove components that nothing refers to."""
    components: Json = document["components"]
    used = {("securitySchemes", name) for name in _security_names(document)}
    pending: list[Any] = [document["paths"], *(components[kind][name] for kind, name in used)]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
            for reference in _references(node):
                _, _, kind, name = reference.split("/")[:4]
                if (kind, name) in used:
                    continue
                used.add((kind, name))
                if name not in components.get(kind, {}):
                    raise ScriptError(
                        f"openapi.yaml assumes something that refers to {reference}, which neither "
                        "a rule nor the document provides: correct the assumption"
                    )
                pending.append(components[kind][name])
    for kind in list(components):
        draft.notes += [
            f"the assumed schema {name} is dropped: nothing refers to it any more"
            for name, node in components[kind].items()
            if (kind, name) not in used and node.get("x-assumed")
        ]
        components[kind] = {
            name: node for name, node in components[kind].items() if (kind, name) in used
        }
        if not components[kind]:
            del components[kind]


def _references(node: Json) -> list[str]:
    found = [node.get("$ref")]
    found += [
        f"#/components/schemas/{node[key]}"
        for key in ("x-event-schema", "x-derived-from")
        if key in node
    ]
    return [one for one in found if isinstance(one, str) and one.startswith("#/components/")]


def _security_names(document: Json) -> set[str]:
    found: set[str] = {name for requirement in document["security"] for name in requirement}
    for item in document["paths"].values():
        for operation in item.values():
            found |= {name for need in operation.get("security", ()) for name in need}
    known: set[str] = set(document["components"].get("securitySchemes", {}))
    return found & known
