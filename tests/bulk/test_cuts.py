"""Lists are cut at line ends outside quotes, in any encoding."""

from pathlib import Path

import pytest

from kataven.bulk._cuts import chunk_end, line_start
from kataven.bulk._source import Layout
from kataven.bulk._sources import find_sources

TEXT = 'phone_number,note\n+14155550100,"a\nb\nc"\n+14155550101,\u0a05\u0100\u2205\n+14155550102,d'
ENDS = [TEXT.index("\n+14155550100") + 1, TEXT.index("\n+14155550101") + 1]
ENDS += [TEXT.index("\n+14155550102") + 1, len(TEXT)]


def layout_of(path: Path) -> Layout:
    return find_sources(path, None, None)[0].layout


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_cuts_are_at_the_last_record_end_that_fits(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(encoding))
    size = path.stat().st_size
    layout = layout_of(path)
    ends = [len(TEXT[:end].encode(layout.encoding)) + layout.start for end in ENDS]
    assert ends[-1] == size
    for start, nexts in ((layout.start, ends), (ends[0], ends[1:]), (ends[1], ends[2:])):
        for wanted in range(nexts[0] - start, size - start + 1):
            found = chunk_end(str(path), layout, size, start, wanted)
            assert found == max(end for end in nexts if end <= start + wanted)
    # The first line is longer, so the chunk is.
    assert chunk_end(str(path), layout, size, layout.start, 4) >= ends[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_start_of_the_last_lines(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(encoding))
    layout = layout_of(path)
    lines = TEXT.splitlines(keepends=True)[:-1]
    data = "".join(lines).encode(layout.encoding)
    for count in range(1, len(lines) + 1):
        rest = "".join(lines[len(lines) - count :]).encode(layout.encoding)
        assert line_start(data, layout, count) == len(data) - len(rest)


def test_a_stray_quote_does_not_make_a_chunk_of_the_rest_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'phone_number,note\n+14155550100,5" pipe\n' + b"+14155550101,x\n" * 20_000)
    size = path.stat().st_size
    end = chunk_end(str(path), layout_of(path), size, 0, 100_000)
    assert 90_000 < end <= 100_000
