"""Scripted faults: what goes wrong, for which requests, and how often.

Knows counts and kinds of faults; any status can be scripted. What the Hub itself refuses
is in ``model/refusals.py``. Must not know how a fault is carried out. A request with
an invalid token or over a limit is not affected. Any other request gets the first fault, in the
order in which they were added, that matches it and is not used up.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from kataven.sandbox.http.patterns import Pattern
from kataven.sandbox.http.responses import WITHOUT_BODY

if TYPE_CHECKING:
    from kataven.sandbox.http.responses import JsonObject

Reset: TypeAlias = Literal["before", "after", "middle"]

_UNKNOWN_STATUS: Final = "reviewing"
_NONE: Final = type(None)
# Checked at run time: faults also come as JSON from other processes.
_TYPES: Final[tuple[tuple[tuple[str, ...], tuple[type, ...], str], ...]] = (
    (("match",), (str,), "a string"),
    (("times", "status", "cut_after", "silent_after"), (int, _NONE), "an integer or None"),
    (("after",), (int,), "an integer"),
    (("latency",), (int, float), "a number"),
    (("body", "reset"), (str, _NONE), "a string or None"),
    (("retry_after",), (int, str, _NONE), "an integer, a string or None"),
    (
        ("no_end", "trickle", "malformed", "extra_keys", "unknown_status", "allow_unused"),
        (bool,),
        "a bool",
    ),
)
_MAX_LATENCY: Final = 86_400
# Which kinds only act on streams, and which have no effect on some operations.
_STREAM_KINDS: Final = frozenset({"cut_after", "silent_after", "no_end", "trickle"})
_NO_EFFECT_ON: Final[Mapping[str, frozenset[str]]] = {
    "malformed": frozenset({"delete"}),
    "extra_keys": frozenset({"delete"}),
    "unknown_status": frozenset({"delete", "call_limits"}),
}
_EXTRA: Final = {"added": ["by", "a", "fault"]}


@dataclass(slots=True)
class Fault:
    """One scripted fault. ``Faults.add`` makes it and documents each field.

    Args:
        seen: The number of requests that matched it.
        used: The number of requests that got it.

    Raises:
        ValueError: An argument is not valid, or the fault could never fire. The text says why.
    """

    match: str
    times: int | None = 1
    after: int = 0
    status: int | None = None
    body: str | None = None
    retry_after: int | str | None = None
    latency: float = 0.0
    reset: Reset | None = None
    cut_after: int | None = None
    silent_after: int | None = None
    no_end: bool = False
    trickle: bool = False
    malformed: bool = False
    extra_keys: bool = False
    unknown_status: bool = False
    allow_unused: bool = False
    seen: int = 0
    used: int = 0
    _pattern: Pattern = field(init=False, repr=False, compare=False)
    # The names of the operations that it has an effect on.
    _operations: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for names, types, what in _TYPES:
            for name in names:
                if type(getattr(self, name)) not in types:
                    msg = f"{name} must be {what}, not {getattr(self, name)!r}"
                    raise ValueError(msg)
        if self.reset not in {None, "before", "after", "middle"}:
            msg = f"reset must be 'before', 'after' or 'middle', not {self.reset!r}"
            raise ValueError(msg)
        if self.status is not None and not 200 <= self.status <= 599:
            msg = f"status must be a number from 200 to 599, not {self.status!r}"
            raise ValueError(msg)
        if self.status is None and (self.body is not None or self.retry_after is not None):
            raise ValueError("body and retry_after need a status; pass status= too")
        if self.body and self.status in WITHOUT_BODY:
            msg = f"a {self.status} has no body: leave out body="
            raise ValueError(msg)
        if self.body is not None and any("\ud800" <= char <= "\udfff" for char in self.body):
            raise ValueError("body has half of a surrogate pair, which UTF-8 cannot express")
        retry_after = str(self.retry_after)
        if not (retry_after.isascii() and retry_after.isprintable()) or retry_after.strip(" ") != (
            retry_after
        ):
            raise ValueError(
                "retry_after must be printable ASCII without a line end or spaces around it"
            )
        for name in ("after", "cut_after", "silent_after"):
            value = getattr(self, name)
            if value is not None and value < 0:
                msg = f"{name} must not be negative, and it is {value}"
                raise ValueError(msg)
        if self.times is not None and self.times < 1:
            msg = f"times must be at least 1, or None for all requests, not {self.times}"
            raise ValueError(msg)
        if not 0 <= self.latency <= _MAX_LATENCY:
            msg = f"latency must be from 0 to {_MAX_LATENCY:,} seconds, not {self.latency}"
            raise ValueError(msg)
        if len(self._kinds()) > 1:
            msg = f"a fault has one kind, but several are given: {', '.join(self._kinds())}"
            raise ValueError(msg)
        if not self._kinds() and not self.latency:
            raise ValueError(
                "a fault without an effect: pass status=, latency=, reset= or another kind"
            )
        self._pattern = Pattern.parse(self.match)
        self._operations = frozenset(filter(self._acts_on, self._pattern.operations))
        if not self._operations:
            kind = self._kinds()[0]
            what = "is not an event stream" if kind in _STREAM_KINDS else "has no such response"
            msg = f"{kind} would have no effect on {self.match!r}, which {what}"
            raise ValueError(msg)

    def _kinds(self) -> list[str]:
        values = ("status", "reset", "cut_after", "silent_after")
        flags = ("no_end", "trickle", "malformed", "extra_keys", "unknown_status")
        return [name for name in values if getattr(self, name) is not None] + [
            name for name in flags if getattr(self, name)
        ]

    def _acts_on(self, operation: str) -> bool:
        for kind in self._kinds():
            if kind in _STREAM_KINDS:
                return operation == "events"
            return operation not in _NO_EFFECT_ON.get(kind, frozenset())
        return True

    def matches(self, method: str, path: str, operation: str) -> bool:
        """Return whether a request can get it.

        Args:
            method: The request's method.
            path: Its path below the mount.
            operation: The name of its operation.
        """
        segments = tuple(path.split("/")[1:])
        return operation in self._operations and self._pattern.includes(method, segments)

    def hides(self, later: Fault) -> bool:
        """Return whether a fault that is added later would never fire because of this one."""
        pattern = later._pattern
        return (
            self.times is None
            and self.seen >= self.after
            and later._operations <= self._operations
            and self._pattern.includes(pattern.method, pattern.segments)
        )

    def alter(self, value: JsonObject) -> JsonObject:
        """Return a response's JSON with unknown keys or statuses, if the fault is one of these."""
        return _alter_object(value, extra=self.extra_keys, status=self.unknown_status)


