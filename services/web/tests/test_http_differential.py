"""The request decoder beside h11: readers that agree leave no gap to smuggle through.

Hypothesis writes requests, most of them valid, and spoils some of them. Each is given to our
decoder and to h11's server side, whole and in pieces. What must hold:

- each request that ours accepts, h11 accepts with the same method, target, fields and body;
- where h11 accepts and ours refuses, ours is stricter on purpose, for a reason in `STRICTER`;
- how the bytes were cut into pieces changes nothing.
"""

import itertools
import re
from dataclasses import dataclass, field

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.web.http_decoder import HTTPRequest, ProtocolError, RequestDecoder

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
# What ours says when it refuses something that h11 accepts → an example of it.
STRICTER = {
    # h11 takes a bare LF for the end of a line; RFC 9112, section 2.2, leaves it to the recipient.
    "a control character or a bare LF in the head": b"GET / HTTP/1.1\nHost: a\r\n",
    "a control character, a bare CR or a bare LF in the head": (b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    "bare LF in a chunked body": CHUNKED + b"0\r\na: b\n\r\n",
    # h11 unfolds a folded line; section 5.2 lets us refuse it.
    "malformed header name": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    # h11 asks for it in version 1.1 alone, and not in those that may come after it.
    "Host is missing": b"GET / HTTP/1.2\r\n\r\n",
    "malformed trailer": CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n",
    # h11 looks into neither the host nor the target; links are built of them here.
    "malformed Host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "malformed request target": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment in the request target": b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    # h11 is also made for proxies, and leaves versions and expectations to the application.
    "CONNECT is for proxies, and this is none": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "this server speaks HTTP/1.1 and HTTP/1.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "the only known expectation is 100-continue": (
        POST + b"Expect: a\r\nContent-Length: 1\r\n\r\na"
    ),
    # Two programs on the way may choose differently of two lengths: that is request smuggling.
    "content-length comes twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "malformed Content-Length": POST + b"Content-Length: 0, 0\r\n\r\n",
    "both Transfer-Encoding and Content-Length": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "Transfer-Encoding in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    # h11 lets anything stand behind the semicolon, and spaces behind the size.
    "malformed chunk size": CHUNKED + b"0 \r\n\r\n",
}

