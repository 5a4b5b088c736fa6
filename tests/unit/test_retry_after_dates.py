"""Every HTTP-date is in UTC, whatever the time zone of the machine."""

import os
import time
from collections.abc import Iterator

import pytest

from kataven._flow.retry import read_retry_after

NOW = 1_800_000_000.0


@pytest.fixture
def _in_new_york() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this machine has one time zone only")
@pytest.mark.usefixtures("_in_new_york")
@pytest.mark.parametrize(
    "shape",
    [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%a, %d %b %Y %H:%M:%S -0000",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y",
    ],
)
def test_a_date_is_read_in_utc(shape: str) -> None:
    then = time.strftime(shape, time.gmtime(NOW + 30))
    assert read_retry_after([(b"Retry-After", then.encode())], NOW) == 30
    assert read_retry_after([(b"Retry-After", then.encode())], NOW + 31) is None


def _date(moment: float) -> bytes:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(moment)).encode()


@pytest.mark.parametrize("off", [-7200, 0, 7200])
def test_a_date_is_compared_to_the_date_of_its_own_response(off: float) -> None:
    headers = [(b"date", _date(NOW + off)), (b"Retry-After", _date(NOW + off + 30))]
    assert read_retry_after(headers, NOW) == 30


@pytest.mark.parametrize("date", [b"", b"yesterday", b"1800000000"])
def test_a_response_date_that_cannot_be_read_does_not_count(date: bytes) -> None:
    headers = [(b"Date", date), (b"Retry-After", _date(NOW + 30))]
    assert read_retry_after(headers, NOW) == 30
