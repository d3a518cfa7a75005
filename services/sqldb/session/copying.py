"""COPY: rows in and out over the connection, in text, CSV or binary.

    COPY t FROM STDIN    CopyInResponse ▶   ◀ CopyData … CopyDone        INSERT of each row
    COPY t TO STDOUT     CopyOutResponse ▶  CopyData … CopyDone ▶        rows of SELECT

What comes in goes through the plan of an INSERT, so that defaults, checks, generated columns and
foreign keys are what they are there. # Real: copyfrom.c, copyto.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.binder.clauses import Clause
from services.sqldb.catalog.definitions import Sequence, Table, TableKind
from services.sqldb.commands.row_expressions import (
    RowFunction,
    bind_over_row,
    compile_row,
    default_value,
)
from services.sqldb.connection import ConnectionLost
from services.sqldb.errors import SqlError
from services.sqldb.plan.analysis import walk
from services.sqldb.plan.expressions import Column
from services.sqldb.protocol import backend, copy_binary, copy_csv, copy_text, frontend
from services.sqldb.session.copy_options import CopyOptions, copy_options
from services.sqldb.session.prepared import prepare
from services.sqldb.session.results import ResultColumn
from services.sqldb.syntax import nodes, parse
from services.sqldb.syntax.deparse import quote_identifier
from services.sqldb.types import BOOL

if TYPE_CHECKING:
    from services.sqldb.connection import Connection
    from services.sqldb.session.session import Session

Decoder = copy_text.CopyTextDecoder | copy_csv.CopyCsvDecoder | copy_binary.CopyBinaryDecoder


# The statement.


def run_copy(session: Session, node: nodes.Copy, connection: Connection) -> str:
    """Carry it out; the tag of CommandComplete. Raises SqlError."""
    if node.file is not None or node.is_program:
        message = "COPY to or from a file is not supported"
        hint = "Use STDIN and STDOUT; psql's \\copy command also works for anyone."
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, message, hint=hint)
    options = copy_options(node)
    if node.is_from:
        return _CopyIn(session, connection, node, options).run()
    return _copy_out(session, connection, node, options)


def _table(session: Session, node: nodes.Copy) -> Table:
    written = node.relation
    found = session.lookup.relation(written.schema, written.name)
    if isinstance(found, Sequence):
        way = "to" if node.is_from else "from"
        message = f'cannot copy {way} sequence "{found.name}"'
        raise SqlError(errors.WRONG_OBJECT_TYPE, message)
    return session.lookup.expect_table(written.schema, written.name)


def _columns(session: Session, table: Table, node: nodes.Copy) -> list[int]:
    if not node.columns:
        return [index for index, one in table.live_columns() if one.generated is None]
    found = []
    for name in node.columns:
        index = table.column_index(name)
        if index is None:
            message = f'column "{name}" of relation "{table.name}" does not exist'
            raise SqlError(errors.UNDEFINED_COLUMN, message)
        if index in found:
            raise SqlError(errors.DUPLICATE_COLUMN, f'column "{name}" specified more than once')
        if table.columns[index].generated is not None:
            message = f'column "{name}" is a generated column'
            detail = "Generated columns cannot be used in COPY."
            raise SqlError(errors.INVALID_COLUMN_REFERENCE, message, detail=detail)
        found.append(index)
    return found


def _qualified(session: Session, table: Table) -> str:
    schema = session.lookup.schema_name(table.schema_oid)
    return f"{quote_identifier(schema)}.{quote_identifier(table.name)}"


# In.


class _CopyIn:
    """COPY … FROM STDIN."""

    def __init__(
        self, session: Session, connection: Connection, node: nodes.Copy, options: CopyOptions
    ):
        self._session = session
        self._connection = connection
        self._options = options
        self._table = _table(session, node)
        if self._table.kind is not TableKind.TABLE:
            message = f'cannot copy to view "{self._table.name}"'
            raise SqlError(errors.WRONG_OBJECT_TYPE, message)
        self._where = node.where
        self._columns = _columns(session, self._table, node)
        # The columns that are given to INSERT.
        self._stored = self._columns
        columns = [self._table.columns[index] for index in self._columns]
        self._names = [column.name for column in columns]
        self._types = [session.lookup.types.by_oid(column.type_oid) for column in columns]
        self._line = 0
        self._expects_header = options.matches_header

    def run(self) -> str:
        is_wanted, complete = self._condition(), self._completed()
        insert = self._insert_statement()
        self._connection.write(backend.copy_in_response(self._options.code, len(self._columns)))
        self._connection.flush()
        count = 0
        values_of = self._reader()
        transaction, check = self._session.expect_transaction(), self._session.interrupts.check
        for row in self._rows():
            self._line += 1
            if not self._line & 255:
                check()
            try:
                values = values_of(row)
                if is_wanted is not None:
                    values = complete(values)
                    if is_wanted(values)[0] is not True:
                        continue
                    values = tuple([values[index] for index in self._stored])
                insert(values)
            except SqlError as error:
                raise self._first_wrong_value(row) or self._at_line(error, row) from None
            count += 1
        transaction.end_statement()
        return f"COPY {count}"

    def _at_line(self, error: SqlError, row: list) -> SqlError:
        error.context = error.context or self._context(row)
        return error

    def _context(self, row: list) -> str:
        shown = "" if self._options.form == "binary" else _shown(row, self._options)
        return f"COPY {self._table.name}, line {self._line}{shown}"

    def _condition(self) -> RowFunction | None:
        """COPY … WHERE: asked of the row with its defaults."""
        if self._where is None:
            return None
        session, table = self._session, self._table
        bound = bind_over_row(session, session.lookup, table, self._where, Clause.COPY_WHERE, BOOL)
        for part in walk(bound):
            if isinstance(part, Column) and table.columns[part.index].generated is not None:
                name = table.columns[part.index].name
                raise SqlError(
                    errors.INVALID_COLUMN_REFERENCE,
                    "generated columns are not supported in COPY FROM WHERE conditions",
                    detail=f'Column "{name}" is a generated column.',
                )
        self._stored = _columns(session, table, nodes.Copy(None, None, (), True))
        return compile_row(session, [bound])

    def _completed(self) -> RowFunction:
        """A function from the values that come to a row of the table, with defaults."""
        table, places = self._table, {index: at for at, index in enumerate(self._columns)}
        steps = [
            default_value(self._session, table, index)
            for index in self._stored
            if index not in places
        ]
        order = [places.get(index) for index in range(len(table.columns))]

        def complete(values: tuple) -> tuple:
            row = tuple([None if at is None else values[at] for at in order])
            for step in steps:
                row = step(row)
            return row

        return complete

    def _insert_statement(self) -> Callable[[tuple], None]:
        """Begin a statement: a function that inserts a row of these columns in it.

        One statement for all rows, as they may point to each other.
        """
        session = self._session
        stored = [self._table.columns[index] for index in self._stored]
        columns = ", ".join(quote_identifier(column.name) for column in stored)
        holders = ", ".join(f"${number}" for number in range(1, len(stored) + 1))
        sql = (
            f"INSERT INTO {_qualified(session, self._table)} ({columns}) "  # noqa: S608
            f"OVERRIDING SYSTEM VALUE VALUES ({holders})"
        )
        if not stored:
            sql = f"INSERT INTO {_qualified(session, self._table)} DEFAULT VALUES"
        oids = tuple(column.type_oid for column in stored)
        statement = prepare(session, "", sql, parse(sql)[0], oids)
        session.expect_transaction().begin_statement()
        return statement.repeated(session)

    def _rows(self) -> Iterator[list]:
        decoder = self._decoder()
        for data in self._data():
            decoder.receive_data(data)
            yield from self._checked(decoder.rows())
        yield from self._checked(decoder.rows(is_last=True))

    def _checked(self, rows: Iterator[list]) -> Iterator[list]:
        wanted = len(self._columns)
        for row in rows:
            if self._expects_header:
                self._line += 1
                self._expects_header = False
                self._check_header(row)
                continue
            if len(row) != wanted:
                self._line += 1
                raise self._first_wrong_value(row) or self._wrong_width(row)
            yield row

    def _check_header(self, row: list) -> None:
        """HEADER MATCH: the first line has the names of the columns."""
        if len(row) != len(self._names):
            message = (
                f"wrong number of fields in header line: got {len(row)}, "
                f"expected {len(self._names)}"
            )
            raise SqlError(errors.BAD_COPY_FILE_FORMAT, message, context=self._context(row))
        for number, (found, name) in enumerate(zip(row, self._names, strict=True), 1):
            message = ""
            if found is None:
                message = (
                    f"column name mismatch in header line field {number}: "
                    f'got null value ("{self._options.null}"), expected "{name}"'
                )
            elif found != name:
                message = (
                    f'column name mismatch in header line field {number}: got "{found}", '
                    f'expected "{name}"'
                )
            if message:
                raise SqlError(errors.BAD_COPY_FILE_FORMAT, message, context=self._context(row))

    def _first_wrong_value(self, row: list) -> SqlError | None:
        """The error of the first column that is no value of its type, with the column's name."""
        if self._options.form == "binary" or len(row) > len(self._columns):
            return None
        for text, type_, name in zip(row, self._types, self._names, strict=False):
            place = f"COPY {self._table.name}, line {self._line}, column {name}"
            try:
                if text is not None:
                    type_.parse(text, -1, self._session)
                elif type_.check is not None:
                    type_.check(self._session, None)
            except SqlError as error:
                shown = "null input" if text is None else f'"{text}"'
                error.context = f"{place}: {shown}"
                return error
        return None

    def _wrong_width(self, row: list) -> SqlError:
        if self._options.form == "binary":
            message = f"row field count is {len(row)}, expected {len(self._columns)}"
        elif len(row) < len(self._columns):
            message = f'missing data for column "{self._names[len(row)]}"'
        else:
            message = "extra data after last expected column"
        return SqlError(errors.BAD_COPY_FILE_FORMAT, message, context=self._context(row))

    def _decoder(self) -> Decoder:
        options = self._options
        if options.form == "binary":
            return copy_binary.CopyBinaryDecoder()
        skips_line = options.header and not options.matches_header
        if options.form == "text":
            return copy_text.CopyTextDecoder(options.delimiter, options.null, skips_line)
        return copy_csv.CopyCsvDecoder(
            options.csv,
            skips_line,
            self._indexes(options.force_not_null),
            self._indexes(options.force_null),
        )

    def _indexes(self, names: tuple[str, ...]) -> frozenset[int]:
        if names == ("*",):
            return frozenset(range(len(self._names)))
        return frozenset(self._names.index(name) for name in names if name in self._names)

    def _data(self) -> Iterator[bytes]:
        """The bytes of CopyData until CopyDone. Raises SqlError 57014 for CopyFail."""
        while True:
            message = self._connection.receive()
            match message:
                case frontend.CopyData(data):
                    yield data
                case frontend.CopyDone():
                    return
                case frontend.CopyFail(reason):
                    text = f"COPY from stdin failed: {reason}"
                    raise SqlError(errors.QUERY_CANCELED, text)
                case frontend.Flush() | frontend.Sync():
                    continue
                case frontend.Terminate():
                    raise ConnectionLost
                case _:
                    name = type(message).__name__
                    text = f"unexpected message type {name} during COPY from stdin"
                    error = SqlError(errors.PROTOCOL_VIOLATION, text)
                    self._connection.write(backend.error_response(error))
                    # What follows may be rows or messages: nobody knows.
                    text = "terminating connection because protocol synchronization was lost"
                    raise frontend.ProtocolError(text)

    def _reader(self) -> Callable[[list], tuple]:
        """A function from a row as it came to values."""
        session = self._session
        columns = list(zip(self._types, self._names, strict=True))
        if self._options.form == "binary":
            return lambda row: tuple(
                None if data is None else type_.receive(data)
                for data, (type_, _) in zip(row, columns, strict=True)
            )
        parsers = [type_.parse for type_ in self._types]
        checks = [(place, one.check) for place, one in enumerate(self._types) if one.check]

        def read(row: list) -> tuple:
            for place, check in checks:
                if row[place] is None:
                    check(session, None)
            return tuple([
                None if text is None else parse_text(text, -1, session)
                for text, parse_text in zip(row, parsers, strict=True)
            ])  # fmt: skip

        return read


