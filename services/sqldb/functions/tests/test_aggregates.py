"""Aggregates as templates give what they give plainly; window functions look where they say."""

from __future__ import annotations

from typing import Any

import pytest

from services.sqldb.functions import Aggregate, builtin_library, resolve_function
from services.sqldb.types import INT4, TEXT, PlainContext, type_by_name

_VALUES = {
    "int2": "{3,1,2}", "int4": "{3,1,2}", "int8": "{9223372036854775807,5}", "oid": "{2,1}",
    "float4": "{1.5,NaN,-1}", "float8": "{1.5,NaN,-1}", "numeric": "{1.50,NaN,-1}",
    "text": "{b,a,c}", "date": "{2000-01-02,1999-01-01}", "time": "{12:00,01:00}",
    "timestamp": "{2000-01-02,infinity}", "timestamptz": "{2000-01-02,infinity}",
    "bool": "{t,f,t}", "any": "{1,2}",
}  # fmt: skip


def _with_templates() -> list[Aggregate]:
    return [
        item
        for item in builtin_library().all_callables()
        if isinstance(item, Aggregate) and item.template is not None
    ]


def _by_template(aggregate: Aggregate, values: list[Any]) -> Any:
    template = aggregate.template
    scope: dict[str, Any] = dict(template.names)
    slots = {f"s{index}": f"slot{index}" for index in range(len(template.slots))}
    for name, initial in zip(slots.values(), template.slots, strict=True):
        scope[name] = eval(initial)
    for value in values:
        scope["value"] = value
        exec(template.step.format("value", **slots), scope)
    return eval(template.final.format(**slots), scope)


@pytest.mark.parametrize("aggregate", _with_templates(), ids=repr)
def test_templates(aggregate: Aggregate) -> None:
    name = aggregate.argument_types[0].name if aggregate.argument_types else "any"
    if name == "tid":
        values: list[Any] = [(0, 2), (0, 1)]
    else:
        array = type_by_name("_int4" if name == "any" else f"_{name}")
        values = list(array.parse(_VALUES[name], -1, PlainContext()).elements)
    for rows in (values, values[:1], []):
        state = aggregate.initial()
        for value in rows:
            state = aggregate.step(state, *([value] if aggregate.argument_types else []))
        assert repr(_by_template(aggregate, rows)) == repr(aggregate.final(state))


class _Window:
    """A partition whose rows are (argument, offset), ordered, with peers of equal arguments."""

    def __init__(self, rows: list[tuple]):
        self.rows = rows
        self.size = len(rows)
        self.move_to(0)

    def move_to(self, position: int) -> None:
        keys = [row[0] for row in self.rows]
        self.position = position
        self.peer_start = keys.index(keys[position])
        self.peer_end = self.peer_start + keys.count(keys[position])
        self.peer_number = len(set(keys[: self.peer_start]))

    def argument(self, index: int, position: int) -> Any:
        return self.rows[position][index]

    def frame(self) -> range:
        return range(self.peer_end)


@pytest.mark.parametrize(
    ("name", "types", "expected"),
    [
        ("row_number", [], [1, 2, 3, 4]),
        ("rank", [], [1, 1, 3, 4]),
        ("dense_rank", [], [1, 1, 2, 3]),
        ("percent_rank", [], [0.0, 0.0, 2 / 3, 1.0]),
        ("cume_dist", [], [0.5, 0.5, 0.75, 1.0]),
        ("lag", [TEXT], [None, "a", "a", "b"]),
        ("lag", [TEXT, INT4], [None, None, "a", "a"]),
        ("lead", [TEXT, INT4, TEXT], ["b", "c", "none", "none"]),
        ("first_value", [TEXT], ["a", "a", "a", "a"]),
        ("last_value", [TEXT], ["a", "a", "b", "c"]),
        ("nth_value", [TEXT, INT4], ["a", "a", "a", "a"]),
    ],
)
def test_window_functions(name: str, types: list, expected: list) -> None:
    window = _Window([("a", 2, "none"), ("a", 2, "none"), ("b", 2, "none"), ("c", 2, "none")])
    function = resolve_function(name, types).function
    found = []
    for position in range(window.size):
        window.move_to(position)
        found.append(function.implementation(window))
    assert found == expected


def test_ntile_gives_the_first_buckets_more() -> None:
    window = _Window([(3,)] * 7)
    found = []
    for position in range(7):
        window.move_to(position)
        found.append(resolve_function("ntile", [INT4]).function.implementation(window))
    assert found == [1, 1, 1, 2, 2, 3, 3]


def test_hypothetical_sets_compare_sort_keys() -> None:
    keys = [(1,), (3,), (3,), (5,)]
    results = {}
    for name in ("rank", "dense_rank", "percent_rank", "cume_dist"):
        aggregate = resolve_function(name, [INT4, INT4]).function
        results[name] = aggregate.final(keys, (4,))
    assert results == {"rank": 4, "dense_rank": 3, "percent_rank": 0.75, "cume_dist": 0.8}
