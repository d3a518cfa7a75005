"""WebSocket frames: whole, byte by byte, malformed, and against `websockets`."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode as TheirOpcode

from services.web.websocket_codec import (
    Close,
    CloseCode,
    Message,
    Opcode,
    Ping,
    Pong,
    WebSocketDecoder,
    WebSocketError,
    apply_mask,
    encode_close,
    encode_frame,
)
from services.web.websocket_deflate import (
    DeflateParameters,
    MessageDeflater,
    MessageInflater,
    negotiate,
)

MASK = b"\x11\x22\x33\x44"


def frame(opcode, payload=b"", **options):
    return encode_frame(Opcode(opcode), payload, mask=MASK, **options)


CONVERSATION = [
    (frame(1, "häl".encode()), Message("häl")),
    (frame(2, b"x" * 126), Message(b"x" * 126)),
    (frame(2, b"y" * 70_000), Message(b"y" * 70_000)),
    (frame(1, b"\xc3", is_final=False), None),
    (frame(9, b"are you there?"), Ping(b"are you there?")),
    (frame(0, b"", is_final=False), None),
    (frame(10, b""), Pong(b"")),
    (frame(0, b"\xa4!"), Message("ä!")),
    (frame(1, b""), Message("")),
    (encode_close(1000, "bye", mask=MASK), Close(1000, "bye")),
]


def events_of(data, size, **options):
    decoder = WebSocketDecoder(**options)
    events = []
    for at in range(0, len(data), size):
        decoder.receive_data(data[at : at + size])
        while (event := decoder.next_event()) is not None:
            events.append(event)
    return events


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000, 1_000_000])
def test_a_conversation_in_pieces_of_any_size(size):
    data = b"".join(frame for frame, _ in CONVERSATION)
    wanted = [event for _, event in CONVERSATION if event is not None]
    assert events_of(data, size) == wanted
    # What follows a close frame means nothing.
    assert events_of(data + b"\xff" * 50, size) == wanted


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (encode_frame(Opcode.TEXT, b"unmasked"), 1002),
        (frame(1, b"x", is_compressed=True), 1002),
        (b"\xa1\x80" + MASK, 1002),
        (b"\x91\x80" + MASK, 1002),
        (b"\x83\x80" + MASK, 1002),
        (b"\x8b\x80" + MASK, 1002),
        (frame(9, b"x" * 126), 1002),
        (frame(9, b"x", is_final=False), 1002),
        (frame(0, b"nothing to continue"), 1002),
        (frame(1, b"a", is_final=False) + frame(1, b"b"), 1002),
        (b"\x82\xfe\x00\x7d" + MASK, 1002),
        (b"\x82\xff" + struct.pack("!Q", 65535) + MASK, 1002),
        (b"\x82\xff" + struct.pack("!Q", 1 << 63) + MASK, 1002),
        (frame(8, b"\x03"), 1002),
        (frame(8, struct.pack("!H", 999)), 1002),
        (frame(8, struct.pack("!H", 1004)), 1002),
        (frame(8, struct.pack("!H", 1005)), 1002),
        (frame(8, struct.pack("!H", 1006)), 1002),
        (frame(8, struct.pack("!H", 1015)), 1002),
        (frame(8, struct.pack("!H", 1016)), 1002),
        (frame(8, struct.pack("!H", 2999)), 1002),
        (frame(8, struct.pack("!H", 5000)), 1002),
        (frame(8, struct.pack("!H", 1000) + b"\xff"), 1007),
        (frame(1, b"\xff"), 1007),
        (frame(1, b"\xc3"), 1007),
        (frame(1, b"\xed\xa0\x80"), 1007),
        (frame(1, b"ok", is_final=False) + frame(0, b"\xff", is_final=False), 1007),
        # Refused when it is announced, before any of it is there.
        (b"\x82\xff" + struct.pack("!Q", 1 << 62) + MASK, 1009),
        (frame(2, b"x" * 600, is_final=False) + frame(0, b"x" * 600), 1009),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
def test_what_is_refused(data, code, size):
    with pytest.raises(WebSocketError) as caught:
        events_of(data, size, max_message_bytes=1000)
    assert caught.value.code == code


def test_a_server_masks_nothing_and_a_client_expects_it_so():
    data = encode_frame(Opcode.TEXT, b"hi") + encode_close(1001, "ü" * 100)
    events = events_of(data, 1, expects_mask=False)
    assert events == [Message("hi"), Close(1001, "ü" * 61)]
    with pytest.raises(WebSocketError):
        events_of(frame(1, b"masked"), 1, expects_mask=False)


def test_reserved_codes_are_never_sent():
    assert encode_close(CloseCode.NO_STATUS) == b"\x88\x00"
    for code in (0, 1004, 1006, 1015, 65535):
        with pytest.raises(ValueError, match="close code"):
            encode_close(code)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masks_undo_themselves(data, mask):
    masked = apply_mask(data, mask)
    assert masked == bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    assert apply_mask(masked, mask) == data


@given(st.binary(max_size=100), st.integers(1, 20))
def test_any_bytes_are_decoded_or_refused(data, size):
    def read(size):
        try:
            return events_of(data, size)
        except WebSocketError as error:
            return error.code

    assert read(size) == read(1000)


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        ("", None),
        ("permessage-deflate", "permessage-deflate; server_no_context_takeover"),
        (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover",
        ),
        (
            'permessage-deflate; client_no_context_takeover; server_max_window_bits="10"',
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
            "server_max_window_bits=10",
        ),
        (
            "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, "
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover",
        ),
        ("permessage-deflate; unknown", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=07", None),
        ("permessage-deflate; server_max_window_bits", "permessage-deflate; server_no"),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", None),
    ],
)
def test_negotiation(offers, answer):
    if answer == "permessage-deflate; server_no":
        assert negotiate(offers) is None
        return
    accepted = negotiate(offers)
    assert (accepted and accepted.encode()) == answer


@pytest.mark.parametrize("forgets", [False, True])
def test_compressed_messages_of_another_implementation(forgets):
    theirs = PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=forgets,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )
    parameters = DeflateParameters(client_no_context_takeover=forgets)
    decoder = WebSocketDecoder(inflater=MessageInflater(parameters))
    deflater = MessageDeflater(parameters)
    for text in ("hello " * 50, "", "hello " * 50, "other", "hello " * 5000):
        sent = theirs.encode(TheirFrame(TheirOpcode.TEXT, text.encode()))
        half = len(sent.data) // 2
        decoder.receive_data(frame(1, bytes(sent.data[:half]), is_final=False, is_compressed=True))
        decoder.receive_data(frame(9) + frame(0, bytes(sent.data[half:])))
        assert decoder.next_event() == Ping(b"")
        assert decoder.next_event() == Message(text)
        ours = TheirFrame(TheirOpcode.TEXT, deflater.deflate(text.encode()), rsv1=True)
        assert theirs.decode(ours).data == text.encode()


def test_a_small_message_that_is_a_large_one():
    parameters = DeflateParameters()
    bomb = MessageDeflater(parameters).deflate(b"\0" * 5_000_000)
    assert len(bomb) < 10_000
    decoder = WebSocketDecoder(inflater=MessageInflater(parameters), max_message_bytes=100_000)
    decoder.receive_data(frame(2, bomb, is_compressed=True))
    with pytest.raises(WebSocketError) as caught:
        decoder.next_event()
    assert caught.value.code == CloseCode.TOO_BIG


@pytest.mark.parametrize("data", [b"\xff" * 20, b"garbage that is no deflate"])
def test_what_is_no_deflate(data):
    decoder = WebSocketDecoder(inflater=MessageInflater(DeflateParameters()))
    decoder.receive_data(frame(2, data, is_compressed=True))
    with pytest.raises(WebSocketError) as caught:
        decoder.next_event()
    assert caught.value.code == CloseCode.INVALID_DATA