def _shown(row: list, options: CopyOptions) -> str:
    text = options.delimiter.join(options.null if one is None else one for one in row)
    return f': "{text[:100]}"'


# Out.


def _copy_out(
    session: Session, connection: Connection, node: nodes.Copy, options: CopyOptions
) -> str:
    query, names = _source(session, node)
    parsed = nodes.ParsedStatement(query, 0, 0)
    statement = prepare(session, "", session.query, parsed, ())
    if statement.columns is None:
        message = "COPY query must have a RETURNING clause"
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)
    names = names or [column.name for column in statement.columns]
    write = connection.write
    write(backend.copy_out_response(options.code, len(statement.columns)))
    # The signature of the binary format comes in one message with the first row (or the trailer):
    # drivers take each message for a row.
    head = copy_binary.HEADER if options.form == "binary" else b""
    encode = _row_writer(session, statement.columns, names, options)
    if options.header:
        write(backend.copy_data(_header(names, options)))
    count, check = 0, session.interrupts.check
    for row in statement.run(session, ()).rows:
        write(backend.copy_data(head + encode(row)))
        head = b""
        count += 1
        if not count & 255:
            check()
    if options.form == "binary":
        write(backend.copy_data(head + copy_binary.TRAILER))
    write(backend.COPY_DONE)
    return f"COPY {count}"


