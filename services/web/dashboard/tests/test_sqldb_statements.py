"""The page of sqldb: how a text is cut into statements, and how an EXPLAIN becomes a drawing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.dashboard.sqldb.plans import drawn
from services.web.dashboard.sqldb.statements import split, statement_at


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ;; -- nothing; at all\n /* ; */ ;", []),
        ("SELECT 1", ["SELECT 1"]),
        (" SELECT 1 ;SELECT 2; ", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' -- ; \n, 2; b", ["SELECT ';' -- ; \n, 2", "b"]),
        ("/* a; /* b; */ c; */ SELECT 1; d", ["SELECT 1", "d"]),
        ("SELECT 'it''s; ' ; b", ["SELECT 'it''s; '", "b"]),
        (r"SELECT E'\'; ' ; b", [r"SELECT E'\'; '", "b"]),
        (r"SELECT '\' ; b", [r"SELECT '\'", "b"]),
        ('SELECT "a;""b" ; c', ['SELECT "a;""b"', "c"]),
        ("DO $$ a; $b$ ; $$ ; c", ["DO $$ a; $b$ ; $$", "c"]),
        ("SELECT $x$ a; $$ ; $x$; c", ["SELECT $x$ a; $$ ; $x$", "c"]),
        ("SELECT $1; SELECT a$b$c; d", ["SELECT $1", "SELECT a$b$c", "d"]),
        ("SELECT 'open ; b", ["SELECT 'open ; b"]),
        ("SELECT $$ open ; b", ["SELECT $$ open ; b"]),
        ("SELECT 1 /* open ; b", ["SELECT 1"]),
        ("SELECT '😀;'; b", ["SELECT '😀;'", "b"]),
    ],
)
def test_a_text_is_cut_at_its_semicolons(text: str, statements: list[str]):
    found = split(text)
    assert [one.text for one in found] == statements
    assert all(text[one.start : one.end] == one.text for one in found)


@given(st.text(alphabet="a;'\"$-/*\\ \nE1", max_size=40))
def test_any_text_is_cut_into_parts_of_it_in_order(text: str):
    found = split(text)
    assert all(text[one.start : one.end] == one.text and one.text for one in found)
    ends = [one.end for one in found]
    starts = [one.start for one in found]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


def test_the_caret_stands_in_a_statement():
    statements = split(" a ; b ;")
    found = [statement_at(statements, place).text for place in range(9)]
    assert "".join(found) == "aaaaabbbb"
    assert statement_at([], 5) is None


PLAN = [
    {
        "Plan": {
            "Node Type": "Nested Loop",
            "Join Type": "Inner",
            "Plan Rows": 10,
            "Total Cost": 5.5,
            "Actual Total Time": 9.0,
            "Actual Rows": 20,
            "Actual Loops": 1,
            "Plans": [
                {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Plan Rows": 2,
                 "Filter": "(a > 1)", "Rows Removed by Filter": 1500, "Actual Total Time": 1.0,
                 "Actual Rows": 2, "Actual Loops": 1},
                {"Node Type": "Index Scan", "Relation Name": "u", "Alias": "x",
                 "Index Name": "u_pkey", "Sort Key": ["a", "b DESC"], "Plan Rows": 1,
                 "Actual Total Time": 3.0, "Actual Rows": 10, "Actual Loops": 2},
            ],
        },
        "Planning Time": 0.5,
        "Execution Time": 9.5,
    }
]  # fmt: skip


def test_a_plan_is_drawn_with_what_each_node_took():
    told = drawn(json.dumps(PLAN))
    assert (told["planning_ms"], told["execution_ms"], told["is_analyzed"]) == (0.5, 9.5, True)
    top = told["plan"]
    scan, index = top["inputs"]
    assert (top["rows"], top["estimated_rows"], top["cost"]) == (20, 10, 5.5)
    assert (index["total_ms"], index["self_ms"], scan["self_ms"]) == (6.0, 6.0, 1.0)
    assert top["self_ms"] == 9.0 - 1.0 - 6.0
    assert top["facts"] == []
    assert scan["facts"] == [["filter", "(a > 1)"], ["left out", "1,500 rows"]]
    assert index["facts"] == [["sort by", "a, b DESC"]]
    assert (scan["subject"], index["subject"]) == ("t", "u x using u_pkey")


def test_a_plan_that_was_not_run_has_no_times():
    told = drawn('[{"Plan": {"Node Type": "Result", "Plan Rows": 1, "Total Cost": 0.01}}]')
    assert (told["is_analyzed"], told["execution_ms"]) == (False, None)
    assert (told["plan"]["rows"], told["plan"]["self_ms"]) == (None, None)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"Node Type": "Aggregate", "Strategy": "Hashed"}, "HashAggregate"),
        ({"Node Type": "Aggregate", "Strategy": "Plain"}, "Aggregate"),
        ({"Node Type": "ModifyTable", "Operation": "Update"}, "Update"),
    ],
)
def test_nodes_are_called_as_the_text_form_does(node: dict, name: str):
    assert drawn(json.dumps([{"Plan": node}]))["plan"]["name"] == name


def test_an_odd_explain_is_drawn_all_the_same():
    assert drawn("[]")["plan"]["name"] == "?"
    deep: dict = {"Node Type": "Limit"}
    for _ in range(150):
        deep = {"Node Type": "Limit", "Plans": [deep]}
    assert drawn(json.dumps([{"Plan": deep}]))["plan"]["name"] == "Limit"
