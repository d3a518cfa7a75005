"""Questions about plans: which expressions stand in an operator, which columns it uses and makes.

A column's key is (relation, index). The row itself, as a stored version with its place and its
transaction, travels under the key (relation, ROW): for system columns, for UPDATE and row locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import lru_cache

from services.sqldb.interruption import PACE, paced, paced_stream
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n

ROW = -1
"""The index under which the version of a stored row goes."""

Key = tuple[int, int]


@lru_cache(maxsize=256)
def field_names(kind: type) -> tuple[str, ...]:
    """`fields` makes a new tuple each time it is asked; walks over plans ask often."""
    return tuple(field.name for field in fields(kind))


# Fields that hold no expression; looking at them is most of the work of a walk.
_SCALARS = frozenset(
    {"type", "typmod", "spelling", "position", "function", "name", "names", "relation", "index"}
    | {"value", "number", "kind", "equals", "less", "comparison", "comparisons", "wanted"}
    | {"is_negated", "is_implicit", "is_greatest", "is_all", "is_nested", "is_slice", "is_star"}
    | {"is_distinct", "groups", "sequence_oid", "plan"}
)


@lru_cache(maxsize=256)
def child_fields(kind: type) -> tuple[str, ...]:
    """The fields of a kind of expression in which other expressions stand."""
    return tuple(name for name in field_names(kind) if name not in _SCALARS)


def parts(expression: ex.Expression) -> list[ex.Expression]:
    """The expressions directly below; not into the plan of a subquery."""
    found: list[ex.Expression] = []
    for name in child_fields(type(expression)):
        value = getattr(expression, name)
        if isinstance(value, ex.Expression):
            found.append(value)
        elif value:
            _collect(value, found)
    return found


def walk(expression: ex.Expression) -> Iterator[ex.Expression]:
    """The expression and all below it; of a subquery `left` and `outer`, not its plan."""
    stack = [expression]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(parts(item))


def _collect(value: object, found: list[ex.Expression]) -> None:
    """Add the expressions in a field's value. A list is filled, since generators inside each other
    took most of the time of a walk."""
    if isinstance(value, tuple):
        for item in value if len(value) < PACE else paced(value):
            if isinstance(item, ex.Expression):
                found.append(item)
            else:
                _collect(item, found)
    elif isinstance(value, ex.Expression):
        found.append(value)
    elif isinstance(value, ex.SortKey):
        found.append(value.expression)
    elif isinstance(value, ex.Frame):
        found.extend(bound for bound in (value.start_offset, value.end_offset) if bound)
    elif isinstance(value, n.KeyRange):
        found.extend(value.equal)
        found.extend(item for item in (value.lower, value.upper) if item)
    elif isinstance(value, n.BitmapPart):
        _collect(value.range, found)
    elif isinstance(value, n.ConflictClause | n.MergeWhen):
        _collect(value.assignments or (), found)
        if value.condition is not None:
            found.append(value.condition)


def expressions_of(plan: n.Plan) -> list[ex.Expression]:
    """The expressions that stand in the operator itself, not in its inputs."""
    found: list[ex.Expression] = []
    for name in expression_fields(type(plan)):
        value = getattr(plan, name)
        if value:
            _collect(value, found)
    return found


_NOT_EXPRESSIONS = frozenset(
    {"input", "left", "right", "plan", "names", "table", "index", "definitions", "first", "again"}
)


_PLANS = frozenset({"input", "left", "right", "plan", "definitions", "first", "again"})
_PLAIN_VALUES = frozenset(
    {"relation", "alias", "kind", "is_all", "is_lateral", "is_materialized", "is_only"}
    | {"is_backward", "is_ordered", "cte", "name", "types", "widths", "with_ordinality"}
    | {"mode", "wait", "relations", "new_relation", "returning_relation", "references"}
    | {"grouping_sets", "groupings", "materialized"}
)


@lru_cache(maxsize=256)
def plan_fields(kind: type) -> tuple[str, ...]:
    """The fields of a kind of operator in which its inputs stand."""
    return tuple(name for name in field_names(kind) if name in _PLANS)


@lru_cache(maxsize=256)
def expression_fields(kind: type) -> tuple[str, ...]:
    """The fields of a kind of operator in which expressions stand."""
    left_out = _NOT_EXPRESSIONS | _PLAIN_VALUES
    return tuple(name for name in field_names(kind) if name not in left_out)


def inputs_of(plan: n.Plan) -> list[n.Plan]:
    found = []
    for name in plan_fields(type(plan)):
        value = getattr(plan, name)
        if isinstance(value, n.Plan):
            found.append(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], n.Plan):
            found.extend(value)
    return found


def walk_plan(plan: n.Plan) -> Iterator[n.Plan]:
    """The operators of a plan, without those of subqueries in expressions."""
    stack = [plan]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(inputs_of(item))


def needs(expression: ex.Expression) -> set[Key]:
    """The keys of all columns that the expression uses, those of its subqueries from around too."""
    found: set[Key] = set()
    stack = [expression]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is ex.Column or kind is ex.CurrentRowOf:
            found.add((item.relation, item.index))
        elif kind is ex.Constant or kind is ex.Parameter:
            pass
        elif kind is ex.SystemColumn:
            found.add((item.relation, ROW))
        elif kind is ex.Subquery:
            found |= free_keys(item.plan)
            stack.extend(item.left)
        else:
            if kind is ex.WholeRow:
                found.add((item.relation, ROW))
            stack.extend(parts(item))
    return found


def needs_of_all(expressions: Iterable[ex.Expression]) -> set[Key]:
    found: set[Key] = set()
    for expression in paced_stream(expressions):
        found |= needs(expression)
    return found


def made_relations(plan: n.Plan) -> set[int]:
    """The numbers of the relations that the operator itself makes."""
    found = set()
    for name in ("relation", "new_relation", "returning_relation", "mark_relation"):
        number = getattr(plan, name, 0)
        if number:
            found.add(number)
    if isinstance(plan, n.Insert) and plan.conflict is not None:
        found |= {plan.conflict.target_relation, plan.conflict.excluded_relation}
    return found


def relations_in(plan: n.Plan) -> set[int]:
    """The numbers of all relations made in the plan."""
    found: set[int] = set()
    for item in walk_plan(plan):
        found |= made_relations(item)
    return found


class FreeKeys:
    """`free_keys` for the parts of one plan, each asked for when those below it are known.

    A chain of a thousand UNION ALL would be walked a thousand times without it.
    """

    def __init__(self) -> None:
        # By the id of an operator, which is kept so that its id stays its own: what it uses from
        # around, and the relations that are made in it.
        self._known: dict[int, tuple[n.Plan, set[Key], set[int]]] = {}

    def of(self, plan: n.Plan) -> set[Key]:
        known = self._known
        stack = [plan]
        while stack:
            item = stack[-1]
            below = inputs_of(item)
            missing = [one for one in below if id(one) not in known]
            if missing and id(item) not in known:
                stack.extend(missing)
                continue
            stack.pop()
            if id(item) not in known:
                known[id(item)] = self._joined(item, below)
        return known[id(plan)][1]

    def _joined(self, plan: n.Plan, below: list[n.Plan]) -> tuple[n.Plan, set[Key], set[int]]:
        parts = [self._known[id(one)] for one in below]
        made = made_relations(plan).union(*(one[2] for one in parts))
        used = needs_of_all(expressions_of(plan)).union(*(one[1] for one in parts))
        return plan, {key for key in used if key[0] not in made}, made


def free_keys(plan: n.Plan) -> set[Key]:
    """The columns that the plan uses and does not make: those of the queries around it."""
    used: set[Key] = set()
    made: set[int] = set()
    for item in walk_plan(plan):
        made |= made_relations(item)
        for expression in paced(expressions_of(item)):
            used |= needs(expression)
    return {key for key in used if key[0] not in made}


def subqueries_of(plan: n.Plan) -> Iterator[ex.Subquery]:
    """The subqueries that stand in the operator's own expressions."""
    for expression in paced(expressions_of(plan)):
        for item in walk(expression):
            if isinstance(item, ex.Subquery):
                yield item


