"""Who the client is, behind proxies: header fields of known ones, and the PROXY protocol."""

import io
import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.logs import Log
from services.web.access_log import Access, AccessLog
from services.web.application import Application
from services.web.proxies import TrustedProxies
from services.web.proxy_protocol import ProxyProtocolError, parse_proxy_header
from services.web.tests.serving import get, read_response, read_to_the_end

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(source, port, *, command=0x21, more=b""):
    address = ipaddress.ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    body = address.packed * 2 + struct.pack("!HH", port, 443) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


@pytest.mark.parametrize(
    ("header", "host", "port"),
    [
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n", "203.0.113.7", 51234),
        (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "2001:db8::1", 1),
        (b"PROXY UNKNOWN\r\n", None, 0),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None, 0),
        (v2("203.0.113.7", 51234), "203.0.113.7", 51234),
        (v2("2001:db8::1", 7, more=b"\x03\x00\x04abcd"), "2001:db8::1", 7),
        (v2("203.0.113.7", 1, command=0x20), None, 0),
        (SIGNATURE + b"\x21\x31\x00\x00", None, 0),
    ],
)
def test_headers_in_pieces(header, host, port):
    for size in range(len(header)):
        assert parse_proxy_header(header[:size]) is None
    for rest in (b"", b"GET / HTTP/1.1\r\n"):
        assert parse_proxy_header(header + rest) == (host, port, len(header))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 51234\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        b"PROXY TCP4 1.2.3.400 1.2.3.4 1 2\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE + b"\x11\x11\x00\x00",
        SIGNATURE + b"\x21\x11\x00\x02ab",
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_header(data):
    with pytest.raises(ProxyProtocolError):
        parse_proxy_header(data)


@given(st.binary(max_size=40))
def test_any_bytes(data):
    for start in (b"", b"PROXY ", SIGNATURE):
        try:
            header = parse_proxy_header(start + data)
        except ProxyProtocolError:
            continue
        assert header is None or header.header_bytes <= len(start + data)


def who_application():
    app = Application()

    @app.get("/who")
    def who(request):
        return [request.client_address, request.scheme, request.host]

    return app


def test_the_server_behind_a_proxy_that_passes_bytes_on(serve):
    running = serve(who_application(), proxy_protocol=True)
    with running.connect() as sock:
        sock.sendall(v2("203.0.113.7", 51234) + get("/who"))
        status, _, body = read_response(sock.makefile("rb"))
        assert (status, body) == (200, b'["203.0.113.7","http","a"]')
        sock.sendall(get("/who"))
        assert read_response(sock.makefile("rb"))[2] == body
    with running.connect() as sock:
        for byte in b"PROXY TCP4 198.51.100.9 192.0.2.1 1 2\r\n" + get("/who"):
            sock.sendall(bytes([byte]))
        assert b"198.51.100.9" in read_response(sock.makefile("rb"))[2]
    with running.connect() as sock:
        sock.sendall(get("/who"))
        assert read_to_the_end(sock) == b""


@pytest.mark.parametrize(
    ("remote", "fields", "who"),
    [
        ("127.0.0.1", {}, ["127.0.0.1", "http", "localhost"]),
        ("127.0.0.1", {"For": "203.0.113.7"}, ["203.0.113.7", "http", "localhost"]),
        ("203.0.113.9", {"For": "1.1.1.1"}, ["203.0.113.9", "http", "localhost"]),
        (
            "127.0.0.1",
            {"For": "1.1.1.1, 203.0.113.7, 10.1.2.3"},
            ["203.0.113.7", "http", "localhost"],
        ),
        ("::ffff:10.0.0.1", {"For": "2001:db8::1"}, ["2001:db8::1", "http", "localhost"]),
        ("127.0.0.1", {"For": "nonsense, 10.1.2.3"}, ["10.1.2.3", "http", "localhost"]),
        (
            "127.0.0.1",
            {"Proto": "http, HTTPS", "Host": "evil, shop.example:8443"},
            ["127.0.0.1", "https", "shop.example:8443"],
        ),
        (
            "127.0.0.1",
            {"Proto": "javascript", "Host": "a b"},
            ["127.0.0.1", "http", "localhost"],
        ),
    ],
)
def test_what_known_proxies_say(remote, fields, who):
    app = who_application()

    def with_remote(environ, start_response):
        environ["REMOTE_ADDR"] = remote
        return TrustedProxies(app, ["127.0.0.1", "10.0.0.0/8"])(environ, start_response)

    client = app.test_client()
    client.application = with_remote
    headers = {f"X-Forwarded-{name}": value for name, value in fields.items()}
    assert client.get("/who", headers=headers).json() == who


def test_a_proxy_that_is_no_address():
    with pytest.raises(ValueError, match="nowhere"):
        TrustedProxies(who_application(), ["nowhere"])


ACCESS = Access(
    client="127.0.0.1",
    method="GET",
    target="/a?b=c",
    protocol="HTTP/1.1",
    status=200,
    body_bytes=12,
    duration_s=0.0015,
    referer="",
    user_agent='curl "8"\n\\é',
    request_id="abc-1",
)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        (
            "combined",
            '127.0.0.1 - - [22/Nov/2026:14:13:20 +0000] "GET /a?b=c HTTP/1.1" 200 12 "-" '
            '"curl \\"8\\"\\x0a\\\\\\xe9"\n',
        ),
        (
            "json",
            '{"time":"2026-11-22T14:13:20.000Z","client":"127.0.0.1","method":"GET",'
            '"target":"/a?b=c","protocol":"HTTP/1.1","status":200,"bytes":12,"ms":1.5,'
            '"referer":"","user_agent":"curl \\"8\\"\\n\\\\\\u00e9","request_id":"abc-1"}\n',
        ),
    ],
)
def test_the_forms_of_the_access_log(form, line):
    stream = io.StringIO()
    AccessLog(form, Log("test"), stream).write(ACCESS, now_s=1795356800)
    assert stream.getvalue() == line


def test_every_request_has_an_id(serve):
    app = Application()
    app.get("/id")(lambda request: [request.id])
    running = serve(app)

    def ids(*fields):
        with running.connect() as sock:
            sock.sendall(get("/id", *fields))
            _, headers, body = read_response(sock.makefile("rb"))
            assert body == f'["{headers["x-request-id"]}"]'.encode()
            return headers["x-request-id"]

    assert ids(b"X-Request-ID: from-the-proxy:7") == "from-the-proxy:7"
    made = {ids(), ids(), ids(b"X-Request-ID: " + b"x" * 200), ids(b"X-Request-ID: a b")}
    assert len(made) == 4
