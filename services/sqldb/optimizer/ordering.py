"""Order without sorting: from an index, from a join that keeps it, from groups that come in order.

    Sort by id                    →   Index Scan using the primary key, which is in order
    Limit 10 of Sort              →   Top-N: a heap of the best ten
    min(x), max(x)                →   the first and the last entry of an index on x

Whether it is worth it is a matter of cost: reading a whole table by an index is dearer than sorting
it, unless a LIMIT stops the reading early.
# Real: pathkeys, build_index_pathkeys(), planagg.c
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.optimizer.access import (
    Request,
    UsableIndex,
    in_index_order,
    lookup_join,
    request_of,
    usable_indexes,
)
from services.sqldb.optimizer.conditions import conjunction, conjuncts, unlabelled
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.index_match import is_key
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import free_keys, needs, relations_in, with_inputs
from services.sqldb.types import BOOL

Keys = tuple[ex.SortKey, ...]
# Joins that give the rows in the order of their left side.
_KEEPING = (n.JoinKind.INNER, n.JoinKind.LEFT, n.JoinKind.SEMI, n.JoinKind.ANTI)


def top_n(plan: n.Plan) -> n.Plan:
    """Limit above Sort, perhaps with a projection between, becomes one operator."""
    return _top_n(with_inputs(plan, top_n))


def _top_n(plan: n.Plan) -> n.Plan:
    if not isinstance(plan, n.Limit) or plan.limit is None or plan.with_ties:
        return plan
    match plan.input:
        case n.Sort() as sort:
            return n.TopN(sort.input, sort.keys, plan.limit, plan.offset)
        case n.Project(input=n.Sort() as sort) as project if not _gives_sets(project):
            best = n.TopN(sort.input, sort.keys, plan.limit, plan.offset)
            return replace(project, input=best)
    return plan


def _gives_sets(project: n.Project) -> bool:
    return any(isinstance(item, ex.SetReturningCall) for item in project.expressions)


def avoid_sorts(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """A sort goes where there is a cheaper way to the same order."""
    if isinstance(plan, n.Limit) and plan.limit is not None and not plan.with_ties:
        sort = plan.input.input if isinstance(plan.input, n.Project) else plan.input
        if isinstance(sort, n.Sort):
            return _limited(plan, sort, estimator)
    plan = with_inputs(plan, lambda item: avoid_sorts(item, estimator))
    if isinstance(plan, n.Sort):
        ways = [plan, *ordered_ways(plan.input, plan.keys, estimator)]
        return min(ways, key=lambda way: estimator.of(way).total)
    return plan


def _limited(plan: n.Limit, sort: n.Sort, estimator: Estimator) -> n.Plan:
    """Only the first rows are wanted: an order that costs nothing at the start wins."""
    sort = with_inputs(sort, lambda item: avoid_sorts(item, estimator))
    best, cost = None, 0.0
    for below in (sort, *ordered_ways(sort.input, sort.keys, estimator)):
        inner = replace(plan.input, input=below) if isinstance(plan.input, n.Project) else below
        way = replace(plan, input=inner)
        own = estimator.of(_top_n(way)).total
        if best is None or own < cost:
            best, cost = way, own
    return best


def ordered_ways(plan: n.Plan, keys: Keys, estimator: Estimator) -> list[n.Plan]:
    """Plans for the same rows that give them in the order of the keys without sorting all."""
    request = request_of(plan, estimator)
    if request is not None:
        return _by_indexes(request, keys, estimator)
    match plan:
        case n.Filter() | n.With():
            return _with_input(plan, ordered_ways(plan.input, keys, estimator))
        case n.Project():
            below = _through(plan, keys)
            found = () if below is None else ordered_ways(plan.input, below, estimator)
            return _with_input(plan, found)
        case n.Sort() if plan.keys[: len(keys)] == keys:
            return [plan]
        case n.Aggregate() if plan.groups and plan.grouping_sets is None and not plan.groupings:
            return _by_groups(plan, keys, estimator)
        case n.MergeJoin() if plan.kind in _KEEPING and plan.left_keys[: len(keys)] == keys:
            return [plan]
        case n.NestedLoop() if plan.kind in _KEEPING and _is_over(keys, plan.left):
            ways = ordered_ways(plan.left, keys, estimator)
            return [replace(plan, left=way) for way in ways]
        case n.HashJoin():
            return [*_by_lookups(plan, keys, estimator), *_by_merging(plan, keys, estimator)]
    return []


def _with_input(plan: n.Plan, ways) -> list[n.Plan]:
    return [replace(plan, input=way) for way in ways]


def _is_over(keys: Keys, plan: n.Plan) -> bool:
    made = relations_in(plan)
    return all(part[0] in made for key in keys for part in needs(key.expression))


def _by_indexes(request: Request, keys: Keys, estimator: Estimator) -> list[n.Plan]:
    ways = []
    estimator.learn(request.scan)
    estimator.note_request(*request)
    for usable in usable_indexes(request.scan, request.parts, estimator):
        forward = in_index_order(request, usable, estimator, backward=False)
        backward = direction(usable, forward.range, keys, estimator)
        if backward is not None:
            ways.append(replace(forward, is_backward=True) if backward else forward)
    return ways


def direction(
    usable: UsableIndex, asked: n.KeyRange, keys: Keys, estimator: Estimator
) -> bool | None:
    """Whether the index gives this order, forward (False) or backward (True).

    Columns that are equal in all rows that are read decide nothing.
    """
    answer: bool | None = None
    index, forms = usable.index, usable.form.keys
    fixed = [at for at in range(len(asked.equal)) if at not in asked.arrays]
    place = 0
    for key in keys:
        if any(is_key(key.expression, forms[at]) for at in fixed):
            continue
        while place in fixed:
            place += 1
        if place >= len(forms) or not is_key(key.expression, forms[place]):
            return None
        own = index.keys[place]
        backward = own.is_descending is not key.is_descending
        nulls_first = own.nulls_first is not backward
        if nulls_first is not key.nulls_first and not estimator.is_not_null(key.expression):
            return None
        if answer not in (None, backward):
            return None
        answer = backward
        place += 1
    return bool(answer)


def _through(plan: n.Project, keys: Keys) -> Keys | None:
    """Sort keys over a projection as keys over its input."""
    below = []
    for key in keys:
        column = unlabelled(key.expression)
        if not isinstance(column, ex.Column):
            return None
        if column.relation == plan.relation:
            column = plan.expressions[column.index]
        below.append(replace(key, expression=column))
    return tuple(below)


def _by_groups(plan: n.Aggregate, keys: Keys, estimator: Estimator) -> list[n.Plan]:
    """Groups made of sorted rows come in order themselves."""
    below: list[ex.SortKey] = []
    for key in keys:
        column = key.expression
        is_group = isinstance(column, ex.Column) and column.relation == plan.relation
        if not is_group or column.index >= len(plan.groups):
            return []
        below.append(replace(key, expression=plan.groups[column.index]))
    named = [key.expression for key in below]
    below += [ex.SortKey(group) for group in plan.groups if group not in named]
    order = tuple(below)
    inputs = [*ordered_ways(plan.input, order, estimator), n.Sort(plan.input, order)]
    return [n.SortedAggregate(one, plan.relation, plan.groups, plan.calls) for one in inputs]


def _by_lookups(plan: n.HashJoin, keys: Keys, estimator: Estimator) -> list[n.Plan]:
    """One side in order, and for each of its rows a look into an index of the other."""
    parts = estimator.join_parts(plan)
    if parts is None or plan.kind not in _KEEPING:
        return []
    sides = [(plan.left, plan.right)]
    if plan.kind is n.JoinKind.INNER:
        sides.append((plan.right, plan.left))
    ways: list[n.Plan] = []
    for first, second in sides:
        if _is_over(keys, first):
            for way in ordered_ways(first, keys, estimator):
                found = lookup_join(plan.kind, way, second, parts, estimator)
                if found is not None:
                    ways.append(found)
    return ways


def _by_merging(plan: n.HashJoin, keys: Keys, estimator: Estimator) -> list[n.Plan]:
    """A join of sides in order keeps that of its left one."""
    lefts, rights = list(plan.left_keys), list(plan.right_keys)
    if plan.kind is n.JoinKind.INNER and keys[0].expression in rights:
        plan = replace(plan, left=plan.right, right=plan.left)
        lefts, rights = rights, lefts
    if plan.kind not in _KEEPING or tuple(map(ex.SortKey, lefts[: len(keys)])) != keys:
        return []
    split = lefts, rights, conjuncts(plan.condition)
    return merged(plan.kind, plan.left, plan.right, split, estimator)


Split = tuple[list[ex.Expression], list[ex.Expression], list[ex.Expression]]
"""Of the conditions of a join: keys of the left side, keys of the right, and the others."""


def merged(
    kind: n.JoinKind, left: n.Plan, right: n.Plan, split: Split, estimator: Estimator
) -> list[n.Plan]:
    """The merge join of both sides in order: as they come, by an index, or sorted."""
    lefts, rights, rest = split
    if kind is n.JoinKind.MARK or not all(isinstance(key, ex.Column) for key in lefts + rights):
        return []
    if any(key.type.sort_key is not None for key in lefts + rights):
        return []
    orders = tuple(map(ex.SortKey, lefts)), tuple(map(ex.SortKey, rights))
    one, other = (
        _cheapest_in_order(plan, order, estimator)
        for plan, order in zip((left, right), orders, strict=True)
    )
    return [n.MergeJoin(kind, one, other, *orders, conjunction(rest))]


def _cheapest_in_order(plan: n.Plan, order: Keys, estimator: Estimator) -> n.Plan:
    ways = [n.Sort(plan, order), *ordered_ways(plan, order, estimator)]
    return min(ways, key=lambda way: estimator.of(way).total)


# min and max.


def extremes_by_index(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """min(x), max(x) of a table: the first or last entry of an index that is not NULL.

    Each becomes a subquery of one row: SELECT x FROM t WHERE x IS NOT NULL ORDER BY x LIMIT 1.
    """
    plan = with_inputs(plan, lambda item: extremes_by_index(item, estimator))
    if not isinstance(plan, n.Aggregate) or plan.groups or not plan.calls:
        return plan
    if plan.grouping_sets is not None or plan.groupings or free_keys(plan):
        return plan
    request = request_of(plan.input, estimator)
    if request is None:
        return plan
    found = [_extreme(call, at, request, estimator) for at, call in enumerate(plan.calls)]
    if None in found:
        return plan
    if sum(estimator.of(one).total for one in found) > estimator.of(plan).total:
        return plan
    subqueries = [
        ex.Subquery(call.type, ex.SubqueryKind.SCALAR, one)
        for call, one in zip(plan.calls, found, strict=True)
    ]
    names = tuple([call.function.name for call in plan.calls])
    return n.Project(n.OneRow(), plan.relation, tuple(subqueries), names)


def _extreme(
    call: ex.AggregateCall, at: int, request: Request, estimator: Estimator
) -> n.Plan | None:  # fmt: skip
    if call.function.name not in ("min", "max") or call.filter is not None:
        return None
    if len(call.arguments) != 1:
        return None
    value, is_max = call.arguments[0], call.function.name == "max"
    if not needs(value):
        return None
    known = ex.IsNull(BOOL, value, True)
    asked = Request(request.scan, [known, *request.parts])
    key = (ex.SortKey(value, is_max, is_max),)
    ways = _by_indexes(asked, key, estimator)
    estimator.note_request(*request)
    limited = [n.Limit(way, ex.Constant(call.type, 1), None) for way in ways]
    if not limited:
        return None
    best = min(limited, key=lambda way: estimator.of(way).total)
    relation = request.scan.relation + EXTREME_RELATIONS * (at + 1)
    return n.Project(best, relation, (value,), (call.function.name,))


EXTREME_RELATIONS = 1_000_000
"""Numbers above this are those of the subqueries made for min and max."""
