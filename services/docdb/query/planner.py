"""The planner: which index, if any, finds the documents of a query with the least work.

    filter ─▶ conditions by path ─▶ candidates: each index that they say something of
                                        │
            one ─────────▶ it           │ several ─▶ a race: each works for a while, and the one
            none ────────▶ COLLSCAN     │            that has found most is taken
                                        └─▶ remembered for queries of the same shape

The race knows no statistics: how many documents an index finds is learned by trying. A query's
shape is its paths and operators without their values. What was remembered is forgotten when
indexes change. # Real: the multi-planner and the plan cache of MongoDB.

`$near` and `$text` leave nothing to choose: only their own index can answer them.

An index can also give the order that was asked for, so that nothing has to be sorted: where the
fields that the query fixes to one value are followed by the fields of the sort.
"""

from dataclasses import dataclass
from itertools import islice
from math import inf

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, bad_value, failed_to_parse
from services.docdb.query.bounds import (
    IndexBounds,
    bounds_of,
    everything,
    fields_by_path,
    scan_all,
    wildcard_bounds,
)
from services.docdb.query.collation import Collation
from services.docdb.query.comparison import NULL_KEY
from services.docdb.query.conditions import And, Condition, Field, Or
from services.docdb.query.covering import covers
from services.docdb.query.intervals import point
from services.docdb.query.plans import (
    CollectionScan,
    Counters,
    Execution,
    IndexScan,
    Nothing,
    OrPlan,
    Plan,
)
from services.docdb.query.sorting import SortOrder
from services.docdb.query.special_plans import (
    Query,
    holds_all,
    special_condition,
    special_plan,
    text_plan,
)
from services.docdb.storage.collection import Collection
from services.docdb.storage.index import Index, IndexKind
from services.docdb.storage.sorted_blocks import TOP

TRIAL_WORKS = 101


@dataclass(slots=True)
class Choice:
    """The plan that was taken, and those that were not."""

    execution: Execution
    rejected: list[Plan]

    @property
    def plan(self) -> Plan:
        return self.execution.plan


def choose(collection: Collection | None, query: Query) -> Choice:
    """Raises MongoError where a hint names no index."""
    predicate = query.condition.compile()
    if collection is None:
        return Choice(Execution(Nothing(), None, predicate), [])
    if query.low is not None or query.high is not None:
        return Choice(Execution(_between(collection, query), collection, predicate), [])
    if query.hint is not None and special_condition(query) is None:
        return Choice(Execution(_hinted(collection, query), collection, predicate), [])
    special = special_plan(collection, query)
    if special is not None:
        return Choice(Execution(special, collection, predicate), [])
    by_id = _by_id(collection, query)
    if by_id is not None:
        return Choice(Execution(by_id, collection, predicate), [])
    candidates = candidate_plans(collection, query)
    if not candidates:
        return Choice(Execution(CollectionScan(), collection, predicate), [])
    if len(candidates) == 1:
        return Choice(Execution(candidates[0], collection, predicate), [])
    plan = _remembered_or_raced(collection, query, candidates)
    rejected = [candidate for candidate in candidates if candidate is not plan]
    return Choice(Execution(plan, collection, predicate), rejected)


def _by_id(collection: Collection, query: Query) -> Plan | None:
    """The plan of `{_id: value}` alone, the most frequent query of all: nothing to weigh up."""
    match query.condition.children:
        case [Field(path="_id", operator="$eq", operand=operand)] if type(operand) is not list:
            index = collection.id_index
            if serves_collation(index, query.collation):
                key = index.key(operand)
                bounds = IndexBounds([scan_all((key,))], {"_id": [point(key)]}, points=1, prefix=1)
                return IndexScan(index, bounds, sorts=True, is_by_id=True)
    return None


# Candidates.


def candidate_plans(collection: Collection, query: Query) -> list[Plan]:
    """The indexes that could serve, each as a plan."""
    fields = fields_by_path(query.condition.children)
    found: list[Plan] = []
    for index in collection.indexes.values():
        if index.is_hidden or not serves_collation(index, query.collation):
            continue
        if index.kind is IndexKind.WILDCARD:
            found += _wildcard_plans(index, query, fields)
            continue
        plan = _index_plan(index, query, fields)
        if plan is not None:
            plan.covers = query.wanted is not None and _is_covered(index, query)
            if index.is_unique and plan.bounds.points == len(index.fields):
                return [plan]  # At most one document: nothing can be better.
            found.append(plan)
    if not found:
        found = _or_plans(collection, query)
    return found


