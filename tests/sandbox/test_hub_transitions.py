"""Every (state, action), the concurrency budget, schedules, and calls after pause and stop."""

from datetime import timedelta

import pytest

from kataven.sandbox import Clock, Sandbox

CONFLICT = None
TABLE = {
    ("draft", "start"): "running",
    ("draft", "pause"): CONFLICT,
    ("draft", "resume"): CONFLICT,
    ("draft", "stop"): "completed",
    ("draft", "delete"): "gone",
    ("scheduled", "start"): "running",
    ("scheduled", "pause"): CONFLICT,
    ("scheduled", "resume"): CONFLICT,
    ("scheduled", "stop"): "completed",
    ("scheduled", "delete"): "gone",
    ("running", "start"): CONFLICT,
    ("running", "pause"): "paused",
    ("running", "resume"): CONFLICT,
    ("running", "stop"): "completed",
    ("running", "delete"): CONFLICT,
    ("paused", "start"): "running",
    ("paused", "pause"): CONFLICT,
    ("paused", "resume"): "running",
    ("paused", "stop"): "completed",
    ("paused", "delete"): "gone",
    ("completed", "start"): CONFLICT,
    ("completed", "pause"): CONFLICT,
    ("completed", "resume"): CONFLICT,
    ("completed", "stop"): CONFLICT,
    ("completed", "delete"): "gone",
    ("failed", "start"): CONFLICT,
    ("failed", "pause"): CONFLICT,
    ("failed", "resume"): CONFLICT,
    ("failed", "stop"): CONFLICT,
    ("failed", "delete"): "gone",
}


def bring_to(hub, http, state):
    if state == "scheduled":
        return http.create(3, scheduled_at=(hub.now() + timedelta(hours=1)).isoformat())
    campaign = http.create(3)
    if state != "draft":
        http.start(campaign)
    if state == "paused":
        http.act(campaign, "pause")
    if state == "completed":
        hub.advance(3600)
    if state == "failed":
        hub.fail(campaign)
    assert http.status(campaign) == state
    return campaign


def test_the_table_has_every_pair():
    states = ("draft", "scheduled", "running", "paused", "completed", "failed")
    actions = ("start", "pause", "resume", "stop", "delete")
    assert set(TABLE) == {(state, action) for state in states for action in actions}


@pytest.mark.parametrize(("state", "action"), TABLE)
def test_every_state_and_action(hub, http, state, action):
    campaign = bring_to(hub, http, state)
    before = http.get(f"/campaigns/{campaign}").json()
    expected = TABLE[state, action]
    if action == "delete":
        response = http.delete(f"/campaigns/{campaign}")
    else:
        response = http.act(campaign, action)
    if expected is CONFLICT:
        assert response.status_code == 409
        assert response.headers["Content-Type"].startswith("text/plain")
        assert state in response.text
        assert http.get(f"/campaigns/{campaign}").json() == before
    elif expected == "gone":
        assert (response.status_code, response.content) == (204, b"")
        assert http.get(f"/campaigns/{campaign}").status_code == 404
        assert http.get("/campaigns").json() == {"campaigns": []}
    else:
        assert response.status_code == 200
        assert response.json()["status"] == expected
        assert http.get(f"/campaigns/{campaign}").json() == response.json()


def test_started_at_and_completed_at(hub, http):
    campaign = http.create(3)
    http.start(campaign)
    began = http.get(f"/campaigns/{campaign}").json()
    assert began["started_at"] is not None
    assert began["completed_at"] is None
    hub.advance(1)
    http.act(campaign, "pause")
    http.act(campaign, "resume")
    hub.advance(3600)
    ended = http.get(f"/campaigns/{campaign}").json()
    assert ended["started_at"] == began["started_at"]
    assert ended["completed_at"] > ended["started_at"]


def test_only_a_running_campaign_can_be_made_to_fail(hub, http):
    with pytest.raises(ValueError, match="draft"):
        hub.fail(http.create())
    with pytest.raises(LookupError):
        hub.fail("none")


def test_calls_in_flight_of_a_failed_campaign_finish_and_no_new_ones_begin(hub, http):
    campaign = http.create(50)
    http.start(campaign)
    hub.fail(campaign)
    hub.advance(3600)
    counts = http.counts(campaign)
    assert counts["pending"] == 45
    assert sum(counts.values()) == 50
    assert "in_progress" not in counts


def test_calls_in_flight_of_a_paused_campaign_finish_and_no_new_ones_begin(hub, http):
    campaign = http.create(50)
    http.start(campaign)
    hub.advance(10)
    http.act(campaign, "pause")
    paused = hub.now()
    assert http.counts(campaign).get("in_progress", 0) > 0
    hub.advance(3600)
    assert [e for e in hub.journal if e.action == "call" and e.time > paused] == []
    assert "in_progress" not in http.counts(campaign)
    assert http.counts(campaign)["pending"] > 0


def test_a_paused_campaign_does_not_complete_by_itself(hub, http):
    campaign = http.create(3)
    http.start(campaign)
    http.act(campaign, "pause")
    hub.advance(86400)
    assert http.status(campaign) == "paused"
    assert http.act(campaign, "resume").json()["status"] == "running"
    hub.advance(0)
    assert http.status(campaign) == "completed"


