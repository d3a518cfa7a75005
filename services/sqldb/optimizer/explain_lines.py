"""For each operator the line that EXPLAIN shows: its label, its properties, what stands below it.

# Real: ExplainNode()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.sqldb.optimizer.costs import Estimate
from services.sqldb.optimizer.scan_estimates import bitmap_part_estimate
from services.sqldb.plan import nodes as n

if TYPE_CHECKING:
    from services.sqldb.executor.instruments import NodeCounts
    from services.sqldb.optimizer.explain import Explanation


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
    # Of grouping sets: the word and the keys of each.
    sets: list[tuple[str, list[str]]] = field(default_factory=list)
    # Whether ANALYZE has figures for it: not for what several indexes did for one scan.
    is_counted: bool = True
    # "InitPlan 1 (returns $0)", "CTE t": stands above the line.
    title: str = ""


Writer = Callable[["Explanation", n.Plan], Line]


def _child(explanation: Explanation, line: Line, plan: n.Plan, how: str = "Outer") -> Line:
    line.children.append((how, explanation.line(plan)))
    return line


def _table(
    explanation: Explanation, plan: n.Scan | n.IndexScan | n.BitmapScan | n.SystemScan
) -> tuple[str, dict[str, object]]:
    name, alias = plan.table.name, explanation.names.table(plan.relation)
    shown = name if alias == name else f"{name} {alias}"
    extra = {"Relation Name": name, "Alias": alias}
    if schema := explanation.schema_of(plan.table):
        return f"{schema}.{shown}", {"Relation Name": name, "Schema": schema, "Alias": alias}
    return shown, extra


def _scan(explanation: Explanation, plan: n.Scan | n.SystemScan) -> Line:
    shown, extra = _table(explanation, plan)
    return explanation.made(plan, f"Seq Scan on {shown}", "Seq Scan", **extra)


def _index_scan(explanation: Explanation, plan: n.IndexScan) -> Line:
    shown, extra = _table(explanation, plan)
    kind = "Index Only Scan" if plan.is_only else "Index Scan"
    backward = " Backward" if plan.is_backward else ""
    extra = {
        "Scan Direction": "Backward" if plan.is_backward else "Forward",
        "Index Name": plan.index.name,
        **extra,
    }
    label = f"{kind}{backward} using {plan.index.name} on {shown}"
    line = explanation.made(plan, label, kind, **extra)
    explanation.add_condition(line, "Index Cond", plan.condition, plan.relation)
    _add_filter(explanation, line, plan)
    if plan.is_only and line.counts is not None:
        line.properties["Heap Fetches"] = line.counts.fetched
    return line


def _add_filter(
    explanation: Explanation, line: Line, plan: n.IndexScan | n.BitmapScan
) -> None:  # fmt: skip
    if plan.filter is None:
        return
    explanation.add_condition(line, "Filter", plan.filter, plan.relation)
    if line.counts is not None:
        line.properties["Rows Removed by Filter"] = line.counts.removed // max(line.counts.loops, 1)


def _bitmap_scan(explanation: Explanation, plan: n.BitmapScan) -> Line:
    """The indexes stand below as in PostgreSQL: each makes a bitmap, BitmapOr unites them."""
    shown, extra = _table(explanation, plan)
    line = explanation.made(plan, f"Bitmap Heap Scan on {shown}", "Bitmap Heap Scan", **extra)
    explanation.add_condition(line, "Recheck Cond", plan.condition, plan.relation)
    _add_filter(explanation, line, plan)
    bitmaps = [_bitmap_part(explanation, plan, part) for part in plan.parts]
    if len(bitmaps) == 1:
        bitmaps[0].counts = _bitmap_counts(line.counts)
        line.children.append(("Outer", bitmaps[0]))
        return line
    for bitmap in bitmaps:
        bitmap.is_counted = False
    total = sum(bitmap.estimate.total for bitmap in bitmaps)
    rows = sum(bitmap.estimate.rows for bitmap in bitmaps)
    union = Line("BitmapOr", "BitmapOr", Estimate(total, total, rows, 0))
    union.counts = _bitmap_counts(line.counts)
    union.children = [("Member", bitmap) for bitmap in bitmaps]
    line.children.append(("Outer", union))
    return line


def _bitmap_counts(scan: NodeCounts | None) -> NodeCounts | None:
    """The bitmap is there when the scan gives its first row, and has all rows that it looks at."""
    if scan is None:
        return None
    made = type(scan)()
    made.loops, made.rows = scan.loops, scan.rows + scan.removed
    made.startup_s = made.total_s = scan.startup_s
    return made


def _bitmap_part(explanation: Explanation, plan: n.BitmapScan, part: n.BitmapPart) -> Line:
    estimate = bitmap_part_estimate(explanation.estimator, plan, part)
    kind, name = "Bitmap Index Scan", part.index.name
    line = Line(f"{kind} on {name}", kind, estimate, None, {"Index Name": name})
    explanation.add_condition(line, "Index Cond", part.condition, plan.relation)
    return line


def _filter(explanation: Explanation, plan: n.Filter) -> Line:
    """A property of what is below; the rows that it lets through are those of the whole."""
    line = explanation.line(plan.input)
    below = line.counts
    word = "Join Filter" if isinstance(plan.input, n.NestedLoop | n.Join) else "Filter"
    if isinstance(plan.input, n.OneRow):
        word = "One-Time Filter"
    relation = getattr(plan.input, "relation", 0)
    text = explanation.names.scan_text(plan.condition, relation)
    if word in line.properties:
        text = f"({text} AND {line.properties[word]})"
    line.properties[word] = text
    line.estimate = explanation.estimator.of(plan)
    own = explanation.counts(plan)
    if own is not None and below is not None:
        line.properties["Rows Removed by Filter"] = (below.rows - own.rows) // max(below.loops, 1)
        line.counts = own
    return line


def _through(explanation: Explanation, plan: n.Project) -> Line:
    if isinstance(plan.input, n.OneRow):
        return explanation.made(plan, "Result")
    line = explanation.line(plan.input)
    line.estimate = line.estimate._replace(width=explanation.estimator.of(plan).width)
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
    line = explanation.made(plan, f"Hash{word} Join", "Hash Join", **extra)
    if plan.left_keys:
        line.properties["Hash Cond"] = _join_condition(explanation, plan.left_keys, plan.right_keys)
    explanation.add_condition(line, "Join Filter", plan.condition)
    _child(explanation, line, plan.left)
    below = explanation.line(plan.right)
    e = explanation.estimator.of(plan.right)
    hashed = Line("Hash", "Hash", Estimate(e.total, e.total, e.rows, e.width), below.counts)
    _add_hash_table(hashed, line.counts)
    hashed.children.append(("Outer", below))
    line.children.append(("Inner", hashed))
    return line


def _add_hash_table(line: Line, counts: NodeCounts | None) -> None:
    if counts is not None and counts.batches:
        line.properties |= {
            "Hash Buckets": counts.buckets,
            "Original Hash Buckets": counts.buckets,
            "Hash Batches": counts.batches,
            "Original Hash Batches": 1,
            "Peak Memory Usage": max(1, round(counts.hash_bytes / 1024)),
        }


def _add_groups(line: Line) -> None:
    counts = line.counts
    if counts is not None and counts.batches:
        line.properties |= {
            "HashAgg Batches": max(1, counts.batches // max(1, counts.loops)),
            "Peak Memory Usage": max(1, round(counts.hash_bytes / 1024)),
            "Disk Usage": round(counts.disk_bytes / 1024),
        }


def _merge_join(explanation: Explanation, plan: n.MergeJoin) -> Line:
    word = _JOIN_WORDS[plan.kind]
    line = explanation.made(
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
    line = explanation.made(plan, label, "Nested Loop", **{"Join Type": plan.kind.value})
    explanation.add_condition(line, "Join Filter", plan.condition)
    _child(explanation, line, plan.left)
    if getattr(plan, "is_materialized", False):
        below = explanation.line(plan.right)
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
    elif sets is not None and () in sets:
        label, strategy = "MixedAggregate", "Mixed"
    extra = {"Strategy": strategy, "Partial Mode": "Simple"}
    line = explanation.made(plan, label, "Aggregate", **extra)
    texts = [explanation.names.text(group) for group in plan.groups]
    if sets is not None:
        ordered = sorted(sets, key=lambda one: not one)
        line.sets = [
            ("Hash Key" if one else "Group Key", [texts[at] for at in one]) for one in ordered
        ]
    elif texts:
        line.properties["Group Key"] = texts
    if plan.groups and strategy != "Sorted":
        _add_groups(line)
    return _child(explanation, line, plan.input)


def _distinct(explanation: Explanation, plan: n.Distinct) -> Line:
    if plan.is_ordered:
        line = explanation.made(plan, "Unique")
    else:
        extra = {"Strategy": "Hashed", "Partial Mode": "Simple"}
        line = explanation.made(plan, "HashAggregate", "Aggregate", **extra)
        line.properties["Group Key"] = [explanation.names.text(item) for item in plan.on]
        _add_groups(line)
    return _child(explanation, line, plan.input)


def _sort(explanation: Explanation, plan: n.Sort) -> Line:
    line = explanation.made(plan, "Sort")
    line.properties["Sort Key"] = [explanation.names.sort_key(key) for key in plan.keys]
    _add_sort_method(line, line.counts)
    return _child(explanation, line, plan.input)


def _add_sort_method(line: Line, counts: NodeCounts | None) -> None:
    if counts is not None and counts.sort is not None:
        method, size_bytes, place = counts.sort
        line.properties["Sort Method"] = method
        line.properties["Sort Space Used"] = max(1, round(size_bytes / 1024))
        line.properties["Sort Space Type"] = place


def _top_n(explanation: Explanation, plan: n.TopN) -> Line:
    """PostgreSQL shows it as what it stands for: a Limit above a Sort."""
    line = explanation.made(plan, "Limit")
    below = explanation.estimator.of(plan.input)
    estimate = line.estimate._replace(rows=below.rows)
    sort = Line("Sort", "Sort", estimate, line.counts)
    sort.properties["Sort Key"] = [explanation.names.sort_key(key) for key in plan.keys]
    _add_sort_method(sort, sort.counts)
    _child(explanation, sort, plan.input)
    line.children.append(("Outer", sort))
    return line


def _window(explanation: Explanation, plan: n.Window) -> Line:
    line = explanation.made(plan, "WindowAgg")
    keys = [explanation.names.text(item) for item in plan.partition_by]
    keys += [explanation.names.sort_key(key) for key in plan.order_by]
    if not keys:
        return _child(explanation, line, plan.input)
    sort = Line("Sort", "Sort", explanation.estimator.of(plan.input))
    sort.counts = explanation.counts(plan.input)
    sort.properties["Sort Key"] = keys
    _add_sort_method(sort, line.counts)
    _child(explanation, sort, plan.input)
    line.children.append(("Outer", sort))
    return line


def _set_operation(explanation: Explanation, plan: n.SetOperation) -> Line:
    append = explanation.made(plan, "Append")
    append.children = [("Member", explanation.line(side)) for side in (plan.left, plan.right)]
    if append.counts is not None and not (plan.kind is n.SetKind.UNION and plan.is_all):
        append.counts = _counts_of_all([child.counts for _, child in append.children])
    if plan.kind is n.SetKind.UNION:
        if plan.is_all:
            return append
        outer = explanation.made(plan, "HashAggregate", "Aggregate", Strategy="Hashed")
        columns = [explanation.names.text(column) for column in plan.left_columns]
        outer.properties["Group Key"] = columns
        _add_groups(outer)
    else:
        command = plan.kind.value.capitalize() + (" All" if plan.is_all else "")
        outer = explanation.made(plan, f"HashSetOp {command}", "SetOp", Command=command)
    outer.children.append(("Outer", append))
    return outer


def _counts_of_all(members: list[NodeCounts | None]) -> NodeCounts | None:
    """Of an Append below another operator: what its members have given, one after the other."""
    known = [one for one in members if one is not None]
    if not known:
        return None
    made = type(known[0])()
    made.loops = max(one.loops for one in known)
    made.rows = sum(one.rows for one in known)
    made.startup_s = known[0].startup_s
    made.total_s = sum(one.total_s for one in known)
    return made


def _with(explanation: Explanation, plan: n.With) -> Line:
    line = explanation.line(plan.input)
    ctes = []
    for one in plan.definitions:
        child = explanation.line(one.plan)
        child.title = f"CTE {one.name}"
        ctes.append(("InitPlan", child))
    line.children = ctes + line.children
    return line


def _cte_scan(explanation: Explanation, plan: n.CteScan) -> Line:
    name = explanation._cte_names.get(plan.cte, "?")
    shown = name if plan.alias in ("", name) else f"{name} {plan.alias}"
    extra = {"CTE Name": name, "Alias": plan.alias or name}
    return explanation.made(plan, f"CTE Scan on {shown}", "CTE Scan", **extra)


def _work_table(explanation: Explanation, plan: n.WorkTableScan) -> Line:
    name = explanation._cte_names.get(plan.cte, "?")
    return explanation.made(plan, f"WorkTable Scan on {name}", "WorkTable Scan")


def _recursive(explanation: Explanation, plan: n.RecursiveUnion) -> Line:
    line = explanation.made(plan, "Recursive Union")
    _child(explanation, line, plan.first)
    return _child(explanation, line, plan.again, "Inner")


def _function_scan(explanation: Explanation, plan: n.FunctionScan) -> Line:
    call = plan.calls[0]
    name = call.function.name if hasattr(call, "function") else "function"
    shown = name if plan.alias in ("", name) else f"{name} {plan.alias}"
    extra = {"Function Name": name, "Alias": plan.alias or name}
    return explanation.made(plan, f"Function Scan on {shown}", "Function Scan", **extra)


def _values(explanation: Explanation, plan: n.Values) -> Line:
    if len(plan.rows) == 1:
        return explanation.made(plan, "Result")
    return explanation.made(plan, 'Values Scan on "*VALUES*"', "Values Scan")


def _change(word: str) -> Writer:
    def write(explanation: Explanation, plan) -> Line:
        name, alias = plan.table.name, explanation.names.table(plan.relation)
        shown = name if alias == name else f"{name} {alias}"
        extra = {"Operation": word, "Relation Name": name, "Alias": alias}
        if schema := explanation.schema_of(plan.table):
            shown, extra = f"{schema}.{shown}", extra | {"Schema": schema}
        line = explanation.made(plan, f"{word} on {shown}", "ModifyTable", **extra)
        conflict = getattr(plan, "conflict", None)
        if conflict is not None:
            resolution = "NOTHING" if conflict.assignments is None else "UPDATE"
            line.properties["Conflict Resolution"] = resolution
            if arbiters := explanation.index_names(plan.table, conflict.indexes):
                line.properties["Conflict Arbiter Indexes"] = arbiters
        return _child(explanation, line, plan.input)

    return write


def _named(label: str) -> Writer:
    def write(explanation: Explanation, plan: n.Plan) -> Line:
        line = explanation.made(plan, label)
        for item in plan.inputs():
            _child(explanation, line, item)
        return line

    return write


def plain(explanation: Explanation, plan: n.Plan) -> Line:
    return _named(type(plan).__name__)(explanation, plan)


LINES: dict[type, Writer] = {
    n.OneRow: _named("Result"),
    n.NoRows: _named("Result"),
    n.Scan: _scan,
    n.SystemScan: _scan,
    n.IndexScan: _index_scan,
    n.BitmapScan: _bitmap_scan,
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
