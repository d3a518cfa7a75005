"""Conditions move down, as near as possible to where the rows come from.

    Filter o.total > 10 AND c.name = 'ann'           Join o.customer = c.id
      Join o.customer = c.id                 →         Filter o.total > 10
        Scan orders o                                    Scan orders o
        Scan customers c                               Filter c.name = 'ann'
                                                         Scan customers c

Each operator says what may pass it: a projection if the columns are replaced by what they are, a
grouping if only groups are asked for, the outer side of an outer join, nothing a LIMIT. On the way
an outer join whose NULLs a condition would throw away becomes an inner one.
# Real: prepjointree.c (reduce_outer_joins), subquery_push_qual()
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.optimizer.conditions import (
    conjunction,
    conjuncts,
    filtered,
    has_subquery,
    is_volatile,
    rejects_null,
    substitute,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import needs, relations_in, with_inputs

Parts = list[ex.Expression]
Kind = n.JoinKind


def push_down(plan: n.Plan) -> n.Plan:
    """Move every condition as far down as it may go."""
    return _push(plan, [])


def _push(plan: n.Plan, parts: Parts) -> n.Plan:
    match plan:
        case n.Filter():
            return _push(plan.input, [*parts, *conjuncts(plan.condition)])
        case n.Project():
            return _project(plan, parts)
        case n.Join():
            return _join(plan, parts)
        case n.Aggregate():
            return _aggregate(plan, parts)
        case n.SetOperation():
            return _set_operation(plan, parts)
        case n.Sort():
            return replace(plan, input=_push(plan.input, parts))
        case n.With():
            definitions = tuple(replace(one, plan=_push(one.plan, [])) for one in plan.definitions)
            return n.With(definitions, _push(plan.input, parts))
        case n.Window():
            return _window(plan, parts)
        case n.Distinct():
            keys = {(item.relation, item.index) for item in plan.on if isinstance(item, ex.Column)}
            below = [part for part in parts if needs(part) <= keys and not is_volatile(part)]
            above = [part for part in parts if part not in below]
            return filtered(replace(plan, input=_push(plan.input, below)), above)
    return filtered(with_inputs(plan, lambda item: _push(item, [])), parts)


def _split(parts: Parts, may_pass) -> tuple[Parts, Parts]:
    passing: Parts = []
    staying: Parts = []
    for part in parts:
        (passing if may_pass(part) and not is_volatile(part) else staying).append(part)
    return passing, staying


def _project(plan: n.Project, parts: Parts) -> n.Plan:
    given = {(plan.relation, at): item for at, item in enumerate(plan.expressions)}

    def may_pass(part: ex.Expression) -> bool:
        used = [given[key] for key in needs(part) if key in given]
        return not any(is_volatile(item) or has_subquery(item) for item in used)

    below, above = _split(parts, may_pass)
    below = [substitute(part, given) for part in below]
    return filtered(replace(plan, input=_push(plan.input, below)), above)


def _aggregate(plan: n.Aggregate, parts: Parts) -> n.Plan:
    """A condition on groups alone chooses rows as well as groups (but not with grouping sets)."""
    given = {(plan.relation, at): item for at, item in enumerate(plan.groups)}
    made = {plan.relation}

    def may_pass(part: ex.Expression) -> bool:
        own = {key for key in needs(part) if key[0] in made}
        return bool(own) and own <= given.keys() and plan.grouping_sets is None

    below, above = _split(parts, may_pass)
    below = [substitute(part, given) for part in below]
    return filtered(replace(plan, input=_push(plan.input, below)), above)


def _window(plan: n.Window, parts: Parts) -> n.Plan:
    """Whole partitions may be left out."""
    keys = {
        (item.relation, item.index) for item in plan.partition_by if isinstance(item, ex.Column)
    }
    below, above = _split(parts, lambda part: bool(needs(part)) and needs(part) <= keys)
    return filtered(replace(plan, input=_push(plan.input, below)), above)


def _set_operation(plan: n.SetOperation, parts: Parts) -> n.Plan:
    below, above = _split(parts, lambda part: not has_subquery(part))
    sides = []
    for side, columns in ((plan.left, plan.left_columns), (plan.right, plan.right_columns)):
        given = {(plan.relation, at): column for at, column in enumerate(columns)}
        sides.append(_push(side, [substitute(part, given) for part in below]))
    return filtered(replace(plan, left=sides[0], right=sides[1]), above)


def _join(plan: n.Join, parts: Parts) -> n.Plan:
    left, right = relations_in(plan.left), relations_in(plan.right)
    kind = _reduced(plan.kind, parts, left, right)
    own = conjuncts(plan.condition)
    to_left: Parts = []
    to_right: Parts = []
    above: Parts = []
    inside: Parts = []
    if kind is Kind.INNER:
        for part in [*parts, *own]:
            _place(part, left, right, to_left, to_right, inside)
    else:
        keeps_left = kind in (Kind.LEFT, Kind.SEMI, Kind.ANTI, Kind.MARK)
        for part in parts:
            used = {key[0] for key in needs(part)}
            if keeps_left and not used & right and not is_volatile(part):
                to_left.append(part)
            elif kind is Kind.RIGHT and not used & left and not is_volatile(part):
                to_right.append(part)
            else:
                above.append(part)
        for part in own:
            used = {key[0] for key in needs(part)}
            if keeps_left and used & right and not used & left and not is_volatile(part):
                to_right.append(part)
            elif (kind is Kind.SEMI and used and not used & right and not is_volatile(part)) or (
                kind is Kind.RIGHT and used & left and not used & right
            ):
                to_left.append(part)
            else:
                inside.append(part)
    joined = replace(
        plan,
        kind=kind,
        left=_push(plan.left, to_left),
        right=_push(plan.right, to_right),
        condition=conjunction(inside),
    )
    return filtered(joined, above)


def _place(
    part: ex.Expression, left: set[int], right: set[int],
    to_left: Parts, to_right: Parts, inside: Parts,
) -> None:  # fmt: skip
    used = {key[0] for key in needs(part)}
    if is_volatile(part):
        inside.append(part)
    elif not used & right:
        to_left.append(part)
    elif not used & left:
        to_right.append(part)
    else:
        inside.append(part)


def _reduced(kind: Kind, parts: Parts, left: set[int], right: set[int]) -> Kind:
    """LEFT becomes INNER if a condition above is never true for the NULLs that it fills in."""
    no_right = any(rejects_null(part, right) for part in parts)
    no_left = any(rejects_null(part, left) for part in parts)
    if kind is Kind.LEFT and no_right:
        return Kind.INNER
    if kind is Kind.RIGHT and no_left:
        return Kind.INNER
    if kind is Kind.FULL:
        if no_left and no_right:
            return Kind.INNER
        if no_right:
            return Kind.RIGHT
        if no_left:
            return Kind.LEFT
    return kind
