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

from dataclasses import dataclass
from itertools import combinations

from services.sqldb.optimizer.access import lookup_join
from services.sqldb.optimizer.conditions import (
    conjunction,
    conjuncts,
    equality,
    filtered,
    has_subquery,
    is_volatile,
)
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import free_keys, needs, relations_in, with_inputs

MOST_BY_PROGRAMMING = 10
Parts = list[ex.Expression]


def order_joins(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """Choose order and method for each group of inner joins; methods for the other joins."""
    if isinstance(plan, n.Filter) and _is_inner(plan.input):
        return _ordered(plan, estimator)
    if _is_inner(plan):
        return _ordered(plan, estimator)
    plan = with_inputs(plan, lambda item: order_joins(item, estimator))
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
    leaves, parts = _with_inferred(leaves, parts, owners)
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
        leaves.append(order_joins(plan, estimator))


def _mask(part: ex.Expression, owners: dict[int, int]) -> int:
    """The leaves that a condition uses, as bits."""
    mask = 0
    for key in needs(part):
        if key[0] in owners:
            mask |= 1 << owners[key[0]]
    return mask


def _with_inferred(
    leaves: list[n.Plan], parts: Parts, owners: dict[int, int]
) -> tuple[list[n.Plan], Parts]:
    """Add what follows: columns that are equal to each other are all equal to the same constant."""
    classes: dict[ex.Expression, set] = {}
    functions: dict[frozenset, ex.Call] = {}
    for part in parts:
        sides = equality(part)
        if sides is None or sides[0].type != sides[1].type:
            continue
        left, right = sides
        if isinstance(left, ex.Column) and isinstance(right, ex.Column):
            merged = classes.get(_bare(left), {_bare(left)}) | classes.get(
                _bare(right), {_bare(right)}
            )
            for column in merged:
                classes[column] = merged
            functions[frozenset((_bare(left), _bare(right)))] = part
    fixed: dict[int, list] = {}
    for at, leaf in enumerate(leaves):
        for part in conjuncts(leaf.condition) if isinstance(leaf, n.Filter) else ():
            sides = equality(part)
            if sides is None:
                continue
            for column, value in (sides, sides[::-1]):
                if isinstance(column, ex.Column) and isinstance(value, ex.Constant | ex.Parameter):
                    for other in classes.get(_bare(column), ()):
                        where = owners.get(other.relation, at)
                        if where != at and other.type == column.type:
                            call = ex.Call(part.type, part.function, (other, value), spelling="=")
                            fixed.setdefault(where, []).append(call)
    leaves = [
        filtered(leaf, _new_only(leaf, fixed[at])) if at in fixed else leaf
        for at, leaf in enumerate(leaves)
    ]
    return [_merged(leaf) for leaf in leaves], parts


def _bare(column: ex.Column) -> ex.Column:
    return ex.Column(column.type, column.relation, column.index)


def _new_only(leaf: n.Plan, parts: Parts) -> Parts:
    known = conjuncts(leaf.condition) if isinstance(leaf, n.Filter) else []
    found: Parts = []
    for part in parts:
        same = [
            other
            for other in (*known, *found)
            if isinstance(other, ex.Call)
            and other.function is part.function
            and {_shape(a) for a in other.arguments} == {_shape(a) for a in part.arguments}
        ]
        if not same:
            found.append(part)
    return found


def _shape(expression: ex.Expression) -> object:
    if isinstance(expression, ex.Column):
        return expression.relation, expression.index
    return id(expression)


def _merged(plan: n.Plan) -> n.Plan:
    if isinstance(plan, n.Filter) and isinstance(plan.input, n.Filter):
        parts = [*conjuncts(plan.input.condition), *conjuncts(plan.condition)]
        return filtered(plan.input.input, parts)
    return plan


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
            for at in members:
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
    condition = conjunction(parts)
    made_left, made_right = relations_in(left), relations_in(right)
    is_dependent = any(key[0] in made_left for key in free_keys(right))
    if is_dependent:
        return n.NestedLoop(kind, left, right, condition)
    lefts, rights, rest = _keys(parts, made_left, made_right)
    ways: list[n.Plan] = []
    if lefts and (estimator.catalog.is_enabled("hashjoin") or kind is n.JoinKind.FULL):
        ways.append(n.HashJoin(kind, left, right, tuple(lefts), tuple(rights), conjunction(rest)))
        if kind is n.JoinKind.INNER:
            ways.append(
                n.HashJoin(kind, right, left, tuple(rights), tuple(lefts), conjunction(rest))
            )
    if kind in (n.JoinKind.INNER, n.JoinKind.LEFT) and not any(map(has_subquery, parts)):
        lookup = lookup_join(kind, left, right, parts, estimator)
        if lookup is not None:
            ways.append(lookup)
        if kind is n.JoinKind.INNER:
            lookup = lookup_join(kind, right, left, parts, estimator)
            if lookup is not None:
                ways.append(lookup)
    if not ways:
        loop = n.NestedLoop(kind, left, right, condition, True)
        if kind is n.JoinKind.INNER and estimator.rows(left) < estimator.rows(right):
            # The smaller side is held in memory and gone through again and again.
            loop = n.NestedLoop(kind, right, left, condition, True)
        return loop
    return min(ways, key=lambda way: estimator.of(way).total)


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
