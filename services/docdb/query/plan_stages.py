"""Plans as `explain` shows them: the stages, under the names that MongoDB has for them."""

from services.docdb.bson.types import Document
from services.docdb.query.canonical import beside, canonical, is_rooted_or
from services.docdb.query.distinct_scan import DistinctScan
from services.docdb.query.intervals import EVERYTHING, point
from services.docdb.query.near_plan import NearScan
from services.docdb.query.plans import CollectionScan, IndexScan, Nothing, OrPlan, Plan
from services.docdb.query.shown_bounds import end_value, shown_interval
from services.docdb.query.text_plan import TextScan
from services.docdb.storage.index import Index, IndexKind


def explain_plan(plan: Plan, parsed_query: Document) -> Document:
    """The stages of a plan, as `explain` shows them."""
    match plan:
        case Nothing():
            return {"stage": "EOF"}
        case CollectionScan():
            return {
                "stage": "COLLSCAN",
                **_filter(canonical(parsed_query)),
                "direction": "backward" if plan.backwards else "forward",
            }
        case NearScan():
            return _explain_near(plan, parsed_query)
        case TextScan():
            return _explain_text(plan)
        case DistinctScan():
            return {**_explain_index(plan), "stage": "DISTINCT_SCAN"}
        case IndexScan(is_by_id=True):
            return {"stage": "IDHACK"}
        case IndexScan():
            return _explain_index_scan(plan, parsed_query)
        case OrPlan():
            return _explain_or(plan, parsed_query)
    raise AssertionError(plan)


def _filter(query: Document) -> Document:
    return {"filter": query} if query else {}


def _explain_index_scan(plan: IndexScan, query: Document) -> Document:
    scan = _explain_index(plan)
    left = beside(query, plan.bounds.said)
    if plan.merged_from:
        scans = [{**scan, "indexBounds": shown} for shown in _bounds_of_points(plan)]
        pattern = dict(plan.index.fields[plan.merged_from :])
        scan = {"stage": "SORT_MERGE", "sortPattern": pattern, "inputStages": scans}
    elif plan.covers:
        return scan | _filter(left)
    return {"stage": "FETCH", **_filter(left), "inputStage": scan}


def _explain_or(plan: OrPlan, query: Document) -> Document:
    clauses = canonical(query).get("$or", [{}] * len(plan.plans))
    inputs = [
        explain_plan(inner, clause) for inner, clause in zip(plan.plans, clauses, strict=False)
    ]
    above = {} if is_rooted_or(query) else _filter(canonical(query))
    if all(stage["stage"] == "FETCH" and "filter" not in stage for stage in inputs):
        inputs = [stage["inputStage"] for stage in inputs]
        return {"stage": "FETCH", **above, "inputStage": _joined(plan, inputs)}
    joined = _joined(plan, inputs)
    return {"stage": "FETCH", **above, "inputStage": joined} if above else joined


def _joined(plan: OrPlan, inputs: list[Document]) -> Document:
    if plan.order is None:
        return {"stage": "OR", "inputStages": inputs}
    return {
        "stage": "SORT_MERGE",
        "sortPattern": dict(plan.order.fields),
        "inputStages": inputs,
    }


def _bounds_of_points(plan: IndexScan) -> list[Document]:
    """For each of the points that are read side by side, its own bounds."""
    shown = [(path, _bounds_of_path(plan, path)) for path in plan.index.pattern]
    return [
        {
            path: [shown_interval(point(start[0][place]))] if place < len(start[0]) else bounds
            for place, (path, bounds) in enumerate(shown)
        }
        for start, _ in plan.bounds.scans
    ]


def count_stages(plan: Plan, stages: Document) -> Document:
    """What counting makes of a plan: a scan of one interval counts its keys and no more."""
    is_one = stages["stage"] == "IXSCAN" and "filter" not in stages
    if is_one and len(plan.bounds.scans) == 1 and not plan.bounds.residues:
        stages = {**stages, "stage": "COUNT_SCAN", "indexBounds": _one_interval(plan)}
        stages.pop("direction")
    return {"stage": "COUNT", "inputStage": stages}


def _one_interval(plan: IndexScan) -> Document:
    of_path = {path: plan.bounds.fields.get(path, [EVERYTHING])[0] for path in plan.index.pattern}
    return {
        "startKey": {path: end_value(interval.low, 0) for path, interval in of_path.items()},
        "startKeyInclusive": not any(interval.is_open_below for interval in of_path.values()),
        "endKey": {path: end_value(interval.high, 1) for path, interval in of_path.items()},
        "endKeyInclusive": not any(interval.is_open_above for interval in of_path.values()),
    }


def _explain_index(plan: IndexScan | DistinctScan) -> Document:
    index, pattern = plan.index, dict(plan.index.pattern)
    paths = list(pattern)
    if index.kind is IndexKind.WILDCARD:
        # The path that is asked for stands in the place of the wildcard.
        paths = list(plan.bounds.fields)
        pattern = dict.fromkeys(paths, 1)
    return {
        "stage": "IXSCAN",
        "keyPattern": pattern,
        "indexName": index.name,
        "isMultiKey": index.is_multikey,
        "isUnique": index.is_unique and index.name != "_id_",
        "isSparse": index.is_sparse,
        "isPartial": index.partial is not None,
        "indexVersion": 2,
        "direction": "backward" if plan.backwards != _is_stored_upwards(index) else "forward",
        "indexBounds": {path: _bounds_of_path(plan, path) for path in paths},
    }


def _is_stored_upwards(index: Index) -> bool:
    """An index of one field is stored upwards, also where it is said to go down."""
    return len(index.fields) == 1 and index.fields[0][1] < 0


def _goes_down(plan: IndexScan | DistinctScan, path: str) -> bool:
    """Whether the values of a path come the greatest first."""
    is_down = len(plan.index.fields) > 1 and dict(plan.index.fields).get(path, 1) < 0
    return is_down != plan.backwards


def _bounds_of_path(plan: IndexScan | DistinctScan, path: str) -> list[str]:
    goes_down = _goes_down(plan, path)
    intervals = plan.bounds.fields.get(path, [EVERYTHING])
    shown = [shown_interval(interval, downwards=goes_down) for interval in intervals]
    return shown[::-1] if goes_down else shown


def _explain_near(plan: NearScan, parsed_query: Document) -> Document:
    return {
        "stage": plan.stage,
        "filter": parsed_query,
        "keyPattern": dict(plan.index.pattern),
        "indexName": plan.index.name,
        "indexVersion": 2,
    }


def _explain_text(plan: TextScan) -> Document:
    search = plan.condition.search
    scans = [
        {
            "stage": "IXSCAN",
            "keyPattern": dict(plan.index.pattern),
            "indexName": plan.index.name,
            "isMultiKey": True,
            "indexBounds": {"_fts": [f'["{term}", "{term}"]'], "_ftsx": ["[MinKey, MaxKey]"]},
        }
        for term in search.terms
    ]
    return {
        "stage": "TEXT_MATCH",
        "indexPrefix": {},
        "indexName": plan.index.name,
        "parsedTextQuery": {
            "terms": search.terms,
            "negatedTerms": search.negated,
            "phrases": search.phrases,
            "negatedPhrases": search.negated_phrases,
        },
        "textIndexVersion": 3,
        "inputStage": {"stage": "TEXT_OR", "inputStages": scans},
    }
