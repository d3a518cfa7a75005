"""Which overload a call means, and what becomes of literals whose type is open."""

from __future__ import annotations

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.functions import (
    builtin_library,
    common_type,
    find_cast,
    resolve_function,
    resolve_operator,
)
from services.sqldb.types import SqlType, make_record_type, type_by_name


def _types(names: str) -> list[SqlType]:
    return [type_by_name(name) for name in names.split()]


@pytest.mark.parametrize(
    ("name", "given", "expected", "result"),
    [
        ("abs", "unknown", "float8", "float8"),
        ("abs", "int2", "int2", "int2"),
        ("length", "unknown", "text", "int4"),
        ("length", "varchar", "text", "int4"),
        ("round", "int4", "float8", "float8"),
        ("sum", "int4", "int4", "int8"),
        ("sum", "int8", "int8", "numeric"),
        ("max", "varchar", "text", "text"),
        ("array_append", "_int4 unknown", "_int4 int4", "_int4"),
        ("array_append", "_int4 int8", "_int8 int8", "_int8"),
        ("lag", "int4 int4 numeric", "numeric int4 numeric", "numeric"),
        ("unnest", "_text", "_text", "text"),
        ("generate_series", "int4 int8", "int8 int8", "int8"),
        ("to_char", "date unknown", "timestamptz text", "text"),
        ("concat", "int4 unknown bool", "int4 text bool", "text"),
        ("percentile_cont", "numeric int4", "float8 float8", "float8"),
    ],
)
def test_functions(name: str, given: str, expected: str, result: str) -> None:
    call = resolve_function(name, _types(given))
    assert call.argument_types == tuple(_types(expected))
    assert call.result_type.name == result


@pytest.mark.parametrize(
    ("left", "operator", "right", "types", "result"),
    [
        ("int4", "+", "unknown", "int4 int4", "int4"),
        ("int4", "+", "numeric", "numeric numeric", "numeric"),
        ("int2", "<", "float8", "float8 float8", "bool"),
        ("varchar", "=", "unknown", "text text", "bool"),
        ("date", "+", "int4", "date int4", "date"),
        ("timestamp", "-", "unknown", "timestamp timestamp", "interval"),
        ("_int4", "||", "int8", "_int8 int8", "_int8"),
        ("_int4", "=", "unknown", "_int4 _int4", "bool"),
        ("jsonb", "->", "unknown", "jsonb text", "jsonb"),
        ("text", "||", "int4", "text int4", "text"),
        ("bpchar", "=", "text", "text text", "bool"),
    ],
)
def test_operators(left: str, operator: str, right: str, types: str, result: str) -> None:
    found = resolve_operator(operator, type_by_name(left), type_by_name(right))
    assert [found.left, found.right] == _types(types)
    assert found.result_type.name == result


@pytest.mark.parametrize(
    ("call", "sqlstate", "message"),
    [
        (lambda: resolve_function("foo", _types("int4")), "42883",
         "function foo(integer) does not exist"),
        (lambda: resolve_function("length", _types("int4 text")), "42883",
         "function length(integer, text) does not exist"),
        (lambda: resolve_function("to_json", _types("unknown")), "42804",
         "could not determine polymorphic type because input has type unknown"),
        (lambda: resolve_operator("+", *_types("int4 bool")), "42883",
         "operator does not exist: integer + boolean"),
        (lambda: resolve_operator("+", *_types("unknown unknown")), "42725",
         "operator is not unique: unknown + unknown"),
        (lambda: common_type(_types("int4 bool"), "CASE"), "42804",
         "CASE types integer and boolean cannot be matched"),
    ],
)  # fmt: skip
def test_errors(call, sqlstate: str, message: str) -> None:
    with pytest.raises(SqlError) as error:
        call()
    assert (error.value.sqlstate, error.value.message) == (sqlstate, message)


def test_defaults_and_names() -> None:
    call = resolve_function("make_interval", _types("int4"), argument_names=["days"])
    assert call.function.implementation(3).days == 3
    call = resolve_function("jsonb_set", _types("jsonb _text jsonb"))
    assert len(call.argument_types) == 3


def test_common_types() -> None:
    assert common_type(_types("int4 unknown numeric")).name == "numeric"
    assert common_type(_types("unknown unknown")).name == "text"
    # Each goes to the other unasked, so the first one stays.
    assert common_type(_types("varchar text")).name == "varchar"
    assert common_type(_types("date timestamp")).name == "timestamp"


@pytest.mark.parametrize(
    ("source", "target", "context", "is_there"),
    [
        ("int4", "int8", "i", True),
        ("int8", "int4", "i", False),
        ("int8", "int4", "a", True),
        ("int4", "text", "i", False),
        ("int4", "text", "a", True),
        ("text", "int4", "a", False),
        ("text", "int4", "e", True),
        ("_int4", "_text", "a", True),
        ("_int4", "oidvector", "e", False),
        ("date", "int4", "e", False),
    ],
)
def test_casts(source: str, target: str, context: str, is_there: bool) -> None:
    assert (find_cast(*_types(f"{source} {target}"), context) is not None) == is_there


def test_rows_know_how_to_become_json() -> None:
    row = make_record_type((("a", type_by_name("int4"), -1), ("b", type_by_name("text"), -1)))
    call = resolve_function("row_to_json", [row])
    assert call.argument_types[0] is row


def test_every_template_is_python() -> None:
    """The text compiles, and each name in it is an argument, a temporary or given."""
    operators = [o.function for table in builtin_library().operators.values() for o in table]
    functions = [f for f in builtin_library().all_callables() if hasattr(f, "returns_set")]
    checked = 0
    for function in (*operators, *functions):
        if not function.template:
            continue
        names = [f"a{index}" for index in range(len(function.argument_types))]
        code = compile(function.template.format(*names, t="t", u="u", v="v"), "template", "eval")
        known = {*names, "t", "u", "v", "len", "float", "int", "bool", *function.names}
        assert set(code.co_names) <= known, function
        checked += 1
    assert checked > 200
