"""The types that every database has, as constants: INT4, TEXT, TIMESTAMPTZ …

Numbers of types (oids) are those of pg_type in PostgreSQL 15: drivers have them built in, so a
column of type 23 arrives in a program as an integer.
"""

from __future__ import annotations

from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types import (
    bit_strings,
    byte_strings,
    date_input,
    dates,
    intervals,
    json_values,
    numeric,
)
from services.sqldb.types import numbers as n
from services.sqldb.types import text as t
from services.sqldb.types.arrays import make_array_type, make_vector_type
from services.sqldb.types.composites import make_record_type
from services.sqldb.types.context import SessionContext
from services.sqldb.types.identifiers import REG_TYPES, make_reg_type
from services.sqldb.types.jsonpath_syntax import parse_jsonpath, receive_jsonpath, send_jsonpath
from services.sqldb.types.sql_type import SqlType


def _plain(format_: Any) -> dict[str, Any]:
    """The two ways to the text of a type that knows no settings."""
    return {"format": lambda value, context: format_(value), "plain_format": format_}


def _text_like(**more: Any) -> SqlType:
    return SqlType(
        **{
            "parse": t.parse_text,
            **_plain(t.identity),
            "receive": t.receive_text,
            "send": t.send_text,
            **more,
        }
    )


def _unsigned(oid: int, name: str, array_oid: int, category: str = "U", **more: Any) -> SqlType:
    return SqlType(
        oid=oid,
        name=name,
        category=category,
        parse=n.parse_unsigned4(name),
        **_plain(str),
        receive=n.receive_uint4,
        send=n.send_uint4,
        length=4,
        array_oid=array_oid,
        **more,
    )


