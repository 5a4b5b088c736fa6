"""The decoder at the edges of its rules: field values, named frames, limits, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from kataven.events.decoder import EventDecoder, FrameTooLargeError
from kataven.events.items import NamedFrame

A = b'data: {"a":1}\n\n'
B = b'data: {"b":2}\n\n'


@pytest.fixture(autouse=True, params=["by lines", "in place"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule holds for both ways through the decoder."""
    if request.param == "in place":
        monkeypatch.setattr(EventDecoder, "in_place_from", 0)


def cut_everywhere(stream: bytes, **options: Any) -> list[list[Any]]:
    """Decode a stream at once, in two chunks cut at each place, and byte by byte."""
    results = []
    chunked = [[stream[:at], stream[at:]] for at in range(len(stream))]
    for chunks in (*chunked, [bytes([byte]) for byte in stream]):
        decoder = EventDecoder(**options)
        results.append([item for chunk in chunks for item in decoder.feed(chunk)])
    return results


# Fields.


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (b":0", 0),
        (b":000", 0),
        (b": 007", 7),
        (b": 70", 70),
        (b":5", 5),
        (b": " + b"0" * 5_000 + b"5", 5),
        (b": 999999999999999", 10**15 - 1),
        (b": 1000000000000000", 10**15),
        (b": 1000000000000001", 10**15),
        (b": 10000000000000000", 10**15),
        (b":  5", None),
        (b":5 ", None),
        (b": X5", None),
    ],
)
def test_a_retry_is_read_as_milliseconds_up_to_the_ceiling(
    value: bytes, milliseconds: int | None
) -> None:
    decoder = EventDecoder()
    assert list(decoder.feed(b"retry" + value + b"\n\n")) == []
    assert decoder.retry == milliseconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b":7", "7"),
        (b": 7", "7"),
        (b":  7", " 7"),
        (b":7 ", "7 "),
        (b": a:b", "a:b"),
        (b": \xff", "\ufffd"),
    ],
)
def test_an_id_is_the_text_after_one_space(value: bytes, expected: str) -> None:
    decoder = EventDecoder()
    list(decoder.feed(b"id" + value + b"\n\n"))
    assert decoder.last_event_id == expected


def test_an_id_of_the_connection_before_lasts_until_the_next() -> None:
    decoder = EventDecoder(last_event_id="5")
    assert decoder.last_event_id == "5"
    assert list(decoder.feed(A)) == [{"a": 1}]
    assert list(decoder.feed(b": c\n\n")) == [": c"]
    assert decoder.last_event_id == "5"
    list(decoder.feed(b"id: 6\n\n" + B))
    assert decoder.last_event_id == "6"


def test_a_new_decoder_has_read_nothing() -> None:
    decoder = EventDecoder()
    assert (decoder.last_event_id, decoder.retry) == ("", None)
    assert decoder.ended is False
    assert decoder.pending is False


# Names.


@pytest.mark.parametrize(
    ("frame", "items"),
    [
        (b'event: x\ndata: {"a":1}\n\n', [NamedFrame("x", {"a": 1})]),
        (b'data: {"a":1}\nevent:x\n\n', [NamedFrame("x", {"a": 1})]),
        (b"event: x\ndata: {}\n\n", [NamedFrame("x", {})]),
        (b"event: x\ndata: y\n\n", [NamedFrame("x", "data: y")]),
        (b"event:  x\ndata: y\n\n", [NamedFrame(" x", "data: y")]),
        (b"event: x \ndata: y\n\n", [NamedFrame("x ", "data: y")]),
        (b"event: a:b\ndata: y\n\n", [NamedFrame("a:b", "data: y")]),
        (b"event: \xff\ndata: y\n\n", [NamedFrame("\ufffd", "data: y")]),
        (b"event: end\ndata: y\n\n", ["data: y", "event: end"]),
        (b'event: end\ndata: {"a":1}\n\n', [{"a": 1}, "event: end"]),
        (b"event\ndata: {}\n\n", [{}]),
        (b'event:\ndata: {"a":1}\n\n', [{"a": 1}]),
        (b"event: x\n\n", []),
        (b"data: y\n\n", ["data: y"]),
    ],
)
def test_a_reader_that_needs_names_gets_those_of_frames_with_data(
    frame: bytes, items: list[Any]
) -> None:
    plain = [item.data if isinstance(item, NamedFrame) else item for item in items]
    for found in cut_everywhere(frame + A, names=True):
        assert found == [*items, {"a": 1}]
        assert [type(each) for each in found[:-1]] == [type(each) for each in items]
    assert all(found == [*plain, {"a": 1}] for found in cut_everywhere(frame + A))


# What frames leave behind.


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_frames_of_every_kind_leave_nothing_to_the_next(end: bytes) -> None:
    frames: list[tuple[list[bytes], list[Any]]] = [
        ([b'data: {"a":1}'], [{"a": 1}]),
        ([b"data: x", b"data:y"], ["data: x\ndata:y"]),
        ([b'data: {"a":', b"data: 2}"], [{"a": 2}]),
        ([b"event: end"], ["event: end"]),
        ([b": c"], [": c"]),
        ([b"id: 1", b'data: {"a":3}', b"event: x"], [{"a": 3}]),
        ([b'data: {"a":4}', b'data: {"b":5}'], ['data: {"a":4}\ndata: {"b":5}']),
        ([b'data: {"a":5}', b": c", b"x"], [": c", {"a": 5}]),
        ([b'data: {"a":6} '], [{"a": 6}]),
        ([b'data: {"a":7}x'], ['data: {"a":7}x']),
        ([b"data: {}"], [{}]),
    ]
    for index, (first, before) in enumerate(frames):
        for second, after in (frames[index], frames[index - 1], frames[index - 4]):
            lines = [*first, b"", *second, b"", b'data: {"z":0}', b""]
            stream = b"".join(line + end for line in lines)
            wanted = [*before, *after, {"z": 0}]
            for found in cut_everywhere(stream):
                assert found == wanted


