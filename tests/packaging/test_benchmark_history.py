"""benchmarks/history.jsonl: a line for each complete run, and what appends it."""

from __future__ import annotations

import importlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """The module that runs benchmarks, with a benchmark and results in a folder of the test."""
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("run")
    (tmp_path / "sample.py").write_text("def measure():\n    return {'sample': (1.23456, 2.0)}\n")
    (tmp_path / "run.py").write_text("")
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(module, "HISTORY", tmp_path / "history.jsonl")
    yield module
    for name in ("run", "sample"):
        sys.modules.pop(name, None)


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_history_has_date_commit_and_ratios_in_order():
    history = lines(FOLDER / "history.jsonl")

    dates = [datetime.fromisoformat(line["date"]) for line in history]
    assert dates == sorted(dates)
    for line in history:
        assert line.keys() == {"date", "commit", "ratios"}
        assert re.fullmatch(r"[0-9a-f]{7,}\+?|unknown", line["commit"])
        assert all(ratio >= 0 for ratio in line["ratios"].values())


def test_a_complete_run_appends_one_line(runner, monkeypatch, capsys):
    begun = datetime.now(UTC).replace(microsecond=0)
    monkeypatch.setattr(sys, "argv", ["run.py"])

    assert runner.main() == 0
    assert runner.main() == 0

    history = lines(runner.HISTORY)
    assert [line["ratios"] for line in history] == [{"sample": 1.235}] * 2
    assert all(datetime.fromisoformat(line["date"]) >= begun for line in history)


def test_a_run_of_some_benchmarks_appends_nothing(runner, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["run.py", "sample"])

    assert runner.main() == 0
    assert not runner.HISTORY.exists()
