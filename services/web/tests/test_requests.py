"""The request: each part, and each way in which a client gets it wrong."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.errors import HTTPError
from services.web.requests import Request, quality


def request(body=b"", content_type="application/json", max_body_bytes=1000, **environ):
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/p",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": content_type,
        **environ,
    }
    return Request(environ, max_body_bytes=max_body_bytes)


def refused(read):
    with pytest.raises(HTTPError) as caught:
        read()
    return caught.value.status


def test_the_simple_parts():
    one = request(
        QUERY_STRING="round=3&tag=a&tag=b",
        REMOTE_ADDR="10.0.0.1",
        HTTP_HOST="h:1",
        HTTP_COOKIE='a=1; b="x%20y"; bare; a=2',
    )
    assert one.method == "POST"
    assert one.path == "/p"
    assert one.query.get("round") == "3"
    assert one.query.get_all("tag") == ["a", "b"]
    assert one.client_address == "10.0.0.1"
    assert one.host == "h:1"
    assert one.cookies["b"] == "x y"
    assert one.cookies.get_all("a") == ["1", "2"]
    one.state["user"] = "x"
    assert one.state == {"user": "x"}


def test_paths_are_utf_8():
    assert request(PATH_INFO="/caf\xc3\xa9").path == "/café"
    assert request(PATH_INFO="").path == "/"
    assert refused(lambda: request(PATH_INFO="/\xff").path) == 400


def test_url_path_is_a_reference_that_stays_on_this_host():
    one = request(PATH_INFO="/a b/\xc3\xa9", SCRIPT_NAME="/app", QUERY_STRING="x=1")
    assert one.url_path == "/app/a%20b/%C3%A9?x=1"
    assert request(PATH_INFO="//evil.example/").url_path == "/evil.example/"


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded"])
def test_only_a_page_must_call_json_by_its_name(content_type):
    assert request(b"{}", content_type).json() == {}
    for mark in ({"HTTP_ORIGIN": "http://evil.example"}, {"HTTP_SEC_FETCH_SITE": "cross-site"}):
        assert refused(request(b"{}", content_type, **mark).json) == 415


def test_json():
    assert request(b'{"a": [1, "\xc3\xa9"]}').json() == {"a": [1, "é"]}
    assert request(b"1", content_type="application/problem+json; charset=utf-8").json() == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"  ", "application/json", 400),
        (b"{", "application/json", 400),
        (b"{} {}", "application/json", 400),
        (b"NaN", "application/json", 400),
        (b"[-Infinity]", "application/json", 400),
        (b"[1e400]", "application/json", 400),
        (b'"\xff"', "application/json", 400),
        (b"[" * 65 + b"]" * 65, "application/json", 400),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "application/json", 400),
        (b"[" * 900, "application/json", 400),
        (b"1" * 5000, "application/json", 413),
    ],
)
def test_json_that_is_refused(body, content_type, status):
    assert refused(request(body, content_type).json) == status


def test_json_of_any_depth_or_length_never_crashes():
    deep = b"[" * 200_000
    assert refused(request(deep, max_body_bytes=len(deep)).json) == 400
    digits = b"1" * 100_000
    assert refused(request(digits, max_body_bytes=len(digits)).json) == 400


def test_brackets_in_strings_and_side_by_side_do_not_count_as_depth():
    value = [["[" * 100]] * 100
    one = request(json.dumps(value).encode(), max_body_bytes=10**6)
    assert one.json(max_depth=2) == value
    assert refused(lambda: one.json(max_depth=1)) == 400


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=20,
)


@given(json_values)
def test_any_json_value_arrives(value):
    body = json.dumps(value).encode()
    assert request(body, max_body_bytes=len(body)).json() == value


@given(st.binary(max_size=200))
def test_no_body_crashes(body):
    try:
        request(body).json()
    except HTTPError as error:
        assert error.status == 400


@pytest.mark.parametrize(
    ("length", "status"), [("x", 400), ("-1", 400), ("1001", 413), ("9" * 30, 400), ("9", 400)]
)
def test_lengths_that_are_refused(length, status):
    assert refused(lambda: request(b"hello", CONTENT_LENGTH=length).body) == status


def test_a_body_without_length():
    assert request(b"hello", CONTENT_LENGTH="").body == b""
    chunked = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert request(b"hello", **chunked).body == b"hello"
    assert refused(lambda: request(b"a" * 1001, **chunked).body) == 413


def test_forms():
    form_type = "application/x-www-form-urlencoded; charset=utf-8"
    assert request(b"a=1&a=2&b=%C3%A9", form_type).form.get_all("a") == ["1", "2"]
    assert refused(lambda: request(b"{}").form) == 415
    assert refused(lambda: request(b"\xff", form_type).form) == 400


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html, application/json", False),
        ("text/*", False),
        ("text/html;q=x", False),
        ("application/json;q=0, text/html;q=0.1", True),
    ],
)
def test_who_prefers_html(accept, html):
    assert request(HTTP_ACCEPT=accept).prefers_html() is html


def test_the_most_exact_range_decides():
    accept = "text/*;q=0.3, text/html;q=0.7, */*;q=0.5"
    assert quality(accept, "text/html") == 0.7
    assert quality(accept, "text/plain") == 0.3
    assert quality(accept, "image/png") == 0.5
