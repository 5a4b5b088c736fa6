"""The progress computed from a snapshot, whatever the Hub sends."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven.campaigns.progress import CampaignProgress, ProgressMeter
from tests.support.tables import table

WORDS = ("pending", "in_progress", "completed", "failed", "cancelled")


def snapshot(done: int, total: int = 100, **more: Any) -> dict[str, Any]:
    return {
        "status": "running",
        "total": total,
        "pending": total - done,
        "in_progress": 0,
        "completed": done,
        "failed": 0,
        "cancelled": 0,
        "active_calls": 2,
        **more,
    }


def test_a_snapshot_shows_how_far_a_campaign_is() -> None:
    sent = snapshot(20, failed=3, cancelled=2, pending=75)
    progress = ProgressMeter().take(sent, 1000.0)
    assert progress == CampaignProgress(
        status="running",
        total=100,
        counts={"pending": 75, "in_progress": 0, "completed": 20, "failed": 3, "cancelled": 2},
        fraction_done=0.25,
        active_calls=2,
        calls_per_minute=None,
        eta_seconds=None,
        elapsed_seconds=0.0,
        snapshot=sent,
    )
    assert not progress.terminal


def test_rate_and_eta_come_from_what_was_seen() -> None:
    meter = ProgressMeter()
    meter.take(snapshot(10), 0.0)
    progress = meter.take(snapshot(30), 120.0)
    assert progress.calls_per_minute == pytest.approx(10.0)
    assert progress.eta_seconds == pytest.approx(7 * 60.0)
    assert progress.elapsed_seconds == 120.0


def test_two_snapshots_at_once_show_no_rate() -> None:
    meter = ProgressMeter()
    meter.take(snapshot(0), 100.0)
    assert meter.take(snapshot(50), 100.0001).calls_per_minute is None


def test_the_rate_is_that_of_the_last_five_minutes() -> None:
    meter = ProgressMeter()
    meter.take(snapshot(0, 10_000), 0.0)
    for minute in range(1, 61):
        meter.take(snapshot(minute * 100, 10_000), minute * 60.0)
    for minute in range(61, 67):
        progress = meter.take(snapshot(6000 + minute - 60, 10_000), minute * 60.0)
    assert progress.calls_per_minute == pytest.approx(1.0)


def test_the_end_has_no_time_left() -> None:
    progress = ProgressMeter().take(snapshot(100, status="completed"), 5.0)
    assert (progress.fraction_done, progress.eta_seconds, progress.terminal) == (1.0, 0.0, True)


def test_a_campaign_without_counters_keeps_those_of_the_last_snapshot() -> None:
    meter = ProgressMeter()
    meter.take(snapshot(40), 0.0)
    progress = meter.take({"id": "c1", "status": "completed"}, 10.0)
    assert progress.status == "completed"
    assert progress.counts["completed"] == 40
    assert progress.total == 100
    assert progress.active_calls is None
    assert progress.snapshot == {"id": "c1", "status": "completed"}


def test_a_missing_key_leaves_its_field_empty() -> None:
    empty = ProgressMeter().take({}, 1.0)
    assert empty == CampaignProgress(status="unknown")
    assert ProgressMeter().take({"status": "running"}, 1.0).fraction_done is None
    assert ProgressMeter().take({"status": "running", "total": 9}, 1.0).total == 9
    assert ProgressMeter().take({"pending": 0, "total": 0}, 1.0).fraction_done == 1.0


def test_a_total_is_not_computed_from_some_of_the_counts() -> None:
    some = ProgressMeter().take({"status": "running", "completed": 5}, 1.0)
    assert (some.total, some.fraction_done, some.counts) == (None, None, {"completed": 5})
    every = snapshot(5)
    del every["total"]
    assert ProgressMeter().take(every, 1.0).total == 100


def test_an_unknown_status_is_kept_and_is_not_the_end() -> None:
    progress = ProgressMeter().take(snapshot(1, status="reviewing"), 1.0)
    assert (progress.status, progress.terminal) == ("reviewing", False)


@table("odd", [None, "9", 9.0, True, -1, [], {}, 10**400])
def test_an_invalid_count_counts_as_missing(odd: Any) -> None:
    meter = ProgressMeter()
    meter.take(snapshot(0), 0.0)
    sent = {**snapshot(0), "completed": odd, "active_calls": odd, "total": odd}
    progress = meter.take(sent, 60.0)
    assert "completed" not in progress.counts
    assert progress.active_calls is None


def test_progress_is_frozen() -> None:
    progress = ProgressMeter().take(snapshot(1), 1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        progress.status = "completed"  # type: ignore[misc]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_counts = st.integers(-5, 200) | st.sampled_from([10**15, 10**16, 10**400]) | _json
_snapshots = st.dictionaries(
    st.sampled_from([*WORDS, "total", "active_calls", "status", "x"]), _counts
) | st.fixed_dictionaries(dict.fromkeys([*WORDS, "total"], st.integers(0, 10**16)))


@given(st.lists(st.tuples(_snapshots, st.floats(0, 1e9)), max_size=8))
@pytest.mark.slow
def test_no_snapshot_crashes_progress_or_makes_it_absurd(
    looks: list[tuple[dict[str, Any], float]],
) -> None:
    meter = ProgressMeter()
    for sent, now in looks:
        progress = meter.take(sent, now)
        assert meter.last is progress
        assert isinstance(progress.status, str)
        assert progress.elapsed_seconds >= 0
        if progress.fraction_done is not None:
            assert 0 <= progress.fraction_done <= 1
        for number in (progress.calls_per_minute, progress.eta_seconds):
            assert number is None or 0 <= number < float("inf")
