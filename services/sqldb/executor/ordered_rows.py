"""Aggregates over rows in an order: sum(DISTINCT x), string_agg(t, ',' ORDER BY t).

The rows are kept and folded at the end, group by group. What may outgrow work_mem is sorted on the
disk, the rows of all groups together, with the number of the group in front of the order:

    SELECT g, string_agg(t, ',' ORDER BY t) … GROUP BY g

    rows as they come    (0, c) (1, b) (0, a) (1, d)          g is x, y, x, y
    sorted               (0, a) (0, c) │ (1, b) (1, d)        a,c │ b,d

# Real: the tuplesort of each such aggregate; with GROUP BY, PostgreSQL sorts the groups before
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from services.sqldb.executor.sorting import Order, Part, RowSorter
from services.sqldb.interruption import check_for_interrupts, paced, paced_stream

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution
    from services.sqldb.plan import expressions as ex


class Folding:
    """An aggregate over rows that were kept: first its arguments, then what orders them.

    Of DISTINCT the order ends with all arguments, so that equal ones stand side by side.
    """

    def __init__(self, call: ex.AggregateCall, order: Order):
        self._function = call.function
        self._is_distinct = call.is_distinct
        self._width = len(call.arguments)
        self._order = order
        self._sort_keys = [argument.type.sort_key for argument in call.arguments]

    def fold(self, rows: list[tuple], context: object) -> object:
        self._order.sort(rows, check_for_interrupts)
        return self.fold_sorted(paced(rows), context)

    def fold_sorted(self, rows: Iterable[tuple], context: object) -> object:
        function = self._function
        first = (context,) if function.needs_context else ()
        state = function.initial()
        last: object = None
        for row in rows:
            arguments = row[: self._width]
            if self._is_distinct:
                key = self._key(arguments)
                if key == last:
                    continue
                last = key
            state = function.step(*first, state, *arguments)
        return function.final(*first, state)

    def _key(self, arguments: tuple) -> tuple:
        return tuple(
            [
                value if key is None or value is None else key(value)
                for value, key in zip(arguments, self._sort_keys, strict=True)
            ]
        )

    def of_groups(self) -> Order:
        """The order of rows that have the number of their group in front."""
        number = Part(0, False, False, False, None)
        parts = self._order.parts
        return Order(
            [number]
            + [
                Part(one.place + 1, one.nullable, one.is_descending, one.nulls_first, one.sort_key)
                for one in parts
            ]
        )


class OrderedRows:
    """The rows of all groups. Results are asked for in the order of the groups' numbers."""

    __slots__ = ("_context", "_folding", "_next", "_sorted", "_sorter", "append")

    def __init__(self, run: Execution, folding: Folding):
        self._context = run.context
        self._folding = folding
        self._sorter = RowSorter(run, folding.of_groups())
        self.append = self._sorter.append
        self._sorted: Iterator[tuple] | None = None
        self._next: tuple | None = None

    def result(self, number: int) -> object:
        """Of a group whose rows have all come; then those of the next may."""
        if self._sorted is None:
            self._sorted = self._sorter.rows()
            self._next = next(self._sorted, None)
        result = self._folding.fold_sorted(paced_stream(self._rows_of(number)), self._context)
        if self._next is None:
            self._sorted = None
        return result

    def _rows_of(self, number: int) -> Iterator[tuple]:
        row = self._next
        while row is not None and row[0] == number:
            yield row[1:]
            row = next(self._sorted, None)
        self._next = row
