"""The memcached codec: requests come out the same however the bytes come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kvdb.memcached_codec import (
    MAX_LINE_BYTES,
    MemcachedDecoder,
    MemcachedError,
    Request,
    decode_key,
    encode_meta_value,
    encode_statistics,
    encode_value,
    is_key,
    signed,
    unsigned,
)

BAD_LINE = "CLIENT_ERROR bad command line format"
LONG_KEY = b"k" * 251

# What comes in, and what goes out: the words and the data of a request, or the text of an error.
CASES: list[tuple[bytes, list[object]]] = [
    (b"get a\r\n", [[b"get", b"a"]]),
    (b"get a\nversion\n", [[b"get", b"a"], [b"version"]]),
    (b"  get   a  b \r\n", [[b"get", b"a", b"b"]]),
    (b"set a 1 0 5\r\nab\r\nc\r\n", [([b"set", b"a", b"1", b"0", b"5"], b"ab\r\nc")]),
    (b"set a 0 0 0\r\n\r\nmn\r\n", [([b"set", b"a", b"0", b"0", b"0"], b""), [b"mn"]]),
    (b"cas a 0 0 1 7\r\nx\r\n", [([b"cas", b"a", b"0", b"0", b"1", b"7"], b"x")]),
    (b"ms a 2 T0 c\r\nhi\r\n", [([b"ms", b"a", b"2", b"T0", b"c"], b"hi")]),
    (b"\r\nmn\r\n", ["ERROR", [b"mn"]]),
    (b"set a 0 0\r\nmn\r\n", ["ERROR", [b"mn"]]),
    (b"set a 0 0 1 2 3\r\n", ["ERROR"]),
    (b"ms\r\n", ["ERROR"]),
    (b"ms a\r\n", [BAD_LINE]),
    (b"ms a S2\r\nhi\r\n", [BAD_LINE, [b"hi"]]),
    (b"ms " + LONG_KEY + b" 2\r\n", [BAD_LINE]),
    (b"set " + LONG_KEY + b" 0 0 1\r\n", [BAD_LINE]),
    (b"set a\x01 0 0 1\r\n", [BAD_LINE]),
    (b"set a -1 0 1\r\n", [BAD_LINE]),
    (b"set a 4294967296 0 1\r\n", [BAD_LINE]),
    (b"set a 0 soon 1\r\n", [BAD_LINE]),
    (b"set a 0 0 -1\r\n", [BAD_LINE]),
    (b"cas a 0 0 1 x\r\n", [BAD_LINE]),
    (b"set a 0 0 2\r\nabcd\r\n", ["CLIENT_ERROR bad data chunk", "ERROR"]),
    (b"set a 0 0 2 noreply\r\nabcd\r\n", ["", "ERROR"]),
    (b"set a 0 0 30\r\n" + b"x" * 30 + b"\r\nmn\r\n", ["too large", [b"mn"]]),
    (b"ms a 30\r\n" + b"x" * 30 + b"\r\nmn\r\n", ["too large", [b"mn"]]),
]


def decoder_of_small_values() -> MemcachedDecoder:
    return MemcachedDecoder(max_value_bytes=20, max_line_bytes=4000)


def taken(decoder: MemcachedDecoder) -> list[object]:
    """All that comes out now, in the form of `CASES`."""
    found: list[object] = []
    while True:
        try:
            request = decoder.next_request()
        except MemcachedError as error:
            found.append(error.reply.decode())
            if error.is_fatal:
                return found
            continue
        if request is None:
            return found
        if request.is_too_large:
            found.append("too large")
        else:
            found.append(request.words if request.data is None else (request.words, request.data))


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_whole(data: bytes, expected: list[object]) -> None:
    decoder = decoder_of_small_values()
    decoder.receive_data(data)
    assert taken(decoder) == expected
    assert decoder.buffered_bytes == 0


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_byte_by_byte(data: bytes, expected: list[object]) -> None:
    decoder = decoder_of_small_values()
    found = []
    for byte in data:
        decoder.receive_data(bytes([byte]))
        found += taken(decoder)
    assert found == expected


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_with_the_beginning_of_another_request_behind(data: bytes, expected: list[object]) -> None:
    decoder = decoder_of_small_values()
    decoder.receive_data(data + b"get lat")
    assert taken(decoder) == expected
    decoder.receive_data(b"er\r\n")
    assert taken(decoder) == [[b"get", b"later"]]


def test_noreply_is_told_apart_from_a_line_that_is_only_that() -> None:
    decoder = decoder_of_small_values()
    decoder.receive_data(
        b"delete a noreply\r\nset a 0 0 1 noreply\r\nx\r\nnoreply\r\nmg noreply v\r\n"
    )
    silent = []
    while request := decoder.next_request():
        silent.append(request.is_silent)
    assert silent == [True, True, False, False]


def test_too_large_is_said_before_its_data_has_come() -> None:
    decoder = decoder_of_small_values()
    decoder.receive_data(b"set a 0 0 1000000 noreply\r\nxxx")
    assert decoder.next_request() == Request(
        [b"set", b"a", b"0", b"0", b"1000000", b"noreply"], None, True, is_too_large=True
    )
    assert decoder.next_request() is None
    assert decoder.buffered_bytes == 0


def test_a_line_without_end_is_fatal() -> None:
    decoder = decoder_of_small_values()
    decoder.receive_data(b"x" * MAX_LINE_BYTES)
    assert decoder.next_request() is None
    decoder.receive_data(b"x")
    with pytest.raises(MemcachedError) as caught:
        decoder.next_request()
    assert caught.value.is_fatal
    assert caught.value.reply == b"CLIENT_ERROR line too long"


def test_a_line_that_fetches_many_keys_may_be_long_but_not_endless() -> None:
    decoder = decoder_of_small_values()
    line = b"get " + b" ".join(b"key%d" % number for number in range(400))
    assert MAX_LINE_BYTES < len(line) < 4000
    decoder.receive_data(line)
    assert decoder.next_request() is None
    decoder.receive_data(b"\r\n")
    assert len(decoder.next_request().words) == 401
    decoder.receive_data(b"gets " + b"k" * 4000)
    with pytest.raises(MemcachedError):
        decoder.next_request()


def test_words() -> None:
    assert is_key(b"k" * 250)
    assert is_key("schlüssel".encode())
    assert not is_key(LONG_KEY)
    assert not is_key(b"a b")
    assert not is_key(b"a\x7f")
    assert not is_key(b"")
    assert unsigned(b"18446744073709551615") == 2**64 - 1
    assert unsigned(b"18446744073709551616") is None
    assert unsigned(b"-1") is unsigned(b"") is unsigned(b"1_0") is None
    assert signed(b"-60") == -60
    assert signed(b"1.5") is None


def test_keys_in_base64() -> None:
    assert decode_key(b"YQ==") == b"a"
    assert decode_key(b"AAEK") == b"\x00\x01\n"
    for word in (b"YQ", b"!!!!", b"", b"a" * 400):
        with pytest.raises(MemcachedError, match="error decoding key"):
            decode_key(word)


def test_encoding() -> None:
    assert encode_value(b"a", 5, b"hi") == b"VALUE a 5 2\r\nhi\r\n"
    assert encode_value(b"a", 5, b"", 9) == b"VALUE a 5 0 9\r\n\r\n"
    assert encode_meta_value(b"hi", b" t60") == b"VA 2 t60\r\nhi\r\n"
    assert encode_statistics({"pid": 1, "time": 2}) == b"STAT pid 1\r\nSTAT time 2\r\nEND\r\n"


words = st.sampled_from(
    [
        b"set",
        b"ms",
        b"get",
        b"cas",
        b"a",
        b"0",
        b"1",
        b"5",
        b"-1",
        b"noreply",
        b"\r\n",
        b"\n",
        b"T9",
    ]
)
noise = st.lists(words | st.binary(max_size=8), max_size=30).map(b" ".join)


@given(st.lists(noise, max_size=5))
def test_no_input_breaks_it_and_pieces_make_no_difference(pieces: list[bytes]) -> None:
    whole, in_pieces = decoder_of_small_values(), decoder_of_small_values()
    found = []
    for piece in pieces:
        in_pieces.receive_data(piece)
        found += taken(in_pieces)
    whole.receive_data(b"".join(pieces))
    assert found == taken(whole)
