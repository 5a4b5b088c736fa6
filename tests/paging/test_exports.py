"""Exports: every page is on disk before the next is read, and an interrupted export resumes."""

import asyncio
import csv
import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kataven import (
    AsyncKatavenClient,
    ExportProgress,
    ExportSummary,
    KatavenClient,
    NotFoundError,
    ResponseFormatError,
    ServerError,
)
from tests.support.clients import KEY, Blocking, DrivenClock
from tests.support.http import response
from tests.support.paged import PagedHub, contact
from tests.support.patience import PATIENCE
from tests.support.server import silence, wait_for

BROKEN = response(500, b"database")


def export(caller: Blocking, client: Any, target: Any, **options: Any) -> Any:
    return caller.call(lambda: client.campaigns.export_contacts("c1", target, **options))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(path: Path) -> list[str]:
    return [row["phone_number"] for row in rows(path)]


def everyone(hub: PagedHub) -> list[str]:
    return [row["phone_number"] for row in hub.contacts]


def test_every_contact_is_a_row(caller: Blocking, hub: PagedHub, tmp_path: Path) -> None:
    target = tmp_path / "contacts.csv"
    seen: list[ExportProgress] = []
    export(caller, caller.client(hub), target, on_progress=seen.append)
    assert numbers(target) == everyone(hub)
    assert rows(target)[7] == {
        "id": "ct_7",
        "phone_number": "+15550000007",
        "status": "failed",
        "first_name": "Person 7",
    }
    assert seen == [ExportProgress(1, 100), ExportProgress(2, 200), ExportProgress(3, 250)]
    assert [entry.name for entry in os.scandir(tmp_path)] == ["contacts.csv"]
    assert hub.pages == [0, 1, 2, 3]


def test_it_returns_what_was_written(caller: Blocking, hub: PagedHub, tmp_path: Path) -> None:
    for number in range(10):
        hub.contacts[number]["status"] = "completed"
    target = tmp_path / "contacts.csv"
    summary = export(caller, caller.client(hub), target)
    assert summary == ExportSummary(250, (target,), {"completed": 10, "failed": 240})
    hub.contacts = []
    assert export(caller, caller.client(hub), target) == ExportSummary(0, (target,), {})


