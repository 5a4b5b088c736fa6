"""``run`` creates, starts and follows; whatever goes wrong names the campaign that was made."""

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
from sides import DrivenClock
from stream_hub import END, StreamHub, data, refuse, reply, silence, stream

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

CSV = b"phone_number,first_name\n+15550100001,Ada\n"
CREATE, START = "POST /campaigns", "POST /campaigns/c1/start"
EVENTS, GET = "GET /campaigns/c1/events", "GET /campaigns/c1"
RUNNING, COMPLETED = data({"status": "running"}), data({"status": "completed"})


@pytest.fixture
def campaign(hub: StreamHub) -> StreamHub:
    """A Hub on which everything goes well."""
    hub.on(CREATE, reply(201, {"id": "c1", "status": "draft"}))
    hub.on(START, reply(200, {"id": "c1", "status": "running"}))
    hub.events(stream(RUNNING, COMPLETED, END))
    hub.get("completed")
    return hub


def run(side: Any, hub: StreamHub, client: Any = None, **options: Any) -> Any:
    client = client or side.client(hub, clock=DrivenClock())
    return side.call(lambda: client.campaigns.run("Spring", "a1", "p1", CSV, **options))


def test_run_creates_starts_and_returns_the_final_campaign(campaign: StreamHub, side: Any) -> None:
    seen: list[str] = []
    final = run(side, campaign, on_progress=lambda progress: seen.append(progress.status))
    assert final == {"id": "c1", "status": "completed"}
    assert seen == ["running", "completed"]
    assert campaign.paths() == [CREATE, START, EVENTS, GET]


def test_run_takes_everything_that_create_takes_and_two_more() -> None:
    for cls in (CampaignsClient, AsyncCampaignsClient):
        create = list(inspect.signature(cls.create).parameters.values())
        ours = list(inspect.signature(cls.run).parameters.values())
        assert [str(p) for p in ours[: len(create)]] == [str(p) for p in create]
        assert [p.name for p in ours[len(create) :]] == ["timeout", "on_progress"]
        assert {p.kind for p in ours[len(create) :]} == {inspect.Parameter.KEYWORD_ONLY}
        assert [p.default for p in ours[len(create) :]] == [None, None]


def test_run_sends_the_form_of_create(campaign: StreamHub, side: Any) -> None:
    run(side, campaign, max_concurrent_calls=7, retries_per_contact=2, retry_delay_seconds=90)
    body = campaign.asked[0].body
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


def test_a_scheduled_campaign_is_never_started(campaign: StreamHub, side: Any) -> None:
    campaign.events(stream(data({"status": "scheduled"}), RUNNING, COMPLETED))
    seen: list[str] = []
    final = run(
        side,
        campaign,
        scheduled_at="2099-01-01T09:00:00Z",
        on_progress=lambda progress: seen.append(progress.status),
    )
    assert final["status"] == "completed"
    assert seen == ["scheduled", "running", "completed"]
    assert campaign.paths() == [CREATE, EVENTS, GET]


@pytest.mark.parametrize(
    ("answer", "error", "sent"),
    [
        (reply(400, "bad csv"), BadRequestError, "unsaid"),
        (refuse, APIConnectionError, True),
        (reply(503, "down"), ServerError, True),
        (reply(201, "not json"), ResponseFormatError, True),
        (reply(201, {"name": "no id"}), ResponseFormatError, True),
        (reply(201, {"id": ".."}), ResponseFormatError, True),
    ],
    ids=["400", "reset", "503", "unread", "no id", "dots"],
)
def test_an_error_of_create_passes_on_as_it_is(
    campaign: StreamHub, side: Any, answer: Any, error: type[Exception], sent: Any
) -> None:
    campaign.on(CREATE, answer)
    with pytest.raises(error) as caught:
        run(side, campaign)
    assert type(caught.value) is error
    assert getattr(caught.value, "request_sent", "unsaid") == sent
    assert not hasattr(caught.value, "campaign_id")
    assert campaign.paths() == [CREATE]


def test_contacts_that_are_refused_unread_send_nothing(campaign: StreamHub, side: Any) -> None:
    client = side.client(campaign)
    with pytest.raises(ContactsError):
        side.call(lambda: client.campaigns.run("n", "a", "p", b"name\nAda\n", check=True))
    with pytest.raises(ValueError, match="timeout"):
        side.call(lambda: client.campaigns.run("n", "a", "p", CSV, timeout=-1))
    assert campaign.asked == []


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (reply(409, "no room"), ConflictError),
        (reply(500, "oops"), ServerError),
        (refuse, APIConnectionError),
        (reply(404), NotFoundError),
    ],
    ids=["409", "500", "reset", "404"],
)
def test_an_error_of_start_names_the_campaign_and_the_step(
    campaign: StreamHub, side: Any, answer: Any, cause: type[Exception]
) -> None:
    campaign.on(START, answer)
    with pytest.raises(CampaignRunError, match="campaign c1 was made, but to start") as caught:
        run(side, campaign)
    assert (caught.value.campaign_id, caught.value.step) == ("c1", "start")
    assert type(caught.value.__cause__) is cause
    # Nothing is undone, nothing is sent twice.
    assert campaign.paths() == [CREATE, START]


