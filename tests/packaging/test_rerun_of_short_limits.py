"""A test of a short limit runs again with a longer one, and fails if that does not help."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"

TESTS = """
    import pytest

    made = []

    @pytest.fixture
    def fresh():
        made.append([])
        return made[-1]

    def test_in_time(brief, fresh):
        assert brief(0.5) == 0.5

    def test_late_once(brief, fresh):
        assert fresh == []
        fresh.append(1)
        assert brief(0.5) == 3

    def test_wrong(brief):
        assert brief(0.5) < 0

    def test_each_round_has_new_fixtures():
        assert len(made) == 3

    def test_without_a_limit():
        pytest.fail("which is not run again")
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_a_round_that_failed_is_reported_and_only_the_last_one_counts(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(TESTS)

    result = pytester.runpytest_subprocess(*workers)

    outcomes = result.parseoutcomes()
    assert {name: outcomes.get(name) for name in ("passed", "failed", "rerun")} == {
        "passed": 3,
        "failed": 2,
        "rerun": 3,
    }
    result.stdout.fnmatch_lines(["FAILED *test_wrong*", "FAILED *test_without_a_limit*"])
