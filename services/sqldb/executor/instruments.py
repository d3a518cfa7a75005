"""Counts and times of each operator, for EXPLAIN ANALYZE.

Times are PostgreSQL's: from the first row asked for to the last one given, with all that is below,
summed over the loops (how often the operator was started). # Real: instrument.c
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution
    from services.sqldb.plan.nodes import Plan


class NodeCounts:
    """What one operator has done."""

    __slots__ = ("loops", "removed", "rows", "sort", "startup_s", "total_s")

    def __init__(self) -> None:
        self.loops = 0
        self.rows = 0
        # Rows of a scan that its own filter has not let through.
        self.removed = 0
        # Of a sort: its method, its size in bytes, and where that was ("Memory", "Disk").
        self.sort: tuple[str, int, str] | None = None
        self.startup_s = 0.0
        self.total_s = 0.0


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
