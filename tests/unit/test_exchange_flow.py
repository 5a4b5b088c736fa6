"""The flow of one call, driven by hand: its effects, and its result for each outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    KatavenError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
    Timeout,
)
from kataven._flow.call import call
from kataven._flow.effects import Acquire, PauseLimiter, RefreshToken, Rejected, Send, Sleep
from kataven._flow.operation import Failure, Response
from kataven._flow.options import Options
from kataven.campaigns import operations
from tests.support.clients import MAY_HAVE_PROCESSED, NOT_PROCESSED
from tests.support.tables import table

START = 1_800_000_000.0
OK = Response(200, (), b'{"id": "c1"}')


@dataclass
class Progress:
    """What a transport says of a request in progress."""

    may_have_been_sent: bool


class HandClock:
    """A clock that only the test moves."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.time = START
        self.chance = jitter

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float, /) -> None:
        raise AssertionError("a flow does not sleep by itself")

    def jitter(self) -> float:
        return self.chance


GET = operations.get_campaign("c1")
WRITES = {
    "start": operations.start_campaign("c1"),
    "pause": operations.pause_campaign("c1"),
    "resume": operations.resume_campaign("c1"),
    "stop": operations.stop_campaign("c1"),
    "delete": operations.delete_campaign("c1"),
}


def limited(retry_after: bytes = b"60") -> Response:
    return Response(
        429, ((b"Retry-After", retry_after),), b"rate_limited: per-minute (60) exceeded"
    )


def lost(*, sent: bool, timed_out: bool = False) -> Failure:
    return Failure(OSError("gone"), "the connection broke", sent, timed_out)


def drive(
    operation: Any, outcomes: list[Any], options: Options | None = None, clock: Any = None
) -> tuple[Any, list[Any]]:
    """Run a flow on these outcomes; its result or error, and every effect it yielded."""
    clock = clock or HandClock()
    flow = call(operation, options or Options(), clock)
    effects: list[Any] = []
    waiting = list(outcomes)
    result: Any = None
    try:
        while True:
            effect = flow.send(result)
            effects.append(effect)
            result = None
            if isinstance(effect, Send):
                result = waiting.pop(0)
            elif isinstance(effect, Sleep):
                clock.time += effect.seconds
    except StopIteration as end:
        return end.value, effects
    except KatavenError as error:
        return error, effects