Change = Callable[[ex.Expression], ex.Expression]


def replaced(value: object, changes: dict[str, object]) -> object:
    """`dataclasses.replace` in a third of its time: it would ask for the fields each time."""
    kind = type(value)
    return kind(
        *[changes[name] if name in changes else getattr(value, name) for name in field_names(kind)]
    )


def rewrite(expression: ex.Expression, change: Change) -> ex.Expression:
    """The expression with `change` applied to each part upward, also inside of subqueries."""
    kind = type(expression)
    names = child_fields(kind)
    if not names:
        return change(expression)
    changes = None
    for name in names:
        old = getattr(expression, name)
        if isinstance(old, ex.Expression):
            new = rewrite(old, change)
        elif old:
            new = _rewritten(old, change)
        else:
            continue
        if new is not old:
            changes = changes or {}
            changes[name] = new
    if kind is ex.Subquery:
        plan = rewrite_all(expression.plan, change)
        if plan is not expression.plan:
            changes = changes or {}
            changes["plan"] = plan
    return change(replaced(expression, changes) if changes else expression)


_HOLDERS = (ex.SortKey, ex.Frame, n.KeyRange, n.BitmapPart, n.ConflictClause, n.MergeWhen)
"""What isn't an expression but has some in it."""


_LEAVES = (n.Plan, str, int)


