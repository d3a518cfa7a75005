"""Functions of many rows inside of expressions: computed below, one level after the other.

    SELECT generate_series(1, generate_series(1, 3)) + 1

    Project #4 (#3.0 + 1)
      ProjectSet #3 (generate_series(1, #2.0))
        ProjectSet #2 (generate_series(1, 3))

Each ProjectSet computes the functions that have no other in their arguments, and passes on the
columns that are used above it.
# Real: split_pathtarget_at_srfs()
"""

from __future__ import annotations

from services.sqldb.binder.conversion import typmod_of
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.trees import contains, fingerprint, made_relations, replace_down
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.plan.analysis import parts

_PASSED_ON = (ex.Column, ex.SystemColumn, ex.WholeRow)


def sets_below(scope: Scope, input_: plan.Plan, values: tuple) -> tuple[plan.Plan, tuple]:
    """The plan with all functions of many rows computed, and the values over its columns.

    `values` may be expressions, calls of aggregates and tuples of such.
    """
    while contains(values, ex.SetReturningCall):
        input_, values = _one_level(scope, input_, values)
    return input_, values


def _one_level(scope: Scope, input_: plan.Plan, values: tuple) -> tuple[plan.Plan, tuple]:
    relation = scope.statement.new_relation()
    found: dict[object, tuple[int, ex.Expression]] = {}
    of_subqueries = made_relations(values)

    def change(expression: ex.Expression) -> ex.Expression | None:
        if isinstance(expression, ex.SetReturningCall):
            if contains(tuple(parts(expression)), ex.SetReturningCall):
                return None
        elif not isinstance(expression, _PASSED_ON) or expression.relation in of_subqueries:
            return None
        number, _ = found.setdefault(fingerprint(expression), (len(found), expression))
        name = getattr(expression, "name", "")
        return ex.Column(expression.type, relation, number, name, typmod_of(expression))

    above = replace_down(values, change)
    inner = tuple(expression for _, expression in found.values())
    names = ("",) * len(inner)
    return plan.ProjectSet(input_, relation, inner, names), above