def _source(session: Session, node: nodes.Copy) -> tuple[object, list[str]]:
    if node.query is not None:
        return node.query, []
    table = _table(session, node)
    if table.kind is TableKind.VIEW:
        message = f'cannot copy from view "{table.name}"'
        hint = "Try the COPY (SELECT ...) TO variant."
        raise SqlError(errors.WRONG_OBJECT_TYPE, message, hint=hint)
    names = [table.columns[index].name for index in _columns(session, table, node)]
    columns = ", ".join(quote_identifier(name) for name in names)
    sql = f"SELECT {columns} FROM {_qualified(session, table)}"  # noqa: S608
    return parse(sql)[0].statement, names


def _header(names: list[str], options: CopyOptions) -> bytes:
    if options.form == "csv":
        return copy_csv.encode_record(names, options.csv)
    return copy_text.encode_line(names, options.delimiter, options.null)


def _row_writer(
    session: Session, columns: tuple[ResultColumn, ...], names: list[str], options: CopyOptions
) -> Callable[[tuple], bytes]:
    if options.form == "binary":
        senders = [column.type.send for column in columns]
        return lambda row: copy_binary.encode_row(
            [None if v is None else send(v) for v, send in zip(row, senders, strict=True)]
        )
    formats = [column.type.formatter(session) for column in columns]

    def texts(row: tuple) -> list[str | None]:
        return [None if v is None else text(v) for v, text in zip(row, formats, strict=True)]

    if options.form == "text":
        return lambda row: copy_text.encode_line(texts(row), options.delimiter, options.null)
    forced = frozenset(
        place
        for place, name in enumerate(names)
        if options.force_quote == ("*",) or name in options.force_quote
    )
    return lambda row: copy_csv.encode_record(texts(row), options.csv, forced)
