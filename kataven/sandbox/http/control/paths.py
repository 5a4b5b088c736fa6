"""Which action a method and a path below ``/_sandbox/`` mean.

Knows paths. Must not know what an action does, or who may do it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from kataven.sandbox.http.refusals import HttpRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "/_sandbox/"

# ``*`` is one segment. control.yaml has the same paths and methods.
PATHS: Final[Mapping[str, Mapping[str, str]]] = {
    "clock": {"GET": "clock"},
    "advance": {"POST": "advance"},
    "run-to-end": {"POST": "run_to_end"},
    "campaigns": {"GET": "campaigns"},
    "contacts": {"GET": "contacts"},
    "calls": {"GET": "calls"},
    "called-once-each": {"GET": "called_once_each"},
    "fail": {"POST": "fail"},
    "journal": {"GET": "journal"},
    "requests": {"GET": "requests"},
    "faults": {"GET": "faults", "POST": "add_fault", "DELETE": "clear_faults"},
    "outcomes": {"GET": "outcomes", "PUT": "set_outcomes", "DELETE": "clear_outcomes"},
    "outcomes/*": {"GET": "outcome", "PUT": "set_outcome", "DELETE": "remove_outcome"},
    "accounts": {"GET": "accounts", "POST": "new_key"},
    "revoke": {"POST": "revoke"},
    "limits": {"GET": "limits"},
    "reset": {"POST": "reset"},
    "openapi.yaml": {"GET": "openapi"},
}

# The names in the query of each action that has some.
_SPAN: Final = ("after", "limit", "last")
QUERY: Final[Mapping[str, tuple[str, ...]]] = {
    "campaigns": ("account",),
    "contacts": ("campaign", "status", "last_error", "page"),
    "calls": ("campaign", *_SPAN),
    "called_once_each": ("campaign", "retries"),
    "journal": _SPAN,
    "requests": _SPAN,
}


class Target(NamedTuple):
    """An action, and what its path names (empty if it names nothing)."""

    action: str
    name: str


def target(method: str, path: str) -> Target:
    """Return the action that a request asks for.

    Args:
        method: The HTTP method.
        path: The path below ``/_sandbox/``, still percent-encoded.

    Raises:
        HttpRefused: 404 for an unknown path, 405 for a method that the path does not support.
    """
    first, slash, rest = path.partition("/")
    single = bool(rest) and "/" not in rest
    methods = PATHS.get(f"{first}/*" if single else first) if single or not slash else None
    if methods is None:
        known = ", ".join(PREFIX + one for one in PATHS)
        raise HttpRefused(404, f"unknown path; the paths are {known}")
    action = methods.get(method)
    if action is None:
        allowed = ", ".join(methods)
        raise HttpRefused(405, f"{method} is not allowed here; allowed: {allowed}", allow=allowed)
    return Target(action, unquote(rest))
