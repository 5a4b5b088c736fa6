"""kill -9 loses no acknowledged write, and a restart continues running campaigns."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading

import httpx
import pytest

from tests.support.patience import PATIENCE

AFTER = {"start": "running", "pause": "paused", "resume": "running", "stop": "completed"}


class Process:
    """A Hub in a process of its own."""

    def __init__(self, path):
        command = [sys.executable, "-m", "kataven.sandbox", "--path", str(path), "--seed", "4"]
        command += ["--time-scale", "300", "--limits", "none"]
        command += ["--call-limits", '{"concurrent_max": 100000}']
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = json.loads(self.process.stdout.readline())
        self.client = httpx.Client(
            base_url=line["url"],
            headers={"Authorization": f"Bearer {line['api_key']}"},
            timeout=PATIENCE,
            trust_env=False,
        )

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)

    def end(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.client.close()


class Ledger:
    """What a client knows about its campaigns from the responses it got."""

    def __init__(self):
        self.statuses = {}
        self.sizes = {}
        self.last_number = 0
        self.acknowledged = 0

    def create(self, hub, chance):
        size = chance.randint(1, 250)
        rows = [f"+1555{self.last_number + n:07d},x" for n in range(size)]
        self.last_number += size
        response = hub.client.post(
            "/v1/campaigns",
            data={
                "name": "n",
                "agent_id": "a",
                "phone_number_id": "p",
                "retries_per_contact": 1,
                "retry_delay_seconds": 60,
                "max_concurrent_calls": 50,
            },
            files={"contacts": ("c.csv", "\n".join(["phone_number,x", *rows]).encode())},
        )
        assert response.status_code == 201, response.text
        campaign = response.json()["id"]
        self.statuses[campaign] = {"draft"}
        self.sizes[campaign] = size

    def act(self, hub, chance):
        campaign = chance.choice(list(self.statuses))
        action = chance.choice(["start", "start", "pause", "resume", "stop", "delete"])
        before = self.statuses[campaign]
        # Until the response arrives, the campaign may have the old status or the new one.
        after = {"gone"} if action == "delete" else {AFTER[action]}
        self.statuses[campaign] = before | after
        path = f"/v1/campaigns/{campaign}"
        response = (
            hub.client.delete(path) if action == "delete" else hub.client.post(f"{path}/{action}")
        )
        if response.status_code in {200, 204}:
            self.statuses[campaign] = after
        else:
            assert response.status_code in {404, 409}, response.text
            self.statuses[campaign] = before

    def check(self, hub):
        listed = {c["id"]: c["status"] for c in hub.client.get("/v1/campaigns").json()["campaigns"]}
        for campaign, possible in self.statuses.items():
            allowed = possible | ({"completed"} if "running" in possible else set())
            assert listed.get(campaign, "gone") in allowed, (campaign, allowed)
            if campaign in listed:
                page = hub.client.get(f"/v1/campaigns/{campaign}/contacts").json()
                assert page["total"] == self.sizes[campaign]
            self.statuses[campaign] = {listed.get(campaign, "gone")}


def journal_of(hub):
    entries, after = [], 0
    while after is not None:
        response = hub.client.get("/_sandbox/journal", params={"after": after}).json()
        entries += response["entries"]
        after = response["next"]
    return entries


def check_calls(entries):
    """Each number is in one campaign: attempts count up, and a call ends before the next begins."""
    open_calls, attempts = set(), {}
    for entry in entries:
        number = entry["number"]
        if entry["action"] == "call":
            assert number not in open_calls
            open_calls.add(number)
            assert entry["attempt"] == attempts.get(number, 0) + 1 <= 2
            attempts[number] = entry["attempt"]
        elif entry["action"] == "call_ended":
            open_calls.remove(number)
    times = [entry["time"].rstrip("Z").ljust(29, "0") for entry in entries]
    assert [t[:19] for t in times] == sorted(t[:19] for t in times)
    return attempts


def crash(path, rounds, seed):
    chance = random.Random(seed)
    ledger = Ledger()
    seen = 0
    for _ in range(rounds):
        hub = Process(path)
        try:
            ledger.check(hub)
            # At any moment of the write after these, or of one soon after it.
            writes = chance.randint(2, 12)
            killer = threading.Timer(chance.uniform(0.0, 0.02), hub.kill)
            try:
                for number in itertools.count():
                    if number == writes:
                        killer.start()
                    if not ledger.statuses or chance.random() < 0.3:
                        ledger.create(hub, chance)
                    else:
                        ledger.act(hub, chance)
                    ledger.acknowledged += 1
            except httpx.HTTPError:
                pass
            killer.join()
        finally:
            hub.end()
    assert ledger.acknowledged > rounds
    hub = Process(path)
    try:
        ledger.check(hub)
        entries = journal_of(hub)
        check_calls(entries)
        seen = len(entries)
        running = [
            campaign for campaign, status in ledger.statuses.items() if status == {"running"}
        ]
        for campaign in running:
            with hub.client.stream("GET", f"/v1/campaigns/{campaign}/events") as stream:
                assert "event: end" in list(stream.iter_lines())
            page = hub.client.get(f"/v1/campaigns/{campaign}/contacts?status=pending").json()
            assert page["total"] == 0
        after = journal_of(hub)
        assert after[:seen] == entries
        check_calls(after)
    finally:
        hub.end()


@pytest.mark.slow
def test_3_kills_lose_no_acknowledged_write(tmp_path):
    crash(tmp_path / "hub.db", 3, seed=1)


@pytest.mark.slow
def test_10_kills_lose_no_acknowledged_write(tmp_path):
    crash(tmp_path / "hub.db", 10, seed=1)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_100_kills_lose_no_acknowledged_write(tmp_path):
    crash(tmp_path / "hub.db", 100, seed=2)


@pytest.mark.slow
def test_a_running_campaign_continues_after_kill_9(tmp_path):
    hub = Process(tmp_path / "hub.db")
    try:
        ledger = Ledger()
        ledger.create(hub, random.Random(3))
        campaign = next(iter(ledger.statuses))
        assert hub.client.post(f"/v1/campaigns/{campaign}/start").status_code == 200
        hub.kill()
    finally:
        hub.end()
    hub = Process(tmp_path / "hub.db")
    try:
        with hub.client.stream("GET", f"/v1/campaigns/{campaign}/events") as stream:
            assert "event: end" in list(stream.iter_lines())
        attempts = check_calls(journal_of(hub))
        assert len(attempts) == ledger.sizes[campaign]
    finally:
        hub.end()
