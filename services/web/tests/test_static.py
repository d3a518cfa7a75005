"""Static files: what is served, and what can never be."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.application import Application
from services.web.static import StaticFiles, safe_join


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.txt").write_text("TOP-SECRET")
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "css" / "site.css").write_text("p{}")
    (root / "with space.txt").write_text("x")
    (root / ".hidden").write_text("hidden")
    (root / "out").symlink_to(tmp_path / "secret.txt")
    (root / "in").symlink_to(root / "css" / "site.css")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def client(folder):
    app = Application()
    app.mount("/static", StaticFiles(folder, max_age_s=60))
    return app.test_client()


def test_a_file_with_its_headers(client):
    reply = client.get("/static/css/site.css")
    assert (reply.status, reply.text) == (200, "p{}")
    assert reply.headers["content-type"] == "text/css; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "public, max-age=60"
    assert client.get("/static/with%20space.txt").text == "x"
    assert client.get("/static/in").text == "p{}"
    assert client.head("/static/css/site.css").headers["content-length"] == "3"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "css",
        "css/",
        "none.txt",
        "css/site.css/",
        "../secret.txt",
        "..%2fsecret.txt",
        "css/../../secret.txt",
        "css/%2e%2e/%2e%2e/secret.txt",
        "..%5csecret.txt",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "css/site.css%00.txt",
        ".hidden",
        "out",
        "pipe",
        "a" * 5000,
    ],
)
def test_whatever_else_is_404(client, path):
    reply = client.get(f"/static/{path}")
    assert reply.status == 404
    assert "TOP-SECRET" not in reply.text


def test_only_reading_is_allowed(client):
    assert client.post("/static/css/site.css").status == 405


def test_conditional_requests(client):
    first = client.get("/static/css/site.css")
    tag, changed = first.headers["etag"], first.headers["last-modified"]
    for value, status in [
        (tag, 304),
        (f'"other", {tag}', 304),
        (f"W/{tag}", 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
    ]:
        reply = client.get("/static/css/site.css", headers={"If-None-Match": value})
        assert reply.status == status
        assert reply.headers["etag"] == tag
        assert (reply.body == b"") is (status == 304)
    for value, status in [
        (changed, 304),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("yesterday", 200),
    ]:
        reply = client.get("/static/css/site.css", headers={"If-Modified-Since": value})
        assert reply.status == status
    both = {"If-None-Match": '"other"', "If-Modified-Since": changed}
    assert client.get("/static/css/site.css", headers=both).status == 200


def test_a_changed_file_has_another_tag(client, folder):
    first = client.get("/static/css/site.css").headers["etag"]
    (folder / "css" / "site.css").write_text("p{color:red}")
    assert client.get("/static/css/site.css").headers["etag"] != first


@given(st.lists(st.sampled_from(["..", ".", "", "css", "site.css", "\0", "\\", "~", "/"])))
def test_no_name_leads_out_of_the_folder(parts):
    root = Path(__file__).parent.resolve()
    path = safe_join(root, "/".join(parts))
    assert path is None or path.is_relative_to(root)