def test_stop_is_terminal_and_cancels_pending_contacts(hub, http):
    for number in range(5):
        hub.outcomes[f"+1555{number:07d}"] = "busy"
    campaign = http.create(50, retries_per_contact=5)
    http.start(campaign)
    assert http.act(campaign, "stop").json()["status"] == "completed"
    assert http.counts(campaign) == {"in_progress": 5, "cancelled": 45}
    hub.advance(3600)
    assert http.counts(campaign) == {"failed": 5, "cancelled": 45}
    assert {c["last_error"] for c in http.contacts(campaign, status="failed")} == {"busy"}


def test_stop_of_a_draft_cancels_everything(hub, http):
    campaign = http.create(150)
    http.act(campaign, "stop")
    assert http.counts(campaign) == {"cancelled": 150}


def test_start_checks_the_concurrency_budget_and_names_both_sums(http):
    http.start(http.create(3, max_concurrent_calls=60))
    other = http.create(3, max_concurrent_calls=41)
    response = http.act(other, "start")
    assert response.status_code == 409
    assert "101" in response.text
    assert "100" in response.text
    assert http.status(other) == "draft"


def test_resume_checks_the_concurrency_budget(http):
    paused = http.create(3, max_concurrent_calls=60)
    http.start(paused)
    http.act(paused, "pause")
    http.start(http.create(3, max_concurrent_calls=50))
    response = http.act(paused, "resume")
    assert (response.status_code, "110" in response.text) == (409, True)
    assert http.status(paused) == "paused"


def test_the_concurrency_budget_can_be_used_up_completely(http):
    http.start(http.create(3, max_concurrent_calls=60))
    http.start(http.create(3, max_concurrent_calls=40))


def test_each_account_has_a_concurrency_budget_of_its_own(hub, http, connect):
    http.start(http.create(3, max_concurrent_calls=100))
    other = connect(hub, key=hub.new_key("acme"))
    other.start(other.create(3, max_concurrent_calls=100))


def test_a_scheduled_campaign_starts_by_itself_at_its_time(hub, http):
    when = hub.now() + timedelta(hours=1)
    campaign = http.create(3, scheduled_at=when.isoformat())
    hub.advance(3599)
    assert http.status(campaign) == "scheduled"
    hub.advance(1)
    assert http.status(campaign) == "running"
    assert [e.action for e in hub.journal][1] == "scheduled_start"


def test_a_scheduled_campaign_started_early_is_not_started_again(hub, http):
    campaign = http.create(3, scheduled_at=(hub.now() + timedelta(hours=1)).isoformat())
    http.start(campaign)
    http.act(campaign, "pause")
    hub.advance(7200)
    assert http.status(campaign) == "paused"


def test_a_scheduled_campaign_over_the_budget_stays_scheduled_and_is_retried_every_minute(
    hub, http
):
    first = http.create(3, max_concurrent_calls=100)
    http.start(first)
    http.act(first, "pause")
    http.act(first, "resume")
    campaign = http.create(3, scheduled_at=(hub.now() + timedelta(seconds=1)).isoformat())
    hub.advance(1)
    assert http.status(campaign) == "scheduled"
    http.act(first, "pause")
    hub.advance(59)
    assert http.status(campaign) == "scheduled"
    hub.advance(1)
    assert http.status(campaign) == "running"


def test_a_deleted_scheduled_campaign_never_dials(hub, http):
    campaign = http.create(3, scheduled_at=(hub.now() + timedelta(hours=1)).isoformat())
    http.delete(f"/campaigns/{campaign}")
    hub.advance(7200)
    assert [e.action for e in hub.journal] == ["create", "delete"]


def test_a_running_campaign_completes_when_all_is_done(hub, http):
    campaign = http.create(30)
    http.start(campaign)
    hub.advance(86400)
    assert http.status(campaign) == "completed"
    assert set(http.counts(campaign)) <= {"completed", "failed"}


def test_on_a_scaled_clock_a_campaign_completes_without_requests(connect):
    with Sandbox(time_scale=20_000, limits=None) as hub:
        http = connect(hub)
        campaign = http.create(20)
        http.start(campaign)
        with http.client.stream("GET", f"/campaigns/{campaign}/events") as stream:
            assert "event: end" in list(stream.iter_lines())
        assert http.status(campaign) == "completed"


def test_the_list_contains_the_campaigns_of_the_account_oldest_first(http):
    made = [http.create() for _ in range(3)]
    assert [c["id"] for c in http.get("/campaigns").json()["campaigns"]] == made


def test_call_limits_are_four_integers_with_our_defaults(http):
    assert http.get("/call-limits").json() == {
        "concurrent_max": 100,
        "calls_per_minute": 6000,
        "daily_calls_max": 1_000_000,
        "daily_minutes_max": 1_000_000,
    }


def test_call_limits_can_be_set(connect):
    with Sandbox(time_scale=Clock.manual(), call_limits={"concurrent_max": 7}) as hub:
        http = connect(hub)
        assert http.get("/call-limits").json()["concurrent_max"] == 7
        assert http.act(http.create(3, max_concurrent_calls=8), "start").status_code == 409
