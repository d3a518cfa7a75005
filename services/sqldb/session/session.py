"""A session: what one client has, from its login to its end.

Settings, prepared statements, portals, a transaction or none, temporary tables, channels it listens
to. It knows nothing of bytes and sockets (that is `conversation`) nor of what single statements do
(`services.sqldb.commands`). All methods: holding the engine's latch, but `cancel` and `terminate`.

**Where a transaction begins and ends.** Every statement runs in one. Without BEGIN it is the
statement's own: `begin_implicitly`, and `end_implicitly` at the end of the query text or at Sync.

    state       letter    left by
    NONE          I       any statement → IMPLICIT       BEGIN → BLOCK
    IMPLICIT      I       end of the text, Sync → NONE   BEGIN → BLOCK   an error → NONE
    BLOCK         T       COMMIT, ROLLBACK → NONE        an error → FAILED
    FAILED        E       ROLLBACK, COMMIT (which rolls back) → NONE     ROLLBACK TO → BLOCK

# Real: the TBLOCK_ states of xact.c
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING

from services.sqldb.catalog.catalog import CatalogView
from services.sqldb.catalog.definitions import CompositeType, Role, Schema
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.errors import (
    IN_FAILED_SQL_TRANSACTION,
    NO_ACTIVE_SQL_TRANSACTION,
    READ_ONLY_SQL_TRANSACTION,
    SqlError,
)
from services.sqldb.session.database import SessionDatabase
from services.sqldb.session.new_names import creation_schema, refuse_taken_name
from services.sqldb.session.object_names import object_name, object_oid
from services.sqldb.session.parameters import PARAMETERS
from services.sqldb.session.permissions import schema_rights
from services.sqldb.session.prepared import PreparedStatement, prepare
from services.sqldb.session.results import Result, ending, letting_go
from services.sqldb.session.session_settings import make_settings, search_path
from services.sqldb.session.setting_effects import EFFECTS, OF_TRANSACTIONS
from services.sqldb.session.statement_cache import StatementCache
from services.sqldb.session.statement_shapes import StatementShapes
from services.sqldb.session.temporary import TemporaryObjects
from services.sqldb.syntax import parse
from services.sqldb.syntax.nodes import RelationName
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.transactions.transaction import Isolation, Transaction
from services.sqldb.types import SqlType
from services.sqldb.types.context import clock_timestamp_us

if TYPE_CHECKING:
    from services.sqldb.engine import Engine
    from services.sqldb.session.portals import Portal

ISOLATIONS = {
    "read uncommitted": Isolation.READ_COMMITTED,
    "read committed": Isolation.READ_COMMITTED,
    "repeatable read": Isolation.REPEATABLE_READ,
    "serializable": Isolation.SERIALIZABLE,
}

FAILED_TRANSACTION = (
    "current transaction is aborted, commands ignored until end of transaction block"
)


class BlockState(Enum):
    NONE = "I"
    IMPLICIT = "i"
    BLOCK = "T"
    FAILED = "E"


class Session:
    """The state of one client. It is also the SessionContext of types and functions."""

    def __init__(self, engine: Engine, pid: int, role: Role, database: str):
        self.engine = engine
        self.pid = pid
        self.secret_key = secrets.randbits(31)
        self.backend = engine.transactions.backend(pid)
        self.interrupts = self.backend.interrupts
        # Whose rights count; whose session it is (SET SESSION AUTHORIZATION); who has logged in.
        self.role = self.session_role = self.login_role = role
        self.named_roles = {role.name: role}
        self.database = database
        self.application_name = ""
        self.random = random.Random()
        self.prepared: dict[str, PreparedStatement] = {}
        self.portals: dict[str, Portal] = {}
        self.channels: set[str] = set()
        self.notices: list[SqlError] = []
        # Notifications of this transaction, sent when it commits; those that came for us.
        self.notifications: list[tuple[int, str, str]] = []
        self._notified: set[tuple[str, str]] = set()
        # Parameters that changed since the client was told: name and value.
        self.changed_parameters: dict[str, str] = {}
        self.sequence_values: dict[int, int] = {}
        self.last_sequence_oid = 0
        self.temporary = TemporaryObjects(self)
        self.advisory_locks: list[tuple[tuple, LockMode]] = []
        self.database_view = SessionDatabase(self)
        self.library = engine.library
        # While the body of a function is bound: its name and parameters.
        self.function_parameters: tuple[str, dict[str, int]] | None = None
        # The server's: interrupt the wait for the client's next message; end the connection.
        self.wake: Callable[[], None] = lambda: None
        self.disconnect: Callable[[], None] = lambda: None
        self.statements, self.shapes = StatementCache(), StatementShapes()
        self._internal: dict[str, PreparedStatement] = {}
        # For pg_stat_activity.
        self.query = ""
        self.state_since_us = self.started_us = clock_timestamp_us()
        self.is_active = False
        self.peer: tuple[str, int] = ("", 0)

        self.block = BlockState.NONE
        self.transaction: Transaction | None = None
        # Of each savepoint: its name, where the settings were, which portals there were.
        self._marks: list[tuple[str, int, set[str]]] = []
        self.transaction_timestamp_us = self.statement_timestamp_us = self.started_us
        self._view: CatalogView | None = None
        self._lookup: Lookup | None = None
        self._lookup_version: tuple[object, str] | None = None
        # Settings that every statement asks for, see `setting_effects`.
        self.statement_timeout_s = self.idle_timeout_s = self.idle_in_transaction_timeout_s = 0.0
        self.work_mem_bytes = 0
        self.synchronous_commit = True
        self.settings = make_settings(role.name, self._setting_changed)

    # Settings, as types and functions read them.

    def _setting_changed(self, name: str, value: str) -> None:
        if name not in OF_TRANSACTIONS:
            self.statements.clear()
            self.shapes.clear()
        change = EFFECTS.get(name)
        if change is not None:
            change(self, value)
        self.changed_parameters[name] = value

    # Names.

    @property
    def lookup(self) -> Lookup:
        """What names mean now: the same object until anything changes what they mean."""
        view = self._view
        if view is None or view.transaction is not self.transaction:
            view = self._view = self.engine.catalog.view(self.expect_transaction())
        temporary = self.temporary.schema_name
        version = view.version, temporary
        lookup = self._lookup
        if lookup is None or self._lookup_version != version:
            names = search_path(self.settings["search_path"], self.role.name)
            rights = schema_rights(self, view.state)
            tables = self.engine.system_tables
            lookup = self._lookup = Lookup(view, names, temporary, tables, rights)
            self._lookup_version = version
        lookup.view = view
        return lookup

    def forget_lookup(self) -> None:
        """The search path has changed."""
        self._lookup = None

    # Transactions.

    def expect_transaction(self) -> Transaction:
        if self.transaction is None:
            raise SqlError(NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress")
        return self.transaction

    @property
    def status(self) -> str:
        """The letter of ReadyForQuery."""
        return "I" if self.block is BlockState.IMPLICIT else self.block.value

    @property
    def is_in_block(self) -> bool:
        return self.block in (BlockState.BLOCK, BlockState.FAILED)

    def begin_implicitly(self) -> None:
        """A statement outside of a transaction block makes a transaction of its own."""
        if self.block is BlockState.NONE:
            self._begin()
            self.block = BlockState.IMPLICIT

    def _begin(self) -> None:
        settings = self.settings
        self.transaction_timestamp_us = self.statement_timestamp_us
        isolation = settings["default_transaction_isolation"]
        read_only = settings["default_transaction_read_only"]
        if settings["transaction_isolation"] != isolation:
            settings.force("transaction_isolation", isolation)
        if settings["transaction_read_only"] != read_only:
            settings.force("transaction_read_only", read_only)
        self._notified.clear()
        self.transaction = self.engine.transactions.begin(
            self.backend, ISOLATIONS[isolation], is_read_only=read_only == "on"
        )

    def begin_block(self) -> None:
        """BEGIN. In a block that is there already: nothing but a warning."""
        if self.block is BlockState.BLOCK:
            self.warn("25001", "there is already a transaction in progress")
            return
        if self.block is BlockState.NONE:
            self._begin()
        self.block = BlockState.BLOCK

    def commit_block(self) -> bool:
        """COMMIT; false: it was a ROLLBACK, because the transaction had failed."""
        if self.block is BlockState.FAILED:
            self._rollback()
            return False
        if self.block is not BlockState.BLOCK:
            self.warn("25P01", "there is no transaction in progress")
        self._commit()
        return True

    def rollback_block(self) -> None:
        if self.block in (BlockState.NONE, BlockState.IMPLICIT):
            self.warn("25P01", "there is no transaction in progress")
        self._rollback()

    def end_implicitly(self) -> None:
        """The query text is at its end, or Sync has come. Raises what a commit can raise."""
        if self.block is BlockState.IMPLICIT:
            self._commit()

    def _commit(self) -> None:
        transaction = self.transaction
        self._marks.clear()
        if transaction is None:
            self.block = BlockState.NONE
            return
        try:
            # Temporary tables and the rows of held cursors are the transaction's last work.
            self.temporary.before_commit()
            self._close_portals(is_committed=True)
            transaction.synchronous_commit = self.synchronous_commit
            transaction.commit()
        except BaseException:
            transaction.rollback()
            self.settings.undo_to(0)
            self.portals.clear()
            raise
        finally:
            self.transaction = None
            self.block = BlockState.NONE
        self.settings.commit()

    def _rollback(self) -> None:
        transaction, self.transaction = self.transaction, None
        self.block = BlockState.NONE
        self._marks.clear()
        self._close_portals(is_committed=False)
        self.settings.undo_to(0)
        if transaction is not None:
            transaction.rollback()

    def _close_portals(self, *, is_committed: bool) -> None:
        """Portals end with their transaction; cursors WITH HOLD keep the rest of their rows."""
        if not self.portals:
            return
        for name, portal in list(self.portals.items()):
            if not (portal.is_held and (portal.is_detached or is_committed)):
                portal.close()
                del self.portals[name]
            elif not portal.is_detached:
                portal.detach()

    # Savepoints.

    def savepoint(self, name: str) -> None:
        self.expect_transaction().savepoint(name)
        self._marks.append((name, self.settings.mark(), set(self.portals)))

    def release_savepoint(self, name: str) -> None:
        """Raises SqlError 3B001."""
        self.expect_transaction().release(name)
        del self._marks[self._mark_of(name) :]

    def rollback_to_savepoint(self, name: str) -> None:
        """Settings and cursors go back with the rows. Raises SqlError 3B001."""
        self.expect_transaction().rollback_to(name)
        place = self._mark_of(name)
        del self._marks[place + 1 :]
        _, setting_mark, portals = self._marks[place]
        self.settings.undo_to(setting_mark)
        for portal_name in set(self.portals) - portals:
            self.portals.pop(portal_name).close()
        self.block = BlockState.BLOCK

    def _mark_of(self, name: str) -> int:
        return max(place for place, mark in enumerate(self._marks) if mark[0] == name)

    # What happens when the transaction commits.

    def at_commit(self, action: Callable[[], None]) -> None:
        """Do it if the transaction commits; not if it, or the savepoint before this, is undone."""
        self.expect_transaction().at_end(lambda is_committed: is_committed and action())

    def note_notification(self, channel: str, payload: str) -> None:
        """NOTIFY: the same words in one transaction are sent once."""

        def send() -> None:
            if (channel, payload) not in self._notified:
                self._notified.add((channel, payload))
                self.engine.notifications.send(self.pid, channel, payload)

        self.at_commit(send)

    def fail(self) -> None:
        """A statement has failed: its transaction goes, or the block waits for ROLLBACK."""
        if self.block is BlockState.BLOCK:
            self.expect_transaction().fail()
            self.block = BlockState.FAILED
        elif self.block is BlockState.IMPLICIT:
            self._rollback()

    def refuse_if_failed(self) -> None:
        if self.block is BlockState.FAILED:
            raise SqlError(IN_FAILED_SQL_TRANSACTION, FAILED_TRANSACTION)

    def begin_query(self, sql: str) -> None:
        """A statement comes and is run."""
        self.engine.vitals.requests_total += 1
        self.begin_message(sql)

    def begin_message(self, sql: str) -> None:
        """A message about a statement: its time, its timeout, what pg_stat_activity shows."""
        self.query = sql
        self.is_active = True
        self.state_since_us = self.statement_timestamp_us = clock_timestamp_us()
        if self.statement_timeout_s:
            self.interrupts.start_clock(self.statement_timeout_s)

    @property
    def state_name(self) -> str:
        """As pg_stat_activity has it."""
        if self.is_active:
            return "active"
        if self.block is BlockState.FAILED:
            return "idle in transaction (aborted)"
        return "idle in transaction" if self.is_in_block else "idle"

    # Running, for commands and the conversation.

    def in_statement(self, start: Callable[[], Result], *, is_cursor: bool = False) -> Result:
        """Begin a statement's run with a snapshot of its own; it ends with the last row.

        A cursor's rows may be asked for long after: its snapshot is held, and the statement ends
        at once.
        """
        transaction = self.expect_transaction()
        snapshot = transaction.begin_statement()
        result = start()
        if not result.is_streaming:
            transaction.end_statement()
        elif is_cursor:
            transaction.hold(snapshot)
            transaction.end_statement()
            result.rows = letting_go(result.rows, transaction, snapshot)
        else:
            result.rows = ending(result.rows, transaction)
        return result

    def run_internal(self, sql: str, types: tuple[SqlType, ...], values: tuple) -> list[tuple]:
        """Run a statement of our own, over what is committed now: for foreign keys."""
        transaction = self.expect_transaction()
        statement = self._internal.get(sql)
        if statement is None:
            oids = tuple(one.oid for one in types)
            statement = prepare(self, "", sql, parse(sql)[0], oids)
            self._internal[sql] = statement
        else:
            statement.refresh(self)
        transaction.next_command()
        transaction.begin_statement()
        rows = list(statement.run_now(self, values, transaction.latest_snapshot()))
        transaction.end_statement()
        return rows

    def refuse_if_read_only(self, words: str) -> None:
        """Raises SqlError 25006."""
        if self.expect_transaction().is_read_only:
            message = f"cannot execute {words} in a read-only transaction"
            raise SqlError(READ_ONLY_SQL_TRANSACTION, message)

    def restart_transaction(self) -> None:
        """Commit, and begin another: for commands that do their work in several."""
        self._commit()
        self.begin_implicitly()

    def reset(self) -> None:
        """DISCARD ALL: as after the login."""
        for portal in self.portals.values():
            portal.close()
        self.portals.clear()
        self.prepared.clear()
        self.settings.set("session_authorization", self.login_role.name)
        self.settings.set("role", "none")
        self.settings.reset_all()
        self.engine.notifications.unlisten(self, None)
        self.release_advisory_locks()
        self.sequence_values.clear()
        self.temporary.drop_all()

    def release_advisory_locks(self) -> None:
        for tag, mode in self.advisory_locks:
            self.engine.transactions.locks.release(self.backend, tag, mode)
        self.advisory_locks.clear()

    # For definitions.

    def creation_schema(self, written: RelationName, *, is_temporary: bool = False) -> Schema:
        """Where a new table, view or sequence goes. Raises SqlError."""
        return creation_schema(self, written, is_temporary=is_temporary)

    def refuse_taken_name(self, schema: Schema, name: str, *, if_not_exists: bool = False) -> bool:
        """Raises SqlError 42P07; with IF NOT EXISTS: true and a notice."""
        return refuse_taken_name(self, schema, name, if_not_exists=if_not_exists)

    def is_visible(self, oid: int) -> bool | None:
        """pg_table_is_visible; None: there is no such table."""
        system = self.engine.system_tables.by_oid.get(oid)
        found = system.table if system is not None else self.lookup.view.state.get(oid)
        if found is None:
            return None
        if isinstance(found, CompositeType):
            type_ = self.lookup.type(None, found.name)
            return type_ is not None and type_.oid == oid
        return self.lookup.relation(None, found.name) is found

    def object_oid(self, kind: str, text: str) -> int | None:
        """For 'name'::regclass and its like, see types.identifiers."""
        return object_oid(self, kind, text)

    def object_name(self, kind: str, oid: int) -> str | None:
        return object_name(self, kind, oid)

    # Messages beside the results.

    def reported(self, changed: dict[str, str]) -> Iterator[tuple[str, str]]:
        """What of the changed parameters the client is told: name and value."""
        for name, value in changed.items():
            parameter = PARAMETERS.get(name)
            if parameter is not None and parameter.is_reported:
                yield parameter.name, value

    def notice(self, message: str, sqlstate: str = "00000", **more: str) -> None:
        self._say("NOTICE", sqlstate, message, more)

    def warn(self, sqlstate: str, message: str, **more: str) -> None:
        self._say("WARNING", sqlstate, message, more)

    def _say(self, severity: str, sqlstate: str, message: str, more: dict[str, str]) -> None:
        if _RANKS[severity] >= _RANKS.get(self.settings["client_min_messages"].upper(), 0):
            self.notices.append(SqlError(sqlstate, message, severity=severity, **more))

    # The end.

    def cancel(self) -> None:
        """From any thread: end the statement that runs, if one does."""
        self.interrupts.cancel()

    def terminate(self) -> None:
        """From any thread: end the session."""
        self.interrupts.terminate()

    def close(self) -> None:
        """Give back all that the session holds."""
        self._rollback()
        self.release_advisory_locks()
        if self.temporary.schema_name:
            self.begin_implicitly()
            self.temporary.drop_all()
            self.end_implicitly()
        for portal in self.portals.values():
            portal.close()
        self.portals.clear()
        self.prepared.clear()
        self.engine.forget(self)


_RANKS = {"ERROR": 5, "WARNING": 4, "NOTICE": 3, "LOG": 2}