def serves_collation(index: Index, collation: Collation | None) -> bool:
    own = index.collation.spec if index.collation else None
    return own == (collation.spec if collation else None)


def _index_plan(index: Index, query: Query, fields: dict[str, list[Field]]) -> IndexScan | None:
    if index.kind is not IndexKind.VALUES or not holds_all(index, query):
        return None
    bounds = bounds_of(index, fields)
    if bounds is not None and index.is_sparse and _may_be_null(bounds):
        return None
    if bounds is None:
        if query.sort is None or not query.sort.fields or index.is_sparse or not index.is_plain:
            return None
        bounds = everything()
        direction = _sort_direction(index, bounds, query.sort)
        return IndexScan(index, bounds, direction < 0, True) if direction else None
    direction = _sort_direction(index, bounds, query.sort) if query.sort else 0
    if query.sort and not direction:
        direction = _merged_direction(index, bounds, query.sort)
        if direction:
            places = bounds.prefix
            return IndexScan(index, bounds, direction < 0, sorts=True, merged_from=places)
    return IndexScan(index, bounds, direction < 0, direction != 0)


def _merged_direction(index: Index, bounds: IndexBounds, sort: SortOrder) -> int:
    """1 or -1 where each of several points of an index has the wanted order within it."""
    places = bounds.prefix
    rest, wanted = index.fields[places:], sort.fields
    is_points = all(end[0] == (*start[0], TOP) for start, end in bounds.scans)
    if index.is_multikey or not index.is_plain or not is_points or len(bounds.scans) < 2:
        return 0
    if not wanted or [path for path, _ in wanted] != [path for path, _ in rest[: len(wanted)]]:
        return 0
    signs = {d * own for (_, d), (_, own) in zip(wanted, rest, strict=False)}
    return signs.pop() if len(signs) == 1 else 0


def _may_be_null(bounds: IndexBounds) -> bool:
    return all(
        any(it.low == NULL_KEY or type(it.low) is not tuple for it in found)
        for found in bounds.fields.values()
    )


def _sort_direction(index: Index, bounds: IndexBounds, sort: SortOrder) -> int:
    """1 or -1 where reading the index forwards or backwards gives the order, else 0."""
    if index.is_multikey or not index.is_plain or len(bounds.scans) != 1 or not sort.fields:
        return 0
    fixed = {path for path, _ in index.fields[: bounds.points]}
    wanted = [(path, direction) for path, direction in sort.fields if path not in fixed]
    rest = index.fields[bounds.points :]
    if len(wanted) > len(rest):
        return 0
    signs = set()
    for (path, direction), (own_path, own_direction) in zip(wanted, rest, strict=False):
        if path != own_path:
            return 0
        signs.add(direction * own_direction)
    if len(signs) > 1:
        return 0
    sign = signs.pop() if signs else 1
    # One field alone is stored upwards, whatever its direction.
    if len(index.fields) == 1 and wanted:
        return wanted[0][1]
    return sign


def _is_covered(index: Index, query: Query) -> bool:
    wanted = query.wanted
    if query.sort is not None:
        wanted |= {path for path, _ in query.sort.fields}
    return covers(index, query.condition, wanted)


def _wildcard_plans(index: Index, query: Query, fields: dict[str, list[Field]]) -> list[IndexScan]:
    if not holds_all(index, query):
        return []
    return [IndexScan(index, bounds) for bounds in wildcard_bounds(index, fields)]


def _or_plans(collection: Collection, query: Query) -> list[Plan]:
    """An `$or` each of whose clauses has an index."""
    for condition in query.condition.children:
        if type(condition) is Or and condition.children:
            sorts = [query.sort, None] if query.sort and query.sort.fields else [None]
            for sort in sorts:
                plans = [_clause_plan(collection, query, it, sort) for it in condition.children]
                if all(plan is not None and (sort is None or plan.sorts) for plan in plans):
                    return [OrPlan(plans, sort is not None, sort)]
    return []


