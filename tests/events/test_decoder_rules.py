"""The decoder's rules, one by one."""

import json
import math
import pickle
import sys
from typing import Any

import pytest

from kataven.events import is_end, is_heartbeat
from kataven.events.decoder import EventDecoder, FrameTooLargeError

A = b'data: {"a":1}\n\n'
MIB = 1024 * 1024


@pytest.fixture(autouse=True, params=["by lines", "in place"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule holds for both ways through the decoder, which takes the second for large chunks."""
    if request.param == "in place":
        monkeypatch.setattr(EventDecoder, "in_place_from", 0)


def fed(decoder: EventDecoder, chunk: bytes) -> list[Any]:
    return list(decoder.feed(chunk))


def decode(stream: bytes) -> list[Any]:
    return fed(EventDecoder(), stream)


def decode_cut(stream: bytes, at: int) -> list[Any]:
    decoder = EventDecoder()
    return [*fed(decoder, stream[:at]), *fed(decoder, stream[at:])]


# Lines


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_lines_end_with_crlf_lf_or_cr(end: bytes) -> None:
    assert decode(b'data: {"a":1}' + end + end) == [{"a": 1}]


def test_a_crlf_split_between_chunks_is_one_line_end() -> None:
    decoder = EventDecoder()
    assert fed(decoder, b"data: x\r") == []
    assert fed(decoder, b"\ndata: y\r") == []
    assert fed(decoder, b"\n\r") == ["data: x\ndata: y"]
    assert fed(decoder, b"\n") == []
    assert not decoder.pending


def test_an_empty_chunk_between_cr_and_lf_changes_nothing() -> None:
    decoder = EventDecoder()
    assert fed(decoder, b"data: x\r") == []
    assert fed(decoder, b"") == []
    assert fed(decoder, b"\n") == []
    assert fed(decoder, b"data: y\n\n") == ["data: x\ndata: y"]


def test_only_the_lf_right_after_a_cr_is_skipped() -> None:
    decoder = EventDecoder()
    assert fed(decoder, b"data: x\r") == []
    assert fed(decoder, b"\n\n") == ["data: x"]


def test_a_cr_ends_a_line_at_once() -> None:
    decoder = EventDecoder()
    assert fed(decoder, b": heartbeat\r") == [": heartbeat"]
    assert fed(decoder, b'data: {"a":1}\r\r') == [{"a": 1}]
    assert fed(decoder, b"event: end\r\n\r") == ["event: end"]


def test_one_byte_order_mark_at_the_very_start_is_dropped_and_no_other() -> None:
    mark = b"\xef\xbb\xbf"
    assert decode(mark + A) == [{"a": 1}]
    assert decode(mark + mark + A) == []
    assert decode(A + mark + A) == [{"a": 1}]


def test_malformed_utf8_becomes_replacement_characters() -> None:
    assert decode(b'data: {"a":"\xff\xe2\x80"}\n\n') == [{"a": "\ufffd\ufffd"}]
    assert decode(b": \xed\xa0\x80\n") == [": \ufffd\ufffd\ufffd"]


@pytest.mark.parametrize("char", "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\0", ids=ascii)
def test_no_other_character_ends_a_line(char: str) -> None:
    assert decode(f"data: x{char}y\n\n".encode()) == [f"data: x{char}y"]
    assert decode(f": x{char}y\n".encode()) == [f": x{char}y"]


def test_a_character_split_between_chunks_is_whole() -> None:
    decoder = EventDecoder()
    items = [i for byte in 'data: {"a":"é☎📞"}\n\n'.encode() for i in fed(decoder, bytes([byte]))]
    assert items == [{"a": "é☎📞"}]


# Fields


def test_several_data_lines_are_joined_with_lf() -> None:
    assert decode(b'data: {"a":\ndata: 1}\n\n') == [{"a": 1}]
    # Joined with nothing this would be the number 12; joined with LF it is not JSON.
    assert decode(b'data: {"a":1\ndata: 2}\n\n') == ['data: {"a":1\ndata: 2}']


def test_a_field_without_a_colon_has_an_empty_value() -> None:
    assert decode(b"data\n\n") == ["data"]
    assert decode(b'event: end\nevent\ndata: {"a":1}\n\n') == [{"a": 1}]


def test_one_leading_space_is_dropped_and_no_second() -> None:
    assert decode(b"event:end\n\n") == ["event:end"]
    assert decode(b"event: end\n\n") == ["event: end"]
    assert decode(b"event:  end\n\n") == []


def test_unknown_fields_are_ignored_and_names_are_case_sensitive() -> None:
    assert decode(b'foo: bar\ndata: {"a":1}\nDATA: x\n data: y\n\n') == [{"a": 1}]


def test_an_id_takes_effect_when_its_frame_ends() -> None:
    decoder = EventDecoder()
    assert decoder.last_event_id == ""
    fed(decoder, b'id: 7\ndata: {"a":1}\n')
    assert decoder.last_event_id == ""
    fed(decoder, b"\n")
    assert decoder.last_event_id == "7"
    fed(decoder, A)
    assert decoder.last_event_id == "7"
    fed(decoder, b"id\n\n")
    assert decoder.last_event_id == ""


def test_an_id_with_nul_is_ignored() -> None:
    decoder = EventDecoder()
    fed(decoder, b"id: 1\n\nid: 2\x003\n\n")
    assert decoder.last_event_id == "1"


def test_retry_takes_ascii_digits_only() -> None:
    decoder = EventDecoder()
    for line in ("retry: -1", "retry: 1.5", "retry: ٣", "retry: ²", "retry:", "retry"):
        fed(decoder, f"{line}\n\n".encode())
        assert decoder.retry is None, line
    fed(decoder, b"retry: 2500\n")
    assert decoder.retry == 2500


def test_a_retry_too_long_for_an_integer_counts_as_the_ceiling() -> None:
    decoder = EventDecoder()
    assert fed(decoder, b"retry: " + b"9" * 10_000 + b"\n" + A) == [{"a": 1}]
    assert decoder.retry == 10**15


# The end of a stream


@pytest.mark.parametrize(
    "rest",
    [b'data: {"a":1}', b'data: {"a":1}\n', b": heart", b"event: end", b"event: end\n", b"\xef\xbb"],
)
def test_an_unfinished_frame_at_the_end_is_discarded(rest: bytes) -> None:
    decoder = EventDecoder()
    assert fed(decoder, rest) == []
    assert decoder.pending
    assert not decoder.ended


def test_nothing_is_pending_between_frames() -> None:
    decoder = EventDecoder()
    assert not decoder.pending
    fed(decoder, A + b": heartbeat\n" + A)
    assert not decoder.pending
    fed(decoder, b"id: 1\n")
    assert decoder.pending


# Items, and when they are yielded


def test_a_dict_is_yielded_as_soon_as_its_blank_line_is_received() -> None:
    decoder = EventDecoder()
    assert fed(decoder, A[:-1]) == []
    assert fed(decoder, b"\n") == [{"a": 1}]


@pytest.mark.parametrize("line", [": heartbeat", ":x", ":", ": data: {}", ":: "])
def test_a_comment_is_yielded_as_received_as_soon_as_its_line_ends(line: str) -> None:
    decoder = EventDecoder()
    assert fed(decoder, line.encode()) == []
    assert fed(decoder, b"\n") == [line]


def test_a_comment_inside_a_frame_is_yielded_before_the_frame() -> None:
    decoder = EventDecoder()
    assert fed(decoder, b'data: {"a":1}\n: c\n') == [": c"]
    assert fed(decoder, b": d\n\n") == [": d", {"a": 1}]


def test_the_end_marker_is_yielded_when_its_frame_ends() -> None:
    decoder = EventDecoder()
    assert fed(decoder, b"event: end\n") == []
    assert not decoder.ended
    assert fed(decoder, b"\n") == ["event: end"]
    assert decoder.ended


def test_an_end_frame_with_an_object_yields_the_dict_and_then_the_marker() -> None:
    assert decode(b'event: end\ndata: {"a":1}\n\n') == [{"a": 1}, "event: end"]
    assert decode(b'data: {"a":1}\nevent: end\n\n') == [{"a": 1}, "event: end"]


@pytest.mark.parametrize("data", [b"data: {}", b"data: null", b"data", b"data:", b"data: { } "])
def test_an_end_frame_with_an_empty_object_null_or_no_data_yields_the_marker_alone(
    data: bytes,
) -> None:
    assert decode(b"event: end\n" + data + b"\n\n") == ["event: end"]


def test_an_end_frame_with_other_data_yields_the_raw_lines_and_then_the_marker() -> None:
    assert decode(b"event: end\ndata: completed\n\n") == ["data: completed", "event: end"]
    assert decode(b"event: end\ndata: []\ndata: x\n\n") == ["data: []\ndata: x", "event: end"]


def test_the_marker_does_not_end_the_stream() -> None:
    assert decode(b"event: end\n\n" + A) == ["event: end", {"a": 1}]


def test_the_marker_is_the_last_event_line_as_received() -> None:
    assert decode(b"event: end\nevent:end\n\n") == ["event:end"]
    assert decode(b"event: x\nevent: end\n\n") == ["event: end"]
    assert decode(b"event: end\nevent: x\n\n") == []


@pytest.mark.parametrize("name", ["END", "end ", " end", "End", "ends", "end\0"])
def test_event_names_are_compared_exactly(name: str) -> None:
    decoder = EventDecoder()
    assert fed(decoder, f"event: {name}\ndata: {{}}\n\n".encode()) == [{}]
    assert not decoder.ended


def test_other_event_names_yield_their_dict_and_without_data_nothing() -> None:
    assert decode(b'event: progress\ndata: {"a":1}\n\nevent: progress\n\n') == [{"a": 1}]


@pytest.mark.parametrize("data", ["[1,2]", "1", '"x"', "null", "true", "completed", "{", "{}{}"])
def test_data_that_is_not_an_object_is_yielded_as_its_raw_line(data: str) -> None:
    assert decode(f"data: {data}\n\n".encode()) == [f"data: {data}"]
    assert decode(f"data:{data}\n\n".encode()) == [f"data:{data}"]


@pytest.mark.parametrize("line", ["data", "data:", "data: "])
def test_data_with_an_empty_value_yields_its_raw_line_outside_an_end_frame(line: str) -> None:
    assert decode(f"{line}\n\n".encode()) == [line]


def test_no_data_forges_a_marker_or_a_heartbeat() -> None:
    for payload in (b"event: end", b": heartbeat", b'"event: end"', b"event:end"):
        decoder = EventDecoder()
        (item,) = fed(decoder, b"data: " + payload + b"\n\n")
        assert not is_end(item)
        assert not is_heartbeat(item)
        assert not decoder.ended


@pytest.mark.parametrize("levels", [5_000, 100_000])
@pytest.mark.parametrize("level", ['{"a":', '{"a":['], ids=["objects", "objects and arrays"])
def test_data_nested_too_deeply_is_yielded_raw_and_the_stream_goes_on(
    level: str, levels: int
) -> None:
    text = level * levels + "1" + "".join("]}" if "[" in level else "}" for _ in range(levels))
    try:
        json.loads(text)
    except RecursionError:
        wanted: Any = f"data: {text}"
    else:
        pytest.skip("this Python reads data of that depth")
    assert decode(f"data: {text}\n\n".encode() + A) == [wanted, {"a": 1}]


def test_an_integer_with_too_many_digits_is_yielded_raw_and_the_stream_goes_on() -> None:
    line = b'data: {"a":' + b"1" * (sys.get_int_max_str_digits() + 1) + b"}"
    assert decode(line + b"\n\n" + A) == [line.decode(), {"a": 1}]


def test_nan_and_infinity_are_decoded_as_json_loads_does() -> None:
    (item,) = decode(b'data: {"a":NaN,"b":Infinity,"c":-Infinity}\n\n')
    assert math.isnan(item["a"])
    assert (item["b"], item["c"]) == (math.inf, -math.inf)


def test_a_json_value_never_crosses_a_line_end() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        assert decode(b'data: {"a":' + end + b"1}" + end + end) == ['data: {"a":']
        assert decode(b"data: {" + end + b'"a":1}' + end + end) == ["data: {"]


@pytest.mark.parametrize("sent", [b"\0\0", b"\1\n\1\n", b"\1\0\1\0"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_control_characters_are_never_taken_for_line_ends(sent: bytes, end: bytes) -> None:
    stream = b'data: {"a":1}' + sent + b'data: {"b":2}' + end + end + b"data: {}" + end + end
    items = decode(stream)
    assert items[-1] == {}
    assert {"a": 1} not in items
    assert [i for at in range(len(stream)) for i in decode_cut(stream, at)] == items * len(stream)


# The marks


def test_is_end_accepts_both_spellings_and_nothing_else() -> None:
    assert is_end("event: end")
    assert is_end("event:end")
    for item in ("event: END", "event: end ", ": event: end", "data: event: end", {"event": "end"}):
        assert not is_end(item)


def test_is_heartbeat_is_true_for_comments_only() -> None:
    for comment in (": heartbeat", ":", ":x"):
        assert is_heartbeat(comment)
    for item in ("event: end", "data: : heartbeat", "data", {":": 1}, {}):
        assert not is_heartbeat(item)


# The size limit


def test_a_frame_may_be_as_large_as_the_limit_and_no_larger() -> None:
    decoder = EventDecoder(max_frame_bytes=13)
    assert fed(decoder, A * 3) == [{"a": 1}] * 3
    with pytest.raises(FrameTooLargeError):
        fed(decoder, b'data: {"a":12}\n\n')


@pytest.mark.slow
def test_the_default_limit_is_64_mib() -> None:
    line = b"data: " + b"x" * (64 * MIB - 6)
    (item,) = decode(line + b"\n\n")
    assert len(item) == 64 * MIB
    with pytest.raises(FrameTooLargeError, match="67108864"):
        decode(line + b"x")


@pytest.mark.parametrize("before", [b"", A], ids=["at first", "after another"])
def test_an_object_over_the_limit_is_refused_even_if_it_arrives_at_once(before: bytes) -> None:
    frame = b'data: {"a":"xxxxxxxxxx"}\n\n'
    for at in range(len(frame) + 1):
        decoder = EventDecoder(max_frame_bytes=len(frame) - 3)
        with pytest.raises(FrameTooLargeError):
            for chunk in (before + frame[:at], frame[at:]):
                fed(decoder, chunk)


def test_items_before_the_overflow_are_yielded_before_the_error() -> None:
    stream = A + b": c\n" + b"data: " + b"x" * 20 + b"\n\n" + A
    items = iter(EventDecoder(20).feed(stream))
    assert next(items) == {"a": 1}
    assert next(items) == ": c"
    with pytest.raises(FrameTooLargeError) as raised:
        next(items)
    assert raised.value.limit == 20


def test_a_line_without_an_end_is_refused_as_soon_as_it_is_too_long() -> None:
    decoder = EventDecoder(20)
    assert fed(decoder, b"data: " + b"x" * 14) == []
    with pytest.raises(FrameTooLargeError):
        fed(decoder, b"x")


def test_the_lines_of_a_frame_count_together_unknown_ones_too() -> None:
    decoder = EventDecoder(20)
    assert fed(decoder, b"data: 1234\nfoo: 12345\n") == []
    with pytest.raises(FrameTooLargeError):
        fed(decoder, b"x")


def test_comments_do_not_count_to_a_frame_but_each_is_limited() -> None:
    decoder = EventDecoder(20)
    assert fed(decoder, b"data: 1234\n") == []
    assert fed(decoder, b": heartbeat\n" * 100) == [": heartbeat"] * 100
    assert fed(decoder, b"\n") == ["data: 1234"]
    assert fed(decoder, b"data: 1234\n:" + b"x" * 19) == []
    with pytest.raises(FrameTooLargeError):
        fed(decoder, b"x")
    with pytest.raises(FrameTooLargeError):
        fed(EventDecoder(20), b":" + b"x" * 20 + b"\n")


def test_a_decoder_that_overflowed_raises_again_without_items() -> None:
    decoder = EventDecoder(20)
    for chunk in (A + b"x" * 21, b"\n\n" + A, b""):
        items: list[Any] = []
        with pytest.raises(FrameTooLargeError):
            for item in decoder.feed(chunk):
                items.append(item)  # noqa: PERF402 - what came before the error is asked for
        assert items == ([{"a": 1}] if chunk.startswith(A) else [])
    assert not decoder.pending


def test_the_error_is_a_value_error_that_pickles_and_says_what_to_do() -> None:
    error = FrameTooLargeError(20)
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, FrameTooLargeError)
    assert isinstance(copy, ValueError)
    assert (copy.limit, str(copy)) == (20, str(error))
    assert error.args == (20,)
    assert "20" in str(error)
    assert "max_frame_bytes" in str(error)


@pytest.mark.parametrize("bound", [0, -1])
def test_a_limit_below_one_is_refused(bound: int) -> None:
    with pytest.raises(ValueError, match="1"):
        EventDecoder(bound)
