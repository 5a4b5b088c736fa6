"""Who is told of a call: the log and the caller's hooks.

Knows method, path, attempt, status and duration. It is never handed a token, a body, a query or a
phone number, so it cannot show one.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("kataven")
logger.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One moment of a call, as a hook is told of it.

    Attributes:
        method: The HTTP method.
        path: The path below the version, without its query.
        attempt: Which try this is, from 1.
        status: The HTTP status of the answer, or None where there is none.
        seconds: In ``on_response`` how long the attempt took; in ``on_retry`` how long the wait
            before the next will be; in ``on_wait`` how long the budget will be waited for at least;
            in ``on_request`` 0.
    """

    method: str
    path: str
    attempt: int
    status: int | None
    seconds: float


Hook: TypeAlias = "Callable[[CallEvent], object]"


@dataclass(frozen=True, slots=True)
class Observer:
    """The log and the hooks of one client."""

    on_request: Hook | None = None
    on_response: Hook | None = None
    on_retry: Hook | None = None
    on_wait: Hook | None = None

    @property
    def active(self) -> bool:
        """Whether anybody listens; a call in silence makes no events."""
        return (
            self.on_request is not None
            or self.on_response is not None
            or self.on_retry is not None
            or self.on_wait is not None
            or logger.isEnabledFor(logging.INFO)
        )

    def request(self, event: CallEvent) -> None:
        """A request goes out."""
        logger.debug("%s %s (attempt %d)", event.method, event.path, event.attempt)
        _call(self.on_request, event)

    def response(self, event: CallEvent) -> None:
        """An attempt has ended, with an answer or without."""
        logger.debug(
            "%s %s: %s after %.3f s (attempt %d)",
            event.method,
            event.path,
            event.status or "no answer",
            event.seconds,
            event.attempt,
        )
        _call(self.on_response, event)

    def retry(self, event: CallEvent) -> None:
        """Another attempt will be made."""
        logger.info(
            "%s %s: %s on attempt %d; next try in %.2f s",
            event.method,
            event.path,
            event.status or "no answer",
            event.attempt,
            event.seconds,
        )
        _call(self.on_retry, event)

    def wait(self, event: CallEvent) -> None:
        """The budget has no room yet."""
        logger.info(
            "%s %s waits for the request budget, %.1f s at least",
            event.method,
            event.path,
            event.seconds,
        )
        _call(self.on_wait, event)


SILENT: Final = Observer()


def _call(hook: Hook | None, event: CallEvent) -> None:
    if hook is None:
        return
    try:
        hook(event)
    except Exception:
        logger.exception("a hook raised; the call goes on")


def log_by_environment() -> None:
    """Show the log on standard error where ``KATAVEN_LOG`` names a level (``debug``, ``info``)."""
    level = logging.getLevelNamesMapping().get(os.environ.get("KATAVEN_LOG", "").upper())
    if level and not any(isinstance(h, logging.StreamHandler) for h in logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(level)