BOOL = SqlType(
    oid=16, name="bool", category="B", is_preferred=True, length=1, alignment="c",
    array_oid=1000, sql_name="boolean", parse=n.parse_bool, **_plain(n.format_bool),
    receive=n.receive_bool, send=n.send_bool,
)  # fmt: skip
BYTEA = SqlType(
    oid=17, name="bytea", category="U", array_oid=1001,
    parse=byte_strings.parse_bytea, format=byte_strings.format_bytea,
    receive=byte_strings.receive_bytea, send=bytes,
)  # fmt: skip
CHAR = _text_like(
    oid=18, name="char", category="Z", length=1, alignment="c", array_oid=1002, sql_name='"char"',
    parse=t.parse_single_char, receive=t.receive_single_char, send=t.send_single_char,
)  # fmt: skip
NAME = _text_like(
    oid=19, name="name", category="S", length=64, alignment="c", array_oid=1003,
    parse=t.parse_name, is_collatable=True,
)  # fmt: skip
INT8 = SqlType(
    oid=20, name="int8", category="N", length=8, alignment="d", array_oid=1016, sql_name="bigint",
    parse=n.parse_int8, **_plain(str), receive=n.receive_int8, send=n.send_int8,
)  # fmt: skip
INT2 = SqlType(
    oid=21, name="int2", category="N", length=2, alignment="s", array_oid=1005,
    sql_name="smallint", parse=n.parse_int2, **_plain(str), receive=n.receive_int2,
    send=n.send_int2,
)  # fmt: skip
INT4 = SqlType(
    oid=23, name="int4", category="N", length=4, array_oid=1007, sql_name="integer",
    parse=n.parse_int4, **_plain(str), receive=n.receive_int4, send=n.send_int4,
)  # fmt: skip
TEXT = _text_like(
    oid=25, name="text", category="S", is_preferred=True, array_oid=1009, is_collatable=True
)
OID = _unsigned(26, "oid", 1028, category="N", is_preferred=True)
XID = _unsigned(28, "xid", 1011)
CID = _unsigned(29, "cid", 1012)
FLOAT4 = SqlType(
    oid=700, name="float4", category="N", length=4, array_oid=1021, sql_name="real",
    parse=n.parse_float4, format=n.format_float4, receive=n.receive_float4, send=n.send_float4,
)  # fmt: skip
FLOAT8 = SqlType(
    oid=701, name="float8", category="N", is_preferred=True, length=8, alignment="d",
    array_oid=1022, sql_name="double precision", parse=n.parse_float8, format=n.format_float8,
    receive=n.receive_float8, send=n.send_float8,
)  # fmt: skip
NUMERIC = SqlType(
    oid=1700, name="numeric", category="N", array_oid=1231, parse=numeric.parse_numeric,
    **_plain(numeric.format_numeric), receive=numeric.receive_numeric, send=numeric.send_numeric,
    modifier=numeric.NUMERIC_MODIFIER,
)  # fmt: skip
BPCHAR = _text_like(
    oid=1042, name="bpchar", category="S", array_oid=1014, sql_name="character",
    parse=t.parse_bpchar, sort_key=t.bpchar_key, modifier=t.BPCHAR_MODIFIER, is_collatable=True,
)  # fmt: skip
VARCHAR = _text_like(
    oid=1043, name="varchar", category="S", array_oid=1015, sql_name="character varying",
    parse=t.parse_varchar, modifier=t.VARCHAR_MODIFIER, is_collatable=True,
)  # fmt: skip
BIT = SqlType(
    oid=1560, name="bit", category="V", array_oid=1561, parse=bit_strings.parse_bits,
    **_plain(str), receive=bit_strings.receive_bits, send=bit_strings.send_bits,
    modifier=bit_strings.BIT_MODIFIER,
)  # fmt: skip
VARBIT = SqlType(
    oid=1562, name="varbit", category="V", is_preferred=True, array_oid=1563,
    sql_name="bit varying", parse=bit_strings.parse_bits, **_plain(str),
    receive=bit_strings.receive_bits, send=bit_strings.send_bits,
    modifier=bit_strings.VARBIT_MODIFIER,
)  # fmt: skip
JSON = _text_like(
    oid=114, name="json", category="U", array_oid=199, parse=json_values.parse_json,
    receive=json_values.receive_json, is_comparable=False,
)  # fmt: skip
JSONB = SqlType(
    oid=3802, name="jsonb", category="U", array_oid=3807, parse=json_values.parse_jsonb,
    **_plain(json_values.format_jsonb), receive=json_values.receive_jsonb,
    send=json_values.send_jsonb, sort_key=json_values.jsonb_key,
)  # fmt: skip
JSONPATH = SqlType(
    oid=4072, name="jsonpath", category="U", array_oid=4073, parse=parse_jsonpath, **_plain(str),
    receive=receive_jsonpath, send=send_jsonpath, is_comparable=False,
)  # fmt: skip
DATE = SqlType(
    oid=1082, name="date", category="D", length=4, array_oid=1182, parse=date_input.parse_date,
    format=dates.format_date, receive=dates.receive_date, send=dates.send_date,
)  # fmt: skip
TIME = SqlType(
    oid=1083, name="time", category="D", length=8, alignment="d", array_oid=1183,
    sql_name="time without time zone", parse=date_input.parse_time, **_plain(dates.format_time),
    receive=dates.receive_time, send=n.send_int8, modifier=dates.TIME_MODIFIER,
)  # fmt: skip
TIMETZ = SqlType(
    oid=1266, name="timetz", category="D", length=12, alignment="d", array_oid=1270,
    sql_name="time with time zone", parse=date_input.parse_timetz, **_plain(dates.format_timetz),
    receive=dates.receive_timetz, send=dates.send_timetz, sort_key=dates.timetz_key,
    modifier=dates.TIMETZ_MODIFIER,
)  # fmt: skip
TIMESTAMP = SqlType(
    oid=1114, name="timestamp", category="D", length=8, alignment="d", array_oid=1115,
    sql_name="timestamp without time zone", parse=date_input.parse_timestamp,
    format=dates.format_timestamp, receive=dates.receive_timestamp, send=n.send_int8,
    modifier=dates.TIMESTAMP_MODIFIER,
)  # fmt: skip
TIMESTAMPTZ = SqlType(
    oid=1184, name="timestamptz", category="D", is_preferred=True, length=8, alignment="d",
    array_oid=1185, sql_name="timestamp with time zone", parse=date_input.parse_timestamptz,
    format=dates.format_timestamptz, receive=dates.receive_timestamp, send=n.send_int8,
    modifier=dates.TIMESTAMP_MODIFIER,
)  # fmt: skip
INTERVAL = SqlType(
    oid=1186, name="interval", category="T", is_preferred=True, length=16, alignment="d",
    array_oid=1187, parse=intervals.parse_interval, format=intervals.format_interval,
    receive=intervals.receive_interval, send=intervals.send_interval,
    sort_key=intervals.interval_key, modifier=intervals.INTERVAL_MODIFIER,
)  # fmt: skip
UUID = SqlType(
    oid=2950, name="uuid", category="U", length=16, alignment="c", array_oid=2951,
    parse=byte_strings.parse_uuid, **_plain(str), receive=byte_strings.receive_uuid,
    send=byte_strings.send_uuid,
)  # fmt: skip
# Who may do what, as catalog.privileges writes it: ann=r*/postgres.
ACLITEM = _text_like(oid=1033, name="aclitem", category="U", length=12, array_oid=1034)
XID8 = SqlType(
    oid=5069, name="xid8", category="U", length=8, alignment="d", array_oid=271,
    parse=n.parse_int8, **_plain(str), receive=n.receive_int8, send=n.send_int8,
)  # fmt: skip


