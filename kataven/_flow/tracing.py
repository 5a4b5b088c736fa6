"""OpenTelemetry: one span for each call, with its attempts and its status.

A flow around a flow: it passes every effect on and looks at the results. It knows method, path,
status and attempts; what could hold a key, a phone number or a body (headers, queries, error texts)
never enters a span. Loaded only for a client with ``tracing=True``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from kataven._flow.effects import Opened, OpenStream, Send, through
from kataven._flow.operation import Failure, Response
from kataven._version import __version__

try:
    from opentelemetry import trace
except ImportError as missing:
    raise ImportError(
        "tracing=True needs OpenTelemetry, which is not installed: pip install 'kataven[otel]'"
    ) from missing

if TYPE_CHECKING:
    from kataven._flow.effects import AnyEffect, Flow
    from kataven._flow.operation import Operation

T = TypeVar("T")

# The names of OpenTelemetry's conventions for HTTP clients, and one of our own.
METHOD: Final = "http.request.method"
PATH: Final = "url.path"
STATUS: Final = "http.response.status_code"
ERROR: Final = "error.type"
ATTEMPTS: Final = "kataven.attempts"


class Tracing:
    """Spans for the calls of one client, from the tracer provider that the process has set."""

    __slots__ = ("_tracer",)

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("kataven", __version__)

    def trace(self, operation: Operation[object], flow: Flow[T]) -> Flow[T]:
        """Run the flow of a call or stream within a span.

        The span is a child of the caller's. It is not made the current one: a flow may be suspended
        and continued in another task.
        """
        attempts = 0
        status: int | None = None

        def handle(effect: AnyEffect) -> Flow[Any]:
            nonlocal attempts, status
            if not isinstance(effect, Send | OpenStream):
                return (yield effect)
            attempts += 1
            outcome = None
            try:
                outcome = yield effect
            finally:
                status = _status(outcome)
            return outcome

        span = self._tracer.start_span(
            f"kataven.{operation.name}",
            kind=trace.SpanKind.CLIENT,
            attributes={METHOD: operation.method, PATH: operation.path},
        )
        try:
            return (yield from through(flow, handle))
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                # Never the error's text: it quotes the response.
                span.set_attribute(ERROR, type(error).__qualname__)
                span.set_status(trace.StatusCode.ERROR)
            raise
        finally:
            span.set_attribute(ATTEMPTS, attempts)
            if status is not None:
                span.set_attribute(STATUS, status)
            span.end()


def _status(outcome: object) -> int | None:
    """Return the status of the last attempt, as far as it is known."""
    if isinstance(outcome, Response | Failure):
        return outcome.status
    return 200 if isinstance(outcome, Opened) else None
