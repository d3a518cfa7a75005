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

    __slots__ = ("loops", "rows", "startup_s", "total_s")

    def __init__(self) -> None:
        self.loops = 0
        self.rows = 0
        self.startup_s = 0.0
        self.total_s = 0.0


class Instruments:
    """The counts of all operators of a plan."""

    def __init__(self, plans: list[Plan]):
        self.counts = [NodeCounts() for _ in plans]
        self._by_id = {id(plan): counts for plan, counts in zip(plans, self.counts, strict=True)}

    def of(self, plan: Plan) -> NodeCounts | None:
        """None: it was never reached, or has no loop of its own."""
        return self._by_id.get(id(plan))


def measured(run: Execution, number: int, rows: Iterator) -> Iterator:
    """The same rows, counted and timed."""
    counts = run.instruments.counts[number]
    counts.loops += 1
    is_first = True
    while True:
        begun = perf_counter()
        try:
            row = next(rows)
        except StopIteration:
            took = perf_counter() - begun
            counts.total_s += took
            if is_first:
                counts.startup_s += took
            return
        took = perf_counter() - begun
        counts.total_s += took
        if is_first:
            counts.startup_s += took
            is_first = False
        counts.rows += 1
        yield row