FRAMES = [
    b'data: {"b":2}|',
    b"data: x|",
    b": c",
    b'data: {"a":"\xc3\xa9"}|',
    b"event: end|",
    b'data: {"a":1}\0\0data: {"b":2}|',
    b'data: {"a":1}\1\n\1\ndata: {"b":2}|',
    b'data: {"a":1}\1\0\1\0data: {"b":2}|',
]
ENDS = [b"\n", b"\r\n", b"\r"]


def test_frames_with_different_line_ends_in_one_chunk_are_decoded_as_one_by_one() -> None:
    frames = [frame.replace(b"|", end) + end for frame in FRAMES for end in ENDS]
    for first in frames:
        for second in frames:
            # The first frame of a stream is always decoded line by line.
            at_once, one_by_one = EventDecoder(), EventDecoder()
            assert list(at_once.feed(A)) == list(one_by_one.feed(A)) == [{"a": 1}]
            chunk = first + second + B + first
            found = list(at_once.feed(chunk))
            assert found == [
                item for byte in chunk for item in one_by_one.feed(bytes([byte]), in_place=False)
            ]
            assert found.count({"b": 2}) >= 1


def test_control_characters_are_no_line_ends_after_the_first_frame_either() -> None:
    for sent in (b"\0\0", b"\1\n\1\n", b"\1\0\1\0"):
        for end in ENDS:
            decoder = EventDecoder()
            list(decoder.feed(A))
            stream = b'data: {"z":1}' + sent + b'data: {"b":2}' + end + end
            assert {"z": 1} not in list(decoder.feed(stream + b"data: {}" + end + end))


def test_a_byte_order_mark_that_is_complete_is_not_kept() -> None:
    decoder = EventDecoder()
    for byte in b"\xef\xbb":
        assert list(decoder.feed(bytes([byte]))) == []
        assert decoder.pending
    assert list(decoder.feed(b"\xbf")) == []
    assert not decoder.pending
    assert list(decoder.feed(A)) == [{"a": 1}]


# The limit.


def items_and_error(stream: bytes, limit: int, chunks: list[bytes]) -> tuple[list[Any], bool]:
    decoder = EventDecoder(limit)
    items: list[Any] = []
    try:
        for chunk in chunks:
            for item in decoder.feed(chunk):
                items.append(item)  # noqa: PERF402 - what came before the error is asked for
    except FrameTooLargeError as error:
        limits = {error.limit}
    else:
        return items, False
    assert not decoder.pending
    for again in (stream, b""):
        with pytest.raises(FrameTooLargeError) as caught:
            list(decoder.feed(again))
        limits.add(caught.value.limit)
    assert limits == {limit}
    return items, True


@pytest.mark.parametrize(
    ("frame", "item"),
    [
        (b'data: {"a":1234}\n\n', {"a": 1234}),
        (b"data: 1234567890\n\n", "data: 1234567890"),
        (b"data: 1\ndata: 23\n\n", "data: 1\ndata: 23"),
        (b": 1234567890123\n", ": 1234567890123"),
        (b'data: {"a":1234}\r\n\r\n', {"a": 1234}),
    ],
)
def test_the_limit_is_the_bytes_of_the_lines_however_they_arrive(frame: bytes, item: Any) -> None:
    size = sum(map(len, frame.splitlines()))
    before = b'data: {"a":0}' + frame[-1 - (b"\r" in frame) :] * 2
    for stream, wanted in ((frame, [item]), (before + frame, [{"a": 0}, item])):
        for at in range(len(stream) + 1):
            chunks = [stream[:at], stream[at:]]
            assert items_and_error(stream, size, chunks) == (wanted, False)
            assert items_and_error(stream, size - 1, chunks) == (wanted[:-1], True)
        single = [bytes([byte]) for byte in stream]
        assert items_and_error(stream, size, single) == (wanted, False)
        assert items_and_error(stream, size - 1, single) == (wanted[:-1], True)


def test_a_line_of_a_frame_counts_with_those_before_it_and_a_comment_alone() -> None:
    begun = b'data: {"a":1}\n'
    assert items_and_error(b"", 20, [begun, b"x" * 7, b"\n\n"]) == ([{"a": 1}], False)
    assert items_and_error(b"", 20, [begun, b"x" * 8]) == ([], True)
    comment = b":" + b"x" * 19
    assert items_and_error(b"", 20, [begun, comment, b"\n\n"]) == (
        [comment.decode(), {"a": 1}],
        False,
    )
    assert items_and_error(b"", 20, [begun, comment + b"x"]) == ([], True)
    assert items_and_error(b"", 20, [begun + comment + b"x\n"]) == ([], True)


def test_the_errors_of_limits_say_what_is_wrong() -> None:
    assert str(FrameTooLargeError(20)) == (
        "an event frame is larger than 20 bytes, so the stream was not read further; reopen it, "
        "or raise max_frame_bytes if frames of that size are expected"
    )
    with pytest.raises(ValueError, match=r"^max_frame_bytes must be at least 1, not 0$"):
        EventDecoder(0)
    assert list(EventDecoder(1).feed(b":\n")) == [":"]
