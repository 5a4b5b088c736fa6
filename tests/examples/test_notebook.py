"""What a notebook shows, and the notebook of the examples."""

from __future__ import annotations

import copy
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kataven import CampaignProgress, contacts

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
HOSTILE = "<script>alert(1)</script>&\"'"


class Page(HTMLParser):
    """The elements, their attributes and the text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def shown(value) -> Page:
    page = Page(value._repr_html_())
    allowed = {"div", "b", "progress", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.tags <= allowed
    assert {name for name, _ in page.attributes} <= {"style", "max", "value", "aria-label"}
    # Readable on a light and on a dark page: nothing sets a colour.
    styles = {value for name, value in page.attributes if name == "style"}
    assert not any("color" in style or "background" in style or "#" in style for style in styles)
    return page


def test_progress_shows_status_bar_and_counts():
    progress = CampaignProgress(
        "running",
        total=1_000,
        counts={"pending": 400, "in_progress": 20, "completed": 580},
        fraction_done=0.58,
        active_calls=1,
        calls_per_minute=104.24,
        eta_seconds=251.2,
    )

    page = shown(progress)

    assert page.texts[:2] == ["running", " "]
    assert page.texts[2] == " 58 % · 104.2 finished per minute · 4 min 12 s left"
    assert page.texts[3:] == [
        *("pending", "in_progress", "completed", "total", "calls in flight"),
        *("400", "20", "580", "1,000", "1"),
    ]
    assert ("value", "0.580") in page.attributes


@pytest.mark.parametrize(
    ("fraction", "percent"), [(0.0, "0 %"), (0.29, "29 %"), (0.9999, "99 %"), (1.0, "100 %")]
)
def test_only_a_campaign_that_has_finished_is_at_100_percent(fraction, percent):
    page = shown(CampaignProgress("running", fraction_done=fraction))

    assert page.texts[-1] == f" {percent}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.2, "1 s"),
        (59.1, "1 min 0 s"),
        (3_599.0, "59 min 59 s"),
        (3_600.0, "1 h 0 min"),
        (7_141.0, "2 h 0 min"),
    ],
)
def test_the_time_left_is_rounded_up(seconds, text):
    page = shown(CampaignProgress("running", eta_seconds=seconds))

    assert page.texts[-1] == f" {text} left"


def test_progress_of_which_little_is_known():
    page = shown(CampaignProgress("paused"))

    assert page.tags == {"div", "b"}
    assert page.texts == ["paused", " "]


def test_a_finished_campaign_has_no_time_left():
    page = shown(CampaignProgress("completed", fraction_done=1.0, eta_seconds=0.0))

    assert "".join(page.texts) == "completed  100 %"


def test_texts_of_the_hub_and_of_a_list_are_escaped():
    progress = CampaignProgress(HOSTILE, counts={HOSTILE: 1})
    header = "\"<b>'x'</b>\""
    data = f'phone_number,"{header.replace(chr(34), chr(34) * 2)}"\n<i>,=1\n+12015550100,=1\n'
    report = contacts.check(data.encode())
    renamed = contacts.clean(b"<s>,Mobile\nAda,<script>\n").report

    assert shown(progress).texts.count(HOSTILE) == 2
    assert any(header in text for text in shown(report).texts)
    assert shown(renamed).texts[:1] == ["1 row, 0 kept, 1 dropped"]


def test_reports_show_their_summary_and_a_table():
    report = contacts.check(b"phone_number\nnone\n+12015550100\n+12015550100\n12\n")
    texts = shown(report).texts

    assert texts[0] == report.summary().splitlines()[0]
    assert texts[1:5] == ["severity", "kind", "count", "the first"]
    assert texts[5:8] == ["error", "bad_number", "2"]
    assert texts[8].startswith("row 2, column phone_number: ")
    assert texts[9:12] == ["warning", "duplicate", "1"]
    assert shown(contacts.check(b"phone_number\n+12015550100\n")).tags == {"div"}


def test_the_report_of_clean_shows_each_reason_once():
    data = b"Mobile\n+12015550100\n+12015550100\n+12015550100\nnone\n"
    texts = shown(contacts.clean(data).report).texts

    assert texts[0] == "4 rows, 1 kept, 3 dropped"
    assert texts[1] == "column 1: 'Mobile' is now 'phone_number'"
    assert texts[2:5] == ["dropped", "count", "the first"]
    assert texts[5:7] == ["duplicate", "2"]
    assert texts[7].startswith("row 3, ")
    assert texts[8:10] == ["no_digits", "1"]


def test_the_notebook_has_no_outputs_in_the_repository():
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert [cell.execution_count for cell in code] == [None] * len(code)


@pytest.mark.slow
def test_the_notebook_runs_and_updates_one_output_in_place(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KATAVEN_")}
    folders = {"IPYTHONDIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "generated")])

    nbclient = pytest.importorskip("nbclient")
    client = nbclient.NotebookClient(
        copy.deepcopy(notebook),
        timeout=100,
        startup_timeout=100,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    done = client.execute(env={**kept, **folders, "PYTHONPATH": paths})

    outputs = [cell.outputs for cell in done.cells if cell.cell_type == "code"]
    tables = [
        output.data["text/html"]
        for cell in outputs
        for output in cell
        if "text/html" in output.get("data", {})
    ]
    checked, cleaned, progress = map(Page, tables)
    assert checked.texts[0].startswith("not ready to upload: 4 rows")
    assert cleaned.texts[0] == "4 rows, 2 kept, 2 dropped"
    # One output, which was updated until the end.
    assert "".join(progress.texts).startswith("completed  100 %")
    (results,) = [output.text for cell in outputs for output in cell if "text" in output]
    assert {line.split()[0] for line in results.splitlines()} == {"+442079460001", "+442079460002"}
