"""A Hub for each test, driven by plain httpx and raw sockets, never by the SDK's client."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE

# Shared: loading the certificates takes 40 ms, which every new client would spend.
TLS = ssl.create_default_context()


def people(count: int, first: int = 0) -> bytes:
    """A contacts file with this many rows of fictional numbers."""
    rows = (f"+1555{first + n:07d},Person {n}" for n in range(count))
    return "\n".join(["phone_number,first_name", *rows, ""]).encode()


class Http:
    """The documented requests, over plain httpx."""

    def __init__(self, hub: Sandbox, mount: str = "/api/v1", key: str | None = None) -> None:
        self.hub = hub
        self.client = httpx.Client(
            base_url=hub.url + mount,
            headers={"Authorization": f"Bearer {key or hub.api_key}"},
            timeout=PATIENCE,
            trust_env=False,
            verify=TLS,
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.client.post(path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.client.delete(path, **options)

    def send_form(self, contacts: bytes | None = None, **fields: Any) -> httpx.Response:
        form = {"name": "Autumn", "agent_id": "agent_1", "phone_number_id": "pn_1", **fields}
        form = {name: value for name, value in form.items() if value is not None}
        files = {
            "contacts": ("contacts.csv", people(3) if contacts is None else contacts, "text/csv")
        }
        return self.client.post("/campaigns", data=form, files=files)

    def create(self, contacts: bytes | int = 3, **fields: Any) -> str:
        body = people(contacts) if isinstance(contacts, int) else contacts
        response = self.send_form(body, **fields)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def act(self, campaign: str, action: str) -> httpx.Response:
        return self.client.post(f"/campaigns/{campaign}/{action}")

    def start(self, campaign: str) -> None:
        response = self.act(campaign, "start")
        assert response.status_code == 200, response.text

    def status(self, campaign: str) -> str:
        return self.client.get(f"/campaigns/{campaign}").json()["status"]

    def contacts(self, campaign: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = 0
        while True:
            response = self.client.get(
                f"/campaigns/{campaign}/contacts", params={**query, "page": page}
            )
            assert response.status_code == 200, response.text
            found += response.json()["contacts"]
            page += 1
            if len(found) >= response.json()["total"]:
                return found

    def counts(self, campaign: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for contact in self.contacts(campaign):
            counts[contact["status"]] = counts.get(contact["status"], 0) + 1
        return counts


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    """A Hub with a manual clock and without request limits."""
    with Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as sandbox:
        yield sandbox


@pytest.fixture
def connect() -> Iterator[Callable[..., Http]]:
    """Makes clients, and closes them after the test."""
    made: list[Http] = []

    def make(hub: Sandbox, mount: str = "/api/v1", key: str | None = None) -> Http:
        made.append(Http(hub, mount, key))
        return made[-1]

    yield make
    for http in made:
        http.client.close()


@pytest.fixture
def http(hub: Sandbox, connect: Callable[..., Http]) -> Http:
    """A client of the account `sandbox`."""
    return connect(hub)


class Raw:
    """One raw connection to a Hub."""

    def __init__(self, hub: Sandbox) -> None:
        self.hub = hub
        self.port = int(hub.url.rsplit(":", 1)[1])
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.received = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(self, line: str, *headers: str, key: str | None = None, body: bytes = b"") -> None:
        head = [
            f"{line} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {key or self.hub.api_key}",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        self.send("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    def read_until(self, end: bytes) -> bytes:
        while end not in self.received:
            chunk = self.socket.recv(65536)
            assert chunk, f"the connection ended; so far {self.received!r}"
            self.received += chunk
        return self.received

    def read_all(self) -> bytes:
        """Everything until the Hub closes the connection. A reset raises ConnectionResetError."""
        while chunk := self.socket.recv(65536):
            self.received += chunk
        return self.received

    def close(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        self.socket.close()


@pytest.fixture
def raw() -> Iterator[Callable[[Sandbox], Raw]]:
    """Opens raw connections, and closes them after the test."""
    opened: list[Raw] = []

    def open_one(hub: Sandbox) -> Raw:
        opened.append(Raw(hub))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
