"""The proxy: what it forwards and what it refuses, and a Hub that fails."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import contextmanager

import httpx
import pytest

from kataven.errors import ConfigurationError
from kataven.recording import Recorder, RecordingError, compare
from kataven.recording.forms import build, parse
from kataven.recording.forwarding import INVALID_KEY, refusal
from tests.recording.conftest import CSV, FORM
from tests.support.patience import PATIENCE

REFUSED = [
    ("POST", "/campaigns/camp_1/start"),
    ("POST", "/campaigns/camp_1/resume"),
    ("POST", "/campaigns/camp_1/pause"),
    ("POST", "/campaigns/camp_1/stop"),
    ("POST", "/campaigns/"),
    ("POST", "/campaigns/camp_1"),
    ("PUT", "/campaigns/camp_1"),
    ("PATCH", "/campaigns/camp_1"),
    ("POST", "/call-limits"),
    ("DELETE", "/campaigns"),
    ("DELETE", "/campaigns/camp_1/contacts"),
    ("DELETE", "/campaigns/camp_1%2Fstart"),
    ("GET", "/campaigns/camp_1/start"),
    ("GET", "/campaigns/camp_1/st%61rt"),
]


def exchanges(path) -> list[dict]:
    found = [json.loads(line) for line in path.read_text().splitlines()[1:-1]]
    return sorted(found, key=lambda one: one["number"])


def test_writes_that_dial_do_not_reach_the_hub(record):
    def play(client):
        campaign_id = client.create().json()["id"]
        before = len(client.hub.requests)
        for method, path in REFUSED:
            response = client.send(method, path.replace("camp_1", campaign_id))
            assert response.status_code == 403, (method, path)
            assert "--allow-dialling" in response.text
        assert len(client.hub.requests) == before
        assert client.send("GET", f"/campaigns/{campaign_id}").json()["status"] == "draft"
        assert client.send("DELETE", f"/campaigns/{campaign_id}").status_code == 204

    recorded = record(play, allow_dialling=False)
    found = recorded.compare()

    refused = [one for one in exchanges(recorded.path) if "refused" in one]
    assert len(refused) == len(REFUSED)
    assert found.differences == []
    assert len(found.not_compared) == len(REFUSED)
    assert "the recorder did not forward it: 'start' of a campaign" in found.not_compared[0]


def create(*, query: str = "", content_type: str = "", body: bytes = b"", **fields: str) -> str:
    from kataven.recording.forms import Part

    if not body:
        parts = [Part(name, None, "", value.encode()) for name, value in {**FORM, **fields}.items()]
        content_type, body = build([*parts, Part("contacts", "c.csv", "text/csv", CSV.encode())])
    return refusal("POST", "/campaigns", query, content_type, body, below_mount=True)


def test_create_that_starts_by_itself_is_not_forwarded(record):
    assert create() == ""
    assert "scheduled_at" in create(scheduled_at="2031-01-01T00:00:00Z")
    assert "scheduled_at" in create(Scheduled_At="x")
    assert "scheduled_at" in create(**{"scheduled%5Fat": "x"})
    assert "scheduled_at" in create(query="scheduled%5fat=x")
    assert create(content_type="application/json", body=b'{"\\u0073cheduled_at": 1}')
    assert create(content_type="application/x-www-form-urlencoded", body=b"name=x")
    # Not a form that can be read here, but perhaps by the Hub.
    assert create(content_type="multipart/form-data; boundary=x", body=b"--x\r\nscheduled_at")
    assert not create(content_type="multipart/form-data; boundary=x", body=b"--x\r\nbroken")

    def play(client):
        before = len(client.hub.requests)
        refused = client.create(scheduled_at="2031-01-01T00:00:00Z")
        assert refused.status_code == 403
        assert len(client.hub.requests) == before
        # In a list it is a column.
        assert client.create("phone_number,scheduled_at\n+4917612345000,x\n").status_code == 201

    record(play, allow_dialling=False)


def test_parts_of_a_form_survive():
    from kataven.recording.forms import Part

    parts = [
        Part("name", None, "", "Zoë".encode()),
        Part("name", None, "text/plain", b"twice"),
        Part("contacts", 'a".csv', "text/csv", b"\xff\r\n--x"),
    ]

    assert parse(*build(parts)) == [*parts[:2], Part("contacts", "a%22.csv", *vars_of(parts[2]))]


def vars_of(part) -> tuple[str, bytes]:
    return part.content_type, part.data


def test_keys_of_applications_do_not_reach_the_hub(record):
    def play(client):
        before = len(client.hub.requests)
        other = client.send("GET", "/campaigns", headers={"authorization": "Bearer sk_live_a_b"})
        assert other.status_code == 401
        assert "not the one that the recorder printed" in other.text
        assert len(client.hub.requests) == before
        for headers in ({"authorization": ""}, {"authorization": f"Bearer {INVALID_KEY}"}):
            assert client.send("GET", "/campaigns", headers=headers).status_code == 401
        assert len(client.hub.requests) == before + 2
        assert client.send("GET", "/campaigns", headers={"host": "evil.example"}).status_code == 400

    recorded = record(play)

    assert [one["credential"] for one in exchanges(recorded.path)] == [
        "key",
        "none",
        "invalid",
        "key",
    ]
    assert recorded.compare().differences == []
    assert b"sk_live_a_b" not in recorded.path.read_bytes()


def test_a_key_that_the_hub_revoked(record):
    def play(client):
        client.hub.revoke(client.hub.api_key)
        assert client.send("GET", "/campaigns").status_code == 401

    assert record(play).compare().differences == []


# A Hub that fails.


@contextmanager
def broken_hub(answer):
    """A server that answers each connection with a function of the socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    if stop.is_set():
                        return
                    connection.recv(65536)
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        stop.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()