def _parse_tid(text: str, typmod: int, context: SessionContext) -> tuple[int, int]:
    block, comma, offset = text.strip().removeprefix("(").removesuffix(")").partition(",")
    if comma and block.strip().isdecimal() and offset.strip().isdecimal():
        return int(block), int(offset)
    raise n.invalid_text("tid", text)


def _receive_tid(data: bytes) -> tuple[int, int]:
    if len(data) != 6:
        raise n.invalid_binary()
    return int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")


# The place of a row: (block, number in the block).
TID = SqlType(
    oid=27, name="tid", category="U", length=6, alignment="s", array_oid=1010, parse=_parse_tid,
    **_plain(lambda value: f"({value[0]},{value[1]})"),
    receive=_receive_tid,
    send=lambda value: value[0].to_bytes(4, "big") + value[1].to_bytes(2, "big"),
)  # fmt: skip
REFCURSOR = _text_like(oid=1790, name="refcursor", category="U", array_oid=2201)
INT2VECTOR = make_vector_type(INT2, 22, 1006, "int2vector")
OIDVECTOR = make_vector_type(OID, 30, 1013, "oidvector")
# The type of a literal in quotes until its use says more. # Real: unknown, typlen -2
UNKNOWN = _text_like(
    oid=705, name="unknown", category="X", length=-2, alignment="c", kind="p", is_comparable=False
)
CSTRING = _text_like(
    oid=2275, name="cstring", category="P", length=-2, alignment="c", kind="p", array_oid=1263
)
RECORD = make_record_type(None)


def _pseudo(oid: int, name: str, length: int = 4, sql_name: str = "") -> SqlType:
    def refuse(*_: object) -> Any:
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, f"cannot accept a value of type {name}")

    return SqlType(
        oid=oid,
        name=name,
        category="P",
        parse=refuse,
        **_plain(str),
        receive=refuse,
        send=lambda value: str(value).encode(),
        sql_name=sql_name,
        length=length,
        kind="p",
        is_comparable=False,
    )


