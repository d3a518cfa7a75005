"""The grammar: how operators bind, what is an error and where."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.errors import SqlError
from services.sqldb.syntax import lexer, nodes, parse, parse_expression
from services.sqldb.syntax.deparse import deparse

CORPUS = Path(__file__).with_name("corpus.sql").read_text().splitlines()


@pytest.mark.parametrize("sql", CORPUS)
def test_everything_in_the_corpus_is_sql(sql):
    for statement in parse(sql):
        assert sql[statement.start : statement.end].strip(" ;")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("2 ^ 3 ^ 2", "((2 ^ 3) ^ 2)"),
        ("- a ^ b", "((- a) ^ b)"),
        ("a || b + c", "(a || (b + c))"),
        ("a + b = c AND NOT d OR e", "((((a + b) = c) AND (NOT d)) OR e)"),
        ("NOT a = b", "(NOT (a = b))"),
        ("a = NOT b = c", "(a = (NOT (b = c)))"),
        ("a < b IS NULL", "((a < b) IS NULL)"),
        ("a BETWEEN 1 AND 2 AND b", "((a BETWEEN 1 AND 2) AND b)"),
        ("a -> 'x' ->> 'y'", "((a -> 'x') ->> 'y')"),
        ("@ a + b", "(@ (a + b))"),
        ("- a::int", "(- a::integer)"),
        ("a OR b OR c", "(a OR b OR c)"),
        ("x * @ y + z", "(x * (@ (y + z)))"),
    ],
)
def test_how_operators_bind(written, meant):
    assert _shape(parse_expression(written)) == _shape(parse_expression(meant))


def _shape(node: object) -> object:
    """The tree without places."""
    if isinstance(node, nodes.And | nodes.Or):
        return type(node).__name__, _flat(node)
    if isinstance(node, tuple):
        return tuple(_shape(item) for item in node)
    if not hasattr(node, "__dataclass_fields__"):
        return node
    return type(node).__name__, tuple(
        _shape(getattr(node, name)) for name in node.__dataclass_fields__ if name != "position"
    )


def _flat(node: nodes.And | nodes.Or) -> tuple:
    """Chains as one list, however they were put together."""
    parts = []
    for operand in node.operands:
        parts.extend(_flat(operand) if type(operand) is type(node) else [_shape(operand)])
    return tuple(parts)


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"', 0),
        ("SELECT 1 +", "syntax error at end of input", 10),
        ("SELECT 1 FROM", "syntax error at end of input", 13),
        ("SELECT FROM WHERE", 'syntax error at or near "WHERE"', 12),
        ("SELECT a FROM t WHERE", "syntax error at end of input", 21),
        ("SELECT a < b < c", 'syntax error at or near "<"', 13),
        ("SELECT a LIKE b LIKE c", 'syntax error at or near "LIKE"', 16),
        ("SELECT (1, 2", "syntax error at end of input", 12),
        ("SELECT 1; SELECT", None, 0),
        ("SELECT 1 SELECT 2", 'syntax error at or near "2"', 16),
        ("SELECT 'x", "unterminated quoted string at or near \"'x\"", 7),
        ("SELECT , 'x", 'syntax error at or near ","', 7),
        ("INSERT INTO t VALUES (1,)", 'syntax error at or near ")"', 24),
        ("CREATE TABLE t (a)", "syntax error at end of input", 18),
        ("SELECT t.*.x FROM t", 'improper use of "*" at or near "FROM"', 13),
        ("SELECT 1 LIMIT 1, 2", "LIMIT #,# syntax is not supported", 9),
        ("(SELECT 1 LIMIT 1) LIMIT 2", "multiple LIMIT clauses not allowed", 19),
        ("SELECT * FROM (SELECT 1)", "subquery in FROM must have an alias", 14),
        ("SELECT f(DISTINCT a) WITHIN GROUP (ORDER BY b)",
         "cannot use DISTINCT with WITHIN GROUP", 21),
        ("SELECT sum(x) OVER (ROWS UNBOUNDED FOLLOWING)",
         "frame start cannot be UNBOUNDED FOLLOWING", 25),
    ],
)  # fmt: skip
def test_errors_stand_where_postgres_has_them(sql, message, position):
    if message is None:
        assert len(parse(sql)) == 2
        return
    with pytest.raises(SqlError) as caught:
        parse(sql)
    assert (caught.value.message, caught.value.position) == (message, position)


def test_statements_know_where_they_stand():
    sql = "  SELECT 1 ; ;\n-- no\nSELECT 2"
    assert [sql[one.start : one.end] for one in parse(sql)] == ["SELECT 1", "SELECT 2"]
    assert parse(" ; -- nothing") == []


@pytest.mark.parametrize(
    ("literal", "kind", "value"),
    [
        ("-2147483648", nodes.LiteralKind.INTEGER, -2147483648),
        ("-9223372036854775808", nodes.LiteralKind.INTEGER, -(2**63)),
        ("9223372036854775808", nodes.LiteralKind.NUMERIC, "9223372036854775808"),
        ("- - 1", nodes.LiteralKind.INTEGER, 1),
        ("-1.50", nodes.LiteralKind.NUMERIC, "-1.50"),
    ],
)
def test_signs_are_part_of_numbers(literal, kind, value):
    found = parse_expression(literal)
    assert (found.kind, found.value) == (kind, value)


@pytest.mark.parametrize(
    "opening", ["(", "NOT ", "(SELECT ", "CASE WHEN true THEN ", "ARRAY[", "- "]
)
def test_deep_nesting_is_an_error_and_no_crash(opening):
    with pytest.raises(SqlError) as caught:
        parse("SELECT " + opening * 50_000 + "1")
    assert caught.value.sqlstate == "54001"


TOKENS = sorted(
    {
        sql[start:end]
        for sql in CORPUS
        for found in [lexer.tokenize(sql)]
        for start, end in zip(found.starts[:-1], found.ends[:-1], strict=True)
    }
)


@settings(max_examples=400)
@given(st.lists(st.sampled_from(TOKENS), max_size=25))
def test_any_tokens_are_statements_or_an_error(words):
    _parse_or_error(" ".join(words))


@settings(max_examples=400)
@given(st.sampled_from(CORPUS), st.data())
def test_broken_statements_are_statements_or_an_error(sql, data):
    cut = data.draw(st.integers(0, len(sql)))
    length = data.draw(st.integers(0, 6))
    _parse_or_error(sql[:cut] + data.draw(st.sampled_from(TOKENS)) + sql[cut + length :])


def _parse_or_error(sql: str) -> None:
    try:
        parse(sql)
    except SqlError as error:
        assert -1 <= error.position <= len(sql)


EXPRESSIONS = [
    target.expression
    for sql in CORPUS
    if sql.startswith("SELECT ")
    for one in parse(sql)
    if isinstance(one.statement, nodes.Query) and isinstance(one.statement.body, nodes.Select)
    for target in one.statement.body.targets
    if not isinstance(target.expression, nodes.Star)
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_written_back_means_the_same(expression):
    once = deparse(expression)
    again = parse_expression(once)
    assert deparse(again) == once
