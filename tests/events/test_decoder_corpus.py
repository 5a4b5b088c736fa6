"""Every case of the corpus: at once, byte by byte, and cut once at each place.

A case's ``input`` holds one character per byte (Latin-1), so that invalid UTF-8 can be written
down; items, id and retry were written by hand from the rules.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kataven.events.decoder import EventDecoder

CORPUS = Path(__file__).parent.parent / "data" / "sse-corpus.jsonl"
CASES: list[dict[str, Any]] = [
    json.loads(line) for line in CORPUS.read_text(encoding="ascii").splitlines()
]


class InPlaceDecoder(EventDecoder):
    """Decodes every chunk in place, as the decoder does with large ones."""

    in_place_from = 0


DECODERS = [EventDecoder, InPlaceDecoder]


def decoded(chunks: Iterable[bytes], decoder_class: type[EventDecoder] = EventDecoder) -> str:
    """Feed the chunks to a new decoder; the outcome as text, because NaN is not equal to itself."""
    decoder = decoder_class()
    items = [item for chunk in chunks for item in decoder.feed(chunk)]
    return repr((items, decoder.last_event_id, decoder.retry))


def expected(case: dict[str, Any]) -> str:
    return repr((case["items"], case["last_event_id"], case["retry"]))


def test_the_corpus_has_its_cases_each_once() -> None:
    assert len(CASES) > 900
    assert len({case["name"] for case in CASES}) == len(CASES)


SHORT = [case for case in CASES if len(case["input"]) < 1000]
LONG = [case for case in CASES if len(case["input"]) >= 1000]
PARTS = 8


def check_cuts(case: dict[str, Any]) -> None:
    """Decode a case at once, byte by byte, and cut once at each place."""
    name, data, wanted = case["name"], case["input"].encode("latin-1"), expected(case)
    for way in DECODERS:
        assert decoded([data], way) == wanted, name
        assert decoded((data[at : at + 1] for at in range(len(data))), way) == wanted, name
        for at in range(len(data) + 1):
            assert decoded([data[:at], data[at:]], way) == wanted, f"{name}, cut at {at}"


# In parts, so that the workers of a test run share them.
@pytest.mark.parametrize("part", range(PARTS))
def test_a_case_yields_its_items_however_it_is_cut(part: int) -> None:
    for case in SHORT[part::PARTS]:
        check_cuts(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", LONG, ids=lambda case: ascii(case["name"]))
def test_a_long_case_yields_its_items_however_it_is_cut(case: dict[str, Any]) -> None:
    check_cuts(case)


@pytest.mark.parametrize("way", DECODERS)
@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_case_yields_its_items_in_chunks_of_a_few_bytes(
    size: int, way: type[EventDecoder]
) -> None:
    wrong = [
        case["name"]
        for case in CASES
        for data in [case["input"].encode("latin-1")]
        if decoded((data[at : at + size] for at in range(0, len(data), size)), way)
        != expected(case)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"\n", id="LF"),
        pytest.param(b"\r\n", id="CRLF", marks=pytest.mark.slow),
        pytest.param(b"\r", id="CR", marks=pytest.mark.slow),
    ],
)
def test_a_case_among_many_plain_frames_yields_its_items(end: bytes) -> None:
    """A chunk of that size is decoded in place, which must notice where that is wrong."""
    plain = (b'data: {"plain":true}' + end + end) * 500
    assert len(plain) > EventDecoder.in_place_from
    # After an end of the case's own the frames start again, as its expectation has it.
    wrong = [
        case["name"]
        for case in CASES
        if not case["input"].startswith("\xef")
        for data in [case["input"].encode("latin-1") + end + end]
        if (alone := list(EventDecoder().feed(data))) is not None
        if repr(list(EventDecoder().feed(plain + data + plain[: len(plain) // 100])))
        != repr([{"plain": True}] * 500 + alone + [{"plain": True}] * 5)
    ]
    assert wrong == []


def test_consecutive_cases_on_one_stream_yield_the_items_of_each() -> None:
    """No case leaves state that changes the next one."""
    decoder = EventDecoder()
    # A byte order mark counts only at a stream's start, and a frame must end before the next case.
    cases = [case for case in CASES if not case["input"].startswith("\xef")]
    for case in cases:
        data = case["input"].encode("latin-1")
        alone = EventDecoder()
        wanted = [*alone.feed(data), *alone.feed(b"\n\n\n")]
        items = [*decoder.feed(data), *decoder.feed(b"\n\n\n")]
        assert repr(items) == repr(wanted), case["name"]
    assert not decoder.pending