ANY = _pseudo(2276, "any", sql_name='"any"')
ANYARRAY = _pseudo(2277, "anyarray", -1)
ANYELEMENT = _pseudo(2283, "anyelement")
ANYNONARRAY = _pseudo(2776, "anynonarray")
ANYENUM = _pseudo(3500, "anyenum")
ANYRANGE = _pseudo(3831, "anyrange", -1)
ANYCOMPATIBLE = _pseudo(5077, "anycompatible")
ANYCOMPATIBLEARRAY = _pseudo(5078, "anycompatiblearray", -1)
ANYCOMPATIBLENONARRAY = _pseudo(5079, "anycompatiblenonarray")
INTERNAL = _pseudo(2281, "internal", 8)
TRIGGER = _pseudo(2279, "trigger")
# The result of a function that returns nothing shows as an empty text.
VOID = _text_like(oid=2278, name="void", category="P", length=4, kind="p", is_comparable=False)

_BASE_TYPES = (
    *(BOOL, BYTEA, CHAR, NAME, INT8, INT2, INT4, TEXT, OID, TID, XID, CID, JSON, FLOAT4, FLOAT8),
    *(BPCHAR, VARCHAR, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ, NUMERIC, UUID, JSONB),
    *(BIT, VARBIT, JSONPATH, XID8, ACLITEM, REFCURSOR, INT2VECTOR, OIDVECTOR, RECORD, CSTRING),
)
_PSEUDO_TYPES = (
    *(UNKNOWN, VOID, ANY, ANYARRAY, ANYELEMENT, ANYNONARRAY, ANYENUM, ANYRANGE, ANYCOMPATIBLE),
    *(ANYCOMPATIBLEARRAY, ANYCOMPATIBLENONARRAY, INTERNAL, TRIGGER),
)

# How SQL calls types in its grammar, next to their names in pg_type.
SQL_ALIASES = {
    "boolean": "bool",
    "smallint": "int2",
    "integer": "int4",
    "int": "int4",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "decimal": "numeric",
    "dec": "numeric",
    "bit varying": "varbit",
    "character": "bpchar",
    "character varying": "varchar",
    "char varying": "varchar",
    '"char"': "char",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}


def _named_oid(text: str) -> int | None:
    name = text.lower().removeprefix("pg_catalog.")
    is_array = name.endswith("[]")
    name = name.removesuffix("[]")
    # Inside a text, char is the SQL name for character, "char" in quotes the one-byte type.
    found = _BY_NAME.get("bpchar" if name == "char" else SQL_ALIASES.get(name, name))
    if found is None:
        return None
    return found.array_oid if is_array else found.oid


def _oid_name(oid: int) -> str | None:
    found = BUILTIN_TYPES.get(oid)
    return str(found) if found else None


REG_TYPE_CONSTANTS = {
    name: make_reg_type(name, lambda text: None, lambda oid: None) for name in REG_TYPES
}
REG_TYPE_CONSTANTS["regtype"] = make_reg_type("regtype", _named_oid, _oid_name)
REGCLASS = REG_TYPE_CONSTANTS["regclass"]
REGTYPE = REG_TYPE_CONSTANTS["regtype"]
REGPROC = REG_TYPE_CONSTANTS["regproc"]
REGPROCEDURE = REG_TYPE_CONSTANTS["regprocedure"]
REGNAMESPACE = REG_TYPE_CONSTANTS["regnamespace"]
REGROLE = REG_TYPE_CONSTANTS["regrole"]

_ALL_BASE_TYPES = (*_BASE_TYPES, *REG_TYPE_CONSTANTS.values())
BUILTIN_TYPES: dict[int, SqlType] = {
    type_.oid: type_
    for type_ in (
        *_ALL_BASE_TYPES,
        *_PSEUDO_TYPES,
        *(make_array_type(type_) for type_ in _ALL_BASE_TYPES if type_.array_oid),
    )
}
_BY_NAME: dict[str, SqlType] = {type_.name: type_ for type_ in BUILTIN_TYPES.values()}
