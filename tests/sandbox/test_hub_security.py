"""Attacks on a Hub: each gets a clear 4xx or a closed connection, with bounded memory."""

import json
import subprocess
import sys
import threading
from urllib.parse import quote

import psutil
import pytest

from kataven.sandbox import Clock, Sandbox
from tests.support.patience import PATIENCE

MIB = 1024 * 1024
HOSTILE = [
    "'; DROP TABLE campaigns; --",
    '" OR 1=1 --',
    "a\r\nX-Injected: yes",
    "a\nb",
    "a\0b",
    "%00%0d%0a",
    "{{7*7}} ${7*7} <script>alert(1)</script>",
    "\u202e\U0001f600",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_returned_unchanged_and_have_no_effect(http, text):
    boundary = "xyz"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in [("name", text), ("agent_id", text), ("phone_number_id", text)]
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="contacts"; filename="c.csv"\r\n\r\n'
        f"phone_number,a\n+15550100001,x\n\r\n--{boundary}--\r\n"
    )
    response = http.post(
        "/campaigns",
        content="".join(parts).encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    assert response.status_code == 201, response.text
    assert "X-Injected" not in response.headers
    campaign = http.get(f"/campaigns/{response.json()['id']}").json()
    assert campaign["name"] == campaign["agent_id"] == campaign["phone_number_id"] == text
    assert len(http.get("/campaigns").json()["campaigns"]) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_and_filters_find_nothing(http, text):
    http.create()
    assert http.get(f"/campaigns/{quote(text, safe='')}").status_code == 404
    assert http.delete(f"/campaigns/{quote(text, safe='')}").status_code == 404
    response = http.get(f"/campaigns/{http.create()}/contacts", params={"status": text})
    assert (response.status_code, response.json()["total"]) == (200, 0)


@pytest.mark.parametrize(
    "header",
    [
        "X-Account-ID: '; DROP TABLE keys; --",
        "Authorization: Bearer ' OR '1'='1",
        "Authorization: Bearer sk_live_sandbox_%",
        "X-Account-ID: ../sandbox",
    ],
)
def test_hostile_headers_are_refused(hub, raw, header):
    connection = raw(hub)
    port = connection.port
    other = "" if header.startswith("Auth") else "Authorization: Bearer eyJa.b.c\r\n"
    connection.send(
        f"GET /v1/campaigns HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{other}{header}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert connection.read_all()[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 401"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../v1/campaigns",
        "/v1/campaigns/../campaigns",
        "/v1/campaigns/..%2f..%2f_sandbox%2fjournal",
        "/v1/%2e%2e/_sandbox/journal",
        "//v1/campaigns",
        "/v1//campaigns",
        "/v1/campaigns/",
        "/v1/campaigns//start",
        "/v1/campaigns/%",
        "/v1/campaigns/%zz",
        "/v1/campaigns;x=1",
        "/v1/CAMPAIGNS",
        "/_sandbox",
        "/_sandbox/../v1/campaigns",
        "/_sandbox/journal/",
        "/api/v1",
    ],
)
def test_unusual_paths_are_404(hub, raw, path):
    connection = raw(hub)
    connection.request(f"GET {path}", "Connection: close")
    assert connection.read_all().startswith(b"HTTP/1.1 404 "), connection.received


def test_a_slash_inside_an_id_stays_inside_it(hub, http, raw):
    campaign = http.create()
    connection = raw(hub)
    connection.request(f"POST /v1/campaigns/{campaign}%2Fstart", "Connection: close")
    assert connection.read_all().startswith(b"HTTP/1.1 405 ")
    assert http.status(campaign) == "draft"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_405_with_the_allowed_ones(hub, raw, method):
    connection = raw(hub)
    connection.request(f"{method} /v1/campaigns", "Connection: close")
    response = connection.read_all()
    assert response.startswith(b"HTTP/1.1 405 ")
    assert b"allow: GET, POST\r\n" in response


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/campaigns HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/campaigns HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"GET /v1/campaigns HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/campaigns HTTP/1.1\r\n\r\n",
        b"GET /v1/campaigns HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /v1/campaigns HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/campaigns\r\n\r\n",
    ],
)
def test_malformed_or_oversized_heads_are_400(hub, raw, head):
    connection = raw(hub)
    connection.send(head + b"\r\n\r\n")
    response = b""
    try:
        response = connection.read_all()
    except ConnectionResetError:
        response = connection.received
    assert response.startswith(b"HTTP/1.1 400 "), response[:100]


def test_an_incomplete_head_is_408(raw, brief):
    with Sandbox(request_timeout=brief(0.1)) as hub:
        connection = raw(hub)
        connection.send(b"GET /v1/campaigns HTT")
        assert connection.read_all().startswith(b"HTTP/1.1 408 ")


def test_an_incomplete_second_head_is_408(raw, brief):
    with Sandbox(request_timeout=brief(0.1)) as hub:
        connection = raw(hub)
        connection.request("GET /v1/call-limits")
        connection.read_until(b"}")
        connection.send(b"GET /v1/campaigns HTT")
        connection.read_until(b"HTTP/1.1 408 ")


