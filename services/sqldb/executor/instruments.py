"""Counts and times of each operator, for EXPLAIN ANALYZE.

Times are PostgreSQL's: from the first row asked for to the last one given, with all that is below,
summed over the loops (how often the operator was started). # Real: instrument.c
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from services.sqldb.executor.spill import table_bytes

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution
    from services.sqldb.executor.spill import SpillFile
    from services.sqldb.plan.nodes import Plan
    from services.sqldb.transactions.mvcc import Snapshot, Version


class NodeCounts:
    """What one operator has done."""

    __slots__ = (
        "batches", "buckets", "disk_bytes", "fetched", "hash_bytes", "loops", "removed", "rows",
        "sort", "startup_s", "total_s",
    )  # fmt: skip

    def __init__(self) -> None:
        self.loops = 0
        self.rows = 0
        # Rows of a scan that its own filter has not let through.
        self.removed = 0
        # Of a sort: its method, its size in bytes, and where that was ("Memory", "Disk").
        self.sort: tuple[str, int, str] | None = None
        # Of an index only scan: rows that were not plainly visible to everybody.
        self.fetched = 0
        # Of a hash: in how many parts it was done (0: there is none), the places of the largest
        # table, its bytes, and those on the disk.
        self.batches = self.buckets = self.hash_bytes = self.disk_bytes = 0
        self.startup_s = 0.0
        self.total_s = 0.0


class FetchCounter:
    """A snapshot for an index only scan: counts the rows that have to be looked at."""

    __slots__ = ("_counts", "_snapshot", "reader", "xmin")

    def __init__(self, snapshot: Snapshot, counts: NodeCounts):
        self._snapshot = snapshot
        self._counts = counts
        self.reader = snapshot.reader
        self.xmin = snapshot.xmin

    def visible(self, head: Version) -> Version | None:
        self._counts.fetched += 1
        return self._snapshot.visible(head)


class Instruments:
    """The counts of all operators of a plan."""

    def __init__(self, plans: list[Plan]):
        self.counts = [NodeCounts() for _ in plans]
        # Those that are at work now, each called by the one before.
        self.running: list[NodeCounts] = []
        self._by_id = {id(plan): counts for plan, counts in zip(plans, self.counts, strict=True)}

    def of(self, plan: Plan) -> NodeCounts | None:
        """None: it was never reached, or has no loop of its own."""
        return self._by_id.get(id(plan))

    def note_sort(self, method: str, size_bytes: int, place: str = "Memory") -> None:
        """What the operator that is at work now has sorted."""
        if self.running:
            self.running[-1].sort = method, size_bytes, place

    def note_hash(self, table: dict | set, file: SpillFile | None = None) -> None:
        """The operator that is at work now has filled a table, or another part of it."""
        if not self.running:
            return
        counts = self.running[-1]
        counts.batches += 1
        counts.buckets = max(counts.buckets, 1 << max(3, (3 * len(table) // 2).bit_length()))
        counts.hash_bytes = max(counts.hash_bytes, table_bytes(table))
        if file is not None:
            counts.disk_bytes += file.size_bytes


def measured(run: Execution, number: int, rows: Iterator) -> Iterator:
    """The same rows, counted and timed."""
    counts = run.instruments.counts[number]
    counts.loops += 1
    running = run.instruments.running
    is_first = True
    while True:
        begun = perf_counter()
        running.append(counts)
        try:
            row = next(rows)
        except StopIteration:
            took = perf_counter() - begun
            counts.total_s += took
            if is_first:
                counts.startup_s += took
            return
        finally:
            running.pop()
        took = perf_counter() - begun
        counts.total_s += took
        if is_first:
            counts.startup_s += took
            is_first = False
        counts.rows += 1
        yield row
