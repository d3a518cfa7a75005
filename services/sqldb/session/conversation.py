"""The conversation with one client: messages in, messages out, in the order of the protocol.

    Query            simple: one text, any number of statements, everything answered at once
    Parse  Bind  Describe  Execute  Close       extended: a statement is prepared once, bound to
    Flush  Sync                                 parameters, run, possibly in pieces

After an error in an extended message all others are passed over until Sync; so a client may send
many messages without waiting (pipelining) and never finds a part of them done behind an error. What
stands between two Syncs without BEGIN is one transaction.

This is the one place where an exception becomes an ErrorResponse. # Real: PostgresMain() in
postgres.c
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from services.common.logs import Log
from services.sqldb import errors
from services.sqldb.connection import Connection, ConnectionLost
from services.sqldb.errors import SqlError
from services.sqldb.interruption import interrupted_by
from services.sqldb.protocol import backend, frontend
from services.sqldb.protocol.frontend import Message
from services.sqldb.session import copying, statement_shapes
from services.sqldb.session.portals import Portal
from services.sqldb.session.prepared import PreparedStatement, prepare
from services.sqldb.session.session import BlockState, Session
from services.sqldb.session.statements import as_command, into_table, run_statement
from services.sqldb.session.wire_values import (
    parameter_values,
    row_format,
    write_rows,
)
from services.sqldb.syntax import parse
from services.sqldb.syntax.nodes import Commit, Copy, Rollback, RollbackToSavepoint

if TYPE_CHECKING:
    from services.sqldb.syntax.nodes import ParsedStatement

# Above so many, undoing them takes more than the time of a quick answer.
_MANY_WRITES = 1000
# What a failed transaction still takes.
_LEAVES_FAILED = (Commit, Rollback, RollbackToSavepoint)


class Conversation:
    """Answers the messages of one client, in the thread of its connection."""

    def __init__(self, session: Session, connection: Connection, log: Log):
        self._session = session
        self._connection = connection
        self._log = log
        self._skips_to_sync = False
        self._sql = ""

    def run(self) -> None:
        """Until the client says Terminate. Raises ConnectionLost, and SqlError that is FATAL."""
        with interrupted_by(self._session.interrupts.check):
            self._run()

    def _run(self) -> None:
        self._ready()
        connection, latch = self._connection, self._session.engine.latch
        # Some clients send their first statement without waiting for the end of the login.
        message = connection.next_message()
        while True:
            if message is None:
                message = self._await_message()
            with latch:
                self._session.interrupts.forget_cancel()
                # What has come together is answered together: one turn, and one write at its end.
                while message is not None:
                    if isinstance(message, frontend.Terminate):
                        return
                    self._answer(message)
                    if type(message) in _MAY_TAKE_LONG:
                        latch.breathe()
                    message = connection.next_message()

    def _await_message(self) -> Message:
        session = self._session
        in_transaction = session.is_in_block
        timeout_s = session.idle_timeout_s
        if in_transaction:
            timeout_s = session.idle_in_transaction_timeout_s
        if session.channels and not in_transaction:
            while not self._connection.wait_for_data(timeout_s):
                with session.engine.latch:
                    self._send_notifications()
                    self._connection.flush()
        return self._connection.await_message(timeout_s, in_transaction=in_transaction)

    def _answer(self, message: Message) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is None:
            # CopyData and its like outside of COPY: a client that has not yet read our error.
            return
        if self._skips_to_sync:
            if not isinstance(message, frontend.Sync):
                return
            self._skips_to_sync = False
        try:
            handler(self, message)
        except Exception as error:
            if isinstance(message, frontend.Sync | frontend.Query):
                raise  # They have answered it themselves: it ends the session.
            self._skips_to_sync = True
            self._fail(error)

    # Errors.

    def _fail(self, error: Exception) -> None:
        """Answer with the error; the statement is undone. FATAL ones end the session."""
        session = self._session
        if isinstance(error, ConnectionLost):
            # In the middle of COPY: there is nobody to tell.
            session.fail()
            raise error
        try:
            known = self._as_sql_error(error)
            self._send_notices()
            if known.severity != "FATAL":
                self._connection.write(backend.error_response(known, self._sql))
                transaction = session.transaction
                if transaction is not None and len(transaction.writes) > _MANY_WRITES:
                    # The client waits for an answer, not for the end of the clearing up.
                    # Real: EmitErrorReport() flushes, before AbortCurrentTransaction()
                    self._connection.flush()
        finally:
            session.fail()
        if known.severity == "FATAL":
            raise known  # The end of the connection tells it.

    def _as_sql_error(self, error: Exception) -> SqlError:
        if isinstance(error, SqlError):
            return error
        if isinstance(error, RecursionError):
            return SqlError(errors.STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
        if isinstance(error, MemoryError):
            return SqlError(errors.OUT_OF_MEMORY, "out of memory")
        if not isinstance(error, Exception):
            raise error
        self._log.exception(
            "a statement has failed in a way it must not", statement=self._sql[:200]
        )
        return SqlError(errors.INTERNAL_ERROR, f"internal error: {type(error).__name__}")

    # What goes out beside the answers.

    def _ready(self) -> None:
        session = self._session
        session.is_active = False
        session.interrupts.stop_clock()
        if session.notices:
            self._send_notices()
        if session.changed_parameters:
            self._send_parameters()
        if session.notifications and not session.is_in_block:
            self._send_notifications()
        self._connection.write(backend.READY_FOR_QUERY[session.status])

    def _send_notices(self) -> None:
        notices, self._session.notices = self._session.notices, []
        for notice in notices:
            self._connection.write(backend.notice_response(notice))

    def _send_parameters(self) -> None:
        changed, self._session.changed_parameters = self._session.changed_parameters, {}
        for parameter, value in self._session.reported(changed):
            self._connection.write(backend.parameter_status(parameter, value))

    def _send_notifications(self) -> None:
        notifications, self._session.notifications = self._session.notifications, []
        for pid, channel, payload in notifications:
            self._connection.write(backend.notification_response(pid, channel, payload))

    # Simple query.

    def _handle_query(self, message: frontend.Query) -> None:
        session, sql = self._session, message.sql
        session.begin_query(sql)
        self._sql = sql
        # An unnamed statement and portal do not outlive a simple query.
        session.prepared.pop("", None)
        self._drop_portal("")
        try:
            known = session.statements.get(sql)
            if known is not None:
                self._run_simple(known.parsed, known, (), is_last=True)
            else:
                self._run_texts(sql)
            session.end_implicitly()
        except Exception as error:
            self._fail(error)
        self._ready()

    def _run_texts(self, sql: str) -> None:
        session, shaped = self._session, None
        # Nothing is planned in a transaction that has failed.
        text = None if session.block is BlockState.FAILED else statement_shapes.read(sql)
        if text is not None:
            session.begin_implicitly()
            shaped = session.shapes.get(text, session)
        if shaped is None:
            statements = self._parse(sql)
            if (
                text is not None
                and len(statements) == 1
                and session.shapes.comes_again(text, session)
            ):
                shaped = session.shapes.make(text, statements[0], sql, session)
        if shaped is not None:
            known, values = shaped
            self._run_simple(known.parsed, known, values, is_last=True)
        else:
            self._run_parsed(sql, statements)

    def _run_parsed(self, sql: str, statements: list[ParsedStatement]) -> None:
        if not statements:
            self._connection.write(backend.EMPTY_QUERY_RESPONSE)
        if len(statements) == 1 and not into_table(statements[0].statement):
            kept, known = self._session.statements, None
            if kept.comes_again(sql, statements[0]):
                known = PreparedStatement("", sql, statements[0], None)
                kept.keep(known)
            self._run_simple(statements[0], known, (), is_last=True)
            return
        for position, statement in enumerate(statements):
            self._run_simple(statement, None, (), is_last=position == len(statements) - 1)

    def _parse(self, sql: str) -> list[ParsedStatement]:
        try:
            return parse(sql, self._session.interrupts.check)
        except SqlError:
            self._session.fail()
            raise

    def _run_simple(
        self,
        parsed: ParsedStatement,
        known: PreparedStatement | None,
        values: tuple,
        *,
        is_last: bool,
    ) -> None:
        session = self._session
        self._refuse_if_failed(parsed.statement)
        session.interrupts.start_clock(session.statement_timeout_s)
        session.begin_implicitly()
        if isinstance(parsed.statement, Copy):
            tag = copying.run_copy(session, parsed.statement, self._connection)
        else:
            if known is not None:
                known.refresh(session)
                result = known.run(session, values)
                form = known.row_format(session, ())
            else:
                result = run_statement(session, parsed)
                if result.columns is not None:
                    form = row_format(result.columns, (), session)
            count = 0
            if result.columns is not None:
                write = self._connection.write
                write(form.description)
                count = write_rows(result.rows, form.encode, write)
            tag = result.tag_for(count)
        self._end_statement()
        self._complete(tag, is_last)

    def _end_statement(self) -> None:
        interrupts = self._session.interrupts
        interrupts.stop_clock()
        if interrupts.is_terminated:
            interrupts.check()  # Not even its answer is sent: the session is over.

    def _complete(self, tag: str, is_last: bool) -> None:
        """The answer leaves only when a commit that comes with it has been written down."""
        if is_last:
            self._session.end_implicitly()
        if self._session.notices:
            self._send_notices()
        self._connection.write(backend.command_complete(tag))

    def _refuse_if_failed(self, statement: object) -> None:
        if self._session.block is BlockState.FAILED and not isinstance(statement, _LEAVES_FAILED):
            self._session.refuse_if_failed()

    # Extended query.

    def _handle_sync(self, message: frontend.Sync) -> None:
        try:
            self._session.end_implicitly()
        except Exception as error:
            self._fail(error)
        if self._session.portals and not self._session.is_in_block:
            self._drop_portal("")
        self._ready()

    def _handle_parse(self, message: frontend.Parse) -> None:
        session = self._session
        session.begin_message(message.sql)
        self._sql = message.sql
        if message.name and message.name in session.prepared:
            raise SqlError(
                errors.DUPLICATE_PREPARED_STATEMENT,
                f'prepared statement "{message.name}" already exists',
            )
        session.prepared.pop(message.name, None)
        if not message.name and self._parse_again(message):
            return
        statements = parse(message.sql, session.interrupts.check)
        if len(statements) > 1:
            raise SqlError(
                errors.SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            )
        parsed = statements[0] if statements else None
        if parsed is not None and into_table(parsed.statement):
            parsed = replace(parsed, statement=as_command(parsed.statement))
        if parsed is not None:
            self._refuse_if_failed(parsed.statement)
        session.begin_implicitly()
        made = prepare(session, message.name, message.sql, parsed, message.type_oids)
        session.prepared[message.name] = made
        if not message.name and parsed is not None:
            kept = session.statements
            if kept.comes_again(message.sql, parsed, message.type_oids):
                kept.keep(made, message.type_oids)
        self._connection.write(backend.PARSE_COMPLETE)

    def _parse_again(self, message: frontend.Parse) -> bool:
        """Whether the text is known, and still means the same."""
        session = self._session
        known = session.statements.get(message.sql, message.type_oids)
        if known is None:
            return False
        self._refuse_if_failed(known.parsed.statement)
        session.begin_implicitly()
        if not known.is_current(session):
            return False
        session.prepared[""] = known
        self._connection.write(backend.PARSE_COMPLETE)
        return True

    def _statement(self, name: str) -> PreparedStatement:
        found = self._session.prepared.get(name)
        if found is None:
            what = f'prepared statement "{name}"' if name else "unnamed prepared statement"
            raise SqlError(errors.INVALID_SQL_STATEMENT_NAME, f"{what} does not exist")
        return found

    def _portal(self, name: str) -> Portal:
        found = self._session.portals.get(name)
        if found is None:
            raise SqlError(errors.INVALID_CURSOR_NAME, f'portal "{name}" does not exist')
        return found

    def _drop_portal(self, name: str) -> None:
        portal = self._session.portals.pop(name, None)
        if portal is not None:
            portal.close()

    def _handle_bind(self, message: frontend.Bind) -> None:
        session = self._session
        statement = self._statement(message.statement)
        self._sql = statement.sql
        session.begin_message(statement.sql)
        if statement.parsed is not None:
            self._refuse_if_failed(statement.parsed.statement)
        if message.portal and message.portal in session.portals:
            raise SqlError(errors.DUPLICATE_CURSOR, f'cursor "{message.portal}" already exists')
        self._drop_portal(message.portal)
        session.begin_implicitly()
        statement.refresh(session)
        values = parameter_values(session, statement, message)
        session.portals[message.portal] = Portal(
            statement,
            message.portal,
            statement.sql,
            lambda portal: statement.run(session, values, is_cursor=portal.is_cursor),
            statement.row_format(session, message.result_formats),
        )
        self._connection.write(backend.BIND_COMPLETE)

    def _handle_describe(self, message: frontend.Describe) -> None:
        write = self._connection.write
        if message.kind == "S":
            statement = self._statement(message.name)
            if statement.parsed is not None:
                self._refuse_if_failed(statement.parsed.statement)
            self._session.begin_implicitly()
            statement.refresh(self._session)
            write(backend.parameter_description(statement.parameter_oids))
            form = statement.row_format(self._session, ())
        else:
            form = self._portal(message.name).row_format
        write(backend.NO_DATA if form is None else form.description)

    def _handle_execute(self, message: frontend.Execute) -> None:
        session = self._session
        portal = self._portal(message.portal)
        statement = portal.statement
        self._sql = portal.sql
        write = self._connection.write
        if statement.parsed is None:
            write(backend.EMPTY_QUERY_RESPONSE)
            return
        self._refuse_if_failed(statement.parsed.statement)
        session.begin_query(portal.sql)
        session.begin_implicitly()
        if isinstance(statement.parsed.statement, Copy):
            tag = copying.run_copy(session, statement.parsed.statement, self._connection)
        elif self._send_rows(portal, message.max_rows):
            tag = portal.result().tag_for(portal.row_count)
        else:
            tag = None
        self._end_statement()
        if session.notices:
            self._send_notices()
        write(backend.PORTAL_SUSPENDED if tag is None else backend.command_complete(tag))

    def _send_rows(self, portal: Portal, max_rows: int) -> bool:
        """Send the next rows; false: there may be more."""
        portal.is_cursor = portal.is_cursor or max_rows > 0
        if portal.result().columns is None:
            return True
        encode, write = portal.row_format.encode, self._connection.write
        portal.pass_on(max_rows or None, lambda rows: write_rows(rows, encode, write))
        return portal.is_done

    def _handle_close(self, message: frontend.Close) -> None:
        if message.kind == "S":
            self._session.prepared.pop(message.name, None)
        else:
            self._drop_portal(message.name)
        self._connection.write(backend.CLOSE_COMPLETE)

    def _handle_flush(self, message: frontend.Flush) -> None:
        self._connection.flush()

    def _handle_malformed(self, message: frontend.Malformed) -> None:
        if message.letter in "QSF":
            # No Sync follows these: their sender waits for ReadyForQuery.
            self._fail(message.error)
            self._ready()
            return
        raise message.error

    def _handle_function_call(self, message: frontend.FunctionCall) -> None:
        try:
            raise errors.not_supported("the function call message")
        finally:
            self._skips_to_sync = False

    def _handle_password(self, message: frontend.Password) -> None:
        raise frontend.ProtocolError("invalid frontend message type 112")


_MAY_TAKE_LONG = frozenset({frontend.Query, frontend.Parse, frontend.Execute})

_HANDLERS: dict[type, Callable[[Conversation, Message], None]] = {
    frontend.Query: Conversation._handle_query,
    frontend.Sync: Conversation._handle_sync,
    frontend.Parse: Conversation._handle_parse,
    frontend.Bind: Conversation._handle_bind,
    frontend.Describe: Conversation._handle_describe,
    frontend.Execute: Conversation._handle_execute,
    frontend.Close: Conversation._handle_close,
    frontend.Flush: Conversation._handle_flush,
    frontend.Malformed: Conversation._handle_malformed,
    frontend.FunctionCall: Conversation._handle_function_call,
    frontend.Password: Conversation._handle_password,
}
