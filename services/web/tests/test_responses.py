"""Responses as WSGI applications."""

import json

import pytest

from services.web.file_response import FileResponse, guess_content_type
from services.web.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    TextResponse,
    encode_json,
)
from services.web.test_client import TestClient


def send(response, method="GET"):
    return TestClient(response).request(method, "/")


def test_bytes_text_and_json():
    assert send(Response(b"x")).headers.items() == [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", "1"),
    ]
    assert send(Response("é")).headers["content-type"] == "text/plain; charset=utf-8"
    assert send(TextResponse("é")).body == "é".encode()
    assert send(HTMLResponse("<p>")).headers["content-type"] == "text/html; charset=utf-8"
    reply = send(JSONResponse({"a": ["é"]}, 201, {"Location": "/x"}))
    assert (reply.status, reply.headers["location"], reply.json()) == (201, "/x", {"a": ["é"]})
    assert send(Response("a,b", content_type="text/csv")).headers["content-type"] == "text/csv"


def test_head_has_the_length_and_no_body():
    reply = send(TextResponse("hello"), "HEAD")
    assert reply.headers["content-length"] == "5"
    assert reply.body == b""


def test_204_and_304_have_neither_body_nor_length():
    for status in (204, 304):
        reply = send(Response(b"ignored", status))
        assert reply.body == b""
        assert "content-length" not in reply.headers


def test_an_iterable_has_no_length():
    reply = send(Response(iter([b"a", b"b"]), content_type="text/plain"))
    assert reply.body == b"ab"
    assert "content-length" not in reply.headers


def test_json_has_no_nan_and_survives_lone_surrogates():
    with pytest.raises(ValueError, match="JSON"):
        JSONResponse({"x": float("nan")})
    assert json.loads(encode_json("\ud800")) == "\ud800"


def test_redirects_escape_what_is_no_uri():
    assert RedirectResponse("/a b?x=é&y=%20").headers["location"] == "/a%20b?x=%C3%A9&y=%20"
    assert RedirectResponse("/x\r\nSet-Cookie: a=b").headers["location"].startswith("/x%0D%0A")
    assert send(RedirectResponse("/x", 308)).status == 308


def test_cookies_are_safe_by_default():
    response = Response()
    response.set_cookie("session", "a b;c", max_age_s=60)
    assert response.headers["set-cookie"] == (
        "session=a%20b%3Bc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
    )
    response.set_cookie("x", "1", secure=True, http_only=False, same_site="None", domain="a.b")
    assert response.headers.get_all("set-cookie")[1] == (
        "x=1; Path=/; Domain=a.b; Secure; SameSite=None"
    )
    response.delete_cookie("session")
    assert "Max-Age=0" in response.headers.get_all("set-cookie")[2]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a b", {}),
        ("a;b", {}),
        ("a\r\nb", {}),
        ("", {}),
        ("a", {"path": "/;Domain=x"}),
        ("a", {"domain": "x\r\ny"}),
        ("a", {"same_site": "Sometimes"}),
        ("a", {"same_site": "None"}),
    ],
)
def test_cookies_that_are_refused(name, options):
    with pytest.raises(ValueError):
        Response().set_cookie(name, "1", **options)


def test_a_file(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"<p>hello")
    response = FileResponse(path)
    reply = send(response)
    assert reply.body == b"<p>hello"
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-length"] == "8"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["etag"].startswith('"')
    assert response.file.closed
    assert send(FileResponse(path), "HEAD").body == b""
    with pytest.raises(FileNotFoundError):
        FileResponse(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.json", "application/json"),
        ("a.woff2", "font/woff2"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.tar.gz", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_content_types(name, content_type):
    assert guess_content_type(name) == content_type
