"""A Hub as a model, and workers that a test moves from one request or ledger step to the next.

Each worker is a thread that stops before every operation, and, for a request, once more between
what the Hub does and its response. The test decides which worker goes on, which is killed there,
and which sleeps.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kataven.bulk._campaign_settings import BulkSettings
from kataven.bulk._context import RunContext
from kataven.bulk._opening import PlanHours
from kataven.bulk._plan import BulkPlan, Part, Totals
from kataven.bulk._worker import Worker
from kataven.errors import (
    APIConnectionError,
    APIStatusError,
    ConflictError,
    NotFoundError,
    RateLimitError,
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


PAGE = 100


@dataclass
class Campaign:
    fields: dict[str, Any]
    contacts: bytes
    shown_from: int
    # What ``get`` shows as often as ``stale`` says.
    before: str | None = None
    stale: int = 0


@dataclass
class ModelHub:
    """What the Hub does with each request.

    Attributes:
        late: How many lists a new campaign is missing from.
        stale: How often ``get`` shows the status, or the absence, before a write.
        room: How many campaigns may run at once.
        others: How many other campaigns the account has.
        cut: Whether a list has 100 campaigns at most.
        newest_first: The order of a list.
        says_total: Whether a list says how many campaigns there are.
    """

    late: int = 0
    stale: int = 0
    room: int = 1000
    others: int = 0
    cut: bool = False
    newest_first: bool = False
    says_total: bool = False
    finishing: bool = False
    lists: int = 0
    made: int = 0
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    # The campaigns that were ever started, by their contacts, also if they were deleted since.
    started: defaultdict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    # Creates of each list of contacts: sent, and perhaps not sent because the worker was killed.
    posts: Counter[bytes] = field(default_factory=Counter)
    # Requests that the Hub has received, by name.
    received: Counter[str] = field(default_factory=Counter)
    tried: Counter[bytes] = field(default_factory=Counter)
    # Requests that their clients have given up, and that have not arrived yet.
    under_way: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def act(self, name: str, *arguments: Any) -> Any:
        self.received[name] += 1
        found: Any = getattr(self, f"do_{name}")(*arguments)
        return found

    def arrive(self) -> None:
        """Process a request whose client has given up."""
        if self.under_way:
            name, arguments = self.under_way.pop(0)
            with suppress(APIStatusError):
                self.act(name, *arguments)

    def do_list(self) -> Any:
        self.lists += 1
        if self.finishing:
            self.finish()
        rows = [
            {"id": f"other_{n}", "name": "other", "status": "draft"} for n in range(self.others)
        ]
        rows += [
            dict(each.fields) for each in self.campaigns.values() if each.shown_from <= self.lists
        ]
        document: dict[str, Any] = {"total": len(rows)} if self.says_total else {}
        if self.newest_first:
            rows.reverse()
        return {**document, "campaigns": rows[:PAGE] if self.cut else rows}

    def complete(self) -> bool:
        """Whether a list proves something."""
        shown = self.others + len(self.campaigns)
        return shown != PAGE and (shown < PAGE or not self.cut)

    def finish(self) -> None:
        for each in self.campaigns.values():
            if each.fields["status"] == "running":
                each.fields["status"] = "completed"

    def _find(self, made: str) -> Campaign:
        if made not in self.campaigns:
            raise NotFoundError("no such campaign", status_code=404)
        return self.campaigns[made]

    def do_get(self, made: str) -> Any:
        found = self._find(made)
        if found.stale:
            found.stale -= 1
            if found.before is None:
                raise NotFoundError("no such campaign yet", status_code=404)
            return {**found.fields, "status": found.before}
        return dict(found.fields)

    def do_create(self, name: str, agent: str, number: str, contacts: Any, *_: int) -> Any:
        made = f"camp_{self.made}"
        self.made += 1
        fields = {
            "id": made,
            "name": name,
            "agent_id": agent,
            "phone_number_id": number,
            "status": "draft",
        }
        shown_from = self.lists + 1 + self.late
        data = contacts.getvalue()
        self.campaigns[made] = Campaign(fields, data, shown_from, None, self.stale)
        return dict(fields)

    def _move(self, made: str, before: set[str], after: str) -> Any:
        found = self._find(made)
        if found.fields["status"] not in before:
            raise ConflictError(f"it is {found.fields['status']}", status_code=409)
        if after == "running":
            running = [e for e in self.campaigns.values() if e.fields["status"] == "running"]
            if len(running) >= self.room:
                raise ConflictError("no room", status_code=409)
            self.started[found.contacts].add(made)
        found.before, found.stale = found.fields["status"], self.stale
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


class Puppet:
    """A worker that stops before each operation until the test lets it go on."""

    def __init__(self, what: "Callable[[Puppet], None]", *, free: bool = False) -> None:
        self.free = free
        # Of the next request: a word, or a status of the Hub and whether it acted.
        self.fault: str | tuple[int, bool] | None = None
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

    def go_to(self, at: str, times: int = 1) -> None:
        """Move on until the worker is at an operation."""
        for _ in range(times):
            for _ in range(200):
                self.step()
                if self.over or self.at == at:
                    break
            assert not self.over, f"the worker ended before {at}: {self.error!r}"

    def finish(self) -> None:
        """Let the worker go on until it ends."""
        self.free = True
        self.step()
        assert self.over

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
            if name == "create":
                self._hub.tried[arguments[3].getvalue()] += 1
            self._puppet.gate(f"hub.{name}")
            fault, self._puppet.fault = self._puppet.fault, None
            if name == "create" and fault != "unsent":
                self._hub.posts[arguments[3].getvalue()] += 1
            if fault == "before":
                # The connection broke: whether the Hub acted is not known to the client.
                raise APIConnectionError("lost", request_sent=True if writes else None)
            if fault == "late":
                # The client has given up waiting, and a proxy delivers the request later.
                if writes:
                    self._hub.under_way.append((name, arguments))
                raise APIConnectionError("timeout", request_sent=True if writes else None)
            if fault == "unsent":
                raise APIConnectionError("refused", request_sent=False if writes else None)
            if isinstance(fault, tuple) and not fault[1]:
                raise status_error(fault[0])
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
            if isinstance(fault, tuple):
                raise status_error(fault[0])
            return result

        return request


def status_error(status: int) -> APIStatusError:
    """What the client raises for a status."""
    kinds = {404: NotFoundError, 409: ConflictError, 429: RateLimitError}
    kind = kinds.get(status, ServerError if status >= 500 else APIStatusError)
    return kind(f"status {status}", status_code=status)


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
    return Worker(context_of(campaigns, stepped, plan), clock, 2.0, lambda: None)


def context_of(
    campaigns: Any,
    ledger: Any,
    plan: BulkPlan,
    *,
    lease_seconds: float = LEASE,
    hours: PlanHours | None = None,
) -> RunContext:
    """Return what the work on a part uses; without hours, of a plan that may call at any time."""
    return RunContext(
        campaigns,
        ledger,
        plan,
        SETTINGS,
        lease_seconds,
        hours or PlanHours(plan, lambda: 0.0),
        lambda _: campaigns,
    )
