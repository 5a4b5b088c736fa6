"""A Hub with a database file: what survives a restart."""

import sqlite3
from datetime import timedelta

import pytest

from kataven.sandbox import Clock, Sandbox
from kataven.sandbox.model.schema import MIGRATIONS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hub.db"


def manual(path, **options):
    return Sandbox(time_scale=Clock.manual(), seed=3, limits=None, path=path, **options)


def test_keys_stay_the_same_for_a_database_file(path, connect):
    with manual(path) as hub:
        first, other = hub.api_key, hub.new_key("acme", limits={"per_minute": 2})
        gone = hub.new_key("acme")
        hub.revoke(gone)
    with manual(path) as hub:
        assert hub.api_key == first
        http = connect(hub, key=other)
        assert [http.get("/campaigns").status_code for _ in range(3)] == [200, 200, 429]
        assert connect(hub, key=gone).get("/campaigns").status_code == 401


def test_hubs_in_memory_have_keys_of_their_own():
    with Sandbox() as one, Sandbox() as two:
        assert one.api_key != two.api_key


def test_the_complete_state_survives_a_restart(path, connect):
    with manual(path) as hub:
        http = connect(hub)
        hub.outcomes["+15550000007"] = "busy"
        made = [http.create(130) for _ in range(4)]
        http.start(made[0])
        http.start(made[1])
        hub.advance(200)
        http.act(made[1], "pause")
        http.act(made[2], "stop")
        http.delete(f"/campaigns/{made[3]}")
        before = (
            http.get("/campaigns").json(),
            [http.contacts(campaign) for campaign in made[:3]],
            hub.journal,
            dict(hub.outcomes),
            hub.now(),
        )
    with manual(path) as hub:
        http = connect(hub)
        after = (
            http.get("/campaigns").json(),
            [http.contacts(campaign) for campaign in made[:3]],
            hub.journal,
            dict(hub.outcomes),
            hub.now(),
        )
        assert after == before


def run_to_the_end(path, connect, *, restarts):
    hub = manual(path)
    hub.start()
    http = connect(hub)
    campaign = http.create(150, retries_per_contact=3, retry_delay_seconds=60)
    http.start(campaign)
    for step in range(40):
        hub.advance(30)
        if restarts and step % 4 == 0:
            hub.close()
            hub = manual(path)
            hub.start()
            http = connect(hub)
    hub.advance(86400)
    assert http.status(campaign) == "completed"
    calls = [(e.number, e.attempt, e.outcome) for e in hub.journal if e.action == "call_ended"]
    hub.close()
    return sorted(calls)


def test_restarts_do_not_change_draws_or_repeat_calls(tmp_path, connect):
    expected = run_to_the_end(tmp_path / "undisturbed.db", connect, restarts=False)
    assert run_to_the_end(tmp_path / "restarted.db", connect, restarts=True) == expected


def test_calls_in_flight_continue_after_a_restart(path, connect):
    with manual(path) as hub:
        http = connect(hub)
        campaign = http.create(5)
        http.start(campaign)
    with manual(path) as hub:
        http = connect(hub)
        assert http.counts(campaign) == {"in_progress": 5}
        hub.advance(300)
        assert http.status(campaign) == "completed"
        assert sum(e.action == "call" for e in hub.journal) == 5


def test_a_running_campaign_continues_dialling_after_a_restart(path, connect):
    with manual(path) as hub:
        http = connect(hub)
        campaign = http.create(50)
        http.start(campaign)
        hub.advance(100)
        dialled = sum(e.action == "call" for e in hub.journal)
    with manual(path) as hub:
        hub.advance(86400)
        assert connect(hub).status(campaign) == "completed"
        assert sum(e.action == "call" for e in hub.journal) == 50 > dialled


def test_calls_of_a_deleted_campaign_survive_a_restart_and_then_it_is_purged(path, connect):
    limits = {"concurrent_max": 5}
    with manual(path, call_limits=limits) as hub:
        http = connect(hub)
        campaign = http.create(9)
        http.start(campaign)
        http.act(campaign, "stop")
        http.delete(f"/campaigns/{campaign}")
    with manual(path, call_limits=limits) as hub:
        http = connect(hub)
        other = http.create(9)
        http.start(other)
        assert http.counts(other) == {"pending": 9}
        hub.advance(86400)
        assert http.status(other) == "completed"
    with sqlite3.connect(path) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM campaigns")]
    database.close()
    assert ids == [other]


def test_scheduled_campaigns_start_after_a_restart(path, connect):
    with manual(path) as hub:
        when = hub.now() + timedelta(hours=1)
        campaign = connect(hub).create(3, scheduled_at=when.isoformat())
    with manual(path) as hub:
        hub.advance(3600)
        assert connect(hub).status(campaign) == "running"


def test_daily_caps_count_the_calls_before_a_restart(path, connect):
    limits = {"daily_calls_max": 5}
    with manual(path, call_limits=limits) as hub:
        http = connect(hub)
        http.start(http.create(5))
        hub.advance(600)
    with manual(path, call_limits=limits) as hub:
        http = connect(hub)
        assert http.act(http.create(1), "start").text == "Daily call limit reached"


def test_numbers_of_campaigns_are_never_reused(path, connect):
    with manual(path) as hub:
        http = connect(hub)
        http.delete(f"/campaigns/{http.create()}")
    with manual(path) as hub:
        connect(hub).create()
    with sqlite3.connect(path) as database:
        numbers = [row[0] for row in database.execute("SELECT number FROM campaigns")]
    database.close()
    assert numbers == [2]


def test_hub_time_continues_after_a_restart_and_never_goes_back(path):
    with manual(path) as hub:
        seen = hub.advance(86400)
    with manual(path) as hub:
        assert hub.now() == seen
    with Sandbox(path=path, time_scale=1) as hub:
        assert seen <= hub.now() <= seen + timedelta(hours=1)


def test_only_one_hub_can_use_a_file(path):
    with manual(path), pytest.raises(RuntimeError, match="another Sandbox"):
        manual(path).start()
    with manual(path):
        pass


def test_a_file_that_is_not_a_database_is_refused_and_not_changed(path):
    path.write_text("phone_number\n+15550100001\n" * 100)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not a database"):
        manual(path).start()
    assert path.read_bytes() == before


def test_a_database_of_a_newer_version_is_refused(path):
    with manual(path):
        pass
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(ValueError, match="upgrade kataven"):
        manual(path).start()


def test_a_database_of_an_older_version_is_migrated(path, connect):
    database = sqlite3.connect(path, isolation_level=None)
    for statement in MIGRATIONS[0]:
        database.execute(statement)
    database.execute("PRAGMA user_version = 1")
    database.execute("INSERT INTO keys VALUES ('sk_live_sandbox_old', 'sandbox', NULL, 0)")
    database.close()
    with manual(path) as hub:
        assert hub.api_key == "sk_live_sandbox_old"
        http = connect(hub)
        http.start(http.create(1))
        assert [e.action for e in hub.journal] == ["create", "start", "call"]
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    database.close()


def test_the_file_is_in_wal_mode(path):
    with manual(path):
        assert path.read_bytes()[18:20] == b"\x02\x02"
