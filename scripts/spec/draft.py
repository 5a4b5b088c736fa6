"""The document while it is being made ours: what rules and assumptions work on.

It knows how to find operations and schemas; it knows no rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .document import operations, resolve
from .problems import SpecError

if TYPE_CHECKING:
    from .document import Json

SCHEMA_PREFIX = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Covered:
    """One operation that the SDK covers, as rules.yaml names it.

    Attributes:
        id: Our operationId.
        method: The HTTP method, in lower case.
        path: The path, below the version.
        tag: Our tag, which names the folder of the generated module.
        sdk: What users call it, such as "campaigns.create".
        defaults: Defaults that the SDK's contract fixes although the Hub has others.
    """

    id: str
    method: str
    path: str
    tag: str
    sdk: str
    defaults: Json = field(default_factory=dict)


def blanked(path: str) -> str:
    """A path without the names of its parameters, which differ between documents."""
    return re.sub(r"\{[^{}]*\}", "{}", path)


@dataclass(slots=True)
class Draft:
    """The document, and what was noticed on the way.

    Attributes:
        document: The document; rules change it in place.
        absent: Covered operations that the vendor's document does not have.
        left_out: Operations of it that the SDK does not cover, as "GET /agents".
        notes: Sentences for the maintainer that are no errors.
    """

    document: Json
    absent: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def operation(self, operation_id: str) -> Json | None:
        """Find an operation by our id."""
        for _, _, _, operation in operations(self.document):
            if operation.get("operationId") == operation_id:
                return operation
        return None

    def schema(self, name: str) -> Json | None:
        """Find a named schema."""
        found = self.schemas.get(name)
        return found if isinstance(found, dict) else None

    @property
    def schemas(self) -> Json:
        """The named schemas."""
        components: Json = self.document.setdefault("components", {})
        schemas: Json = components.setdefault("schemas", {})
        return schemas

    def properties(self, name: str) -> Json:
        """The properties of a named schema, none where it has none."""
        found = (self.schema(name) or {}).get("properties")
        return found if isinstance(found, dict) else {}

    def resolve(self, node: Json) -> Any:
        """Follow references inside the document."""
        return resolve(self.document, node)


def cover(draft: Draft, covered: list[Covered]) -> None:
    """Keep the operations that the SDK covers, under our ids and tags; note the others.

    The vendor's own operationId is kept beside ours, so that a change of it can be reported.

    Raises:
        SpecError: If none is there: then it is another document.
    """
    by_place = {(one.method, blanked(one.path)): one for one in covered}
    found: set[str] = set()
    kept: Json = {}
    for method, path, item, operation in operations(draft.document):
        ours = by_place.get((method, blanked(path)))
        if ours is None:
            draft.left_out.append(f"{method.upper()} {path}")
            continue
        found.add(ours.id)
        parameters = [*operation.get("parameters", ()), *item.get("parameters", ())]
        new = {**operation, "operationId": ours.id, "tags": [ours.tag]}
        new.pop("parameters", None)
        if parameters:
            new["parameters"] = _without_doubles(draft, parameters)
        if operation.get("operationId"):
            new["x-vendor-operation-id"] = operation["operationId"]
        kept.setdefault(path, {})[method] = new
    draft.absent = {one.id for one in covered} - found
    if not found:
        raise SpecError(
            "the document has none of the operations that scripts/spec/rules.yaml names; is it the "
            "Kataven Hub's?"
        )
    draft.document["paths"] = kept
    draft.left_out.sort()


def _without_doubles(draft: Draft, parameters: list[Json]) -> list[Json]:
    # An operation's own parameter goes before the one of its path item.
    kept: dict[tuple[str, str], Json] = {}
    for parameter in parameters:
        # A copy of its own for each operation: rules change them one by one.
        resolved = dict(draft.resolve(parameter))
        kept.setdefault((resolved["in"], resolved["name"]), resolved)
    return list(kept.values())
