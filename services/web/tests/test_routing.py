"""Routing: rules, matches, and URLs back."""

import uuid
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.routing import MatchKind, Router, Rule

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("rule", "path", "values"),
    [
        ("/", "/", {}),
        ("/tasks", "/tasks", {}),
        ("/tasks", "/tasks/", None),
        ("/tasks/<id>", "/tasks/a b", {"id": "a b"}),
        ("/tasks/<id>", "/tasks/", None),
        ("/tasks/<id>", "/tasks/a/b", None),
        ("/tasks/<int:id>", "/tasks/007", {"id": 7}),
        ("/tasks/<int:id>", "/tasks/-7", None),
        ("/tasks/<int:id>", "/tasks/x", None),
        ("/tasks/<int:id>", "/tasks/" + "9" * 19, None),
        ("/tasks/<int:id>", "/tasks/١", None),
        ("/x/<float:v>", "/x/-1.50", {"v": -1.5}),
        ("/x/<float:v>", "/x/nan", None),
        ("/x/<uuid:v>", f"/x/{ID}", {"v": ID}),
        ("/x/<uuid:v>", "/x/1234", None),
        ("/f/<path:rest>", "/f/a/b.c", {"rest": "a/b.c"}),
        ("/f/<path:rest>", "/f/", None),
        ("/<a>/x/<int:b>.json", "/q/x/3.json", {"a": "q", "b": 3}),
        ("/a.b", "/aXb", None),
        ("/tasks/<id>", "/tasks/a\n", {"id": "a\n"}),
    ],
)
def test_rules(rule, path, values):
    assert Rule(rule).match(path) == values


@pytest.mark.parametrize(
    "rule", ["tasks", "/<", "/<a>/<a>", "/<nope:a>", "/<int:>", "/<a b>", "/a>", "/<INT:a>"]
)
def test_rules_that_are_refused(rule):
    with pytest.raises(ValueError):
        Rule(rule)


@given(
    st.text(min_size=1).filter(lambda text: "/" not in text and text not in (".", "..")),
    st.integers(0, 10**18 - 1),
    st.floats(-1e9, 1e9).map(lambda x: round(x, 12)),
)
def test_what_a_rule_builds_it_matches(name, number, measure):
    rule = Rule("/a é/<name>/<int:number>/<float:measure>")
    values = {"name": name, "number": number, "measure": measure}
    path = rule.build(values)
    assert path.isascii()
    assert rule.match(unquote(path)) == values


def test_building_wants_exactly_its_values():
    rule = Rule("/a/<x>/<path:y>")
    assert rule.build({"x": "a b", "y": "c/d e"}) == "/a/a%20b/c/d%20e"
    for values in ({}, {"x": 1}, {"x": 1, "y": 2, "z": 3}):
        with pytest.raises(ValueError):
            rule.build(values)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", -1),
        ("int", 10**18),
        ("int", 1.5),
        ("int", "7"),
        ("float", float("nan")),
        ("float", 1e30),
        ("str", ""),
        ("str", "a/b"),
        ("str", ".."),
        ("path", ""),
        ("path", "a/../b"),
        ("uuid", "1234"),
    ],
)
def test_values_that_no_path_can_hold(kind, value):
    with pytest.raises((ValueError, TypeError)):
        Rule(f"/x/<{kind}:value>").build({"value": value})


def router():
    one = Router()

    @one.get("/tasks/<int:id>")
    def show(request, id):
        pass

    @one.delete("/tasks/<int:id>")
    def remove(request, id):
        pass

    @one.get("/tasks/new")
    def new(request):
        pass

    @one.route("/any", None)
    def whatever(request):
        pass

    return one


def test_full_partial_and_none():
    one = router()
    full = one.match("GET", "/tasks/7")
    assert (full.kind, full.arguments, full.route.name) == (MatchKind.FULL, {"id": 7}, "show")
    assert one.match("HEAD", "/tasks/7").route.name == "show"
    assert one.match("DELETE", "/tasks/7").route.name == "remove"
    partial = one.match("POST", "/tasks/7")
    assert partial.kind is MatchKind.PARTIAL
    assert partial.allowed == {"GET", "HEAD", "DELETE", "OPTIONS"}
    assert one.match("OPTIONS", "/tasks/7").kind is MatchKind.PARTIAL
    assert one.match("GET", "/tasks/x").kind is MatchKind.NONE
    assert one.match("BREW", "/any").kind is MatchKind.FULL
    assert one.match("OPTIONS", "/any").kind is MatchKind.FULL


def test_a_rule_without_placeholders_wins():
    one = Router()
    one.get("/tasks/<id>", name="any")(lambda request, id: None)
    one.get("/tasks/new", name="new")(lambda request: None)
    assert one.match("GET", "/tasks/new").route.name == "new"
    assert one.match("GET", "/tasks/old").route.name == "any"


def test_methods_of_all_rules_that_fit_are_allowed():
    one = Router()
    one.get("/tasks/<id>")(lambda request, id: None)
    one.post("/tasks/new")(lambda request: None)
    assert one.match("PUT", "/tasks/new").allowed == {"GET", "HEAD", "POST", "OPTIONS"}
    assert one.match("GET", "/tasks/new").kind is MatchKind.FULL


def test_url_for():
    one = router()
    assert one.url_for("show", id=7) == "/tasks/7"
    with pytest.raises(ValueError, match="no route"):
        one.url_for("nope")


def test_include_adds_a_group_below_a_prefix():
    outer = Router()
    outer.include("/v1/", router(), name="v1")
    assert outer.match("GET", "/v1/tasks/7").arguments == {"id": 7}
    assert outer.match("BREW", "/v1/any").kind is MatchKind.FULL
    assert outer.url_for("v1.show", id=7) == "/v1/tasks/7"
    assert outer.match("POST", "/v1/tasks/7").allowed == {"GET", "HEAD", "DELETE", "OPTIONS"}


@given(st.text(max_size=20), st.text(max_size=30))
def test_no_path_crashes_the_router(method, path):
    assert router().match(method, path).kind in MatchKind
