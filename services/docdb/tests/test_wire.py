"""Messages: whole, byte by byte, with trailing bytes, and malformed ones."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.bson.encoder import encode_document
from services.docdb.crc32c import crc32c
from services.docdb.wire import (
    MalformedMessage,
    Message,
    MessageDecoder,
    WireError,
    decode_reply,
    encode_reply,
    encode_request,
)

BODY = encode_document({"insert": "c", "$db": "test"})


def message(opcode: int, rest: bytes, request_id: int = 7) -> bytes:
    return struct.pack("<iiii", 16 + len(rest), request_id, 0, opcode) + rest


def sequence(name: bytes, *documents: bytes) -> bytes:
    rest = name + b"\0" + b"".join(documents)
    return b"\1" + struct.pack("<i", 4 + len(rest)) + rest


ONE, TWO = encode_document({"_id": 1}), encode_document({"_id": 2})
MSG = message(2013, struct.pack("<I", 2) + sequence(b"documents", ONE, TWO) + b"\0" + BODY)


def decode_all(data: bytes) -> list[Message]:
    decoder = MessageDecoder()
    decoder.receive_data(data)
    return list(iter(decoder.next_request, None))


def test_both_kinds_of_sections() -> None:
    (found,) = decode_all(MSG)
    assert found.body == {"insert": "c", "$db": "test", "documents": [{"_id": 1}, {"_id": 2}]}
    assert found.raws == {"documents": [ONE, TWO]}
    assert not found.expects_reply


def test_byte_by_byte_and_trailing_bytes() -> None:
    decoder, found = MessageDecoder(), []
    data = MSG + encode_request(9, {"ping": 1})
    for place in range(len(data)):
        decoder.receive_data(data[place : place + 1])
        found += iter(decoder.next_request, None)
    assert [it.request_id for it in found] == [7, 9]
    assert len(decode_all(MSG + MSG[:30])) == 1


def test_checksums() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    rest = struct.pack("<I", 1) + b"\0" + BODY
    whole = struct.pack("<iiii", 20 + len(rest), 7, 0, 2013) + rest
    good = whole + struct.pack("<I", crc32c(whole))
    assert decode_all(good)[0].body["insert"] == "c"
    with pytest.raises(WireError):
        decode_all(whole + b"abcd")


def test_compression() -> None:
    inner = MSG[16:]
    packed = struct.pack("<iiB", 2013, len(inner), 2) + zlib.compress(inner)
    (found,) = decode_all(message(2012, packed))
    assert found.compressor == 2 and len(found.body["documents"]) == 2
    reply = encode_reply(found, {"ok": 1.0})
    assert decode_all(reply)[0].body == {"ok": 1.0}
    for bad in (
        struct.pack("<iiB", 2013, len(inner) - 1, 2) + zlib.compress(inner),
        struct.pack("<iiB", 2013, len(inner), 2) + b"noise",
        struct.pack("<iiB", 2013, len(inner), 9) + inner,
        struct.pack("<iiB", 2012, len(inner), 0) + inner,
    ):
        with pytest.raises(WireError):
            decode_all(message(2012, bad))


def test_the_old_greeting() -> None:
    rest = struct.pack("<i", 0) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1)
    (found,) = decode_all(message(2004, rest + encode_document({"isMaster": 1})))
    assert found.body == {"isMaster": 1, "$db": "admin"} and found.is_query
    reply = encode_reply(found, {"ok": 1.0})
    assert struct.unpack_from("<iiii", reply)[2:] == (7, 1)
    assert reply.endswith(encode_document({"ok": 1.0}))


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<iiii", 15, 1, 0, 2013),
        struct.pack("<iiii", 1 << 30, 1, 0, 2013),
        message(2013, struct.pack("<I", 4) + b"\0" + BODY),
        message(2013, struct.pack("<I", 0)),
        message(2013, struct.pack("<I", 0) + b"\0" + BODY + b"\0" + BODY),
        message(2013, struct.pack("<I", 0) + b"\5" + BODY),
        message(2013, struct.pack("<I", 0) + b"\1" + struct.pack("<i", 900) + b"d\0"),
        message(4711, b""),
    ],
)
def test_what_is_no_message_ends_the_connection(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_all(data)


def test_a_malformed_document_spoils_one_message_only() -> None:
    decoder = MessageDecoder()
    bad = bytearray(message(2013, struct.pack("<I", 0) + b"\0" + BODY))
    bad[-9] = 0xFF
    decoder.receive_data(bytes(bad) + MSG)
    with pytest.raises(MalformedMessage) as caught:
        decoder.next_request()
    assert caught.value.request_id == 7
    assert decoder.next_request().body["insert"] == "c"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(MSG) - 1), st.integers(0, 255), st.binary(max_size=20))
def test_noise(place: int, byte: int, rest: bytes) -> None:
    data = bytearray(MSG)
    data[place] = byte
    try:
        decode_all(bytes(data) + rest)
    except (WireError, MalformedMessage):
        pass


def test_our_own_client() -> None:
    (found,) = decode_all(encode_request(3, {"ping": 1, "$db": "admin"}))
    assert decode_reply(encode_reply(found, {"ok": 1.0})) == {"ok": 1.0}
