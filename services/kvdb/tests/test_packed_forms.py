"""The packed forms: whole, cut off anywhere, with something behind, and damaged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kvdb.packed_forms import (
    FormatError,
    decode_intset,
    decode_listpack,
    decode_ziplist,
    decode_zipmap,
    decompress_lzf,
    encode_listpack,
)

ZIPLIST = bytes.fromhex(
    # Before, encoding, content: "hi"; 7 within the encoding; 300 in two bytes; -2 in one.
    "18000000 14000000 0400 00026869 04f8 02c02c01 04fefe ff".replace(" ", "")
)
INTSET = bytes.fromhex("0200000003000000 feff 0500 0001".replace(" ", ""))
ZIPMAP = bytes.fromhex("02 026631 02 00 7631 026632 02 01 7632 00 ff".replace(" ", ""))
LZF = bytes.fromhex("02616263 e00302".replace(" ", ""))

EXAMPLES = [
    (decode_intset, INTSET, [b"-2", b"5", b"256"]),
    (decode_zipmap, ZIPMAP, [b"f1", b"v1", b"f2", b"v2"]),
    (decode_ziplist, ZIPLIST, [b"hi", b"7", b"300", b"-2"]),
]
IDS = ["intset", "zipmap", "ziplist"]


@pytest.mark.parametrize(("decode", "data", "elements"), EXAMPLES, ids=IDS)
def test_whole(decode, data: bytes, elements: list[bytes]):
    assert decode(data) == elements


@pytest.mark.parametrize(("decode", "data", "elements"), EXAMPLES, ids=IDS)
def test_cut_off_and_with_something_behind(decode, data: bytes, elements: list[bytes]):
    for size in range(len(data)):
        with pytest.raises(FormatError):
            decode(data[:size])
    with pytest.raises(FormatError):
        decode(data + b"\x00")


@pytest.mark.parametrize("decode", [decode_listpack, *(it[0] for it in EXAMPLES)])
def test_any_damage_is_a_format_error_or_another_value(decode):
    @settings(max_examples=200, deadline=None)
    @given(
        st.sampled_from([encode_listpack([b"hi", 300, 5, b"x" * 70]), *(it[1] for it in EXAMPLES)]),
        st.integers(0, 200),
        st.integers(0, 255),
    )
    def damage(data: bytes, at: int, byte: int) -> None:
        damaged = bytearray(data)
        damaged[at % len(data)] = byte
        try:
            decode(bytes(damaged))
        except FormatError:
            pass

    damage()


elements = st.lists(
    st.one_of(st.binary(max_size=200), st.integers(-(2**63), 2**63 - 1)), max_size=20
)


@given(elements)
def test_a_listpack_comes_back(parts: list[bytes | int]):
    texts = [part if isinstance(part, bytes) else b"%d" % part for part in parts]
    assert decode_listpack(encode_listpack(parts)) == texts


@pytest.mark.parametrize("size", [0, 63, 64, 126, 4095, 4096, 16381, 16382, 70_000, 2_100_000])
def test_a_long_element_comes_back(size: int):
    packed = encode_listpack([b"x" * size, 1])
    assert decode_listpack(packed) == [b"x" * size, b"1"]


def test_a_listpack_is_checked_everywhere():
    packed = encode_listpack([b"hi", 300, 5])
    for size in range(len(packed)):
        with pytest.raises(FormatError):
            decode_listpack(packed[:size])
    with pytest.raises(FormatError):
        decode_listpack(packed + b"\xff")
    assert decode_listpack(packed[:4] + b"\xff\xff" + packed[6:]) == [b"hi", b"300", b"5"]
    with pytest.raises(FormatError):
        decode_listpack(packed[:4] + b"\x04\x00" + packed[6:])


@pytest.mark.parametrize(
    ("entry", "number"),
    [("7f01", 127), ("dfff02", -1), ("c1ff02", 511), ("d00002", -4096), ("f2ffff7f04", 2**23 - 1)],
)
def test_integers_of_a_listpack(entry: str, number: int):
    body = bytes.fromhex(entry)
    data = (7 + len(body)).to_bytes(4, "little") + b"\x01\x00" + body + b"\xff"
    assert decode_listpack(data) == [b"%d" % number]


def test_lzf():
    assert decompress_lzf(LZF, 15) == b"abcabcabcabcabc"
    for size in range(len(LZF)):
        with pytest.raises(FormatError):
            decompress_lzf(LZF[:size], 15)
    for wrong in (14, 16, 0):
        with pytest.raises(FormatError):
            decompress_lzf(LZF, wrong)
    with pytest.raises(FormatError):
        decompress_lzf(bytes.fromhex("0061 2005".replace(" ", "")), 4)
