"""The arithmetic of retries: backoff, Retry-After, and which kind of 429 it is."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven._flow.operation import Failure, Response
from kataven._flow.retry import backoff, limit_reason, read_retry_after, retry_delay
from kataven.campaigns import operations
from tests.support.tables import table

NOW = 1_800_000_000.0
GET = operations.list_campaigns()
START = operations.start_campaign("c1")


def _read(value: str, now: float = NOW) -> float | None:
    return read_retry_after([(b"Retry-After", value.encode("latin-1"))], now)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_lies_between_zero_and_a_bound_that_doubles_from_a_half_to_eight(
    retries: int, jitter: float
) -> None:
    bound = 0.5 * 2 ** min(retries, 4)
    assert backoff(retries, jitter) == pytest.approx(jitter * bound)


def test_backoff_doubles_with_each_retry() -> None:
    assert [backoff(retries, 1.0) for retries in range(6)] == [0.5, 1, 2, 4, 8, 8]


@given(st.floats(0.001, 1e9))
def test_a_decimal_number_of_seconds_is_accepted(seconds: float) -> None:
    text = f"{seconds:.6f}"
    assert _read(text) == pytest.approx(float(text))


@given(st.integers(1, 10**9))
def test_an_integer_number_of_seconds_is_accepted(seconds: int) -> None:
    assert _read(str(seconds)) == seconds


@given(st.integers(1, 10**8))
def test_an_http_date_in_the_future_is_the_time_until_then(ahead: int) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=ahead), usegmt=True)
    assert _read(date) == ahead


@given(st.integers(0, 10**9))
def test_an_http_date_in_the_past_is_ignored(ago: int) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW, UTC) - timedelta(seconds=ago), usegmt=True)
    assert _read(date) is None


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_text_gives_a_positive_finite_number_or_nothing(text: str) -> None:
    seconds = _read(text)
    assert seconds is None or (0 < seconds < math.inf)


@given(st.text("0123456789+-.eE xXnaNiIfF,:_", max_size=12))
def test_what_looks_like_a_number_is_one_only_by_digits_and_one_point(text: str) -> None:
    seconds = _read(text)
    plain = text.strip()
    if seconds is not None and plain.replace(".", "", 1).isdecimal():
        assert seconds == float(plain)
    elif seconds is not None:
        # Of these characters only digits and a point make a date or number.
        raise AssertionError(f"{text!r} was read as {seconds}")


def test_the_name_of_the_header_is_read_in_any_case_and_others_are_not() -> None:
    assert read_retry_after([(b"X", b"1"), (b"RETRY-AFTER", b"5")], NOW) == 5
    assert read_retry_after([(b"X-Retry-After", b"5")], NOW) is None
    assert read_retry_after([], NOW) is None


CAPS = ["concurrent call limit reached", "call rate limit", "daily minute budget exhausted"]


@given(
    st.sampled_from(CAPS), st.text(max_size=5), st.text(max_size=5), st.none() | st.floats(1, 100)
)
def test_a_cost_cap_is_known_by_its_words_in_any_case_and_place(
    words: str, before: str, after: str, retry_after: float | None
) -> None:
    for text in (words, words.upper(), words.title()):
        said = f"{before}{text}{after}".encode()
        assert limit_reason(said, retry_after) == "cost_cap"


@given(st.text(max_size=20), st.none() | st.floats(1, 100))
def test_rate_limited_at_the_beginning_is_a_rate_limit(
    rest: str, retry_after: float | None
) -> None:
    assert limit_reason(f"rate_limited{rest}".encode(), retry_after) == "rate_limit"


@given(st.binary(max_size=30))
def test_without_a_time_to_wait_nothing_else_is_a_rate_limit(body: bytes) -> None:
    expected = (
        "rate_limit"
        if body.lower().lstrip(b"\t\r\n \xef\xbb\xbf").startswith(b"rate_limited")
        else "cost_cap"
    )
    assert limit_reason(body, None) == expected


def _wait(
    operation: object, outcome: Response | Failure, retries: int = 0, most: int = 3
) -> float | None:
    return retry_delay(
        operation,  # type: ignore[arg-type]
        outcome,
        retries=retries,
        max_retries=most,
        max_retry_wait=120,
        now=NOW,
        jitter=0.5,
    )


@table("status", range(100, 600))
def test_only_transient_statuses_are_retried(status: int) -> None:
    passing = {500, 502, 503, 504, *range(520, 530)}
    assert (_wait(GET, Response(status, (), b"")) is not None) is (status in passing)
    assert _wait(START, Response(status, (), b"")) is None


@table("most", range(5))
def test_the_number_of_retries_is_limited(most: int) -> None:
    for outcome in (Response(503, (), b""), Failure(OSError(), "x", sent=False)):
        waits = [_wait(GET, outcome, retries, most) for retries in range(10)]
        assert [wait is not None for wait in waits] == [retries < most for retries in range(10)]


@given(st.floats(0.01, 120), st.floats(0, 1, exclude_max=True))
def test_the_wait_after_a_rate_limit_is_retry_after_and_up_to_a_tenth_more(
    seconds: float, jitter: float
) -> None:
    text = f"{seconds:.4f}"
    reply = Response(429, ((b"retry-after", text.encode()),), b"rate_limited")
    wait = retry_delay(
        START, reply, retries=0, max_retries=3, max_retry_wait=120, now=NOW, jitter=jitter
    )
    if float(text) == 0:
        return
    assert wait is not None
    assert float(text) <= wait <= float(text) * 1.1 + 1e-9
