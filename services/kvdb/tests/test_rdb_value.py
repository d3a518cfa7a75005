"""Values in the format of Redis: round trips, forms of older servers, damage."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kvdb.crc_64 import crc_64
from services.kvdb.hashes import HashValue
from services.kvdb.lists import ListValue
from services.kvdb.packed_forms import FormatError
from services.kvdb.rdb_value import (
    ChecksumError,
    check_payload,
    decode_payload,
    encode_payload,
)
from services.kvdb.sets import SetValue
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.strings import RawString
from services.kvdb.tests.support import Console
from services.kvdb.tests.test_packed_forms import INTSET, ZIPLIST, ZIPMAP


def payload_of(kind: int, value: bytes) -> bytes:
    body = bytes([kind]) + value + b"\x0a\x00"
    return body + crc_64(body).to_bytes(8, "little")


def text(content: bytes) -> bytes:
    return bytes([len(content)]) + content


def to_hash(pairs: dict[bytes, bytes]) -> HashValue:
    value = HashValue()
    for name, content in pairs.items():
        value.put(name, content)
    return value


def test_a_payload_of_a_real_server():
    # Redis 7.0.15: SET s 12345, DUMP s.
    body = bytes.fromhex("00c13930 0a00".replace(" ", ""))
    payload = body + crc_64(body).to_bytes(8, "little")
    check_payload(payload)
    assert decode_payload(payload) == b"12345"


texts = st.binary(max_size=30)
values = st.one_of(
    st.binary(max_size=20_000),
    texts.map(RawString),
    st.lists(texts, min_size=1).map(ListValue),
    st.sets(texts, min_size=1).map(SetValue),
    st.dictionaries(texts, texts, min_size=1).map(to_hash),
    st.dictionaries(texts, st.floats(allow_nan=False), min_size=1).map(SortedSetValue),
)


@settings(deadline=None)
@given(values)
def test_values_come_back(value: object):
    payload = encode_payload(value)
    check_payload(payload)
    back = decode_payload(payload)
    if isinstance(value, SortedSetValue):
        assert back.pairs(0, len(back)) == value.pairs(0, len(value))
    else:
        assert back == value


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            3,
            b"\x03" + text(b"a") + text(b"1.5") + text(b"b") + b"\xfe" + text(b"c") + b"\xff",
            None,
        ),
        (9, text(ZIPMAP), to_hash({b"f1": b"v1", b"f2": b"v2"})),
        (10, text(ZIPLIST), ListValue([b"hi", b"7", b"300", b"-2"])),
        (11, text(INTSET), SetValue([b"-2", b"5", b"256"])),
        (13, text(ZIPLIST), to_hash({b"hi": b"7", b"300": b"-2"})),
        (14, b"\x02" + text(ZIPLIST) * 2, ListValue([b"hi", b"7", b"300", b"-2"] * 2)),
        (18, b"\x01\x01" + text(b"plain"), ListValue([b"plain"])),
    ],
)
def test_forms_of_older_servers(kind: int, value: bytes, expected: object):
    found = decode_payload(payload_of(kind, value))
    if expected is None:
        assert found.scores == {b"a": 1.5, b"b": float("inf"), b"c": float("-inf")}
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (1, b"\x00"),
        (2, b"\x02" + text(b"a") * 2),
        (3, b"\x01" + text(b"a") + b"\xfd"),
        (3, b"\x01" + text(b"a") + text(b"x")),
        (4, b"\x02" + text(b"a") * 4),
        (5, b"\x01" + text(b"a") + bytes.fromhex("000000000000f87f")),
        (6, b"\x00"),
        (12, text(ZIPMAP)),
        (18, b"\x01\x03" + text(b"plain")),
        (19, b"\x81" + b"\xff" * 8),
        (0, b"\xc4"),
        (0, b"\x82"),
        (255, b""),
    ],
)
def test_what_makes_no_sense_is_refused(kind: int, value: bytes):
    with pytest.raises(FormatError):
        decode_payload(payload_of(kind, value))


def test_checksum_and_version():
    payload = encode_payload(b"hello")
    for at in range(len(payload)):
        damaged = bytearray(payload)
        damaged[at] ^= 1
        with pytest.raises(ChecksumError):
            check_payload(bytes(damaged))
    for size in range(len(payload)):
        with pytest.raises(ChecksumError):
            check_payload(payload[:size])
    newer = payload[:-10] + b"\x0d\x00"
    with pytest.raises(ChecksumError):
        check_payload(newer + crc_64(newer).to_bytes(8, "little"))


def stream_payload() -> bytes:
    console = Console()
    for number in range(5):
        console("XADD", "s", f"{number + 1}-{5 - number}", "f", number, *(["g", 1] * (number == 3)))
    console("XDEL", "s", "2-4")
    console("XGROUP", "CREATE", "s", "g", "0")
    console("XREADGROUP", "GROUP", "g", "ann", "COUNT", 2, "STREAMS", "s", ">")
    console("XGROUP", "CREATE", "s", "h", "$")
    return console("DUMP", "s")


def test_a_stream_comes_back_with_its_groups():
    console, payload = Console(), stream_payload()
    assert console("RESTORE", "s", 0, payload) == "OK"
    assert [entry[0] for entry in console("XRANGE", "s", "-", "+")] == [
        b"1-5",
        b"3-3",
        b"4-2",
        b"5-1",
    ]
    pending = console("XPENDING", "s", "g", "-", "+", 10)
    assert [entry[:2] for entry in pending] == [[b"1-5", b"ann"], [b"3-3", b"ann"]]
    assert console("DUMP", "s") == payload


@pytest.mark.parametrize("value", [stream_payload(), encode_payload(to_hash({b"a": b"b"}))])
def test_any_damage_is_a_format_error_or_another_value(value: bytes):
    """Also where the checksum is right."""
    body = value[:-10]
    for at in range(len(body)):
        for byte in (0x00, 0x01, 0x3F, 0x80, 0x81, 0xC3, 0xFF, body[at] ^ 1):
            damaged = bytearray(value)
            damaged[at] = byte
            try:
                decode_payload(bytes(damaged))
            except FormatError:
                continue
    for size in range(1, len(body)):
        with pytest.raises(FormatError):
            decode_payload(body[:size] + value[-10:])
    with pytest.raises(FormatError):
        decode_payload(body + b"\x00" + value[-10:])
