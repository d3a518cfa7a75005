"""Composite types: the row of a table, CREATE TYPE … AS (…), and ROW(1, 'a') of no named type.

As text (1,"a b",) and NULL is nothing between two commas. An anonymous row is of the type `record`;
so that its fields can be shown and compared, the binder makes for each shape of row a type of its
own (`make_record_type`), all of them with the oid of record.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Hashable
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import cut_off, invalid_binary
from services.sqldb.types.sql_type import SqlType
from services.sqldb.values import Row

RECORD_OID, RECORD_ARRAY_OID = 2249, 2287

Fields = tuple[tuple[str, SqlType, int], ...]

_NEEDS_QUOTES = re.compile(r'[()",\\ \t\n\r\v\f]|\A\Z')


def format_row(row: Row, fields: Fields, context: SessionContext) -> str:
    parts = []
    for value, (_, type_, _) in zip(row, fields, strict=True):
        text = "" if value is None else _quote(type_.format(value, context))
        parts.append(text)
    return "(" + ",".join(parts) + ")"


def _quote(text: str) -> str:
    if _NEEDS_QUOTES.search(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
    return text


def _malformed(text: str, detail: str) -> SqlError:
    return SqlError(
        errors.INVALID_TEXT_REPRESENTATION, f'malformed record literal: "{text}"', detail=detail
    )


def split_row(text: str) -> list[str | None]:
    """The texts between the parentheses. # Real: record_in()"""
    stripped = text.strip()
    if not stripped.startswith("("):
        raise _malformed(text, "Missing left parenthesis.")
    items: list[str | None] = []
    at = 1
    while True:
        item, at = _split_item(stripped, at, text)
        items.append(item)
        character = stripped[at]
        at += 1
        if character == ")":
            break
    if stripped[at:]:
        raise _malformed(text, "Junk after right parenthesis.")
    return items


def _split_item(stripped: str, at: int, text: str) -> tuple[str | None, int]:
    """One field, and the place of the comma or parenthesis behind it."""
    if stripped[at : at + 1] in (",", ")"):
        return None, at
    parts: list[str] = []
    is_quoted = False
    while True:
        character = stripped[at : at + 1]
        if not character:
            raise _malformed(text, "Unexpected end of input.")
        if not is_quoted and character in ",)":
            return "".join(parts), at
        at += 1
        if character == "\\":
            if at >= len(stripped):
                raise _malformed(text, "Unexpected end of input.")
            parts.append(stripped[at])
            at += 1
        elif character == '"':
            if is_quoted and stripped[at : at + 1] == '"':
                parts.append('"')
                at += 1
            else:
                is_quoted = not is_quoted
        else:
            parts.append(character)


def parse_row(text: str, fields: Fields, context: SessionContext) -> Row:
    items = [] if not fields and text.strip() == "()" else split_row(text)
    if len(items) < len(fields):
        raise _malformed(text, "Too few columns.")
    if len(items) > len(fields):
        raise _malformed(text, "Too many columns.")
    return Row(
        None if item is None else type_.parse(item, typmod, context)
        for item, (_, type_, typmod) in zip(items, fields, strict=True)
    )


def send_row(row: Row, fields: Fields) -> bytes:
    parts = [struct.pack("!i", len(row))]
    for value, (_, type_, _) in zip(row, fields, strict=True):
        if value is None:
            parts.append(struct.pack("!Ii", type_.oid, -1))
        else:
            data = type_.send(value)
            parts.append(struct.pack("!Ii", type_.oid, len(data)) + data)
    return b"".join(parts)


def receive_row(data: bytes, fields: Fields) -> Row:
    values: list[Any] = []
    try:
        (count,) = struct.unpack_from("!i", data)
        if count != len(fields):
            raise SqlError(
                errors.DATATYPE_MISMATCH,
                f"wrong number of columns: {count}, expected {len(fields)}",
            )
        at = 4
        for name, type_, _ in fields:
            oid, length = struct.unpack_from("!Ii", data, at)
            at += 8
            if oid != type_.oid:
                raise SqlError(
                    errors.DATATYPE_MISMATCH,
                    f"binary data has type {oid} instead of expected {type_.oid} "
                    f'in record column "{name}"',
                )
            if length > len(data) - at:
                raise cut_off()
            values.append(None if length < 0 else type_.receive(data[at : at + length]))
            at += max(length, 0)
    except struct.error:
        raise cut_off() from None
    if at != len(data):
        raise invalid_binary()
    return Row(values)


def row_key(fields: Fields) -> Callable[[Row], Hashable]:
    """Field by field, NULL after all others. # Real: record_cmp()"""
    types = [type_ for _, type_, _ in fields]

    def key(row: Row) -> Hashable:
        return tuple([
            (1,) if value is None else (0, type_.key_of(value))
            for value, type_ in zip(row, types, strict=True)
        ])  # fmt: skip

    return key


def make_composite_type(
    oid: int, name: str, fields: Fields, *, array_oid: int = 0, schema: str = "public"
) -> SqlType:
    """The type of the rows of a table, or of CREATE TYPE … AS (…)."""
    return SqlType(
        oid=oid,
        name=name,
        category="C",
        parse=lambda text, typmod, context: parse_row(text, fields, context),
        format=lambda row, context: format_row(row, fields, context),
        receive=lambda data: receive_row(data, fields),
        send=lambda row: send_row(row, fields),
        alignment="d",
        kind="c",
        array_oid=array_oid,
        fields=fields,
        is_comparable=all(type_.is_comparable for _, type_, _ in fields),
        sort_key=row_key(fields),
        schema=schema,
    )


def _no_input(text: str, typmod: int, context: SessionContext) -> Row:
    raise SqlError(
        errors.FEATURE_NOT_SUPPORTED, "input of anonymous composite types is not implemented"
    )


def make_record_type(fields: Fields | None) -> SqlType:
    """The type of ROW(…): a record whose fields are known here and nowhere else.

    Without fields it is the pseudo-type itself, of which functions are declared to return: their
    rows know their own (`FieldedRow`).
    """
    known = fields or ()
    return SqlType(
        oid=RECORD_OID,
        name="record",
        category="P",
        parse=_no_input,
        format=lambda row, context: format_row(row, known or _own_fields(row), context),
        receive=lambda data: _no_input("", -1, None),
        send=lambda row: send_row(row, known or _own_fields(row)),
        alignment="d",
        kind="p",
        array_oid=RECORD_ARRAY_OID,
        fields=fields,
        sort_key=_row_key if fields is None else row_key(fields),
    )


def _own_fields(row: Row) -> Fields:
    return getattr(row, "fields", ())


def _row_key(row: Row) -> Hashable:
    return row_key(_own_fields(row))(row)
