"""An EXPLAIN (FORMAT JSON) as a tree that can be drawn: what each node did, and how long it took.

    Sort ─▶ Aggregate ─▶ Hash Join ─▶ Seq Scan on orders      each node above those it reads from
                                  └─▶ Hash ─▶ Seq Scan on customer

PostgreSQL tells rows and times as averages of a node's loops, and times with those of the nodes
below. Here a node's time is that of all its loops, and `self_ms` what is left when the nodes below
have had theirs; the sum of them is the time of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

Json = dict[str, object]

_FACTS = (
    ("Join Type", "join"),
    ("Scan Direction", "direction"),
    ("Index Cond", "index"),
    ("Recheck Cond", "recheck"),
    ("Hash Cond", "hash on"),
    ("Merge Cond", "merge on"),
    ("Join Filter", "join filter"),
    ("One-Time Filter", "once"),
    ("Filter", "filter"),
    ("Rows Removed by Filter", "left out"),
    ("Rows Removed by Join Filter", "left out"),
    ("Sort Key", "sort by"),
    ("Presorted Key", "presorted"),
    ("Sort Method", "method"),
    ("Group Key", "group by"),
    ("Conflict Resolution", "conflict"),
)
_USUAL = (("Join Type", "Inner"), ("Scan Direction", "Forward"))
# As the text form of EXPLAIN calls them.
_AGGREGATES = {"Hashed": "HashAggregate", "Sorted": "GroupAggregate", "Mixed": "MixedAggregate"}
_SUBJECTS = ("Relation Name", "CTE Name", "Function Name")
MAX_FACT_CHARACTERS = 400
MAX_DEPTH = 100


def drawn(text: str) -> Json:
    """The plan, what planning and running took; the times are None where it was not run."""
    document = json.loads(text)
    found = document[0] if isinstance(document, list) and document else {}
    plan = _node(found.get("Plan", {}), 0)
    return {
        "plan": plan,
        "planning_ms": _number(found.get("Planning Time")),
        "execution_ms": _number(found.get("Execution Time")),
        "is_analyzed": plan["rows"] is not None,
    }


def _node(node: Mapping, depth: int) -> Json:
    below = node.get("Plans", ()) if depth < MAX_DEPTH else ()
    inputs = [_node(one, depth + 1) for one in below]
    loops = _number(node.get("Actual Loops"))
    total_ms = _number(node.get("Actual Total Time"))
    if total_ms is not None:
        total_ms *= loops or 0
    return {
        "name": _name(node),
        "subject": _subject(node),
        "role": str(node.get("Subplan Name", "")),
        "facts": [
            [label, _cut(_shown(node[name]))]
            for name, label in _FACTS
            if node.get(name) not in (None, "", 0, "0") and (name, node[name]) not in _USUAL
        ],
        "rows": _number(node.get("Actual Rows")),
        "estimated_rows": _number(node.get("Plan Rows")),
        "loops": loops,
        "cost": _number(node.get("Total Cost")),
        "total_ms": total_ms,
        "self_ms": None if total_ms is None else _self_ms(total_ms, inputs),
        "inputs": inputs,
    }


def _self_ms(total_ms: float, inputs: list[Json]) -> float:
    return max(0.0, total_ms - sum(one["total_ms"] or 0 for one in inputs))


def _name(node: Mapping) -> str:
    """`Hash Join`, `Index Only Scan`, `Update`, `HashAggregate`."""
    name = str(node.get("Node Type", "?"))
    if name == "ModifyTable":
        return str(node.get("Operation", name))
    if name == "Aggregate":
        return _AGGREGATES.get(str(node.get("Strategy")), name)
    return name


def _subject(node: Mapping) -> str:
    """`on orders o using orders_pkey`"""
    name = next((str(node[one]) for one in _SUBJECTS if node.get(one)), "")
    alias = str(node.get("Alias", ""))
    index = str(node.get("Index Name", ""))
    parts = [name, alias if alias != name else "", f"using {index}" if index else ""]
    return " ".join(filter(None, parts))


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    return f"{int(text):,} rows" if text.isdigit() else text


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FACT_CHARACTERS else f"{text[: MAX_FACT_CHARACTERS - 1]}…"


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
