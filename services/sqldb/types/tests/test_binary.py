"""Values through the binary and the text format and back; nonsense is an error, no crash."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.errors import SqlError
from services.sqldb.types import (
    BUILTIN_TYPES,
    FLOAT8,
    INT4,
    NUMERIC,
    TEXT,
    PlainContext,
    SqlType,
    array_of,
    make_composite_type,
    make_enum_type,
    type_by_name,
)
from services.sqldb.types.arrays import array_of_elements
from services.sqldb.types.calendar import FIRST_TIMESTAMP, LAST_TIMESTAMP
from services.sqldb.values import NAN, NUMERIC_NAN, EnumValue, Interval, Row

_CONTEXT = PlainContext()

_EXAMPLES = [
    ("bool", "true", "01"),
    ("int2", "-2", "fffe"),
    ("int4", "258", "00000102"),
    ("int8", "-1", "ffffffffffffffff"),
    ("float4", "1.5", "3fc00000"),
    ("float8", "-0.5", "bfe0000000000000"),
    ("text", "ä", "c3a4"),
    ("bytea", "\\x00ff", "00ff"),
    ("date", "2000-01-02", "00000001"),
    ("time", "00:00:00.000001", "0000000000000001"),
    ("timetz", "00:00:01+01", "00000000000f4240fffff1f0"),
    ("timestamp", "1999-12-31 23:59:59.999999", "ffffffffffffffff"),
    ("interval", "1 mon 2 days 00:00:00.000003", "00000000000000030000000200000001"),
    ("uuid", "00000000-0000-0000-0000-000000000001", "00000000000000000000000000000001"),
    ("jsonb", '{"a": 1}', "017b2261223a20317d"),
    ("oid", "4294967295", "ffffffff"),
    ("char", "a", "61"),
    ("_int4", "{1,NULL}", "00000001000000010000001700000002000000010000000400000001ffffffff"),
]


@pytest.mark.parametrize(("name", "text", "data"), _EXAMPLES)
def test_bytes_on_the_wire(name: str, text: str, data: str) -> None:
    type_ = type_by_name(name)
    value = type_.parse(text, -1, _CONTEXT)
    assert type_.send(value).hex() == data
    assert type_.receive(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("0", "0000000000000000"),
        ("1", "00010000000000000001"),
        ("-1.5", "000200004000000100011388"),
        ("12345.678", "0003000100000003000109291a7c"),
        ("10000", "00010001000000000001"),
        ("0.0001", "0001ffff000000040001"),
        ("NaN", "00000000c0000000"),
    ],
)
def test_numeric_on_the_wire(text: str, data: str) -> None:
    value = NUMERIC.parse(text, -1, _CONTEXT)
    assert NUMERIC.send(value).hex() == data
    assert NUMERIC.format(NUMERIC.receive(bytes.fromhex(data)), _CONTEXT) == text


def _round_trip(type_: SqlType, value: Any) -> None:
    assert type_.key_of(type_.receive(type_.send(value))) == type_.key_of(value)
    text = type_.format(value, _CONTEXT)
    assert type_.key_of(type_.parse(text, -1, _CONTEXT)) == type_.key_of(value)
    assert type_.formatter(_CONTEXT)(value) == text


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numeric(value: Decimal) -> None:
    _round_trip(NUMERIC, NUMERIC.parse(f"{value:f}"[:200], -1, _CONTEXT))


@given(st.floats())
def test_float8(value: float) -> None:
    _round_trip(FLOAT8, FLOAT8.parse(repr(value), -1, _CONTEXT))


@given(st.integers(FIRST_TIMESTAMP, LAST_TIMESTAMP))
def test_timestamp(value: int) -> None:
    _round_trip(type_by_name("timestamp"), value)
    _round_trip(type_by_name("timestamptz"), value)
    _round_trip(type_by_name("date"), value // 86_400_000_000)


_INT4 = st.integers(-(1 << 31), (1 << 31) - 1)


@given(_INT4, _INT4, st.integers(-(1 << 63), (1 << 63) - 1))
def test_interval(months: int, days: int, microseconds: int) -> None:
    _round_trip(type_by_name("interval"), Interval(months, days, microseconds))


_TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=8)


@given(st.lists(st.none() | _TEXTS, max_size=4))
def test_arrays_and_rows(items: list) -> None:
    _round_trip(array_of(TEXT), array_of_elements(items))
    fields = tuple((f"f{index}", TEXT, -1) for index in range(len(items)))
    if items:
        _round_trip(make_composite_type(50_000, "pair", fields), Row(items))


@settings(max_examples=300)
@given(st.sampled_from(sorted(BUILTIN_TYPES.values(), key=lambda t: t.oid)), st.binary(max_size=40))
def test_any_bytes_are_a_value_or_an_error(type_: SqlType, data: bytes) -> None:
    try:
        value = type_.receive(data)
    except SqlError:
        return
    assert isinstance(type_.send(value), bytes)


@settings(max_examples=500)
@given(
    st.sampled_from(sorted(BUILTIN_TYPES.values(), key=lambda t: t.oid)),
    st.text("0123456789-+:. {}[]\"',\\()abeEnNulTpPxX/", max_size=14),
)
def test_any_text_is_a_value_or_an_error(type_: SqlType, text: str) -> None:
    try:
        value = type_.parse(text, -1, _CONTEXT)
    except SqlError:
        return
    assert isinstance(type_.format(value, _CONTEXT), str)


def test_nan_sorts_last_and_equals_itself() -> None:
    assert NAN == NAN and float("inf") < NAN and not NAN < 1.0 and hash(NAN) == hash(NAN)
    assert sorted([NAN, 1.0, float("-inf")]) == [float("-inf"), 1.0, NAN]
    assert NUMERIC_NAN == NUMERIC_NAN and Decimal("Infinity") < NUMERIC_NAN
    assert max(Decimal(1), NUMERIC_NAN) is NUMERIC_NAN
    assert len({NAN, FLOAT8.receive(bytes.fromhex("7ff8000000000000"))}) == 1


def test_enums_order_as_they_were_declared() -> None:
    mood = make_enum_type(60_000, "mood", [(1.0, "sad"), (2.0, "ok"), (1.5, "meh")])
    values = [mood.parse(label, -1, _CONTEXT) for label in ("ok", "sad", "meh")]
    assert sorted(values) == [EnumValue(1.0, "sad"), EnumValue(1.5, "meh"), EnumValue(2.0, "ok")]
    assert mood.labels == ("sad", "meh", "ok")
    with pytest.raises(SqlError, match='invalid input value for enum mood: "glad"'):
        mood.parse("glad", -1, _CONTEXT)


def test_types_know_their_arrays() -> None:
    assert array_of(INT4).oid == 1007
    assert array_of(INT4).element is INT4
    assert array_of(array_of(INT4)) == array_of(INT4)
    assert type_by_name("character varying[]").name == "_varchar"
