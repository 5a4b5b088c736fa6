"""OpenTelemetry: one span for each call, with its attempts and its status.

A flow around a flow: it hands every effect on and looks at the answers that pass. It knows method,
path, status and attempts; what could hold a key, a phone number or a body (headers, queries, texts
of errors) never gets into a span. Loaded only where a client asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from kataven._core.operation import Failure, Open, Opened, Reply, Send
from kataven._version import __version__

try:
    from opentelemetry import trace
except ImportError as missing:
    raise ImportError(
        "tracing=True needs OpenTelemetry, which is not installed: pip install 'kataven[otel]'"
    ) from missing

if TYPE_CHECKING:
    from kataven._core.operation import Flow, Operation

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

    def follow(self, operation: Operation[Any], flow: Flow[T]) -> Flow[T]:
        """Run the flow of a call within a span.

        The span is a child of the caller's, and is not made the current one: a flow may be put
        aside and gone on with in another task.
        """
        attempts = 0
        status: int | None = None
        outcome: Any = None
        raised: BaseException | None = None
        span = self._tracer.start_span(
            f"kataven.{operation.name}",
            kind=trace.SpanKind.CLIENT,
            attributes={METHOD: operation.method, PATH: operation.path},
        )
        try:
            while True:
                try:
                    effect = flow.send(outcome) if raised is None else flow.throw(raised)
                except StopIteration as end:
                    result: T = end.value
                    return result
                outcome, raised = None, None
                tried = isinstance(effect, Send | Open)
                attempts += tried
                try:
                    outcome = yield effect
                except BaseException as error:  # noqa: BLE001 - the flow adds what it knows
                    raised = error
                if tried:
                    status = _status(outcome)
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                # Never the error's text: it quotes the answer.
                span.set_attribute(ERROR, type(error).__qualname__)
                span.set_status(trace.StatusCode.ERROR)
            raise
        finally:
            flow.close()
            span.set_attribute(ATTEMPTS, attempts)
            if status is not None:
                span.set_attribute(STATUS, status)
            span.end()


def _status(outcome: object) -> int | None:
    """The status of the last attempt, as far as it is known."""
    if isinstance(outcome, Reply | Failure):
        return outcome.status
    return 200 if isinstance(outcome, Opened) else None
