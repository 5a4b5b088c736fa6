"""The vendor's document while it is turned into ours: what rules and assumptions work on.

It knows how to find operations and schemas. It must not know any rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from problems import ScriptError

from .document import operations
from .references import resolve

if TYPE_CHECKING:
    from .document import Json

SCHEMA_PREFIX = "#/components/schemas/"


def blanked(path: str) -> str:
    """Return a path without the names of its parameters, which differ between documents."""
    return re.sub(r"\{[^{}]*\}", "{}", path)


@dataclass(slots=True)
class Draft:
    """The document and what was noticed on the way.

    Attributes:
        document: The document. Rules and assumptions change it in place.
        absent: operationIds that openapi.yaml has and the vendor's document does not.
        left_out: Operations that the SDK does not cover, such as "GET /agents".
        gave_way: One sentence for each assumption that the document makes unnecessary.
        notes: Further sentences for the maintainer that are not errors.
    """

    document: Json
    absent: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    gave_way: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def operation(self, operation_id: str) -> Json | None:
        """Find an operation by our operationId."""
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
        """Return the properties of a named schema; empty if it has none."""
        found = (self.schema(name) or {}).get("properties")
        return found if isinstance(found, dict) else {}

    def resolve(self, node: Json) -> Any:
        """Follow references inside the document."""
        return resolve(self.document, node)


def cover(draft: Draft, present: Json) -> None:
    """Keep the operations that openapi.yaml has, under our operationIds and tags.

    The vendor's own operationId is kept next to ours, so that a change of it can be reported.

    Args:
        draft: The vendor's document.
        present: openapi.yaml.

    Raises:
        ScriptError: If the document has none of them: it describes another API.
    """
    ours = {
        (method, blanked(path)): operation for method, path, _, operation in operations(present)
    }
    found: set[str] = set()
    kept: Json = {}
    for method, path, item, operation in operations(draft.document):
        known = ours.get((method, blanked(path)))
        if known is None:
            draft.left_out.append(f"{method.upper()} {path}")
            continue
        found.add(known["operationId"])
        parameters = [*operation.get("parameters", ()), *item.get("parameters", ())]
        new = {key: operation[key] for key in operation if key != "tags"}
        ours_too = {"operationId", "tags"}
        new |= {key: known[key] for key in known if key in ours_too or key.startswith("x-sdk-")}
        new.pop("parameters", None)
        if parameters:
            new["parameters"] = _without_duplicates(draft, parameters)
        if operation.get("operationId"):
            new["x-vendor-operation-id"] = operation["operationId"]
        kept.setdefault(path, {})[method] = new
    draft.absent = {operation["operationId"] for operation in ours.values()} - found
    if not found:
        raise ScriptError(
            "the document has none of the operations of openapi.yaml; does it describe the Kataven "
            "Hub?"
        )
    draft.document["paths"] = kept
    draft.left_out.sort()


def _without_duplicates(draft: Draft, parameters: list[Json]) -> list[Json]:
    # A parameter of the operation takes precedence over one of the path item.
    kept: dict[tuple[str, str], Json] = {}
    for parameter in parameters:
        # Each operation gets its own copy, because rules change them one by one.
        resolved = dict(draft.resolve(parameter))
        kept.setdefault((resolved["in"], resolved["name"]), resolved)
    return list(kept.values())
