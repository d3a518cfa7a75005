"""The request decoder: every case whole, byte by byte, and with more behind it."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.web.http_decoder import (
    CONTINUE,
    HTTPRequest,
    Limits,
    ProtocolError,
    RequestDecoder,
)

NEXT = b"GET /next HTTP/1.1\r\nHost: n\r\n\r\n"


def decode_all(pieces, limits=None) -> list[HTTPRequest]:
    decoder = RequestDecoder(limits or Limits())
    requests = []
    for piece in pieces:
        decoder.receive_data(piece)
        while (request := decoder.next_request()) is not None:
            requests.append(request)
    return requests


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def facts(request: HTTPRequest) -> tuple:
    body = None if request.body is None else request.body.read()
    if body is not None:
        request.body.seek(0)
    return (
        request.method,
        request.path,
        request.query,
        request.minor_version,
        request.headers,
        body,
        request.keep_alive,
    )


GOOD = {
    "plain": (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ("GET", "/", "", 1, {"host": "a"}, None, True),
    ),
    "query, case of names, spaces around values": (
        b"GET /a/b%20c?x=1&y=/? HTTP/1.1\r\nHOST: a:80\r\nX-One:  two \t\r\nEmpty:\r\n\r\n",
        (
            "GET",
            "/a/b%20c",
            "x=1&y=/?",
            1,
            {"host": "a:80", "x-one": "two", "empty": ""},
            None,
            True,
        ),
    ),
    "empty lines in front": (
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ("GET", "/", "", 1, {"host": "a"}, None, True),
    ),
    "absolute form wins over Host": (
        b"GET http://real.example:8080/p?q=1 HTTP/1.1\r\nHost: other\r\n\r\n",
        ("GET", "/p", "q=1", 1, {"host": "real.example:8080"}, None, True),
    ),
    "absolute form without a path": (
        b"GET http://real.example HTTP/1.1\r\nHost: real.example\r\n\r\n",
        ("GET", "/", "", 1, {"host": "real.example"}, None, True),
    ),
    "asterisk form": (
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        ("OPTIONS", "*", "", 1, {"host": "a"}, None, True),
    ),
    "an address of IPv6": (
        b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        ("GET", "/", "", 1, {"host": "[::1]:8080"}, None, True),
    ),
    "repeated fields are joined": (
        b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\na: 3\r\nCookie: x=1\r\nCookie: y=2\r\n\r\n",
        (
            "GET",
            "/",
            "",
            1,
            {"host": "a", "a": "1, 3", "b": "2", "cookie": "x=1; y=2"},
            None,
            True,
        ),
    ),
    "obs-text stays": (
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n",
        ("GET", "/", "", 1, {"host": "a", "x": "\xc3\xa9"}, None, True),
    ),
    "HTTP/1.0 closes and needs no Host": (
        b"GET / HTTP/1.0\r\n\r\n",
        ("GET", "/", "", 0, {}, None, False),
    ),
    "HTTP/1.0 with keep-alive": (
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        ("GET", "/", "", 0, {"connection": "Keep-Alive"}, None, True),
    ),
    "HTTP/1.1 with close": (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        ("GET", "/", "", 1, {"host": "a", "connection": "x, Close"}, None, False),
    ),
    "a later minor version": (
        b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        ("GET", "/", "", 1, {"host": "a"}, None, True),
    ),
    "fixed body": (
        b"POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nyo",
        ("POST", "/t", "", 1, {"host": "a", "content-length": "11"}, b"hello\r\n\r\nyo", True),
    ),
    "empty body": (
        b"POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        ("POST", "/t", "", 1, {"host": "a", "content-length": "0"}, None, True),
    ),
    "chunked body with extension and trailer": (
        b"POST /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b'5\r\nhello\r\nA ;x="y"\r\n you there\r\n0\r\nX-Sum: 1\r\n\r\n',
        (
            "POST",
            "/t",
            "",
            1,
            {"host": "a", "transfer-encoding": "Chunked"},
            b"hello you there",
            True,
        ),
    ),
    "chunked body, empty": (
        b"POST /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n000\r\n\r\n",
        ("POST", "/t", "", 1, {"host": "a", "transfer-encoding": "chunked"}, b"", True),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_requests(name):
    data, expected = GOOD[name]
    for pieces in ([data], bytewise(data)):
        (request,) = decode_all(pieces)
        assert facts(request) == expected


@pytest.mark.parametrize("name", GOOD)
def test_what_follows_a_request_is_the_next_one(name):
    data, expected = GOOD[name]
    for pieces in ([data + NEXT], bytewise(data + NEXT)):
        first, second = decode_all(pieces)
        assert facts(first) == expected
        assert second.path == "/next"


def test_trailers_are_kept_apart_from_the_headers():
    data = (
        b"POST /t HTTP/1.1\r\nHost: a\r\nX-Sum: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nX-Sum:  1 \r\nHost: b\r\nx-sum: 2\r\n\r\n"
    )
    for pieces in ([data + NEXT], bytewise(data + NEXT)):
        first, second = decode_all(pieces)
        assert first.trailers == {"x-sum": "1, 2", "host": "b"}
        assert first.headers["x-sum"] == "0"
        assert first.headers["host"] == "a"
        assert second.trailers == {}


def test_pipelined_requests_come_out_in_order():
    stream = b"".join(data for data, _ in GOOD.values())
    for pieces in ([stream], bytewise(stream)):
        assert [facts(one) for one in decode_all(pieces)] == [want for _, want in GOOD.values()]


LIMITS = Limits(request_line_bytes=100, header_block_bytes=200, header_count=5, body_bytes=20)


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: a", *lines, b"", b""])


# What a client may send wrong, and what it is told.
BAD = {
    "no HTTP at all": (b"hello\r\n\r\n", 400),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "lower-case version": (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/0.9": (b"GET / HTTP/0.9\r\n\r\n", 505),
    "two digits in the version": (b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a tab in the request line": (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a space at the end of the line": (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    "a space before the method": (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a method that is no token": (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a target that is no path": (b"GET foo HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a fragment": (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "raw UTF-8 in the target": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "another scheme": (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "user information in the target": (b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "asterisk with GET": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "bare LF after the request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare LF only": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare LF in a header": (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    "bare CR in a header": (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    "CR CR LF": (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    "DEL in a header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "empty Host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a path in Host": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a list in Host": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "user information in Host": (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    "a malformed Host in HTTP/1.0": (b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    "folded with a tab": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400),
    "folded first header": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
    "no name": (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    "a name that is no token": (b"GET / HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n", 400),
    "both lengths": (head(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    "both lengths, other order": (head(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
    "two lengths": (head(b"Content-Length: 5", b"Content-Length: 6"), 400),
    "two equal lengths": (head(b"Content-Length: 5", b"Content-Length: 5"), 400),
    "a list of lengths": (head(b"Content-Length: 5, 5"), 400),
    "a signed length": (head(b"Content-Length: +5"), 400),
    "a negative length": (head(b"Content-Length: -5"), 400),
    "a hexadecimal length": (head(b"Content-Length: 0x5"), 400),
    "an empty length": (head(b"Content-Length:"), 400),
    "other digits in a length": (head(b"Content-Length: \xb2"), 400),
    "an underscore in a length": (head(b"Content-Length: 1_0"), 400),
    "a length over the limit": (head(b"Content-Length: 21"), 413),
    "a length of many digits": (head(b"Content-Length: " + b"9" * 60), 413),
    "an unknown coding": (head(b"Transfer-Encoding: gzip, chunked"), 501),
    "chunked is not the last coding": (head(b"Transfer-Encoding: chunked, gzip"), 400),
    "chunked twice": (head(b"Transfer-Encoding: chunked, chunked"), 400),
    "chunked twice in two fields": (
        head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        400,
    ),
    "identity": (head(b"Transfer-Encoding: identity"), 400),
    "a coding hidden by a vertical tab": (head(b"Transfer-Encoding: \x0bchunked"), 400),
    "a coding in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "another expectation": (head(b"Expect: tea", b"Content-Length: 5"), 417),
    "a long request line": (b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a request line without end": (b"GET /" + b"a" * 200, 414),
    "long headers": (head(b"X: " + b"a" * 200), 431),
    "headers without end": (b"GET / HTTP/1.1\r\nX: " + b"a" * 400, 431),
    "many headers": (head(*[b"X: a"] * 5), 431),
    "a chunk size that is no number": (head(b"Transfer-Encoding: chunked") + b"x\r\n", 400),
    "a signed chunk size": (head(b"Transfer-Encoding: chunked") + b"+5\r\n", 400),
    "an empty chunk size": (head(b"Transfer-Encoding: chunked") + b"\r\n", 400),
    "a chunk size with 0x": (head(b"Transfer-Encoding: chunked") + b"0x5\r\n", 400),
    "a space before the chunk size": (head(b"Transfer-Encoding: chunked") + b" 5\r\n", 400),
    "a space after the chunk size": (head(b"Transfer-Encoding: chunked") + b"5 \r\n", 400),
    "bare LF after the chunk size": (head(b"Transfer-Encoding: chunked") + b"5\nhello\r\n", 400),
    "a chunk size of many digits": (
        head(b"Transfer-Encoding: chunked") + b"0" * 15 + b"5\r\n",
        400,
    ),
    "a NUL in a chunk extension": (head(b"Transfer-Encoding: chunked") + b"5;\0\r\n", 400),
    "a long chunk extension": (head(b"Transfer-Encoding: chunked") + b"5;" + b"a" * 300, 400),
    "a chunk longer than its size": (head(b"Transfer-Encoding: chunked") + b"5\r\nhello!", 400),
    "a chunk ended by a bare LF": (head(b"Transfer-Encoding: chunked") + b"5\r\nhello\n", 400),
    "a chunk over the limit": (head(b"Transfer-Encoding: chunked") + b"15\r\n", 413),
    "chunks over the limit": (
        head(b"Transfer-Encoding: chunked") + b"14\r\n" + b"a" * 20 + b"\r\n1\r\n",
        413,
    ),
    "a trailer without a colon": (head(b"Transfer-Encoding: chunked") + b"0\r\nnope\r\n", 400),
    "a folded trailer": (head(b"Transfer-Encoding: chunked") + b"0\r\nX: a\r\n b\r\n", 400),
    "trailers without end": (
        head(b"Transfer-Encoding: chunked") + b"0\r\n" + b"X: a\r\n" * 100,
        431,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_and_their_statuses(name):
    data, status = BAD[name]
    for pieces in ([data], bytewise(data), [data + NEXT], [NEXT + data]):
        with pytest.raises(ProtocolError) as caught:
            decode_all(pieces, LIMITS)
        assert caught.value.status == status
        assert caught.value.detail


def test_an_error_is_final():
    decoder = RequestDecoder()
    decoder.receive_data(b"nonsense\r\n\r\n" + NEXT)
    for _ in range(3):
        with pytest.raises(ProtocolError):
            decoder.next_request()
        decoder.receive_data(NEXT)


def test_a_body_that_cannot_be_stored_is_final_too():
    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    decoder = RequestDecoder(Limits(), FullDisk)
    decoder.receive_data(head(b"Content-Length: 5") + b"hello" + NEXT)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            decoder.next_request()


def test_the_body_goes_to_the_file_that_was_asked_for():
    files = []

    def open_body():
        files.append(io.BytesIO())
        return files[-1]

    decoder = RequestDecoder(Limits(), open_body)
    decoder.receive_data(head(b"Content-Length: 5") + b"hel")
    assert decoder.next_request() is None
    assert decoder.is_in_body
    assert decoder.received_body_bytes == 3
    assert files[0].getvalue() == b"hel"
    decoder.receive_data(b"lo")
    request = decoder.next_request()
    assert request.body is files[0]
    assert (request.body_bytes, request.body.tell()) == (5, 0)


EXPECTING = head(b"Expect: 100-continue", b"Content-Length: 5")


def test_a_client_that_waits_is_told_to_continue_once():
    decoder = RequestDecoder()
    assert decoder.take_interim() == b""
    decoder.receive_data(EXPECTING)
    assert decoder.next_request() is None
    assert decoder.take_interim() == CONTINUE
    assert decoder.take_interim() == b""
    decoder.receive_data(b"hello")
    assert decoder.next_request().body.read() == b"hello"
    assert decoder.take_interim() == b""


@pytest.mark.parametrize(
    "data",
    [
        EXPECTING + b"h",
        EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0"),
        head(b"Expect: 100-continue"),
    ],
    ids=["the body has begun", "HTTP/1.0 knows no 100", "no body to wait for"],
)
def test_nobody_else_is_told_to_continue(data):
    decoder = RequestDecoder()
    decoder.receive_data(data)
    decoder.next_request()
    assert decoder.take_interim() == b""


def test_has_begun_tells_idle_from_waiting():
    decoder = RequestDecoder()
    assert not decoder.has_begun
    decoder.receive_data(b"G")
    assert decoder.next_request() is None
    assert decoder.has_begun
    decoder.receive_data(NEXT[1:])
    assert decoder.next_request() is not None
    assert not decoder.has_begun


chunk_lists = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(chunk_lists, st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_any_body_survives_any_cutting(chunks, cuts):
    body = b"".join(chunks)
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    stream = (
        head(b"Transfer-Encoding: chunked")
        + chunked
        + b"0\r\n\r\n"
        + head(b"Content-Length: %d" % len(body))
        + body
        + NEXT
    )
    pieces, at, turn = [], 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        pieces.append(stream[at : at + size])
        at, turn = at + size, turn + 1
    first, second, third = decode_all(pieces)
    assert first.body.read() == body
    assert (second.body.read() if second.body else b"") == body
    assert third.path == "/next"


fragments = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /x HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 99999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"fffffffffffffff\r\n",
        b"abc",
        b" ",
        b":",
        b"\0",
    ]
)


@settings(max_examples=300)
@given(st.lists(st.one_of(fragments, st.binary(max_size=20)), max_size=20))
def test_no_input_crashes_or_hangs_and_cutting_changes_nothing(parts):
    stream = b"".join(parts)

    def outcome(pieces):
        decoder = RequestDecoder(LIMITS)
        seen = []
        try:
            for piece in pieces:
                decoder.receive_data(piece)
                while (request := decoder.next_request()) is not None:
                    seen.append(facts(request))
        except ProtocolError as error:
            seen.append(error.status)
        return seen

    whole, single = outcome([stream]), outcome(bytewise(stream))
    # A limit may strike earlier, and garbage be noticed earlier, when the bytes come one by one;
    # what came out before must be the same requests.
    requests = [one for one in whole if isinstance(one, tuple)]
    assert requests == [one for one in single if isinstance(one, tuple)]
    assert len(whole) - len(requests) <= len(single) - len(requests) <= 1
