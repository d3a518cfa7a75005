"""The engine: what all sessions of the server share.

storage         heaps, indexes, sequences, log, checkpoints (`services.sqldb.storage`)
transactions    snapshots, locks, the latch (`services.sqldb.transactions`)
catalog         definitions (`services.sqldb.catalog`)
notifications   LISTEN and NOTIFY
sessions        who is there
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from services.common.health import Vitals
from services.common.logs import Log
from services.sqldb import errors
from services.sqldb.catalog.catalog import CATALOG_HEAP_OID, Catalog, CatalogView
from services.sqldb.catalog.definitions import (
    BOOTSTRAP_ROLE_OID,
    Index,
    Role,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.catalog.system_tables import SystemTables
from services.sqldb.commands.indexes import attached_index
from services.sqldb.errors import SqlError
from services.sqldb.notifications import Notifications
from services.sqldb.optimizer.gathering import AutoAnalyze
from services.sqldb.session.catalog_functions import session_library
from services.sqldb.session.login import make_verifier
from services.sqldb.session.session import Session
from services.sqldb.session.temporary import drop_lost
from services.sqldb.settings import Settings
from services.sqldb.storage.engine import StorageEngine
from services.sqldb.storage.files import StartError

__all__ = ["Engine", "StartError"]


@dataclass(slots=True)
class PlanCounts:
    """How often a statement was run by a plan that was there, and how often one was made."""

    hits: int = 0
    misses: int = 0


class Engine:
    """One database, its catalog, and the sessions that work on it.

    All methods: holding `latch`, but `cancel`, `tick` and `close`.
    """

    def __init__(self, settings: Settings, log: Log, address: str = ""):
        self.settings = settings
        self.log = log
        self.vitals = Vitals("sqldb", address)
        self.storage = StorageEngine(log, self.vitals, settings.data_dir, syncs=settings.fsync)
        self.storage.checkpoint_timeout_s = settings.checkpoint_interval_s or float("inf")
        self.storage.max_wal_bytes = settings.checkpoint_bytes
        self.transactions = self.storage.transactions
        self.latch = self.storage.latch
        self.catalog = Catalog(self.storage.heap(CATALOG_HEAP_OID))
        self.system_tables = SystemTables()
        self.library = session_library()
        self.notifications = Notifications()
        self.plans = PlanCounts()
        self.sessions: dict[int, Session] = {}
        self._pids = itertools.count(1)
        self.storage.open(self._attach)
        self._prepare_owner()
        self.auto_analyze = AutoAnalyze(self)
        self.auto_analyze.start()

    # Starting.

    def _attach(self) -> None:
        """Recovery has loaded the heaps: read the catalog, and build what isn't stored."""
        self.catalog = Catalog(self.storage.heap(CATALOG_HEAP_OID))
        self.catalog.load()
        session = self.new_session(self.owner, self.settings.database, {})
        session.begin_implicitly()
        lookup = session.lookup
        state = lookup.view.state
        for table in list(state.all(Table)):
            if table.kind is TableKind.TABLE:
                self._attach_table(session, lookup, table)
        for sequence in state.all(Sequence):
            self.storage.sequence(sequence.oid).name = sequence.name
        drop_lost(session)
        session.end_implicitly()
        session.close()

    def _attach_table(self, session: Session, lookup: Lookup, table: Table) -> None:
        heap = self.storage.heap(table.storage_oid)
        heap.name, heap.schema = table.name, lookup.schema_name(table.schema_oid)
        for index in lookup.view.state.parts(table.oid, Index):
            if index.is_built:
                self.storage.attach_index(attached_index(session, lookup, heap, table, index))

    @property
    def owner(self) -> Role:
        """The superuser that the server was started with."""
        return self.catalog.shared.get(BOOTSTRAP_ROLE_OID)

    def _prepare_owner(self) -> None:
        """Give the superuser the name and password of the options."""
        settings, owner = self.settings, self.owner
        password = make_verifier(settings.password) if settings.password else ""
        self.catalog.shared.put(replace(owner, name=settings.user, password=password))

    # Sessions.

    def needs_password(self, role: Role | None) -> bool:
        return bool(self.settings.password or (role is not None and role.password))

    def role_to_log_in(self, name: str) -> Role | None:
        """Without a password to protect anything, whoever comes is the superuser under any name."""
        found = self.catalog.shared.find("role", 0, name)
        if found is None and not self.settings.password:
            return replace(self.owner, name=name)
        return found

    def new_session(self, role: Role, database: str, parameters: dict[str, str]) -> Session:
        """Raises SqlError for a parameter that cannot be set."""
        session = Session(self, next(self._pids), role, database)
        settings = session.settings
        settings.force("is_superuser", "on" if role.is_superuser else "off")
        settings.force("port", str(self.settings.port))
        settings.force("max_connections", str(self.settings.max_connections))
        settings.force("ssl", "on" if self.settings.tls else "off")
        parameters = dict(parameters)
        options = parameters.pop("options", "")
        for name, value in (*_command_line(options), *parameters.items()):
            if name != "replication":
                settings.set(name, value)
        settings.set("work_mem", parameters.get("work_mem", f"{self.settings.work_mem_kb}kB"))
        settings.begin_with_these()
        self.sessions[session.pid] = session
        return session

    @property
    def kept_plans(self) -> int:
        """How many statements all sessions keep with their plans, for when they come again."""
        return sum(len(one.prepared) + len(one.statements) for one in self.sessions.values())

    def forget(self, session: Session) -> None:
        self.notifications.unlisten(session, None)
        self.sessions.pop(session.pid, None)

    def cancel(self, pid: int, secret_key: int) -> None:
        """From any thread: CancelRequest. A wrong key is no answer at all."""
        session = self.sessions.get(pid)
        if session is not None and session.secret_key == secret_key:
            session.cancel()

    def expect_role(self, view: CatalogView, name: str) -> Role:
        found = view.state.find("role", 0, name)
        if not isinstance(found, Role):
            raise SqlError(errors.UNDEFINED_OBJECT, f'role "{name}" does not exist')
        return found

    # For commands.

    def create_heap(self, session: Session, table: Table, schema: str) -> None:
        self.storage.create_heap(
            session.expect_transaction(), table.storage_oid, table.name, schema
        )

    # The clock, health, the end.

    def tick(self) -> None:
        """Called by the main thread four times a second."""

    def health(self) -> str:
        problems = self.vitals.problems_line
        return f"{self.vitals.status}: {problems}" if problems else self.vitals.status

    def close(self) -> None:
        self.auto_analyze.stop()
        self.storage.close()


def _command_line(options: str) -> Iterator[tuple[str, str]]:
    """The parameters in -c name=value and --name=value. # Real: pg_split_opts()"""
    words = options.split()
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "-c" and position < len(words):
            word = words[position]
            position += 1
        word = word.removeprefix("-c").removeprefix("--")
        name, equals, value = word.partition("=")
        if equals:
            yield name.replace("-", "_"), value
