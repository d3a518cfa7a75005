"""What the executor sees of the engine, for one session: see executor.execution.Database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Sequence, Table
from services.sqldb.catalog.privileges import protected
from services.sqldb.foreign_keys import ForeignKeyWatch, foreign_key_watch
from services.sqldb.session.permissions import expect_any_right
from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex

if TYPE_CHECKING:
    from services.sqldb.catalog.lookup import Lookup
    from services.sqldb.executor.execution import Execution
    from services.sqldb.session.session import Session
    from services.sqldb.types import SqlType


class SessionDatabase:
    """Heaps, indexes, sequences and constraints by the oids of the catalog.

    What was found is kept for as long as `Session.lookup` is the same object.
    """

    def __init__(self, session: Session):
        self._session = session
        self._lookup: Lookup | None = None
        self._heaps: dict[int, Heap] = {}
        self._indexes: dict[int, HeapIndex] = {}
        # Tables that have nothing to do with foreign keys.
        self._unwatched: set[int] = set()

    def _current(self) -> Lookup:
        lookup = self._session.lookup
        if lookup is not self._lookup:
            self._lookup = lookup
            self._heaps.clear()
            self._indexes.clear()
            self._unwatched.clear()
        return lookup

    def _table(self, oid: int) -> Table:
        return self._session.lookup.view.state.get(oid)

    def heap(self, table_oid: int) -> Heap:
        lookup = self._current()
        heap = self._heaps.get(table_oid)
        if heap is None:
            table = lookup.view.state.get(table_oid)
            heap = self._heaps[table_oid] = self._session.engine.storage.heap(table.storage_oid)
        return heap

    def index(self, table_oid: int, index_oid: int) -> HeapIndex:
        self._current()
        index = self._indexes.get(index_oid)
        if index is None:
            heap = self.heap(table_oid)
            index = next(one for one in heap.indexes if one.oid == index_oid)
            self._indexes[index_oid] = index
        return index

    def system_rows(self, table_oid: int, context: Session) -> Iterable[tuple]:
        return self._session.engine.system_tables.rows(table_oid, self._session)

    def next_value(self, sequence_oid: int, context: Session) -> int:
        session = self._session
        sequence = session.lookup.view.state.get(sequence_oid)
        if not sequence.is_identity and not session.role.is_superuser:
            # Who may insert may count up an identity; a serial column calls nextval() for itself.
            expect_any_right(session, protected(sequence), "wU")
        return next_value(session, sequence)

    def type_of(self, oid: int) -> SqlType:
        return self._session.lookup.types.by_oid(oid)

    @property
    def spill_directory(self) -> str | None:
        return self._session.engine.storage.spill_directory

    def row_changes(self, table_oid: int, run: Execution) -> ForeignKeyWatch | None:
        lookup = self._current()
        if table_oid in self._unwatched:
            return None
        watch = foreign_key_watch(self._session, lookup, self._table(table_oid))
        if watch is None:
            self._unwatched.add(table_oid)
        return watch


def next_value(session: Session, sequence: Sequence) -> int:
    """nextval. Raises SqlError 2200H."""
    state = session.engine.storage.sequence(sequence.oid)
    value = state.next(
        sequence.increment, sequence.minimum, sequence.maximum, cycles=sequence.cycles
    )
    session.sequence_values[sequence.oid] = value
    session.last_sequence_oid = sequence.oid
    return value