class Faults:
    """The scripted faults of a Hub. May be used from any thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        match: str,
        *,
        times: int | None = 1,
        after: int = 0,
        status: int | None = None,
        body: str | None = None,
        retry_after: int | str | None = None,
        latency: float = 0.0,
        reset: Reset | None = None,
        cut_after: int | None = None,
        silent_after: int | None = None,
        no_end: bool = False,
        trickle: bool = False,
        malformed: bool = False,
        extra_keys: bool = False,
        unknown_status: bool = False,
        allow_unused: bool = False,
    ) -> Fault:
        """Script a fault: one kind, alone or with ``latency``.

        Args:
            match: Method and complete path below the mount, such as ``POST /campaigns/*/start``.
                ``*`` matches one path segment, or any method.
            times: The number of requests that get it; None for all from now on.
            after: The number of matching requests that pass before the first one gets it.
            status: Respond with this status, without processing the request.
            body: The text of that response.
            retry_after: The ``Retry-After`` of that response.
            latency: Real seconds to wait before the request is processed.
            reset: Reset the connection: ``before`` the request is processed, ``after`` it is
                processed but without a response, or in the ``middle`` of the response.
            cut_after: Reset a stream after this many frames. Heartbeats count.
            silent_after: Send nothing on a stream after this many frames, but keep it open.
            no_end: Close a stream at its end without ``event: end``.
            trickle: Send a stream byte by byte.
            malformed: Send truncated JSON (on a stream, in each data frame).
            extra_keys: Add unknown keys to each object.
            unknown_status: Give each campaign and contact an unknown status.
            allow_unused: Do not fail a test of the pytest plugin in which no request gets it.

        Returns:
            The fault. Its ``used`` counts the requests that got it.

        Raises:
            ValueError: An argument is not valid, or the fault could never fire. The text says why.
        """
        fault = Fault(
            match=match,
            times=times,
            after=after,
            status=status,
            body=body,
            retry_after=retry_after,
            latency=latency,
            reset=reset,
            cut_after=cut_after,
            silent_after=silent_after,
            no_end=no_end,
            trickle=trickle,
            malformed=malformed,
            extra_keys=extra_keys,
            unknown_status=unknown_status,
            allow_unused=allow_unused,
        )
        with self._lock:
            if any(earlier.hides(fault) for earlier in self._faults):
                msg = f"an earlier fault already gets every {match!r}: call faults.clear() first"
                raise ValueError(msg)
            self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        """Return the faults, in the order in which they were added.

        It stays readable when the Hub is closed.
        """
        with self._lock:
            return list(self._faults)

    def unused(self) -> list[Fault]:
        """Return the faults that no request got so far, in the order in which they were added.

        It stays readable when the Hub is closed.
        """
        return [fault for fault in self.all() if not fault.used]

    def clear(self) -> None:
        """Remove all faults. A stream that already got one keeps it."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str, operation: str) -> Fault | None:
        """Return the fault that a request gets, if any, and count it.

        Args:
            method: The request's method.
            path: Its path below the mount.
            operation: The name of its operation.
        """
        taken: Fault | None = None
        with self._lock:
            for fault in self._faults:
                if not fault.matches(method, path, operation):
                    continue
                fault.seen += 1
                ready = fault.seen > fault.after and (
                    fault.times is None or fault.used < fault.times
                )
                if taken is None and ready:
                    fault.used += 1
                    taken = fault
        return taken


def from_json(value: Any) -> dict[str, Any]:
    """Check the names in a fault that another process sent as JSON.

    Returns:
        The arguments of ``Faults.add``.

    Raises:
        TypeError: It is not an object, or has no match.
        ValueError: A name is unknown.
    """
    if not isinstance(value, Mapping) or "match" not in value:
        raise TypeError("a fault is a JSON object with match and one kind of fault")
    known = set(Fault.__dataclass_fields__) - {"seen", "used", "_pattern", "_operations"}
    unknown = sorted(set(value) - known)
    if unknown:
        msg = f"unknown names in the fault: {', '.join(map(repr, unknown))}"
        raise ValueError(msg)
    return dict(value)


def _alter_object(value: JsonObject, *, extra: bool, status: bool) -> JsonObject:
    altered = {
        key: item if key == "custom_fields" else _alter(item, extra=extra, status=status)
        for key, item in value.items()
    }
    if status and "status" in altered:
        altered["status"] = _UNKNOWN_STATUS
    if extra:
        altered["x_unheard_of"] = _EXTRA
    return altered


def _alter(value: object, *, extra: bool, status: bool) -> object:
    if isinstance(value, list):
        return [_alter(item, extra=extra, status=status) for item in value]
    if isinstance(value, dict):
        return _alter_object(value, extra=extra, status=status)
    return value
