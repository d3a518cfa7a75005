"""In which order tables are joined, and how.

Inner joins may be done in any order, and the right one makes all the difference:

    a ⋈ b ⋈ c     with |a| = |b| = 10,000, c = 10 rows after its filter, conditions a–b and b–c:
    (a ⋈ b) ⋈ c   10,000 rows in between          (c ⋈ b) ⋈ a   10 rows in between

So all inner joins next to each other are taken apart into relations and conditions. What follows
from equality is added first (a = b and b = 5 gives a = 5). Then:

- up to 10 relations by dynamic programming: for each set of relations the cheapest way to join it,
  built from the cheapest ways for the sets with one relation less (left-deep trees, 2^n sets);
- beyond that greedily: the smallest relation first, then the one that leaves the fewest rows.

Relations that no condition connects come last, as a cross product.
# Real: standard_join_search(); GEQO beyond 12 relations
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

from services.sqldb.optimizer.access import best_scan, lookup_join, request_of
from services.sqldb.optimizer.conditions import (
    conjunction,
    conjuncts,
    equality,
    filtered,
    has_subquery,
    is_volatile,
)
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.ordering import Split, merged
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import free_keys, needs, relations_in, with_inputs

MOST_BY_PROGRAMMING = 10
Parts = list[ex.Expression]


def order_joins(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """Choose order and method for each group of inner joins; methods for the other joins."""
    return _order(_with_more_inner(plan, estimator), estimator)


def _with_more_inner(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """A semi join that finds one row at most is an inner join, which may be done in any order.

    # Real: reduce_unique_semijoins()
    """
    plan = with_inputs(plan, lambda item: _with_more_inner(item, estimator))
    if isinstance(plan, n.Join) and plan.kind is n.JoinKind.SEMI and _finds_one(plan, estimator):
        return replace(plan, kind=n.JoinKind.INNER)
    return plan


def _finds_one(join: n.Join, estimator: Estimator) -> bool:
    """Whether the condition gives all columns of a unique index of the right side."""
    below, given = join.right, {}
    while isinstance(below, n.Project):
        given |= {(below.relation, at): item for at, item in enumerate(below.expressions)}
        below = below.input
    request = request_of(below, estimator)
    if request is None:
        return False
    _, rights, _ = _keys(
        conjuncts(join.condition), estimator.relations(join.left), estimator.relations(join.right)
    )
    found = set()
    for key in rights:
        while isinstance(key, ex.Column) and (key.relation, key.index) in given:
            key = given[key.relation, key.index]
        if isinstance(key, ex.Column) and key.relation == request.scan.relation:
            found.add(key.index)
    return any(
        index.is_unique
        and not index.predicate
        and not index.is_deferrable
        and {key.column for key in index.keys} <= found
        for index in estimator.catalog.indexes_of(request.scan.table)
    )


def _order(plan: n.Plan, estimator: Estimator) -> n.Plan:
    if isinstance(plan, n.Filter) and _is_inner(plan.input):
        return _ordered(plan, estimator)
    if _is_inner(plan):
        return _ordered(plan, estimator)
    plan = with_inputs(plan, lambda item: _order(item, estimator))
    if isinstance(plan, n.Join):
        return joined(plan.kind, plan.left, plan.right, conjuncts(plan.condition), estimator)
    return plan


def _is_inner(plan: n.Plan) -> bool:
    if not isinstance(plan, n.Join) or plan.kind is not n.JoinKind.INNER:
        return False
    made = relations_in(plan.left)
    return not any(key[0] in made for key in free_keys(plan.right))


@dataclass(slots=True)
class Tree:
    """One way to join some relations."""

    plan: n.Plan
    cost: float
    rows: float


def _ordered(plan: n.Plan, estimator: Estimator) -> n.Plan:
    leaves: list[n.Plan] = []
    parts: Parts = []
    _flatten(plan, leaves, parts, estimator)
    volatile = [part for part in parts if is_volatile(part)]
    parts = [part for part in parts if not is_volatile(part)]
    owners = {relation: at for at, leaf in enumerate(leaves) for relation in relations_in(leaf)}
    leaves, parts = _with_inferred(leaves, parts, owners, estimator)
    edges = [(_mask(part, owners), part) for part in parts]
    if len(leaves) <= MOST_BY_PROGRAMMING:
        made = _by_programming(leaves, edges, estimator)
    else:
        made = _greedily(leaves, edges, estimator)
    return filtered(made, volatile)


def _flatten(plan: n.Plan, leaves: list, parts: Parts, estimator: Estimator) -> None:
    """Take inner joins and the filters on them apart."""
    if isinstance(plan, n.Filter) and _is_inner(plan.input):
        parts.extend(conjuncts(plan.condition))
        _flatten(plan.input, leaves, parts, estimator)
    elif _is_inner(plan):
        parts.extend(conjuncts(plan.condition))
        _flatten(plan.left, leaves, parts, estimator)
        _flatten(plan.right, leaves, parts, estimator)
    else:
        leaves.append(_order(plan, estimator))


def _mask(part: ex.Expression, owners: dict[int, int]) -> int:
    """The leaves that a condition uses, as bits."""
    mask = 0
    for key in needs(part):
        if key[0] in owners:
            mask |= 1 << owners[key[0]]
    return mask


def _with_inferred(
    leaves: list[n.Plan], parts: Parts, owners: dict[int, int], estimator: Estimator
) -> tuple[list[n.Plan], Parts]:
    """Add what follows: columns that are equal to each other are all equal to the same constant.

    Then that they are equal to each other needs no asking any more. # Real: EquivalenceClass
    """
    classes = _equal_columns(parts)
    if not classes:
        return leaves, parts
    fixed: dict[int, Parts] = {}
    known: set[ex.Column] = set()
    for at, leaf in enumerate(leaves):
        for part in _own_parts(leaf, estimator):
            sides = equality(part)
            if sides is None or sides[0].type != sides[1].type:
                continue
            for column, value in (sides, sides[::-1]):
                if not isinstance(value, ex.Constant | ex.Parameter):
                    continue
                for other in classes.get(_bare(column), ()):
                    known.add(other)
                    where = owners.get(other.relation, at)
                    if where != at:
                        call = ex.Call(part.type, part.function, (other, value), spelling="=")
                        fixed.setdefault(where, []).append(call)
    leaves = [
        _with_more(leaf, fixed[at], estimator) if at in fixed else leaf
        for at, leaf in enumerate(leaves)
    ]
    if known:
        parts = [part for part in parts if not _is_settled(part, known, owners)]
    return leaves, parts


def _equal_columns(parts: Parts) -> dict[ex.Expression, set[ex.Column]]:
    """By column: all that are equal to it, itself too."""
    classes: dict[ex.Expression, set[ex.Column]] = {}
    for part in parts:
        sides = equality(part)
        if sides is None or sides[0].type != sides[1].type:
            continue
        if all(isinstance(side, ex.Column) for side in sides):
            left, right = map(_bare, sides)
            merged = classes.get(left, {left}) | classes.get(right, {right})
            for column in merged:
                classes[column] = merged
    return classes


def _is_settled(part: ex.Expression, known: set[ex.Column], owners: dict[int, int]) -> bool:
    """Whether it says that two columns are equal that are both equal to the same constant."""
    sides = equality(part)
    if sides is None or sides[0].type != sides[1].type:
        return False
    return all(
        isinstance(side, ex.Column) and _bare(side) in known and side.relation in owners
        for side in sides
    )


def _bare(column: ex.Expression) -> ex.Expression:
    if not isinstance(column, ex.Column):
        return column
    return ex.Column(column.type, column.relation, column.index)


def _own_parts(leaf: n.Plan, estimator: Estimator) -> Parts:
    """The conditions on a table, wherever they have gone."""
    request = request_of(leaf, estimator)
    if request is not None:
        return request.parts
    return conjuncts(leaf.condition) if isinstance(leaf, n.Filter) else []


def _with_more(leaf: n.Plan, parts: Parts, estimator: Estimator) -> n.Plan:
    """A leaf with what has been inferred for it: that may be the key of an index."""
    known = _own_parts(leaf, estimator)
    new: Parts = []
    for part in parts:
        if not any(_is_same(part, other) for other in (*known, *new)):
            new.append(part)
    if not new:
        return leaf
    request = request_of(leaf, estimator)
    if request is not None:
        return best_scan(request.scan, [*request.parts, *new], estimator)
    if isinstance(leaf, n.Filter):
        return filtered(leaf.input, [*conjuncts(leaf.condition), *new])
    return filtered(leaf, new)


def _is_same(part: ex.Call, other: ex.Expression) -> bool:
    return (
        isinstance(other, ex.Call)
        and other.function is part.function
        and {_shape(a) for a in other.arguments} == {_shape(a) for a in part.arguments}
    )


def _shape(expression: ex.Expression) -> object:
    if isinstance(expression, ex.Column):
        return expression.relation, expression.index
    return id(expression)


def _tree(plan: n.Plan, estimator: Estimator) -> Tree:
    estimate = estimator.of(plan)
    return Tree(plan, estimate.total, estimate.rows)


def _by_programming(leaves: list, edges: list, estimator: Estimator) -> n.Plan:
    best: dict[int, Tree] = {1 << at: _tree(leaf, estimator) for at, leaf in enumerate(leaves)}
    everything = (1 << len(leaves)) - 1
    masks = [mask for mask, _ in edges]
    for size in range(2, len(leaves) + 1):
        for members in combinations(range(len(leaves)), size):
            target = sum(1 << at for at in members)
            ways = []
            for at in reversed(members):
                rest = target & ~(1 << at)
                if rest in best:
                    is_connected = any(m & rest and m >> at & 1 for m in masks if not m & ~target)
                    ways.append((not is_connected, at, rest))
            if not ways:
                continue
            connected = [way for way in ways if not way[0]]
            if not connected and target != everything and _has_edges_out(target, masks):
                # A cross product only where nothing else is left.
                continue
            chosen: Tree | None = None
            estimator.check()
            for _, at, rest in connected or ways:
                tree = _extended(best[rest], best[1 << at], rest, 1 << at, edges, estimator)
                if chosen is None or tree.cost < chosen.cost:
                    chosen = tree
            best[target] = chosen
    if everything in best:
        return best[everything].plan
    return _greedily(leaves, edges, estimator)


def _has_edges_out(target: int, masks: list[int]) -> bool:
    return any(mask & target and mask & ~target for mask in masks)


def _extended(
    left: Tree, right: Tree, left_mask: int, right_mask: int, edges: list, estimator: Estimator
) -> Tree:
    """Join one more relation, with all conditions that can be asked now."""
    target = left_mask | right_mask
    parts = [
        part
        for mask, part in edges
        if not mask & ~target and mask & right_mask and mask & left_mask
    ]
    plan = joined(n.JoinKind.INNER, left.plan, right.plan, parts, estimator)
    return _tree(plan, estimator)


def _greedily(leaves: list, edges: list, estimator: Estimator) -> n.Plan:
    """Estimates only until the order is found: plans are made at the end, n of them, not n²."""
    remaining = {at: _tree(leaf, estimator) for at, leaf in enumerate(leaves)}
    start = min(remaining, key=lambda at: remaining[at].rows)
    current, mask = remaining.pop(start), 1 << start
    while remaining:
        estimator.check()
        at = min(remaining, key=lambda at: _rank(at, mask, current, remaining, edges, estimator))
        current = _extended(current, remaining.pop(at), mask, 1 << at, edges, estimator)
        mask |= 1 << at
    return current.plan


def _rank(at, mask, current, remaining, edges, estimator) -> tuple:
    bit = 1 << at
    parts = [
        part for used, part in edges if used & bit and used & mask and not used & ~(mask | bit)
    ]
    rows = current.rows * remaining[at].rows
    for part in parts:
        rows *= estimator.selectivity(part)
    return not parts, rows, remaining[at].rows


def joined(
    kind: n.JoinKind, left: n.Plan, right: n.Plan, parts: Parts, estimator: Estimator
) -> n.Plan:
    """The cheapest method for one join of two plans."""
    made_left, made_right = estimator.relations(left), estimator.relations(right)
    if estimator.is_dependent(left, right):
        return n.NestedLoop(kind, left, right, conjunction(parts))
    if kind is n.JoinKind.RIGHT:
        kind, left, right = n.JoinKind.LEFT, right, left
        made_left, made_right = made_right, made_left
    lefts, rights, rest = _keys(parts, made_left, made_right)
    ways = _by_hash(kind, left, right, (lefts, rights, rest), estimator) if lefts else []
    if not any(map(has_subquery, parts)):
        ways += _by_lookup(kind, left, right, parts, estimator)
        if kind is n.JoinKind.SEMI and lefts and not rest:
            ways += _by_unique(left, right, rights, parts, estimator)
    is_full = kind is n.JoinKind.FULL
    if lefts and (is_full or _may_be_merged(left, right, estimator)):
        ways += merged(kind, left, right, (lefts, rights, rest), estimator)
    if not is_full or not ways:
        ways += _by_loop(kind, left, right, parts, bool(ways), estimator)
    best = min(ways, key=lambda way: estimator.of(way).total)
    estimator.note_join(best, parts)
    return best


FEW_ROWS = 10_000
"""Below that sorting or walking in step never pays, and need not be thought about."""


def _may_be_merged(left: n.Plan, right: n.Plan, estimator: Estimator) -> bool:
    if "hashjoin" in estimator.costs.disabled:
        return True
    return estimator.rows(left) + estimator.rows(right) >= FEW_ROWS


def _by_hash(
    kind: n.JoinKind, left: n.Plan, right: n.Plan, split: Split, estimator: Estimator
) -> list[n.Plan]:
    lefts, rights, rest = split
    condition = conjunction(rest)
    ways: list[n.Plan] = [n.HashJoin(kind, left, right, tuple(lefts), tuple(rights), condition)]
    if kind is n.JoinKind.INNER:
        ways.append(n.HashJoin(kind, right, left, tuple(rights), tuple(lefts), condition))
    return ways


_LOOKED_UP = (n.JoinKind.INNER, n.JoinKind.LEFT, n.JoinKind.SEMI, n.JoinKind.ANTI)


def _by_lookup(
    kind: n.JoinKind, left: n.Plan, right: n.Plan, parts: Parts, estimator: Estimator
) -> list[n.Plan]:
    if kind not in _LOOKED_UP:
        return []
    ways = [lookup_join(kind, left, right, parts, estimator)]
    if kind is n.JoinKind.INNER:
        ways.append(lookup_join(kind, right, left, parts, estimator))
    return [way for way in ways if way is not None]


def _by_unique(
    left: n.Plan, right: n.Plan, keys: Parts, parts: Parts, estimator: Estimator
) -> list[n.Plan]:
    """x IN (few values): each different value once, and for it a look into an index on x.

    # Real: create_unique_path()
    """
    values = n.Distinct(right, tuple(keys))
    found = lookup_join(n.JoinKind.INNER, values, left, parts, estimator)
    return [] if found is None else [found]


def _by_loop(
    kind: n.JoinKind, left: n.Plan, right: n.Plan, parts: Parts, has_other: bool,
    estimator: Estimator,
) -> list[n.Plan]:  # fmt: skip
    """Each row with each. Beside another method it counts only for a single left row: an estimate
    that is too low would make it very slow."""
    condition = conjunction(parts)
    sides = [(left, right)]
    if kind is n.JoinKind.INNER:
        sides.append((right, left))
    if has_other and not estimator.costs.disabled & {"hashjoin", "mergejoin"}:
        sides = [pair for pair in sides if estimator.rows(pair[0]) <= 1]
    ways: list[n.Plan] = [
        n.NestedLoop(kind, one, other, condition, not _is_single_row(one, estimator))
        for one, other in sides
    ]
    return ways


def _is_single_row(plan: n.Plan, estimator: Estimator) -> bool:
    return estimator.rows(plan) <= 1


def _keys(parts: Parts, left: set[int], right: set[int]) -> tuple[Parts, Parts, Parts]:
    """Equalities between the sides, as keys of both, and the rest."""
    lefts: Parts = []
    rights: Parts = []
    rest: Parts = []
    for part in parts:
        sides = equality(part)
        if sides is None or is_volatile(part) or has_subquery(part):
            rest.append(part)
            continue
        one, other = ({key[0] for key in needs(side)} for side in sides)
        if not _same_hash(*sides):
            rest.append(part)
        elif one & left and not one & right and other & right and not other & left:
            lefts.append(sides[0])
            rights.append(sides[1])
        elif one & right and not one & left and other & left and not other & right:
            lefts.append(sides[1])
            rights.append(sides[0])
        else:
            rest.append(part)
    return lefts, rights, rest


_NUMBERS = frozenset({"int2", "int4", "int8", "oid"})
_TEXTS = frozenset({"text", "varchar", "name"})


def _same_hash(left: ex.Expression, right: ex.Expression) -> bool:
    """Whether equal values of both sides are equal keys of one dict."""
    one, other = left.type, right.type
    if one == other:
        return one.is_comparable
    names = {one.name, other.name}
    return names <= _NUMBERS or names <= _TEXTS
