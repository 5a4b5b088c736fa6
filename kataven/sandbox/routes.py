"""Which operation a path means.

Knows the paths and mounts. Must not know what an operation does. Documented mounts: `/api/v1`,
`/hub-api/api/v1`, and `/v1` as on api.kataven.ai.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from kataven.sandbox.refusals import Refused

MOUNTS: Final = ("/api/v1", "/hub-api/api/v1", "/v1")

_OPERATIONS: Final[Mapping[tuple[str, ...], Mapping[str, str]]] = {
    ("campaigns",): {"GET": "list", "POST": "create"},
    ("campaigns", "*"): {"GET": "get", "DELETE": "delete"},
    ("campaigns", "*", "start"): {"POST": "start"},
    ("campaigns", "*", "pause"): {"POST": "pause"},
    ("campaigns", "*", "resume"): {"POST": "resume"},
    ("campaigns", "*", "stop"): {"POST": "stop"},
    ("campaigns", "*", "contacts"): {"GET": "contacts"},
    ("campaigns", "*", "events"): {"GET": "events"},
    ("call-limits",): {"GET": "call_limits"},
}


class Operation(NamedTuple):
    """An operation and the campaign it is about (empty where there is none)."""

    name: str
    campaign_id: str


def below_mount(path: str) -> str | None:
    """Return the path below the mount, as it came, or None outside every mount."""
    for mount in MOUNTS:
        if path.startswith(mount + "/"):
            return path[len(mount) :]
    return None


def operation(method: str, path: str) -> Operation:
    """Return what a request wants.

    Args:
        method: The HTTP method.
        path: The path below the mount, still percent-encoded: a slash inside an id stays inside it.

    Raises:
        Refused: 404, there is no such path; 405, it does not take this method.
    """
    parts = [unquote(part) for part in path.split("/")[1:]]
    shape = tuple("*" if place == 1 else part for place, part in enumerate(parts))
    methods = _OPERATIONS.get(shape)
    campaign_id = parts[1] if len(parts) > 1 else ""
    if methods is None or (len(parts) > 1 and not campaign_id):
        raise Refused(404, "no such path below the mount")
    name = methods.get(method)
    if name is None:
        allowed = ", ".join(methods)
        raise Refused(405, f"{method} is not allowed here; allowed: {allowed}", allow=allowed)
    return Operation(name, campaign_id)
