"""Fields of query strings and forms."""

import pytest

from services.web.errors import HTTPError
from services.web.multidict import MAX_FIELDS, MultiDict


def test_it_reads_like_a_dict_of_the_first_values():
    fields = MultiDict.from_urlencoded("tag=a&x=1%202&tag=b&empty=&y=a+b")
    assert fields["tag"] == "a"
    assert fields.get_all("tag") == ["a", "b"]
    assert fields.get("none") is None
    assert fields.get_all("none") == []
    assert dict(fields) == {"tag": "a", "x": "1 2", "empty": "", "y": "a b"}
    assert list(fields.items_all())[:2] == [("tag", "a"), ("tag", "b")]


def test_integers_have_bounds():
    fields = MultiDict([("n", "7"), ("neg", "-3")])
    assert fields.get_int("n") == 7
    assert fields.get_int("neg") == -3
    assert fields.get_int("none") is None
    assert fields.get_int("none", 5, minimum=9) == 5
    with pytest.raises(HTTPError, match="at most 6"):
        fields.get_int("n", maximum=6)
    with pytest.raises(HTTPError, match="at least 0"):
        fields.get_int("neg", minimum=0)


@pytest.mark.parametrize("text", ["", "-", "1.0", "0x1", "١", "1_0", " 1", "9" * 19])
def test_what_is_no_integer_is_the_clients_mistake(text):
    with pytest.raises(HTTPError) as caught:
        MultiDict([("n", text)]).get_int("n")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "status"), [("a=%ff", 400), ("&".join(["a=1"] * (MAX_FIELDS + 1)), 413)]
)
def test_what_is_no_form_is_the_clients_mistake(text, status):
    with pytest.raises(HTTPError) as caught:
        MultiDict.from_urlencoded(text)
    assert caught.value.status == status
