"""EXPLAIN for programs: JSON, YAML and XML of the same document.

# Real: ExplainPropertyText() and its like, with a branch for each format
"""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.sax.saxutils import escape

from services.sqldb.optimizer.explain import Explanation
from services.sqldb.optimizer.explain_lines import Line

Document = dict[str, object]
XML_NAMESPACE = "http://www.postgresql.org/2009/explain"


def document(
    explanation: Explanation,
    *,
    costs: bool = True,
    timing: bool = True,
    settings: dict[str, str] | None = None,
    planning_ms: float | None = None,
    execution_ms: float | None = None,
) -> Document:
    """What all formats have in them."""
    is_analyzed = explanation.is_analyzed
    made: Document = {"Plan": _plan(explanation.root, "", costs, timing, is_analyzed)}
    if settings is not None:
        made["Settings"] = settings
    if planning_ms is not None:
        made["Planning Time"] = round(planning_ms, 3)
    if is_analyzed:
        made["Triggers"] = []
    if execution_ms is not None:
        made["Execution Time"] = round(execution_ms, 3)
    return made


def _plan(line: Line, relationship: str, costs: bool, timing: bool, is_analyzed: bool) -> Document:
    made: Document = {"Node Type": line.type_}
    if relationship:
        made["Parent Relationship"] = relationship
    if line.title:
        made["Subplan Name"] = line.title
    made |= {"Parallel Aware": False, "Async Capable": False}
    made |= line.extra
    if costs:
        e = line.estimate
        made["Startup Cost"], made["Total Cost"] = round(e.startup, 2), round(e.total, 2)
        made["Plan Rows"], made["Plan Width"] = round(e.rows), e.width
    if is_analyzed and line.is_counted:
        made |= _actual(line, timing)
    made |= line.properties
    if line.sets:
        made["Grouping Sets"] = [{f"{word}s": [keys]} for word, keys in line.sets]
    if line.children:
        made["Plans"] = [
            _plan(child, how, costs, timing, is_analyzed) for how, child in line.children
        ]
    return made


def _actual(line: Line, timing: bool) -> Document:
    counts = line.counts
    loops = counts.loops if counts is not None else 0
    made: Document = {}
    if timing:
        made["Actual Startup Time"] = round(counts.startup_s * 1000 / loops, 3) if loops else 0.0
        made["Actual Total Time"] = round(counts.total_s * 1000 / loops, 3) if loops else 0.0
    made["Actual Rows"] = round(counts.rows / loops) if loops else 0
    made["Actual Loops"] = loops
    return made


def as_json(made: Document) -> str:
    return json.dumps([made], indent=2, ensure_ascii=False)


def as_yaml(made: Document) -> str:
    return "- " + "\n".join(_yaml(made, 1)).lstrip()


def _yaml(value: Document, depth: int) -> list[str]:
    lines = []
    pad = "  " * depth
    for name, item in value.items():
        if isinstance(item, dict):
            lines += [f"{pad}{name}: ", *_yaml(item, depth + 1)]
        elif isinstance(item, list):
            lines.append(f"{pad}{name}: ")
            for one in item:
                if isinstance(one, dict):
                    first, *rest = _yaml(one, depth + 2)
                    lines += [f"{pad}  - {first.lstrip()}", *rest]
                else:
                    lines.append(f"{pad}  - {json.dumps(one, ensure_ascii=False)}")
        else:
            lines.append(f"{pad}{name}: {json.dumps(item, ensure_ascii=False)}")
    return lines


def as_xml(made: Document) -> str:
    lines = [f'<explain xmlns="{XML_NAMESPACE}">', "  <Query>"]
    lines += [*_xml(made, 2), "  </Query>", "</explain>"]
    return "\n".join(lines)


# What stands in a list, by its name.
_ITEMS = {"Plans": "Plan", "Triggers": "Trigger", "Grouping Sets": "Grouping-Set"}


def _xml(value: Document, depth: int) -> list[str]:
    lines = []
    for name, item in value.items():
        lines += _element(name.replace(" ", "-"), item, depth, _ITEMS.get(name, "Item"))
    return lines


def _element(tag: str, item: object, depth: int, inner: str) -> list[str]:
    pad = "  " * depth
    if isinstance(item, dict):
        return [f"{pad}<{tag}>", *_xml(item, depth + 1), f"{pad}</{tag}>"]
    if isinstance(item, list):
        within = [line for one in item for line in _element(inner, one, depth + 1, "Item")]
        return [f"{pad}<{tag}>", *within, f"{pad}</{tag}>"]
    text = json.dumps(item) if isinstance(item, bool) else escape(str(item))
    return [f"{pad}<{tag}>{text}</{tag}>"]


FORMATS: dict[str, Callable[[Document], str]] = {
    "json": as_json,
    "yaml": as_yaml,
    "xml": as_xml,
}
