"""An `explain` as a tree that can be drawn: stages with their facts and counts.

PROJECTION_SIMPLE ─▶ FETCH ─▶ IXSCAN city_1      each stage above the ones that it reads from
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from services.docdb.client import to_json

Json = dict[str, object]

_FACTS = (
    ("indexName", "index"),
    ("keyPattern", "key"),
    ("direction", "direction"),
    ("indexBounds", "bounds"),
    ("filter", "filter"),
    ("sortPattern", "sort"),
    ("transformBy", "fields"),
    ("limitAmount", "limit"),
    ("skipAmount", "skip"),
    ("parsedTextQuery", "search"),
    ("isMultiKey", "multikey"),
)
MAX_FACT_CHARACTERS = 300


def drawn(explained: Mapping) -> Json:
    """The plan that won, the names of those that did not, and what it all cost."""
    stages = explained.get("stages")
    cursor = explained
    later: list[Mapping] = []
    if isinstance(stages, list) and stages:
        cursor, later = stages[0].get("$cursor", {}), stages[1:]
    planner, stats = cursor.get("queryPlanner", {}), cursor.get("executionStats", {})
    plan = _stage(stats.get("executionStages") or planner.get("winningPlan") or {})
    for stage in later:
        plan = _pipeline_stage(stage, plan)
    return {
        "plan": plan,
        "rejected": [_stage(other) for other in planner.get("rejectedPlans", [])],
        "returned": _whole(stats.get("nReturned")),
        "keys": _whole(stats.get("totalKeysExamined")),
        "documents": _whole(stats.get("totalDocsExamined")),
        "millis": _whole(stats.get("executionTimeMillis")),
    }


def _stage(stage: Mapping) -> Json:
    inputs = stage.get("inputStages") or []
    if "inputStage" in stage:
        inputs = [stage["inputStage"]]
    return {
        "name": str(stage.get("stage", "unknown")),
        "facts": [
            [label, _bounds(stage[name]) if label == "bounds" else _shown(stage[name])]
            for name, label in _FACTS
            if stage.get(name) not in (None, {}, False, "forward")
        ],
        "returned": _whole(stage.get("nReturned")),
        "keys": _whole(stage.get("keysExamined")),
        "documents": _whole(stage.get("docsExamined")),
        "inputs": [_stage(one) for one in inputs],
    }


def _pipeline_stage(stage: Mapping, plan: Json) -> Json:
    name = next(iter(stage), "")
    return {"name": name, "facts": [["", _shown(stage.get(name))]], "returned": None, "keys": None,
            "documents": None, "inputs": [plan]}  # fmt: skip


def _bounds(bounds: Mapping) -> str:
    """`city: ["Rome", "Rome"]; age: [MinKey, MaxKey]`"""
    return _cut("; ".join(f"{path}: {' '.join(map(str, of))}" for path, of in bounds.items()))


def _shown(value: object) -> str:
    return _cut(value if type(value) is str else json.dumps(to_json(value, relaxed=True)))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FACT_CHARACTERS else f"{text[: MAX_FACT_CHARACTERS - 1]}…"


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