def _rewritten(value: object, change: Change) -> object:
    if isinstance(value, tuple):
        return _rewritten_items(value, change)
    if isinstance(value, ex.Expression):
        return rewrite(value, change)
    if isinstance(value, _HOLDERS):
        return _rewritten_fields(value, change)
    return value


def _rewritten_items(value: tuple, change: Change) -> tuple:
    # An assignment is (column, expression).
    if not value or (isinstance(value[0], _LEAVES) and isinstance(value[-1], _LEAVES)):
        return value
    items = None
    for at, old in enumerate(paced(value)):
        is_one = isinstance(old, ex.Expression)
        new = rewrite(old, change) if is_one else _rewritten(old, change)
        if new is not old:
            if items is None:
                items = list(value)
            items[at] = new
    return value if items is None else tuple(items)


def _rewritten_fields(value: object, change: Change) -> object:
    changes = {}
    for name in field_names(type(value)):
        old = getattr(value, name)
        new = _rewritten(old, change)
        if new is not old:
            changes[name] = new
    return replaced(value, changes) if changes else value


def map_expressions(plan: n.Plan, change: Callable[[ex.Expression], ex.Expression]) -> n.Plan:
    """The operator with each expression of its own rewritten from the leaves; inputs untouched."""
    changes = {}
    for name in expression_fields(type(plan)):
        old = getattr(plan, name)
        new = _rewritten(old, change)
        if new is not old:
            changes[name] = new
    return replaced(plan, changes) if changes else plan


def with_inputs(plan: n.Plan, change: Callable[[n.Plan], n.Plan]) -> n.Plan:
    """The operator with `change` applied to each plan directly below it."""
    changes = {}
    for name in plan_fields(type(plan)):
        old = getattr(plan, name)
        if isinstance(old, n.Plan):
            new: object = change(old)
        elif isinstance(old, tuple) and old and isinstance(old[0], n.Plan):
            new = tuple([change(item) for item in old])
            if all(mine is theirs for mine, theirs in zip(new, old, strict=True)):
                new = old
        else:
            continue
        if new is not old:
            changes[name] = new
    return replaced(plan, changes) if changes else plan


def rewrite_all(plan: n.Plan, change: Change) -> n.Plan:
    """The plan with `change` applied to every expression in it, those of subqueries included."""
    below = with_inputs(plan, lambda item: rewrite_all(item, change))
    return map_expressions(below, change)


def outputs(plan: n.Plan) -> list[Key] | None:
    """The keys of the columns that come out of a plan, in order; None: not known."""
    match plan:
        case n.OneRow():
            return []
        case n.Values():
            return [(plan.relation, i) for i in range(len(plan.rows[0]) if plan.rows else 0)]
        case n.Project() | n.ProjectSet():
            return [(plan.relation, i) for i in range(len(plan.expressions))]
        case n.Filter() | n.Sort() | n.Limit() | n.Distinct() | n.TopN() | n.LockRows():
            return outputs(plan.input)
        case n.Scan() | n.SystemScan() | n.IndexScan() | n.BitmapScan():
            return [(plan.relation, i) for i in range(len(plan.table.columns))]
        case n.Aggregate() | n.HashAggregate() | n.SortedAggregate():
            width = len(plan.groups) + len(plan.calls) + len(getattr(plan, "groupings", ()))
            return [(plan.relation, i) for i in range(width)]
        case n.SetOperation():
            return [(plan.relation, i) for i in range(len(plan.left_columns))]
        case n.CteScan() | n.WorkTableScan() | n.NoRows():
            return [(plan.relation, i) for i in range(len(plan.types))]
        case n.RecursiveUnion():
            return [(plan.relation, i) for i in range(len(plan.first_columns))]
        case n.FunctionScan():
            width = sum(plan.widths) + plan.with_ordinality
            return [(plan.relation, i) for i in range(width)]
        case n.With():
            return outputs(plan.input)
    return None
