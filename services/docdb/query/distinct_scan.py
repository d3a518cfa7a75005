"""The plan of `distinct` on the first field of an index: from one value straight to the next.

    index {city: 1, age: 1}

    (Bern, 7) (Bern, 9) (Oslo, 3) (Oslo, 4) (Oslo, 8) (Rome, 1) …
     ▲                   ▲                             ▲
     └── past all (Bern, …) ──┘ └── past all (Oslo, …) ──┘

So it costs a search for each value, however many documents have it. # Real: DISTINCT_SCAN

An index says null also where the field is not there; then the documents are asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.docdb.query.bounds import IndexBounds, bounds_of, everything, fields_by_path
from services.docdb.query.comparison import NULL_KEY, Descending
from services.docdb.query.conditions import And
from services.docdb.query.covering import covers, value_of
from services.docdb.query.planner import serves_collation
from services.docdb.query.plans import Counters, Plan
from services.docdb.query.special_plans import Query
from services.docdb.storage.collection import Collection, Record
from services.docdb.storage.index import Index
from services.docdb.storage.sorted_blocks import TOP


@dataclass(slots=True)
class DistinctScan(Plan):
    """One record for each value of an index's first field."""

    index: Index
    bounds: IndexBounds
    backwards = False

    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        path, entries = self.index.fields[0][0], self.index.entries
        for start, end in self.bounds.scans:
            while True:
                entry = entries.first_from(start)
                if entry is None or end < entry:
                    break
                counters.keys += 1
                key, record_id = entry
                first = key[0]
                value_key = first.key if type(first) is Descending else first
                if value_key == NULL_KEY:
                    yield from self._with_null(collection, counters, first)
                else:
                    yield Record(record_id, {path: value_of(value_key)}, b"")
                start = ((first, TOP), float("inf"))

    def _with_null(
        self, collection: Collection, counters: Counters, first: object
    ) -> Iterator[Record]:
        """A record in which the field is there, and is null."""
        path = self.index.fields[0][0]
        for _, record_id in self.index.entries.between(
            ((first,), -1), ((first, TOP), float("inf"))
        ):
            record = collection.records.get(record_id)
            counters.documents += 1
            if record is not None and path in record.document:
                yield Record(record_id, {path: record.document[path]}, b"")
                return

    def note_use(self) -> None:
        self.index.uses += 1

    def name(self) -> str:
        return self.index.name


def distinct_scan(collection: Collection | None, query: Query, path: str) -> DistinctScan | None:
    """A plan for the distinct values of `path`, where an index knows all that is asked."""
    if collection is None or query.hint is not None or "." in path or path == "_id":
        return None
    fields = fields_by_path(query.condition.children)
    if set(fields) - {path}:
        return None
    for index in collection.indexes.values():
        if index.is_hidden or index.is_sparse or index.partial is not None:
            continue
        if index.fields[0][0] != path or not serves_collation(index, query.collation):
            continue
        if not covers(index, And(query.condition.children), frozenset({path})):
            continue
        bounds = bounds_of(index, fields) if fields else everything()
        if bounds is not None:
            return DistinctScan(index, bounds)
    return None
