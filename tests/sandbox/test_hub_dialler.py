"""The dialler: concurrency, caps, retries, outcomes, durations of calls, and the journal."""

import itertools
import statistics
from collections import Counter
from datetime import timedelta

import pytest

from kataven.sandbox import Clock, Sandbox
from kataven.sandbox.model.outcomes import WORDS, draw

SECOND = 1_000_000_000


def calls_of(hub, campaign=None):
    """(beginning, end, number, attempt, outcome) of each finished call."""
    open_calls, done = {}, []
    for entry in hub.journal:
        if campaign is not None and entry.campaign != campaign:
            continue
        if entry.action == "call":
            assert (entry.campaign, entry.number) not in open_calls, (
                "two calls to a contact at the same time"
            )
            open_calls[entry.campaign, entry.number] = entry
        elif entry.action == "call_ended":
            begin = open_calls.pop((entry.campaign, entry.number))
            assert begin.attempt == entry.attempt
            done.append((begin.time, entry.time, entry.number, entry.attempt, entry.outcome))
    return done


def most_at_once(calls):
    steps = sorted([(begin, 1) for begin, *_ in calls] + [(end, -1) for _, end, *_ in calls])
    most = level = 0
    for _, step in steps:
        level += step
        most = max(most, level)
    return most


def test_a_campaign_never_has_more_calls_than_its_own_concurrency(hub, http):
    campaign = http.create(60, max_concurrent_calls=7)
    http.start(campaign)
    hub.advance(86400)
    assert most_at_once(calls_of(hub)) == 7


def test_calls_of_a_stopped_campaign_count_towards_the_account_cap(connect):
    limits = {"concurrent_max": 10}
    with Sandbox(time_scale=Clock.manual(), limits=None, call_limits=limits) as hub:
        http = connect(hub)
        first = http.create(20, max_concurrent_calls=10)
        http.start(first)
        http.act(first, "stop")
        second = http.create(30, max_concurrent_calls=10)
        http.start(second)
        assert http.counts(second) == {"pending": 30}
        hub.advance(86400)
        assert most_at_once(calls_of(hub)) == 10
        assert http.status(second) == "completed"


def test_calls_of_a_deleted_campaign_count_towards_the_account_cap(connect):
    limits = {"concurrent_max": 5}
    with Sandbox(time_scale=Clock.manual(), limits=None, call_limits=limits) as hub:
        http = connect(hub)
        first = http.create(20)
        http.start(first)
        http.act(first, "pause")
        http.delete(f"/campaigns/{first}")
        second = http.create(30)
        http.start(second)
        assert http.counts(second) == {"pending": 30}
        hub.advance(86400)
        assert most_at_once(calls_of(hub)) == 5
        assert len(calls_of(hub, first)) == 5


def test_campaigns_take_turns_under_an_account_cap(connect):
    limits = {"calls_per_minute": 10}
    with Sandbox(time_scale=Clock.manual(), limits=None, call_limits=limits) as hub:
        http = connect(hub)
        made = [http.create(300, max_concurrent_calls=33) for _ in range(3)]
        for campaign in made:
            http.start(campaign)
        hub.advance(600)
        shares = Counter(e.campaign for e in hub.journal if e.action == "call")
        # The first campaign was started first and used the first minute alone.
        assert sum(shares.values()) == 110
        assert max(shares.values()) - min(shares.values()) <= 11


def test_calls_per_minute_apply_to_every_sliding_minute(connect):
    limits = {"calls_per_minute": 10}
    with Sandbox(time_scale=Clock.manual(), limits=None, call_limits=limits) as hub:
        http = connect(hub)
        campaign = http.create(60, max_concurrent_calls=50)
        http.start(campaign)
        hub.advance(86400)
        begins = [e.time for e in hub.journal if e.action == "call"]
        for first, eleventh in zip(begins, begins[10:], strict=False):
            assert eleventh - first >= timedelta(seconds=60)
        assert http.status(campaign) == "completed"


