"""The embedded Hub accepts the lists that check accepts, and refuses the others.

The Hub parses lists with code of its own. The tests upload over its socket, with plain httpx.
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kataven import contacts
from kataven.sandbox import Sandbox
from tests.contacts import make_exports
from tests.support.patience import PATIENCE


class Hub:
    """A client of an embedded Hub that uploads lists."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._client = httpx.Client(
            base_url=f"{sandbox.url}/api/v1",
            headers={"Authorization": f"Bearer {sandbox.api_key}"},
            trust_env=False,
            timeout=PATIENCE,
        )

    def upload(self, data: bytes) -> tuple[int | None, str]:
        """Upload a list; return the number of contacts (None if refused) and the error text."""
        form = {"name": "agreement", "agent_id": "a", "phone_number_id": "p"}
        sent = self._client.post(
            "/campaigns", data=form, files={"contacts": ("contacts.csv", data, "text/csv")}
        )
        if sent.status_code == httpx.codes.BAD_REQUEST:
            return None, sent.text
        campaign = sent.raise_for_status().json()["id"]
        page = self._client.get(f"/campaigns/{campaign}/contacts").raise_for_status().json()
        self._client.delete(f"/campaigns/{campaign}").raise_for_status()
        return page["total"], ""

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Sandbox(limits=None) as sandbox:
        found = Hub(sandbox)
        yield found
        found.close()


def agree(hub: Hub, data: bytes) -> None:
    """Compare a report with the response of the Hub."""
    report = contacts.check(data)
    total, text = hub.upload(data)
    assert report.ok is (total is not None), (data, text, report.summary())
    if total is not None:
        assert total == report.rows
        return
    named = re.search(r"\brow (\d+)", text)
    places = [problem.row for problem in report.problems if problem.severity == "error"]
    # If the entire list is wrong, or bytes are not text, they may name different rows.
    if named and None not in places and not report.counts["delimiter"] and "UTF-8" not in text:
        assert int(named[1]) == min(row for row in places if row is not None), (data, text)


def test_check_and_hub_agree_on_exports(hub: Hub) -> None:
    for name, data in make_exports.exports().items():
        agree(hub, data)
        if data and name != "utf16le_no_mark.csv":
            with contacts.clean(data, region="US") as cleaned:
                agree(hub, cleaned.read())


good_numbers = st.sampled_from(["+14155550100", "+447700900123", "+14155550101"])
odd_numbers = st.sampled_from(
    ["", "12", "+0123456", "+1415555010a", " +14155550100", "1.4E+10", '"+14155550100"', "+123456"]
)
good_cells = st.sampled_from(
    ["", "x", "é", '"q,r"', '"a ""b"" c"', '"two\nlines"', '"cr\rlf"', "=1"]
)
odd_cells = st.text(alphabet='",\n\r\0x;\ufeff\u200b', max_size=4)


@st.composite
def lists(draw: st.DrawFn) -> bytes:
    """Generate a valid list, or one with a few errors."""
    header = draw(
        st.sampled_from(
            [
                ["phone_number"],
                ["phone_number", "a"],
                ["a", "phone_number"],
                ["a", "b", "phone_number"],
            ]
        )
    )
    spoiled = draw(st.booleans())
    lines = [",".join(header)]
    for _ in range(draw(st.integers(0, 5))):
        cells = []
        for name in header:
            good = good_numbers if name == "phone_number" else good_cells
            odd = odd_numbers if name == "phone_number" else odd_cells
            cells.append(draw(st.one_of(good, good, good, odd) if spoiled else good))
        lines.append(",".join(cells))
        if draw(st.integers(0, 9)) == 0:
            lines.append("")
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = end.join(lines) + draw(st.sampled_from([end, end, ""]))
    mark = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    data = mark + text.encode()
    if spoiled and draw(st.integers(0, 7)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from([b"\xff", b"\xc3", b"\r", b'"', b"\n"])) + data[at:]
    return data


@given(lists())
@settings(max_examples=250)
@pytest.mark.slow
def test_check_and_hub_agree_on_any_list(hub: Hub, data: bytes) -> None:
    agree(hub, data)


@pytest.mark.parametrize("spare", [0, -1])
def test_check_and_hub_agree_on_the_maximum_size(hub: Hub, spare: int) -> None:
    start = b"phone_number,note\n+14155550100,"
    agree(hub, start.ljust(10 * 1024 * 1024 - 1 - spare, b"x") + b"\n")
