"""Messages of clients: whole, byte by byte, and with others behind them."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sqldb.errors import SqlError
from services.sqldb.protocol import frontend
from services.sqldb.protocol.frontend import (
    Bind,
    CancelRequest,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    FrontendDecoder,
    FunctionCall,
    GssEncRequest,
    Malformed,
    Parse,
    Password,
    ProtocolError,
    Query,
    SslRequest,
    Startup,
    Sync,
    Terminate,
)


def untyped(code, body=b""):
    return struct.pack(">II", len(body) + 8, code) + body


def typed(letter, body=b""):
    return letter + struct.pack(">I", len(body) + 4) + body


STARTUP = untyped(frontend.PROTOCOL_3, b"user\0me\0database\0db\0\0")
CASES = [
    (typed(b"Q", b"select 1\0"), Query("select 1")),
    (typed(b"P", b"s\0select $1\0\0\1\0\0\0\x17"), Parse("s", "select $1", (23,))),
    (
        typed(b"B", b"p\0s\0\0\1\0\1\0\2\0\0\0\2ab\xff\xff\xff\xff\0\0"),
        Bind("p", "s", (1,), (b"ab", None), ()),
    ),
    (typed(b"D", b"Ss\0"), Describe("S", "s")),
    (typed(b"E", b"\0\0\0\0\5"), Execute("", 5)),
    (typed(b"C", b"Pp\0"), Close("P", "p")),
    (typed(b"H"), Flush()),
    (typed(b"S"), Sync()),
    (typed(b"d", b"1\tx\n"), CopyData(b"1\tx\n")),
    (typed(b"c"), CopyDone()),
    (typed(b"f", b"no\0"), CopyFail("no")),
    (typed(b"F", b"anything"), FunctionCall()),
    (typed(b"p", b"secret\0"), Password(b"secret\0")),
    (typed(b"X"), Terminate()),
]


REPEATED = [typed(b"D", b"P\0"), typed(b"E", b"\0\0\0\0\0"), typed(b"S"), typed(b"H")]
ODD = [typed(b"Q", b"select\0"), typed(b"X"), typed(b"D", b"?\0"), typed(b"E"), typed(b"S", b"?")]


@given(st.lists(st.sampled_from(REPEATED + ODD), max_size=40), st.data())
def test_messages_that_are_repeated_are_what_each_is_alone(sent, data):
    """However they are cut: those that the decoder keeps, and those that are none of them."""
    stream = STARTUP + b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder, found = FrontendDecoder(), []
    for start, end in pairwise([0, *cuts, len(stream)]):
        decoder.receive_data(stream[start:end])
        while (message := decoder.next_message()) is not None:
            found.append(message)
    alone = [messages(STARTUP + one)[1] for one in sent]
    assert [repr(message) for message in found[1:]] == [repr(message) for message in alone]
    assert not decoder.has_unread_data


def messages(data, size=None):
    decoder, found = FrontendDecoder(), []
    for start in range(0, len(data), size or len(data)):
        decoder.receive_data(data[start : start + (size or len(data))])
        while (message := decoder.next_message()) is not None:
            found.append(message)
    return found


@pytest.mark.parametrize(("data", "message"), CASES)
@pytest.mark.parametrize("size", [None, 1])
def test_one_message(data, message, size):
    assert messages(STARTUP + data, size)[1:] == [message]
    assert messages(STARTUP + data + data[:-1], size)[1:] == [message]


def test_many_messages():
    data = STARTUP + b"".join(case for case, _ in CASES)
    expected = [message for _, message in CASES]
    for size in (None, 1, 7):
        assert messages(data, size)[1:] == expected


def test_what_comes_before_a_startup():
    data = untyped(frontend.SSL_REQUEST) + untyped(frontend.GSSENC_REQUEST) + STARTUP
    expected = [SslRequest(), GssEncRequest(), Startup(0, {"user": "me", "database": "db"}, ())]
    assert messages(data) == messages(data, 1) == expected


def test_cancel_request():
    data = untyped(frontend.CANCEL_REQUEST, struct.pack(">II", 7, 99))
    assert messages(data) == [CancelRequest(7, 99)]


def test_options_of_a_newer_protocol():
    data = untyped(frontend.PROTOCOL_3 + 2, b"_pq_.x\0on\0user\0me\0\0")
    assert messages(data) == [Startup(2, {"user": "me"}, ("_pq_.x",))]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack(">I", 4), "invalid length of startup packet"),
        (struct.pack(">I", 1 << 30), "invalid length of startup packet"),
        (b"GET / HTTP/1.1\r\n", "invalid length of startup packet"),
        (untyped(2 << 16, b"\0" * 4), "unsupported frontend protocol 2.0"),
        (untyped(frontend.PROTOCOL_3, b"user\0me"), "invalid startup packet layout"),
        (untyped(frontend.PROTOCOL_3, b"\0more\0"), "invalid startup packet layout"),
        (STARTUP + b"y\0\0\0\4", "invalid frontend message type 121"),
        (STARTUP + b"Q\0\0\0\3", "invalid message length"),
        (STARTUP + b"S\x7f\0\0\0", "invalid message length"),
    ],
)
def test_streams_that_cannot_be_followed(data, words):
    with pytest.raises(SqlError, match=words) as caught:
        messages(data)
    assert caught.value.severity == "FATAL"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (typed(b"Q", b"no end"), "invalid string in message"),
        (typed(b"Q", b"a\0b\0"), "invalid message format"),
        (typed(b"Q", b"\xff\0"), "invalid byte sequence"),
        (typed(b"B", b"\0\0\0\0\0\1\0\0\0\x09ab\0\0"), "insufficient data left in message"),
        (typed(b"B", b"\0\0\0\0\0\1\x80\0\0\0ab\0\0"), "insufficient data left in message"),
        (typed(b"D", b"Xs\0"), "invalid DESCRIBE message subtype 88"),
        (typed(b"E", b"p\0\0"), "insufficient data left in message"),
    ],
)
def test_a_malformed_message_does_not_end_the_stream(data, words):
    first, second = messages(STARTUP + data + typed(b"S"))[1:]
    assert isinstance(first, Malformed)
    assert words in first.error.message
    assert second == Sync()


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise_anything_else(data, is_started):
    try:
        messages((STARTUP if is_started else b"") + data + b"\0")
    except SqlError:
        pass


@given(
    st.binary(max_size=8).filter(lambda name: b"\0" not in name),
    st.lists(st.none() | st.binary(max_size=20), max_size=5),
    st.lists(st.sampled_from([0, 1]), max_size=3),
    st.integers(0, 60),
)
def test_a_bind_is_the_same_read_quickly_and_slowly(name, parameters, codes, cut):
    formats = struct.pack(f">H{len(codes)}H", len(codes), *codes)
    data = name + b"\0s\0" + formats + struct.pack(">H", len(parameters))
    for value in parameters:
        data += b"\xff\xff\xff\xff" if value is None else struct.pack(">I", len(value)) + value
    data += formats
    for body in (data, data[:cut], data + b"\0"):
        assert answer(frontend._bind, body) == answer(plain_bind, body)


def plain_bind(data):
    body = frontend._Body(data)
    message = frontend._bind_slowly(body)
    body.expect_end()
    return message


def answer(read, data):
    """What it reads, or None where it refuses."""
    try:
        return read(data)
    except (SqlError, ValueError, struct.error):
        return None


def test_a_protocol_error_is_fatal():
    assert ProtocolError("x").severity == "FATAL"