def test_a_campaign_that_reaches_the_daily_calls_continues_the_next_day(connect):
    limits = {"daily_calls_max": 12}
    with Sandbox(time_scale=Clock.manual(), limits=None, call_limits=limits) as hub:
        http = connect(hub)
        campaign = http.create(20, max_concurrent_calls=10)
        http.start(campaign)
        hub.advance(3600 * 12)
        assert http.status(campaign) == "running"
        assert http.counts(campaign)["pending"] == 8
        assert {c["attempts"] for c in http.contacts(campaign, status="pending")} == {0}
        hub.advance(3600 * 13)
        assert http.status(campaign) == "completed"


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"daily_calls_max": 3}, "Daily call limit reached"),
        ({"daily_minutes_max": 1}, "Daily minute budget exhausted"),
    ],
)
def test_start_and_resume_get_429_without_retry_after_when_a_daily_cap_is_reached(
    connect, limits, text
):
    with Sandbox(time_scale=Clock.manual(), limits=None, call_limits=limits, seed=2) as hub:
        http = connect(hub)
        for n in range(30):
            hub.outcomes[f"+1555{n:07d}"] = "answered"
        first = http.create(30)
        http.start(first)
        hub.advance(600)
        http.act(first, "pause")
        second = http.create(3)
        for response in (http.act(second, "start"), http.act(first, "resume")):
            assert (response.status_code, response.text) == (429, text)
            assert "Retry-After" not in response.headers
            assert response.headers["Content-Type"].startswith("text/plain")
        assert (http.status(second), http.status(first)) == ("draft", "paused")
        hub.advance(86400)
        assert http.act(second, "start").status_code == 200


def test_a_retry_follows_after_retry_delay_seconds_while_attempts_are_left(hub, http):
    hub.outcomes["+15550000000"] = "no_answer"
    campaign = http.create(1, retries_per_contact=2, retry_delay_seconds=60)
    http.start(campaign)
    hub.advance(31)
    waiting = http.contacts(campaign)[0]
    assert (waiting["status"], waiting["attempts"]) == ("pending", 1)
    assert waiting["last_error"] == "no_answer"
    hub.advance(86400)
    calls = calls_of(hub)
    assert [attempt for *_, attempt, _ in calls] == [1, 2, 3]
    for (_, end, *_), (begin, *_) in itertools.pairwise(calls):
        assert begin - end == timedelta(seconds=60)
    last = http.contacts(campaign)[0]
    assert (last["status"], last["attempts"], last["last_error"]) == ("failed", 3, "no_answer")
    assert http.status(campaign) == "completed"


def test_a_contact_reached_by_the_retry_is_completed_without_an_error(hub, http):
    hub.outcomes["+15550000000"] = "busy"
    campaign = http.create(1, retries_per_contact=1, retry_delay_seconds=60)
    http.start(campaign)
    hub.advance(30)
    hub.outcomes["+15550000000"] = "answered"
    hub.advance(600)
    contact = http.contacts(campaign)[0]
    assert (contact["status"], contact["attempts"], contact["last_error"]) == ("completed", 2, None)


@pytest.mark.parametrize("word", WORDS)
def test_fixed_outcomes_apply_to_calls(hub, http, word):
    hub.outcomes["+15550000001"] = word
    campaign = http.create(2)
    http.start(campaign)
    hub.advance(3600)
    contact = http.contacts(campaign)[1]
    reached = word in {"answered", "voicemail"}
    assert contact["status"] == ("completed" if reached else "failed")
    assert contact["last_error"] == (None if reached else word)
    assert [call[4] for call in calls_of(hub) if call[2] == "+15550000001"] == [word]


def test_the_mapping_of_outcomes(hub):
    hub.outcomes["+15550000001"] = "busy"
    assert dict(hub.outcomes) == {"+15550000001": "busy"}
    assert len(hub.outcomes) == 1
    del hub.outcomes["+15550000001"]
    assert "+15550000001" not in hub.outcomes
    with pytest.raises(KeyError):
        del hub.outcomes["+15550000001"]
    with pytest.raises(ValueError, match="answered"):
        hub.outcomes["+15550000001"] = "asleep"


@pytest.mark.parametrize(
    "number",
    [
        "15550100001",
        "0555 0100001",
        "+1 555 010 0001",
        "+1555010000\n",
        "+05550100001",
        "+155501",
        "+1555010000100001",
        "+15550100001 ",
        "*",
        "",
        None,
        15550100001,
    ],
)
def test_an_outcome_for_a_number_that_no_list_can_have_is_refused(hub, number):
    with pytest.raises(ValueError, match=r"an outcome needs a number in E\.164"):
        hub.outcomes[number] = "busy"
    with pytest.raises(ValueError, match=r"E\.164"):
        hub.outcomes.update({"+15550100001": "busy", number: "busy"})
    assert dict(hub.outcomes) == {"+15550100001": "busy"}
    with pytest.raises(KeyError):
        del hub.outcomes[number]