def ask(url: str, path, timeout: float = 30.0):
    """Ask a recorder of this Hub once; return its response or error, and the comparison."""
    with Recorder(url, "sk_live_acme_secret1234", path, timeout=timeout) as recorder:
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            try:
                got = client.get(
                    f"{recorder.url}/campaigns",
                    headers={"authorization": f"Bearer {recorder.api_key}"},
                )
            except httpx.HTTPError as error:
                got = error
    return got, recorder.summary, compare(path)


def test_hub_that_is_down(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    got, summary, found = ask(f"http://127.0.0.1:{port}", tmp_path / "r")

    assert got.status_code == 502
    assert "the Hub did not respond (ConnectError" in got.text
    assert (summary.recorded, summary.failed) == (0, 1)
    assert found.differences == []
    assert "#1 GET /campaigns: the Hub did not respond (ConnectError" in found.not_compared[0]


def test_hub_that_is_slow(tmp_path, brief):
    release = threading.Event()
    with broken_hub(lambda connection: release.wait(60)) as url:
        got, summary, found = ask(url, tmp_path / "r", timeout=brief(0.2))
        release.set()

    assert got.status_code == 504
    assert summary.failed == 1
    # ConnectTimeout on a slow machine.
    assert re.search(r"the Hub did not respond \(\w+Timeout", found.not_compared[0])


def test_hub_that_cuts_a_body(tmp_path):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    with broken_hub(lambda connection: connection.sendall(head + b'{"campaigns"')) as url:
        got, summary, found = ask(url, tmp_path / "r")

    assert isinstance(got, httpx.HTTPError)
    assert summary.failed == 1
    assert "the response was cut (RemoteProtocolError" in found.not_compared[0]
    assert exchanges(tmp_path / "r")[0]["end"] == "cut"
    assert found.differences == []


def test_plain_http_is_only_for_this_machine(tmp_path):
    with pytest.raises(ConfigurationError):
        Recorder("http://hub.example.com", "sk_live_acme_secret1234", tmp_path / "r")


def test_stream_that_is_open_at_the_end_is_recorded(record):
    def play(client):
        campaign_id = client.create().json()["id"]
        with client.following(campaign_id):
            client.stop_recorder()

    recorded = record(play)

    assert [one.get("end") for one in exchanges(recorded.path)] == [None, "stopped"]
    assert recorded.compare().differences == []


# The file.


def edited(path, change) -> str:
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(RecordingError) as caught:
        compare(path)
    return str(caught.value)


@pytest.fixture
def recording(record):
    return record(lambda client: [client.create(), client.send("GET", "/campaigns")]).path


def test_file_that_was_cut(recording):
    data = recording.read_bytes()

    for end in (len(data) - 10, data.rindex(b"\n", 0, -1) + 1, len(data) // 2):
        text = edited(recording, lambda _, end=end: data[:end])
        assert "incomplete" in text or "was cut" in text
        assert str(recording) in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"status": 201', b'"status": 200', "was changed after it was recorded"),
        (b'"status": 201', b'"status": "x"', "line 2: 'status' is missing or has the wrong type"),
        (b'"method": "POST"', b'"method": 1', "line 2: 'method' is missing"),
        (b'"credential": "key"', b'"credential": "x"', "line 2: 'end' or 'credential'"),
        (b'{"number": 1', b'{"number" 1', "line 2: it is not a JSON object"),
        (b'"kataven_recording": 1', b'"kataven_recording": 2', "update kataven"),
        (b'{"kataven_recording"', b'{"other"', "line 1: this is not a recording"),
    ],
)
@pytest.mark.slow
def test_file_that_was_edited(recording, old, new, message):
    assert message in edited(recording, lambda data: data.replace(old, new, 1))


def test_line_that_was_taken_out(recording):
    def without_second(data: bytes) -> bytes:
        lines = data.split(b"\n")
        return b"\n".join([*lines[:2], *lines[3:]])

    assert "was changed" in edited(recording, without_second)


@pytest.mark.parametrize("data", [b"", b"\n", b"[]\n", b"\xff\xfe\n", b"{}\n", b"null"])
def test_file_that_is_something_else(tmp_path, data):
    path = tmp_path / "other"
    path.write_bytes(b"")

    assert "line 1" in edited(path, lambda _: data) or data in (b"", b"null")


def test_recording_is_not_overwritten(tmp_path):
    path = tmp_path / "r"
    path.write_text("mine")

    with pytest.raises(FileExistsError):
        Recorder("http://127.0.0.1:9", "sk_live_acme_secret1234", path).start()

    assert path.read_text() == "mine"
