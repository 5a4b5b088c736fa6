"""The marker, faults that never fire, and what a failed test shows, in real runs of pytest."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_the_marker_sets_the_hub(run):
    result = run(
        """
        import pytest

        from kataven.sandbox import Fault

        pytestmark = pytest.mark.kataven(seed=7, call_limits={"concurrent_max": 10})
        FAULT = Fault("GET /campaigns", status=503, retry_after=1)


        @pytest.mark.kataven(
            outcomes={"+1*": "busy", "+12015550100": lambda call: "answered"},
            faults=[{"match": "GET /campaigns/*", "status": 500}],
        )
        def test_outcomes_and_faults(kataven_hub, kataven_client, kataven_contacts):
            campaign = kataven_client.campaigns.create(
                name="n", agent_id="a", phone_number_id="p", contacts=kataven_contacts(2)
            )
            kataven_client.campaigns.start(campaign["id"])
            kataven_hub.run_to_end(campaign["id"])
            assert [call.outcome for call in kataven_hub.calls()] == ["answered", "busy"]
            kataven_client.campaigns.get(campaign["id"])
            assert [request.status for request in kataven_hub.requests][-2:] == [500, 200]


        @pytest.mark.parametrize("number", range(2))
        @pytest.mark.kataven(faults=[FAULT])
        def test_a_fault_of_several_tests_counts_for_each(kataven_client, number):
            kataven_client.campaigns.list()
            assert FAULT.used == 0


        class TestClosest:
            pytestmark = pytest.mark.kataven(call_limits={"concurrent_max": 20})

            @pytest.mark.kataven(call_limits={"concurrent_max": 30})
            def test_the_closest_marker_counts(self, kataven_client):
                assert kataven_client.call_limits()["concurrent_max"] == 30

            def test_that_of_the_class(self, kataven_client):
                assert kataven_client.call_limits()["concurrent_max"] == 20


        def test_that_of_the_module(kataven_client):
            assert kataven_client.call_limits()["concurrent_max"] == 10


        def test_a_test_of_the_module_without_a_hub():
            pass
        """
    )

    result.assert_outcomes(passed=7)


@pytest.mark.slow
def test_a_marker_that_is_wrong_is_an_error(run):
    result = run(
        """
        import pytest


        @pytest.mark.kataven(fault=[])
        def test_a_misspelt_option(kataven_hub):
            pass


        @pytest.mark.kataven(speed=60)
        def test_the_name_of_the_command_line(kataven_hub):
            pass


        @pytest.mark.kataven(7)
        def test_a_positional_argument(kataven_hub):
            pass


        @pytest.mark.kataven(seed=7)
        def test_no_fixture():
            pass


        @pytest.mark.kataven(limits={"per_second": 1})
        def test_a_wrong_value(kataven_hub):
            pass


        @pytest.mark.kataven(faults=[{"match": "GET /campaign", "status": 503}])
        def test_a_fault_that_cannot_fire(kataven_hub):
            pass


        @pytest.mark.kataven(faults=[{"match": "GET /campaigns", "state": 503}])
        def test_an_unknown_argument_of_a_fault(kataven_hub):
            pass


        @pytest.mark.kataven(outcomes={"+12015550100": "engaged"})
        def test_a_wrong_outcome(kataven_hub):
            pass


        @pytest.mark.kataven(outcomes=["busy"])
        def test_outcomes_of_the_wrong_type(kataven_hub):
            pass


        @pytest.mark.kataven(faults={"match": "GET /campaigns", "status": 503})
        def test_one_fault_that_is_not_in_a_list(kataven_hub):
            pass
        """
    )

    result.assert_outcomes(errors=10)
    names = "the options are seed, time_scale, limits, call_limits, outcomes, faults"
    result.stdout.fnmatch_lines_random(
        [
            f"*@pytest.mark.kataven: unknown option 'fault' (did you mean 'faults'?); {names}*",
            "*unknown option 'speed' (did you mean 'time_scale'?)*",
            "*@pytest.mark.kataven: pass its options by name*",
            "*it has no effect, because the test uses none of *kataven_hub*",
            "*@pytest.mark.kataven: limits: unknown limit 'per_second'*",
            "*match 'GET /campaign' can never match a request*",
            "*unexpected keyword argument 'state'*",
            "*an outcome is one of *, not 'engaged'*",
            "*outcomes must be a dict *",
            "*faults must be a list of faults*",
        ]
    )


@pytest.mark.slow
def test_a_fault_that_never_fired_fails_the_test(run):
    result = run(
        """
        import pytest


        def test_unused(kataven_hub):
            kataven_hub.faults.add("POST /campaigns", reset="after", times=2)


        @pytest.mark.kataven(faults=[{"match": "GET /campaigns", "status": 503, "after": 5}])
        def test_unused_of_the_marker(kataven_client):
            kataven_client.campaigns.list()


        def test_allowed(kataven_hub):
            kataven_hub.faults.add("POST /campaigns", reset="after", allow_unused=True)


        def test_cleared(kataven_hub):
            kataven_hub.faults.add("POST /campaigns", reset="after")
            kataven_hub.faults.clear()


        def test_skipped(kataven_hub):
            kataven_hub.faults.add("POST /campaigns", reset="after")
            pytest.skip("before the request")


        def test_failed(kataven_hub):
            kataven_hub.faults.add("POST /campaigns", reset="after")
            assert False, "one failure is enough"
        """
    )

    result.assert_outcomes(passed=4, errors=2, skipped=1, failed=1)
    result.stdout.fnmatch_lines_random(
        [
            "*Scripted faults that never fired:*",
            "*'POST /campaigns', times=2, reset='after' (matching requests: 0)*",
            "*'GET /campaigns', after=5, status=503 (matching requests: 1)*",
        ]
    )


@pytest.mark.slow
def test_a_failed_test_shows_the_end_of_the_journal_and_the_requests(run):
    module = """
        def test_one(kataven_hub, kataven_client, kataven_contacts):
            campaign = kataven_client.campaigns.create(
                name="n", agent_id="a", phone_number_id="p", contacts=kataven_contacts(20)
            )
            kataven_client.campaigns.start(campaign["id"])
            kataven_hub.run_to_end(campaign["id"])
            list(kataven_client.campaigns.iter_contacts(campaign["id"], status="failed"))
            kataven_hub.faults.add("GET /campaigns", reset="before")
            kataven_client.campaigns.list()
            assert RESULT
        """
    failed = run(module.replace("RESULT", "False"))
    failed.assert_outcomes(failed=1)
    shown = failed.stdout.str()
    journal, _, requests = shown.partition("kataven Hub: journal")[2].partition(
        "kataven Hub: requests"
    )
    entries = [line for line in journal.splitlines() if " camp_" in line]
    # create, start, 20 calls that begin and end, complete.
    assert len(entries) == 30
    assert "... 13 earlier lines" in journal
    assert " complete camp_" in entries[-1]
    asked = [line.split(" ", 1)[1] for line in requests.splitlines() if " -> " in line]
    assert asked[0] == "POST /campaigns -> 201 (sandbox)"
    assert asked[1].endswith("/start -> 200 (sandbox)")
    assert "/contacts?" in asked[2]
    assert "status=failed" in asked[2]
    assert asked[-2:] == [
        "GET /campaigns -> no response (sandbox)",
        "GET /campaigns -> 200 (sandbox)",
    ]

    passed = run(module.replace("RESULT", "True"))
    passed.assert_outcomes(passed=1)
    assert "kataven Hub:" not in passed.stdout.str()
