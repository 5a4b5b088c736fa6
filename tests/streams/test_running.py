"""``run`` creates, starts and follows; any failure names the campaign that was created."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import pickle
import signal
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from kataven import (
    APIConnectionError,
    BadRequestError,
    CampaignRunError,
    ConflictError,
    ContactsError,
    NotFoundError,
    PermissionDeniedError,
    ResponseFormatError,
    ServerError,
    WaitTimeoutError,
)
from kataven.campaigns.async_client import AsyncCampaignsClient
from kataven.campaigns.client import CampaignsClient
from tests.support.clients import CSV, MAY_HAVE_PROCESSED, DrivenClock
from tests.support.http import END, data, response
from tests.support.patience import PATIENCE
from tests.support.server import LoopbackHub, reset, silence, stream

TWICE = CSV + CSV.splitlines()[1] + b"\n"
BAD_ROW = CSV + b"12,Bob\n"
CREATE, START = "POST /campaigns", "POST /campaigns/c1/start"
EVENTS, GET = "GET /campaigns/c1/events", "GET /campaigns/c1"
RUNNING, COMPLETED = data({"status": "running"}), data({"status": "completed"})


@pytest.fixture
def campaign(hub: LoopbackHub) -> LoopbackHub:
    """A Hub on which everything goes well."""
    hub.on(CREATE, response(201, {"id": "c1", "status": "draft"}))
    hub.on(START, response(200, {"id": "c1", "status": "running"}))
    hub.events(stream(RUNNING, COMPLETED, END))
    hub.get("completed")
    return hub


def run(caller: Any, hub: LoopbackHub, client: Any = None, **options: Any) -> Any:
    client = client or caller.client(hub, clock=DrivenClock(jitter=0.0))
    return caller.call(lambda: client.campaigns.run("Spring", "a1", "p1", CSV, **options))


def test_run_creates_starts_and_returns_the_final_campaign(
    campaign: LoopbackHub, caller: Any
) -> None:
    seen: list[str] = []
    final = run(caller, campaign, on_progress=lambda progress: seen.append(progress.status))
    assert final == {"id": "c1", "status": "completed"}
    assert seen == ["running", "completed"]
    assert campaign.routes == [CREATE, START, EVENTS, GET]


def test_run_has_the_parameters_of_create_but_checks_by_default() -> None:
    for cls in (CampaignsClient, AsyncCampaignsClient):
        create = dict(inspect.signature(cls.create).parameters)
        ours = dict(inspect.signature(cls.run).parameters)
        # `create` reports the bytes that were read, `run` the progress of the campaign.
        create.pop("on_progress", None)
        for name in ("timeout", "on_progress"):
            added = ours.pop(name)
            assert (added.kind, added.default) == (inspect.Parameter.KEYWORD_ONLY, None)
        assert create["check"].default is False
        assert ours["check"].default is True
        create.pop("check")
        ours.pop("check")
        assert {name: str(p) for name, p in ours.items()} == {
            name: str(p) for name, p in create.items()
        }


def test_run_sends_the_form_of_create(campaign: LoopbackHub, caller: Any) -> None:
    run(caller, campaign, max_concurrent_calls=7, retries_per_contact=2, retry_delay_seconds=90)
    body = campaign.requests[0].body
    for name, value in {
        "name": b"Spring",
        "agent_id": b"a1",
        "phone_number_id": b"p1",
        "max_concurrent_calls": b"7",
        "retries_per_contact": b"2",
        "retry_delay_seconds": b"90",
    }.items():
        assert b'name="%b"\r\n' % name.encode() in body
        assert b"\r\n\r\n" + value + b"\r\n" in body
    assert CSV in body


def test_a_scheduled_campaign_is_never_started(campaign: LoopbackHub, caller: Any) -> None:
    campaign.events(stream(data({"status": "scheduled"}), RUNNING, COMPLETED))
    seen: list[str] = []
    final = run(
        caller,
        campaign,
        scheduled_at="2099-01-01T09:00:00Z",
        on_progress=lambda progress: seen.append(progress.status),
    )
    assert final["status"] == "completed"
    assert seen == ["scheduled", "running", "completed"]
    assert campaign.routes == [CREATE, EVENTS, GET]


@pytest.mark.parametrize(
    ("scripted", "error", "sent"),
    [
        (response(400, "bad csv"), BadRequestError, "unsaid"),
        (reset, APIConnectionError, True),
        (response(503, "down"), ServerError, True),
        (response(201, "not json"), ResponseFormatError, True),
        (response(201, {"name": "no id"}), ResponseFormatError, True),
        (response(201, {"id": ".."}), ResponseFormatError, True),
    ],
    ids=["400", "reset", "503", "unread", "no id", "dots"],
)
def test_an_error_of_create_is_passed_on_unchanged(
    campaign: LoopbackHub, caller: Any, scripted: Any, error: type[Exception], sent: Any
) -> None:
    campaign.on(CREATE, scripted)
    with pytest.raises(error) as caught:
        run(caller, campaign)
    assert type(caught.value) is error
    assert getattr(caught.value, "request_sent", "unsaid") == sent
    assert not hasattr(caught.value, "campaign_id")
    assert campaign.routes == [CREATE]


def test_refused_contacts_send_nothing(campaign: LoopbackHub, caller: Any) -> None:
    client = caller.client(campaign)
    with pytest.raises(ContactsError):
        caller.call(lambda: client.campaigns.run("n", "a", "p", b"name\nAda\n", check=True))
    with pytest.raises(ContactsError, match="row 3"):
        caller.call(lambda: client.campaigns.run("n", "a", "p", TWICE))
    with pytest.raises(ContactsError, match="row 3"):
        caller.call(lambda: client.campaigns.run("n", "a", "p", BAD_ROW))
    with pytest.raises(ValueError, match="timeout"):
        caller.call(lambda: client.campaigns.run("n", "a", "p", CSV, timeout=-1))
    assert campaign.requests == []


@pytest.mark.parametrize(
    ("contacts", "options"),
    [
        (TWICE, {"allow_duplicates": True}),
        (TWICE, {"check": False}),
        (BAD_ROW, {"check": False}),
    ],
)
def test_run_uploads_what_its_options_allow(
    campaign: LoopbackHub, caller: Any, contacts: bytes, options: dict[str, Any]
) -> None:
    client = caller.client(campaign)
    caller.call(lambda: client.campaigns.run("n", "a", "p", contacts, **options))
    assert campaign.requests[0].file.content == contacts


@pytest.mark.parametrize(
    ("scripted", "cause"),
    [
        (response(409, "no room"), ConflictError),
        (response(500, "oops"), ServerError),
        (reset, APIConnectionError),
        (response(404), NotFoundError),
    ],
    ids=["409", "500", "reset", "404"],
)
def test_an_error_of_start_names_the_campaign_and_the_step(
    campaign: LoopbackHub, caller: Any, scripted: Any, cause: type[Exception]
) -> None:
    campaign.on(START, scripted)
    with pytest.raises(CampaignRunError, match="c1") as caught:
        run(caller, campaign)
    assert (caught.value.campaign_id, caught.value.step) == ("c1", "start")
    assert type(caught.value.__cause__) is cause
    # Nothing is undone and nothing is sent twice.
    assert campaign.routes == [CREATE, START]


@pytest.mark.parametrize(
    ("events", "get", "cause"),
    [
        (response(403, "no"), "running", PermissionDeniedError),
        (response(404), response(404), NotFoundError),
        (stream(RUNNING), response(200, "<p>"), ResponseFormatError),
        (stream(RUNNING), response(503), ServerError),
    ],
    ids=["403", "404", "page", "503"],
)
def test_an_error_after_the_start_names_the_campaign_and_the_step(
    campaign: LoopbackHub, caller: Any, events: Any, get: Any, cause: type[Exception]
) -> None:
    campaign.events(events)
    campaign.get(get)
    with pytest.raises(CampaignRunError, match="c1") as caught:
        run(caller, campaign)
    assert (caught.value.campaign_id, caught.value.step) == ("c1", "watch")
    assert type(caught.value.__cause__) is cause


def test_a_campaign_that_does_not_finish_in_time_is_an_error_of_the_run(
    campaign: LoopbackHub, caller: Any, brief: Any
) -> None:
    campaign.events(stream(RUNNING, end="silent"))
    client = caller.client(campaign)
    with pytest.raises(CampaignRunError) as caught:
        run(caller, campaign, client, timeout=brief(0.5))
    cause = caught.value.__cause__
    assert caught.value.step == "watch"
    assert isinstance(cause, WaitTimeoutError)
    assert (cause.campaign_id, cause.progress.status) == ("c1", "running")
    campaign.wait_until_left()
    assert campaign.routes == [CREATE, START, EVENTS], "nothing is undone"
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.campaign_id, copy.step, str(copy)) == ("c1", "watch", str(caught.value))


def test_an_exception_of_on_progress_is_passed_on_with_the_campaign(
    campaign: LoopbackHub, caller: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def stop(_progress: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        run(caller, campaign, on_progress=stop)
    assert_names_the_campaign(caught.value, caplog)


def assert_names_the_campaign(
    interruption: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """The interruption and the log name the campaign."""
    assert interruption.campaign_id == "c1"  # type: ignore[attr-defined]
    assert any("c1" in note for note in interruption.__notes__)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert any("c1" in record.getMessage() for record in warnings)


STEPS = {
    "start": {"start": silence},
    "stream": {"events": stream(RUNNING, end="silent")},
    "get": {"get": silence},
}


def interrupted_at(campaign: LoopbackHub, step: str) -> None:
    what = STEPS[step]
    if "start" in what:
        campaign.on(START, what["start"])
    if "events" in what:
        campaign.events(what["events"])
    if "get" in what:
        campaign.get(what["get"])


@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_is_passed_on_and_names_the_campaign(
    campaign: LoopbackHub, blocking: Any, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    interrupted_at(campaign, step)
    runner = threading.get_ident()

    def interrupt() -> None:
        campaign.wait_until_silent()
        campaign.over.wait(0.05)
        signal.pthread_kill(runner, signal.SIGINT)

    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            blocking.client(campaign).campaigns.run("Spring", "a1", "p1", CSV)
    finally:
        signal.signal(signal.SIGINT, kept)
        interrupting.join(PATIENCE)
    assert_names_the_campaign(caught.value, caplog)
    if step == "start":
        assert any(MAY_HAVE_PROCESSED in note for note in caught.value.__notes__)
    campaign.wait_until_left()
    assert campaign.routes.count(START) == 1


@pytest.mark.parametrize("step", STEPS)
def test_cancellation_is_passed_on_and_names_the_campaign(
    campaign: LoopbackHub, awaited: Any, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    interrupted_at(campaign, step)
    client = awaited.client(campaign)

    async def cancel_it() -> asyncio.CancelledError:
        running = asyncio.create_task(client.campaigns.run("Spring", "a1", "p1", CSV))
        await asyncio.to_thread(campaign.wait_until_silent)
        await asyncio.sleep(0.05)
        running.cancel()
        try:
            await running
        except asyncio.CancelledError as error:
            await asyncio.to_thread(campaign.wait_until_left)
            return error
        raise AssertionError("the run went on")

    assert_names_the_campaign(awaited.call(cancel_it), caplog)
    assert campaign.routes.count(START) == 1


def test_ctrl_c_during_the_create_names_no_campaign_but_says_what_is_known(
    campaign: LoopbackHub, blocking: Any
) -> None:
    campaign.on(CREATE, silence)
    runner = threading.get_ident()

    def interrupt() -> None:
        campaign.wait_until_silent()
        campaign.over.wait(0.05)
        signal.pthread_kill(runner, signal.SIGINT)

    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            blocking.client(campaign).campaigns.run("Spring", "a1", "p1", CSV)
    finally:
        signal.signal(signal.SIGINT, kept)
        interrupting.join(PATIENCE)
    assert not hasattr(caught.value, "campaign_id")
    assert any(MAY_HAVE_PROCESSED in note for note in caught.value.__notes__)


@pytest.mark.parametrize("function", [5, "print"])
def test_an_on_progress_that_is_not_callable_is_refused_before_anything_is_sent(
    hub: LoopbackHub, caller: Any, function: Any
) -> None:
    campaigns = caller.client(hub).campaigns
    for call in (
        lambda: campaigns.run("n", "a", "p", CSV, on_progress=function),
        lambda: campaigns.wait("c1", on_progress=function),
        lambda: campaigns.export_contacts("c1", io.BytesIO(), format="csv", on_progress=function),
    ):
        with pytest.raises(TypeError, match="on_progress"):
            caller.call(call)
    assert hub.requests == []


def test_a_coroutine_function_for_progress_is_for_the_async_client(
    hub: LoopbackHub, blocking: Any
) -> None:
    async def show(_progress: Any) -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="async"):
        blocking.client(hub).campaigns.wait("c1", on_progress=show)
    assert hub.requests == []


def test_an_error_that_takes_no_attributes_is_passed_on_unchanged(
    campaign: LoopbackHub, caller: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @dataclass(frozen=True)
    class FrozenError(Exception):
        text: str

    def fail(_progress: Any) -> None:
        raise FrozenError("mine")

    with pytest.raises(FrozenError, match="mine"):
        run(caller, campaign, on_progress=fail)
    assert "c1" in caplog.text
