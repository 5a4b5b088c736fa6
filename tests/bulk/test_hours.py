"""Local hours: what is read from a text, groups of numbers, and moments on both sides of DST."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers.tzdata import TIMEZONE_DATA

from kataven.bulk import BulkError, BulkPlan, Part, Totals
from kataven.bulk._hours import LEAD_SECONDS, Windows, zone_group, zones_of
from kataven.bulk._opening import PlanHours
from kataven.contacts._timezones import NumberZones

OFFICE = "MO-FR 09:00-17:00"
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def at(text: str, zone: str = "UTC") -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def span(windows: str, zones: str, now: float) -> tuple[str, str] | None:
    """The next span in UTC; its end without the 60 seconds."""
    found = Windows.parse(windows).next_span(zones_of(zones), now)
    if found is None:
        return None
    begin, end = (
        dt.datetime.fromtimestamp(each, dt.UTC).strftime("%Y-%m-%d %H:%M")
        for each in (found[0], found[1] + LEAD_SECONDS)
    )
    return begin, end


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (OFFICE, OFFICE),
        ("mo-fr 9:00 - 17:00 ;SA 10:00-13:00", "MO-FR 09:00-17:00, SA 10:00-13:00"),
        ("SA-MO 00:00-24:00", "SA-MO 00:00-24:00"),
        ("WE-WE 10:00-10:01", "WE 10:00-10:01"),
    ],
)
def test_windows_are_written_in_one_way(text: str, shown: str) -> None:
    assert str(Windows.parse(text)) == shown
    assert Windows.parse(shown) == Windows.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'', which is not a window: write days and hours, such as 'MO-FR 09:00-17:00"),
        ("MO-FR", "'MO-FR', which is not a window"),
        ("09:00-17:00", "'09:00-17:00', which is not a window"),
        ("MO,TU 09:00-17:00", "'MO', which is not a window"),
        ("MO-FR 09:00-17:00,", "'', which is not a window"),
        ("MO-FR 9-17", "'MO-FR 9-17', which is not a window"),
        ("MON-FRI 09:00-17:00", "which is not a window"),
        ("MO-XX 09:00-17:00", "with the day 'XX': use MO, TU, WE, TH, FR, SA or SU"),
        ("MO 09:00-24:01", "with the time '24:01': use 00:00 to 24:00"),
        ("MO 09:60-10:00", "with the time '09:60'"),
        ("MO 24:00-24:00", "does not end after it begins"),
        ("FR 22:00-02:00", "write a window over midnight as two, such as 'FR 22:00-24:00, SA"),
        ("SA 10:00-13:00, FR 10:00-10:00", "'FR 10:00-10:00', which does not end after"),
        ("MO ٠٩:00-17:00", "which is not a window"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^windows has ") as raised:
        Windows.parse(text)
    assert message in str(raised.value)


def test_windows_are_a_text() -> None:
    with pytest.raises(TypeError, match="windows must be a str, such as 'MO-FR"):
        Windows.parse(["MO-FR 09:00-17:00"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # Monday: early in the morning, inside, and in the last minute, which counts as closed.
        ("2026-11-30 08:59:59", ("2026-11-30 09:00", "2026-11-30 17:00")),
        ("2026-11-30 09:00:00", ("2026-11-30 09:00", "2026-11-30 17:00")),
        ("2026-11-30 16:58:59", ("2026-11-30 09:00", "2026-11-30 17:00")),
        ("2026-11-30 16:59:00", ("2026-12-01 09:00", "2026-12-01 17:00")),
        # Over the weekend.
        ("2026-12-04 17:00:00", ("2026-12-07 09:00", "2026-12-07 17:00")),
    ],
)
def test_the_next_span(now: str, expected: tuple[str, str]) -> None:
    assert span(OFFICE, "Europe/London", at(now)) == expected


def test_all_zones_must_be_inside() -> None:
    now = at("2026-11-28 19:00")
    assert span(OFFICE, "America/New_York", now) == ("2026-11-30 14:00", "2026-11-30 22:00")
    assert span(OFFICE, "Europe/London", now) == ("2026-11-30 09:00", "2026-11-30 17:00")
    both = span(OFFICE, "America/New_York+Europe/London", now)
    assert both == ("2026-11-30 14:00", "2026-11-30 17:00")
    # The hour in which both are open is Friday in one and Saturday in the other.
    far = "Pacific/Auckland+America/Los_Angeles"
    assert span("MO-SU 07:00-22:00", far, now) == ("2026-11-28 18:00", "2026-11-29 06:00")
    assert span(OFFICE, far, now) == ("2026-11-30 20:00", "2026-12-01 01:00")


def test_zones_that_share_no_hour_never_open() -> None:
    now = at("2026-11-28 19:00")
    assert span(OFFICE, "Europe/London+Asia/Tokyo", now) is None
    assert span(OFFICE, zone_group("+18005550100"), now) is None
    assert span(OFFICE, "unknown", now) is None
    half = "MO-FR 08:00-17:00"
    assert span(half, "Europe/London+Asia/Hong_Kong", at("2026-11-28 19:00")) == (
        "2026-11-30 08:00",
        "2026-11-30 09:00",
    )
    # Only while London has summer time is it 15:00 in Hong Kong when it is 08:00 there.
    summer = "MO-FR 08:00-15:30"
    assert span(summer, "Europe/London+Asia/Hong_Kong", at("2026-11-28 19:00")) == (
        "2027-03-29 07:00",
        "2027-03-29 07:30",
    )


def test_the_clocks_change_and_the_hours_stay() -> None:
    friday, monday = at("2026-03-06 20:00"), at("2026-03-08 20:00")
    # New York: summer time begins on 8 March and ends on 1 November.
    assert span("MO-FR 09:00-15:30", "America/New_York", friday) == (
        "2026-03-06 14:00",
        "2026-03-06 20:30",
    )
    assert span(OFFICE, "America/New_York", monday) == ("2026-03-09 13:00", "2026-03-09 21:00")
    autumn = at("2026-11-01 12:00")
    assert span(OFFICE, "America/New_York", autumn) == ("2026-11-02 14:00", "2026-11-02 22:00")
    # Between the two changes, New York and London are four hours apart, and not five.
    both = "America/New_York+Europe/London"
    assert span(OFFICE, both, monday) == ("2026-03-09 13:00", "2026-03-09 17:00")
    assert span(OFFICE, both, autumn) == ("2026-11-02 14:00", "2026-11-02 17:00")
    assert span(OFFICE, both, at("2026-10-25 12:00")) == ("2026-10-26 13:00", "2026-10-26 17:00")


@pytest.mark.parametrize(
    ("windows", "day", "expected"),
    [
        # 02:00 to 03:00 is skipped in New York on 8 March: 07:00 in UTC.
        ("SU 01:00-02:30", "2026-03-08", ("2026-03-08 06:00", "2026-03-08 06:30")),
        ("SU 02:30-04:00", "2026-03-08", ("2026-03-08 07:30", "2026-03-08 08:00")),
        ("SU 02:00-03:00", "2026-03-08", None),
        ("SU 01:00-04:00", "2026-03-08", ("2026-03-08 06:00", "2026-03-08 08:00")),
        # 01:00 to 02:00 comes twice on 1 November: 05:00 to 07:00 in UTC.
        ("SU 00:00-01:30", "2026-11-01", ("2026-11-01 04:00", "2026-11-01 05:30")),
        ("SU 01:30-03:00", "2026-11-01", ("2026-11-01 06:30", "2026-11-01 08:00")),
        ("SU 01:15-01:45", "2026-11-01", None),
        ("SU 00:00-03:00", "2026-11-01", ("2026-11-01 04:00", "2026-11-01 08:00")),
    ],
)
def test_an_hour_that_is_skipped_or_comes_twice(
    windows: str, day: str, expected: tuple[str, str] | None
) -> None:
    found = span(windows, "America/New_York", at(f"{day} 00:00", "America/New_York"))
    if expected is None:
        # That day has no such window; the next one has.
        assert found is not None
        assert found[0][:10] > day
    else:
        assert found == expected


def test_days_of_24_hours_have_no_pause_between_them() -> None:
    found = span("MO-SU 00:00-24:00", "Europe/Berlin", at("2026-11-30 12:00"))
    assert found is not None
    begin, end = (dt.datetime.fromisoformat(each) for each in found)
    assert end - begin > dt.timedelta(days=7)


@pytest.mark.slow
@given(
    zones=st.lists(
        st.sampled_from(
            [
                "America/New_York",
                "America/Los_Angeles",
                "Europe/London",
                "Asia/Kolkata",
                "Asia/Beirut",
                "Australia/Lord_Howe",
                "America/St_Johns",
                "Africa/Casablanca",
                "Pacific/Apia",
            ]
        ),
        min_size=1,
        max_size=3,
    ),
    windows=st.lists(
        st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS), st.integers(0, 95)).flatmap(
            lambda each: st.integers(each[2] + 1, 96).map(lambda end: (*each, end))
        ),
        min_size=1,
        max_size=3,
    ),
    # Around the changes of clocks, and elsewhere.
    day=st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-11-01"])
    | st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)).map(str),
    minute=st.integers(0, 3 * 1440),
)
def test_a_span_is_inside_the_windows_on_every_clock(
    zones: list[str], windows: list[tuple[str, str, int, int]], day: str, minute: int
) -> None:
    text = ", ".join(
        f"{first}-{last} {begin // 4:02d}:{begin % 4 * 15:02d}-{end // 4:02d}:{end % 4 * 15:02d}"
        for first, last, begin, end in windows
    )

    def inside(moment: float, zone: str) -> bool:
        wall = dt.datetime.fromtimestamp(moment, ZoneInfo(zone))
        quarter = (wall.hour * 60 + wall.minute) / 15
        return any(
            (wall.weekday() - DAYS.index(first)) % 7 <= (DAYS.index(last) - DAYS.index(first)) % 7
            and begin <= quarter < end
            for first, last, begin, end in windows
        )

    now = at(day) + 60 * minute
    found = Windows.parse(text).next_span(zones, now)
    if found is None:
        return
    begin, end = found
    assert now < end
    # Every quarter of an hour, and the last moment at which a call may begin.
    moments = [*range(int(begin), min(int(end + LEAD_SECONDS), int(begin) + 200_000), 900), end]
    for moment in moments:
        assert all(inside(moment, zone) for zone in zones), (moment, text)
    # Nothing was missed before it, except near a change of clocks.
    for moment in range(int(now), int(begin), 900):
        if all(inside(moment, zone) for zone in zones):
            assert any(
                ZoneInfo(zone).utcoffset(dt.datetime.fromtimestamp(moment - 10_800))
                != ZoneInfo(zone).utcoffset(dt.datetime.fromtimestamp(moment + 10_800))
                or dt.datetime.fromtimestamp(moment + LEAD_SECONDS, ZoneInfo(zone)).minute % 15 == 0
                for zone in zones
            )


def test_the_group_of_a_number_has_all_its_zones() -> None:
    assert zone_group("+12125550100") == "America/New_York"
    assert zone_group("+442079460018") == "Europe/London"
    assert zone_group("+61491570156").startswith("Australia/Adelaide+Australia/Brisbane+")
    assert len(zones_of(zone_group("+18005550100"))) > 40
    for without in ("+447700900123", "+870773000000", "+14150000001", "+99", "no number"):
        assert zone_group(without) == "unknown"
        assert zones_of(zone_group(without)) == ()


def test_no_zone_has_the_separator_in_its_name() -> None:
    names = {name for names in TIMEZONE_DATA.values() for name in names}
    assert len(names) > 200
    assert not [name for name in names if "+" in name]


def numbers() -> Iterator[str]:
    for area in range(200, 1000, 7):
        for exchange in range(200, 1000, 61):
            for last in (0, 1234, 9999):
                yield f"+1{area}{exchange}{last:04d}"


@pytest.mark.slow
def test_the_numbers_of_an_exchange_are_in_the_same_zones() -> None:
    zones = NumberZones()
    for number in numbers():
        assert zones_of(zone_group(number)) == zones.of(number), number


def plan_of(windows: str | None, *groups: str | None) -> BulkPlan:
    parts = tuple(
        Part(f"{index:064x}", f"parts/{index:064x}.csv", 1, group)
        for index, group in enumerate(groups)
    )
    totals = Totals(len(parts), len(parts), 0, len(parts))
    return BulkPlan(Path("nowhere"), "ab" * 16, "", {"windows": windows}, totals, parts)


def test_the_hours_of_a_plan() -> None:
    moment = at("2026-11-30 13:30")
    plan = plan_of(OFFICE, "Europe/London", "America/New_York", "America/New_York", None)
    hours = PlanHours(plan, lambda: moment)
    assert [hours.is_open(number) for number in range(4)] == [True, False, False, False]
    assert hours.left(0) == at("2026-11-30 16:59") - moment
    assert [hours.never(number) for number in range(4)] == [False, False, False, True]
    assert [(each.group, each.parts, each.open, each.until) for each in hours.groups()] == [
        ("Europe/London", 1, True, "2026-11-30T16:59:00Z"),
        ("America/New_York", 2, False, "2026-11-30T14:00:00Z"),
        ("unknown", 1, False, None),
    ]
    assert hours.change() == 1800
    moment += 1800
    assert hours.is_open(1)
    assert hours.change() == at("2026-11-30 16:59") - moment
    # The time of day may be corrected.
    moment -= 86_400
    assert not hours.is_open(1)


def test_a_plan_without_windows_is_always_open() -> None:
    hours = PlanHours(plan_of(None, None, None), lambda: 0.0)
    assert not hours.given
    assert hours.is_open(1)
    assert not hours.never(1)
    assert hours.groups() == ()
    assert hours.left(0) == hours.change() == float("inf")


def test_a_zone_that_the_machine_lacks_is_named() -> None:
    with pytest.raises(BulkError, match=r"no time zone 'Mars/Base'.*pip install --upgrade tzdata"):
        PlanHours(plan_of(OFFICE, "Mars/Base"), lambda: 0.0)
