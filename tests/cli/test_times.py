"""``--scheduled-at``: the times people write, and the ones that are refused."""

from __future__ import annotations

import time
import zoneinfo
from datetime import UTC, datetime, timedelta

import click
import pytest

from kataven.cli.times import scheduled_time
from tests.support.tables import table

# Saturday, 18:00:05 in Berlin, 12:00:05 in New York.
NOW = datetime(2026, 11, 28, 17, 0, 5, tzinfo=UTC)
MACHINE = "(UTC+01:00, the time zone of this machine)"


@pytest.fixture(autouse=True)
def machine_in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@table(
    "text, sent",
    [
        ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01t09:00:00z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00:00.123456789+05:30", "2026-12-01T09:00:00+05:30"),
        ("2026-12-01 09:00+01:00", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01 09:00 Europe/Berlin", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01 09:00 europe/berlin", "2026-12-01T09:00:00+01:00"),
        ("2027-07-01 09:00 Europe/Berlin", "2027-07-01T09:00:00+02:00"),
        ("Dec 1 9am America/New_York", "2026-12-01T09:00:00-05:00"),
        ("dec 1 9 a.m. America/New_York", "2026-12-01T09:00:00-05:00"),
        ("9:30 pm on 1 December 2026 Asia/Tokyo", "2026-12-01T21:30:00+09:00"),
        ("Tue, Dec 1, 2026 at 12am UTC", "2026-12-01T00:00:00+00:00"),
        ("2026-12-01 09:00 +02:00", "2026-12-01T09:00:00+02:00"),
        ("2026-12-01 09:00 -0500", "2026-12-01T09:00:00-05:00"),
        ("2026-12-01 09:00 Z", "2026-12-01T09:00:00+00:00"),
        # Without a zone: the machine's, at that date.
        ("2026-12-01 09:00", "2026-12-01T09:00:00+01:00"),
        ("2027-07-01T09:00", "2027-07-01T09:00:00+02:00"),
        ("20261201T0900", "2026-12-01T09:00:00+01:00"),
        # One order only, or the same date in both.
        ("13/12/2026 9am", "2026-12-13T09:00:00+01:00"),
        ("12/12/2026 9am", "2026-12-12T09:00:00+01:00"),
        ("2026/12/01 9am", "2026-12-01T09:00:00+01:00"),
        # The year of a date in the next half year is filled in.
        ("Jan 5 9am", "2027-01-05T09:00:00+01:00"),
        ("May 20 9am", "2027-05-20T09:00:00+02:00"),
        ("+2h", "2026-11-28T20:00:05+01:00"),
        ("+90m", "2026-11-28T19:30:05+01:00"),
        ("+1d", "2026-11-29T18:00:05+01:00"),
        ("+1h30m", "2026-11-28T19:30:05+01:00"),
        ("+1d 12h", "2026-11-30T06:00:05+01:00"),
        # A day is 24 hours, and the offset is that of the result.
        ("+180d", "2027-05-27T19:00:05+02:00"),
        ("2026-11-28 17:00:06 UTC", "2026-11-28T17:00:06+00:00"),
        # The hour that exists twice, with its offset.
        ("2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+02:00"),
        ("2027-10-31T02:30:00+01:00", "2027-10-31T02:30:00+01:00"),
    ],
)
def test_times_people_write(text, sent):
    assert scheduled_time(text, NOW).sent == sent


@table(
    "text, shown",
    [
        (
            "Dec 1 9am America/New_York",
            "Tuesday 1 December 2026, 09:00 America/New_York (UTC-05:00), in 2 d 21 h",
        ),
        ("2026-12-01T09:00:30Z", "Tuesday 1 December 2026, 09:00:30 UTC, in 2 d 16 h"),
        (
            "2026-11-29 08:00",
            f"Sunday 29 November 2026, 08:00 CET {MACHINE}, in 14 h",
        ),
        ("2026-11-28 17:45 UTC", "Saturday 28 November 2026, 17:45 UTC, in 45 min"),
        ("2026-11-28 17:00:30 UTC", "Saturday 28 November 2026, 17:00:30 UTC, in 25 s"),
        ("2026-12-28 17:00 UTC", "Monday 28 December 2026, 17:00 UTC, in 30 d"),
        (
            "+14h",
            f"Sunday 29 November 2026, 08:00:05 CET {MACHINE}, in 14 h",
        ),
    ],
)
def test_time_is_shown_in_full(text, shown):
    assert scheduled_time(text, NOW).shown == shown


