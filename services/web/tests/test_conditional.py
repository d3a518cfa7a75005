"""Conditional requests and ranges, against the cases of RFC 9110."""

import http.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.application import Application
from services.web.conditional import MAX_RANGES, parse_ranges, precondition_status
from services.web.file_response import FileResponse, content_disposition
from services.web.headers import Headers
from services.web.responses import Response
from services.web.test_client import TestClient

CONTENT = bytes(range(256)) * 4
NEW, OLD = "Sun, 22 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 10:00:00 GMT"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("bytes=0-0", [range(1)]),
        ("bytes=0-99", [range(100)]),
        ("bytes=900-", [range(900, 1000)]),
        ("bytes=-1", [range(999, 1000)]),
        ("bytes=-5000", [range(1000)]),
        ("bytes=990-5000", [range(990, 1000)]),
        ("BYTES = 1-2 , 5-6,", [range(1, 3), range(5, 7)]),
        ("bytes=1000-", []),
        ("bytes=1000-1001", []),
        ("bytes=-0", []),
        ("bytes=5-6,2000-", [range(5, 7)]),
        ("bytes=2-1", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=a-b", None),
        ("bytes=1-2-3", None),
        ("bytes=+1-2", None),
        ("bytes=¹-²", None),
        ("pages=1-2", None),
        ("bytes=0-,0-", None),
        ("bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)), None),
    ],
)
def test_ranges(text, ranges):
    assert parse_ranges(text, 1000) == ranges


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=40), st.integers(0, 100))
def test_ranges_lie_within_the_file(text, size):
    for part in parse_ranges(text, size) or []:
        assert 0 <= part.start < part.stop <= size


def test_parts_of_a_file(file):
    client = TestClient(FileResponse(file))
    reply = TestClient(FileResponse(file)).get("/", headers={"Range": "bytes=10-19"})
    assert (reply.status, reply.body) == (206, CONTENT[10:20])
    assert reply.headers["content-range"] == "bytes 10-19/1024"
    assert reply.headers["content-length"] == "10"
    assert client.get("/").headers["accept-ranges"] == "bytes"
    reply = TestClient(FileResponse(file)).get("/", headers={"Range": "bytes=1024-"})
    assert (reply.status, reply.body) == (416, b"")
    assert reply.headers["content-range"] == "bytes */1024"
    # A HEAD has no parts, and neither has an unknown unit.
    head = TestClient(FileResponse(file)).request("HEAD", "/", headers={"Range": "bytes=0-1"})
    assert (head.status, head.headers["content-length"]) == (200, "1024")


def test_several_parts(file):
    reply = TestClient(FileResponse(file)).get("/", headers={"Range": "bytes=0-1,-2"})
    assert reply.status == 206
    boundary = reply.headers["content-type"].partition("boundary=")[2]
    assert (
        reply.body
        == (
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            "Content-Range: bytes 0-1/1024\r\n\r\n"
        ).encode()
        + CONTENT[:2]
        + (
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            "Content-Range: bytes 1022-1023/1024\r\n\r\n"
        ).encode()
        + CONTENT[-2:]
        + f"\r\n--{boundary}--\r\n".encode()
    )
    assert len(reply.body) == int(reply.headers["content-length"])


def test_a_part_if_the_file_is_still_the_same(file):
    whole = TestClient(FileResponse(file)).get("/")
    for condition, status in [
        (whole.headers["etag"], 206),
        (whole.headers["last-modified"], 206),
        ('"other"', 200),
        ("W/" + whole.headers["etag"], 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("yesterday", 200),
    ]:
        headers = {"Range": "bytes=0-3", "If-Range": condition}
        assert TestClient(FileResponse(file)).get("/", headers=headers).status == status


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"If-None-Match": '"v7"'}, 304),
        ("HEAD", {"If-None-Match": 'W/"v7"'}, 304),
        ("GET", {"If-None-Match": '"a, b", "v7"'}, 304),
        ("GET", {"If-None-Match": "*"}, 304),
        ("GET", {"If-None-Match": '"v8"'}, 200),
        ("GET", {"If-None-Match": "v7"}, 200),
        ("GET", {"If-None-Match": '"v8"', "If-Modified-Since": NEW}, 200),
        ("GET", {"If-Modified-Since": NEW}, 304),
        ("GET", {"If-Modified-Since": OLD}, 200),
        ("GET", {"If-Modified-Since": "soon"}, 200),
        ("GET", {"If-Modified-Since": "Mon, 01 Jan 99999999999999 00:00:00 GMT"}, 200),
        ("GET", {"If-Modified-Since": "Mon, 01 Jan 2026 00:00:00 +99999999999999"}, 200),
        ("GET", {"If-Match": '"v7"'}, 200),
        ("GET", {"If-Match": "*"}, 200),
        ("GET", {"If-Match": '"v8"'}, 412),
        ("GET", {"If-Match": 'W/"v7"'}, 412),
        ("GET", {"If-Unmodified-Since": NEW}, 200),
        ("GET", {"If-Unmodified-Since": OLD}, 412),
        ("GET", {"If-Match": '"v7"', "If-Unmodified-Since": OLD}, 200),
    ],
)
def test_conditions(method, headers, status):
    def answer(environ, start_response):
        response = Response(b"seven", headers={"ETag": '"v7"', "Last-Modified": NEW})
        return response(environ, start_response)

    reply = TestClient(answer).request(method, "/", headers=headers)
    assert reply.status == status
    assert reply.headers["etag"] == '"v7"'
    assert (reply.body == b"") is (status != 200 or method == "HEAD")
    assert ("content-type" in reply.headers) is (status == 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "*"}, 412),
        ({"If-None-Match": '"v7"'}, 412),
        ({"If-Modified-Since": NEW}, None),
        ({"If-Match": '"v7"'}, None),
        ({"If-Match": "*"}, None),
        ({"If-Match": '"v8"'}, 412),
        ({"If-Match": 'W/"v7"'}, 412),
        ({"If-Unmodified-Since": OLD}, 412),
    ],
)
def test_conditions_of_a_change_are_the_handlers_to_ask_before_it(headers, status):
    current = Headers({"ETag": '"v7"', "Last-Modified": NEW})
    seen = []

    def answer(environ, start_response):
        seen.append(precondition_status(environ, current))
        return Response(b"done", headers=current.items())(environ, start_response)

    # What was done is never answered with a 412.
    assert TestClient(answer).put("/", headers=headers).body == b"done"
    assert seen == [status]


def test_the_server_sends_parts_without_a_thread(file, serve):
    app = Application()
    app.get("/file")(lambda request: FileResponse(file))
    with serve(app).client() as client:
        for wanted, body in [("bytes=1000-", CONTENT[1000:]), ("bytes=0-0,5-6", None)]:
            client.request("GET", "/file", headers={"Range": wanted})
            reply = client.getresponse()
            content = reply.read()
            assert reply.status == http.client.PARTIAL_CONTENT
            assert len(content) == int(reply.headers["content-length"])
            assert body is None or content == body


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ('"x\\".txt', "attachment; filename=\"_x__.txt\"; filename*=UTF-8''%22x%5C%22.txt"),
        ("é\r\n", "attachment; filename=\"___\"; filename*=UTF-8''%C3%A9%0D%0A"),
    ],
)
def test_names_of_downloads(name, field):
    assert content_disposition(name) == field
