"""``tracing=True``: one OpenTelemetry span per call, with attempts and status and without secrets."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import trace

import kataven
from tests.support.clients import KEY, OPERATIONS, Blocking, DrivenClock
from tests.support.http import response
from tests.support.server import LoopbackHub, close, refused_port, silence
from tests.support.spans import span_exporter

PHONE = "+15550100001"


@pytest.fixture
def spans() -> Any:
    """The spans that were exported in this test."""
    exporter = span_exporter()
    exporter.clear()
    return exporter.get_finished_spans


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_call_is_one_span(caller: Blocking, hub: LoopbackHub, spans: Any, operation: str) -> None:
    caller.call(OPERATIONS[operation], caller.client(hub, tracing=True))
    (span,) = spans()
    attributes = span.attributes
    assert attributes["http.request.method"] == hub.only.method
    assert attributes["url.path"] == hub.only.path.removeprefix("/api/v1")
    assert attributes["http.response.status_code"] == 200
    assert attributes["kataven.attempts"] == 1
    assert span.kind is trace.SpanKind.CLIENT
    assert span.status.status_code is trace.StatusCode.UNSET


def test_retries_are_attempts_of_the_same_span(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, spans: Any
) -> None:
    hub.respond(response(503, "x"), response(429, "rate_limited", [("Retry-After", "1")]))
    caller.call(caller.client(hub, clock=clock, tracing=True).campaigns.get, "c1")
    (span,) = spans()
    assert span.attributes["kataven.attempts"] == 3
    assert span.attributes["http.response.status_code"] == 200


@pytest.mark.parametrize("fault", ["status", "lost", "refused"])
def test_an_error_marks_the_span_with_its_class_only(
    caller: Blocking, hub: LoopbackHub, clock: DrivenClock, spans: Any, fault: str
) -> None:
    held, port = refused_port()
    url = f"http://127.0.0.1:{port}" if fault == "refused" else hub.url
    hub.always = response(409, f"number {PHONE} is bad") if fault == "status" else (close,)
    client = caller.client(url, clock=clock, tracing=True)
    contacts = io.BytesIO(f"phone_number\n{PHONE}\n".encode())
    with held, pytest.raises(kataven.KatavenError) as caught:
        caller.call(client.campaigns.create, "n", "a", "p", contacts)
    (span,) = spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes["error.type"] == type(caught.value).__qualname__
    assert span.attributes.get("http.response.status_code") == (409 if fault == "status" else None)
    assert span.attributes["kataven.attempts"] == (4 if fault == "refused" else 1)
    shown = span.to_json() + json.dumps([dict(event.attributes) for event in span.events])
    for secret in (KEY, PHONE, PHONE[1:]):
        assert secret not in shown


def test_a_span_does_not_hold_the_query(caller: Blocking, hub: LoopbackHub, spans: Any) -> None:
    caller.call(caller.client(hub, tracing=True).campaigns.list_contacts, "c1", "a-status")
    (span,) = spans()
    assert "a-status" not in span.to_json()


def test_a_span_is_a_child_of_the_callers_span(
    caller: Blocking, hub: LoopbackHub, spans: Any
) -> None:
    client = caller.client(hub, tracing=True)
    with trace.get_tracer("test").start_as_current_span("outer") as outer:
        caller.call(client.campaigns.get, "c1")
    inner, _ = spans()
    assert inner.parent.span_id == outer.get_span_context().span_id


def test_no_client_makes_spans_by_default(caller: Blocking, hub: LoopbackHub, spans: Any) -> None:
    caller.call(caller.client(hub).campaigns.get, "c1")
    assert spans() == ()


def test_a_cancelled_call_ends_its_span(awaited: Any, hub: LoopbackHub, spans: Any) -> None:
    import asyncio

    hub.always = (silence,)
    client = awaited.client(hub, tracing=True)

    async def main() -> None:
        task = asyncio.ensure_future(client.campaigns.start("c1"))
        while not hub.silent.acquire(blocking=False):
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    awaited.run(main())
    (span,) = spans()
    assert span.attributes["error.type"] == "CancelledError"
    assert span.end_time is not None


def test_without_the_extra_the_error_names_the_install_command() -> None:
    """Run code in a process in which OpenTelemetry cannot be imported."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from kataven import KatavenClient\n"
        "try:\n    KatavenClient('sk_live_x_1', tracing=True)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    from pathlib import Path

    import kataven_hub

    roots = [str(Path(module.__file__ or "").parents[1]) for module in (kataven, kataven_hub)]
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(roots), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "kataven[otel]" in done.stdout