@pytest.mark.parametrize(
    ("events", "get", "cause"),
    [
        (reply(403, "no"), "running", PermissionDeniedError),
        (reply(404), reply(404), NotFoundError),
        (stream(RUNNING), reply(200, "<p>"), ResponseFormatError),
        (stream(RUNNING), reply(503), ServerError),
    ],
    ids=["403", "404", "page", "503"],
)
def test_an_error_behind_the_start_names_the_campaign_and_the_step(
    campaign: StreamHub, side: Any, events: Any, get: Any, cause: type[Exception]
) -> None:
    campaign.events(events)
    campaign.get(get)
    with pytest.raises(CampaignRunError, match="campaign c1 was made, but to watch") as caught:
        run(side, campaign)
    assert (caught.value.campaign_id, caught.value.step) == ("c1", "watch")
    assert type(caught.value.__cause__) is cause


def test_a_campaign_that_is_not_over_in_time_is_an_error_of_the_run(
    campaign: StreamHub, side: Any
) -> None:
    campaign.events(stream(RUNNING, end="silent"))
    client = side.client(campaign)
    with pytest.raises(CampaignRunError) as caught:
        run(side, campaign, client, timeout=0.5)
    cause = caught.value.__cause__
    assert caught.value.step == "watch"
    assert isinstance(cause, WaitTimeoutError)
    assert (cause.campaign_id, cause.progress.status) == ("c1", "running")
    campaign.wait_until_left()
    assert campaign.paths() == [CREATE, START, EVENTS], "nothing is undone"
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.campaign_id, copy.step, str(copy)) == ("c1", "watch", str(caught.value))


def test_what_on_progress_raises_passes_on_with_the_campaign(
    campaign: StreamHub, side: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def stop(_progress: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        run(side, campaign, on_progress=stop)
    told(caught.value, caplog)


def told(interruption: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """The interruption and the log name the campaign."""
    assert interruption.campaign_id == "c1"  # type: ignore[attr-defined]
    assert any("campaign c1 was made" in note for note in interruption.__notes__)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert any("c1" in record.getMessage() for record in warnings)


STEPS = {
    "start": {"start": silence},
    "stream": {"events": stream(RUNNING, end="silent")},
    "get": {"get": silence},
}


def interrupted_at(campaign: StreamHub, step: str) -> None:
    what = STEPS[step]
    if "start" in what:
        campaign.on(START, what["start"])
    if "events" in what:
        campaign.events(what["events"])
    if "get" in what:
        campaign.get(what["get"])


@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_passes_on_and_names_the_campaign(
    campaign: StreamHub, blocking: Any, caplog: pytest.LogCaptureFixture, step: str
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
        interrupting.join(10)
    told(caught.value, caplog)
    if step == "start":
        assert any("may have acted" in note for note in caught.value.__notes__)
    campaign.wait_until_left()
    assert campaign.paths().count(START) == 1


@pytest.mark.parametrize("step", STEPS)
def test_cancellation_passes_on_and_names_the_campaign(
    campaign: StreamHub, awaited: Any, caplog: pytest.LogCaptureFixture, step: str
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

    told(awaited.call(cancel_it), caplog)
    assert campaign.paths().count(START) == 1


def test_ctrl_c_during_the_create_names_no_campaign_but_says_what_is_known(
    campaign: StreamHub, blocking: Any
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
        interrupting.join(10)
    assert not hasattr(caught.value, "campaign_id")
    assert any("may have acted" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("function", [5, "print"])
def test_what_is_no_function_for_progress_is_refused_before_anything_is_sent(
    hub: StreamHub, side: Any, function: Any
) -> None:
    campaigns = side.client(hub).campaigns
    for call in (
        lambda: campaigns.run("n", "a", "p", CSV, on_progress=function),
        lambda: campaigns.wait("c1", on_progress=function),
        lambda: campaigns.export_contacts("c1", io.BytesIO(), format="csv", on_progress=function),
    ):
        with pytest.raises(TypeError, match="on_progress must be a function, not"):
            side.call(call)
    assert hub.asked == []


def test_a_coroutine_function_for_progress_is_for_the_async_client(
    hub: StreamHub, blocking: Any
) -> None:
    async def show(_progress: Any) -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="for the async client"):
        blocking.client(hub).campaigns.wait("c1", on_progress=show)
    assert hub.asked == []


def test_an_error_that_carries_nothing_passes_as_it_is(
    campaign: StreamHub, side: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @dataclass(frozen=True)
    class FrozenError(Exception):
        text: str

    def fail(_progress: Any) -> None:
        raise FrozenError("mine")

    with pytest.raises(FrozenError, match="mine"):
        run(side, campaign, on_progress=fail)
    assert "campaign c1 was made and may be dialling" in caplog.text
