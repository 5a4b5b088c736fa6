"""Which outcomes are retried and when: the cases where a wrong decision calls somebody twice."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from kataven._flow.operation import Failure, Response
from kataven._flow.retry import limit_reason, read_retry_after, retry_delay
from kataven.campaigns import operations
from tests.support.tables import table

NOW = 1_800_000_000.0
READ = operations.list_campaigns()
WRITE = operations.start_campaign("c1")


def delay(operation, outcome, *, jitter=0.5, max_retry_wait=120.0):
    return retry_delay(
        operation,
        outcome,
        retries=0,
        max_retries=2,
        max_retry_wait=max_retry_wait,
        now=NOW,
        jitter=jitter,
    )


@table(
    "operation, sent, final, retried",
    [
        (READ, False, False, True),
        (READ, True, False, True),
        (READ, False, True, False),
        (READ, True, True, False),
        (WRITE, False, False, True),
        (WRITE, True, False, False),
        (WRITE, False, True, False),
        (WRITE, True, True, False),
    ],
)
def test_a_write_that_may_have_arrived_and_a_final_failure_are_never_retried(
    operation, sent, final, retried
):
    failure = Failure(OSError(), "the connection broke", sent=sent, final=final)

    assert (delay(operation, failure) is not None) is retried


@table("operation", [READ, WRITE])
def test_a_429_that_names_a_time_is_retried_after_that_time_and_a_share_of_a_tenth(operation):
    response = Response(429, ((b"retry-after", b"20"),), b"slow down")

    assert delay(operation, response, jitter=0.0) == 20
    assert delay(operation, response, jitter=0.5) == pytest.approx(21)


@table("operation", [READ, WRITE])
def test_a_429_of_a_cost_cap_is_not_retried_although_it_names_a_time(operation):
    for text in (b"call limit", b"call rate limit", b"minute budget"):
        assert delay(operation, Response(429, ((b"retry-after", b"20"),), text)) is None


def test_a_date_in_retry_after_counts_from_now_if_the_response_has_no_date():
    date = formatdate(NOW + 30, usegmt=True).encode()

    assert delay(READ, Response(503, ((b"retry-after", date),), b""), jitter=0.0) == 30


def test_the_longest_wait_is_still_waited_for_and_a_longer_one_is_not():
    def response(seconds):
        return Response(503, ((b"retry-after", str(seconds).encode()),), b"")

    assert delay(READ, response(120), jitter=0.0) == 120
    assert delay(READ, response(121), jitter=0.0) is None


def test_a_number_that_no_float_holds_is_not_a_time_to_wait():
    assert read_retry_after([(b"retry-after", b"9" * 400)], NOW) is None


@table(
    "body, reason",
    [
        (b"slow down", "rate_limit"),
        (b"minute budget", "cost_cap"),
        (b"", "rate_limit"),
        # Only the first 4 KiB are read.
        (b"x" * 4087 + b"call limit", "rate_limit"),
        (b"x" * 4086 + b"call limit", "cost_cap"),
    ],
)
def test_kind_of_a_429_that_names_a_time(body, reason):
    assert limit_reason(body, 5.0) == reason


@table(
    "body, reason",
    [
        ("\ufeff rate_limited", "rate_limit"),
        ("\t\r\n rate_limited", "rate_limit"),
        ("Rate_Limited: wait", "rate_limit"),
        ("\vrate_limited", "cost_cap"),
        ("Xrate_limited", "cost_cap"),
        ("not rate_limited", "cost_cap"),
    ],
)
def test_kind_of_a_429_that_names_no_time(body, reason):
    assert limit_reason(body.encode(), None) == reason
