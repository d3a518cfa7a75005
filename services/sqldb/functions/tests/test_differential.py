"""Values made at random: PostgreSQL's answers must be ours, as text or as SQLSTATE."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.sqldb.functions.tests import golden
from services.sqldb.tests.postgres import PostgresServer, postgres  # noqa: F401

_BOUNDED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def connection(postgres: PostgresServer):  # noqa: F811
    with postgres.connect() as session:
        yield session


def _check(connection, expression: str) -> None:
    ours = golden.ours(golden.Case(expression, "UTC", ()))
    assert ours == golden.postgres_outcome(connection, expression), expression


_INTEGERS = st.one_of(
    st.integers(-100, 100),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from([-(1 << 15), (1 << 15) - 1, 1 << 31, -(1 << 31) - 1]),
)
_DECIMALS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25, places=None
).map(lambda value: Decimal(f"{value:f}"[:40].rstrip(".")))
_FLOATS = st.one_of(st.floats(), st.floats(-1e6, 1e6), st.floats(width=32))
_TEXTS = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@_BOUNDED
@given(a=_INTEGERS, b=_INTEGERS, operator=st.sampled_from("+-*/%"))
def test_integers(connection, a: int, b: int, operator: str) -> None:
    _check(connection, f"({a}) {operator} ({b})")


@_BOUNDED
@given(a=_DECIMALS, b=_DECIMALS, operator=st.sampled_from(["+", "-", "*", "/", "%", "<", "="]))
def test_numeric(connection, a: Decimal, b: Decimal, operator: str) -> None:
    _check(connection, f"({a:f})::numeric {operator} ({b:f})::numeric")


@_BOUNDED
@given(a=_DECIMALS, function=st.sampled_from(["sqrt", "ln", "exp", "round", "log", "trunc"]))
def test_functions_of_numeric(connection, a: Decimal, function: str) -> None:
    _check(connection, f"{function}(({a:f})::numeric)")


@_BOUNDED
@given(a=_FLOATS, b=_FLOATS, operator=st.sampled_from(["+", "-", "*", "/", "<", "=", ">="]))
def test_floats(connection, a: float, b: float, operator: str) -> None:
    _check(connection, f"'{a!r}'::float8 {operator} '{b!r}'::float8")


@_BOUNDED
@given(a=_FLOATS)
def test_output_of_floats(connection, a: float) -> None:
    _check(connection, f"'{a!r}'::float8")
    _check(connection, f"'{a!r}'::float4")
    _check(connection, f"'{a!r}'::float8::numeric")


@_BOUNDED
@given(a=_TEXTS, b=_TEXTS, n=st.integers(-5, 15))
def test_texts(connection, a: str, b: str, n: int) -> None:
    x, y = _quoted(a), _quoted(b)
    for expression in (
        f"{x} || {y}", f"{x} < {y}", f"length({x})", f"upper({x})", f"left({x}, {n})",
        f"lpad({x}, {n}, {y})", f"replace({x}, {y}, 'z')", f"substr({x}, {n}, 3)",
        f"split_part({x}, {y}, 1)", f"to_json({x}::text)", f"array[{x}, {y}]", f"row({x}, {y})",
        f"md5({x})", f"encode({x}::text::bytea, 'escape')" if "\\" not in a else "1",
        f"quote_literal({x})", f"initcap({x})", f"translate({x}, {y}, 'abc')",
    ):  # fmt: skip
        _check(connection, expression)


_DAYS = st.dates().map(lambda day: day.isoformat())
_MOMENTS = st.datetimes().map(lambda moment: moment.isoformat(" "))
_SPANS = st.builds(
    lambda months, days, us: f"{months} mons {days} days {us} us",
    st.integers(-500, 500),
    st.integers(-5000, 5000),
    st.integers(-(10**13), 10**13),
)


@_BOUNDED
@given(day=_DAYS, moment=_MOMENTS, span=_SPANS, other=_MOMENTS)
def test_dates(connection, day: str, moment: str, span: str, other: str) -> None:
    for expression in (
        f"date '{day}'", f"timestamp '{moment}'", f"interval '{span}'",
        f"timestamp '{moment}' + interval '{span}'", f"timestamp '{moment}' - timestamp '{other}'",
        f"age(timestamp '{moment}', timestamp '{other}')", f"date '{day}' - interval '{span}'",
        f"justify_interval(interval '{span}')", f"interval '{span}' * 1.5",
        f"extract(epoch from timestamp '{moment}')", f"extract(week from date '{day}')",
        f"extract(epoch from interval '{span}')", f"interval '{span}' / 7",
        f"to_char(timestamp '{moment}', 'IYYY-IW-ID DDD Q CC J HH12:MI:SS.US AM Day')",
        f"date_trunc('quarter', timestamp '{moment}')",
    ):  # fmt: skip
        _check(connection, expression)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@_BOUNDED
@given(a=_JSON, b=_JSON)
def test_json(connection, a: object, b: object) -> None:
    import json

    x, y = (_quoted(json.dumps(value)) + "::jsonb" for value in (a, b))
    for expression in (x, f"{x} < {y}", f"{x} @> {y}", f"{x} || {y}", f"{x} = {y}",
                       f"jsonb_pretty({x})", f"jsonb_strip_nulls({x})"):  # fmt: skip
        _check(connection, expression)


@_BOUNDED
@given(text=st.text("abcAB.- 12", max_size=8), pattern=st.text("ab.*+?|()[]^$\\dw%_", max_size=6))
def test_like(connection, text: str, pattern: str) -> None:
    _check(connection, f"{_quoted(text)} LIKE {_quoted(pattern)}")


@_BOUNDED
@given(number=_DECIMALS, template=st.sampled_from(
    ["999.99", "FM999,999.09", "S9999", "9999MI", "0009.9", "FM0.0", "9,999PR", "9.9EEEE", "SG99"]
))  # fmt: skip
def test_number_templates(connection, number: Decimal, template: str) -> None:
    _check(connection, f"to_char(({number:f})::numeric, '{template}')")
