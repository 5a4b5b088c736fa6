"""Random sequences of actions and clock steps, checked against a model of the Hub."""

import ssl

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE

TLS = ssl.create_default_context()
CONCURRENT_MAX = 8
PER_MINUTE = 12
STATUSES = {"pending", "in_progress", "completed", "failed", "cancelled"}
TARGET = {
    ("draft", "start"): "running",
    ("scheduled", "start"): "running",
    ("paused", "start"): "running",
    ("running", "pause"): "paused",
    ("paused", "resume"): "running",
    ("draft", "stop"): "completed",
    ("scheduled", "stop"): "completed",
    ("running", "stop"): "completed",
    ("paused", "stop"): "completed",
}


class HubModel(RuleBasedStateMachine):
    """A Hub, and what must be true of it."""

    campaigns = Bundle("campaigns")

    def __init__(self):
        super().__init__()
        self.hub = Sandbox(
            time_scale=Clock.manual(),
            seed=11,
            limits=None,
            call_limits={"concurrent_max": CONCURRENT_MAX, "calls_per_minute": PER_MINUTE},
        )
        self.client = None
        self.known = {}
        self.quiet_since = {}
        self.numbers = 0

    @initialize()
    def begin(self):
        self.hub.start()
        self.client = httpx.Client(
            base_url=self.hub.url + "/v1",
            headers={"Authorization": f"Bearer {self.hub.api_key}"},
            timeout=PATIENCE,
            trust_env=False,
            verify=TLS,
        )

    def teardown(self):
        if self.client is not None:
            self.client.close()
        self.hub.close()

    @rule(
        target=campaigns,
        size=st.integers(1, 12),
        concurrent=st.integers(1, 6),
        retries=st.integers(0, 2),
        delay=st.sampled_from([60, 90]),
        scheduled=st.booleans(),
    )
    def create(self, size, concurrent, retries, delay, scheduled):
        rows = [f"+1555{self.numbers + n:07d}" for n in range(size)]
        self.numbers += size
        form = {"name": "n", "agent_id": "a", "phone_number_id": "p"}
        form |= {"max_concurrent_calls": concurrent, "retries_per_contact": retries}
        form |= {"retry_delay_seconds": delay}
        if scheduled:
            form["scheduled_at"] = "2100-01-01T00:00:00Z"
        files = {"contacts": ("c.csv", "\n".join(["phone_number", *rows]).encode())}
        response = self.client.post("/campaigns", data=form, files=files)
        assert response.status_code == 201
        campaign = response.json()
        assert campaign["status"] == ("scheduled" if scheduled else "draft")
        self.known[campaign["id"]] = {"size": size, "concurrent": concurrent, "retries": retries}
        return campaign["id"]

    @rule(campaign=campaigns, action=st.sampled_from(["start", "start", "pause", "resume", "stop"]))
    def act(self, campaign, action):
        before = self.client.get(f"/campaigns/{campaign}").json()["status"]
        used = self.budget()
        response = self.client.post(f"/campaigns/{campaign}/{action}")
        target = TARGET.get((before, action))
        if target is None:
            assert (response.status_code, before in response.text) == (409, True)
            return
        over = used + self.known[campaign]["concurrent"] > CONCURRENT_MAX
        if target == "running" and over:
            assert (response.status_code, "budget" in response.text) == (409, True)
            return
        assert (response.status_code, response.json()["status"]) == (200, target)
        if target == "running":
            self.quiet_since.pop(campaign, None)
        else:
            self.quiet_since[campaign] = self.hub.now()

    @rule(campaign=campaigns)
    def fail(self, campaign):
        if self.client.get(f"/campaigns/{campaign}").json()["status"] == "running":
            self.hub.fail(campaign)
            self.quiet_since[campaign] = self.hub.now()

    @rule(campaign=consumes(campaigns))
    def delete(self, campaign):
        running = self.client.get(f"/campaigns/{campaign}").json()["status"] == "running"
        response = self.client.delete(f"/campaigns/{campaign}")
        assert response.status_code == (409 if running else 204)
        self.quiet_since[campaign] = self.hub.now()
        if running:
            self.hub.fail(campaign)
            assert self.client.delete(f"/campaigns/{campaign}").status_code == 204
        del self.known[campaign]

    @rule(seconds=st.one_of(st.floats(0, 5), st.integers(10, 400), st.just(86400)))
    def advance(self, seconds):
        self.hub.advance(seconds)

    @rule(number=st.integers(0, 60), word=st.sampled_from(["busy", "answered", "no_answer"]))
    def fix(self, number, word):
        self.hub.outcomes[f"+1555{number:07d}"] = word

    def budget(self):
        listed = self.client.get("/campaigns").json()["campaigns"]
        return sum(c["max_concurrent_calls"] for c in listed if c["status"] == "running")

    @invariant()
    def contacts_add_up(self):
        if self.client is None:
            return
        listed = {c["id"]: c for c in self.client.get("/campaigns").json()["campaigns"]}
        assert set(listed) == set(self.known)
        assert self.budget() <= CONCURRENT_MAX
        for campaign, facts in self.known.items():
            contacts = self.client.get(f"/campaigns/{campaign}/contacts").json()["contacts"]
            assert len(contacts) == facts["size"]
            assert {c["status"] for c in contacts} <= STATUSES
            in_progress = sum(c["status"] == "in_progress" for c in contacts)
            assert in_progress <= facts["concurrent"]
            by_filter = [
                self.client.get(f"/campaigns/{campaign}/contacts?status={s}").json()["total"]
                for s in STATUSES
            ]
            assert sum(by_filter) == facts["size"]
            for contact in contacts:
                assert contact["attempts"] <= 1 + facts["retries"]
                if contact["status"] in {"completed", "failed", "in_progress"}:
                    assert contact["attempts"] >= 1
            status = listed[campaign]["status"]
            if status == "completed":
                assert all(c["status"] != "pending" for c in contacts)
            if status in {"draft", "scheduled"}:
                assert all(c["status"] == "pending" and not c["attempts"] for c in contacts)

    @invariant()
    def calls_keep_the_caps(self):
        if self.client is None:
            return
        open_calls, per_campaign, begins = set(), {}, []
        for entry in self.hub.journal:
            if entry.action == "call":
                assert entry.number not in open_calls
                open_calls.add(entry.number)
                per_campaign[entry.campaign] = per_campaign.get(entry.campaign, 0) + 1
                begins.append(entry.time)
                assert len(open_calls) <= CONCURRENT_MAX
                quiet = self.quiet_since.get(entry.campaign)
                assert quiet is None or entry.time <= quiet
                if entry.campaign in self.known:
                    limit = self.known[entry.campaign]["concurrent"]
                    assert per_campaign[entry.campaign] <= limit
            elif entry.action == "call_ended":
                open_calls.remove(entry.number)
                per_campaign[entry.campaign] -= 1
        for first, later in zip(begins, begins[PER_MINUTE:], strict=False):
            assert (later - first).total_seconds() >= 60 - 1e-5


def run(examples, steps):
    run_state_machine_as_test(
        HubModel,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_random_sequences_keep_the_invariants():
    run(3, 20)


@pytest.mark.slow
def test_more_random_sequences_keep_the_invariants():
    run(15, 25)


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_many_random_sequences_keep_the_invariants():
    run(150, 40)
