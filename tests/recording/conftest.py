"""A recorder between a client and an embedded Hub, a relay that alters responses, and a session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from kataven.recording import Comparison, Recorder, compare
from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE
from tests.support.server import wait_for

if TYPE_CHECKING:
    from pathlib import Path

# Nobody has these numbers in the recording; the names and notes are looked for in it.
NAMES = ["Zoë Quellmann", "Ömer Blixt", "Wilhelmina Tharsis", 'Q"uoted; Vexley', "O'Zymandis"]
CSV = "phone_number,full_name,notes,amount\n" + "".join(
    f'+4917612345{row:03},"{NAMES[row % 5].replace(chr(34), chr(34) * 2)}",'
    f"Prefers Thulsa{row:03} after lunch,{984_000 + row}\n"
    for row in range(130)
)
FORM = {"name": "Winback Grobnar", "agent_id": "agent_1", "phone_number_id": "pn_1"}
RATE_LIMITED = "rate_limited: per-minute (60) exceeded"


@dataclass(frozen=True)
class Reply:
    """A response on its way through the relay; ``body`` of a stream is all of its frames."""

    path: str
    status: int
    headers: dict[str, str]
    body: bytes


Alter = Callable[[str, Reply], Reply]


class _Handler(BaseHTTPRequestHandler):
    server: Relay

    def _relay(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        hub = HTTPConnection(self.server.hub)
        kept = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        hub.request(self.command, self.path, body, {**kept, "Host": self.server.hub})
        response = hub.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        headers.pop("transfer-encoding", None)
        data = response.read()
        hub.close()
        reply = self.server.alter(
            self.command, Reply(urlsplit(self.path).path, response.status, headers, data)
        )
        self.send_response_only(reply.status)
        for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_DELETE = do_PATCH = _relay  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Relay(ThreadingHTTPServer):
    """Passes requests on to a Hub, and alters the responses."""

    daemon_threads = True

    def __init__(self, hub: str, alter: Alter) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = urlsplit(hub).netloc
        self.alter = alter

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def relay(hub: str, alter: Alter) -> Iterator[str]:
    server = Relay(hub, alter)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Client:
    """Requests to a recorder, as an application sends them."""

    def __init__(self, recorder: Recorder, hub: Sandbox) -> None:
        self.hub = hub
        self._recorder = recorder
        self._key = recorder.api_key
        self._client = httpx.Client(base_url=recorder.url, timeout=60, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def stop_recorder(self) -> None:
        self._recorder.close()

    def send(self, method: str, path: str, **more) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._key}", **more.pop("headers", {})}
        return self._client.request(
            method, path, headers={name: value for name, value in headers.items() if value}, **more
        )

    def create(self, contacts: str | bytes = CSV, **fields: str) -> httpx.Response:
        data = contacts if isinstance(contacts, bytes) else contacts.encode()
        return self.send(
            "POST",
            "/campaigns",
            data={**FORM, **fields},
            files={"contacts": ("Kunden Grobnar.csv", data, "text/csv")},
        )

    @contextmanager
    def following(self, campaign_id: str) -> Iterator[Callable[[], list[str]]]:
        """Follow the events of a campaign; the function waits for their end and returns them."""
        lines: list[str] = []
        begun = threading.Event()
        opened = self._opened(campaign_id)

        def read() -> None:
            headers = {"authorization": f"Bearer {self._key}"}
            path = f"/campaigns/{campaign_id}/events"
            try:
                with self._client.stream("GET", path, headers=headers) as response:
                    for line in response.iter_lines():
                        lines.append(line)
                        begun.set()
            except httpx.HTTPError:
                lines.append("broken")
            begun.set()

        thread = threading.Thread(target=read)
        thread.start()

        def finish() -> list[str]:
            thread.join(PATIENCE)
            assert not thread.is_alive()
            return lines

        # A relay sends the frames only when the Hub has closed the stream.
        if self.buffered:
            wait_for(lambda: self._opened(campaign_id) > opened or begun.is_set())
        else:
            assert begun.wait(PATIENCE)
        yield finish
        finish()

    buffered = False

    def _opened(self, campaign_id: str) -> int:
        """How many streams of a campaign the Hub has opened."""
        return sum(
            one.path == f"/campaigns/{campaign_id}/events" and one.status == 200
            for one in self.hub.requests
        )


def session(client: Client) -> str:
    """Do all that a campaign's life consists of; return the campaign's id."""
    client.send("GET", "/campaigns")
    client.send("GET", "/call-limits")
    made = client.create(retries_per_contact="1")
    campaign_id = next(
        one.id
        for one in client.hub._running.call(
            lambda e: list(e.accounts.get("sandbox").campaigns.values())
        )
    )
    path = f"/campaigns/{campaign_id}"
    assert made.status_code in (201, 200)
    client.hub.advance(1)
    client.create(name="Second Grobnar")
    client.send("GET", "/campaigns")
    client.send("GET", path)
    client.create("phone_number,full_name\n+4917612345000,Zoë Quellmann\nabc,Ömer Blixt\n")
    client.create("telephone\n+4917612345000\n")
    client.create(b"phone_number,n\n+4917612345000,Wilhelm\xefna\n")
    client.create(agent_id="")
    client.send("GET", f"{path}/events/more")
    client.send("GET", "/campaigns/camp_nobody")
    client.send("PATCH", path)
    with client.following(campaign_id) as finish:
        client.send("POST", f"{path}/start")
        client.send("POST", f"{path}/start")
        client.send("DELETE", path)
        client.send("POST", f"{path}/pause")
        client.send("POST", f"{path}/resume")
        client.hub.run_to_end(campaign_id)
        finish()
    client.send("GET", path)
    client.send("GET", "/campaigns")
    for page in range(3):
        client.send("GET", f"{path}/contacts", params={"page": page})
    client.send("GET", f"{path}/contacts", params={"status": "failed", "page": 0})
    client.send("GET", f"{path}/contacts", params={"status": "zombie"})
    client.hub.faults.add("GET /campaigns", status=429, retry_after=60, body=RATE_LIMITED)
    client.send("GET", "/campaigns")
    with client.following(campaign_id) as finish:
        finish()
    client.send("GET", "/campaigns", headers={"authorization": ""})
    client.send("POST", f"{path}/pause")
    client.send("DELETE", path)
    client.send("GET", path)
    return campaign_id


@dataclass
class Recorded:
    """What a recording session left."""

    path: Path
    hub_key: str
    recorder_key: str

    def compare(self) -> Comparison:
        return compare(self.path)


@pytest.fixture
def record(tmp_path):
    """Record what a function does with a Hub, altered by another one; return the recording."""

    def run(
        play: Callable[[Client], object] = session,
        alter: Alter | None = None,
        *,
        clock: Clock | float | None = None,
        allow_dialling: bool = True,
        prepare: Callable[[Sandbox], object] = lambda hub: None,
        name: str = "recording",
        **hub_options,
    ) -> Recorded:
        path = tmp_path / f"{name}.jsonl"
        with ExitStack() as stack:
            hub = stack.enter_context(
                Sandbox(time_scale=clock or Clock.manual(), seed=2, **hub_options)
            )
            prepare(hub)
            url = stack.enter_context(relay(hub.url, alter)) if alter is not None else hub.url
            recorder = stack.enter_context(
                Recorder(url, hub.api_key, path, allow_dialling=allow_dialling, timeout=PATIENCE)
            )
            client = Client(recorder, hub)
            client.buffered = alter is not None
            stack.callback(client.close)
            play(client)
            return Recorded(path, hub.api_key, recorder.api_key)

    return run


def changed(reply: Reply, **what) -> Reply:
    return replace(reply, **what)
