"""Exposed functions: their arguments, their mistakes, their description."""

import enum
import json
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.application import Application
from services.web.expose import add_try_page, expose
from services.web.typed_values import InvalidValue, encodable, shape_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    article: str
    count: int = 1


@dataclass
class Order:
    lines: list[Line]
    colour: Colour = Colour.RED
    notes: dict[str, str] = field(default_factory=dict)


class Point(TypedDict):
    x: float
    y: NotRequired[float]


@pytest.fixture
def app():
    app = Application("calculator")

    @expose(app, safe=True)
    def add(a: int, b: int = 1) -> int:
        """Add two numbers.

        Carefully.
        """
        return a + b

    @expose(app, "/orders")
    def order(request, order: Order, due: date | None = None) -> dict[str, Any]:
        total = sum(line.count for line in order.lines)
        return {"total": total, "order": order, "due": due, "by": request.method}

    @expose(app)
    def broken() -> None:
        return object()

    add_try_page(app)
    return app


def test_calls(app):
    client = app.test_client()
    assert client.post("/add", json={"a": 2}).json() == 3
    assert client.post("/add", json={"a": 2, "b": -2}).json() == 0
    assert client.get("/add?a=2&b=40").json() == 42
    order = {"lines": [{"article": "ink", "count": 3}, {"article": "pen"}], "colour": "blue"}
    assert client.post("/orders", json={"order": order, "due": "2026-11-23"}).json() == {
        "total": 4,
        "order": {
            "lines": [{"article": "ink", "count": 3}, {"article": "pen", "count": 1}],
            "colour": "blue",
            "notes": {},
        },
        "due": "2026-11-23",
        "by": "POST",
    }
    assert client.get("/orders").status == 405
    assert client.post("/broken").status == 500


@pytest.mark.parametrize(
    ("path", "body", "field", "problem"),
    [
        ("/add", {}, "a", "is missing"),
        ("/add", {"a": "2"}, "a", "must be a whole number"),
        ("/add", {"a": 2.5}, "a", "must be a whole number"),
        ("/add", {"a": True}, "a", "must be a whole number"),
        ("/add", {"a": None}, "a", "must be a whole number"),
        ("/add", {"a": 1, "c": 2}, "c", "is unknown"),
        ("/orders", {"order": []}, "order", "must be an object"),
        ("/orders", {"order": {}}, "order.lines", "is missing"),
        ("/orders", {"order": {"lines": {}}}, "order.lines", "must be an array"),
        (
            "/orders",
            {"order": {"lines": [{"article": "a"}, {"article": 7}]}},
            "order.lines[1].article",
            "must be text",
        ),
        (
            "/orders",
            {"order": {"lines": [], "colour": "green"}},
            "order.colour",
            "must be one of red, blue",
        ),
        (
            "/orders",
            {"order": {"lines": []}, "due": "tomorrow"},
            "due",
            "must be a date (ISO 8601), or must be null",
        ),
    ],
)
def test_mistakes_name_their_place(app, path, body, field, problem):
    reply = app.test_client().post(path, json=body)
    assert reply.status == 422
    problem_document = json.loads(reply.body)
    assert problem_document["field"] == field
    assert problem_document["detail"] == f"{field}: {problem}"


def test_mistakes_in_a_query_and_in_a_body(app):
    client = app.test_client()
    for query in ("", "?a=x", "?a=1&c=2", "?a=²", "?a=" + "9" * 5000):
        assert client.get(f"/add{query}").status == 422
    assert client.post("/add", json=[1]).status == 422
    assert client.post("/add", body=b"{").status == 400
    assert client.post("/add", body=b'{"a":1}', headers={"Origin": "http://x"}).status == 415


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (str, ["", "é"], [1, None, []]),
        (int, [0, -(10**30)], [1.0, "1", True]),
        (float, [1, 1.5], ["1", True, None]),
        (bool, [True, False], [0, 1, "true"]),
        (None, [None], [0, ""]),
        (Any, [1, None, {}], []),
        (list, [[], [1, "a"]], [{}, "a"]),
        (dict[str, int], [{}, {"a": 1}], [[], {"a": "b"}]),
        (int | str, [1, "a"], [1.5, None]),
        (Literal["a", 1], ["a", 1], ["b", True, 1.0]),
        (Point, [{"x": 1.0}, {"x": 1.0, "y": 2.0}], [{}, {"x": 1, "z": 1}, {"x": "1"}]),
        (uuid.UUID, [str(uuid.UUID(int=7))], ["x", 7]),
        (datetime, ["2026-11-23T10:00:00+01:00"], ["x", 7, "2026-13-01T00:00:00"]),
        (tuple[int, str], [[1, "a"]], [[1], [1, "a", "b"], ["a", 1], {}]),
    ],
)
def test_types(hint, good, bad):
    shape = shape_of(hint)
    for value in good:
        assert encodable(shape.read(value, "v")) == value
    for value in bad:
        with pytest.raises(InvalidValue):
            shape.read(value, "v")


def test_collections():
    assert shape_of(set[int]).read([1, 1, 2], "v") == {1, 2}
    assert shape_of(tuple[int, ...]).read([1, 2], "v") == (1, 2)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_any_json_is_read_or_refused(value):
    for hint in (Order, list[int] | dict[str, Line], Literal[1, "a"], tuple[Colour, ...]):
        try:
            shape_of(hint).read(value, "v")
        except InvalidValue as error:
            assert error.field.startswith("v")


@pytest.mark.parametrize("hint", [bytes, dict[int, str], complex, list[object()]])
def test_what_json_cannot_carry_is_refused_at_once(hint):
    with pytest.raises(TypeError):
        shape_of(hint)


def test_functions_that_cannot_be_exposed():
    app = Application()

    def any_number(*numbers: int):
        return 0

    def without_names(a: int, /):
        return 0

    def whole_lists(values: list[int]):
        return 0

    for function, options in [(any_number, {}), (without_names, {}), (whole_lists, {"safe": True})]:
        with pytest.raises(TypeError):
            expose(app, **options)(function)
    assert not list(app.routes())


def test_the_description(app):
    document = app.test_client().get("/openapi.json").json()
    add = document["paths"]["/add"]
    assert add["post"]["summary"] == "Add two numbers."
    assert add["post"]["description"] == "Carefully."
    assert add["post"]["requestBody"] == {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                    "additionalProperties": False,
                    "required": ["a"],
                }
            }
        },
        "required": True,
    }
    assert [one["name"] for one in add["get"]["parameters"]] == ["a", "b"]
    result = add["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert result == {"type": "integer"}
    assert set(document["paths"]) == {"/add", "/orders", "/broken"}


def test_the_page_to_try_it(app):
    client = app.test_client()
    page = client.get("/try")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for name in ("page.js", "page.css"):
        assert f"try/assets/{name}" in page.text
        assert client.get(f"/try/assets/{name}").status == 200
