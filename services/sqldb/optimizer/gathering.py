"""ANALYZE of one table, by itself or because somebody asked for it.

    look at a sample      a few rows at random places, in slices that let others in
    work out              what `analyze` makes of them: without the latch, since the rows are ours
    write                 into the catalog, where it differs from what is there

Nobody waits for longer than a slice. `AutoAnalyze` is the thread that does it unasked for tables of
which enough has changed: 50 rows and a tenth of the table, as in PostgreSQL.
# Real: autovacuum.c, do_analyze_rel()
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Schema, Statistics, Table, TableKind
from services.sqldb.interruption import interrupted_by
from services.sqldb.optimizer.analyze import SAMPLE_ROWS, analyze
from services.sqldb.transactions.lock_modes import LockMode

if TYPE_CHECKING:
    from services.sqldb.engine import Engine
    from services.sqldb.session.session import Session

NAP_S = 10.0
"""How often the tables are looked through.  # Real: autovacuum_naptime, a minute"""
THRESHOLD = 50
SCALE_FACTOR = 0.1
# autovacuum_analyze_threshold and autovacuum_analyze_scale_factor
SLICE_ROWS = 1024


def gather(session: Session, table: Table) -> None:
    """Look at a sample of the rows, and keep what the planner is to know of the columns.

    The caller has locked the table SHARE UPDATE EXCLUSIVE, so that it stays what it is.
    """
    heap = session.engine.storage.heap(table.storage_oid)
    changed = heap.counts.modified
    types = [session.lookup.types.by_oid(column.type_oid) for column in table.columns]
    rows, count = _sample(session, table)
    with session.engine.latch.released(), interrupted_by(None):
        found = analyze(table, types, rows, count, session.interrupts.raise_pending)
    _write(session, table, found)
    # What has changed meanwhile still counts.
    heap.counts.modified = max(0, heap.counts.modified - changed)


def _sample(session: Session, table: Table) -> tuple[list[tuple], float]:
    """Rows in the order of the table, and about how many there are."""
    transaction = session.expect_transaction()
    heap = session.engine.storage.heap(table.storage_oid)
    size = len(heap.rows)
    places: Iterator[int] | range = range(size)
    if size > SAMPLE_ROWS:
        with session.engine.latch.released():
            places = sorted(session.random.sample(places, SAMPLE_ROWS))
    snapshot = transaction.latest_snapshot()
    transaction.hold(snapshot)
    rows = []
    try:
        for number, place in enumerate(places):
            version = snapshot.visible(heap.rows[place])
            if version is not None:
                rows.append(version.values)
            if not number % SLICE_ROWS:
                session.interrupts.check()
    finally:
        transaction.let_go(snapshot)
    looked_at = min(size, SAMPLE_ROWS)
    return rows, float(round(len(rows) * size / looked_at)) if looked_at else 0.0


def _write(session: Session, table: Table, found: list[Statistics]) -> None:
    view = session.lookup.view
    before = {one.column: one for one in session.lookup.statistics_of(table)}
    for one in found:
        old = before.pop(one.column, None)
        new = replace(one, oid=old.oid if old is not None else view.new_oid())
        if new != old:
            view.put(new)
    for old in before.values():
        view.remove(old.oid)


class AutoAnalyze:
    """The thread that keeps statistics fresh."""

    def __init__(self, engine: Engine, nap_s: float = NAP_S):
        self._engine = engine
        self._nap_s = nap_s
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="analyze", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._is_stopping.wait(self._nap_s):
            try:
                self.turn()
            except Exception:
                self._engine.log.exception("the automatic ANALYZE has failed")

    def turn(self) -> list[str]:
        """Analyze what is due; the names of those tables. Without the latch."""
        done = []
        with self._engine.latch:
            if not self.due():
                return done
            session = self._engine.new_session(
                self._engine.owner, self._engine.settings.database, {}
            )
            try:
                for table in self.due():
                    if self._is_stopping.is_set():
                        break
                    with interrupted_by(session.interrupts.check):
                        if self._analyze(session, table):
                            done.append(table.name)
            finally:
                session.close()
        return done

    def due(self) -> list[Table]:
        """The tables of which enough has changed since they were last analyzed."""
        shared, heaps = self._engine.catalog.shared, self._engine.storage.heaps
        found = []
        for table in shared.all(Table):
            heap = heaps.get(table.storage_oid)
            if table.kind is not TableKind.TABLE or heap is None:
                continue
            rows = len(heap.rows) - len(heap.free)
            if heap.counts.modified > THRESHOLD + SCALE_FACTOR * rows and not self._is_temporary(
                table
            ):
                found.append(table)
        return found

    def _is_temporary(self, table: Table) -> bool:
        schema = self._engine.catalog.shared.get(table.schema_oid)
        return isinstance(schema, Schema) and schema.name.startswith("pg_temp_")

    def _analyze(self, session: Session, table: Table) -> bool:
        """In a transaction of its own; false where somebody else holds the table."""
        session.begin_implicitly()
        transaction = session.expect_transaction()
        mode = LockMode.SHARE_UPDATE_EXCLUSIVE
        is_there = session.lookup.view.state.get(table.oid) is table
        if not is_there or not transaction.lock_table(table.oid, mode, waits=False):
            session.fail()
            return False
        try:
            gather(session, table)
            session.end_implicitly()
        except BaseException:
            session.fail()
            raise
        return True
