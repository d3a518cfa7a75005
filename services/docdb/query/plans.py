"""Plans: the ways to find the documents of a query, and what each costs.

    CollectionScan     every record, in the order of insertion              COLLSCAN
    IndexScan          the records of some intervals of an index            IXSCAN, FETCH
    IndexScan, covers  what the keys say of them                            IXSCAN alone
    TextScan           the records that have a term (`text_plan`)           TEXT_MATCH
    NearScan           the records around a point (`near_plan`)             GEO_NEAR_2DSPHERE
    OrPlan             several of them, each record once                    OR

A plan yields records; the filter is held against each by `Execution`, which counts what was
looked at: for `explain`, and for the race of plans (`planner`). Where the bounds of an index say
all of the filter that changes nothing, unless a record has changed since its key was read.
"""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from services.docdb.query.bounds import IndexBounds
from services.docdb.query.conditions import Predicate
from services.docdb.query.covering import document_of
from services.docdb.query.sorting import SortOrder
from services.docdb.storage.collection import Collection, Record
from services.docdb.storage.index import Index
from services.docdb.storage.sorted_blocks import Entry

READ_BEFORE_SEEK = 20
"""To look up a key in an index costs as much as to read some twenty that follow each other."""


@dataclass(slots=True)
class Counters:
    keys: int = 0
    documents: int = 0
    returned: int = 0


class Plan(ABC):
    """How to find records; `sorts` says that they come in the order that was asked for."""

    sorts = False

    @abstractmethod
    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        """The records that may match, each once; `counters` learn what was looked at."""

    @abstractmethod
    def name(self) -> str:
        """By which the plan cache knows it."""

    def note_use(self) -> None:  # noqa: B027 - a plan may read no index
        """Count it with the indexes that it reads: `$indexStats` shows that."""


@dataclass(slots=True)
class CollectionScan(Plan):
    backwards: bool = False
    sorts: bool = False

    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        found = list(collection.records.values())
        if self.backwards:
            found.reverse()
        changes, current = collection.changes, collection.records
        for record in found:
            if collection.changes != changes and record.id not in current:
                continue
            counters.documents += 1
            yield record

    def name(self) -> str:
        return "COLLSCAN"


@dataclass(slots=True)
class IndexScan(Plan):
    index: Index
    bounds: IndexBounds
    backwards: bool = False
    sorts: bool = False
    covers: bool = False
    """The projection wants nothing that is not in the keys."""
    is_by_id: bool = False
    """It is `{_id: value}` and nothing else.  # Real: IDHACK"""
    merged_from: int = 0
    """Not 0: the scans are read side by side, in the order of the fields from here on."""

    def note_use(self) -> None:
        self.index.uses += 1

    def entries(self, counters: Counters) -> Iterator[Entry]:
        scans = self.bounds.scans[::-1] if self.backwards else self.bounds.scans
        read = self._possible if self.bounds.residues else self._read
        found = (read(start, end, counters) for start, end in scans)
        if not self.merged_from:
            return chain.from_iterable(found)
        # The entries of several points as one sequence.  # Real: SORT_MERGE
        place = self.merged_from
        return heapq.merge(*found, key=lambda entry: entry[0][place:], reverse=self.backwards)

    def _read(self, start: Entry, end: Entry, counters: Counters) -> Iterator[Entry]:
        entries = self.index.entries
        for entry in (entries.between_downwards if self.backwards else entries.between)(start, end):
            counters.keys += 1
            yield entry

    def _possible(self, start: Entry, end: Entry, counters: Counters) -> Iterator[Entry]:
        """The entries that pass the residues; what cannot pass is jumped over."""
        residues, in_vain, patience = self.bounds.residues, 0, READ_BEFORE_SEEK
        is_over = False
        while not is_over:
            is_over = True
            for entry in self._read(start, end, counters):
                failed = next((it for it in residues if not it.admits(entry[0])), None)
                if failed is None:
                    in_vain, patience = 0, READ_BEFORE_SEEK
                    yield entry
                    continue
                in_vain += 1
                if in_vain > patience:
                    # Where jumps lead to nothing there may be nothing to jump over.
                    patience = min(2 * patience, 16 * READ_BEFORE_SEEK)
                    in_vain, is_over = 0, False
                    if self.backwards:
                        end = failed.previous_entry(entry[0])
                    else:
                        start = failed.next_entry(entry[0])
                    break

    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        current = collection.records
        if self.covers:
            for key, record_id in self.entries(counters):
                yield Record(record_id, document_of(self.index, key), b"")
            return
        is_point = self.bounds.points == len(self.index.fields) and self.index.is_unique
        if is_point and not self.index.is_sparse:
            # One key, and so one record at the most.
            for record_id in self.index.record_ids(self.bounds.scans[0][0][0]):
                counters.keys += 1
                counters.documents += 1
                yield current[record_id]
            return
        if not self.index.is_multikey and len(self.bounds.scans) == 1:
            for _, record_id in self.entries(counters):
                record = current.get(record_id)
                if record is not None:
                    counters.documents += 1
                    yield record
            return
        seen: set[int] = set()
        for _, record_id in self.entries(counters):
            if record_id not in seen:
                seen.add(record_id)
                record = current.get(record_id)
                if record is not None:
                    counters.documents += 1
                    yield record

    def name(self) -> str:
        return self.index.name


@dataclass(slots=True)
class OrPlan(Plan):
    plans: list[Plan] = field(default_factory=list)
    sorts: bool = False
    order: SortOrder | None = None
    """Each of the plans has this order, and so has what comes of all."""

    def note_use(self) -> None:
        for plan in self.plans:
            plan.note_use()

    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        seen: set[int] = set()
        found = [plan.records(collection, counters) for plan in self.plans]
        together = chain(*found)
        if self.order is not None:
            key = self.order.full_key()
            together = heapq.merge(*found, key=lambda record: key(record.document))
        for record in together:
            if record.id not in seen:
                seen.add(record.id)
                yield record

    def name(self) -> str:
        return "OR(" + ",".join(plan.name() for plan in self.plans) + ")"


@dataclass(slots=True)
class Nothing(Plan):
    """There is no such collection.  # Real: EOF"""

    sorts: bool = True

    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        return iter(())

    def name(self) -> str:
        return "EOF"


@dataclass(slots=True)
class Execution:
    """A plan at work: the records that pass the whole filter."""

    plan: Plan
    collection: Collection | None
    predicate: Predicate
    counters: Counters = field(default_factory=Counters)

    def records(self) -> Iterator[Record]:
        predicate, counters = self.predicate, self.counters
        self.plan.note_use()
        for record in self.plan.records(self.collection, counters):
            if predicate(record.document):
                counters.returned += 1
                yield record
