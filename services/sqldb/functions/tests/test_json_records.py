"""JSON objects as rows of a type that a table or the statement gives."""

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.functions import resolve_function
from services.sqldb.types import (
    INT4,
    JSONB,
    TEXT,
    PlainContext,
    array_of,
    make_composite_type,
    make_record_type,
)
from services.sqldb.values import Row

_FIELDS = (("a", INT4, -1), ("b", TEXT, -1), ("c", array_of(INT4), -1))


def _jsonb(text: str):
    return JSONB.parse(text, -1, PlainContext())


def test_rows_of_a_statement() -> None:
    row_type = make_record_type(_FIELDS)
    call = resolve_function("jsonb_to_recordset", [JSONB], record_type=row_type)
    rows = list(
        call.function.implementation(
            PlainContext(), _jsonb('[{"a": 1, "b": "x"}, {"b": {"k": 1}, "c": [1, 2], "d": 0}]')
        )
    )
    texts = [row_type.format(row, PlainContext()) for row in rows]
    assert texts == ["(1,x,)", '(,"{""k"": 1}","{1,2}")']
    assert call.result_type is row_type


def test_rows_of_a_table() -> None:
    table = make_composite_type(70_000, "t", _FIELDS)
    call = resolve_function("jsonb_populate_record", [table, JSONB])
    base = Row((7, "kept", None))
    assert call.function.implementation(PlainContext(), base, _jsonb('{"a": "8"}')) == (
        8, "kept", None,
    )  # fmt: skip
    assert call.result_type is table


def test_what_is_no_object() -> None:
    call = resolve_function("jsonb_to_recordset", [JSONB], record_type=make_record_type(_FIELDS))
    with pytest.raises(SqlError, match="cannot call jsonb_to_recordset on a scalar"):
        call.function.implementation(PlainContext(), _jsonb("1"))
