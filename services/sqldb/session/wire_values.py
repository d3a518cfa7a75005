"""Values at the edge: parameters of Bind become values, values of rows become bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from services.sqldb.errors import CHARACTER_NOT_IN_REPERTOIRE, PROTOCOL_VIOLATION, SqlError
from services.sqldb.protocol import backend
from services.sqldb.protocol.backend import BINARY, FieldDescription
from services.sqldb.protocol.data_rows import (
    RowsEncoder,
    Sender,
    boolean_text,
    integer_text,
    own_text,
    rows_encoder,
)
from services.sqldb.protocol.frontend import Bind, decode_text
from services.sqldb.session.results import ResultColumn
from services.sqldb.types import INT4, INT8, SqlType

if TYPE_CHECKING:
    from services.sqldb.session.prepared import PreparedStatement
    from services.sqldb.session.session import Session

FIRST_ROWS, MOST_ROWS = 16, 512
_WHOLE_NUMBERS = frozenset({INT4.oid, INT8.oid})
BATCH_BYTES = 1 << 15
"""About how much is encoded at a time."""


def field_descriptions(
    columns: Sequence[ResultColumn], formats: Sequence[int]
) -> list[FieldDescription]:
    return [
        FieldDescription(
            column.name,
            column.table_oid,
            column.attribute,
            column.type.plain.oid,
            column.type.length,
            column.typmod if column.type.base is None else column.type.base_typmod,
            code,
        )
        for column, code in zip(columns, formats, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class RowFormat:
    """How the rows of a statement go out: made once for a statement, used for all of its runs."""

    description: bytes
    """RowDescription."""
    encode: RowsEncoder


def row_format(
    columns: Sequence[ResultColumn], codes: tuple[int, ...], session: Session
) -> RowFormat:
    """`codes` as Bind has them. Raises SqlError."""
    formats = column_formats(columns, codes)
    description = backend.row_description(field_descriptions(columns, formats))
    return RowFormat(description, row_encoder(columns, formats, session))


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
    types = statement.parameter_types
    given = len(bind.parameters)
    if given != len(types):
        raise SqlError(
            PROTOCOL_VIOLATION,
            f"bind message supplies {given} parameters, but prepared statement "
            f'"{statement.name}" requires {len(types)}',
        )
    if not given:
        return ()
    codes = bind.parameter_formats
    if len(codes) > 1 and len(codes) != given:
        raise SqlError(
            PROTOCOL_VIOLATION,
            f"bind message has {len(codes)} parameter formats but {given} parameters",
        )
    values: list[object] = []
    for data, code, type_ in zip(bind.parameters, _one_each(codes, given), types, strict=True):
        if data is None:
            values.append(None)
        elif code == BINARY:
            values.append(type_.receive(data))
        elif len(data) < 10 and data.isdigit() and type_.oid in _WHOLE_NUMBERS:
            values.append(int(data))  # What most parameters are, in a fifth of the time.
        else:
            if 0 in data:
                raise SqlError(
                    CHARACTER_NOT_IN_REPERTOIRE,
                    'invalid byte sequence for encoding "UTF8": 0x00',
                )
            values.append(type_.parse(decode_text(data), -1, session))
    return tuple(values)


def sender(type_: SqlType, code: int, session: Session) -> Sender:
    """A function from a value that is not NULL to what is sent of it."""
    if code == BINARY:
        return type_.send
    if type_.category == "B" and type_.element is None:
        return boolean_text
    formatted = type_.formatter(session)
    if formatted is str:
        # Of a text it is the text itself, of a number its digits.
        match type_.category:
            case "S":
                return own_text
            case "N":
                return integer_text
    return formatted


def row_encoder(
    columns: Sequence[ResultColumn], formats: Sequence[int], session: Session
) -> RowsEncoder:
    senders = [
        sender(column.type, code, session) for column, code in zip(columns, formats, strict=True)
    ]
    return rows_encoder(senders, formats)


def write_rows(rows: Iterator[tuple], encode: RowsEncoder, write: Callable[[bytes], None]) -> int:
    """Write rows as they are made, some at a time; how many there were.

    Those that were made before an error have left before it, as PostgreSQL's do. A batch begins
    small, for the first rows to be there soon, and stays small if the rows are large.
    """
    count, size = 0, FIRST_ROWS
    while True:
        batch: list[tuple] = []
        data = b""
        try:
            batch.extend(islice(rows, size))
        finally:
            if batch:
                data = encode(batch)
                write(data)
        count += len(batch)
        if len(batch) < size:
            return count
        size = min(MOST_ROWS, max(1, size * BATCH_BYTES // len(data)))