def _clause_plan(
    collection: Collection, query: Query, clause: Condition, sort: SortOrder | None
) -> Plan | None:
    inner = Query(clause if type(clause) is And else And([clause]), sort, query.collation)
    return text_plan(inner) or next(iter(candidate_plans(collection, inner)), None)


# Hints, min and max.


def hinted_index(collection: Collection, hint: object) -> Index | None:
    """The index that a hint names; None for $natural. Raises MongoError."""
    if type(hint) is str:
        if hint == "$natural":
            return None
        if hint in collection.indexes:
            return collection.indexes[hint]
    elif type(hint) is dict:
        if "$natural" in hint:
            return None
        for index in collection.indexes.values():
            if list(index.pattern.items()) == list(hint.items()):
                return index
    else:
        raise failed_to_parse("Hint must be a string or an object")
    raise bad_value("error processing query: planner returned error :: caused by :: hint provided "
                    "does not correspond to an existing index")  # fmt: skip


def _hinted(collection: Collection, query: Query) -> Plan:
    index = hinted_index(collection, query.hint)
    if index is None:
        backwards = type(query.hint) is dict and query.hint["$natural"] == -1
        return CollectionScan(backwards)
    fields = fields_by_path(query.condition.children)
    if index.kind is IndexKind.WILDCARD:
        return next(iter(_wildcard_plans(index, query, fields)), CollectionScan())
    bounds = bounds_of(index, fields)
    if index.kind is IndexKind.TEXT or (index.geo_paths and bounds is None):
        return CollectionScan()
    bounds = bounds or everything()
    covered = query.wanted is not None and _is_covered(index, query)
    if query.sort is None:
        # Whoever names an index sees its own order.
        is_backwards = len(index.fields) == 1 and index.fields[0][1] < 0
        return IndexScan(index, bounds, is_backwards, covers=covered)
    direction = _sort_direction(index, bounds, query.sort)
    return IndexScan(index, bounds, direction < 0, direction != 0, covered)


def _between(collection: Collection, query: Query) -> Plan:
    low, high = query.low, query.high
    pattern = list(low or high)
    if low is not None and high is not None and list(high) != pattern:
        raise MongoError(51176, "min and max must have the same field names")
    if query.hint is None:
        raise MongoError(
            51173, "When using min()/max() a hint of which index to use must be provided"
        )
    index = hinted_index(collection, query.hint)
    if index is None or list(index.pattern) != pattern:
        raise MongoError(51174, "The index chosen is not compatible with min/max")
    start = _edge(index, low) if low is not None else ()
    end = (_edge(index, high), -1) if high is not None else ((TOP,), inf)
    return IndexScan(index, IndexBounds([((start, -1), end)], {}))


def _edge(index: Index, edge: Document) -> tuple:
    return tuple(index.extractor.part(index.key(v), place) for place, v in enumerate(edge.values()))


# The race.


def _shape(query: Query) -> tuple:
    """The query without its values."""
    paths = fields_by_path(query.condition.children)
    fields = tuple(sorted((path, f.operator) for path, found in paths.items() for f in found))
    return fields, query.sort.fields if query.sort else (), query.collation and query.collation.spec


def _remembered_or_raced(collection: Collection, query: Query, candidates: list[Plan]) -> Plan:
    shape = _shape(query)
    name = collection.plan_cache.get(shape)
    for candidate in candidates:
        if candidate.name() == name:
            return candidate
    best = max(candidates, key=lambda plan: _score(collection, query, plan))
    if len(collection.plan_cache) > 1000:
        collection.plan_cache.clear()
    collection.plan_cache[shape] = best.name()
    return best


def _score(collection: Collection, query: Query, plan: Plan) -> tuple:
    """How a plan does in its trial: finishing first, then documents found for the work."""
    counters = Counters()
    execution = Execution(plan, collection, query.condition.compile(), counters)
    works = found = 0
    finished = True
    for record in islice(plan.records(collection, counters), TRIAL_WORKS):
        works += 1
        found += execution.predicate(record.document)
        if works == TRIAL_WORKS:
            finished = False
    needs_sort = query.sort is not None and bool(query.sort.fields) and not plan.sorts
    productivity = found / max(counters.keys, works, 1)
    if finished:
        return (1, -max(counters.keys, works), not needs_sort)
    return (0, not needs_sort, productivity)
