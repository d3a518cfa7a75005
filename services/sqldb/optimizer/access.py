"""How the rows of one table are found: all of them, by an index, or by a bitmap of several.

    whole table     for small tables and for most rows
    index           for few rows, for an order, or where its entries have all that is needed
    bitmap          for more rows than are worth a page each, and for OR

Each way that the indexes make possible is put beside the others, and the cheapest is taken. What
the ways were made of is kept, because other passes choose again: for an order, or for a join that
looks up one row after the other.
# Real: set_plain_rel_pathlist(), create_index_paths()
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from services.sqldb.catalog.definitions import Index
from services.sqldb.optimizer.conditions import (
    conjunction,
    conjuncts,
    filtered,
    has_subquery,
)
from services.sqldb.optimizer.costs import clamp
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.implication import implies
from services.sqldb.optimizer.index_forms import IndexForm
from services.sqldb.optimizer.index_match import IndexMatch, match_index
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import needs, with_inputs
from services.sqldb.types import BOOL

Parts = list[ex.Expression]
INDEXED = (n.IndexScan, n.BitmapScan)


def choose_access(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """The cheapest way to each table, with the conditions that stand above it."""
    estimator.set_statement(plan)
    return _choose(plan, estimator)


def _choose(plan: n.Plan, estimator: Estimator) -> n.Plan:
    if isinstance(plan, n.Filter) and isinstance(plan.input, n.Scan):
        return best_scan(plan.input, conjuncts(plan.condition), estimator)
    if isinstance(plan, n.Scan):
        return best_scan(plan, [], estimator)
    return with_inputs(plan, lambda item: _choose(item, estimator))


class Request(NamedTuple):
    """What a way to a table was made of."""

    scan: n.Scan
    parts: Parts


def request_of(plan: n.Plan, estimator: Estimator) -> Request | None:
    """The table and the conditions of a plan that reads just that; None: it does more."""
    below, parts = plan, []
    while isinstance(below, n.Filter):
        parts += conjuncts(below.condition)
        below = below.input
    if isinstance(below, n.Scan):
        return Request(below, parts)
    if isinstance(below, INDEXED):
        scan, own = estimator.request(below.relation)
        return Request(scan, [*own, *parts])
    return None


def best_scan(scan: n.Scan, parts: Parts, estimator: Estimator) -> n.Plan:
    estimator.learn(scan)
    whole = filtered(scan, parts)
    indexes = usable_indexes(scan, parts, estimator)
    if not indexes:
        return whole
    estimator.note_request(scan, parts)
    point = _point(scan, parts, indexes, estimator)
    if point is not None:
        return point
    ways = [whole, *_by_one_index(scan, parts, indexes, estimator)]
    ways += _by_or(scan, parts, indexes, estimator)
    if len(ways) == 1:
        return whole
    # The same rows come out of all of them, so all are expected to be as many.
    rows = estimator.of(whole).rows
    if any(isinstance(way, n.IndexScan) and is_single(way) for way in ways):
        rows = 1.0
    for way in ways:
        estimator.know(way, estimator.of(way)._replace(rows=rows))
    return min(ways, key=lambda way: estimator.of(way).total)


MANY_ROWS = 1000


def _point(
    scan: n.Scan, parts: Parts, indexes: list[UsableIndex], estimator: Estimator
) -> n.IndexScan | None:
    """One row of a large table by a unique key: no other way is worth thinking about."""
    if not parts or estimator.rows_of(scan.table) < MANY_ROWS or estimator.costs.disabled:
        return None
    if any(usable.index.predicate for usable in indexes):
        return None
    for usable in indexes:
        if usable.index.is_unique and len(usable.index.keys) <= len(parts):
            found = index_scan(scan, usable, parts, estimator)
            if is_single(found):
                return found
    return None


class UsableIndex(NamedTuple):
    index: Index
    form: IndexForm


def usable_indexes(scan: n.Scan, parts: Parts, estimator: Estimator) -> list[UsableIndex]:
    """Those that have all rows that the conditions let through."""
    found = []
    for index in estimator.catalog.indexes_of(scan.table):
        if index.method == "btree":
            form = estimator.index_form(scan.relation, scan.table, index)
            if form.predicate is None or implies(parts, form.predicate):
                found.append(UsableIndex(index, form))
    return found


def index_scan(
    scan: n.Scan, usable: UsableIndex, parts: Parts, estimator: Estimator
) -> n.IndexScan:  # fmt: skip
    """The scan of an index with all the conditions that it can answer, perhaps none."""
    matched = match_index(usable.index, usable.form, parts, scan.relation)
    return matched_scan(scan, usable, matched, estimator)


def matched_scan(
    scan: n.Scan, usable: UsableIndex, matched: IndexMatch, estimator: Estimator
) -> n.IndexScan:
    index, form = usable
    rest, implied = matched.rest, []
    if form.predicate is not None:
        known = conjuncts(form.predicate)
        implied = [part for part in rest if implies(known, part)]
        rest = [part for part in rest if not any(part is one for one in implied)]
    return n.IndexScan(
        scan.relation,
        scan.table,
        index,
        matched.range,
        conjunction(rest),
        is_only=_has_all(scan, usable, [*rest, *matched.used], estimator),
        alias=scan.alias,
        condition=conjunction(matched.used),
        implied=conjunction(implied),
    )


def _has_all(scan: n.Scan, usable: UsableIndex, asked: Parts, estimator: Estimator) -> bool:
    """Whether the entries have all columns that the statement uses, in a form that can be read.

    What a partial index implies is not asked, so it needs no column.
    """
    if "indexonlyscan" in estimator.costs.disabled:
        return False
    used = estimator.used_columns(scan.relation)
    if used is None:
        return False
    own = {key[1] for part in asked for key in needs(part) if key[0] == scan.relation}
    return used | own <= readable_columns(usable)


def readable_columns(usable: UsableIndex) -> set[int]:
    """The columns whose values can be read from the entries: a sort key doesn't give them back."""
    return {
        key.column
        for key, form in zip(usable.index.keys, usable.form.keys, strict=True)
        if key.column >= 0 and form.type.sort_key is None
    }


