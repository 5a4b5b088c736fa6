"""Random streams, cut at random, against a slow decoder written line by line from the WHATWG text."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kataven.events.decoder import DEFAULT_MAX_FRAME_BYTES, EventDecoder, FrameTooLargeError


@dataclass
class Outcome:
    """The outcome of a stream; compared by its repr, because NaN is not equal to itself."""

    items: list[Any] = field(default_factory=list)
    last_event_id: str = ""
    retry: int | None = None
    ended: bool = False
    too_large: bool = False


def lines_of(stream: bytes) -> Iterator[tuple[bytes, bool]]:
    """Cut a complete stream into lines; the flag says whether the line has its end."""
    at = 0
    for end in re.finditer(rb"\r\n|\n|\r", stream):
        yield stream[at : end.start()], True
        at = end.end()
    yield stream[at:], False


def reference(stream: bytes, limit: int = DEFAULT_MAX_FRAME_BYTES) -> Outcome:
    """Interpret a stream as the standard says, and yield as the Hub's contract says."""
    out = Outcome()
    if stream[:3] == b"\xef\xbb\xbf":
        stream = stream[3:]
    last_event_id_buffer = ""
    data_buffer = ""
    event_type_buffer = ""
    raw_data_lines: list[str] = []
    event_line = ""
    size = 0
    for line_bytes, ended in lines_of(stream):
        line = line_bytes.decode("utf-8", errors="replace")
        if line.startswith(":"):
            if len(line_bytes) > limit:
                out.too_large = True
                return out
            if ended:
                out.items.append(line)
            continue
        size += len(line_bytes)
        if size > limit:
            out.too_large = True
            return out
        if not ended:
            break
        if line == "":
            # Dispatch the event.
            out.last_event_id = last_event_id_buffer
            data = data_buffer.removesuffix("\n")
            is_end = event_type_buffer == "end"
            if raw_data_lines:
                try:
                    value = json.loads(data)
                except (ValueError, RecursionError):
                    value = ...
                nothing = is_end and (data == "" or value is None or value == {})
                if not nothing:
                    out.items.append(
                        value if isinstance(value, dict) else "\n".join(raw_data_lines)
                    )
            if is_end:
                out.items.append(event_line)
                out.ended = True
            data_buffer = event_type_buffer = event_line = ""
            raw_data_lines = []
            size = 0
            continue
        if ":" in line:
            name, value_text = line.split(":", 1)
            value_text = value_text.removeprefix(" ")
        else:
            name, value_text = line, ""
        if name == "event":
            event_type_buffer = value_text
            event_line = line
        elif name == "data":
            data_buffer += value_text + "\n"
            raw_data_lines.append(line)
        elif name == "id":
            if "\0" not in value_text:
                last_event_id_buffer = value_text
        elif name == "retry" and value_text and all(c in "0123456789" for c in value_text):
            out.retry = min(int(value_text), 10**15)
    return out


class InPlaceDecoder(EventDecoder):
    """Decodes every chunk in place, as the decoder does with large ones."""

    in_place_from = 0


def decoded(
    chunks: list[bytes],
    limit: int = DEFAULT_MAX_FRAME_BYTES,
    decoder_class: type[EventDecoder] = EventDecoder,
) -> Outcome:
    decoder = decoder_class(limit)
    out = Outcome()
    try:
        for chunk in chunks:
            for item in decoder.feed(chunk):
                out.items.append(item)
    except FrameTooLargeError:
        out.too_large = True
    out.last_event_id = decoder.last_event_id
    out.retry = decoder.retry
    out.ended = decoder.ended
    return out


