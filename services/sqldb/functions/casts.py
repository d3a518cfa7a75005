"""Conversions between types: what pg_cast says, and what each of them does.

A cast without a function only changes the label: text to varchar, int4 to int8 (both are `int` in
Python). Between text and all other types there is always a way through output and input, and
arrays convert element by element; those are made in `coercion`, on demand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.arithmetic import check_int2, check_int4, check_int8
from services.sqldb.functions.comparison import date_as_timestamp, local_as_timestamptz
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.calendar import (
    DAY_US,
    INFINITY_DATE,
    INFINITY_TIMESTAMP,
    LAST_TIMESTAMP,
    MINUS_INFINITY_DATE,
    MINUS_INFINITY_TIMESTAMP,
    SECOND_US,
    is_finite_timestamp,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.types.dates import checked_timestamp
from services.sqldb.types.identifiers import REG_TYPES
from services.sqldb.types.json_values import decode_jsonb, format_jsonb
from services.sqldb.types.numbers import out_of_range, to_float4
from services.sqldb.types.numeric import NEGATIVE_INFINITY, POSITIVE_INFINITY, normal_form
from services.sqldb.types.text import single_char_byte, to_name, to_single_char
from services.sqldb.types.zones import offset_at, to_local
from services.sqldb.values import NAN, NUMERIC_NAN, Interval, Jsonb, TimeTz

define = Definitions()

IMPLICIT, ASSIGNMENT, EXPLICIT = "i", "a", "e"

_LIMITS = {"int2": "smallint", "int4": "integer", "int8": "bigint"}
_CHECKS = {"int2": check_int2, "int4": check_int4, "int8": check_int8}


def _define_integers() -> None:
    for pair in ("int2 int4", "int2 int8", "int4 int8"):
        define.cast(pair, IMPLICIT)
    for pair in ("int4 int2", "int8 int2", "int8 int4"):
        define.cast(pair, ASSIGNMENT, _CHECKS[pair.split()[1]])
    for name in ("int2", "int4", "int8"):
        define.cast(f"{name} float4", IMPLICIT, lambda value: to_float4(float(value)))
        define.cast(f"{name} float8", IMPLICIT, float, template="float({0})")
        define.cast(f"{name} numeric", IMPLICIT, Decimal, template="Decimal({0})",
                    names={"Decimal": Decimal})  # fmt: skip
        for source in ("float4", "float8"):
            define.cast(f"{source} {name}", ASSIGNMENT, _float_to_integer(name))
        define.cast(f"numeric {name}", ASSIGNMENT, numeric_to_integer(name))
    define.cast("bool int4", EXPLICIT, int, template="int({0})")
    define.cast("int4 bool", EXPLICIT, bool, template="bool({0})")


def _float_to_integer(name: str) -> Callable[[float], int]:
    """To the nearest, half to even. # Real: dtoi4(), with rint()"""
    sql_name, check = _LIMITS[name], _CHECKS[name]

    def convert(value: float) -> int:
        if not math.isfinite(value):
            raise out_of_range(sql_name)
        return check(round(value))

    return convert


def numeric_to_integer(name: str) -> Callable[[Decimal], int]:
    """To the nearest, half away from zero."""
    sql_name, check = _LIMITS[name], _CHECKS[name]

    def convert(value: Decimal) -> int:
        if not value.is_finite():
            what = "NaN" if value.is_nan() else "infinity"
            raise SqlError(errors.FEATURE_NOT_SUPPORTED, f"cannot convert {what} to {sql_name}")
        return check(int(value.to_integral_value("ROUND_HALF_UP")))

    return convert


def float_to_numeric(digits: int) -> Callable[[float], Decimal]:
    """With as many digits as every float of the type has for sure: 15 or 6."""

    def convert(value: float) -> Decimal:
        if value != value or value is NAN:
            return NUMERIC_NAN
        if math.isinf(value):
            return POSITIVE_INFINITY if value > 0 else NEGATIVE_INFINITY
        return normal_form(Decimal(f"{value:.{digits}g}"))

    return convert