def _by_one_index(
    scan: n.Scan, parts: Parts, indexes: list[UsableIndex], estimator: Estimator
) -> list[n.Plan]:
    ways: list[n.Plan] = []
    for usable in indexes:
        found = index_scan(scan, usable, parts, estimator)
        if found.condition is None and not found.is_only and not usable.index.predicate:
            continue
        ways.append(found)
        if found.condition is not None and not found.is_only and not is_single(found):
            part = n.BitmapPart(found.index, found.range, found.condition)
            ways.append(
                n.BitmapScan(
                    scan.relation, scan.table, (part,), found.condition,
                    conjunction([*conjuncts(found.filter), *conjuncts(found.implied)]),
                    scan.alias,
                )
            )  # fmt: skip
    return ways


def is_single(scan: n.IndexScan) -> bool:
    """Whether it gives one row at most."""
    asked = scan.range
    is_full = len(asked.equal) == len(scan.index.keys)
    return scan.index.is_unique and is_full and not asked.arrays and not asked.nulls


def _by_or(
    scan: n.Scan, parts: Parts, indexes: list[UsableIndex], estimator: Estimator
) -> list[n.Plan]:
    """a = 1 OR b = 2, where each side can be answered by some index."""
    ways: list[n.Plan] = []
    for part in parts:
        if not isinstance(part, ex.Or):
            continue
        found: list[n.BitmapPart] = []
        is_exact = True
        for arm in part.arguments:
            best = _best_part(scan, conjuncts(arm), indexes, estimator)
            if best is None:
                break
            found.append(best[0])
            is_exact = is_exact and best[1]
        else:
            condition = ex.Or(BOOL, tuple([one.condition for one in found]))
            rest = [one for one in parts if one is not part or not is_exact]
            ways.append(
                n.BitmapScan(
                    scan.relation, scan.table, tuple(found), condition, conjunction(rest),
                    scan.alias,
                )
            )  # fmt: skip
    return ways


def _best_part(
    scan: n.Scan, arm: Parts, indexes: list[UsableIndex], estimator: Estimator
) -> tuple[n.BitmapPart, bool] | None:
    """The index that leaves the fewest rows of one arm of an OR, and whether it answers all."""
    best = None
    for index, form in indexes:
        matched = match_index(index, form, arm, scan.relation)
        if matched.used:
            condition = conjunction(matched.used)
            share = estimator.selectivity(condition)
            if best is None or share < best[0]:
                part = n.BitmapPart(index, matched.range, condition)
                best = share, (part, not matched.rest)
    return None if best is None else best[1]


def lookup_join(
    kind: n.JoinKind, left: n.Plan, right: n.Plan, parts: Parts, estimator: Estimator
) -> n.NestedLoop | None:
    """For each left row the right ones by an index: cheapest when there are few left rows."""
    request = request_of(right, estimator)
    if request is None:
        return None
    scan, own = request
    estimator.learn(scan)
    asked = [*own, *parts]
    best = None
    loops = clamp(estimator.rows(left))
    for usable in usable_indexes(scan, asked, estimator):
        matched = match_index(usable.index, usable.form, asked, scan.relation)
        if not any(key[0] != scan.relation for part in matched.used for key in needs(part)):
            continue
        found = matched_scan(scan, usable, matched, estimator)
        if found.filter is not None and has_subquery(found.filter):
            continue
        cost = estimator.looped(found, loops).total
        if best is None or cost < best[0]:
            best = cost, found
    return None if best is None else n.NestedLoop(kind, left, best[1], None)


def in_index_order(
    request: Request, usable: UsableIndex, estimator: Estimator, *, backward: bool
) -> n.IndexScan:
    """All rows that are asked for, in the order of an index."""
    found = index_scan(request.scan, usable, request.parts, estimator)
    return replace(found, is_backward=backward)
