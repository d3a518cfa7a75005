"""Header fields of responses and requests."""

import pytest

from services.web.headers import Headers, RequestHeaders


def test_names_compare_without_case_and_keep_theirs():
    headers = Headers({"Content-Type": "a"})
    assert headers["content-TYPE"] == "a"
    assert "CONTENT-type" in headers
    headers["content-type"] = "b"
    assert headers.items() == [("content-type", "b")]
    del headers["Content-Type"]
    assert len(headers) == 0
    with pytest.raises(KeyError):
        headers["Content-Type"]


def test_a_name_may_come_several_times():
    headers = Headers([("Set-Cookie", "a=1"), ("X", "y"), ("Set-Cookie", "b=2")])
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert headers.get("set-cookie") == "a=1"
    headers.setdefault("Set-Cookie", "c=3")
    headers.setdefault("Z", "new")
    assert list(headers) == ["Set-Cookie", "X", "Set-Cookie", "Z"]


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb", "a\0", "\x7f", "☃", "a\x0b"])
def test_values_that_would_break_the_header_are_refused(value):
    with pytest.raises(ValueError, match="control"):
        Headers({"X": value})


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "é"])
def test_names_that_are_no_token_are_refused(name):
    with pytest.raises(ValueError, match="name"):
        Headers({name: "a"})


def test_request_headers_are_read_from_the_environ():
    headers = RequestHeaders(
        {"HTTP_X_ONE": "1", "CONTENT_TYPE": "t", "CONTENT_LENGTH": "", "PATH_INFO": "/"}
    )
    assert headers["X-One"] == "1"
    assert headers.get("content-type") == "t"
    assert "content-length" not in headers
    assert headers.get("path-info") is None
    assert dict(headers) == {"x-one": "1", "content-type": "t"}
    assert len(headers) == 2
