"""The response encoder: which framing, and what it refuses."""

import pytest

from services.web.http_encoder import (
    Framing,
    ResponseEncoder,
    ResponseError,
    encode_simple_response,
)

DATE = "Mon, 23 Nov 2026 09:30:00 GMT"


def encode(method="GET", minor=1, keep_alive=True, status="200 OK", fields=(), **options):
    encoder = ResponseEncoder(method, minor, keep_alive=keep_alive)
    head = encoder.encode_head(status, list(fields), DATE, **options)
    assert head.endswith(b"\r\n\r\n")
    line, *rest = head[:-4].decode("latin-1").split("\r\n")
    return encoder, line, dict(field.split(": ", 1) for field in rest)


def test_a_known_length_is_announced_and_kept():
    encoder, line, fields = encode(fields=[("X-A", "1")], body_bytes=5)
    assert line == "HTTP/1.1 200 OK"
    assert fields == {"X-A": "1", "Date": DATE, "Content-Length": "5"}
    assert encoder.encode_data(b"hello") + encoder.encode_end() == b"hello"
    assert encoder.keep_alive


def test_the_length_of_the_application_wins():
    encoder, _, fields = encode(fields=[("content-length", "3")], body_bytes=5)
    assert fields["Content-Length"] == "3"
    with pytest.raises(ResponseError, match="longer"):
        encoder.encode_data(b"hello")


def test_a_body_that_lacks_bytes_is_an_error():
    encoder, _, _ = encode(fields=[("Content-Length", "9")])
    encoder.encode_data(b"hello")
    with pytest.raises(ResponseError, match="lacks 4"):
        encoder.encode_end()


def test_an_unknown_length_is_chunked_for_http_1_1():
    encoder, _, fields = encode()
    assert fields["Transfer-Encoding"] == "chunked"
    assert encoder.encode_data(b"hello, world!") == b"d\r\nhello, world!\r\n"
    # An empty chunk would end the body.
    assert encoder.encode_data(b"") == b""
    assert encoder.encode_end() == b"0\r\n\r\n"
    assert encoder.keep_alive


def test_an_unknown_length_ends_the_connection_for_http_1_0():
    encoder, _, fields = encode(minor=0)
    assert fields["Connection"] == "close"
    assert "Transfer-Encoding" not in fields
    assert encoder.encode_data(b"hello") + encoder.encode_end() == b"hello"
    assert not encoder.keep_alive


def test_http_1_0_is_told_that_its_connection_stays():
    encoder, _, fields = encode(minor=0, body_bytes=0)
    assert fields["Connection"] == "keep-alive"
    assert encoder.keep_alive


@pytest.mark.parametrize(
    ("method", "status", "given", "sent"),
    [
        ("HEAD", "200 OK", "5", "5"),
        ("HEAD", "200 OK", None, None),
        ("GET", "304 Not Modified", "5", "5"),
        ("GET", "304 Not Modified", None, None),
        ("GET", "204 No Content", "0", None),
        ("DELETE", "204 No Content", None, None),
    ],
)
def test_responses_without_a_body(method, status, given, sent):
    given_fields = [("Content-Length", given)] if given else []
    encoder, _, fields = encode(method=method, status=status, fields=given_fields)
    assert fields.get("Content-Length") == sent
    assert "Transfer-Encoding" not in fields
    assert encoder.framing is Framing.NONE
    assert encoder.encode_data(b"hello") + encoder.encode_end() == b""
    assert encoder.keep_alive


def test_connection_close_of_the_application_is_honoured_other_hop_by_hop_fields_are_not():
    encoder, _, fields = encode(
        fields=[("Connection", "close"), ("Keep-Alive", "5"), ("Transfer-Encoding", "gzip")],
        body_bytes=0,
    )
    assert not encoder.keep_alive
    assert fields == {"Date": DATE, "Content-Length": "0", "Connection": "close"}


def test_a_date_of_the_application_stays_alone():
    _, _, fields = encode(fields=[("date", "then")], body_bytes=0)
    assert fields["date"] == "then"
    assert "Date" not in fields


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        ("200 OK", "X", "a\r\nSet-Cookie: b"),
        ("200 OK", "X", "a\nb"),
        ("200 OK", "X", "a\rb"),
        ("200 OK", "X", "a\0b"),
        ("200 OK\r\nX: y", "X", "a"),
        ("200 OK", "X: y\r\nZ", "a"),
        ("200 OK", "X y", "a"),
        ("200 OK", "", "a"),
        ("200 OK", "X", "snowman ☃"),
        ("200 OK", "Content-Length", "-1"),
        ("200 OK", "Content-Length", "5\r\nX: y"),
    ],
)
def test_what_would_break_the_head_is_refused(status, name, value):
    encoder = ResponseEncoder("GET", 1, keep_alive=True)
    with pytest.raises(ResponseError):
        encoder.encode_head(status, [(name, value)], DATE)


def test_the_servers_own_words_are_a_problem_document():
    response = encode_simple_response("GET", "413 Too Large", "no more", DATE)
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 Too Large\r\n")
    assert b"Connection: close" in head
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert body == b'{"title":"Too Large","status":413,"detail":"no more"}'
    without_body = encode_simple_response("HEAD", "413 Too Large", "no more", DATE)
    assert without_body == head + b"\r\n\r\n"


def test_the_request_is_named_once():
    assert encode(request_id="a-1")[2]["X-Request-ID"] == "a-1"
    assert "X-Request-ID" not in encode()[2]
    encoder = ResponseEncoder("GET", 1, keep_alive=True)
    head = encoder.encode_head("200 OK", [("x-request-id", "theirs")], DATE, request_id="a-1")
    assert b"x-request-id: theirs\r\n" in head
    assert b"a-1" not in head
