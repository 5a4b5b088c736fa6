"""What differs between recorded responses and those of the embedded Hub, and where it was found.

Knows the rules that a difference touches. Must not know how responses are compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kataven.recording.touched_rules import touched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kataven.recording.file import Exchange, RecordedResponse

_LONGEST_SHOWN: Final = 200


@dataclass(slots=True)
class Difference:
    """Something that the real Hub did and the embedded one did not.

    Attributes:
        kind: What differs: ``status``, ``content_type``, ``header``, ``key_missing``,
            ``key_extra``, ``key_renamed``, ``key_order``, ``type``, ``format``, ``value``,
            ``count``, ``order``, ``text``, ``body``, ``frame_name``, ``frame_fields``,
            ``frame_order``, ``stream_end`` or ``timing``.
        operation: The operation, such as ``create``.
        where: The header, or the path of the key, such as ``contacts[].status``.
        recorded: What the real Hub did.
        embedded: What the embedded Hub does.
        rules: The ids of the rules in docs/reference/sandbox.md that it touches; empty if none is
            known.
        requests: The requests where it was found, in one line each.
    """

    kind: str
    operation: str
    where: str
    recorded: str
    embedded: str
    rules: tuple[str, ...]
    requests: list[str] = field(default_factory=list)


class Differences:
    """Collects differences; an equal one is kept once, with its requests."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], Difference] = {}

    def __iter__(self) -> Iterator[Difference]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def add(
        self,
        operation: str,
        kind: str,
        where: str,
        recorded: object,
        embedded: object,
        *,
        rule: tuple[str, str],
        request: str,
    ) -> None:
        """Add a difference.

        Args:
            operation: The operation.
            kind: The kind of the difference.
            where: Where it is.
            recorded: What the real Hub did.
            embedded: What the embedded Hub does.
            rule: What kind of rule it touches, and about what, as ``touched`` takes them.
            request: The request.
        """
        both = (shown(recorded), shown(embedded))
        key = (operation, kind, where, *(both if kind in {"status", "text", "value"} else ()))
        found = self._found.get(key)
        if found is None:
            rules = touched(operation, *rule)
            self._found[key] = Difference(kind, operation, where, *both, rules, [request])
        elif request not in found.requests:
            found.requests.append(request)


@dataclass(slots=True)
class Pair:
    """A recorded exchange and the response of the embedded Hub to the same request.

    Attributes:
        differences: Where what differs is collected.
        exchange: The exchange.
        operation: Its operation.
        status: The embedded Hub's status.
        headers: Its headers, by name in lower case.
        body: Its body; None for an event stream.
        template: A contact or campaign of the embedded Hub, for a list that is empty there.
        whole: Whether both have the same contacts, so that pages can be counted.
        racing: Whether a write to the same campaign was in progress, so that its status is not
            certain.
    """

    differences: Differences
    exchange: Exchange
    operation: str
    status: int
    headers: Mapping[str, str]
    body: bytes | None
    template: Any = None
    whole: bool = True
    racing: bool = False

    @property
    def response(self) -> RecordedResponse:
        """The recorded response."""
        response = self.exchange.response
        if response is None:
            raise ValueError("an exchange without a response cannot be compared")
        return response

    def differs(
        self, kind: str, where: str, recorded: object, embedded: object, rule: tuple[str, str]
    ) -> None:
        """Collect a difference between the two; the arguments are those of ``Differences.add``."""
        self.differences.add(
            self.operation, kind, where, recorded, embedded, rule=rule, request=self.exchange.title
        )


def shown(value: object) -> str:
    """Return a value for people, shortened."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
