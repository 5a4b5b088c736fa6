"""Which numbers the page says were called twice: not those of a retry or of a second round."""

from __future__ import annotations

import pytest

from kataven.sandbox.model.calls import CallRow
from kataven.sandbox.page.twice import Twice

NUMBER = "+15550100001"


def call(campaign, attempt, started, ended=None, outcome=None):
    return CallRow(NUMBER, attempt, started, campaign, "acme", ended, outcome)


FAILED = call("a", 1, 0, 1, "busy")
REACHED = call("a", 1, 0, 1, "answered")


@pytest.mark.parametrize(
    ("calls", "campaigns"),
    [
        pytest.param([FAILED, call("a", 2, 5)], None, id="retry"),
        pytest.param([FAILED, call("b", 1, 1)], None, id="second round"),
        pytest.param(
            [FAILED, call("b", 1, 2, 3, "no_answer"), call("b", 2, 4, 5, "failed"), call("c", 1, 6)],
            None,
            id="third round",
        ),
        pytest.param([FAILED, call("a", 1, 2)], ["a", "a"], id="two rows of a list"),
        pytest.param([REACHED, call("b", 1, 2)], ["a", "b"], id="after it was reached"),
        pytest.param(
            [call("a", 1, 0, 1, "voicemail"), call("b", 1, 2)], ["a", "b"], id="after voicemail"
        ),
        pytest.param([call("a", 1, 0), call("b", 1, 2)], ["a", "b"], id="in flight"),
        pytest.param([call("a", 1, 0, 3, "busy"), call("b", 1, 2)], ["a", "b"], id="during a call"),
        pytest.param(
            [FAILED, call("b", 1, 2, 3, "busy"), call("a", 2, 4)], ["b", "a"], id="between attempts"
        ),
        pytest.param(
            [REACHED, call("b", 1, 2, 3, "busy"), call("c", 1, 4)], ["a", "b", "c"], id="three"
        ),
    ],
)  # fmt: skip
def test_calls_of_one_number(calls, campaigns):
    twice = Twice()
    known = []
    for each in calls:
        # As the page reads them, while they come.
        known.append(each)
        twice.read(known)
    found = Twice()
    found.read(calls)

    assert twice.numbers == found.numbers == ({} if campaigns is None else {NUMBER: campaigns})


def test_second_rounds_are_counted_and_a_reset_hub_begins_again():
    twice = Twice()
    twice.read([FAILED, call("b", 1, 2)])
    assert twice.second_rounds == {NUMBER}
    twice.read([FAILED])
    assert (twice.second_rounds, twice.numbers) == (set(), {})