def numeric_to_float8(value: Decimal) -> float:
    if value.is_nan():
        return NAN
    result = float(value)
    if math.isinf(result) and value.is_finite():
        raise SqlError(
            errors.NUMERIC_VALUE_OUT_OF_RANGE,
            f'"{value:f}" is out of range for type double precision',
        )
    return result


def _numeric_to_float4(value: Decimal) -> float:
    return to_float4(numeric_to_float8(value))


def _define_floats() -> None:
    define.cast("float4 float8", IMPLICIT)
    define.cast("float8 float4", ASSIGNMENT, to_float4)
    define.cast("float4 numeric", ASSIGNMENT, float_to_numeric(6))
    define.cast("float8 numeric", ASSIGNMENT, float_to_numeric(15))
    define.cast("numeric float8", IMPLICIT, numeric_to_float8)
    define.cast("numeric float4", IMPLICIT, _numeric_to_float4)


def bpchar_to_text(value: str) -> str:
    return value.rstrip(" ")


def _char_to_int4(value: str) -> int:
    byte = single_char_byte(value)
    return byte - 256 if byte > 127 else byte


def _int4_to_char(value: int) -> str:
    if not -128 <= value <= 127:
        raise out_of_range('"char"')
    if value < 0:
        return f"\\{value & 0xFF:03o}"
    return chr(value) if value else ""


def _bool_to_text(value: bool) -> str:
    return "true" if value else "false"


def _define_texts() -> None:
    for pair in ("text varchar", "varchar text", "text bpchar", "varchar bpchar", "name text"):
        define.cast(pair, IMPLICIT)
    for target in ("text", "varchar"):
        define.cast(f"bpchar {target}", IMPLICIT, bpchar_to_text)
    define.cast("bpchar name", IMPLICIT, lambda value: to_name(value.rstrip(" ")))
    for source in ("text", "varchar"):
        define.cast(f"{source} name", IMPLICIT, to_name)
    for target in ("varchar", "bpchar"):
        define.cast(f"name {target}", ASSIGNMENT)
        define.cast(f"char {target}", ASSIGNMENT)
    define.cast("char text", IMPLICIT)
    for source in ("text", "varchar", "bpchar"):
        define.cast(f"{source} char", ASSIGNMENT, to_single_char)
    for target in ("text", "varchar", "bpchar"):
        define.cast(f"bool {target}", ASSIGNMENT, _bool_to_text)
    define.cast("char int4", EXPLICIT, _char_to_int4)
    define.cast("int4 char", EXPLICIT, _int4_to_char)


def _to_oid(value: int) -> int:
    if not 0 <= value < 1 << 32:
        raise SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, "OID out of range")
    return value


def _wrap_oid(value: int) -> int:
    return value & 0xFFFF_FFFF


