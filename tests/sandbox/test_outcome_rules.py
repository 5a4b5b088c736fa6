"""Outcomes by number, pattern and function, and scripts of successive attempts."""

from __future__ import annotations

import logging
import threading

import pytest

from kataven.sandbox import Clock, NewCall, Sandbox


def outcomes_of(hub, http, count=4, **fields):
    campaign = http.create(count, **fields)
    http.start(campaign)
    hub.run_to_end(campaign)
    return [(call.number[-1], call.attempt, call.outcome) for call in hub.calls(campaign)]


def test_a_number_comes_before_patterns_and_the_first_pattern_counts(hub, http):
    hub.outcomes["+1555000000?"] = "busy"
    hub.outcomes["+1555000000*"] = "failed"
    hub.outcomes["+15550000001"] = "answered"
    hub.outcomes["+*2"] = "voicemail"

    assert outcomes_of(hub, http, 3) == [
        ("0", 1, "busy"),
        ("1", 1, "answered"),
        ("2", 1, "busy"),
    ]


def test_a_pattern_matches_the_entire_number(hub, http):
    hub.outcomes["+1555*1"] = "busy"
    hub.outcomes["+155?"] = "failed"
    hub.outcomes["+*"] = "voicemail"

    assert [outcome for *_, outcome in outcomes_of(hub, http, 3)] == [
        "voicemail",
        "busy",
        "voicemail",
    ]


def test_a_function_sees_the_call_in_the_thread_of_the_hub(hub, http):
    seen, threads = [], set()

    def outcome(call):
        seen.append(call)
        threads.add(threading.current_thread().name)
        return "busy" if call.attempt == 1 else "answered"

    hub.outcomes["+15550000000"] = outcome
    hub.outcomes["+*"] = "answered"

    assert outcomes_of(hub, http, 2, retries_per_contact=1) == [
        ("0", 1, "busy"),
        ("1", 1, "answered"),
        ("0", 2, "answered"),
    ]
    campaign = hub.journal[0].campaign
    assert seen == [NewCall("+15550000000", n, campaign, "sandbox") for n in (1, 2)]
    assert threads == {"kataven-sandbox"}


def test_none_leaves_the_call_to_the_next_rule_and_then_to_the_draw(hub, http):
    drawn = {number: outcome for number, _, outcome in outcomes_of(hub, http, 4)}
    with Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as other:
        other.outcomes["+15550000000"] = lambda call: None
        other.outcomes["+*"] = lambda call: None
        other.outcomes["+*00"] = "failed"
        other_http = type(http)(other)
        ruled = {number: outcome for number, _, outcome in outcomes_of(other, other_http, 4)}
        other_http.client.close()

    assert drawn["0"] != "failed"
    assert ruled == {**drawn, "0": "failed"}


def test_a_script_gives_successive_attempts_their_outcomes(hub, http):
    hub.script("+15550000000", ["busy", "no_answer", "answered"])
    hub.script("+*1", ["failed"])
    hub.outcomes["+*"] = "busy"

    calls = outcomes_of(hub, http, 2, retries_per_contact=5)

    assert [outcome for number, _, outcome in calls if number == "0"] == [
        "busy",
        "no_answer",
        "answered",
    ]
    # Attempts after the script are left to the next rule.
    assert [outcome for number, _, outcome in calls if number == "1"] == ["failed"] + ["busy"] * 5


@pytest.mark.parametrize("words", [[], "busy", ["engaged"], ["busy", 3]])
def test_a_script_that_is_no_list_of_outcomes_is_refused(hub, words):
    with pytest.raises(ValueError, match="outcome"):
        hub.script("+15550000000", words)


@pytest.mark.parametrize("key", ["", "*", "1555*", "+", "+1555*x", "+1555[0-9]", None, 5])
def test_a_key_that_is_neither_a_number_nor_a_pattern_is_refused(hub, key):
    with pytest.raises(ValueError, match=r"or a pattern with \* for any digits"):
        hub.outcomes[key] = "busy"


def test_outcomes_are_a_mapping_of_all_rules(hub):
    def function(call):
        return "busy"

    hub.outcomes.update({"+15550000000": "busy", "+1555*": "failed", "+15550000001": function})

    assert dict(hub.outcomes) == {
        "+15550000000": "busy",
        "+15550000001": function,
        "+1555*": "failed",
    }
    hub.outcomes["+15550000000"] = function
    hub.outcomes["+15550000001"] = "answered"
    assert hub.outcomes["+15550000000"] is function
    assert hub.outcomes["+15550000001"] == "answered"
    for key in list(hub.outcomes):
        del hub.outcomes[key]
    assert len(hub.outcomes) == 0
    with pytest.raises(KeyError):
        del hub.outcomes["+1555*"]


def test_only_words_of_numbers_are_stored(tmp_path):
    with Sandbox(path=tmp_path / "hub.db") as hub:
        hub.outcomes["+15550000000"] = "busy"
        hub.outcomes["+15550000001"] = "busy"
        hub.outcomes["+15550000001"] = lambda call: "failed"
        hub.outcomes["+1555*"] = "failed"
    with Sandbox(path=tmp_path / "hub.db") as hub:
        assert dict(hub.outcomes) == {"+15550000000": "busy"}


@pytest.mark.parametrize("returned", ["engaged", 3, ZeroDivisionError])
def test_a_function_that_fails_is_an_error_of_the_advance(hub, http, caplog, returned):
    def outcome(call):
        return 1 / 0 if returned is ZeroDivisionError else returned

    hub.outcomes["+*"] = outcome
    campaign = http.create(2)

    with caplog.at_level(logging.CRITICAL, "kataven.sandbox"):
        http.start(campaign)
    with pytest.raises(RuntimeError, match=r"hub.outcomes\['\+\*'\] failed for attempt 1 to \+1"):
        hub.advance(1)

    del hub.outcomes["+*"]
    assert hub.run_to_end(campaign)["status"] == "completed"
    hub.assert_called_once_each()
