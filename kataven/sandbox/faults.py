"""Faults that tests script: what shall go wrong, with which request, how often.

Knows patterns, counts and kinds of fault. Must not know how a fault is carried out. Requests with a
bad token or over a limit meet no fault; every other request is measured against the faults in the
order they were added, and the first that fits and is not used up is carried out.
"""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Reset = Literal["before", "after", "middle"]

_METHODS: Final = frozenset({"*", "GET", "POST", "DELETE"})
_UNKNOWN_STATUS: Final = "reviewing"
_NONE: Final = type(None)
_KINDS_OF_VALUE: Final[tuple[tuple[tuple[str, ...], tuple[type, ...], str], ...]] = (
    (("match",), (str,), "a string"),
    (("times", "status", "cut_after", "silent_after"), (int, _NONE), "a whole number or None"),
    (("after",), (int,), "a whole number"),
    (("latency",), (int, float), "a number"),
    (("body", "reset"), (str, _NONE), "a string or None"),
    (("retry_after",), (int, str, _NONE), "a whole number, a string or None"),
    (("no_end", "trickle", "malformed", "extra_keys", "unknown_status"), (bool,), "a bool"),
)
_EXTRA: Final = {"added": ["by", "a", "fault"]}


@dataclass(slots=True)
class Fault:
    """One scripted fault; `Faults.add` makes it and says what each field means."""

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
    seen: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        for names, kinds, what in _KINDS_OF_VALUE:
            for name in names:
                if type(getattr(self, name)) not in kinds:
                    msg = f"{name} must be {what}, not {getattr(self, name)!r}"
                    raise ValueError(msg)
        method, _, path = self.match.partition(" ")
        if method not in _METHODS or not path.startswith("/"):
            msg = f"match is like 'POST /campaigns/*/start': method and path, not {self.match!r}"
            raise ValueError(msg)
        if self.reset not in {None, "before", "after", "middle"}:
            msg = f"reset is 'before', 'after' or 'middle', not {self.reset!r}"
            raise ValueError(msg)
        if self.status is not None and not 200 <= self.status <= 599:
            msg = f"status is a number from 200 to 599, not {self.status!r}"
            raise ValueError(msg)
        if self.status is None and (self.body is not None or self.retry_after is not None):
            msg = "body and retry_after belong to a fault with a status; give status= too"
            raise ValueError(msg)
        pause = str(self.retry_after)
        if not (pause.isascii() and pause.isprintable()):
            msg = "retry_after must be visible ASCII, without a line end"
            raise ValueError(msg)
        for name in ("times", "after", "cut_after", "silent_after", "latency"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                msg = f"{name} must be finite and not negative"
                raise ValueError(msg)
        if len(self._kinds()) > 1:
            msg = f"a fault is one thing; these are several: {', '.join(self._kinds())}"
            raise ValueError(msg)
        if not self._kinds() and not self.latency:
            msg = "a fault without an effect: give status=, latency=, reset= or another kind"
            raise ValueError(msg)

    def _kinds(self) -> list[str]:
        names = ("status", "reset", "cut_after", "silent_after")
        flags = ("no_end", "trickle", "malformed", "extra_keys", "unknown_status")
        return [name for name in names if getattr(self, name) is not None] + [
            name for name in flags if getattr(self, name)
        ]

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request is meant; `*` stands for any method or one segment."""
        wanted, _, pattern = self.match.partition(" ")
        if wanted not in {"*", method}:
            return False
        ours, theirs = pattern.split("/"), path.split("/")
        return len(ours) == len(theirs) and all(
            mine in {"*", other} for mine, other in zip(ours, theirs, strict=True)
        )

    def bend(self, value: object) -> object:
        """Return an answer's JSON value with unknown keys or statuses, if that is the fault."""
        return _bend(value, extra=self.extra_keys, status=self.unknown_status)


class Faults:
    """The faults of a Hub; may be used from any thread."""

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
    ) -> Fault:
        """Script a fault: one kind, alone or with `latency`.

        Args:
            match: Method and whole path below the mount, such as `POST /campaigns/*/start`; `*`
                stands for one segment, or for any method.
            times: How many requests meet it; None for all from now on.
            after: How many fitting requests pass before the first one meets it.
            status: Answer with this status and do nothing.
            body: The text of that answer.
            retry_after: The `Retry-After` of that answer.
            latency: Seconds of the client's own time to wait before anything is done.
            reset: Reset the connection: `before` anything is done, `after` it is done and without
                an answer, or in the `middle` of the answer.
            cut_after: Reset a stream after so many frames (heartbeats count).
            silent_after: Send nothing more on a stream after so many frames, but keep it open.
            no_end: Close a stream at its end without `event: end`.
            trickle: Send a stream byte by byte.
            malformed: Send JSON that breaks off (on a stream: in each data frame).
            extra_keys: Add unknown keys to each object.
            unknown_status: Give each campaign and contact a status that nobody knows.

        Returns:
            The fault; its `used` counts the requests that met it.

        Raises:
            ValueError: An argument makes no sense; the text says which.
        """
        fault = Fault(
            match,
            times,
            after,
            status,
            body,
            retry_after,
            latency,
            reset,
            cut_after,
            silent_after,
            no_end,
            trickle,
            malformed,
            extra_keys,
            unknown_status,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults; streams that have met one keep it."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that a request meets, and count it."""
        met: Fault | None = None
        with self._lock:
            for fault in self._faults:
                if not fault.fits(method, path):
                    continue
                fault.seen += 1
                ready = fault.seen > fault.after and (
                    fault.times is None or fault.used < fault.times
                )
                if met is None and ready:
                    fault.used += 1
                    met = fault
        return met


def from_json(value: Any) -> dict[str, Any]:
    """Check the names of a fault that another process sends.

    Raises:
        TypeError: It is no object.
        ValueError: A name is unknown.
    """
    if not isinstance(value, Mapping):
        raise TypeError("a fault is a JSON object with match and one kind of fault")
    known = set(Fault.__dataclass_fields__) - {"seen", "used"}
    unknown = sorted(set(value) - known)
    if unknown:
        msg = f"unknown names in the fault: {', '.join(unknown)}"
        raise ValueError(msg)
    return dict(value)


def _bend(value: object, *, extra: bool, status: bool) -> object:
    if isinstance(value, list):
        return [_bend(item, extra=extra, status=status) for item in value]
    if not isinstance(value, dict):
        return value
    bent = {
        key: item if key == "custom_fields" else _bend(item, extra=extra, status=status)
        for key, item in value.items()
    }
    if status and "status" in bent:
        bent["status"] = _UNKNOWN_STATUS
    if extra:
        bent["x_unheard_of"] = _EXTRA
    return bent
