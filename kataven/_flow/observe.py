"""The log and the hooks of a client.

Knows method, path, attempt, status and duration. It never receives a token, a body, a query or a
phone number, so it cannot show one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

logger = logging.getLogger("kataven")
logger.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One moment of a call, as a hook receives it.

    Attributes:
        method: The HTTP method.
        path: The path below the version, without its query.
        attempt: The number of the attempt, from 1.
        status: The HTTP status of the response, or None if there is none.
        seconds: In ``on_response`` the duration of the attempt; in ``on_retry`` the wait before the
            next one; in ``on_wait`` the least time that the rate limiter will take; in
            ``on_request`` 0.
    """

    method: str
    path: str
    attempt: int
    status: int | None
    seconds: float


CallHook: TypeAlias = Callable[[CallEvent], object]
"""A function that is called with a ``CallEvent``; what it returns is ignored."""


@dataclass(frozen=True, slots=True)
class Observer:
    """The log and the hooks of one client."""

    on_request: CallHook | None = None
    on_response: CallHook | None = None
    on_retry: CallHook | None = None
    on_wait: CallHook | None = None

    @property
    def active(self) -> bool:
        """Whether there is a hook or a log to write to; without one no events are made."""
        return (
            self.on_request is not None
            or self.on_response is not None
            or self.on_retry is not None
            or self.on_wait is not None
            or logger.isEnabledFor(logging.INFO)
        )

    def request(self, event: CallEvent) -> None:
        """Report that a request is about to be sent."""
        logger.debug("%s %s (attempt %d)", event.method, event.path, event.attempt)
        _call(self.on_request, event)

    def response(self, event: CallEvent) -> None:
        """Report that an attempt ended, with or without a response."""
        logger.debug(
            "%s %s: %s after %.3f s (attempt %d)",
            event.method,
            event.path,
            event.status or "no response",
            event.seconds,
            event.attempt,
        )
        _call(self.on_response, event)

    def retry(self, event: CallEvent) -> None:
        """Report that another attempt follows."""
        logger.info(
            "%s %s: %s on attempt %d; retrying in %.2f s",
            event.method,
            event.path,
            event.status or "no response",
            event.attempt,
            event.seconds,
        )
        _call(self.on_retry, event)

    def wait(self, event: CallEvent) -> None:
        """Report that the rate limiter has no room yet."""
        logger.info(
            "%s %s waits for the rate limiter, at least %.1f s",
            event.method,
            event.path,
            event.seconds,
        )
        _call(self.on_wait, event)


SILENT: Final = Observer()


def _call(hook: CallHook | None, event: CallEvent) -> None:
    if hook is None:
        return
    try:
        hook(event)
    except Exception:
        logger.exception("a hook raised an exception; the call continues")


def log_by_environment() -> None:
    """Log to standard error if ``KATAVEN_LOG`` names a level (``debug``, ``info``)."""
    level = logging.getLevelNamesMapping().get(os.environ.get("KATAVEN_LOG", "").upper())
    if level and not any(isinstance(h, logging.StreamHandler) for h in logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(level)