@table(
    "text, understood",
    [
        # Ambiguous.
        ("01/02 9am", "is either 02 January or 01 February"),
        ("01/02/2027 9am", "is either 02 January or 01 February"),
        ("1.2.2027 09:00 Europe/Berlin", "is either 02 January or 01 February"),
        ("12/13/26 9am", "has a year of two digits"),
        ("Dec 1 26 9am", "has a year of two digits"),
        ("26-12-01 9am", "26-12-01 9am"),
        ("Dec 1 2026 9:00 10:00", "names two times of day"),
        ("2026-12-01 9:00-17:00", "names two times of day"),
        ("Mon Dec 1 2026 9am", "01 December 2026 is a Tuesday"),
        # What was not written is not filled in.
        ("9am", "does not name a date"),
        ("09:00 Europe/Berlin", "does not name a date"),
        ("Monday 9am", "does not name a date"),
        ("Dec 2026 9am", "does not name a date"),
        ("Dec 1", "does not name a time of day"),
        ("2026-12-01", "does not name a time of day"),
        ("2026-12-01 Europe/Berlin", "does not name a time of day"),
        ("2026-12-01 -09:00", "does not name a time of day"),
        ("Dec 1 9", "does not name a time of day"),
        ("Nov 27 9am", "does not name a year"),
        ("Jul 5 9am", "does not name a year"),
        ("Feb 29 9am", "does not name a year"),
        # Past.
        ("2025-12-01T09:00:00Z", "is in the past: Monday 1 December 2025, 09:00 UTC"),
        ("2026-11-28 18:00 Europe/Berlin", "is in the past: Saturday 28 November 2026, 18:00"),
        ("2026-11-28T17:00:05Z", "is in the past"),
        ("+0m", "is in the past"),
        # Clocks that change.
        ("2027-03-28 02:30 Europe/Berlin", "does not exist in Europe/Berlin"),
        ("2027-03-28 02:30", "does not exist in the time zone of this machine"),
        ("2027-03-14 2:00am America/New_York", "does not exist in America/New_York"),
        (
            "2027-10-31 02:30 Europe/Berlin",
            "write '2027-10-31T02:30:00+02:00' or '2027-10-31T02:30:00+01:00'",
        ),
        ("2027-10-31 02:30", "happens twice in the time zone of this machine"),
        # Zones that are none, or that people and POSIX read in opposite ways.
        ("Dec 1 9am PST", "'PST' is not the name of a time zone"),
        ("Dec 1 9am Nowhere/City", "cannot be read"),
        ("2026-12-01 9am UTC+3", "cannot be read"),
        ("2026-12-01 9am GMT-3", "cannot be read"),
        ("2026-12-01 09:00 +15:00", "has an impossible offset, +15:00"),
        ("2026-12-01 09:00 -5", "the offset is unclear"),
        ("2026-12-01 09:00 Europe/Berlin +01:00", "cannot be read"),
        # Not a time.
        ("", "cannot be read"),
        ("now", "cannot be read"),
        ("tomorrow 9am", "cannot be read"),
        ("2026-12-01 25:00", "cannot be read"),
        ("2026-12-01T25:00:00Z", "is not a valid time"),
        ("2027-02-30 09:00", "cannot be read"),
        ("٢٠٢٦-12-01 09:00", "cannot be read"),
        ("+", "is not a delay"),
        ("+2", "is not a delay"),
        ("+2x", "is not a delay"),
        ("+30m2h", "is not a delay"),
        ("+99999d" * 2, "is not a delay"),
    ],
)
def test_times_that_are_refused_say_what_was_understood(text, understood):
    with pytest.raises(click.BadParameter) as raised:
        scheduled_time(text, NOW)

    assert raised.value.exit_code == 2
    assert understood in raised.value.message
    assert repr(" ".join(text.split())) in raised.value.message
    assert "'2026-12-01 09:00 Europe/Berlin'" in raised.value.message


def test_delay_beyond_the_calendar_is_refused():
    last = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)

    with pytest.raises(click.BadParameter, match="too far ahead"):
        scheduled_time("+3d", last)


@pytest.mark.slow
def test_every_seventh_hour_of_two_years_is_read_back(monkeypatch):
    """Written with its zone's clock, each hour is one moment again, except the doubled ones."""
    monkeypatch.setattr(zoneinfo, "available_timezones", lambda: {"Europe/Berlin"})
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    for hours in range(1, 2 * 365 * 24, 7):
        moment = (NOW + timedelta(hours=hours)).replace(second=0).astimezone(berlin)
        if moment.replace(fold=1).utcoffset() != moment.replace(fold=0).utcoffset():
            continue

        found = scheduled_time(f"{moment:%Y-%m-%d %H:%M} Europe/Berlin", NOW)

        assert datetime.fromisoformat(found.sent) == moment.astimezone(UTC)
