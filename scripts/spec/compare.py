"""Compares two documents in the form of openapi.yaml, operation by operation.

It finds what changed for a user of kataven. What a change means for users is in ``ranks``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .compare_schemas import Schemas
from .document import operations
from .draft import SCHEMA_PREFIX, blanked
from .findings import Findings, Spot
from .ranks import ORDER
from .references import resolve
from .yaml_edit import same

if TYPE_CHECKING:
    from .document import Json
    from .findings import Change


def compare(old: Json, new: Json) -> list[Change]:
    """Find every difference between two documents.

    Args:
        old: The document before.
        new: The document after.

    Returns:
        The changes, breaking ones first.
    """
    comparison = _Comparison(old, new, Findings(old, new))
    comparison.run()
    changes = comparison.findings.changes
    if not changes and not same(old, new):
        comparison.findings.add(
            "document changed", Spot("openapi.yaml"), "something changed that users do not notice"
        )
    return sorted(changes, key=lambda one: (-ORDER.index(one.rank), one.operation or "", one.name))


class _Comparison:
    def __init__(self, old: Json, new: Json, findings: Findings) -> None:
        self.findings = findings
        self._old = old
        self._new = new
        self._schemas = Schemas(old, new, findings)
        self._seen_responses: set[tuple[str, str]] = set()

    def run(self) -> None:
        for key in ("openapi", "info", "servers", "tags"):
            if self._old.get(key) != self._new.get(key):
                self.findings.add("document changed", Spot(key), f"{key} changed")
        self._left_out()
        if _security(self._old, self._old) != _security(self._new, self._new):
            self.findings.add(
                "security changed",
                Spot("security"),
                "authentication changed for all operations",
            )
        before, after = _by_place(self._old), _by_place(self._new)
        for place, (path, operation) in before.items():
            if place not in after:
                name = operation["operationId"]
                self.findings.add(
                    "operation removed",
                    Spot(name, (name,)),
                    f"{place[0].upper()} {path} was removed",
                )
        for place, (path, operation) in after.items():
            name = operation["operationId"]
            if place in before:
                self._operation(*before[place], path, operation)
            else:
                self.findings.add(
                    "operation added",
                    Spot(name, (name,)),
                    f"{place[0].upper()} {path} was added",
                )

    def _left_out(self) -> None:
        covered = {
            f"{method.upper()} {blanked(path)}"
            for document in (self._old, self._new)
            for method, path, _, _ in operations(document)
        }
        before, after = (
            {blanked(one): one for one in document.get("x-left-out", ())}
            for document in (self._old, self._new)
        )
        for place in sorted(after.keys() - before.keys() - covered):
            self.findings.add(
                "uncovered operation added",
                Spot(after[place]),
                f"{after[place]} was added; the SDK does not cover it",
            )
        for place in sorted(before.keys() - after.keys() - covered):
            self.findings.add(
                "uncovered operation removed",
                Spot(before[place]),
                f"{before[place]} was removed; the SDK did not cover it",
            )

    def _operation(self, old_path: str, old: Json, new_path: str, new: Json) -> None:
        name = new["operationId"]
        spot = Spot(name, (name,))
        add = self.findings.add
        for key in ("operationId", "x-vendor-operation-id"):
            if old.get(key) != new.get(key):
                whose = "our" if key == "operationId" else "the vendor's"
                add(
                    "operationId changed",
                    spot,
                    f"{whose} operationId was {old.get(key)} and is {new.get(key)} now",
                )
        if old.get("tags") != new.get("tags"):
            add("tag changed", spot, f"the tags were {old.get('tags')} and are {new.get('tags')}")
        if any(old.get(key) != new.get(key) for key in ("summary", "description")):
            add("description changed", spot, f"{name} has a new description")
        if new.get("deprecated") and not old.get("deprecated"):
            add("operation deprecated", spot, f"{name} is deprecated")
        if "security" in {*old, *new} and (
            _security(self._old, {**self._old, **old}) != _security(self._new, {**self._new, **new})
        ):
            add(
                "security changed",
                spot,
                f"authentication of {name} changed",
            )
        self._parameters(old_path, old, new_path, new, spot)
        self._body(old, new, spot)
        self._responses(old, new, spot)

    def _parameters(self, old_path: str, old: Json, new_path: str, new: Json, at: Spot) -> None:
        before, after = _parameter_places(old_path, old), _parameter_places(new_path, new)
        spot = replace(at, direction="request")
        for place, parameter in before.items():
            name = parameter["name"]
            if place not in after:
                self.findings.add(
                    "request field removed", spot.named(name), f"the parameter {name} was removed"
                )
                continue
            other = after[place]
            if name != other["name"]:
                self.findings.add(
                    "path parameter renamed",
                    spot.named(other["name"]),
                    f"the path parameter {name} is called {other['name']} now",
                )
            field = spot.named(other["name"])
            if place[0] != "path" and bool(parameter.get("required")) != bool(
                other.get("required")
            ):
                needed = bool(other.get("required"))
                self.findings.add(
                    "request field became required" if needed else "request field became optional",
                    field,
                    f"the parameter {name} is {'required' if needed else 'optional'} now",
                )
            if parameter.get("description") != other.get("description"):
                self.findings.add("description changed", field, f"{name} has a new description")
            self._written(parameter, other, field)
            self._schemas.compare(parameter.get("schema", {}), other.get("schema", {}), field)
        for place, parameter in after.items():
            if place in before:
                continue
            name = parameter["name"]
            kind = "required request field added" if parameter.get("required") else ""
            self.findings.add(
                kind or "request field added", spot.named(name), f"the parameter {name} was added"
            )

    def _written(self, old: Json, new: Json, spot: Spot) -> None:
        for key in ("style", "explode", "allowReserved", "content"):
            if old.get(key) != new.get(key):
                self.findings.add(
                    "request rule changed", spot, f"{key} of the parameter {spot.name} changed"
                )

    def _body(self, old: Json, new: Json, at: Spot) -> None:
        before = resolve(self._old, old.get("requestBody", {}))
        after = resolve(self._new, new.get("requestBody", {}))
        spot = replace(at, name="body", direction="request")
        if before and after and bool(before.get("required")) != bool(after.get("required")):
            needed = bool(after.get("required"))
            self.findings.add(
                "request field became required" if needed else "request field became optional",
                spot,
                f"the body is {'required' if needed else 'optional'} now",
            )
        if after and not before:
            needed = bool(after.get("required"))
            self.findings.add(
                "required request field added" if needed else "request field added",
                spot,
                f"a body was added, which is {'required' if needed else 'optional'}",
            )
            return
        self._content(before.get("content", {}), after.get("content", {}), spot)

    def _responses(self, old: Json, new: Json, at: Spot) -> None:
        before, after = old.get("responses", {}), new.get("responses", {})
        gone = [status for status in before if status not in after]
        come = [status for status in after if status not in before]
        good_gone = [status for status in gone if status.startswith("2")]
        good_come = [status for status in come if status.startswith("2")]
        if len(good_gone) == len(good_come) == 1:
            (was,), (now,) = good_gone, good_come
            self.findings.add(
                "status code changed",
                at.named(now),
                f"the status of a successful {at.name} was {was} and is {now} now",
                "the SDK accepts any 2xx status",
            )
            self._response(before[was], after[now], now, at)
            gone.remove(was)
            come.remove(now)
        for status in gone:
            guess = bool(resolve(self._old, before[status]).get("x-assumed"))
            self.findings.add(
                "status code removed",
                replace(at, name=status, assumed=guess),
                f"{at.name} no longer returns {status}",
            )
        for status in come:
            self.findings.add(
                "status code added", at.named(status), f"{at.name} may return {status} now"
            )
        for status in before:
            if status in after:
                self._response(before[status], after[status], status, at)

    def _response(self, old: Json, new: Json, status: str, at: Spot) -> None:
        references = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        spot = replace(at, name=f"{at.name} {status}", direction="response")
        if all(references):
            if references in self._seen_responses:
                return
            self._seen_responses.add(references)
            spot = Spot(references[1].rpartition("/")[2], (), "response")
        before, after = resolve(self._old, old), resolve(self._new, new)
        spot = self._assumption(before, after, spot)
        if before.get("description") != after.get("description"):
            self.findings.add("description changed", spot, f"{spot.name} has a new description")
        for name in sorted(before.get("headers", {}).keys() ^ after.get("headers", {}).keys()):
            gone = name in before.get("headers", {})
            self.findings.add(
                "response header removed" if gone else "response header added",
                spot.named(name),
                f"the header {name} of {spot.name} was {'removed' if gone else 'added'}",
            )
        self._content(before.get("content", {}), after.get("content", {}), spot)

    def _assumption(self, before: Json, after: Json, spot: Spot) -> Spot:
        assumed = bool(before.get("x-assumed"))
        if assumed and not after.get("x-assumed"):
            self.findings.add(
                "assumption documented", spot, f"{spot.name} was assumed and is documented now"
            )
        return replace(spot, assumed=spot.assumed or assumed)

    def _content(self, before: Json, after: Json, spot: Spot) -> None:
        gone = [media for media in before if media not in after]
        come = [media for media in after if media not in before]
        pairs = [(before[media], after[media]) for media in before if media in after]
        where = f"the {spot.direction} {spot.name}" if spot.name == "body" else spot.name
        if len(gone) == len(come) == 1:
            self.findings.add(
                "{direction} media type changed",
                spot.named(come[0]),
                f"{where} was {gone[0]} and is {come[0]} now",
            )
            pairs.append((before[gone[0]], after[come[0]]))
        else:
            for media in gone:
                self.findings.add(
                    "{direction} media type removed",
                    spot.named(media),
                    f"{where} is no longer {media}",
                )
            for media in come:
                self.findings.add(
                    "{direction} media type added", spot.named(media), f"{where} may be {media} now"
                )
        for old, new in pairs:
            at = self._assumption(old, new, spot)
            if old.get("encoding") != new.get("encoding"):
                self.findings.add("encoding changed", at, f"the encoding of {where} changed")
            self._schemas.compare(old.get("schema", {}), new.get("schema", {}), at)
            events = old.get("x-event-schema"), new.get("x-event-schema")
            if all(events):
                was, now = ({"$ref": f"{SCHEMA_PREFIX}{name}"} for name in events)
                self._schemas.compare(was, now, at)


def _by_place(document: Json) -> dict[tuple[str, str], tuple[str, Json]]:
    return {
        (method, blanked(path)): (path, operation)
        for method, path, _, operation in operations(document)
    }


def _parameter_places(path: str, operation: Json) -> dict[tuple[str, Any], Json]:
    """Return the parameters by place: those of the path by position, whatever their names."""
    found: dict[tuple[str, Any], Json] = {}
    for parameter in operation.get("parameters", ()):
        name: Any = parameter["name"]
        if parameter["in"] == "path":
            name = path.partition(f"{{{name}}}")[0].count("{")
        found[parameter["in"], name] = parameter
    return found


def _security(document: Json, owner: Json) -> str:
    """Return what a security requires, without the names and descriptions of its schemes."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    asked = [
        sorted(
            json.dumps([{**schemes.get(name, {}), "description": ""}, scopes], sort_keys=True)
            for name, scopes in requirement.items()
        )
        for requirement in owner.get("security", ())
    ]
    return json.dumps(sorted(asked))