def test_probabilities_and_durations_of_calls():
    drawn = [draw(7, 1, row, 1) for row in range(40_000)]
    share = Counter(WORDS[call.outcome] for call in drawn)
    for word, weight in zip(WORDS, (55, 20, 12, 8, 5), strict=True):
        assert abs(share[word] / 400 - weight) < 1, word
    bounds = {
        "answered": (3, 20),
        "no_answer": (30, 30),
        "voicemail": (20, 28),
        "busy": (2, 4),
        "failed": (1, 2),
    }
    for call in drawn:
        word = WORDS[call.outcome]
        least, most = bounds[word]
        assert least * SECOND <= call.ring <= most * SECOND
        assert call.ring + call.talk <= 200 * SECOND
        if word in {"answered", "voicemail"}:
            assert 3 * SECOND <= call.talk <= 180 * SECOND
        else:
            assert call.talk == 0
    talks = [call.talk / SECOND for call in drawn if WORDS[call.outcome] == "answered"]
    assert abs(statistics.median(talks) - 20) < 1
    assert min(talks) < 4
    assert max(talks) > 170


def outcomes_of(connect, *, steps, clock=None, others=0, **options):
    with Sandbox(
        time_scale=clock or Clock.manual(), limits=None, seed=options.pop("seed", 5)
    ) as hub:
        http = connect(hub)
        campaign = http.create(60, retries_per_contact=2, retry_delay_seconds=60, **options)
        for _ in range(others):
            http.start(http.create(10))
        http.start(campaign)
        if clock is None:
            for step in steps:
                hub.advance(step)
        else:
            with http.client.stream("GET", f"/campaigns/{campaign}/events") as stream:
                assert "event: end" in list(stream.iter_lines())
        return sorted(
            (number, attempt, outcome, round((end - begin).total_seconds(), 2))
            for begin, end, number, attempt, outcome in calls_of(hub, campaign)
        )


def test_steps_speed_and_other_campaigns_do_not_change_a_draw(connect):
    one = outcomes_of(connect, steps=[86400])
    assert outcomes_of(connect, steps=[7] * 300 + [86400]) == one
    assert outcomes_of(connect, steps=[86400], others=4, max_concurrent_calls=2) == one
    assert outcomes_of(connect, steps=[], clock=Clock.scaled(20_000)) == one
    assert outcomes_of(connect, steps=[86400], seed=6) != one


def test_the_campaigns_number_is_part_of_the_draw(hub, http):
    made = [http.create(50) for _ in range(2)]
    for campaign in made:
        http.start(campaign)
    hub.advance(86400)
    first, second = (
        {(c["phone_number"], c["status"], c["last_error"]) for c in http.contacts(campaign)}
        for campaign in made
    )
    assert first != second


def test_the_journal_records_actions_and_calls(hub, http):
    hub.outcomes["+15550000000"] = "busy"
    campaign = http.create(1)
    hub.advance(5)
    http.start(campaign)
    hub.advance(60)
    http.delete(f"/campaigns/{campaign}")
    actions = [(e.action, e.number, e.attempt, e.outcome) for e in hub.journal]
    assert actions == [
        ("create", None, None, None),
        ("start", None, None, None),
        ("call", "+15550000000", 1, None),
        ("call_ended", "+15550000000", 1, "busy"),
        ("complete", None, None, None),
        ("delete", None, None, None),
    ]
    assert {(e.account, e.campaign) for e in hub.journal} == {("sandbox", campaign)}
    times = [e.time for e in hub.journal]
    assert times == sorted(times)
    assert timedelta(0) <= times[2] - times[0] - timedelta(seconds=5) < timedelta(microseconds=2)


@pytest.mark.slow
def test_the_journal_is_read_in_pages_by_other_processes(hub, http):
    campaign = http.create(6000)
    http.start(campaign)
    http.act(campaign, "pause")
    hub.advance(60)
    http.act(campaign, "resume")
    hub.advance(400 * 86400)
    entries, after = [], 0
    while after is not None:
        response = http.client.get(f"{hub.url}/_sandbox/journal?after={after}").json()
        entries += response["entries"]
        after = response["next"]
    assert len(entries) == len(hub.journal) > 10_000
    assert [e["entry"] for e in entries] == list(range(1, len(entries) + 1))
    assert set(entries[0]) == {
        "entry",
        "time",
        "action",
        "account",
        "campaign",
        "number",
        "attempt",
        "outcome",
    }
