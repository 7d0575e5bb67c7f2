"""Frames and the hello, however the bytes arrive."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.gateway.wire.frames import (
    FRAME_BYTES_MAX,
    FrameError,
    FrameReader,
    frame,
    parse_hello,
)


def _stream(payloads: list[bytes]) -> bytes:
    return b"API\0" + b"".join(len(p).to_bytes(4, "big") + p for p in payloads)


@given(
    payloads=st.lists(st.binary(max_size=300), max_size=8),
    cuts=st.lists(st.integers(0, 2500), max_size=12),
)
def test_any_chunking_gives_back_the_payloads(payloads: list[bytes], cuts: list[int]) -> None:
    stream = _stream([b"v157..178", *payloads])
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    reader = FrameReader()
    found = [p for a, b in pairwise(edges) for p in reader.feed(stream[a:b])]
    assert found == [b"v157..178", *payloads]


def test_single_bytes_give_back_the_payloads() -> None:
    reader = FrameReader()
    found = [p for byte in _stream([b"v100..157", b"71\0"]) for p in reader.feed(bytes([byte]))]
    assert found == [b"v100..157", b"71\0"]


@pytest.mark.parametrize("head", [b"63\x00", b"GET / HTTP/1.1", b"A\x00", b"APIx", b"\x00\x00\x09"])
def test_other_protocols_and_legacy_clients_are_refused_at_once(head: bytes) -> None:
    with pytest.raises(FrameError, match="API"):
        FrameReader().feed(head)


@pytest.mark.parametrize("length", [-1, -(2**31), FRAME_BYTES_MAX + 1, 2**31 - 1])
def test_negative_and_oversized_lengths_are_refused_before_the_body(length: int) -> None:
    reader = FrameReader()
    reader.feed(_stream([b"v157..178"]))
    with pytest.raises(FrameError, match="outside"):
        reader.feed(length.to_bytes(4, "big", signed=True))


def test_a_hello_may_not_be_long() -> None:
    with pytest.raises(FrameError, match="outside"):
        FrameReader().feed(b"API\0" + (5000).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("text", "low", "high", "options"),
    [
        (b"v157..178", 157, 178, ""),
        (b"v100..225 +PACEAPI", 100, 225, "+PACEAPI"),
        (b"v178", 178, 178, ""),
        (b"v100..157\0", 100, 157, ""),
    ],
)
def test_hello_is_understood(text: bytes, low: int, high: int, options: str) -> None:
    hello = parse_hello(text)
    assert (hello.version_min, hello.version_max, hello.options) == (low, high, options)


@pytest.mark.parametrize("text", [b"", b"v", b"178", b"v178..157", b"vx..y", b"v-1..5", b"v1..2.3"])
def test_senseless_hello_is_refused(text: bytes) -> None:
    with pytest.raises(FrameError):
        parse_hello(text)


def test_frame_is_length_and_payload() -> None:
    assert frame(b"9\x001\x00") == b"\x00\x00\x00\x049\x001\x00"