def kinds(effects: list[Any]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def test_a_success_sends_one_request_and_nothing_else() -> None:
    result, effects = drive(GET, [OK])
    assert result == {"id": "c1"}
    assert kinds(effects) == ["Send"]
    assert effects[0].attempt.operation is GET
    assert effects[0].timeout == Timeout()
    assert effects[0].deadline is None
    assert effects[0].attempt.progress is None


def test_each_attempt_has_a_record_of_its_own() -> None:
    _, effects = drive(GET, [lost(sent=True), OK])
    first, second = [effect for effect in effects if isinstance(effect, Send)]
    assert first.attempt is not second.attempt


@table("name", WRITES)
@table("timed_out", [False, True])
def test_a_write_that_was_sent_and_lost_is_not_retried(name: str, timed_out: bool) -> None:
    result, effects = drive(WRITES[name], [lost(sent=True, timed_out=timed_out)])
    assert type(result) is (APITimeoutError if timed_out else APIConnectionError)
    assert result.request_sent is True
    assert isinstance(result.__cause__, OSError)
    assert kinds(effects) == ["Send"]


@table("name", WRITES)
def test_a_write_that_was_not_sent_is_retried(name: str) -> None:
    result, effects = drive(WRITES[name], [lost(sent=False)] * 3 + [OK])
    assert result == (None if name == "delete" else {"id": "c1"})
    assert kinds(effects) == ["Send", "Sleep"] * 3 + ["Send"]
    result, effects = drive(WRITES[name], [lost(sent=False)] * 4)
    assert result.request_sent is False
    assert kinds(effects).count("Send") == 4


@table("name", WRITES)
@table("status", [500, 502, 503, 504, 520])
def test_a_write_that_failed_at_the_server_is_not_retried(name: str, status: int) -> None:
    result, effects = drive(WRITES[name], [Response(status, (), b"x")])
    assert type(result) is ServerError
    assert result.request_sent is True
    assert kinds(effects) == ["Send"]


@table("name", WRITES)
def test_a_2xx_with_a_truncated_body_is_a_success_of_a_write(name: str) -> None:
    failure = Failure(OSError("gone"), "it was truncated", sent=True, status=200)
    result, effects = drive(WRITES[name], [failure])
    assert result == (None if name == "delete" else {})
    assert kinds(effects) == ["Send"]


def test_a_2xx_with_a_truncated_body_is_retried_for_a_read() -> None:
    failure = Failure(OSError("gone"), "it was truncated", sent=True, status=200)
    result, effects = drive(GET, [failure, OK])
    assert result == {"id": "c1"}
    assert kinds(effects) == ["Send", "Sleep", "Send"]


def test_a_body_that_must_not_be_decompressed_is_final_for_a_read() -> None:
    failure = Failure(ValueError("x"), "the body is over 16 MiB", True, status=200, final=True)
    result, effects = drive(GET, [failure])
    assert type(result) is ResponseFormatError
    assert result.status_code == 200
    assert kinds(effects) == ["Send"]


@pytest.mark.parametrize("status", [400, 404, 409, 503])
def test_the_status_of_a_write_counts_though_its_body_is_truncated(status: int) -> None:
    failure = Failure(OSError("gone"), "it was truncated", sent=True, status=status)
    result, effects = drive(WRITES["start"], [failure])
    assert result.status_code == status
    # What of the body arrived is not shown as all of it.
    assert result.body == ""
    assert kinds(effects) == ["Send"]


def test_no_deadline_leaves_the_timeouts_as_they_are_and_a_deadline_shortens_them() -> None:
    clock = HandClock()
    options = Options(deadline=12.0)
    result, effects = drive(GET, [Response(503, (), b""), OK], options, clock)
    assert result == {"id": "c1"}
    first, sleep, second = effects
    assert first.timeout == Timeout(10, 12, 12, 12)
    assert first.deadline == second.deadline == START + 12
    assert sleep.seconds == 0.25
    assert second.timeout == Timeout(10, 11.75, 11.75, 11.75)


def test_a_limit_of_the_caller_and_the_deadline_both_apply() -> None:
    for deadline, limit in [(5.0, 9.0), (9.0, 5.0), (None, 5.0)]:
        flow = call(GET, Options(deadline=deadline), HandClock(), START + limit)
        assert next(flow).deadline == START + 5
        flow.close()


def test_an_expired_limit_sends_nothing() -> None:
    flow = call(WRITES["start"], Options(), HandClock(), START - 1)
    with pytest.raises(APITimeoutError) as caught:
        next(flow)
    assert caught.value.request_sent is False
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("late", [0.0, 1.0])
def test_a_deadline_that_passes_between_two_attempts_says_so(late: float) -> None:
    clock = HandClock()
    for operation, known in ((GET, ""), (WRITES["start"], " The Hub did not process it.")):
        flow = call(operation, Options(deadline=5.0), clock)
        next(flow)
        assert isinstance(flow.send(lost(sent=False)), Sleep)
        clock.time += 5.0 + late
        with pytest.raises(APITimeoutError) as caught:
            flow.send(None)
        assert str(caught.value) == (
            f"{operation.method} {operation.path}: deadline of 5 s (option deadline) exceeded: "
            f"no time is left for another attempt.{known}"
        )
        assert "the connection broke" in str(caught.value.__cause__)


def test_a_wait_beyond_the_deadline_ends_at_once_with_the_last_error_as_cause() -> None:
    result, effects = drive(WRITES["stop"], [limited()], Options(deadline=60.0))
    assert type(result) is APITimeoutError
    assert result.request_sent is False
    assert type(result.__cause__) is RateLimitError
    assert kinds(effects) == ["Send"]


def test_a_refused_token_is_refreshed_once_by_its_number() -> None:
    options = Options(refreshable=True, max_retries=0)
    refused = Response(401, (), b"expired", token=7)
    result, effects = drive(WRITES["start"], [refused, OK], options)
    assert result == {"id": "c1"}
    assert kinds(effects) == ["Send", "RefreshToken", "Send"]
    assert effects[1] == RefreshToken(7)
    _, effects = drive(GET, [refused, OK], Options(refreshable=True, deadline=9.0))
    assert effects[1] == RefreshToken(7, START + 9)
    result, effects = drive(GET, [refused, Response(401, (), b"no", token=8)], options)
    assert type(result) is AuthenticationError
    assert kinds(effects) == ["Send", "RefreshToken", "Send"]
    result, effects = drive(GET, [refused], Options(refreshable=False))
    assert type(result) is AuthenticationError
    assert kinds(effects) == ["Send"]


@table("name", WRITES)
def test_an_interruption_of_a_write_gets_a_note_of_what_is_known(name: str) -> None:
    for sent, known in [(True, MAY_HAVE_PROCESSED), (False, NOT_PROCESSED)]:
        attempt = next(call(WRITES[name], Options(), HandClock())).attempt
        attempt.progress = Progress(may_have_been_sent=sent)
        note = attempt.interrupted_note()
        assert known in note
        assert WRITES[name].path in note


def test_an_interruption_of_a_read_gets_no_note() -> None:
    attempt = next(call(GET, Options(), HandClock())).attempt
    attempt.progress = Progress(may_have_been_sent=True)
    assert attempt.interrupted_note() is None


@table("name", WRITES)
def test_an_interruption_between_two_attempts_says_that_the_hub_did_not_act(name: str) -> None:
    flow = call(WRITES[name], Options(), HandClock())
    attempt = next(flow).attempt
    attempt.progress = Progress(may_have_been_sent=True)
    assert isinstance(flow.send(lost(sent=False)), Sleep)
    assert NOT_PROCESSED in attempt.interrupted_note()
    flow = call(WRITES[name], Options(refreshable=True), HandClock())
    attempt = next(flow).attempt
    attempt.progress = Progress(may_have_been_sent=True)
    assert isinstance(flow.send(Response(401, (), b"expired", token=7)), RefreshToken)
    assert NOT_PROCESSED in attempt.interrupted_note()


def test_an_error_of_a_driver_is_passed_on_unchanged() -> None:
    flow = call(WRITES["start"], Options(), HandClock())
    next(flow)
    with pytest.raises(LookupError, match="mine"):
        flow.throw(LookupError("mine"))


def test_a_limited_call_acquires_a_lease_before_every_attempt() -> None:
    clock = HandClock()
    result, effects = drive(GET, [Response(503, (), b""), OK], Options(rate_limited=True), clock)
    assert result == {"id": "c1"}
    assert kinds(effects) == ["Acquire", "Send", "Sleep", "Acquire", "Send"]


@table(
    "operation, control",
    [("start", False), ("resume", False), ("delete", False), ("pause", True), ("stop", True)],
)
def test_pause_and_stop_are_control_calls(operation: str, control: bool) -> None:
    flow = call(WRITES[operation], Options(rate_limited=True), HandClock())
    effect = next(flow)
    assert isinstance(effect, Acquire)
    assert effect.attempt.operation.control is control
    flow.close()


def test_a_rate_limit_pauses_the_rate_limiter() -> None:
    _, effects = drive(GET, [limited(), OK], Options(rate_limited=True))
    (pause,) = [effect for effect in effects if isinstance(effect, PauseLimiter)]
    assert pause.seconds == pytest.approx(63)
    _, effects = drive(GET, [Response(503, (), b""), OK], Options(rate_limited=True))
    assert not [effect for effect in effects if isinstance(effect, PauseLimiter)]


def test_a_rate_limit_pauses_the_rate_limiter_though_the_call_is_not_retried() -> None:
    result, effects = drive(GET, [limited(b"30")], Options(rate_limited=True, max_retries=0))
    assert type(result) is RateLimitError
    (pause,) = [effect for effect in effects if isinstance(effect, PauseLimiter)]
    assert pause.seconds == 30


@pytest.mark.parametrize(
    ("retry_in", "why"),
    [
        (31.0, "the rate limiter would delay the next attempt by 31.0 s"),
        (0.5, "the rate limiter would delay the next attempt by 0.5 s"),
        (0.0, "too many requests are in flight for the rate limiter to start another in time"),
    ],
)
def test_no_quota_before_the_deadline_says_what_there_is_none_of(retry_in: float, why: str) -> None:
    flow = call(GET, Options(rate_limited=True), HandClock(), START + 5)
    next(flow)
    flow.send(None)
    flow.send(Response(503, (), b"busy"))
    flow.send(None)
    with pytest.raises(APITimeoutError) as caught:
        flow.send(Rejected(retry_in))
    assert str(caught.value) == f"GET /campaigns/c1: deadline exceeded: {why}."
    assert type(caught.value.__cause__) is ServerError


@pytest.mark.parametrize("name", ["start", "stop"])
def test_no_quota_before_the_deadline_means_that_nothing_was_sent(name: str) -> None:
    flow = call(WRITES[name], Options(rate_limited=True, deadline=5.0), HandClock())
    effect = next(flow)
    assert effect.deadline == START + 5
    with pytest.raises(APITimeoutError) as caught:
        flow.send(Rejected(31.0))
    assert caught.value.request_sent is False


# Properties.

statuses = st.sampled_from([200, 201, 204, 302, 400, 401, 404, 409, 429, 500, 502, 503, 504, 520])
headers = st.sampled_from([(), ((b"retry-after", b"1"),), ((b"retry-after", b"rubbish"),)])
bodies = st.sampled_from([b"", b"{}", b"rate_limited: x", b"daily call limit reached", b"[]"])
replies = st.builds(Response, statuses, headers, bodies)
failures = st.builds(
    Failure,
    st.just(OSError("x")),
    st.just("it broke"),
    st.booleans(),
    st.booleans(),
    st.none(),
)
broken = st.builds(
    lambda status, final: Failure(
        OSError("x"), "it was truncated", True, status=status, final=final
    ),
    statuses,
    st.booleans(),
)
outcomes = st.lists(replies | failures | broken, min_size=12, max_size=12)
options_ = st.builds(
    Options,
    max_retries=st.integers(0, 5),
    deadline=st.none() | st.floats(0.1, 100),
    refreshable=st.booleans(),
)


def _known_not_to_be_processed(outcome: Response | Failure) -> bool:
    if isinstance(outcome, Failure) and outcome.status is None:
        return not outcome.sent
    return outcome.status in {401, 429}


@given(st.sampled_from(sorted(WRITES)), outcomes, options_, st.floats(0, 0.999))
def test_a_write_is_retried_only_if_the_hub_is_known_not_to_have_acted(
    name: str, happens: list[Any], options: Options, jitter: float
) -> None:
    result, effects = drive(WRITES[name], happens, options, HandClock(jitter))
    sends = kinds(effects).count("Send")
    renewals = kinds(effects).count("RefreshToken")
    assert 1 <= sends <= options.max_retries + 1 + renewals
    assert renewals <= (1 if options.refreshable else 0)
    assert all(_known_not_to_be_processed(outcome) for outcome in happens[: sends - 1])
    last = happens[sends - 1]
    status = last.status
    if status is not None and 200 <= status < 300:
        assert not isinstance(result, KatavenError)
    elif isinstance(result, APIConnectionError | ServerError):
        # It says that the Hub may have processed it exactly if that is so.
        may_have = (isinstance(last, Failure) and status is None and last.sent) or (
            status is not None and status >= 500
        )
        assert result.request_sent is may_have


@given(outcomes, options_, st.floats(0, 0.999))
def test_a_read_ends_and_never_says_that_it_was_sent(
    happens: list[Any], options: Options, jitter: float
) -> None:
    clock = HandClock(jitter)
    result, effects = drive(GET, happens, options, clock)
    assert (
        1
        <= kinds(effects).count("Send")
        <= options.max_retries + 1 + kinds(effects).count("RefreshToken")
    )
    assert getattr(result, "request_sent", None) is None
    if options.deadline is not None:
        assert clock.time <= START + options.deadline
