"""The estimate: its arithmetic, and whether the embedded dialler stays within it."""

import httpx
import pytest
from dateutil.parser import isoparse as parse

from kataven import contacts
from kataven.contacts._estimate import Estimate
from kataven.sandbox import Clock, Sandbox
from kataven.sandbox.model.outcomes import REACHED, draw
from tests.support.patience import PATIENCE

# Statistics of the embedded dialler's calls, with a seed that no test below uses.
DRAWN = [draw(99, 1, row, 1) for row in range(20_000)]
MEAN_SECONDS = sum(call.ring + call.talk for call in DRAWN) / len(DRAWN) / 1e9
ANSWER_RATE = sum(call.outcome in REACHED for call in DRAWN) / len(DRAWN)


def test_without_retries_each_contact_is_called_once() -> None:
    found = contacts.estimate(1_000)
    assert found.calls == (1_000, 1_000)
    low, high = found.duration
    assert low < 1_000 * 35 / 5 < high
    assert high < 1.2 * 1_000 * 35 / 5


def test_every_retry_is_made_if_no_one_answers_and_none_if_everyone_does() -> None:
    assert contacts.estimate(10, answer_rate=0, retries_per_contact=3).calls == (40, 40)
    assert contacts.estimate(10, answer_rate=1, retries_per_contact=3).calls == (10, 10)


def test_retries_follow_the_sum_of_a_geometric_series() -> None:
    # 1 + 1/2 + 1/4 attempts if half the calls are answered.
    low, high = contacts.estimate(10_000, answer_rate=0.5, retries_per_contact=2).calls
    assert low < 17_500 < high
    assert high - low < 0.05 * 17_500


def test_the_delay_of_nearly_certain_retries_is_a_lower_bound() -> None:
    found = contacts.estimate(
        1_000, max_concurrent_calls=1_000, retries_per_contact=2, retry_delay_seconds=600
    )
    assert found.duration[0] >= 1_200


def test_limits_of_the_account_extend_the_duration() -> None:
    slow = contacts.estimate(600, calls_per_minute=1)
    assert slow.duration[0] >= 599 * 60
    days = contacts.estimate(5_000, max_concurrent_calls=100, daily_calls_max=1_000)
    assert days.duration[0] >= 3 * 86_400
    assert 4 * 86_400 <= days.duration[1] < 5 * 86_400


def test_reports_count_as_their_rows() -> None:
    data = b"phone_number\n+14155550100\n+14155550101\n12\n"
    assert contacts.estimate(contacts.check(data)).contacts == 3
    with contacts.clean(data) as cleaned:
        assert contacts.estimate(cleaned.report).contacts == 2


def test_no_contacts_take_no_time() -> None:
    assert contacts.estimate(0) == Estimate(0, (0, 0), (0.0, 0.0))
    assert contacts.estimate(0).summary() == "0 contacts: 0 to 0 calls in 0 s to 0 s"


@pytest.mark.parametrize(
    "options",
    [
        {"max_concurrent_calls": 0},
        {"retries_per_contact": -1},
        {"retry_delay_seconds": -1},
        {"calls_per_minute": 0},
        {"daily_calls_max": 0},
        {"answer_rate": 1.1},
        {"average_call_seconds": 0},
    ],
)
def test_numbers_out_of_range_are_refused_by_name(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        contacts.estimate(10, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rows"):
        contacts.estimate(-1)


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (400, {}),
        (40, {"max_concurrent_calls": 20}),
        (1, {}),
        (300, {"max_concurrent_calls": 10, "retries_per_contact": 2, "retry_delay_seconds": 600}),
        (300, {"max_concurrent_calls": 50, "retries_per_contact": 5, "retry_delay_seconds": 60}),
        (300, {"max_concurrent_calls": 50, "calls_per_minute": 20}),
        (300, {"max_concurrent_calls": 5, "calls_per_minute": 9, "retries_per_contact": 1}),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.slow
def test_the_embedded_dialler_stays_within_the_estimate(
    rows: int, options: dict[str, int], seed: int
) -> None:
    found = contacts.estimate(
        rows,
        average_call_seconds=MEAN_SECONDS,
        answer_rate=ANSWER_RATE,
        **options,  # type: ignore[arg-type]
    )
    calls, seconds = dialled(rows, dict(options), seed)
    assert found.calls[0] <= calls <= found.calls[1]
    assert found.duration[0] <= seconds <= found.duration[1]


def dialled(rows: int, options: dict[str, int], seed: int) -> tuple[int, float]:
    """Run a campaign on an embedded Hub; return its calls and its duration in Hub seconds."""
    caps = {"calls_per_minute": options.pop("calls_per_minute", 6_000)}
    data = "phone_number\n" + "".join(f"+1415555{n:04d}\n" for n in range(rows))
    with (
        Sandbox(time_scale=Clock.manual(), seed=seed, limits=None, call_limits=caps) as hub,
        httpx.Client(
            base_url=f"{hub.url}/api/v1",
            headers={"Authorization": f"Bearer {hub.api_key}"},
            trust_env=False,
            timeout=PATIENCE,
        ) as client,
    ):
        form = {"name": "n", "agent_id": "a", "phone_number_id": "p"}
        form.update({name: str(value) for name, value in options.items()})
        made = client.post("/campaigns", data=form, files={"contacts": data.encode()})
        path = f"/campaigns/{made.raise_for_status().json()['id']}"
        client.post(f"{path}/start").raise_for_status()
        campaign = client.get(path).json()
        for _ in range(200):
            hub.advance(3_600)
            campaign = client.get(path).json()
            if campaign["status"] == "completed":
                break
        started, ended = (parse(campaign[name]) for name in ("started_at", "completed_at"))
        calls = 0
        for page in range(-(-rows // 100)):
            response = client.get(f"{path}/contacts", params={"page": page}).json()
            calls += sum(contact["attempts"] for contact in response["contacts"])
    return calls, (ended - started).total_seconds()
