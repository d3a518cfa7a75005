"""What the optimizer knows of tables in a session: indexes, sizes, statistics, settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Index, Statistics, Table
from services.sqldb.optimizer.costs import Costs
from services.sqldb.optimizer.index_forms import IndexForm, form_of

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

METHODS = (
    *("seqscan", "indexscan", "indexonlyscan", "bitmapscan", "nestloop", "hashjoin", "mergejoin"),
    *("material", "sort", "hashagg"),
)


class SessionCatalog:
    """The `PlannerCatalog` of a session, as its snapshot of the catalog is now."""

    def __init__(self, session: Session):
        self._session = session
        self._lookup = session.lookup
        self._indexes: dict[int, Sequence[Index]] = {}

    def indexes_of(self, table: Table) -> Sequence[Index]:
        found = self._indexes.get(table.oid)
        if found is None:
            found = self._indexes[table.oid] = [
                one for one in self._lookup.indexes_of(table) if one.is_built
            ]
        return found

    def form_of(self, table: Table, index: Index) -> IndexForm:
        return form_of(self._session, table, index)

    def row_count(self, table: Table) -> float:
        """The size of the heap itself: better than what ANALYZE has once seen."""
        heap = self._session.database_view.heap(table.oid)
        return float(len(heap.rows) - len(heap.free))

    def statistics_of(self, table: Table) -> Sequence[Statistics]:
        return self._lookup.statistics_of(table)

    @cached_property
    def costs(self) -> Costs:
        settings = self._session.settings
        return Costs(
            settings.number("seq_page_cost"),
            settings.number("random_page_cost"),
            settings.number("cpu_tuple_cost"),
            settings.number("cpu_index_tuple_cost"),
            settings.number("cpu_operator_cost"),
            settings.number("effective_cache_size"),
            int(settings["work_mem"]) * 1024,
            frozenset(name for name in METHODS if not settings.flag(f"enable_{name}")),
        )
