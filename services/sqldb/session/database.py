"""What the executor sees of the engine, for one session: see executor.execution.Database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Sequence, Table
from services.sqldb.foreign_keys import ForeignKeyWatch, foreign_key_watch
from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution
    from services.sqldb.session.session import Session
    from services.sqldb.types import SqlType


class SessionDatabase:
    """Heaps, indexes, sequences and constraints by the oids of the catalog."""

    def __init__(self, session: Session):
        self._session = session

    def _table(self, oid: int) -> Table:
        return self._session.lookup.view.state.get(oid)

    def heap(self, table_oid: int) -> Heap:
        return self._session.engine.storage.heap(self._table(table_oid).storage_oid)

    def index(self, table_oid: int, index_oid: int) -> HeapIndex:
        return next(one for one in self.heap(table_oid).indexes if one.oid == index_oid)

    def system_rows(self, table_oid: int, context: Session) -> Iterable[tuple]:
        return self._session.engine.system_tables.rows(table_oid, self._session)

    def next_value(self, sequence_oid: int, context: Session) -> int:
        return next_value(self._session, self._session.lookup.view.state.get(sequence_oid))

    def type_of(self, oid: int) -> SqlType:
        return self._session.lookup.types.by_oid(oid)

    def row_changes(self, table_oid: int, run: Execution) -> ForeignKeyWatch | None:
        return foreign_key_watch(self._session, self._session.lookup, self._table(table_oid))


def next_value(session: Session, sequence: Sequence) -> int:
    """nextval. Raises SqlError 2200H."""
    state = session.engine.storage.sequence(sequence.oid)
    value = state.next(
        sequence.increment, sequence.minimum, sequence.maximum, cycles=sequence.cycles
    )
    session.sequence_values[sequence.oid] = value
    session.last_sequence_oid = sequence.oid
    return value
