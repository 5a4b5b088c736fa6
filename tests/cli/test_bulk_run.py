"""``kataven bulk launch | watch | status | pause | resume | stop`` on an embedded Hub."""

from __future__ import annotations

import json
import socket

import pytest

from tests.cli.bulk import QUICK, SETTINGS

LAUNCH = ("launch", "spring", *SETTINGS, QUICK)
NEXT = ("launch", "spring", QUICK, "--yes")


@pytest.fixture
def speed():
    """The campaigns of two contacts end in a moment."""
    return 1000.0


@pytest.fixture
def launched(bulk, spring):
    """The plan, launched and not followed."""
    done = bulk(*LAUNCH, "--yes")
    assert done.code == 0, done.err
    return spring


def writes(hub):
    """The requests that change something, by method and last part of the path."""
    return [
        f"{each.method} {each.path.rpartition('/')[2]}"
        for each in hub.requests
        if each.method != "GET"
    ]


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize(("more", "code"), [((), 2), (("--dry-run",), 0)])
def test_nothing_is_sent_without_a_yes_or_with_dry_run(bulk, hub, spring, more, code):
    done = bulk(*LAUNCH, *more)

    assert (done.code, done.out) == (code, "")
    assert "This calls 8 people in 4 campaigns:" in done.err
    for word in ("agent_1", "number_1", "5 calls, no retries, of each", "4 campaigns at once"):
        assert word in done.err
    assert writes(hub) == []
    assert not (spring / "ledger.sqlite").exists()


@pytest.mark.usefixtures("spring")
def test_launch_and_watch_call_everybody_once(bulk, hub):
    done = bulk(*LAUNCH, "--watch", "--yes")

    assert done.code == 0, done.err
    assert "running 100 %: 4 finished; 8 of 8 contacts" in done.out
    assert "kataven bulk results spring -o results.csv" in done.err
    assert writes(hub).count("POST campaigns") == writes(hub).count("POST start") == 4
    hub.assert_called_once_each()


@pytest.mark.usefixtures("launched")
def test_later_commands_need_none_of_the_settings(bulk, hub):
    watched = bulk("watch", "spring", QUICK, "--json")
    again = bulk(*NEXT, "--json")

    assert (watched.code, again.code) == (0, 0)
    assert watched.json["counts"]["finished"] == again.json["counts"]["finished"] == 4
    assert [part["state"] for part in watched.json["parts"]] == ["finished"] * 4
    assert "Every part is started already." in again.err
    assert writes(hub).count("POST campaigns") == 4


def test_the_first_launch_needs_the_settings(bulk, hub, spring):
    done = bulk("launch", "spring", "--agent-id=a", "--yes")

    assert (done.code, done.out) == (2, "")
    assert "The first launch needs --name, --phone-number-id." in done.err
    assert writes(hub) == []


@pytest.mark.usefixtures("launched")
@pytest.mark.parametrize(
    ("option", "fixed"),
    [
        ("--agent-id=other", "--agent-id agent_1"),
        ("--max-concurrent-calls=6", "--max-concurrent-calls 5"),
    ],
)
def test_other_settings_are_refused_after_the_first_launch(bulk, option, fixed):
    done = bulk(*NEXT, option)

    assert done.code == 2
    assert f"The first launch has fixed {fixed}: leave these options out" in done.err


@pytest.mark.usefixtures("spring")
def test_a_mistake_can_be_corrected_as_long_as_nothing_was_sent(bulk, hub):
    hub.faults.add("POST /campaigns", status=403)
    wrong = bulk("launch", "spring", "--name=x", "--agent-id=w", "--phone-number-id=p", "--yes")
    right = bulk(*LAUNCH, "--yes", "--json")

    assert wrong.code == 4, wrong.err
    assert "run the same command again" in wrong.err
    assert right.code == 0, right.err
    assert right.json["counts"]["started"] == 4


@pytest.mark.usefixtures("launched")
def test_status_needs_no_key_and_no_hub(bulk, hub, monkeypatch):
    sent = len(hub.requests)
    monkeypatch.delenv("KATAVEN_API_KEY")
    shown = bulk("status", "spring", "--all")
    listed = bulk("status", "spring", "--json")

    assert (shown.code, listed.code) == (0, 0)
    assert "parts            4: 4 started" in shown.out
    assert "agent_id         agent_1" in shown.out
    for part in listed.json["parts"]:
        assert part["campaign_id"] in shown.out
    assert len(hub.requests) == sent


