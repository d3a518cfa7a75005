"""varchar(n), numeric(p,s), timestamp(p): what they are called, and what they do to values."""

from decimal import Decimal

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.functions import typmod_function
from services.sqldb.types import (
    BPCHAR,
    INTERVAL,
    NUMERIC,
    TIMESTAMPTZ,
    VARCHAR,
    SqlType,
    array_of,
    format_type,
    type_by_name,
)


@pytest.mark.parametrize(
    ("type_", "numbers", "name"),
    [
        (VARCHAR, [20], "character varying(20)"),
        (BPCHAR, [1], "character(1)"),
        (NUMERIC, [10, 2], "numeric(10,2)"),
        (NUMERIC, [5], "numeric(5,0)"),
        (NUMERIC, [5, -2], "numeric(5,-2)"),
        (TIMESTAMPTZ, [3], "timestamp(3) with time zone"),
        (array_of(VARCHAR), [7], "character varying(7)[]"),
        (INTERVAL, [3], "interval(3)"),
    ],
)
def test_names(type_: SqlType, numbers: list[int], name: str) -> None:
    assert format_type(type_, type_.modifier.from_numbers(numbers)) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [("int4", "integer"), ("bpchar", "bpchar"), ("_text", "text[]"), ("char", '"char"')],
)
def test_names_without_modifier(name: str, shown: str) -> None:
    assert format_type(type_by_name(name)) == shown


def _shape(type_: SqlType, numbers: list[int], value: object, is_explicit: bool) -> object:
    typmod = type_.modifier.from_numbers(numbers)
    return typmod_function(type_, typmod, is_explicit).implementation(value)


def test_explicit_casts_cut_and_assignments_refuse() -> None:
    assert _shape(VARCHAR, [2], "abc", True) == "ab"
    assert _shape(VARCHAR, [2], "ab  ", False) == "ab"
    assert _shape(BPCHAR, [4], "ab", False) == "ab  "
    with pytest.raises(SqlError, match=r"value too long for type character varying\(2\)") as error:
        _shape(VARCHAR, [2], "abc", False)
    assert error.value.sqlstate == "22001"


def test_numeric_rounds_and_refuses_what_is_too_large() -> None:
    assert _shape(NUMERIC, [5, 2], Decimal("1.005"), False) == Decimal("1.01")
    with pytest.raises(SqlError) as error:
        _shape(NUMERIC, [3, 2], Decimal("9.995"), False)
    assert error.value.sqlstate == "22003"
    assert error.value.detail.startswith("A field with precision 3, scale 2 must round")


@pytest.mark.parametrize(
    ("type_", "numbers"), [(NUMERIC, [0]), (NUMERIC, [1, 1001]), (VARCHAR, [0])]
)
def test_impossible_modifiers(type_: SqlType, numbers: list[int]) -> None:
    with pytest.raises(SqlError) as error:
        type_.modifier.from_numbers(numbers)
    assert error.value.sqlstate == "22023"
