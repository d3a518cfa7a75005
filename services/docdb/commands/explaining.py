"""explain: how a command would find its documents, and what that costs.

queryPlanner         the plan that was chosen, and those that were not
executionStats       the same, run to its end, with counts
allPlansExecution    and what the others did in their trial
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Request
from services.docdb.commands.greeting import MONGODB_VERSION
from services.docdb.commands.reading import Find, distinct_choice
from services.docdb.errors import MongoError
from services.docdb.query.canonical import canonical, is_rooted_or
from services.docdb.query.plan_stages import count_stages, explain_plan
from services.docdb.query.plans import CollectionScan, IndexScan, Plan
from services.docdb.query.projection import shown_paths

if TYPE_CHECKING:
    from services.docdb.engine import Engine

VERBOSITIES = ("queryPlanner", "executionStats", "allPlansExecution")


def explain(engine: "Engine", request: Request) -> Document:
    inner = request.target
    verbosity = request.text("verbosity", "allPlansExecution")
    if verbosity not in VERBOSITIES:
        raise MongoError(9, "verbosity string must be one of {'queryPlanner', 'executionStats', "
                         "'allPlansExecution'}")  # fmt: skip
    if type(inner) is not dict or not inner:
        raise MongoError(14, "explain command requires a nested object")
    name = next(iter(inner))
    if name == "aggregate":
        return explain_aggregate(
            engine, Request(name, request.database, inner, request.client), verbosity
        )
    as_find = _as_find(name, inner)
    as_request = Request("find", request.database, as_find, request.client)
    collection = engine.catalog.find(request.database, as_request.collection_name)
    found = Find(engine, as_request, collection, only_counts=name == "count")
    if name == "distinct":
        _choose_distinct(found, inner, as_request)
    outer = _OUTER.get(name)
    if name in ("findAndModify", "findandmodify"):
        outer = "DELETE" if inner.get("remove") else "UPDATE"
    return _explained(engine, found, as_find, inner, verbosity, outer)


_OUTER = {"update": "UPDATE", "delete": "DELETE", "count": "COUNT", "distinct": "DISTINCT"}


def _choose_distinct(found: Find, command: Document, request: Request) -> None:
    path = command.get("key")
    if type(path) is not str:
        raise MongoError(40414, "BSON field 'distinct.key' is missing but a required field")
    filters = request.document("filter") or {}
    found.choice = distinct_choice(found.collection, filters, found.context, path, request)


def _as_find(name: str, inner: Document) -> Document:
    """What a command looks for, as a find."""
    target = inner[name]
    if name == "find":
        return inner
    if name in ("count", "distinct"):
        return {"find": target, "filter": inner.get("query", {})}
    if name in ("findAndModify", "findandmodify"):
        return {"find": target, "filter": inner.get("query", {}), "sort": inner.get("sort") or {},
                "limit": 1}  # fmt: skip
    if name in ("update", "delete"):
        statements = inner.get(f"{name}s")
        if type(statements) is not list or list(map(type, statements)) != [dict]:
            raise MongoError(16, f"explained write batches must be of size 1: {name}")
        return {"find": target, "filter": dict(statements[0]).get("q", {})}
    raise MongoError(59, f"Explain failed due to unknown command: {name}")


def _stages(found: Find, query: Document, outer: str | None) -> Document:
    """The plan with what is done to its records."""
    plan = found.choice.plan
    if type(plan) is IndexScan and found.skip:
        plan = replace(plan, is_by_id=False)
    if outer == "COUNT" and not query and found.collection is not None and not found.query.hint:
        return {"stage": "RECORD_STORE_FAST_COUNT"}
    stage = explain_plan(plan, query)
    if stage["stage"] == "EOF":
        return {"stage": outer, "inputStage": stage} if outer == "COUNT" else stage
    if outer == "COUNT":
        stage = count_stages(plan, stage)
    elif outer == "DISTINCT":
        stage = _with_distinct(stage)
    else:
        stage = _with_order(found, stage)
    if is_rooted_or(query) and found.query.hint is None:
        stage = {"stage": "SUBPLAN", "inputStage": stage}
    return {"stage": outer, "inputStage": stage} if outer in ("UPDATE", "DELETE") else stage


def _with_distinct(stage: Document) -> Document:
    """Keys alone are shown of an index whose values are read one by one."""
    if stage["stage"] != "DISTINCT_SCAN":
        return stage
    shown = {"_id": 0, next(iter(stage["keyPattern"])): 1}
    return {"stage": "PROJECTION_COVERED", "transformBy": shown, "inputStage": stage}


def _with_order(found: Find, stage: Document) -> Document:
    """Sort, skip, project, limit: in the order in which MongoDB has them."""
    kind = "" if found.project is None else _projection_stage(found)
    needs_sort = found.order is not None and not found.choice.plan.sorts
    is_below = needs_sort and not found.limit and _keeps_order(found, kind)
    if is_below:
        stage = {"stage": kind, "transformBy": found.projection, "inputStage": stage}
    if needs_sort:
        pattern = {
            path: {"$meta": path[1:]} if path.startswith("$") else direction
            for path, direction in found.order.fields
        }
        most = {"limitAmount": found.skip + found.limit} if found.limit else {}
        has_metadata = any(path.startswith("$") for path in pattern)
        stage = {"stage": "SORT", "sortPattern": pattern, "memLimit": 104857600, **most,
                 "type": "default" if has_metadata else "simple", "inputStage": stage}  # fmt: skip
    if found.skip:
        stage = {"stage": "SKIP", "skipAmount": found.skip, "inputStage": stage}
    if kind and not is_below:
        stage = {"stage": kind, "transformBy": found.projection, "inputStage": stage}
    if found.limit and not needs_sort and stage["stage"] != "IDHACK":
        stage = {"stage": "LIMIT", "limitAmount": found.limit, "inputStage": stage}
    return stage


def _keeps_order(found: Find, kind: str) -> bool:
    """Whether a projection leaves in what is sorted by; then less has to be held in the sort."""
    if kind not in ("PROJECTION_SIMPLE", "PROJECTION_COVERED"):
        return False
    wanted = shown_paths(found.projection)
    return wanted is not None and {path for path, _ in found.order.fields} <= wanted


def _projection_stage(found: Find) -> str:
    """How much work it is: no document at all, top-level fields as they are, or anything."""
    plan = found.choice.plan
    is_simple = all(
        isinstance(value, bool | int | float) and "." not in path
        for path, value in found.projection.items()
    )
    if type(plan) is IndexScan and plan.covers and is_simple:
        return "PROJECTION_COVERED"
    return "PROJECTION_SIMPLE" if is_simple else "PROJECTION_DEFAULT"


def _explained(
    engine: "Engine",
    found: Find,
    as_find: Document,
    command: Document,
    verbosity: str,
    outer: str | None,
) -> Document:
    query = as_find.get("filter") or {}
    namespace = found.collection.namespace if found.collection else ""
    reply: Document = {
        "explainVersion": "1",
        "queryPlanner": {
            "namespace": namespace,
            "indexFilterSet": False,
            "parsedQuery": canonical(query),
            "maxIndexedOrSolutionsReached": False,
            "maxIndexedAndSolutionsReached": False,
            "maxScansToExplodeReached": False,
            "winningPlan": _stages(found, query, outer),
            "rejectedPlans": [explain_plan(plan, query) for plan in found.choice.rejected],
        },
    }
    if verbosity != "queryPlanner":
        reply["executionStats"] = _stats(found, query, outer, verbosity)
    reply |= {
        "command": command,
        "serverInfo": {
            "host": engine.settings.host,
            "port": engine.settings.port,
            "version": MONGODB_VERSION,
            "gitVersion": "glassbox",
        },
        "serverParameters": {},
    }
    return reply


_WITHOUT_RESULTS = frozenset({"UPDATE", "DELETE", "COUNT"})


def _stats(found: Find, query: Document, outer: str | None, verbosity: str) -> Document:
    started_s = time.perf_counter()
    is_known = _stages(found, query, outer)["stage"] == "RECORD_STORE_FAST_COUNT"
    returned = 0 if is_known else sum(1 for _ in found.records())
    millis = int((time.perf_counter() - started_s) * 1000)
    counters = found.choice.execution.counters
    stages = _stages(found, query, outer)
    _annotate(stages, counters.documents, counters.keys, returned, found.choice.plan)
    stats: Document = {
        "executionSuccess": True,
        "nReturned": 0 if outer in _WITHOUT_RESULTS else returned,
        "executionTimeMillis": millis,
        "totalKeysExamined": counters.keys,
        "totalDocsExamined": counters.documents,
        "executionStages": stages,
    }
    if verbosity == "allPlansExecution":
        stats["allPlansExecution"] = []
    return stats


_BY_KEYS = frozenset({"IXSCAN", "COUNT_SCAN", "DISTINCT_SCAN", "IDHACK"})


def _annotate(stage: Document, documents: int, keys: int, returned: int, plan: Plan) -> None:
    """Write the counts into the tree of stages."""
    name = stage["stage"]
    stage["nReturned"] = returned
    if name == "IXSCAN":
        stage["nReturned"] = documents or returned
    elif name in ("COUNT_SCAN", "DISTINCT_SCAN"):
        stage["nReturned"] = keys
    if name in ("FETCH", "COLLSCAN", "IDHACK") or isinstance(plan, CollectionScan):
        stage["docsExamined"] = documents
    if name == "COUNT":
        stage |= {"nReturned": 0, "nCounted": returned}
    if name in _BY_KEYS:
        stage["keysExamined"] = keys
    if "inputStage" in stage:
        _annotate(stage["inputStage"], documents, keys, returned, plan)


def explain_aggregate(engine: "Engine", request: Request, verbosity: str) -> Document:
    """A pipeline's first $match and $sort are a query; the rest is shown as it stands."""
    pipeline = request.array("pipeline")
    as_find: Document = {"find": request.target, "filter": {}}
    rest = list(pipeline)
    if rest and "$match" in rest[0]:
        as_find["filter"] = rest.pop(0)["$match"]
        if rest and "$sort" in rest[0]:
            as_find["sort"] = rest.pop(0)["$sort"]
    collection = None
    if type(request.target) is str:
        collection = engine.catalog.find(request.database, request.target)
    found = Find(engine, Request("find", request.database, as_find, request.client), collection)
    explained = _explained(engine, found, as_find, request.body, verbosity, None)
    if not rest:
        return explained
    cursor = {k: explained[k] for k in ("queryPlanner", "executionStats") if k in explained}
    outer = {k: explained[k] for k in ("explainVersion", "command", "serverInfo")}
    return {**outer, "stages": [{"$cursor": cursor}, *rest]}
