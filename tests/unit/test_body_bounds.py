"""A response body, read chunk by chunk: decompressed, bounded, never silently truncated."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kataven._http.body import LONGEST_BODY, Body, BodyError
from tests.support.tables import table

MIB = 1024 * 1024


def _compress(data: bytes, encoding: str) -> bytes:
    return zlib.compress(data) if encoding == "deflate" else gzip.compress(data, mtime=0)


def _decompress(encodings: str, compressed: bytes, cuts: list[int]) -> bytes:
    body = Body(encodings)
    last = 0
    for cut in sorted({min(cut, len(compressed)) for cut in cuts}):
        body.feed(compressed[last:cut])
        last = cut
    body.feed(compressed[last:])
    return body.complete()


contents = st.binary(max_size=2000) | st.builds(
    lambda chunk, times: chunk * times, st.binary(min_size=1, max_size=8), st.integers(1, 60_000)
)
chains = st.lists(st.sampled_from(["gzip", "x-gzip", "deflate", "GZIP", "identity"]), max_size=3)
cuts = st.lists(st.integers(0, 5000), max_size=12)


@given(contents, chains, cuts)
def test_any_encoding_in_any_chunks_gives_the_content(
    content: bytes, chain: list[str], at: list[int]
) -> None:
    compressed = content
    for encoding in chain:
        if encoding != "identity":
            compressed = _compress(compressed, encoding)
    assert _decompress(", ".join(chain), compressed, at) == content


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_truncated_compressed_body_is_a_transient_error(
    content: bytes, data: st.DataObject
) -> None:
    compressed = gzip.compress(content, mtime=0)
    end = data.draw(st.integers(1, len(compressed) - 1))
    body = Body("gzip")
    body.feed(compressed[:end])
    with pytest.raises(BodyError) as caught:
        body.complete()
    assert caught.value.final is False


@given(st.binary(min_size=3, max_size=300))
def test_rubbish_instead_of_compressed_data_is_a_body_error(rubbish: bytes) -> None:
    body = Body("gzip")
    try:
        body.feed(rubbish)
        body.complete()
    except BodyError:
        return
    assert rubbish.startswith(b"\x1f\x8b")


def test_one_byte_at_a_time_is_the_same_as_all_at_once() -> None:
    compressed = gzip.compress(gzip.compress(b"0" * 100_000))
    body = Body("gzip, gzip")
    for at in range(len(compressed)):
        body.feed(compressed[at : at + 1])
    assert body.complete() == b"0" * 100_000


def test_an_empty_body_is_empty_with_any_encoding() -> None:
    for encodings in ("", "gzip", "gzip, gzip", "deflate"):
        assert Body(encodings).complete() == b""


@pytest.mark.parametrize("encodings", ["", "gzip", "gzip, gzip"])
@pytest.mark.slow
def test_the_limit_is_exactly_sixteen_mib(encodings: str) -> None:
    assert LONGEST_BODY == 16 * MIB
    for size, taken in [(LONGEST_BODY, True), (LONGEST_BODY + 1, False)]:
        compressed = b"\0" * size
        for encoding in filter(None, encodings.split(", ")):
            compressed = _compress(compressed, encoding)
        body = Body(encodings)
        if taken:
            body.feed(compressed)
            assert len(body.complete()) == size
        else:
            with pytest.raises(BodyError) as caught:
                body.feed(compressed)
            assert caught.value.final is True


@table("encodings", ["br", "zstd", "gzip, br", "x-unknown", "gzip, gzip, gzip, gzip"])
def test_an_unknown_or_too_deep_encoding_is_final(encodings: str) -> None:
    with pytest.raises(BodyError) as caught:
        Body(encodings)
    assert caught.value.final is True


def _peak(body: Body, chunks: list[bytes]) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for chunk in chunks:
            body.feed(chunk)
        body.complete()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_a_body_in_tiny_chunks_takes_memory_in_proportion_to_its_size() -> None:
    assert _peak(Body(), [b"x"] * 200_000) < 2 * MIB


def test_empty_members_take_no_memory() -> None:
    member = gzip.compress(b"", mtime=0)
    assert _peak(Body("gzip"), [member * 3000] * 10) < MIB


def test_bytes_after_the_compressed_end_take_no_memory() -> None:
    body = Body("gzip")
    body.feed(gzip.compress(b"x"))
    assert _peak(body, [b"y" * 65536] * 200) < MIB
    assert body.complete() == b"x"
