"""``kataven.types.parse_time`` converts times of responses, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from kataven.types import parse_time

NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-01T00:00:00Z", NEW_YEAR),
        ("2030-01-01t00:00:00z", NEW_YEAR),
        ("2030-01-01T00:00:00+00:00", NEW_YEAR),
        ("2030-01-01T05:30:00+05:30", NEW_YEAR),
        ("2029-12-31T19:00:00-05:00", NEW_YEAR),
        ("2030-01-01T00:00:00.5Z", NEW_YEAR + timedelta(milliseconds=500)),
        ("2030-01-01T00:00:00.123456Z", NEW_YEAR + timedelta(microseconds=123456)),
        ("2030-01-01T00:00:00.123456999Z", NEW_YEAR + timedelta(microseconds=123456)),
        ("2030-01-01T00:00:00.000000001Z", NEW_YEAR),
    ],
)
def test_time_is_an_aware_datetime(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


def test_offset_of_the_text_is_kept() -> None:
    assert parse_time("2030-01-01T05:30:00+05:30").utcoffset() == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize("text", ["2030-01-01T00:00:00", "2030-01-01T00:00:00.123456789", "2030"])
def test_time_without_an_offset_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' has no UTC offset"):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1893456000",
        "2030-13-01T00:00:00Z",
        "2030-01-01T00:00:60Z",
        "2030-01-01T00:00:00+25:00",
        "9999-12-31T24:00:00Z",
        "２０３０-01-01T00:00:00Z",
    ],
)
def test_text_that_is_not_a_time_is_rejected_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}'".replace("+", r"\+")):
        parse_time(text)


@pytest.mark.parametrize("value", [None, b"2030-01-01T00:00:00Z", NEW_YEAR, 1893456000])
def test_anything_but_a_str_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=f"text must be a str, not {type(value).__name__}"):
        parse_time(value)  # type: ignore[arg-type]


def test_importing_the_types_does_not_import_dateutil() -> None:
    program = "import sys, kataven.types; print('dateutil' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout == "False\n"
