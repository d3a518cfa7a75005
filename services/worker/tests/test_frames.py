"""The codec between worker and child: whole, byte by byte, with more behind it, and garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.frames import FrameDecoder, FrameError, encode_frame

JSON = st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=5), max_size=3)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=4)


def decoded(decoder: FrameDecoder) -> list[dict]:
    messages = []
    while (message := decoder.next_request()) is not None:
        messages.append(message)
    return messages


@given(MESSAGES)
def test_messages_come_back_in_one_piece(messages: list[dict]):
    decoder = FrameDecoder()
    decoder.receive_data(b"".join(map(encode_frame, messages)))
    assert decoded(decoder) == messages


@given(MESSAGES)
def test_messages_come_back_byte_by_byte(messages: list[dict]):
    decoder, found = FrameDecoder(), []
    for byte in b"".join(map(encode_frame, messages)):
        decoder.receive_data(bytes([byte]))
        found += decoded(decoder)
    assert found == messages


@given(MESSAGES, st.integers(1, 30))
def test_a_part_of_the_next_message_waits(messages: list[dict], cut: int):
    decoder = FrameDecoder()
    rest = encode_frame({"rest": "x" * 40})
    decoder.receive_data(b"".join(map(encode_frame, messages)) + rest[:cut])
    assert decoded(decoder) == messages
    decoder.receive_data(rest[cut:])
    assert decoded(decoder) == [{"rest": "x" * 40}]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 100_000])
def test_a_frame_that_is_no_object_is_refused(body: bytes):
    decoder = FrameDecoder()
    decoder.receive_data(len(body).to_bytes(4, "big") + body)
    with pytest.raises(FrameError):
        decoder.next_request()


def test_a_frame_that_is_too_large_is_refused_before_it_has_arrived():
    decoder = FrameDecoder(max_frame_bytes=10)
    decoder.receive_data(b"\x00\x00\x00\x0b")
    with pytest.raises(FrameError):
        decoder.next_request()


@given(st.binary(max_size=50))
def test_garbage_raises_nothing_else(data: bytes):
    decoder = FrameDecoder()
    decoder.receive_data(data)
    try:
        decoded(decoder)
    except FrameError:
        pass


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes", object()])
def test_what_is_no_json_cannot_be_sent(value: object):
    with pytest.raises((TypeError, ValueError)):
        encode_frame({"done": value})