def _oid_to_int4(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def _text_to_regclass(context: SessionContext, text: str) -> int:
    from services.sqldb.types.builtin import REGCLASS

    return REGCLASS.parse(text, -1, context)


def _define_oids() -> None:
    for name in ("oid", *REG_TYPES):
        define.cast(f"int2 {name}", IMPLICIT, _wrap_oid)
        define.cast(f"int4 {name}", IMPLICIT, _wrap_oid)
        define.cast(f"int8 {name}", IMPLICIT, _to_oid)
        define.cast(f"{name} int4", ASSIGNMENT, _oid_to_int4)
        define.cast(f"{name} int8", ASSIGNMENT)
        if name != "oid":
            define.cast(f"oid {name}", IMPLICIT)
            define.cast(f"{name} oid", IMPLICIT)
    for pair in ("regproc regprocedure", "regoper regoperator"):
        first, second = pair.split()
        define.cast(f"{first} {second}", IMPLICIT)
        define.cast(f"{second} {first}", IMPLICIT)
    for source in ("text", "varchar"):
        define.cast(f"{source} regclass", IMPLICIT, _text_to_regclass, needs_context=True,
                    volatility="s")  # fmt: skip
    define.cast("xid8 xid", EXPLICIT, _wrap_oid)


def date_to_timestamp(day: int) -> int:
    if LAST_TIMESTAMP // DAY_US < day < INFINITY_DATE:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "date out of range for timestamp")
    return date_as_timestamp(day)


def date_to_timestamptz(context: SessionContext, day: int) -> int:
    return local_as_timestamptz(context, date_to_timestamp(day))


def timestamp_to_date(value: int) -> int:
    if value == INFINITY_TIMESTAMP:
        return INFINITY_DATE
    return MINUS_INFINITY_DATE if value == MINUS_INFINITY_TIMESTAMP else value // DAY_US


def timestamptz_to_timestamp(context: SessionContext, value: int) -> int:
    return to_local(context.time_zone, value) if is_finite_timestamp(value) else value


def timestamp_to_timestamptz(context: SessionContext, value: int) -> int:
    if not is_finite_timestamp(value):
        return value
    return checked_timestamp(local_as_timestamptz(context, value))


def timestamp_to_time(value: int) -> int | None:
    return value % DAY_US if is_finite_timestamp(value) else None


def _timestamptz_to_timetz(context: SessionContext, value: int) -> TimeTz | None:
    if not is_finite_timestamp(value):
        return None
    east = offset_at(context.time_zone, value)
    return TimeTz((value + east * SECOND_US) % DAY_US, -east)


def _time_to_timetz(context: SessionContext, value: int) -> TimeTz:
    east = offset_at(context.time_zone, context.transaction_timestamp_us)
    return TimeTz(value, -east)


def _define_dates() -> None:
    in_session = {"needs_context": True, "volatility": "s"}
    define.cast("date timestamp", IMPLICIT, date_to_timestamp)
    define.cast("date timestamptz", IMPLICIT, date_to_timestamptz, **in_session)
    define.cast("timestamp timestamptz", IMPLICIT, timestamp_to_timestamptz, **in_session)
    define.cast("timestamptz timestamp", ASSIGNMENT, timestamptz_to_timestamp, **in_session)
    define.cast("timestamp date", ASSIGNMENT, timestamp_to_date)
    define.cast(
        "timestamptz date",
        ASSIGNMENT,
        lambda context, value: timestamp_to_date(timestamptz_to_timestamp(context, value)),
        **in_session,
    )
    define.cast("timestamp time", ASSIGNMENT, timestamp_to_time)
    define.cast(
        "timestamptz time",
        ASSIGNMENT,
        lambda context, value: timestamp_to_time(timestamptz_to_timestamp(context, value)),
        **in_session,
    )
    define.cast("timestamptz timetz", ASSIGNMENT, _timestamptz_to_timetz, **in_session)
    define.cast("time timetz", IMPLICIT, _time_to_timetz, **in_session)
    define.cast("timetz time", ASSIGNMENT, lambda value: value.microseconds)
    define.cast("time interval", IMPLICIT, lambda value: Interval(0, 0, value))
    define.cast("interval time", ASSIGNMENT, lambda value: value.microseconds % DAY_US)


_JSON_KINDS = {str: "string", bool: "boolean", Decimal: "numeric", dict: "object", tuple: "array"}


def _from_jsonb(wanted: type, target: str, convert: Callable[[Any], Any]) -> Callable[[Jsonb], Any]:
    def cast(value: Jsonb) -> Any:
        inner = value.value
        if type(inner) is wanted or (wanted is Decimal and isinstance(inner, Decimal)):
            return convert(inner)
        kind = "null" if inner is None else _JSON_KINDS[type(inner)]
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f"cannot cast jsonb {kind} to type {target}")

    return cast


def _define_json() -> None:
    define.cast("json jsonb", ASSIGNMENT, decode_jsonb)
    define.cast("jsonb json", ASSIGNMENT, format_jsonb)
    define.cast("jsonb bool", EXPLICIT, _from_jsonb(bool, "boolean", bool))
    define.cast("jsonb numeric", EXPLICIT, _from_jsonb(Decimal, "numeric", lambda value: value))
    for name, sql_name in _LIMITS.items():
        define.cast(
            f"jsonb {name}", EXPLICIT, _from_jsonb(Decimal, sql_name, numeric_to_integer(name))
        )
    define.cast("jsonb float4", EXPLICIT, _from_jsonb(Decimal, "real", _numeric_to_float4))
    define.cast(
        "jsonb float8", EXPLICIT, _from_jsonb(Decimal, "double precision", numeric_to_float8)
    )


_define_integers()
_define_floats()
_define_texts()
_define_oids()
_define_dates()
_define_json()
