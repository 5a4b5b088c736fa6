"""A Hub as a model, and workers that a test moves from one request or ledger step to the next.

Each worker is a thread that stops before every operation, and, for a request, once more between
what the Hub does and its response. The test decides which worker goes on, which is killed there,
and which sleeps.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kataven.bulk._launch import Launcher
from kataven.bulk._plan import BulkPlan, Part, Totals
from kataven.bulk._settings import BulkSettings
from kataven.bulk._worker import Worker
from kataven.errors import (
    APIConnectionError,
    APIStatusError,
    ConflictError,
    NotFoundError,
    ServerError,
)

SETTINGS = BulkSettings("List", "agent", "number", 5, 0, 300)
LEASE = 120.0
WAIT = 30.0


class Killed(BaseException):
    """The worker's process is gone: nothing of it runs any more."""


class MemoryPlan(BulkPlan):
    """A plan whose parts are in memory."""

    def read(self, part: Part) -> bytes:
        return f"phone_number\r\n+1555010{part.file}\r\n".encode()


def memory_plan(parts: int) -> BulkPlan:
    each = tuple(Part(f"{n:064x}", f"{n:04d}", 1) for n in range(parts))
    return MemoryPlan(Path("nowhere"), "ab" * 16, "", {}, Totals(parts, parts, 0, parts), each)


@dataclass
class Campaign:
    fields: dict[str, Any]
    shown_from: int = 0
    started: bool = False
    starts: int = 0


@dataclass
class ModelHub:
    """What the Hub does with each request.

    Attributes:
        late: How many lists a new campaign is missing from.
        room: How many campaigns may run at once.
    """

    late: int = 0
    room: int = 1000
    finishing: bool = False
    lists: int = 0
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    posts: Counter[bytes] = field(default_factory=Counter)

    def act(self, name: str, *arguments: Any) -> Any:
        found: Any = getattr(self, f"do_{name}")(*arguments)
        return found

    def do_list(self) -> Any:
        self.lists += 1
        if self.finishing:
            self.finish()
        return {
            "campaigns": [
                dict(each.fields)
                for each in self.campaigns.values()
                if each.shown_from <= self.lists
            ]
        }

    def finish(self) -> None:
        for each in self.campaigns.values():
            if each.fields["status"] == "running":
                each.fields["status"] = "completed"

    def _find(self, made: str) -> Campaign:
        if made not in self.campaigns:
            raise NotFoundError("no such campaign", status_code=404)
        return self.campaigns[made]

    def do_get(self, made: str) -> Any:
        return dict(self._find(made).fields)

    def do_create(self, name: str, agent: str, number: str, contacts: Any, *_: int) -> Any:
        made = f"camp_{len(self.campaigns)}"
        fields = {
            "id": made,
            "name": name,
            "agent_id": agent,
            "phone_number_id": number,
            "status": "draft",
        }
        self.campaigns[made] = Campaign(fields, self.lists + 1 + self.late)
        return dict(fields)

    def _move(self, made: str, before: set[str], after: str) -> Any:
        found = self._find(made)
        if found.fields["status"] not in before:
            raise ConflictError(f"it is {found.fields['status']}", status_code=409)
        if after == "running":
            running = [e for e in self.campaigns.values() if e.fields["status"] == "running"]
            if len(running) >= self.room:
                raise ConflictError("no room", status_code=409)
            found.started = True
        found.fields["status"] = after
        return dict(found.fields)

    def do_start(self, made: str) -> Any:
        return self._move(made, {"draft", "paused"}, "running")

    def do_pause(self, made: str) -> Any:
        return self._move(made, {"running"}, "paused")

    def do_resume(self, made: str) -> Any:
        return self._move(made, {"paused"}, "running")

    def do_stop(self, made: str) -> Any:
        return self._move(made, {"draft", "running", "paused"}, "completed")

    def do_delete(self, made: str) -> Any:
        if self._find(made).fields["status"] == "running":
            raise ConflictError("it is running", status_code=409)
        del self.campaigns[made]

    def started_by_part(self) -> dict[str, list[str]]:
        """The campaigns that were ever started, by the marker in their names."""
        found: dict[str, list[str]] = {}
        for made, each in self.campaigns.items():
            if each.started:
                found.setdefault(each.fields["name"].rpartition(" ")[2], []).append(made)
        return found


