"""EXPLAIN: a plan in PostgreSQL's form, with what really happened under ANALYZE.

    Hash Join  (cost=2.35..33.13 rows=12 width=40) (actual time=0.080..0.412 rows=9 loops=1)
      Hash Cond: (o.person = p.id)
      ->  Seq Scan on orders o  (cost=0.00..25.00 rows=1000 width=12) …
            Filter: (total > 10)
            Rows Removed by Filter: 106
      ->  Hash  …
            ->  Seq Scan on people p  …

Our plans have operators that PostgreSQL shows as part of another: a projection is no line of its
own, and a filter is a property of what stands below it. `explain_lines` says for each operator what
its line is, `explain_formats` has the other forms. Left out of PostgreSQL's: the columns that each
operator gives (VERBOSE shows those of the whole), and buffers.
# Real: explain.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from services.sqldb.optimizer.describe import Names
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.explain_lines import LINES, Line, plain
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import expressions_of, walk

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Table
    from services.sqldb.executor.instruments import Instruments, NodeCounts


class Explanation:
    """A plan made into lines. `instruments`: what ANALYZE has counted."""

    def __init__(
        self,
        plan: n.Plan,
        estimator: Estimator,
        instruments: Instruments | None = None,
        *,
        output: tuple[ex.Expression, ...] | None = None,
        schema_of: Callable[[Table], str] | None = None,
    ):
        self.estimator = estimator
        self._schema_of = schema_of
        self._instruments = instruments
        self.names = Names(plan, is_verbose=schema_of is not None)
        self._shown: set[int] = set()
        self._cte_names = {one.cte: one.name for one in _definitions(plan)}
        self.root = self.line(plan)

        if output:
            # VERBOSE puts it before all else.
            texts = [self.names.output_text(item) for item in output]
            self.root.properties = {"Output": texts, **self.root.properties}

    def schema_of(self, table: Table) -> str:
        """VERBOSE names the schema; otherwise nothing."""
        return "" if self._schema_of is None else self._schema_of(table)

    def counts(self, plan: n.Plan) -> NodeCounts | None:
        return None if self._instruments is None else self._instruments.of(plan)

    def made(self, plan: n.Plan, label: str, type_: str = "", **extra: object) -> Line:
        counts = self.counts(plan)
        return Line(label, type_ or label, self.estimator.of(plan), counts, extra)

    def line(self, plan: n.Plan) -> Line:
        line = LINES.get(type(plan), plain)(self, plan)
        self._add_subplans(plan, line)
        return line

    @property
    def is_analyzed(self) -> bool:
        return self._instruments is not None

    def _add_subplans(self, plan: n.Plan, line: Line) -> None:
        """InitPlans stand before the inputs, SubPlans behind them."""
        initial: list[tuple[str, Line]] = []
        for expression in expressions_of(plan):
            for part in walk(expression):
                if isinstance(part, ex.Subquery) and id(part) not in self._shown:
                    self._shown.add(id(part))
                    name = self.names.subplan(part)
                    child = self.line(part.plan)
                    child.title = name
                    if name.startswith("InitPlan"):
                        child.title += f" (returns {self.names.parameter_of(name)})"
                        initial.append(("InitPlan", child))
                    else:
                        line.children.append(("SubPlan", child))
        line.children[:0] = initial

    def index_names(self, table: Table, oids: tuple[int, ...]) -> list[str]:
        indexes = self.estimator.catalog.indexes_of(table)
        return [index.name for index in indexes if index.oid in oids]

    def add_condition(
        self, line: Line, word: str, condition: ex.Expression | None, relation: int = 0
    ) -> None:
        if condition is not None:
            line.properties[word] = self.names.scan_text(condition, relation)

    def text(self, *, costs: bool = True, timing: bool = True) -> list[str]:
        lines: list[str] = []
        self._write(self.root, 0, lines, costs, timing)
        return lines

    def _write(self, line: Line, depth: int, lines: list[str], costs: bool, timing: bool) -> None:
        # Children stand 6 columns to the right, their arrow 4 before them.
        indent = " " * (depth * 6 - 4) + "->  " if depth else ""
        if line.title:
            lines.append(" " * (depth * 6 - 4) + line.title)
            indent = "  " + indent
        pad = " " * (len(indent) + 2)
        lines.append(indent + line.label + self._figures(line, costs, timing))
        lines.extend(f"{pad}{word}: {', '.join(keys) or '()'}" for word, keys in line.sets)
        lines.extend(pad + text for text in _property_texts(line.properties))
        for _, child in line.children:
            extra = 1 if line.title else 0
            self._write_child(child, depth, extra, lines, costs, timing)

    def _write_child(
        self, child: Line, depth: int, extra: int, lines: list[str], costs: bool, timing: bool
    ) -> None:
        below: list[str] = []
        self._write(child, 1, below, costs, timing)
        shift = " " * (depth * 6 + extra * 2)
        lines.extend(shift + text for text in below)

    def _figures(self, line: Line, costs: bool, timing: bool) -> str:
        text = ""
        if costs:
            e = line.estimate
            text += f"  (cost={e.startup:.2f}..{e.total:.2f} rows={e.rows:.0f} width={e.width})"
        if self._instruments is None or not line.is_counted:
            return text
        counts = line.counts
        if counts is None or not counts.loops:
            return text + " (never executed)"
        rows = counts.rows / counts.loops
        times = ""
        if timing:
            startup = counts.startup_s * 1000 / counts.loops
            total = counts.total_s * 1000 / counts.loops
            times = f"time={startup:.3f}..{total:.3f} "
        return text + f" (actual {times}rows={rows:.0f} loops={counts.loops})"


_IN_OTHERS = frozenset(
    [
        "Sort Space Used",
        "Sort Space Type",
        "Original Hash Buckets",
        "Hash Batches",
        "Original Hash Batches",
        "Peak Memory Usage",
        "Disk Usage",
    ]
)
"""Properties that the text has in the line of another."""


def _property_texts(properties: dict[str, object]) -> Iterator[str]:
    for word, value in properties.items():
        if word == "Sort Method":
            place = f"{properties['Sort Space Type']}: {properties['Sort Space Used']}kB"
            yield f"{word}: {value}  {place}"
        elif word == "Hash Buckets":
            memory = properties["Peak Memory Usage"]
            batches = properties["Hash Batches"]
            yield f"Buckets: {value}  Batches: {batches}  Memory Usage: {memory}kB"
        elif word == "HashAgg Batches":
            disk = f"  Disk Usage: {properties['Disk Usage']}kB" if value > 1 else ""
            yield f"Batches: {value}  Memory Usage: {properties['Peak Memory Usage']}kB{disk}"
        elif word in _IN_OTHERS or (word.startswith("Rows Removed") and not value):
            continue
        else:
            yield f"{word}: {', '.join(value) if isinstance(value, list) else value}"


def _definitions(plan: n.Plan) -> list[n.CteDefinition]:
    from services.sqldb.plan.analysis import walk_plan

    return [item for item in walk_plan(plan) if isinstance(item, n.CteDefinition)]
