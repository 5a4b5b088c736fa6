"""Invalid arguments are refused by name, before anything is read."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kataven import contacts

LIST = b"phone_number,name\n+14155550100,Ana\n"
CALLS: dict[str, Callable[..., Any]] = {
    "check": contacts.check,
    "clean": contacts.clean,
    "split": contacts.split,
}


class Unread:
    """A file that must not be read."""

    def read(self, n: int = -1) -> bytes:
        raise AssertionError(f"{n} bytes were asked for")


def unread_rows() -> Iterator[dict[str, str]]:
    """Rows that must not be read."""
    raise AssertionError("a row was asked for")
    yield {}


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize("encoding", ["nope", "base64", "", "a\0b"])
def test_an_unknown_encoding_is_a_value_error_and_a_lookup_error(
    function: str, encoding: str
) -> None:
    for kind in (ValueError, LookupError):
        with pytest.raises(kind, match="encoding must name a text encoding") as caught:
            CALLS[function](Unread(), encoding=encoding)
        assert repr(encoding) in str(caught.value)
        with pytest.raises(kind, match="encoding must name"):
            CALLS[function](unread_rows(), encoding=encoding)


def test_by_timezone_refuses_an_unknown_encoding() -> None:
    with pytest.raises(ValueError, match="encoding must name a text encoding"):
        contacts.by_timezone(LIST, encoding="nope")


@pytest.mark.parametrize("function", CALLS)
def test_an_encoding_must_be_a_str(function: str) -> None:
    with pytest.raises(TypeError, match=r"encoding must be the name of an encoding.*not 5"):
        CALLS[function](Unread(), encoding=5)


@pytest.mark.parametrize("function", ["check", "clean"])
@pytest.mark.parametrize(("region", "kind"), [(5, TypeError), (b"US", TypeError), ("USA", None)])
def test_an_invalid_region_is_refused_before_reading(
    function: str, region: object, kind: type[Exception] | None
) -> None:
    with pytest.raises(kind or ValueError, match="region must be two letters") as caught:
        CALLS[function](Unread(), region=region)
    assert repr(region) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"max_rows": "x"}, TypeError),
        ({"max_rows": 1.5}, TypeError),
        ({"max_bytes": "10 MB"}, TypeError),
        ({"max_bytes": None}, TypeError),
        ({"max_rows": 0}, ValueError),
        ({"max_bytes": -1}, ValueError),
    ],
)
def test_invalid_limits_of_split_are_refused_by_the_call_itself(
    options: dict[str, Any], kind: type[Exception]
) -> None:
    ((name, value),) = options.items()
    with pytest.raises(kind, match=f"^{name} must be .*at least 1, not {value!r}$"):
        contacts.split(Unread(), **options)


@pytest.mark.parametrize("rows", ["contacts.csv", LIST, None, 2.5, True])
def test_estimate_refuses_rows_that_are_not_a_number_or_report(rows: Any) -> None:
    with pytest.raises(TypeError, match="rows must be the number of contacts, or the report of"):
        contacts.estimate(rows)


@pytest.mark.parametrize(
    "name",
    [
        "max_concurrent_calls",
        "average_call_seconds",
        "answer_rate",
        "retries_per_contact",
        "retry_delay_seconds",
        "calls_per_minute",
        "daily_calls_max",
    ],
)
def test_estimate_names_the_invalid_option(name: str) -> None:
    options: dict[str, Any] = {name: "x"}
    with pytest.raises(TypeError, match=f"{name} must be .*not 'x'"):
        contacts.estimate(10, **options)
    with pytest.raises((TypeError, ValueError), match=name):
        contacts.estimate(10, **{**options, name: float("nan")})
