"""What the optimizer knows of tables in a session: indexes, sizes, statistics, settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Index, Statistics, Table

if TYPE_CHECKING:
    from services.sqldb.session.session import Session


class SessionCatalog:
    """The `PlannerCatalog` of a session, as its snapshot of the catalog is now."""

    def __init__(self, session: Session):
        self._session = session
        self._lookup = session.lookup

    def indexes_of(self, table: Table) -> Sequence[Index]:
        return self._lookup.indexes_of(table)

    def row_count(self, table: Table) -> float:
        """The size of the heap itself: better than what ANALYZE has once seen."""
        heap = self._session.database_view.heap(table.oid)
        return float(len(heap.rows) - len(heap.free))

    def statistics_of(self, table: Table) -> Sequence[Statistics]:
        return self._lookup.statistics_of(table)

    def is_enabled(self, method: str) -> bool:
        return self._session.settings.flag(f"enable_{method}")