VALUES = [
    *("", " ", "  ", "end", "end ", "END", "x", "{}", "{ }", "null", " null ", "[]", "1", "NaN"),
    *('{"a":1}', '{"a":1} ', '{"a":', "1}", '"b":2}', "{", "}", '{"a":NaN}', '{"a":"\u2028"}'),
    *('{"a":{"b":[1,2.5,"\\ud800"]}}', '{"a":1}{"b":2}', '{"a":1,"a":2}', '{"a":"é\U0001f4de"}'),
    *("5", "05", "-5", "5\0", "٣", "data: x", "event: end", ": x", "\ufeff{}", "\x85", "\x0b\x1c"),
]
NAMES = ["data", "data", "data", "event", "id", "retry", "", "Data", "data ", "\ufeffdata", "x"]
line_ends = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])
lines = st.one_of(
    st.just(b""),
    st.builds(
        lambda name, colon, value: f"{name}{colon}{value}".encode(),
        st.sampled_from(NAMES),
        st.sampled_from([": ", ": ", ":", ""]),
        st.sampled_from(VALUES) | st.text(max_size=6),
    ),
    st.sampled_from([b'data: {"a":1}', b"event: end", b": heartbeat", b"data", b"data:", b"}"]),
    st.binary(max_size=8),
    st.lists(
        st.sampled_from([b"data", b":", b" ", b"{", b"}", b"\xe2", b"\xef\xbb\xbf", b"\0"])
    ).map(b"".join),
)
streams = st.builds(
    lambda start, parts, rest: start + b"".join(line + end for line, end in parts) + rest,
    st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\xef"]),
    st.lists(st.tuples(lines, line_ends | st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"]))),
    lines,
)
places = st.lists(st.integers(0, 400), max_size=30)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    """Cut a stream at the given places; places beyond its end wrap around."""
    ends = sorted({0, len(stream), *(place % (len(stream) + 1) for place in at)})
    return [stream[start:end] for start, end in pairwise(ends)]


def check_cutting(stream: bytes, at: list[int]) -> None:
    check_bound(stream, at, DEFAULT_MAX_FRAME_BYTES)


def check_bound(stream: bytes, at: list[int], limit: int) -> None:
    # Limits below 3 are left out: two bytes of a byte order mark wait before they belong to a line.
    wanted = repr(reference(stream, limit))
    for way in (EventDecoder, InPlaceDecoder):
        assert repr(decoded([stream], limit, way)) == wanted
        assert repr(decoded(cut(stream, at), limit, way)) == wanted
        assert repr(decoded([stream[i : i + 1] for i in range(len(stream))], limit, way)) == wanted


@example(b'data: {"a":\r\n\r\n', [12])
@example(b'\xef\xbb\xbfdata: {"a":1}\n\n', [1, 2])
@example(b": x\r\n\r\n", [4])
@given(streams, places)
@settings(max_examples=400, deadline=None)
@pytest.mark.slow
def test_a_random_stream_cut_at_random_is_decoded_as_the_standard_says(
    stream: bytes, at: list[int]
) -> None:
    check_cutting(stream, at)


@pytest.mark.slow
@given(streams, places, st.integers(3, 40))
@settings(max_examples=200, deadline=None)
def test_a_frame_over_the_limit_is_refused_at_the_same_place_however_the_stream_is_cut(
    stream: bytes, at: list[int], limit: int
) -> None:
    check_bound(stream, at, limit)


@given(st.binary(max_size=200), places)
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_decoded_as_the_standard_says(stream: bytes, at: list[int]) -> None:
    check_cutting(stream, at)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.slow
@given(
    st.lists(st.dictionaries(st.text(), json_values, max_size=6), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    places,
)
@settings(max_examples=100, deadline=None)
def test_objects_are_decoded_as_json_loads_does(
    objects: list[dict[str, Any]], end: str, escape: bool, at: list[int]
) -> None:
    texts = [json.dumps(value, ensure_ascii=escape) for value in objects]
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    wanted = [json.loads(text) for text in texts]
    for way in (EventDecoder, InPlaceDecoder):
        assert repr(decoded(cut(stream, at), decoder_class=way).items) == repr(wanted)


@pytest.mark.proof
@pytest.mark.timeout(1800)
@given(streams, places, st.integers(3, 60))
@settings(
    max_examples=60_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_tens_of_thousands_of_random_streams_are_decoded_as_the_standard_says(
    stream: bytes, at: list[int], limit: int
) -> None:
    check_cutting(stream, at)
    check_bound(stream, at, limit)
