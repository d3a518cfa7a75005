"""WSGI from the server's side: environ, start_response and bodies, by the letter of PEP 3333."""

import io
from wsgiref.validate import validator

import pytest

from services.common.logs import Log
from services.web.event_stream import Broadcast, Subscription
from services.web.http_decoder import RequestDecoder
from services.web.http_encoder import ResponseEncoder
from services.web.requests import Request
from services.web.wsgi import ClientGone, EnvironBuilder, Exchange

LOG = Log("test")


class Recorder:
    """A transport that remembers what was sent, and how."""

    def __init__(self):
        self.sends = []
        self.files = []
        self.streams = []
        self.is_gone = False

    def send(self, data):
        if self.is_gone:
            raise ClientGone
        self.sends.append(data)

    send_last = send

    def send_file(self, head, file, size):
        self.sends.append(head)
        self.files.append((file, size))

    def send_stream(self, head, subscription):
        self.sends.append(head)
        self.streams.append(subscription)

    @property
    def body(self):
        return b"".join(self.sends).partition(b"\r\n\r\n")[2]


def request_of(raw: bytes):
    decoder = RequestDecoder()
    decoder.receive_data(raw)
    return decoder.next_request()


def environ_of(raw=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
    return EnvironBuilder(LOG, "127.0.0.1", 8080).build(request_of(raw), "10.0.0.9", "5000")


def exchange(application, raw=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", transport=None):
    request = request_of(raw)
    transport = transport or Recorder()
    encoder = ResponseEncoder(request.method, request.minor_version, keep_alive=request.keep_alive)
    one = Exchange(encoder, transport, "now", LOG)
    one.run(application, environ_of(raw))
    return one, transport


def test_the_environ_of_a_get():
    environ = environ_of(
        b"GET /a%20b/%C3%A9%2F?x=%20 HTTP/1.1\r\nHost: h:1\r\nX-Two-Words: v\r\n"
        b"Content-Type: text/plain\r\nX_Two_Words: spoofed\r\n\r\n"
    )
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["PATH_INFO"] == "/a b/\xc3\xa9/"
    assert environ["QUERY_STRING"] == "x=%20"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", "8080")
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("10.0.0.9", "5000")
    assert environ["HTTP_HOST"] == "h:1"
    assert environ["HTTP_X_TWO_WORDS"] == "v"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert "CONTENT_LENGTH" not in environ
    assert environ["wsgi.input"].read() == b""


def test_a_chunked_body_arrives_unchunked_and_with_its_length():
    environ = environ_of(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
        b"X-Sum: 294\r\n\r\n"
    )
    assert Request(environ).trailers == {"x-sum": "294"}
    assert "HTTP_X_SUM" not in environ
    assert environ["wsgi.input"].read() == b"abc"
    assert environ["CONTENT_LENGTH"] == "3"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_requests_do_not_share_an_environ():
    builder = EnvironBuilder(LOG, "h", 1)
    first = builder.build(request_of(b"GET / HTTP/1.0\r\nX: 1\r\n\r\n"), "", "")
    first["mine"] = 1
    second = builder.build(request_of(b"GET / HTTP/1.0\r\n\r\n"), "", "")
    assert "mine" not in second
    assert "HTTP_X" not in second


def test_a_list_leaves_in_one_piece_with_its_length():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello, ", b"world"]

    one, transport = exchange(application)
    (message,) = transport.sends
    assert b"Content-Length: 12\r\n" in message
    assert transport.body == b"hello, world"
    assert (one.status, one.body_bytes, one.keep_alive) == (200, 12, True)


def test_a_generator_is_sent_as_it_comes_and_closed():
    events = []

    class Body:
        def __iter__(self):
            yield b""
            events.append(list(transport.sends))
            yield b"one"
            events.append(len(transport.sends))
            yield b"two"

        def close(self):
            events.append("closed")

    def application(environ, start_response):
        start_response("200 OK", [])
        return Body()

    transport = Recorder()
    exchange(application, transport=transport)
    # An empty piece sends nothing: the status may still change.
    assert events == [[], 1, "closed"]
    assert transport.body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_start_response_may_come_with_the_first_piece():
    def application(environ, start_response):
        start_response("202 Accepted", [])
        yield b"x"

    one, _ = exchange(application)
    assert one.status == 202


def test_write_comes_before_what_is_returned():
    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"one")
        return [b"two"]

    _, transport = exchange(application)
    assert transport.body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_the_head_can_be_replaced_until_it_is_sent():
    def application(environ, start_response):
        start_response("200 OK", [("X", "1")])
        try:
            raise KeyError("late")
        except KeyError as error:
            start_response("500 Oops", [("Y", "2")], (KeyError, error, error.__traceback__))
        return [b"sorry"]

    one, transport = exchange(application)
    assert one.status == 500
    assert b"X: 1" not in transport.sends[0]
    assert transport.body == b"sorry"


def test_exc_info_after_the_head_raises_it_and_ends_the_connection():
    seen = []

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"one"
        try:
            raise KeyError("late")
        except KeyError as error:
            try:
                start_response("500 Oops", [], (KeyError, error, error.__traceback__))
            except KeyError as same:
                seen.append(same is error)
                raise

    one, transport = exchange(application)
    assert seen == [True]
    assert transport.body == b"3\r\none\r\n"
    assert not one.keep_alive


def answers_500(application, raw=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
    one, transport = exchange(application, raw)
    assert one.status == 500
    assert transport.sends[0].startswith(b"HTTP/1.1 500 ")
    assert not one.keep_alive
    return transport


def fail_at_once(environ, start_response):
    raise ValueError("bug")


def fail_after_start(environ, start_response):
    start_response("200 OK", [])
    raise OSError("bug")


def start_twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return [b""]


def never_start(environ, start_response):
    return [b"hello"]


def return_none(environ, start_response):
    start_response("200 OK", [])


def return_text(environ, start_response):
    start_response("200 OK", [])
    return ["text"]


def yield_text(environ, start_response):
    start_response("200 OK", [])
    yield "text"


def split_the_response(environ, start_response):
    start_response("200 OK", [("X", "a\r\n\r\nHTTP/1.1 200 OK")])
    return [b""]


def announce_too_little(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hello"]


@pytest.mark.parametrize(
    "application",
    [
        fail_at_once,
        fail_after_start,
        start_twice,
        never_start,
        return_none,
        return_text,
        yield_text,
        split_the_response,
        announce_too_little,
    ],
)
def test_a_broken_application_is_answered_with_500(application, caplog):
    transport = answers_500(application)
    assert b'"status":500' in transport.body
    assert "the application failed" in caplog.text


def test_a_failure_is_told_to_head_without_a_body():
    assert answers_500(fail_at_once, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").body == b""


def test_a_body_that_breaks_off_ends_the_connection(caplog):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        yield b"hello"

    one, transport = exchange(application)
    assert transport.body == b"hello"
    assert not one.keep_alive
    assert "lacks 5 bytes" in caplog.text


def test_a_client_that_is_gone_is_no_error_and_the_body_is_closed(caplog):
    closed = []

    class Body:
        def __iter__(self):
            while True:
                yield b"x"

        def close(self):
            closed.append(True)

    def application(environ, start_response):
        start_response("200 OK", [])
        return Body()

    transport = Recorder()
    transport.is_gone = True
    one, _ = exchange(application, transport=transport)
    assert closed == [True]
    assert not one.keep_alive
    assert not caplog.text


def test_head_takes_no_more_of_an_endless_body_than_its_head_needs():
    def application(environ, start_response):
        start_response("200 OK", [])
        while True:
            yield b"x"

    one, transport = exchange(application, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert transport.body == b""
    assert one.body_bytes == 0
    assert one.keep_alive


def test_a_regular_file_is_left_to_the_transport(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    opened = []

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        opened.append(path.open("rb"))
        return environ["wsgi.file_wrapper"](opened[0])

    one, transport = exchange(application)
    assert transport.files == [(opened[0], 10)]
    assert not opened[0].closed
    assert one.body_bytes == 10
    opened[0].close()


def test_head_of_a_file_closes_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    file = path.open("rb")

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        return environ["wsgi.file_wrapper"](file)

    _, transport = exchange(application, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert file.closed
    assert b"Content-Length: 10" in transport.sends[0]
    assert not transport.files


def test_a_file_of_another_kind_is_read_and_closed():
    file = io.BytesIO(b"hello")

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return environ["wsgi.file_wrapper"](file, 2)

    _, transport = exchange(application)
    assert transport.body == b"hello"
    assert file.closed


def test_an_event_stream_is_left_to_the_transport():
    subscription = Subscription(Broadcast())

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return environ["glassbox.stream"](subscription)

    one, transport = exchange(application)
    assert transport.streams == [subscription]
    assert b"Connection: close" in transport.sends[0]
    assert b"Transfer-Encoding" not in transport.sends[0]
    assert not one.keep_alive
    _, transport = exchange(application, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not transport.streams


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"GET /p?q=1 HTTP/1.1\r\nHost: a\r\nAccept: x\r\n\r\n", b""),
        (b"HEAD / HTTP/1.0\r\n\r\n", None),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na\nbc", b"a\nbc"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            b"a",
        ),
    ],
)
def test_the_standard_librarys_validator_finds_nothing(raw, body, caplog):
    def application(environ, start_response):
        file = environ["wsgi.input"]
        read = file.read(1) + file.readline() + b"".join(file) + b"".join(file.readlines(1))
        environ["wsgi.errors"].write("fine\n")
        environ["wsgi.errors"].flush()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"read:", read]

    one, transport = exchange(validator(application), raw)
    assert one.status == 200, caplog.text
    expected = b"" if body is None else b"5\r\nread:\r\n"
    if body:
        expected += b"%x\r\n%b\r\n" % (len(body), body)
    assert transport.body == expected + (b"" if body is None else b"0\r\n\r\n")
