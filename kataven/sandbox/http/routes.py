"""Which operation a path means.

Knows paths and mounts. Must not know what an operation does. Documented mounts: ``/api/v1``,
``/hub-api/api/v1``, and ``/v1`` as on api.kataven.ai.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from kataven.sandbox.http.refusals import HttpRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """An operation, and the id of its campaign (empty if it has none)."""

    name: str
    campaign_id: str


def below_mount(path: str) -> str:
    """Return the path below its mount, still percent-encoded.

    Raises:
        HttpRefused: 404, the path is not below a mount.
    """
    for mount in MOUNTS:
        if path.startswith(mount + "/"):
            return path[len(mount) :]
    raise HttpRefused(404, f"nothing is mounted here; the mounts are {', '.join(MOUNTS)}")


def matching(method: str, segments: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the operations that a pattern can match.

    Args:
        method: The method, or ``*`` for any.
        segments: The segments of the path below the mount; ``*`` is any segment.
    """
    return frozenset(
        name
        for shape, methods in _OPERATIONS.items()
        if len(shape) == len(segments)
        and all("*" in pair or len(set(pair)) == 1 for pair in zip(shape, segments, strict=True))
        for known, name in methods.items()
        if method in {"*", known}
    )


def described() -> str:
    """Return each method and path that the Hub knows."""
    return ", ".join(
        f"{method} /{'/'.join(shape)}"
        for shape, methods in _OPERATIONS.items()
        for method in methods
    )


def operation(method: str, path: str) -> Operation:
    """Return the operation that a request asks for.

    Args:
        method: The HTTP method.
        path: The path below the mount, still percent-encoded, so an encoded slash in an id does
            not split it.

    Raises:
        HttpRefused: 404 for an unknown path, 405 for a method that the path does not support.
    """
    segments = [unquote(segment) for segment in path.split("/")[1:]]
    shape = tuple("*" if place == 1 else segment for place, segment in enumerate(segments))
    methods = _OPERATIONS.get(shape)
    campaign_id = segments[1] if len(segments) > 1 else ""
    if methods is None or (len(segments) > 1 and not campaign_id):
        raise HttpRefused(404, "unknown path below the mount")
    name = methods.get(method)
    if name is None:
        allowed = ", ".join(methods)
        raise HttpRefused(405, f"{method} is not allowed here; allowed: {allowed}", allow=allowed)
    return Operation(name, campaign_id)