class Puppet:
    """A worker that stops before each operation until the test lets it go on."""

    def __init__(self, what: "Callable[[Puppet], None]", *, free: bool = False) -> None:
        self.free = free
        self.fault: str | None = None
        self.killed = False
        self.at = ""
        self.steps = 0
        self.error: BaseException | None = None
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self.over = False
        self._what = what
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self._arrive()

    def _run(self) -> None:
        try:
            self._what(self)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.over = True
            self._stopped.release()

    def _arrive(self) -> None:
        assert self._stopped.acquire(timeout=WAIT), f"the worker hangs at {self.at}"

    def gate(self, at: str) -> None:
        if self.killed:
            raise Killed
        self.steps += 1
        assert not self.free or self.steps < 20_000, f"a worker that does not end, at {at}"
        if not self.free:
            self.at = at
            self._stopped.release()
            self._go.acquire()
        if self.killed:
            raise Killed

    def step(self) -> None:
        if not self.over:
            self._go.release()
            self._arrive()

    def kill(self) -> None:
        self.killed = True
        while not self.over:
            self.step()
        self.thread.join(WAIT)


class PuppetLedger:
    """A ledger whose worker stops before each operation."""

    def __init__(self, ledger: Any, puppet: Puppet) -> None:
        self._ledger = ledger
        self._puppet = puppet

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._ledger, name)

        def operation(*arguments: Any, **options: Any) -> Any:
            self._puppet.gate(f"ledger.{name}")
            return method(*arguments, **options)

        return operation


class PuppetCampaigns:
    """``client.campaigns`` of a worker that stops before the Hub acts, and after."""

    def __init__(self, hub: ModelHub, puppet: Puppet) -> None:
        self._hub = hub
        self._puppet = puppet

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def request(*arguments: Any) -> Any:
            writes = name not in {"list", "get"}
            self._puppet.gate(f"hub.{name}")
            fault, self._puppet.fault = self._puppet.fault, None
            if name == "create" and fault != "unsent":
                self._hub.posts[arguments[3].getvalue()] += 1
            if fault == "before":
                # The connection broke: whether the Hub acted is not known to the client.
                raise APIConnectionError("lost", request_sent=True if writes else None)
            if fault == "unsent":
                raise APIConnectionError("refused", request_sent=False if writes else None)
            try:
                result = self._hub.act(name, *arguments)
            except APIStatusError:
                self._puppet.gate(f"hub.{name} refused")
                raise
            self._puppet.gate(f"hub.{name} acted")
            if fault == "after":
                raise APIConnectionError("lost", request_sent=True if writes else None)
            if fault == "error":
                raise ServerError("lost", status_code=502)
            return result

        return request


class PuppetClock:
    """A clock whose sleeps are steps of the test."""

    def __init__(self, puppet: Puppet, pass_time: Callable[[float], None]) -> None:
        self._puppet = puppet
        self._pass = pass_time

    def now(self) -> float:
        return 0.0

    def jitter(self) -> float:
        return 0.5

    def sleep(self, seconds: float, /) -> None:
        self._puppet.gate("sleep")
        if self._puppet.free:
            self._pass(seconds)


def worker_of(
    puppet: Puppet, hub: ModelHub, ledger: Any, plan: BulkPlan, pass_time: Callable[[float], None]
) -> Worker:
    campaigns: Any = PuppetCampaigns(hub, puppet)
    stepped: Any = PuppetLedger(ledger, puppet)
    clock = PuppetClock(puppet, pass_time)
    launcher = Launcher(campaigns, stepped, plan, SETTINGS, LEASE)
    return Worker(campaigns, stepped, plan, launcher, clock, LEASE, 2.0, lambda: None)
