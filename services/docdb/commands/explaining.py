"""explain: how a command would find its documents, and what that costs.

queryPlanner         the plan that was chosen, and those that were not
executionStats       the same, run to its end, with counts
allPlansExecution    and what the others did in their trial
"""

import time
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Request
from services.docdb.commands.greeting import MONGODB_VERSION
from services.docdb.commands.reading import Find
from services.docdb.errors import MongoError
from services.docdb.query.plan_stages import explain_plan
from services.docdb.query.plans import CollectionScan, IndexScan, Plan

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
    found = Find(engine, as_request, collection)
    outer = {"update": "UPDATE", "delete": "DELETE", "count": "COUNT"}.get(name)
    return _explained(engine, found, as_find, inner, verbosity, outer)


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
    stage = explain_plan(found.choice.plan, query)
    if stage["stage"] == "EOF":
        return stage
    if found.order is not None and not found.choice.plan.sorts:
        pattern = {
            path: {"$meta": path[1:]} if path.startswith("$") else direction
            for path, direction in found.order.fields
        }
        stage = {"stage": "SORT", "sortPattern": pattern, "memLimit": 104857600,
                 "type": "simple", "inputStage": stage}  # fmt: skip
    if found.skip:
        stage = {"stage": "SKIP", "skipAmount": found.skip, "inputStage": stage}
    if found.limit:
        stage = {"stage": "LIMIT", "limitAmount": found.limit, "inputStage": stage}
    if found.project is not None:
        kind = _projection_stage(found)
        stage = {"stage": kind, "transformBy": found.projection, "inputStage": stage}
    return {"stage": outer, "inputStage": stage} if outer else stage


def _projection_stage(found: Find) -> str:
    """How much work it is: no document at all, top-level fields as they are, or anything."""
    plan = found.choice.plan
    if type(plan) is IndexScan and plan.covers:
        return "PROJECTION_COVERED"
    is_simple = all(
        isinstance(value, bool | int | float) and "." not in path
        for path, value in found.projection.items()
    )
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
            "parsedQuery": query,
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


def _stats(found: Find, query: Document, outer: str | None, verbosity: str) -> Document:
    started_s = time.perf_counter()
    returned = sum(1 for _ in found.records())
    millis = int((time.perf_counter() - started_s) * 1000)
    counters = found.choice.execution.counters
    stages = _stages(found, query, outer)
    _annotate(stages, counters.documents, counters.keys, returned, found.choice.plan)
    stats: Document = {
        "executionSuccess": True,
        "nReturned": 0 if outer in ("UPDATE", "DELETE", "COUNT") else returned,
        "executionTimeMillis": millis,
        "totalKeysExamined": counters.keys,
        "totalDocsExamined": counters.documents,
        "executionStages": stages,
    }
    if verbosity == "allPlansExecution":
        stats["allPlansExecution"] = []
    return stats


def _annotate(stage: Document, documents: int, keys: int, returned: int, plan: Plan) -> None:
    """Write the counts into the tree of stages."""
    stage["nReturned"] = keys if stage["stage"] == "IXSCAN" else returned
    if stage["stage"] in ("FETCH", "COLLSCAN") or isinstance(plan, CollectionScan):
        stage["docsExamined"] = documents
    if stage["stage"] == "IXSCAN":
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
