"""EXPLAIN: a plan in PostgreSQL's form, as text or JSON, with what really happened under ANALYZE.

    Hash Join  (cost=2.35..33.13 rows=12 width=40) (actual time=0.080..0.412 rows=9 loops=1)
      Hash Cond: (o.person = p.id)
      ->  Seq Scan on orders o  (cost=0.00..25.00 rows=1000 width=12) …
            Filter: (total > 10)
            Rows Removed by Filter: 106
      ->  Hash  …
            ->  Seq Scan on people p  …

Our plans have operators that PostgreSQL shows as part of another: a projection is no line of its
own, and a filter is a property of what stands below it.
# Real: explain.c
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.sqldb.optimizer.describe import Names
from services.sqldb.optimizer.estimates import Estimate, Estimator
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import expressions_of, walk

if TYPE_CHECKING:
    from services.sqldb.executor.instruments import Instruments, NodeCounts


@dataclass(slots=True)
class Line:
    """One operator of the output. `type_` and `extra` are for JSON, `label` for text."""

    label: str
    type_: str
    estimate: Estimate
    counts: NodeCounts | None = None
    extra: dict[str, object] = field(default_factory=dict)
    # Shown under the line: "Filter" → "(a > 5)", "Sort Key" → list.
    properties: dict[str, object] = field(default_factory=dict)
    children: list[tuple[str, Line]] = field(default_factory=list)
    # "InitPlan 1 (returns $0)", "CTE t": stands above the line.
    title: str = ""


class Explanation:
    """A plan made into lines. `instruments`: what ANALYZE has counted."""

    def __init__(self, plan: n.Plan, estimator: Estimator, instruments: Instruments | None = None):
        self._estimator = estimator
        self._instruments = instruments
        self.names = Names(plan)
        self._shown: set[int] = set()
        self._cte_names = {one.cte: one.name for one in _definitions(plan)}
        self.root = self._line(plan)

    def _counts(self, plan: n.Plan) -> NodeCounts | None:
        return None if self._instruments is None else self._instruments.of(plan)

    def _made(self, plan: n.Plan, label: str, type_: str = "", **extra: object) -> Line:
        counts = self._counts(plan)
        return Line(label, type_ or label, self._estimator.of(plan), counts, extra)

    def _line(self, plan: n.Plan) -> Line:
        line = _LINES.get(type(plan), _plain)(self, plan)
        self._add_subplans(plan, line)
        return line

    def _add_subplans(self, plan: n.Plan, line: Line) -> None:
        for expression in expressions_of(plan):
            for part in walk(expression):
                if isinstance(part, ex.Subquery) and id(part) not in self._shown:
                    self._shown.add(id(part))
                    name = self.names.subplan(part)
                    child = self._line(part.plan)
                    child.title = name
                    if name.startswith("InitPlan"):
                        child.title += f" (returns ${len(self.names.subplans) - 1})"
                    line.children.append((name.split()[0], child))

    def add_condition(
        self, line: Line, word: str, condition: ex.Expression | None, relation: int = 0
    ) -> None:
        if condition is not None:
            line.properties[word] = self.names.scan_text(condition, relation)

    # The two forms.

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
        for word, value in line.properties.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            lines.append(f"{pad}{word}: {shown}")
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
        if self._instruments is None:
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

    def json(
        self, *, costs: bool = True, planning_ms: float | None = None,
        execution_ms: float | None = None,
    ) -> str:  # fmt: skip
        document: dict[str, object] = {"Plan": self._object(self.root, "", costs)}
        if planning_ms is not None:
            document["Planning Time"] = round(planning_ms, 3)
        if execution_ms is not None:
            document["Triggers"] = []
            document["Execution Time"] = round(execution_ms, 3)
        return json.dumps([document], indent=2)

    def _object(self, line: Line, relationship: str, costs: bool) -> dict[str, object]:
        made: dict[str, object] = {"Node Type": line.type_}
        if relationship:
            made["Parent Relationship"] = relationship
        if line.title:
            made["Subplan Name"] = line.title
        made |= {"Parallel Aware": False, "Async Capable": False}
        made |= line.extra
        if costs:
            e = line.estimate
            made["Startup Cost"], made["Total Cost"] = round(e.startup, 2), round(e.total, 2)
            made["Plan Rows"], made["Plan Width"] = round(e.rows), e.width
        if self._instruments is not None:
            counts = line.counts
            loops = counts.loops if counts is not None else 0
            made["Actual Startup Time"] = round(counts.startup_s * 1000 / loops, 3) if loops else 0
            made["Actual Total Time"] = round(counts.total_s * 1000 / loops, 3) if loops else 0
            made["Actual Rows"] = round(counts.rows / loops) if loops else 0
            made["Actual Loops"] = loops
        made |= line.properties
        if line.children:
            made["Plans"] = [self._object(child, how, costs) for how, child in line.children]
        return made


def _definitions(plan: n.Plan) -> list[n.CteDefinition]:
    from services.sqldb.plan.analysis import walk_plan

    return [item for item in walk_plan(plan) if isinstance(item, n.CteDefinition)]


Writer = Callable[[Explanation, n.Plan], Line]


def _child(explanation: Explanation, line: Line, plan: n.Plan, how: str = "Outer") -> Line:
    line.children.append((how, explanation._line(plan)))
    return line


def _table(plan: n.Scan | n.IndexScan | n.SystemScan) -> tuple[str, dict[str, object]]:
    name, alias = plan.table.name, plan.alias or plan.table.name
    shown = name if alias == name else f"{name} {alias}"
    return shown, {"Relation Name": name, "Alias": alias}


def _scan(explanation: Explanation, plan: n.Scan | n.SystemScan) -> Line:
    shown, extra = _table(plan)
    return explanation._made(plan, f"Seq Scan on {shown}", "Seq Scan", **extra)


def _index_scan(explanation: Explanation, plan: n.IndexScan) -> Line:
    shown, extra = _table(plan)
    kind = "Index Only Scan" if plan.is_only else "Index Scan"
    backward = " Backward" if plan.is_backward else ""
    extra = {
        "Scan Direction": "Backward" if plan.is_backward else "Forward",
        "Index Name": plan.index.name,
        **extra,
    }
    label = f"{kind}{backward} using {plan.index.name} on {shown}"
    line = explanation._made(plan, label, kind, **extra)
    explanation.add_condition(line, "Index Cond", plan.condition, plan.relation)
    explanation.add_condition(line, "Filter", plan.filter, plan.relation)
    return line


def _filter(explanation: Explanation, plan: n.Filter) -> Line:
    """A property of what is below; the rows that it lets through are those of the whole."""
    line = explanation._line(plan.input)
    below = line.counts
    word = "Join Filter" if isinstance(plan.input, n.NestedLoop | n.Join) else "Filter"
    if isinstance(plan.input, n.OneRow):
        word = "One-Time Filter"
    relation = getattr(plan.input, "relation", 0)
    text = explanation.names.scan_text(plan.condition, relation)
    if word in line.properties:
        text = f"({text} AND {line.properties[word]})"
    line.properties[word] = text
    line.estimate = explanation._estimator.of(plan)
    own = explanation._counts(plan)
    if own is not None and below is not None:
        removed = below.rows - own.rows
        if removed:
            line.properties["Rows Removed by Filter"] = str(removed // max(below.loops, 1))
        line.counts = own
    return line


def _through(explanation: Explanation, plan: n.Project) -> Line:
    if isinstance(plan.input, n.OneRow):
        return explanation._made(plan, "Result")
    line = explanation._line(plan.input)
    line.estimate = line.estimate._replace(width=explanation._estimator.of(plan).width)
    return line


_JOIN_WORDS = {
    n.JoinKind.INNER: "",
    n.JoinKind.LEFT: " Left",
    n.JoinKind.RIGHT: " Right",
    n.JoinKind.FULL: " Full",
    n.JoinKind.SEMI: " Semi",
    n.JoinKind.ANTI: " Anti",
    n.JoinKind.MARK: " Semi",
}


def _join_condition(explanation: Explanation, lefts, rights) -> str:
    pairs = [
        f"({explanation.names.text(left)} = {explanation.names.text(right)})"
        for left, right in zip(lefts, rights, strict=True)
    ]
    return pairs[0] if len(pairs) == 1 else f"({' AND '.join(pairs)})"


def _hash_join(explanation: Explanation, plan: n.HashJoin) -> Line:
    word = _JOIN_WORDS[plan.kind]
    extra = {"Join Type": plan.kind.value, "Inner Unique": False}
    line = explanation._made(plan, f"Hash{word} Join", "Hash Join", **extra)
    if plan.left_keys:
        line.properties["Hash Cond"] = _join_condition(explanation, plan.left_keys, plan.right_keys)
    explanation.add_condition(line, "Join Filter", plan.condition)
    _child(explanation, line, plan.left)
    below = explanation._line(plan.right)
    e = explanation._estimator.of(plan.right)
    hashed = Line("Hash", "Hash", Estimate(e.total, e.total, e.rows, e.width), below.counts)
    hashed.children.append(("Outer", below))
    line.children.append(("Inner", hashed))
    return line


def _merge_join(explanation: Explanation, plan: n.MergeJoin) -> Line:
    word = _JOIN_WORDS[plan.kind]
    line = explanation._made(
        plan, f"Merge{word} Join", "Merge Join", **{"Join Type": plan.kind.value}
    )
    keys = [[key.expression for key in side] for side in (plan.left_keys, plan.right_keys)]
    line.properties["Merge Cond"] = _join_condition(explanation, *keys)
    explanation.add_condition(line, "Join Filter", plan.condition)
    _child(explanation, line, plan.left)
    return _child(explanation, line, plan.right, "Inner")


def _nested_loop(explanation: Explanation, plan: n.NestedLoop | n.Join) -> Line:
    word = _JOIN_WORDS[plan.kind]
    label = f"Nested Loop{word} Join" if word else "Nested Loop"
    line = explanation._made(plan, label, "Nested Loop", **{"Join Type": plan.kind.value})
    explanation.add_condition(line, "Join Filter", plan.condition)
    _child(explanation, line, plan.left)
    if getattr(plan, "is_materialized", False):
        below = explanation._line(plan.right)
        held = Line("Materialize", "Materialize", below.estimate, below.counts)
        held.children.append(("Outer", below))
        line.children.append(("Inner", held))
        return line
    return _child(explanation, line, plan.right, "Inner")


def _aggregate(explanation: Explanation, plan: n.Aggregate) -> Line:
    strategy = "Sorted" if isinstance(plan, n.SortedAggregate) else "Hashed"
    label = "GroupAggregate" if strategy == "Sorted" else "HashAggregate"
    sets = getattr(plan, "grouping_sets", None)
    if not plan.groups:
        label, strategy = "Aggregate", "Plain"
    elif sets is not None:
        label, strategy = "MixedAggregate", "Mixed"
    extra = {"Strategy": strategy, "Partial Mode": "Simple"}
    line = explanation._made(plan, label, "Aggregate", **extra)
    if plan.groups and sets is None:
        line.properties["Group Key"] = [explanation.names.text(group) for group in plan.groups]
    return _child(explanation, line, plan.input)


def _distinct(explanation: Explanation, plan: n.Distinct) -> Line:
    if plan.is_ordered:
        line = explanation._made(plan, "Unique")
    else:
        extra = {"Strategy": "Hashed", "Partial Mode": "Simple"}
        line = explanation._made(plan, "HashAggregate", "Aggregate", **extra)
        line.properties["Group Key"] = [explanation.names.text(item) for item in plan.on]
    return _child(explanation, line, plan.input)


def _sort(explanation: Explanation, plan: n.Sort) -> Line:
    line = explanation._made(plan, "Sort")
    line.properties["Sort Key"] = [explanation.names.sort_key(key) for key in plan.keys]
    return _child(explanation, line, plan.input)


def _top_n(explanation: Explanation, plan: n.TopN) -> Line:
    """PostgreSQL shows it as what it stands for: a Limit above a Sort."""
    line = explanation._made(plan, "Limit")
    below = explanation._estimator.of(plan.input)
    estimate = line.estimate._replace(rows=below.rows)
    sort = Line("Sort", "Sort", estimate, line.counts)
    sort.properties["Sort Key"] = [explanation.names.sort_key(key) for key in plan.keys]
    if line.counts is not None:
        sort.properties["Sort Method"] = "top-N heapsort"
    _child(explanation, sort, plan.input)
    line.children.append(("Outer", sort))
    return line


def _window(explanation: Explanation, plan: n.Window) -> Line:
    line = explanation._made(plan, "WindowAgg")
    keys = [explanation.names.text(item) for item in plan.partition_by]
    keys += [explanation.names.sort_key(key) for key in plan.order_by]
    if not keys:
        return _child(explanation, line, plan.input)
    sort = Line("Sort", "Sort", explanation._estimator.of(plan.input))
    sort.counts = explanation._counts(plan.input)
    sort.properties["Sort Key"] = keys
    _child(explanation, sort, plan.input)
    line.children.append(("Outer", sort))
    return line


def _set_operation(explanation: Explanation, plan: n.SetOperation) -> Line:
    append = explanation._made(plan, "Append")
    append.children = [("Member", explanation._line(side)) for side in (plan.left, plan.right)]
    if plan.kind is n.SetKind.UNION:
        if plan.is_all:
            return append
        outer = explanation._made(plan, "HashAggregate", "Aggregate", Strategy="Hashed")
        columns = [explanation.names.text(column) for column in plan.left_columns]
        outer.properties["Group Key"] = columns
    else:
        command = plan.kind.value.capitalize() + (" All" if plan.is_all else "")
        outer = explanation._made(plan, f"HashSetOp {command}", "SetOp", Command=command)
    outer.children.append(("Outer", append))
    return outer


def _with(explanation: Explanation, plan: n.With) -> Line:
    line = explanation._line(plan.input)
    ctes = []
    for one in plan.definitions:
        child = explanation._line(one.plan)
        child.title = f"CTE {one.name}"
        ctes.append(("InitPlan", child))
    line.children = ctes + line.children
    return line


def _cte_scan(explanation: Explanation, plan: n.CteScan) -> Line:
    name = explanation._cte_names.get(plan.cte, "?")
    shown = name if plan.alias in ("", name) else f"{name} {plan.alias}"
    extra = {"CTE Name": name, "Alias": plan.alias or name}
    return explanation._made(plan, f"CTE Scan on {shown}", "CTE Scan", **extra)


def _work_table(explanation: Explanation, plan: n.WorkTableScan) -> Line:
    name = explanation._cte_names.get(plan.cte, "?")
    return explanation._made(plan, f"WorkTable Scan on {name}", "WorkTable Scan")


def _recursive(explanation: Explanation, plan: n.RecursiveUnion) -> Line:
    line = explanation._made(plan, "Recursive Union")
    _child(explanation, line, plan.first)
    return _child(explanation, line, plan.again, "Inner")


def _function_scan(explanation: Explanation, plan: n.FunctionScan) -> Line:
    call = plan.calls[0]
    name = call.function.name if hasattr(call, "function") else "function"
    shown = name if plan.alias in ("", name) else f"{name} {plan.alias}"
    extra = {"Function Name": name, "Alias": plan.alias or name}
    return explanation._made(plan, f"Function Scan on {shown}", "Function Scan", **extra)


def _values(explanation: Explanation, plan: n.Values) -> Line:
    if len(plan.rows) == 1:
        return explanation._made(plan, "Result")
    return explanation._made(plan, 'Values Scan on "*VALUES*"', "Values Scan")


def _change(word: str) -> Writer:
    def write(explanation: Explanation, plan) -> Line:
        name = plan.table.name
        extra = {"Operation": word, "Relation Name": name, "Alias": name}
        line = explanation._made(plan, f"{word} on {name}", "ModifyTable", **extra)
        conflict = getattr(plan, "conflict", None)
        if conflict is not None:
            line.properties["Conflict Resolution"] = (
                "NOTHING" if conflict.assignments is None else "UPDATE"
            )
        return _child(explanation, line, plan.input)

    return write


def _named(label: str) -> Writer:
    def write(explanation: Explanation, plan: n.Plan) -> Line:
        line = explanation._made(plan, label)
        for item in plan.inputs():
            _child(explanation, line, item)
        return line

    return write


def _plain(explanation: Explanation, plan: n.Plan) -> Line:
    return _named(type(plan).__name__)(explanation, plan)


_LINES: dict[type, Writer] = {
    n.OneRow: _named("Result"),
    n.NoRows: _named("Result"),
    n.Scan: _scan,
    n.SystemScan: _scan,
    n.IndexScan: _index_scan,
    n.Filter: _filter,
    n.Project: _through,
    n.ProjectSet: _named("ProjectSet"),
    n.HashJoin: _hash_join,
    n.MergeJoin: _merge_join,
    n.NestedLoop: _nested_loop,
    n.Join: _nested_loop,
    n.Aggregate: _aggregate,
    n.HashAggregate: _aggregate,
    n.SortedAggregate: _aggregate,
    n.Distinct: _distinct,
    n.Sort: _sort,
    n.TopN: _top_n,
    n.Limit: _named("Limit"),
    n.Window: _window,
    n.SetOperation: _set_operation,
    n.With: _with,
    n.CteScan: _cte_scan,
    n.WorkTableScan: _work_table,
    n.RecursiveUnion: _recursive,
    n.FunctionScan: _function_scan,
    n.Values: _values,
    n.LockRows: _named("LockRows"),
    n.Insert: _change("Insert"),
    n.Update: _change("Update"),
    n.Delete: _change("Delete"),
    n.Merge: _change("Merge"),
}
