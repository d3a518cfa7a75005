"""Rows by an index: a point, a range, several look-ups, entries without their rows, a bitmap.

The planner says which conditions the index answers (`plan.nodes.KeyRange`); here its expressions
are computed when the scan begins and become the ranges of `storage.index_key`, in the order of the
index. What the index leaves is the `filter`, asked of each row.

    a IN (7, 3) AND b >= 5    →    (3, 5…)   (7, 5…)
# Real: nodeIndexscan.c, nodeIndexonlyscan.c, nodeBitmapHeapscan.c
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, product
from typing import TYPE_CHECKING

from services.sqldb.executor.instruments import FetchCounter
from services.sqldb.executor.site import Code, Site
from services.sqldb.interruption import paced, paced_stream
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import ROW, Key, needs
from services.sqldb.storage.index_key import Bound, Descending, KeyRange
from services.sqldb.storage.index_key import is_null as is_null_part

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume
    from services.sqldb.storage.heap_index import HeapIndex
    from services.sqldb.transactions.mvcc import Snapshot, Version

TablePlan = n.Scan | n.IndexScan | n.BitmapScan


LOOK_UPS = 256
"""How many keys are looked up between two looks at the interrupts."""


def table_columns(plan: TablePlan, row: str, version: str) -> dict[Key, Code]:
    """The columns of a stored row, and the version itself."""
    columns = {
        (plan.relation, index): Code(f"{row}[{index}]", not column.is_not_null, True)
        for index, column in enumerate(plan.table.columns)
    }
    columns[plan.relation, ROW] = Code(version, False, True)
    return columns


def index_scan(
    compiler: Compiler, plan: n.IndexScan, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """The rows of a key range; one row of a unique key without any loop."""
    compiler.remember_table(plan.relation, plan.table.oid)
    site.function.bind("snapshot", "run.snapshot")
    index = _bind_index(compiler, plan.table, plan.index, site)
    if is_point(plan):
        _point(compiler, plan, index, site, consume)
    elif plan.is_only:
        _entries(compiler, plan, index, site, needed, consume)
    else:
        versions = _versions_text(plan, index, site)
        _each(compiler, plan, f"run.paced({versions})", site, consume)


def _bind_index(compiler: Compiler, table, index, site: Site) -> str:
    oids = f"{site.name(table.oid)}, {site.name(index.oid)}"
    return site.function.bind(compiler.module.fresh("index"), f"run.index({oids})")


def is_point(plan: n.IndexScan) -> bool:
    """At most one row: all columns of a unique index are given."""
    asked = plan.range
    return (
        plan.index.is_unique
        and len(asked.equal) == len(plan.index.keys)
        and not asked.arrays
        and not asked.nulls
        and not plan.index.is_deferrable
    )


def _point(compiler: Compiler, plan: n.IndexScan, index: str, site: Site, consume: Consume) -> None:
    function, module = site.function, compiler.module
    head, row, key = module.fresh("h"), module.fresh("v"), module.fresh("key")
    keys = [site.value(expression) for expression in plan.range.equal]
    texts = "".join(f"{code.text}, " for code in keys)
    function.line(f"{key} = ({texts})")
    with function.block(f"if None not in {key}:"):
        value = f"{key}[0]" if len(keys) == 1 else key
        made = f"{value} if {index}.key.takes_plain_values else {index}.key.of_values({key})"
        function.line(f"{head} = {index}.find(snapshot, {made})")
        with function.block(f"if {head} is not None:"):
            function.line(f"{row} = {head}.values")
            _count_fetch(plan, site, head)
            _filtered(plan, site.with_columns(table_columns(plan, row, head)), consume)


def _each(compiler: Compiler, plan: TablePlan, versions: str, site: Site, consume: Consume) -> None:
    """A loop over versions of rows."""
    head, row = compiler.module.fresh("h"), compiler.module.fresh("v")
    with site.function.loop(f"for {head} in {versions}:"):
        site.function.line(f"{row} = {head}.values")
        _filtered(plan, site.with_columns(table_columns(plan, row, head)), consume)


def _count_fetch(plan: n.IndexScan, site: Site, head: str) -> None:
    """For EXPLAIN ANALYZE: PostgreSQL's index only scan asks the table about such a row."""
    compiler = site.compiler
    if compiler.is_analyzed and plan.is_only:
        counts = f"run.instruments.counts[{compiler.number_of(plan)}]"
        test = f"{head}.xmax or {head}.xmin >= snapshot.xmin"
        site.function.line(f"{counts}.fetched += bool({test})")


def _filtered(plan: n.IndexScan | n.BitmapScan, at: Site, consume: Consume) -> None:
    if plan.filter is None:
        consume(at)
        return
    with at.function.block(f"if {at.test(plan.filter)}:"):
        consume(at)
    if at.compiler.is_analyzed:
        with at.function.block("else:"):
            number = at.compiler.number_of(plan)
            at.function.line(f"run.instruments.counts[{number}].removed += 1")


def _versions_text(plan: n.IndexScan, index: str, site: Site) -> str:
    """The call that gives the versions of a range in order."""
    asked = plan.range
    if len(asked.equal) == len(plan.index.keys) and not asked.arrays and not asked.nulls:
        equal = "".join(f"{site.value(item).text}, " for item in asked.equal)
        return f"{site.name(rows_of_key, 'f')}({index}, snapshot, ({equal}))"
    helper = site.name(rows_of_ranges, "f")
    return f"{helper}({index}, snapshot, {_ranges_text(asked, index, site)}, {plan.is_backward})"