def test_a_slow_upload_is_408(raw, brief):
    with Sandbox(request_timeout=brief(0.1)) as hub:
        connection = raw(hub)
        connection.send(
            f"POST /v1/campaigns HTTP/1.1\r\nHost: 127.0.0.1:{connection.port}\r\n"
            f"Authorization: Bearer {hub.api_key}\r\nContent-Length: 1000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode()
        )
        assert connection.read_until(b"send it faster").startswith(b"HTTP/1.1 408 ")


def test_the_request_timeout_does_not_end_streams_or_idle_connections(connect, raw, brief):
    with Sandbox(time_scale=Clock.manual(), request_timeout=brief(0.05), limits=None) as hub:
        http = connect(hub)
        campaign = http.create(9)
        http.start(campaign)
        connection = raw(hub)
        connection.request(f"GET /v1/campaigns/{campaign}/events")
        connection.read_until(b"data: ")
        threading.Event().wait(brief(0.2))
        http.act(campaign, "stop")
        connection.read_until(b"event: end")


def test_a_compressed_body_is_400(http):
    response = http.post(
        "/campaigns",
        content=b"\x1f\x8b",
        headers={"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"},
    )
    assert (response.status_code, "Content-Encoding" in response.text) == (400, True)


def test_a_form_with_too_many_parts_is_400(http):
    part = b'--x\r\nContent-Disposition: form-data; name="n%d"\r\n\r\nv\r\n'
    body = b"".join(part % n for n in range(1000)) + b"--x--\r\n"
    response = http.post(
        "/campaigns", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert (response.status_code, "parts" in response.text) == (400, True)


def test_a_large_text_field_is_400(http):
    assert http.send_form(name="x" * 200_000).status_code == 400


HEADER = b"phone_number,name\n"
BOMBS = {
    "a header repeated in each contact": b"phone_number,"
    + b",".join(b"%d" % n for n in range(200_000))
    + b"\n",
    "ten million blank lines": HEADER + b"\n" * (10 * MIB - 100),
    "one row of five million fields": HEADER + b"," * (5 * MIB),
    "one field of ten million quotes": HEADER
    + b'+15550100001,"'
    + b'""' * (5 * MIB - 100)
    + b'"\n',
    "an unclosed quote around everything": HEADER + b'+15550100001,"' + b"x\n" * (5 * MIB - 100),
    "a quote on each line": HEADER + b'+15550100001,"\n' * (MIB // 2),
    "wide empty rows": b"phone_number"
    + b"".join(b",%d" % n for n in range(9000))
    + b"\n"
    + (b"+15550100001" + b"," * 9000 + b"\n") * 1100,
    "only NUL": b"\0" * (10 * MIB - 100),
    "only quotes": b'"' * (10 * MIB - 100),
}


@pytest.fixture(scope="module")
def process():
    """A Hub in a process of its own, so that its memory can be measured."""
    command = [
        sys.executable,
        "-m",
        "kataven.sandbox",
        "--time-scale",
        "manual",
        "--limits",
        "none",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        yield started, json.loads(started.stdout.readline())
        started.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_csv_bomb_gets_a_response_with_bounded_memory(process, name):
    import httpx

    started, line = process
    body = BOMBS[name]
    headers = {"Authorization": f"Bearer {line['api_key']}"}
    peaks = []
    done = threading.Event()

    def watch():
        measured = psutil.Process(started.pid)
        while True:
            peaks.append(measured.memory_info().rss)
            if done.wait(0.005):
                break

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        response = httpx.post(
            f"{line['url']}/v1/campaigns",
            data={"name": "n", "agent_id": "a", "phone_number_id": "p"},
            files={"contacts": ("c.csv", body)},
            headers=headers,
            timeout=PATIENCE,
            trust_env=False,
        )
    finally:
        done.set()
        watcher.join()
    assert response.status_code in {201, 400}, response.text
    if response.status_code == 201:
        path = f"{line['url']}/v1/campaigns/{response.json()['id']}"
        page = httpx.get(f"{path}/contacts", headers=headers, timeout=PATIENCE, trust_env=False)
        # Each of the 100 contacts of a page repeats the names of the header (at most 64 KiB).
        assert len(page.content) < 32 * MIB
        httpx.delete(path, headers=headers, trust_env=False, timeout=PATIENCE)
    assert max(peaks) < 300 * MIB, f"{max(peaks) / MIB:.0f} MiB"


@pytest.mark.slow
def test_an_upload_of_200_mib_is_refused_with_bounded_memory(process):
    import httpx

    started, line = process
    head = (
        b'--x\r\nContent-Disposition: form-data; name="contacts"; filename="c.csv"\r\n\r\n'
        b"phone_number\n"
    )

    def body():
        yield head
        for _ in range(200):
            yield b"+15550100001\n" * (MIB // 13)

    before = psutil.Process(started.pid).memory_info().rss
    try:
        response = httpx.post(
            f"{line['url']}/v1/campaigns",
            content=body(),
            headers={
                "Authorization": f"Bearer {line['api_key']}",
                "Content-Type": "multipart/form-data; boundary=x",
            },
            timeout=PATIENCE,
            trust_env=False,
        )
    except httpx.WriteError:
        pytest.fail("the upload was cut before its response could be read")
    assert (response.status_code, "10 MiB" in response.text) == (400, True)
    assert psutil.Process(started.pid).memory_info().rss - before < 100 * MIB
