"""Values at the edge: parameters of Bind become values, values of rows become bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from services.sqldb.errors import PROTOCOL_VIOLATION, SqlError
from services.sqldb.protocol import backend
from services.sqldb.protocol.backend import BINARY, FieldDescription, RowEncoder
from services.sqldb.protocol.frontend import Bind, decode_text
from services.sqldb.session.results import ResultColumn
from services.sqldb.types import SqlType

if TYPE_CHECKING:
    from services.sqldb.session.prepared import PreparedStatement
    from services.sqldb.session.session import Session


def field_descriptions(
    columns: Sequence[ResultColumn], formats: Sequence[int]
) -> list[FieldDescription]:
    return [
        FieldDescription(
            column.name,
            column.table_oid,
            column.attribute,
            column.type.oid,
            column.type.length,
            column.typmod,
            code,
        )
        for column, code in zip(columns, formats, strict=True)
    ]


def column_formats(
    columns: Sequence[ResultColumn] | None, codes: tuple[int, ...]
) -> tuple[int, ...]:
    """One format code for each column. Raises SqlError 08P01."""
    count = len(columns or ())
    if len(codes) > 1 and columns is not None and len(codes) != count:
        raise SqlError(
            PROTOCOL_VIOLATION,
            f"bind message has {len(codes)} result formats but query has {count} columns",
        )
    return _one_each(codes, count)


def _one_each(codes: tuple[int, ...], count: int) -> tuple[int, ...]:
    for code in codes:
        if code not in (backend.TEXT, BINARY):
            raise SqlError("22023", f"unsupported format code: {code}")
    if len(codes) == count:
        return codes
    return (codes[0] if codes else backend.TEXT,) * count


def parameter_values(session: Session, statement: PreparedStatement, bind: Bind) -> tuple:
    """The values of $1, $2 … Raises SqlError for what is no value of its type."""
    count = len(statement.parameter_types)
    given = len(bind.parameters)
    if given != count:
        raise SqlError(
            PROTOCOL_VIOLATION,
            f"bind message supplies {given} parameters, but prepared statement "
            f'"{statement.name}" requires {count}',
        )
    codes = bind.parameter_formats
    if len(codes) > 1 and len(codes) != given:
        raise SqlError(
            PROTOCOL_VIOLATION,
            f"bind message has {len(codes)} parameter formats but {given} parameters",
        )
    formats = _one_each(codes, given)
    return tuple(
        None if data is None else _parameter(data, code, type_, session)
        for data, code, type_ in zip(
            bind.parameters, formats, statement.parameter_types, strict=True
        )
    )


def _parameter(data: bytes, code: int, type_: SqlType, session: Session) -> object:
    if code == BINARY:
        return type_.receive(data)
    return type_.parse(decode_text(data), -1, session)


def sender(type_: SqlType, code: int, session: Session) -> Callable[[object], bytes]:
    """A function from a value that is not NULL to its bytes."""
    if code == BINARY:
        return type_.send
    formatted = type_.formatter(session)
    if formatted is str:
        # Of a text it is the text itself, of a number its digits.
        match type_.category:
            case "S":
                return str.encode
            case "N":
                return lambda value: b"%d" % value
    return lambda value: formatted(value).encode()


def row_encoder(
    columns: Sequence[ResultColumn], formats: Sequence[int], session: Session
) -> RowEncoder:
    senders = [
        sender(column.type, code, session) for column, code in zip(columns, formats, strict=True)
    ]
    return backend.row_encoder(senders)