def test_status_of_a_plan_that_was_not_launched_makes_no_ledger(bulk, spring):
    done = bulk("status", "spring")

    assert done.code == 0
    assert "not launched" in done.out
    assert "kataven bulk launch spring --name ..." in done.err
    assert not (spring / "ledger.sqlite").exists()


@pytest.mark.parametrize("verb", ["watch", "pause", "resume", "stop", "results", "retry"])
def test_a_plan_that_was_not_launched_is_not_acted_on(bulk, hub, spring, verb):
    done = bulk(verb, "spring", *(("-o", "x.csv") if verb in ("results", "retry") else ()))

    assert (done.code, done.out) == (10, "")
    assert "was not launched with this ledger: run 'kataven bulk launch' first" in done.err
    assert hub.requests == []


def test_unknown_parts_are_shown_and_exit_with_9(bulk, hub, spring):
    hub.faults.add("POST /campaigns", reset="before")
    first = bulk(*LAUNCH, "--yes")
    status = bulk("status", "spring")
    watched = bulk("watch", "spring", QUICK)
    sent = len(writes(hub))
    # Whether it was sent is not known, so it is not sent again.
    again = bulk(*NEXT)

    for done in (first, status, watched, again):
        assert done.code == 9, done.err
    assert "1 part is unknown" in first.err
    assert "no campaign with [kv:" in first.err
    assert "no campaign with [kv:" in status.out
    assert "kataven bulk launch spring --resend-unknown" in first.err
    assert len(writes(hub)) == sent

    asked = bulk("launch", "spring", "--resend-unknown", QUICK)
    resent = bulk(*NEXT, "--resend-unknown", "--watch")

    assert asked.code == 2
    assert "people are called twice" in asked.err
    assert resent.code == 0, resent.err
    hub.assert_called_once_each()


@pytest.mark.usefixtures("launched")
@pytest.mark.parametrize("speed", [1.0])
def test_a_campaign_that_failed_is_the_failure_of_a_watch(bulk, hub):
    for part in bulk("status", "spring", "--json").json["parts"]:
        hub.fail(part["campaign_id"])
    watched = bulk("watch", "spring", QUICK)

    assert watched.code == 1
    assert "4 failed" in watched.out
    assert bulk("status", "spring").code == 0


@pytest.mark.usefixtures("launched")
@pytest.mark.parametrize("speed", [1.0])
def test_pause_resume_and_stop_are_for_the_entire_run(bulk, client):
    def statuses():
        return {each["status"] for each in client.campaigns.list()["campaigns"]}

    paused = bulk("pause", "spring")
    assert paused.code == 0, paused.err
    assert "nothing is started, and 4 campaigns are paused." in paused.out
    assert "kataven bulk resume spring" in paused.err
    assert statuses() == {"paused"}

    launch = bulk(*NEXT)
    assert launch.code == 6
    assert "'kataven bulk resume spring' continues with it (exit code 6)" in launch.err

    asked = bulk("resume", "spring")
    tried = bulk("resume", "spring", "--dry-run")
    assert (asked.code, tried.code) == (2, 0)
    assert "This resumes 4 campaigns with 8 contacts:" in asked.err
    assert statuses() == {"paused"}
    resumed = bulk("resume", "spring", "--yes", QUICK)
    assert resumed.code == 0, resumed.err
    assert statuses() == {"running"}
    assert "The run is not paused." in bulk("resume", "spring", "--yes").err

    asked = bulk("stop", "spring")
    tried = bulk("stop", "spring", "--dry-run")
    assert (asked.code, tried.code) == (2, 0)
    assert "4 campaigns that started and did not finish" in asked.err
    assert statuses() == {"running"}
    stopped = bulk("stop", "spring", "--yes", "--json")
    assert stopped.code == 0, stopped.err
    assert stopped.json["wanted"] == "stopped"
    assert "running" not in statuses()
    for verb in ("launch", "resume", "pause"):
        done = bulk(verb, "spring", *(("--yes",) if verb != "pause" else ()))
        assert done.code == 6
        assert "final" in done.err


