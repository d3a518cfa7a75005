"""The client's side of RESP: replies in any pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.resp import NEED_MORE, Push, ReplyError, RespError, Simple
from services.common.resp_replies import MAX_DEPTH, RespReplyDecoder

STREAM = (
    b"+OK\r\n:42\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*2\r\n$1\r\na\r\n*0\r\n"
    b"_\r\n,1.5\r\n#t\r\n#f\r\n(123456789012345678901\r\n=6\r\ntxt:hi\r\n"
    b"%1\r\n+k\r\n:1\r\n~2\r\n:1\r\n:2\r\n>2\r\n+message\r\n$0\r\n\r\n"
)
VALUES = [
    "OK",
    42,
    b"a\r\n",
    None,
    None,
    [b"a", []],
    None,
    1.5,
    True,
    False,
    123456789012345678901,
    b"hi",
    {"k": 1},
    {1, 2},
    ["message", b""],
]


def replies_of(*pieces: bytes) -> list[object]:
    decoder, found = RespReplyDecoder(), []
    for piece in pieces:
        decoder.receive_data(piece)
        while (reply := decoder.next_reply()) is not NEED_MORE:
            found.append(reply)
    return found


def test_whole() -> None:
    replies = replies_of(STREAM)
    assert replies == VALUES
    assert isinstance(replies[0], Simple)
    assert isinstance(replies[-1], Push)


def test_byte_by_byte() -> None:
    assert replies_of(*[STREAM[i : i + 1] for i in range(len(STREAM))]) == VALUES


def test_with_a_part_of_the_next_reply_behind() -> None:
    assert replies_of(STREAM + b"$5\r\nhel") == VALUES
    assert replies_of(STREAM + b"$5\r\nhel", b"lo\r\n") == [*VALUES, b"hello"]


def test_every_cut_in_two() -> None:
    for cut in range(len(STREAM)):
        assert replies_of(STREAM[:cut], STREAM[cut:]) == VALUES


def test_an_error_is_a_value_also_inside_an_array() -> None:
    error, array = replies_of(b"-WRONGTYPE no\r\n*2\r\n:1\r\n-ERR inner\r\n")
    assert isinstance(error, ReplyError)
    assert error.code == "WRONGTYPE"
    assert array[0] == 1
    assert str(array[1]) == "ERR inner"


def test_members_that_cannot_be_hashed_still_make_a_set_and_a_map() -> None:
    assert replies_of(b"~1\r\n*1\r\n:1\r\n") == [{(1,)}]
    assert replies_of(b"%1\r\n*1\r\n:1\r\n:2\r\n") == [{(1,): 2}]


@pytest.mark.parametrize(
    "data",
    [
        b"?\r\n",
        b"\r\n",
        b":x\r\n",
        b"$x\r\n",
        b"*x\r\n",
        b",x\r\n",
        b"(x\r\n",
        b"$1 \r\n",
        b"+\xff\r\n",
    ],
)
def test_what_is_no_reply_is_an_error(data: bytes) -> None:
    with pytest.raises(RespError):
        replies_of(data)


def test_nesting_has_a_limit() -> None:
    assert replies_of(b"*1\r\n" * MAX_DEPTH + b":1\r\n")
    with pytest.raises(RespError, match="deep"):
        replies_of(b"*1\r\n" * (MAX_DEPTH + 1))


def test_size_has_a_limit() -> None:
    decoder = RespReplyDecoder(max_reply_bytes=100)
    decoder.receive_data(b"$101\r\n")
    with pytest.raises(RespError, match="large"):
        decoder.next_reply()


def test_a_large_array_in_many_pieces_is_not_parsed_again_at_each() -> None:
    """Counted, not timed: each element is looked at once or twice, not at each piece."""
    count = 5000
    data = b"*%d\r\n" % count + b"$10\r\n0123456789\r\n" * count
    decoder = CountingDecoder()
    for start in range(0, len(data), 1000):
        decoder.receive_data(data[start : start + 1000])
        reply = decoder.next_reply()
    assert reply == [b"0123456789"] * count
    assert count <= decoder.bulks_read <= 2 * count


class CountingDecoder(RespReplyDecoder):
    bulks_read = 0

    def _bulk(self, *arguments: object) -> object:
        self.bulks_read += 1
        return super()._bulk(*arguments)


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_garbage_is_a_reply_or_an_error_and_nothing_else(pieces: list[bytes]) -> None:
    try:
        replies_of(*pieces)
    except RespError:
        pass


@settings(max_examples=300)
@given(st.text(alphabet="*$:+-%~>_,#(=0123456789\r\ntxf", max_size=40).map(str.encode))
def test_near_resp_gives_the_same_in_one_piece_and_in_many(data: bytes) -> None:
    def outcome(*pieces: bytes) -> object:
        decoder, found = RespReplyDecoder(), []
        try:
            for piece in pieces:
                decoder.receive_data(piece)
                while (reply := decoder.next_reply()) is not NEED_MORE:
                    found.append(repr(reply))
        except RespError:
            return found, "error"
        return found, ""

    assert outcome(data) == outcome(*[data[i : i + 1] for i in range(len(data))])
