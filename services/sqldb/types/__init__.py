"""The types of SQL values: what they are called, how they read and show, how they compare.

    sql_type       SqlType: a row of pg_type; TypeModifier: the 20 of varchar(20); format_type
    builtin        the constants: BOOL, INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC, TEXT, VARCHAR …
    registry       TypeRegistry, type_by_oid, type_by_name, array_of
    context        SessionContext: the settings that input and output depend on; PlainContext
    numbers        boolean, integers, floats           numeric        exact decimals
    text           text, varchar, char(n), name        byte_strings   bytea, uuid
    bit_strings    bit(n), bit varying(n)
    calendar       days and years                      zones          time zones
    date_input     reading dates and times             dates          showing them
    intervals      interval                            json_values    json, jsonb
    jsonpath       paths as trees                      jsonpath_syntax  reading them
    arrays         arrays of all types                 composites     rows and records
    enums          CREATE TYPE … AS ENUM               identifiers    regclass, regtype …
    domains        CREATE DOMAIN

How Python holds the values is said in `services.sqldb.values`. In short, for a type `t`:

    t.parse(text, typmod, context) → value      t.format(value, context) → text
    t.receive(data) → value                     t.send(value) → data
    t.formatter(context) → a function of one argument, for a column of many values
    t.key_of(value) → what compares and hashes natively; the value itself where sort_key is None
    t.modifier.coerce(value, typmod, is_explicit) → the value in the shape of varchar(20)
    format_type(t, typmod) → "character varying(20)"

Which types go where without being asked (int4 to int8, a literal to anything) is no matter of the
types: that is the table of casts in `services.sqldb.functions`.

Left out: ranges, geometry, network addresses, money, full-text search, xml.
"""

from services.sqldb.types.arrays import make_array_type
from services.sqldb.types.builtin import (
    ANY,
    ANYARRAY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLEARRAY,
    ANYCOMPATIBLENONARRAY,
    ANYELEMENT,
    ANYENUM,
    ANYNONARRAY,
    BIT,
    BOOL,
    BPCHAR,
    BUILTIN_TYPES,
    BYTEA,
    CHAR,
    CID,
    CSTRING,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT2VECTOR,
    INT4,
    INT8,
    INTERNAL,
    INTERVAL,
    JSON,
    JSONB,
    JSONPATH,
    NAME,
    NUMERIC,
    OID,
    OIDVECTOR,
    RECORD,
    REFCURSOR,
    REGCLASS,
    REGNAMESPACE,
    REGPROC,
    REGPROCEDURE,
    REGROLE,
    REGTYPE,
    SQL_ALIASES,
    TEXT,
    TID,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    TRIGGER,
    UNKNOWN,
    UUID,
    VARBIT,
    VARCHAR,
    VOID,
    XID,
    XID8,
)
from services.sqldb.types.composites import make_composite_type, make_record_type
from services.sqldb.types.context import PlainContext, SessionContext
from services.sqldb.types.domains import make_domain_type
from services.sqldb.types.enums import enum_values, make_enum_type
from services.sqldb.types.registry import (
    BUILTIN_REGISTRY,
    TypeRegistry,
    array_of,
    type_by_name,
    type_by_oid,
)
from services.sqldb.types.sql_type import NO_TYPMOD, SqlType, TypeModifier, format_type

__all__ = [
    "ANY",
    "ANYARRAY",
    "ANYCOMPATIBLE",
    "ANYCOMPATIBLEARRAY",
    "ANYCOMPATIBLENONARRAY",
    "ANYELEMENT",
    "ANYENUM",
    "ANYNONARRAY",
    "BIT",
    "BOOL",
    "BPCHAR",
    "BUILTIN_REGISTRY",
    "BUILTIN_TYPES",
    "BYTEA",
    "CHAR",
    "CID",
    "CSTRING",
    "DATE",
    "FLOAT4",
    "FLOAT8",
    "INT2",
    "INT2VECTOR",
    "INT4",
    "INT8",
    "INTERNAL",
    "INTERVAL",
    "JSON",
    "JSONB",
    "JSONPATH",
    "NAME",
    "NO_TYPMOD",
    "NUMERIC",
    "OID",
    "OIDVECTOR",
    "RECORD",
    "REFCURSOR",
    "REGCLASS",
    "REGNAMESPACE",
    "REGPROC",
    "REGPROCEDURE",
    "REGROLE",
    "REGTYPE",
    "SQL_ALIASES",
    "TEXT",
    "TID",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIMETZ",
    "TRIGGER",
    "UNKNOWN",
    "UUID",
    "VARBIT",
    "VARCHAR",
    "VOID",
    "XID",
    "XID8",
    "PlainContext",
    "SessionContext",
    "SqlType",
    "TypeModifier",
    "TypeRegistry",
    "array_of",
    "enum_values",
    "format_type",
    "make_array_type",
    "make_composite_type",
    "make_domain_type",
    "make_enum_type",
    "make_record_type",
    "type_by_name",
    "type_by_oid",
]
