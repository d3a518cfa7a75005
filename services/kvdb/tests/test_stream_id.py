"""Stream IDs: their forms, and what stands for a part that is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.resp import ReplyError
from services.kvdb import stream_id
from services.kvdb.stream_id import HIGHEST, LOWEST, MAX_SEQUENCE, format_id, make_id

HALF = st.integers(0, MAX_SEQUENCE)


@given(HALF, HALF)
def test_an_id_comes_back_as_it_was(milliseconds: int, sequence: int):
    entry_id = make_id(milliseconds, sequence)
    assert stream_id.parse_id(format_id(entry_id)) == entry_id
    assert stream_id.milliseconds_of(entry_id) == milliseconds
    assert LOWEST <= entry_id <= HIGHEST


@given(st.tuples(HALF, HALF), st.tuples(HALF, HALF))
def test_ids_are_in_the_order_of_their_parts(one: tuple[int, int], other: tuple[int, int]):
    assert (make_id(*one) < make_id(*other)) == (one < other)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (b"5-3", (5, 3)),
        (b"5", (5, 0)),
        (b"007-01", (7, 1)),
        (b"0-0", (0, 0)),
        (b"18446744073709551615-18446744073709551615", (MAX_SEQUENCE, MAX_SEQUENCE)),
    ],
)
def test_ids_that_are_spelled_out(text: bytes, parts: tuple[int, int]):
    assert stream_id.parse_id(text) == make_id(*parts)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-",
        b"+",
        b"x",
        b"5-",
        b"-5",
        b"5-x",
        b"1-2-3",
        b"5-*",
        b"*",
        b" 5",
        b"18446744073709551616",
        b"1-18446744073709551616",
        b"0" * 128,
        "５".encode(),
    ],
)
def test_what_is_no_id(text: bytes):
    assert stream_id.to_id(text) is None
    with pytest.raises(ReplyError, match="ERR Invalid stream ID specified as stream command arg"):
        stream_id.parse_id(text)


def test_the_ends_of_a_range():
    assert stream_id.parse_start(b"-") == LOWEST
    assert stream_id.parse_end(b"+") == HIGHEST
    assert stream_id.parse_start(b"5") == make_id(5, 0)
    assert stream_id.parse_end(b"5") == make_id(5, MAX_SEQUENCE)
    assert stream_id.parse_start(b"(5") == make_id(5, 1)
    assert stream_id.parse_end(b"(5") == make_id(5, MAX_SEQUENCE - 1)
    assert stream_id.parse_end(b"(5-0") == make_id(4, MAX_SEQUENCE)
    assert stream_id.parse_start(b"(5-%d" % MAX_SEQUENCE) == make_id(6, 0)


def test_nothing_lies_beside_the_ends():
    with pytest.raises(ReplyError, match="ERR invalid start ID for the interval"):
        stream_id.parse_start(b"(" + format_id(HIGHEST))
    with pytest.raises(ReplyError, match="ERR invalid end ID for the interval"):
        stream_id.parse_end(b"(0-0")


@pytest.mark.parametrize("text", [b"(", b"(-", b"(+", b"((5", b"(x"])
def test_what_is_no_end_of_a_range(text: bytes):
    for parse in (stream_id.parse_start, stream_id.parse_end):
        with pytest.raises(ReplyError, match="Invalid stream ID"):
            parse(text)


def test_new_ids():
    assert stream_id.parse_new_id(b"5-3") == (make_id(5, 3), True)
    assert stream_id.parse_new_id(b"5") == (make_id(5, 0), True)
    assert stream_id.parse_new_id(b"5-*") == (make_id(5, 0), False)
    for text in (b"-*", b"x-*", b"5-1-*", b"5*"):
        with pytest.raises(ReplyError):
            stream_id.parse_new_id(text)


def test_the_next_id_is_now_or_behind_the_last():
    assert stream_id.next_id(make_id(5, 7), 6) == make_id(6, 0)
    assert stream_id.next_id(make_id(5, 7), 5) == make_id(5, 8)
    assert stream_id.next_id(make_id(5, 7), 4) == make_id(5, 8)
    assert stream_id.next_id(make_id(5, MAX_SEQUENCE), 5) == make_id(6, 0)
