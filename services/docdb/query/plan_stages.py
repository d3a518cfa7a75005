"""Plans as `explain` shows them: the stages, under the names that MongoDB has for them."""

from services.docdb.bson.types import Document
from services.docdb.query.comparison import Descending
from services.docdb.query.near_plan import NearScan
from services.docdb.query.plans import CollectionScan, IndexScan, Nothing, OrPlan, Plan
from services.docdb.query.text_plan import TextScan
from services.docdb.storage.index import IndexKind


def explain_plan(plan: Plan, parsed_query: Document) -> Document:
    """The stages of a plan, as `explain` shows them."""
    match plan:
        case Nothing():
            return {"stage": "EOF"}
        case CollectionScan():
            return {
                "stage": "COLLSCAN",
                "filter": parsed_query,
                "direction": "backward" if plan.backwards else "forward",
            }
        case NearScan():
            return _explain_near(plan, parsed_query)
        case TextScan():
            return _explain_text(plan)
        case IndexScan():
            scan = _explain_scan(plan)
            if plan.covers:
                return scan
            return {"stage": "FETCH", "filter": parsed_query, "inputStage": scan}
        case OrPlan():
            inputs = [explain_plan(inner, parsed_query) for inner in plan.plans]
            inputs = [stage.get("inputStage", stage) for stage in inputs]
            return {
                "stage": "FETCH",
                "filter": parsed_query,
                "inputStage": {"stage": "OR", "inputStages": inputs},
            }
    raise AssertionError(plan)


def _explain_scan(plan: IndexScan) -> Document:
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
        "direction": "backward" if plan.backwards else "forward",
        "indexBounds": {
            path: [_shown_interval(i) for i in plan.bounds.fields.get(path, [])]
            or ["[MinKey, MaxKey]"]
            for path in paths
        },
    }


def _shown_interval(interval: tuple[object, object]) -> str:
    return "[{}, {}]".format(*(_shown_end(end, i) for i, end in enumerate(interval)))


def _shown_end(end: object, is_high: int) -> str:
    if type(end) is Descending:
        end = end.key
    if type(end) is not tuple:
        return "MaxKey" if is_high else "MinKey"
    value = end[1] if len(end) > 1 else ("inf" if is_high else "-inf")
    if type(value) is str and end[0] == 15:
        return f'"{value}"'
    return "inf" if not isinstance(value, int | float | str | bytes | tuple) else str(value)


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
