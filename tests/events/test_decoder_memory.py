"""The memory that the decoder uses."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from kataven.events.decoder import EventDecoder

MIB = 1024 * 1024


def peak_of(chunks: Iterator[bytes]) -> tuple[int, int, list[Any]]:
    """The peak memory, what was held after the last chunk, both in bytes, and the items."""
    decoder = EventDecoder()
    items: list[Any] = []
    tracemalloc.start()
    try:
        for chunk in chunks:
            items += decoder.feed(chunk)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak, held, items


def test_a_line_of_10_mb_in_chunks_of_1_kib_takes_a_few_times_its_size() -> None:
    line = b'data: {"a":"' + b"x" * 10_000_000 + b'"}\n\n'
    peak, _, items = peak_of(line[at : at + 1024] for at in range(0, len(line), 1024))
    assert items == [{"a": "x" * 10_000_000}]
    assert peak < 5 * len(line)


@pytest.mark.slow
def test_a_frame_of_200000_data_lines_takes_a_few_times_its_size() -> None:
    frame = b"data: 1\n" * 200_000 + b"\n"
    peak, _, items = peak_of(frame[at : at + 1024] for at in range(0, len(frame), 1024))
    assert items == [(b"data: 1\n" * 200_000)[:-1].decode()]
    assert peak < 8 * len(frame)


def test_an_object_over_200000_data_lines_is_read() -> None:
    numbers = list(range(200_000))
    lines = ",\n".join(str(number) for number in numbers).splitlines()
    stream = "\n".join(f"data: {line}" for line in ['{"a":[', *lines, "]}"]) + "\n\n"
    assert list(EventDecoder().feed(stream.encode())) == [{"a": numbers}]


@pytest.mark.parametrize("size", [MIB // 16, MIB])
@pytest.mark.slow
def test_buffered_single_bytes_take_little_more_than_their_size(size: int) -> None:
    one = [bytes([byte]) for byte in range(256)]
    peak, held, items = peak_of(one[120] for _ in range(size))
    assert items == []
    assert held < 1.5 * size
    assert peak < 3 * size


def test_nothing_of_a_frame_is_kept_after_it() -> None:
    decoder = EventDecoder()
    tracemalloc.start()
    try:
        list(decoder.feed(b": " + b"x" * MIB))
        list(decoder.feed(b"\ndata: " + b"x" * MIB))
        list(decoder.feed(b"\ndata: x\n\n"))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < MIB / 8


@pytest.mark.slow
def test_the_frames_of_a_large_chunk_are_not_all_decoded_at_once() -> None:
    frame = b'data: {"a":[1,2,3,4,5,6,7,8,9,10.5],"b":{"c":"d"}}\n\n'
    chunk = frame * (MIB // len(frame))
    decoder = EventDecoder()
    tracemalloc.start()
    try:
        count = sum(1 for _ in decoder.feed(chunk))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == MIB // len(frame)
    # The text and its bytes; all the objects together would take six times that.
    assert peak < 3 * MIB