def test_several_targets_come_from_one_reading_which_resumes(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    targets = [tmp_path / "contacts.csv", tmp_path / "contacts.jsonl", io.BytesIO()]
    client = caller.client(hub, max_retries=0)
    hub.respond(None, BROKEN)
    with pytest.raises(ServerError):
        export(caller, client, targets)
    assert export(caller, client, targets).paths == tuple(targets[:2])
    assert hub.pages == [0, 1, 1, 2, 3]
    assert numbers(tmp_path / "contacts.csv") == everyone(hub)
    assert len((tmp_path / "contacts.jsonl").read_text().splitlines()) == 250
    assert targets[2].getvalue() == (tmp_path / "contacts.csv").read_bytes()


def test_pages_that_were_kept_serve_another_last_error(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    hub.contacts[5]["last_error"] = hub.contacts[205]["last_error"] = "busy"
    client = caller.client(hub, max_retries=0)
    hub.respond(None, BROKEN)
    with pytest.raises(ServerError):
        export(caller, client, tmp_path / "contacts.csv")
    seen: list[ExportProgress] = []
    target = tmp_path / "busy.csv"
    export(caller, client, target, last_error="busy", on_progress=seen.append)
    assert numbers(target) == [hub.contacts[n]["phone_number"] for n in (5, 205)]
    assert seen == [ExportProgress(2, 1), ExportProgress(3, 2)]
    assert hub.pages == [0, 1, 1, 2, 3]


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_other_formats_hold_the_same(
    caller: Blocking, hub: PagedHub, tmp_path: Path, format: Any
) -> None:
    target = tmp_path / "contacts.table"
    export(caller, caller.client(hub), str(target), format=format, status="failed")
    if format == "jsonl":
        found = [json.loads(line)["phone_number"] for line in target.read_text().splitlines()]
    else:
        import pyarrow.parquet as pq

        found = pq.read_table(target).column("phone_number").to_pylist()
    assert found == everyone(hub)
    assert hub.lines[0] == "GET /campaigns/c1/contacts?status=failed&page=0"


def test_a_file_gets_the_table_and_stays_open(caller: Blocking, hub: PagedHub) -> None:
    file = io.BytesIO()
    export(caller, caller.client(hub), file)
    assert not file.closed
    found = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    assert [row["phone_number"] for row in found] == everyone(hub)


def test_a_failed_export_resumes_after_its_last_complete_page(
    caller: Blocking, hub: PagedHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kataven")
    target = tmp_path / "contacts.csv"
    target.write_text("an older table\n")
    client = caller.client(hub, max_retries=0)
    hub.respond(None, None, BROKEN)
    with pytest.raises(ServerError) as caught:
        export(caller, client, target)
    assert caught.value.page == 2
    assert target.read_text() == "an older table\n"
    assert "at page" not in caplog.text
    seen: list[ExportProgress] = []
    export(caller, client, target, on_progress=seen.append)
    assert hub.pages == [0, 1, 2, 2, 3]
    assert numbers(target) == everyone(hub)
    assert seen == [ExportProgress(3, 250)]
    assert "at page 2" in caplog.text


def test_a_failed_export_does_not_resume_one_of_another_status(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    client = caller.client(hub, max_retries=0)
    hub.respond(None, BROKEN)
    with pytest.raises(ServerError):
        export(caller, client, tmp_path / "all.csv")
    export(caller, client, tmp_path / "failed.csv", status="failed")
    assert hub.pages == [0, 1, 0, 1, 2, 3]
    export(caller, client, tmp_path / "all.csv")
    assert hub.pages[6:] == [1, 2, 3]
    assert numbers(tmp_path / "all.csv") == everyone(hub)


EXPORT = """
import sys
from kataven import KatavenClient
with KatavenClient("sk_live_acme_1", base_url=sys.argv[1]) as client:
    client.campaigns.export_contacts("c1", sys.argv[2])
"""


@pytest.mark.parametrize("word", [signal.SIGKILL, signal.SIGTERM], ids=lambda word: word.name)
def test_a_killed_export_resumes_after_its_last_complete_page(
    hub: PagedHub, tmp_path: Path, word: signal.Signals
) -> None:
    hub.contacts = [contact(number) for number in range(950)]
    hub.respond(*[None] * 6, silence)
    target = tmp_path / "contacts.csv"
    process = subprocess.Popen([sys.executable, "-c", EXPORT, hub.url, str(target)])
    wait_for(lambda: len(hub.requests) == 7)
    process.send_signal(word)
    assert process.wait(PATIENCE) == -word
    assert not target.exists()
    with KatavenClient(KEY, base_url=hub.url) as client:
        client.campaigns.export_contacts("c1", target)
    assert hub.pages == [0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10]
    assert numbers(target) == everyone(hub)


def test_a_cancelled_export_resumes_after_its_last_complete_page(
    hub: PagedHub, tmp_path: Path
) -> None:
    hub.respond(None, silence)
    target = tmp_path / "contacts.csv"

    async def main() -> None:
        async with AsyncKatavenClient(KEY, base_url=hub.url) as client:
            call = asyncio.create_task(client.campaigns.export_contacts("c1", target))
            while len(hub.requests) < 2:
                await asyncio.sleep(0.002)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await client.campaigns.export_contacts("c1", target)

    asyncio.run(main())
    assert hub.pages == [0, 1, 1, 2, 3]
    assert numbers(target) == everyone(hub)


def test_an_exception_of_on_progress_is_passed_on_and_the_page_is_kept(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    target = tmp_path / "contacts.csv"
    client = caller.client(hub)

    def enough(progress: ExportProgress) -> None:
        if progress.pages == 2:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        export(caller, client, target, on_progress=enough)
    export(caller, client, target)
    assert hub.pages == [0, 1, 2, 3]
    assert numbers(target) == everyone(hub)


def test_two_exports_of_one_campaign_do_not_write_into_each_other(
    hub: PagedHub, tmp_path: Path
) -> None:
    target = tmp_path / "contacts.csv"
    with KatavenClient(KEY, base_url=hub.url) as client:

        def again(_progress: ExportProgress) -> None:
            client.campaigns.export_contacts("c1", target)

        with pytest.raises(BlockingIOError):
            client.campaigns.export_contacts("c1", target, on_progress=again)


def test_a_hub_that_ignores_the_page_is_exported_once(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    hub.page = lambda _page: {"contacts": hub.contacts[:30]}
    target = tmp_path / "contacts.csv"
    export(caller, caller.client(hub), target)
    assert numbers(target) == everyone(hub)[:30]


def test_rows_that_are_not_objects_are_an_error_that_names_the_page(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    ordinary = hub.page
    hub.page = lambda page: ordinary(page) if page == 0 else {"contacts": ["+15550100001"]}
    client = caller.client(hub)
    with pytest.raises(ResponseFormatError, match="page 1") as caught:
        export(caller, client, tmp_path / "contacts.csv")
    assert caught.value.page == 1
    with pytest.raises(ResponseFormatError, match="page 1"):
        caller.call(lambda: client.campaigns.retry_list("c1"))


def test_a_deadline_applies_to_each_page_of_an_export(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    clock = DrivenClock()
    client = caller.client(hub, clock=clock, deadline=70)
    limited = response(429, b"rate_limited: x", {"Retry-After": "60"})
    hub.respond(limited, None, limited, None, limited, None)
    export(caller, client, tmp_path / "contacts.csv")
    assert numbers(tmp_path / "contacts.csv") == everyone(hub)
    assert sum(clock.slept) == pytest.approx(3 * 63)


@pytest.mark.parametrize(
    ("target", "options", "error"),
    [
        ("contacts.xls", {}, ValueError),
        ("contacts", {}, ValueError),
        ("contacts.csv", {"format": "xlsx"}, ValueError),
        ("nowhere/contacts.csv", {}, OSError),
        ("", {}, OSError),
        ("contacts.csv", {"status": "busy"}, ValueError),
        ("contacts.csv", {"last_error": ""}, ValueError),
        (7, {}, TypeError),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_anything_is_sent(
    caller: Blocking, hub: PagedHub, tmp_path: Path, target: Any, options: Any, error: Any
) -> None:
    client = caller.client(hub)
    place = str(tmp_path / target) if isinstance(target, str) else target
    with pytest.raises(error):
        export(caller, client, place, **options)
    assert hub.lines == []
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_campaign_leaves_no_table(
    caller: Blocking, hub: PagedHub, tmp_path: Path
) -> None:
    hub.respond(response(404, b"no such campaign"))
    client = caller.client(hub)
    with pytest.raises(NotFoundError) as caught:
        export(caller, client, tmp_path / "contacts.csv")
    assert caught.value.page == 0
    assert not (tmp_path / "contacts.csv").exists()