@pytest.mark.usefixtures("launched")
def test_jsonl_prints_a_line_for_each_progress(bulk):
    done = bulk("watch", "spring", QUICK, "--jsonl")
    lines = [json.loads(line) for line in done.out.splitlines()]

    assert done.code == 0
    assert lines[-1]["counts"]["finished"] == 4
    assert lines[-1]["contacts_done"] == lines[-1]["contacts"] == 8
    assert {
        "wanted",
        "counts",
        "contacts",
        "contacts_done",
        "contacts_per_minute",
        "eta_seconds",
        "elapsed_seconds",
    } <= lines[0].keys()
    assert "parts" not in lines[0]


@pytest.mark.usefixtures("spring")
def test_quiet_prints_nothing_where_nothing_is_wrong(bulk):
    done = bulk(*LAUNCH, "--watch", "--yes", "--quiet")

    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize(
    ("match", "fault", "code"),
    [
        ("GET /campaigns", {"status": 401}, 4),
        ("POST /campaigns", {"status": 403}, 4),
        ("POST /campaigns", {"status": 400}, 2),
        pytest.param("GET /campaigns", {"status": 500}, 8, marks=pytest.mark.slow),
        pytest.param("GET /campaigns", {"reset": "before"}, 8, marks=pytest.mark.slow),
    ],
)
def test_each_fault_has_its_exit_code_and_says_how_to_continue(bulk, hub, match, fault, code):
    hub.faults.add(match, times=None, **fault)

    done = bulk(*LAUNCH, "--yes")

    assert done.code == code, done.err
    assert f"(exit code {code})" in done.err
    assert "run the same command again, and it continues" in done.err


@pytest.mark.usefixtures("spring")
def test_a_key_is_needed_to_launch(bulk, monkeypatch):
    monkeypatch.delenv("KATAVEN_API_KEY")

    assert bulk(*LAUNCH, "--yes").code == 4


@pytest.mark.usefixtures("launched")
def test_the_ledger_of_another_plan_or_none_is_a_local_failure(bulk, hub):
    other = ("prepare", "list.csv", "--directory", "other", "--max-rows", "3", "-q")
    assert bulk(*other).code == 0
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{unused.getsockname()[1]}"
        closed = bulk("status", "spring", "--store", url)
    (bulk.folder / "text").write_text("no database, but a text that is longer than a header" * 9)
    sent = len(hub.requests)
    options = [*SETTINGS, "--yes", "--store"]

    done = [
        bulk("launch", "other", *options, "spring/ledger.sqlite"),
        bulk("launch", "other", *options, "text"),
        bulk("launch", "other", *options, "missing/ledger.sqlite"),
        closed,
    ]

    for each in done:
        assert each.code == 10, each.err
        assert "doctor" not in each.err
    assert "is the ledger of another plan" in done[0].err
    assert len(writes(hub)) == len([each for each in hub.requests[:sent] if each.method != "GET"])


def test_commands_that_are_offered_name_folder_and_ledger(bulk, spring):
    spring.rename(bulk.folder / "my list")
    done = bulk("launch", "my list", *SETTINGS, QUICK, "--yes", "--store", "my ledger")

    assert done.code == 0, done.err
    assert "kataven bulk watch 'my list' --store 'my ledger'\n" in done.err
    assert bulk("status", "my list").out.count("not launched") == 1


def test_the_ledger_can_be_named_in_the_environment(bulk, spring, monkeypatch):
    monkeypatch.setenv("KATAVEN_BULK_STORE", "here.sqlite")
    done = bulk(*LAUNCH, "--yes")

    assert done.code == 0, done.err
    assert (bulk.folder / "here.sqlite").exists()
    assert not (spring / "ledger.sqlite").exists()
    assert "kataven bulk watch spring\n" in done.err


@pytest.mark.parametrize("verb", ["launch", "watch", "status", "pause", "resume", "stop"])
@pytest.mark.parametrize("what", ["nothing", "damaged", "file"])
def test_a_folder_without_a_plan_is_one_sentence(bulk, hub, verb, what):
    folder = bulk.folder / "folder"
    if what == "file":
        folder.write_text("")
    else:
        folder.mkdir()
    if what == "damaged":
        (folder / "plan.json").write_text("{}")

    done = bulk(verb, "folder")

    assert (done.code, done.out) == (2 if what == "file" else 10, "")
    assert len(done.err.splitlines()) <= 3
    if what == "nothing":
        assert "run 'kataven bulk prepare' with this directory" in done.err
    assert hub.requests == []
