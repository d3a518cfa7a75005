"""Plans as `explain` shows them: the stages, under the names that MongoDB has for them."""

from services.docdb.bson.types import Document
from services.docdb.query.bounds import EVERYTHING
from services.docdb.query.canonical import beside, canonical, is_rooted_or, open_ends
from services.docdb.query.conditions import Condition
from services.docdb.query.distinct_scan import DistinctScan
from services.docdb.query.near_plan import NearScan
from services.docdb.query.plans import CollectionScan, IndexScan, Nothing, OrPlan, Plan
from services.docdb.query.shown_bounds import end_value, shown_interval
from services.docdb.query.text_plan import TextScan
from services.docdb.storage.index import Index, IndexKind


def explain_plan(plan: Plan, parsed_query: Document, condition: Condition) -> Document:
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
            return {**_explain_index(plan, condition), "stage": "DISTINCT_SCAN"}
        case IndexScan(is_by_id=True):
            return {"stage": "IDHACK"}
        case IndexScan():
            return _explain_index_scan(plan, parsed_query, condition)
        case OrPlan():
            return _explain_or(plan, parsed_query, condition)
    raise AssertionError(plan)


def _filter(query: Document) -> Document:
    return {"filter": query} if query else {}


def _explain_index_scan(plan: IndexScan, query: Document, condition: Condition) -> Document:
    scan = _explain_index(plan, condition)
    spoken = set(plan.bounds.fields) if plan.index.is_plain else set()
    left = beside(query, spoken, is_multikey=plan.index.is_multikey)
    if plan.merged_from:
        scans = [{**scan, "indexBounds": shown} for shown in _bounds_of_points(plan)]
        pattern = dict(plan.index.fields[plan.merged_from :])
        scan = {"stage": "SORT_MERGE", "sortPattern": pattern, "inputStages": scans}
    elif plan.covers:
        return scan | _filter(left)
    return {"stage": "FETCH", **_filter(left), "inputStage": scan}


def _explain_or(plan: OrPlan, query: Document, condition: Condition) -> Document:
    clauses = canonical(query).get("$or", [{}] * len(plan.plans))
    inputs = [
        explain_plan(inner, clause, condition)
        for inner, clause in zip(plan.plans, clauses, strict=False)
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
    paths = list(plan.index.pattern)
    return [
        {
            path: [
                shown_interval((low[place],) * 2)
                if place < len(low)
                else shown_interval(EVERYTHING, downwards=_goes_down(plan, path))
            ]
            for place, path in enumerate(paths)
        }
        for low, _ in plan.bounds.scans
    ]


def count_stages(plan: Plan, stages: Document, condition: Condition) -> Document:
    """What counting makes of a plan: a scan of one interval counts its keys and no more."""
    if stages["stage"] == "IXSCAN" and "filter" not in stages and len(plan.bounds.scans) == 1:
        stages = {**stages, "stage": "COUNT_SCAN", "indexBounds": _one_interval(plan, condition)}
        stages.pop("direction")
    return {"stage": "COUNT", "inputStage": stages}


def _one_interval(plan: IndexScan, condition: Condition) -> Document:
    paths = list(plan.index.pattern)
    ends = {path: (plan.bounds.fields.get(path) or [EVERYTHING])[0] for path in paths}
    is_open = [open_ends(condition, path) for path in paths]
    return {
        "startKey": {path: end_value(low, 0) for path, (low, _) in ends.items()},
        "startKeyInclusive": not any(below for below, _ in is_open),
        "endKey": {path: end_value(high, 1) for path, (_, high) in ends.items()},
        "endKeyInclusive": not any(above for _, above in is_open),
    }


def _explain_index(plan: IndexScan | DistinctScan, condition: Condition) -> Document:
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
        "indexBounds": {path: _bounds_of_path(plan, path, condition) for path in paths},
    }


def _is_stored_upwards(index: Index) -> bool:
    """An index of one field is stored upwards, also where it is said to go down."""
    return len(index.fields) == 1 and index.fields[0][1] < 0


def _goes_down(plan: IndexScan | DistinctScan, path: str) -> bool:
    """Whether the values of a path come the greatest first."""
    is_down = len(plan.index.fields) > 1 and dict(plan.index.fields).get(path, 1) < 0
    return is_down != plan.backwards


def _bounds_of_path(plan: IndexScan | DistinctScan, path: str, condition: Condition) -> list[str]:
    intervals = plan.bounds.fields.get(path) or [EVERYTHING]
    is_open, goes_down = open_ends(condition, path), _goes_down(plan, path)
    shown = [shown_interval(interval, is_open, downwards=goes_down) for interval in intervals]
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