def _ranges_text(asked: n.KeyRange, index: str, site: Site) -> str:
    """The call that gives the ranges of the storage."""
    equal = "".join(f"{site.value(item).text}, " for item in asked.equal)
    bounds = []
    for bound, inclusive in (
        (asked.lower, asked.lower_inclusive),
        (asked.upper, asked.upper_inclusive),
    ):
        text = site.name(NOT_GIVEN) if bound is None else site.value(bound).text
        bounds.append(f"({text}, {inclusive})")
    how = f"{asked.arrays!r}, {asked.nulls!r}, {asked.is_not_null}"
    helper = site.name(key_ranges, "f")
    return f"{helper}({index}, ({equal}), {', '.join(bounds)}, {how})"


NOT_GIVEN = object()


def rows_of_key(index: HeapIndex, snapshot: Snapshot, equal: tuple) -> Iterable[Version]:
    """All columns of an index are given: no range, one look."""
    return () if None in equal else index.lookup(snapshot, index.key.of_values(equal))


def key_ranges(
    index: HeapIndex, equal: tuple, lower: tuple, upper: tuple,
    arrays: tuple[int, ...], nulls: tuple[int, ...], is_not_null: bool,
) -> list[KeyRange]:  # fmt: skip
    """The ranges that are asked for, in the order of the index; NULL is equal to nothing."""
    if lower[0] is None or upper[0] is None:
        return []
    if None in equal and any(
        value is None and place not in nulls for place, value in enumerate(equal)
    ):
        return []
    bounds = [None if value is NOT_GIVEN else Bound(value, how) for value, how in (lower, upper)]
    if not arrays:
        return [KeyRange(equal, *bounds, is_not_null)]
    choices = [
        _elements(index, place, value) if place in arrays else (value,)
        for place, value in enumerate(equal)
    ]
    return [
        KeyRange(one, *bounds, is_not_null) for one in paced_stream(product(*choices), LOOK_UPS)
    ]


def _elements(index: HeapIndex, place: int, array: object) -> list:
    """The different elements of an array, in the order of a column of the index."""
    part = index.key.columns[place].part
    parts = {part(item): item for item in _flat(array.elements) if item is not None}
    return [parts[key] for key in sorted(parts)]


def _flat(elements: tuple) -> Iterator[object]:
    for item in elements:
        if type(item) is tuple:
            yield from _flat(item)
        else:
            yield item


def rows_of_ranges(
    index: HeapIndex, snapshot: Snapshot, ranges: list[KeyRange], backward: bool
) -> Iterable[Version]:
    if len(ranges) == 1:
        return index.scan(snapshot, ranges[0], backward=backward)
    found = ranges[::-1] if backward else ranges
    return chain.from_iterable(
        index.scan(snapshot, one, backward=backward) for one in paced(found, LOOK_UPS)
    )


# Entries alone.


def _entries(
    compiler: Compiler, plan: n.IndexScan, index: str, site: Site, needed: frozenset[Key],
    consume: Consume,
) -> None:  # fmt: skip
    """The columns come out of the keys; a key of several columns is a tuple of parts."""
    function, module = site.function, compiler.module
    entry = module.fresh("e")
    used = needed if plan.filter is None else needed | needs(plan.filter)
    ranges = _ranges_text(plan.range, index, site)
    helper = site.name(entries_of_ranges, "f")
    snapshot = "snapshot"
    if compiler.is_analyzed:
        counts = f"run.instruments.counts[{compiler.number_of(plan)}]"
        snapshot = f"{site.name(FetchCounter, 'f')}(snapshot, {counts})"
    call = f"{helper}({index}, {snapshot}, {ranges}, {plan.is_backward})"
    with function.loop(f"for {entry} in run.paced({call}):"):
        columns = {}
        for place, key in enumerate(plan.index.keys):
            if (plan.relation, key.column) not in used:
                continue
            part = entry if len(plan.index.keys) == 1 else f"{entry}[{place}]"
            is_nullable = not plan.table.columns[key.column].is_not_null
            if is_nullable or key.is_descending:
                value = module.fresh("x")
                function.line(f"{value} = {site.name(value_of_part, 'f')}({part})")
                part = value
            columns[plan.relation, key.column] = Code(part, is_nullable, True)
        _filtered(plan, site.with_columns(columns), consume)


def entries_of_ranges(
    index: HeapIndex, snapshot: Snapshot, ranges: list[KeyRange], backward: bool
) -> Iterable[object]:
    found = ranges[::-1] if backward else ranges
    return chain.from_iterable(
        index.entries(snapshot, one, backward=backward) for one in paced(found, LOOK_UPS)
    )


def value_of_part(part: object) -> object:
    """A part of a key as the value it was made of (of types without a sort key)."""
    if is_null_part(part):
        return None
    return part.part if type(part) is Descending else part


# Several indexes.


def bitmap_scan(
    compiler: Compiler, plan: n.BitmapScan, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """Each row that one of the parts finds, in the order of the table."""
    compiler.remember_table(plan.relation, plan.table.oid)
    site.function.bind("snapshot", "run.snapshot")
    looks = []
    for part in plan.parts:
        index = _bind_index(compiler, plan.table, part.index, site)
        looks.append(f"({index}, {_ranges_text(part.range, index, site)}), ")
    call = f"{site.name(rows_of_any, 'f')}(snapshot, ({''.join(looks)}))"
    _each(compiler, plan, f"run.paced({call})", site, consume)


def rows_of_any(
    snapshot: Snapshot, looks: tuple[tuple[HeapIndex, list[KeyRange]], ...]
) -> Iterator[Version]:
    found: dict[int, Version] = {}
    for index, ranges in looks:
        for one in paced(ranges, LOOK_UPS):
            for version in index.scan(snapshot, one):
                found[version.row_id] = version
    return (found[row_id] for row_id in sorted(found))


PRODUCERS = {n.IndexScan: index_scan, n.BitmapScan: bitmap_scan}
