"""Which campaign `on_ambiguous="find"` accepts as the one just created: never one that may be another."""

import io
import pickle
from typing import Any

import pytest

from kataven import APIConnectionError, CampaignRunError
from tests.support.clients import Blocking, DrivenClock
from tests.support.paged import PagedHub, json_response
from tests.support.server import hang_up
from tests.support.tables import table

CSV = b"phone_number\n+15550100001\n"
MINE = {
    "id": "c7",
    "name": "Spring",
    "agent_id": "a1",
    "phone_number_id": "p1",
    "status": "draft",
    "max_concurrent_calls": 5,
    "retries_per_contact": 0,
    "retry_delay_seconds": 300,
    "scheduled_at": None,
    "started_at": None,
}
OTHERS = [{"id": f"o{number}", "name": "Other"} for number in range(50)]


def create(caller: Blocking, hub: PagedHub, method: str = "create", **options: Any) -> Any:
    client = caller.client(hub, clock=DrivenClock())
    call = getattr(client.campaigns, method)
    contacts = io.BytesIO(CSV)
    return caller.call(
        lambda: call(
            "Spring", "a1", "p1", contacts, on_ambiguous="find", find_timeout=10, **options
        )
    )


def shows(hub: PagedHub, *rows: dict[str, Any]) -> None:
    """Lose the response to the create; only after it the list shows these."""
    hub.respond(json_response({"campaigns": []}), hang_up)
    hub.campaigns = lambda: list(rows)


NOT_MINE: dict[str, dict[str, Any]] = {
    "it is paused": {"status": "paused"},
    "it runs": {"status": "running"},
    "it has finished": {"status": "completed"},
    "an unknown status": {"status": ["draft"]},
    "it was started once": {"started_at": "2020-01-01T00:00:00Z"},
    "its calls at once": {"max_concurrent_calls": 50},
    "its retries": {"retries_per_contact": 2},
    "its pause": {"retry_delay_seconds": 60},
    "it has a time": {"status": "scheduled", "scheduled_at": "2030-01-31T09:00:00Z"},
}


@table("other", NOT_MINE)
def test_another_campaign_is_never_returned(caller: Blocking, hub: PagedHub, other: str) -> None:
    shows(hub, {**MINE, **NOT_MINE[other]})
    with pytest.raises(APIConnectionError) as caught:
        create(caller, hub)
    assert caught.value.request_sent is True


@table("other", NOT_MINE)
def test_run_never_starts_another_campaign(caller: Blocking, hub: PagedHub, other: str) -> None:
    shows(hub, {**MINE, **NOT_MINE[other]})
    with pytest.raises(APIConnectionError):
        create(caller, hub, "run")
    assert [line for line in hub.lines if line.startswith("POST")] == ["POST /campaigns"]


@table("other", NOT_MINE)
def test_other_campaigns_do_not_hide_it(caller: Blocking, hub: PagedHub, other: str) -> None:
    shows(hub, {**MINE, "id": "c6", **NOT_MINE[other]}, MINE)
    assert create(caller, hub) == MINE


@pytest.mark.parametrize("lean", [{"status": None}, {"max_concurrent_calls": None}])
def test_fields_that_the_hub_does_not_show_do_not_contradict(
    caller: Blocking, hub: PagedHub, lean: dict[str, Any]
) -> None:
    shows(hub, {**MINE, **lean})
    assert create(caller, hub)["id"] == "c7"
    shows(hub, {key: MINE[key] for key in ("id", "name", "agent_id", "phone_number_id")})
    assert create(caller, hub)["id"] == "c7"


@table(
    "shown, found",
    [
        ("2030-01-31T09:00:00.400Z", True),
        ("2030-01-31T10:00:00+01:00", True),
        ("2030-01-31T09:00:00", True),
        ("tomorrow", True),
        (None, True),
        ("2030-01-31T10:00:00Z", False),
    ],
)
def test_times_are_compared_where_they_can_be(
    caller: Blocking, hub: PagedHub, shown: Any, found: bool
) -> None:
    shows(hub, {**MINE, "status": "scheduled", "scheduled_at": shown})
    when = "2030-01-31T09:00:00Z"
    if found:
        assert create(caller, hub, scheduled_at=when)["id"] == "c7"
        return
    with pytest.raises(APIConnectionError):
        create(caller, hub, scheduled_at=when)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_list_shorter_than_its_total_proves_nothing(
    caller: Blocking, hub: PagedHub, when: str
) -> None:
    incomplete = json_response({"campaigns": [*OTHERS[1:], MINE], "total": 51})
    complete = json_response({"campaigns": OTHERS[1:], "total": 49})
    if when == "before":
        hub.respond(json_response({"campaigns": OTHERS, "total": 51}), hang_up, incomplete)
    else:
        hub.respond(complete, hang_up, incomplete)
    with pytest.raises(APIConnectionError, match=f"{when}.*50.*51"):
        create(caller, hub)


@table("total", [50, 3, None, "many", True])
def test_other_totals_are_ignored(caller: Blocking, hub: PagedHub, total: Any) -> None:
    hub.respond(
        json_response({"campaigns": OTHERS[1:], "total": 49}),
        hang_up,
        json_response({"campaigns": [*OTHERS[1:], MINE], "total": total}),
    )
    assert create(caller, hub) == MINE


@pytest.mark.parametrize("sent", [None, True, False])
def test_an_error_of_a_run_may_say_what_was_sent(sent: bool | None) -> None:
    error = CampaignRunError("x", campaign_id="c1", step="start", request_sent=sent)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.campaign_id, copy.step, copy.request_sent) == ("c1", "start", sent)
    assert CampaignRunError("x", campaign_id="c1", step="watch").request_sent is None
