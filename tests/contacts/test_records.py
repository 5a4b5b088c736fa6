"""The record reader: bulk and single reading agree, for any division into blocks."""

import csv
import io
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kataven.contacts.reader.records import RecordReader
from kataven.contacts.reader.text import Block, TextBlocks

TOKENS = ['"', '""', ",", "\n", "\n", "\r\n", "\r", "x", "é", '"a,b"', '"a\nb"', '"a\r\nb",']
texts = st.lists(st.sampled_from(TOKENS), max_size=30).map("".join)


def read(text: str, cuts: list[int], *, lenient: bool) -> list[tuple[int, list[str], bool]]:
    """Read a text in blocks that end at the given lines."""
    lines = io.StringIO(text, newline="\n").readlines()
    places = sorted({cut % (len(lines) + 1) for cut in cuts} | {0, len(lines)})
    blocks = []
    for start, end in pairwise(places):
        part = "".join(lines[start:end])
        blocks.append(Block(part, part.encode(), ()))
    return [
        (batch.first + index, cells, index in batch.malformed)
        for batch in RecordReader(blocks, lenient=lenient)
        for index, cells in enumerate(batch.rows)
    ]


@given(texts, st.lists(st.integers(0, 30), max_size=6), st.booleans())
def test_block_boundaries_change_nothing(text: str, cuts: list[int], lenient: bool) -> None:
    in_one_block = read(text, [], lenient=lenient)
    assert read(text, cuts, lenient=lenient) == in_one_block
    assert [row for row, _, _ in in_one_block] == list(range(1, len(in_one_block) + 1))


@given(st.lists(st.lists(st.text(alphabet='a",\r\n é', max_size=5), min_size=1, max_size=4)))
def test_output_of_the_csv_module_is_read_back(table: list[list[str]]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows(table)
    found = read(file.getvalue(), [], lenient=False)
    assert [(cells, flaw) for _, cells, flaw in found] == [(row, False) for row in table]


def test_a_malformed_record_affects_only_its_own_lines() -> None:
    text = 'a\n"open\nb\n"c" d\ne"\nf\n'
    found = read(text, [], lenient=False)
    assert found == [
        (1, ["a"], False),
        (2, ['"open'], True),
        (3, ["b"], False),
        (4, ['"c" d'], True),
        (5, ['e"'], True),
        (6, ["f"], False),
    ]


def test_wide_encodings_are_divided_at_line_ends() -> None:
    # In UTF-16, the bytes of U+0A05 U+0100 contain those of a line end.
    tail = "\u0a05\u0100\u0a05" + "x" * 400
    text = "phone_number,n\n" + "".join(f"+1415555{n:04d},{tail}\n" for n in range(2_000))
    for encoding in ("utf-16", "utf-16-be", "utf-32", "utf-8-sig"):
        mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
        blocks = list(TextBlocks(io.BytesIO(mark + text.encode(encoding))))
        assert "".join(block.text for block in blocks) == text
        assert all(block.text.endswith("\n") for block in blocks)
        assert not any(block.wrong for block in blocks)
