"""Which requests a scripted fault is for: a method and a path, with ``*`` for any.

Knows patterns, and refuses those that no request can match. Must not know kinds of faults.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from kataven.sandbox.http import routes

_METHODS: Final = frozenset({"*", "GET", "POST", "DELETE"})
# A segment as it is in a request, so no placeholder such as {id} or :id.
_SEGMENT: Final = re.compile(r"\*|(?!:)[A-Za-z0-9._~!$&'()+,;=:@%-]+")


@dataclass(frozen=True, slots=True)
class Pattern:
    """The requests that a fault is for. ``parse`` makes it.

    Args:
        method: The method, or ``*`` for any.
        segments: The segments of the path below the mount; ``*`` is any segment.
        operations: The names of the operations that it can match.
    """

    method: str
    segments: tuple[str, ...]
    operations: frozenset[str]

    @classmethod
    def parse(cls, match: str) -> Pattern:
        """Parse a pattern such as ``POST /campaigns/*/start``.

        Raises:
            ValueError: It can never match a request. The text says why.
        """
        method, _, path = match.partition(" ")
        segments = tuple(path.split("/")[1:])
        operations = frozenset[str]()
        if method not in _METHODS or not path.startswith("/"):
            problem = "write a method in capitals and a path, such as 'POST /campaigns/*/start'"
        elif any(f"{path}/".startswith(f"{mount}/") for mount in routes.MOUNTS):
            problem = "leave out the mount, such as in 'GET /campaigns'"
        elif "?" in path:
            problem = "leave out the query"
        elif not all(_SEGMENT.fullmatch(segment) for segment in segments):
            problem = "write * for any segment, or the segment as it is in a request"
        else:
            operations = routes.matching(method, segments)
            problem = f"the Hub has {routes.described()}"
        if not operations:
            msg = f"match {match!r} can never match a request: {problem}"
            raise ValueError(msg)
        return cls(method, segments, operations)

    def includes(self, method: str, segments: tuple[str, ...]) -> bool:
        """Return whether it matches a request, or everything that another pattern matches."""
        return (
            self.method in {"*", method}
            and len(self.segments) == len(segments)
            and all(
                mine in {"*", other} for mine, other in zip(self.segments, segments, strict=True)
            )
        )
