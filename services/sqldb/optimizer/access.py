"""How the rows of one table are found: all of them, or by an index.

An index on (a, b, c) answers conditions on its first columns: equality on a, or on a and b, and
then a range on the next. The rest of the conditions is asked of each row that it gives. It is also
in order, so that ORDER BY a may need no sort, and its first entry is min(a).

    WHERE a = 5 AND b > 3 AND d = 1      Index Cond: a = 5 AND b > 3        Filter: d = 1
# Real: indxpath.c, match_clause_to_index()
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.catalog.definitions import Index, Table
from services.sqldb.optimizer.conditions import (
    conjunction,
    conjuncts,
    filtered,
    has_subquery,
    is_volatile,
)
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import needs, with_inputs

Parts = list[ex.Expression]
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}


def choose_access(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """An index scan in place of a filtered scan of the whole table, where it costs less."""
    if isinstance(plan, n.Filter) and isinstance(plan.input, n.Scan):
        return best_scan(plan.input, conjuncts(plan.condition), estimator)
    return with_inputs(plan, lambda item: choose_access(item, estimator))


def best_scan(scan: n.Scan, parts: Parts, estimator: Estimator) -> n.Plan:
    whole = filtered(scan, parts)
    estimator.learn(scan)
    ways = [whole]
    if estimator.catalog.is_enabled("indexscan"):
        for index in usable_indexes(scan.table, estimator):
            found = index_scan(scan, index, parts)
            if found is not None:
                ways.append(found)
    if len(ways) > 1 and not estimator.catalog.is_enabled("seqscan"):
        ways.remove(whole)
    return min(ways, key=lambda way: estimator.of(way).total)


def usable_indexes(table: Table, estimator: Estimator) -> list[Index]:
    """Indexes on plain columns for all rows. Expressions and partial indexes are not matched."""
    return [
        index
        for index in estimator.catalog.indexes_of(table)
        if index.method == "btree"
        and not index.predicate
        and all(key.column >= 0 for key in index.keys)
    ]


def index_scan(scan: n.Scan, index: Index, parts: Parts) -> n.IndexScan | None:
    """The scan by this index; None if no condition concerns its first column."""
    equal: list[ex.Expression] = []
    used: Parts = []
    asked = n.KeyRange()
    for key in index.keys:
        here = [(part, *m) for part in parts if (m := comparison(part, scan.relation, key.column))]
        match = next((item for item in here if item[1] == "="), None)
        if match is not None:
            equal.append(match[2])
            used.append(match[0])
            continue
        match = next((item for item in here if item[1] == "any"), None)
        if match is not None:
            asked = replace(asked, any_of=match[2])
            used.append(match[0])
            break
        asked = _with_bounds(asked, here, used)
        break
    asked = replace(asked, equal=tuple(equal))
    if not used:
        return None
    rest = [part for part in parts if not any(part is one for one in used)]
    return n.IndexScan(
        scan.relation,
        scan.table,
        index,
        asked,
        conjunction(rest),
        alias=scan.alias,
        condition=conjunction(used),
    )


def _with_bounds(asked: n.KeyRange, here: list, used: Parts) -> n.KeyRange:
    for part, operator, value in here:
        if operator in (">", ">=") and asked.lower is None:
            asked = replace(asked, lower=value, lower_inclusive=operator == ">=")
            used.append(part)
        elif operator in ("<", "<=") and asked.upper is None:
            asked = replace(asked, upper=value, upper_inclusive=operator == "<=")
            used.append(part)
    return asked


def comparison(part: ex.Expression, relation: int, column: int) -> tuple[str, ex.Expression] | None:
    """(operator, value) if the condition compares this column with what no row of it decides."""
    if isinstance(part, ex.Quantified):
        is_column = _is_column(part.left, relation, column)
        free = _is_given(part.array, relation) and not part.is_all
        if is_column and free and part.comparison.comparison == "=":
            element = part.array.type.element
            if element is not None and fits_index(part.left.type, element):
                return "any", part.array
        return None
    if not isinstance(part, ex.Call) or part.function.comparison not in MIRRORED:
        return None
    left, right = part.arguments
    operator = part.function.comparison
    if _is_column(right, relation, column) and _is_given(left, relation):
        left, right, operator = right, left, MIRRORED[operator]
    if not _is_column(left, relation, column) or not _is_given(right, relation):
        return None
    return (operator, right) if fits_index(_unlabelled(left).type, right.type) else None


def _unlabelled(expression: ex.Expression) -> ex.Expression:
    while isinstance(expression, ex.Relabel):
        expression = expression.argument
    return expression


def _is_column(expression: ex.Expression, relation: int, column: int) -> bool:
    expression = _unlabelled(expression)
    return (
        isinstance(expression, ex.Column)
        and expression.relation == relation
        and expression.index == column
    )


def _is_given(expression: ex.Expression, relation: int) -> bool:
    """Whether the value is known before a row of the relation is looked at."""
    if any(key[0] == relation for key in needs(expression)):
        return False
    return not is_volatile(expression)


_FAMILIES = (
    frozenset({"int2", "int4", "int8", "oid"}),
    frozenset({"text", "varchar", "name"}),
    frozenset({"float4", "float8"}),
)


def fits_index(column, value) -> bool:
    """Whether values of both types are the same parts of keys."""
    if column == value:
        return True
    names = {column.name, value.name}
    return any(names <= family for family in _FAMILIES)


def lookup_join(
    kind: n.JoinKind, left: n.Plan, right: n.Plan, parts: Parts, estimator: Estimator
) -> n.Plan | None:
    """For each left row the right ones by an index: cheapest when there are few left rows."""
    scan, own = right, []
    if isinstance(right, n.Filter):
        scan, own = right.input, conjuncts(right.condition)
    elif isinstance(right, n.IndexScan):
        scan = n.Scan(right.relation, right.table, right.alias)
        own = [*conjuncts(right.condition), *conjuncts(right.filter)]
    if not isinstance(scan, n.Scan) or not estimator.catalog.is_enabled("indexscan"):
        return None
    estimator.learn(scan)
    ways = []
    for index in usable_indexes(scan.table, estimator):
        found = index_scan(scan, index, [*own, *parts])
        uses_left = found is not None and any(
            key[0] != scan.relation for part in conjuncts(found.condition) for key in needs(part)
        )
        if uses_left and not (found.filter is not None and has_subquery(found.filter)):
            ways.append(n.NestedLoop(kind, left, found, None))
    return min(ways, key=lambda way: estimator.of(way).total) if ways else None
