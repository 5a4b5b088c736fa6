"""One OpenTelemetry span per call, with its attempts and its status, and without secrets."""

import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from kataven import APIConnectionError, KatavenClient, NotFoundError, RateLimits, ServerError
from kataven.sandbox import Clock, Sandbox
from tests.support.clients import KEY, Awaited, Blocking, DrivenClock
from tests.support.http import data, response
from tests.support.server import LoopbackHub, stream
from tests.support.spans import span_exporter

EXPORTER = span_exporter()
CSV = b"phone_number,first_name\n+15550100001,Ada\n"


@pytest.fixture(autouse=True)
def _no_spans() -> Iterator[None]:
    EXPORTER.clear()
    yield
    EXPORTER.clear()


def spans() -> list[tuple[str, dict[str, Any]]]:
    return [(span.name, dict(span.attributes or {})) for span in EXPORTER.get_finished_spans()]


def test_a_call_is_a_span_with_its_attempts_and_its_status(
    caller: Blocking, hub: LoopbackHub
) -> None:
    limited = response(429, b"rate_limited: x", {"Retry-After": "1"})
    hub.respond(response(503, b"soon"), limited)
    clock = DrivenClock()
    limits = RateLimits(per_minute=60)
    client = caller.client(hub, tracing=True, clock=clock, rate_limits=limits)
    assert caller.call(lambda: client.campaigns.get("c1"))["id"] == "c1"
    assert spans() == [
        (
            "kataven.getCampaign",
            {
                "http.request.method": "GET",
                "url.path": "/campaigns/c1",
                "http.response.status_code": 200,
                "kataven.attempts": 3,
            },
        )
    ]
    (span,) = EXPORTER.get_finished_spans()
    assert span.kind is trace.SpanKind.CLIENT
    assert span.status.is_unset


def test_a_call_that_fails_is_a_span_with_the_name_of_its_error(
    caller: Blocking, hub: LoopbackHub
) -> None:
    hub.always = response(500, b"+15550100001 is on fire")
    client = caller.client(hub, tracing=True)
    with pytest.raises(ServerError):
        caller.call(lambda: client.campaigns.start("c1"))
    (found,) = spans()
    assert found[0] == "kataven.startCampaign"
    assert found[1]["error.type"] == "ServerError"
    assert found[1]["http.response.status_code"] == 500
    assert found[1]["kataven.attempts"] == 1
    (span,) = EXPORTER.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR


def test_a_call_without_a_response_has_no_status(caller: Blocking) -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        unreachable = type("Unreachable", (), {"url": f"http://127.0.0.1:{held.getsockname()[1]}"})
        client = caller.client(unreachable, tracing=True, clock=DrivenClock())
        with pytest.raises(APIConnectionError):
            caller.call(lambda: client.campaigns.get("c1"))
    (found,) = spans()
    assert "http.response.status_code" not in found[1]
    assert found[1]["kataven.attempts"] == 4
    assert found[1]["error.type"] == "APIConnectionError"


def test_it_is_a_child_of_the_callers_span(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub, tracing=True)
    with trace.get_tracer("tests").start_as_current_span("mine") as mine:
        caller.call(lambda: client.campaigns.list())
    found = {span.name: span for span in EXPORTER.get_finished_spans()}
    if caller.name == "async":
        # The runner of these tests has a context of its own.
        assert set(found) == {"mine", "kataven.listCampaigns"}
    else:
        parent = found["kataven.listCampaigns"].parent
        assert parent is not None
        assert parent.span_id == mine.get_span_context().span_id


def test_nothing_secret_gets_into_a_span(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub, tracing=True)
    contacts = io.BytesIO(CSV)
    caller.call(lambda: client.campaigns.create("Spring", "a1", "p1", contacts))
    hub.always = response(404, f"{KEY} +15550100001".encode())
    with pytest.raises(NotFoundError):
        caller.call(lambda: client.campaigns.list_contacts("c1", "failed", 3))
    shown = "".join(span.to_json() for span in EXPORTER.get_finished_spans())
    assert "/campaigns/c1/contacts" in shown
    for secret in (KEY, "+15550100001", "Ada", "Spring", "status=failed", "page=3"):
        assert secret not in shown


def test_a_page_is_a_span_and_a_stream_is_one(caller: Blocking) -> None:
    with Sandbox(time_scale=Clock.manual(), limits=None) as sandbox:
        with KatavenClient(sandbox.api_key, base_url=sandbox.url) as other:
            running = other.campaigns.create("Spring", "a1", "p1", CSV)["id"]
            other.campaigns.start(running)
        client = caller.client(sandbox, tracing=True)
        caller.items(client.campaigns.iter_contacts(running))
        assert [name for name, _ in spans()] == ["kataven.listCampaignContacts"] * 2
        EXPORTER.clear()
        stream = client.campaigns.stream_events(running)
        caller.next(stream)
        assert spans() == []
        caller.close(stream)
        ((name, attributes),) = spans()
        assert name == "kataven.streamCampaignEvents"
        assert attributes["http.response.status_code"] == 200
        assert attributes["kataven.attempts"] == 1
        assert "error.type" not in attributes


def test_without_the_keyword_there_is_no_span(caller: Blocking, hub: LoopbackHub) -> None:
    client = caller.client(hub)
    caller.call(lambda: client.campaigns.get("c1"))
    assert spans() == []


def test_without_its_extra_tracing_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "kataven._flow.tracing", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'kataven\[otel\]'"):
        KatavenClient(KEY, tracing=True)
    KatavenClient(KEY).close()


class Raising(SpanProcessor):
    """Raises at the end of the next span, as Ctrl-C in a slow exporter does."""

    def __init__(self) -> None:
        self.raises = False

    def on_end(self, span: ReadableSpan) -> None:
        if self.raises:
            self.raises = False
            raise KeyboardInterrupt("in the exporter")


@pytest.fixture(scope="module")
def raising() -> Raising:
    """Add it to the provider, which keeps it for as long as the process runs."""
    processor = Raising()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(processor)
    return processor


@pytest.mark.parametrize("what", ["stream", "wait"])
def test_ctrl_c_at_the_end_of_a_span_loses_no_lease(
    blocking: Blocking, hub: LoopbackHub, raising: Raising, what: str
) -> None:
    running = data({"status": "running", "total": 2, "completed": 1})
    hub.on("GET /campaigns/c1/events", stream(running, end="silent"))
    client = blocking.client(hub, tracing=True, rate_limits=RateLimits(concurrent=3))

    def first(_progress: Any) -> None:
        raising.raises = True
        raise KeyboardInterrupt("the first")

    with pytest.raises(KeyboardInterrupt, match="in the exporter"):
        if what == "wait":
            client.campaigns.wait("c1", on_progress=first)
        else:
            events = client.campaigns.stream_events("c1")
            next(events)
            raising.raises = True
            events.close()
    assert client.rate_limits.concurrent == 3
    hub.wait_until_left()


def test_ctrl_c_at_the_end_of_a_span_of_an_async_stream_loses_no_lease(
    awaited: Awaited, hub: LoopbackHub, raising: Raising
) -> None:
    hub.on("GET /campaigns/c1/events", stream(data({"n": 1}), end="silent"))
    client = awaited.client(hub, tracing=True, rate_limits=RateLimits(concurrent=3))
    events = client.campaigns.stream_events("c1")
    awaited.next(events)
    raising.raises = True
    with pytest.raises(KeyboardInterrupt, match="in the exporter"):
        awaited.close(events)
    assert client.rate_limits.concurrent == 3
    hub.wait_until_left()
