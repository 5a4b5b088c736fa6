"""``kataven campaigns report --results``: one page about all campaigns of a plan."""

from __future__ import annotations

import pytest

from kataven import KatavenClient
from kataven.bulk import BulkRun, prepare
from kataven.cli.app import main
from kataven.sandbox import Clock, Sandbox
from tests.cli.test_report import Parsed

FORM = {"name": "May", "agent_id": "agt_1", "phone_number_id": "pn_1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The results of a run of three parts, in each format."""
    folder = tmp_path_factory.mktemp("results")
    lines = [f"+1415555{index:04d},Ann\n" for index in range(30)]
    (folder / "may.csv").write_text("phone_number,name\n" + "".join(lines))
    plan = prepare(folder / "may.csv", directory=folder / "plan", max_rows=10)
    with (
        Sandbox(time_scale=Clock.manual(), seed=1, limits=None) as hub,
        KatavenClient(hub.api_key, base_url=hub.url, clock=hub.client_clock) as client,
        BulkRun(plan, client, **FORM) as run,
    ):
        hub.outcomes["+1*"] = "answered"
        hub.outcomes["+14155550003"] = "busy"
        run.apply()
        for ending in ("csv", "jsonl", "parquet"):
            run.results(folder / f"all.{ending}")
        client.campaigns.export_contacts(run.status().parts[0].campaign_id, folder / "one.csv")
    return folder


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.slow
def test_the_report_of_a_plan_is_made_of_its_results(folder, ending, tmp_path, capsys):
    target = tmp_path / "page.html"
    table = str(folder / f"all.{ending}")

    code = main(["campaigns", "report", "--results", table, "-o", str(target), "--with-contacts"])
    words = " ".join(Parsed(target.read_text("utf-8")).words)

    assert (code, capsys.readouterr().out) == (0, f"30 contacts: {target}\n")
    assert "Contacts 30 Completed 29 (97%) Calls 30" in words
    assert "Campaign 3 campaigns" in words
    assert "failed busy 1 3.3% 1" in words
    assert "Only the last attempt of each contact is known." in words
    assert "+14155550003 failed 1 busy" in words


def test_the_export_of_one_campaign_is_a_table_of_results(folder, tmp_path):
    target = tmp_path / "page.html"

    assert (
        main(["campaigns", "report", "--results", str(folder / "one.csv"), "-o", str(target)]) == 0
    )

    words = " ".join(Parsed(target.read_text("utf-8")).words)
    assert "Contacts 10 Completed 9 (90%)" in words
    assert "+1415555" not in words


def test_a_report_needs_a_campaign_or_a_table_of_results(folder, tmp_path, capsys):
    (tmp_path / "odd.jsonl").write_text("[1]\n")
    (tmp_path / "odd.parquet").write_text("phone_number\n")
    (tmp_path / "odd.csv").write_bytes(b"status\n\xff\n")
    cases = [
        ((), "Give the ID of a campaign, or --results FILE."),
        (("cmp_1", "--results", folder / "all.csv"), "not both"),
        (("--results", folder / "may.csv"), "it has no column 'status'"),
        (("--results", tmp_path / "odd.jsonl"), "it has no column 'status'"),
        (("--results", tmp_path / "odd.parquet"), "is not a table that"),
        (("--results", tmp_path / "odd.csv"), "is not a table that"),
        (("--results", tmp_path / "odd.txt"), "not a known format"),
    ]
    for arguments, text in cases:
        given = [*map(str, arguments), "-o", str(tmp_path / "page.html")]
        assert main(["campaigns", "report", *given]) == 2
        shown = " ".join(capsys.readouterr().err.split())
        assert text in shown
        assert "Traceback" not in shown
    missing = ["--results", str(tmp_path / "none.csv"), "-o", str(tmp_path / "page.html")]
    assert main(["campaigns", "report", *missing]) == 10
    assert "none.csv" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