# What h11 refuses and ours accepts, because an RFC says that a recipient must.
LOOSER = {
    rb"\r\n[0-9A-Fa-f]+[ \t]+;": "spaces before a chunk extension (RFC 9110, section 5.6.3)",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as both readers can describe it."""

    method: str
    path: str
    query: str
    minor_version: int
    fields: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Reading:
    """The requests that one reader accepted, and why it read no further; empty: it wants more."""

    requests: list[Seen] = field(default_factory=list)
    refusal: str = ""
    has_ended: bool = False


def read_with_ours(pieces: list[bytes]) -> Reading:
    decoder, reading = RequestDecoder(), Reading()
    for piece in pieces:
        decoder.receive_data(piece)
        try:
            while not reading.has_ended and (request := decoder.next_request()) is not None:
                reading.requests.append(seen_by_ours(request))
                reading.has_ended = not (request.keep_alive and request.minor_version)
        except ProtocolError as error:
            reading.refusal = error.detail
            return reading
    return reading


def seen_by_ours(request: HTTPRequest) -> Seen:
    body = b"" if request.body is None else request.body.read()
    fields = dict(request.headers)
    if "transfer-encoding" in fields:  # h11 gives it in lower case
        fields["transfer-encoding"] = fields["transfer-encoding"].lower()
    return Seen(request.method, request.path, request.query, request.minor_version, fields, body)


def read_with_h11(pieces: list[bytes]) -> Reading:
    connection, reading = h11.Connection(h11.SERVER), Reading()
    head, body = None, b""
    for piece in pieces:
        if reading.has_ended:
            break
        connection.receive_data(piece)
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                reading.refusal = str(error)
                return reading
            match event:
                case h11.Request():
                    head, body = event, b""
                case h11.Data():
                    body += bytes(event.data)
                case h11.EndOfMessage():
                    reading.requests.append(seen_by_h11(head, body))
                    reading.has_ended = not answered(connection)
                case _:
                    break
            if reading.has_ended:
                break
    return reading


def seen_by_h11(head: h11.Request, body: bytes) -> Seen:
    fields: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        glue = "; " if name == "cookie" else ", "
        fields[name] = f"{fields[name]}{glue}{value}" if name in fields else value
    target = head.target.decode("latin-1")
    # Ours takes the absolute form apart (RFC 9112, section 3.2.2), for h11 a target is a text.
    if absolute := re.fullmatch(r"(?i)https?://([^/?#]*)(.*)", target):
        fields["host"], target = absolute[1], absolute[2]
        target = target if target.startswith("/") else f"/{target}"
    minor_version = 0 if head.http_version == b"1.0" else 1
    path, _, query = target.partition("?")
    return Seen(head.method.decode(), path, query, minor_version, fields, body)


def answered(connection: h11.Connection) -> bool:
    """Answer a request; whether the connection can carry another one."""
    # Not 200, which would let a CONNECT begin its tunnel.
    connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    if connection.our_state is not h11.DONE:
        return False
    connection.start_next_cycle()
    return True


def compare(data: bytes, pieces: list[bytes]) -> None:
    # An empty line in front is allowed (RFC 9112, section 2.2) and unknown to h11.
    while data.startswith(b"\r\n"):
        data = data[2:]
    ours, theirs = read_with_ours(pieces), read_with_h11([data])
    is_looser = len(ours.requests) > len(theirs.requests) and theirs.refusal
    if is_looser and any(re.search(pattern, data) for pattern in LOOSER):
        return
    count = len(ours.requests)
    assert ours.requests == theirs.requests[:count]
    if len(theirs.requests) > count:
        assert ours.refusal in STRICTER, (ours.refusal, theirs.requests[count])


# What requests are made of.

TOKENS = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"])
TARGETS = st.one_of(
    st.text("ab/%20?&=;,.~:@", max_size=12).map(lambda rest: f"/{rest}"),
    st.sampled_from(["*", "http://a.example", "http://a.example:80/b?c=d", "a.example:443", "/#x"]),
)
VALUES = st.text('ab0 \t,;:="()é', max_size=12)
FIELDS = st.one_of(
    st.tuples(TOKENS, VALUES),
    st.sampled_from(
        [
            ("Connection", "close"),
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
            ("Expect", "100-continue"),
            ("Cookie", "a=1"),
            ("Cookie", "b=2"),
            ("X-Two", "one"),
            ("X-Two", "two"),
            ("Host", "second.example"),
            ("Content-Length", "3"),
            ("Content-Length", "3, 3"),
            ("Content-Length", "+3"),
            ("Transfer-Encoding", "chunked"),
            ("Transfer-Encoding", "gzip, chunked"),
            ("Transfer-Encoding", "identity"),
        ]
    ),
)
BODIES = st.binary(max_size=20)
CHUNK_EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b' ; a="b"', b" ", b";\x7f"])
TRAILERS = st.sampled_from([b"", b"X-Sum: 1\r\n", b"a:b\r\nc:d\r\n", b"no colon\r\n"])


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    chunks = b""
    for piece in draw(st.lists(st.binary(min_size=1, max_size=18), max_size=3)):
        chunks += b"%x%s\r\n%s\r\n" % (len(piece), draw(CHUNK_EXTENSIONS), piece)
    return chunks + b"0\r\n" + draw(TRAILERS) + b"\r\n"


@st.composite
def one_request(draw: st.DrawFn) -> bytes:
    """A request that is nearly always valid."""
    version = draw(st.sampled_from(["1.1"] * 8 + ["1.0", "1.2", "2.0"]))
    lines = [f"{draw(METHODS)} {draw(TARGETS)} HTTP/{version}"]
    fields = draw(st.lists(FIELDS, max_size=3)) if draw(st.booleans()) else []
    fields.insert(draw(st.integers(0, len(fields))), ("Host", "here.example"))
    match draw(st.sampled_from(["none", "length", "chunked"])):
        case "length":
            body = draw(BODIES)
            fields.append(("Content-Length", str(len(body))))
        case "chunked":
            body = draw(chunked())
            fields.append(("Transfer-Encoding", "Chunked"))
        case _:
            body = b""
    lines += [f"{name}:{draw(st.sampled_from(['', ' ']))}{value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


# What tricks are made of: ends of lines, separators, digits, and the names that frame a body.
SPOILS = st.sampled_from(
    [
        *(b"\n", b"\r", b"\r\n", b"\r\n\r\n", b"\r\n ", b" ", b"\t", b"\x0b", b"\x00", b"\x7f"),
        *(b":", b",", b";", b"+", b"#", b"_", b"0", b"1", b"x", b"\xff", b"HTTP/1.1", b"chunked"),
        *(b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"GET / HTTP/1.1\r\n"),
    ]
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """One or two requests with a piece put in, taken out, or put in the place of another."""
    data = b"".join(draw(st.lists(one_request(), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 8])))
        data = data[:start] + draw(st.one_of(SPOILS, st.just(b""))) + data[end:]
    return data


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


CUTS = st.lists(st.integers(0, 500), max_size=6)


@given(st.lists(one_request(), min_size=1, max_size=3).map(b"".join), CUTS)
@settings(max_examples=100, deadline=None)
def test_valid_requests_are_read_alike(data: bytes, cuts: list[int]):
    compare(data, in_pieces(data, cuts))


@given(spoiled(), CUTS)
@settings(max_examples=400, deadline=None)
def test_spoiled_requests_are_read_alike_or_refused(data: bytes, cuts: list[int]):
    compare(data, in_pieces(data, cuts))


@given(spoiled())
@settings(max_examples=100, deadline=None)
def test_pieces_change_nothing(data: bytes):
    whole = read_with_ours([data])
    bytewise = read_with_ours([data[i : i + 1] for i in range(len(data))])
    assert bytewise.requests == whole.requests
    assert bool(bytewise.refusal) == bool(whole.refusal)


@pytest.mark.parametrize("refusal", STRICTER)
def test_each_reason_is_one_for_which_ours_is_stricter(refusal: str):
    data = STRICTER[refusal]
    assert read_with_ours([data]).refusal == refusal
    assert read_with_h11([data]).refusal == ""
