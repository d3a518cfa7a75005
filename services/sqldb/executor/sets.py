"""UNION, INTERSECT, EXCEPT, and WITH: plain and recursive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from services.sqldb.executor.distinct_rows import difference, intersection, without_duplicates
from services.sqldb.executor.kept_rows import SharedRows
from services.sqldb.executor.site import Code, Site
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import Key, walk_plan

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume
    from services.sqldb.plan.expressions import Column

CHANGES = (n.Insert, n.Update, n.Delete, n.Merge)


def _side(compiler: Compiler, plan: n.Plan, columns: tuple[Column, ...], site: Site) -> str:
    """The call of a generator that gives exactly these columns, in this order."""
    projected = n.Project(plan, -1_000_000_000, columns, ("",) * len(columns))
    keys = [(-1_000_000_000, place) for place in range(len(columns))]
    call, packed = compiler.generator(projected, site, frozenset(keys))
    if [packed.places[key] for key in keys] == list(range(len(keys))) and packed.text[0] == "(":
        return call
    places = tuple(packed.places[key] for key in keys)
    return f"{site.name(picked, 'f')}({call}, {places!r})"


def picked(rows: Iterable[tuple], places: tuple[int, ...]) -> Iterator[tuple]:
    return (tuple([row[place] for place in places]) for row in rows)


def row_key(columns: tuple[Column, ...]) -> Callable[[tuple], object] | None:
    """What equal rows have in common; None: the row itself."""
    keys = [column.type.sort_key for column in columns]
    if not any(keys):
        return None

    def key_of(row: tuple) -> tuple:
        return tuple(
            [v if k is None or v is None else k(v) for v, k in zip(row, keys, strict=True)]
        )

    return key_of


def set_operation(
    compiler: Compiler, plan: n.SetOperation, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    key = row_key(plan.left_columns)
    key_name = "None" if key is None else site.name(key, "f")
    if plan.kind is n.SetKind.UNION:
        sides = [_side(compiler, *side, site) for side in _united(compiler, plan)]
        text = f"{site.name(chain, 'f')}({', '.join(sides)})"
        if not plan.is_all:
            text = f"{site.name(without_duplicates, 'f')}(run, {text}, {key_name})"
    else:
        left = _side(compiler, plan.left, plan.left_columns, site)
        right = _side(compiler, plan.right, plan.right_columns, site)
        helper = intersection if plan.kind is n.SetKind.INTERSECT else difference
        text = f"{site.name(helper, 'f')}(run, {left}, {right}, {key_name}, {plan.is_all})"
    row = compiler.module.fresh("r")
    with site.function.loop(f"for {row} in {text}:"):
        consume(site.with_columns(_columns(plan.relation, len(plan.left_columns), row)))


def _united(compiler: Compiler, plan: n.SetOperation) -> list[tuple[n.Plan, tuple[Column, ...]]]:
    """The sides of a UNION b UNION c …, which would else hand each row on from one to the next."""
    sides = []
    while True:
        left, columns = plan.left, plan.left_columns
        sides.append((plan.right, plan.right_columns))
        if (
            compiler.is_analyzed
            or not isinstance(left, n.SetOperation)
            or left.kind is not n.SetKind.UNION
            or (plan.is_all and not left.is_all)
            or [(one.relation, one.index) for one in columns]
            != [(left.relation, place) for place in range(len(left.left_columns))]
        ):
            sides.append((left, columns))
            return sides[::-1]
        plan = left


def _columns(relation: int, width: int, row: str) -> dict[Key, Code]:
    return {(relation, place): Code(f"{row}[{place}]", True, True) for place in range(width)}


def with_(
    compiler: Compiler, plan: n.With, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """Definitions may use those before them. Those that change data run first, to their end."""
    compiler.has_end = True
    for definition in plan.definitions:
        slot = compiler.cte_slots[definition.cte] = compiler.slot()
        call = _side(compiler, definition.plan, definition.columns, site)
        shared = site.name(SharedRows, "f")
        site.function.line(f"run.slots[{slot}] = {shared}(run, {call})")
        if any(isinstance(item, CHANGES) for item in walk_plan(definition.plan)):
            site.function.line(f"run.slots[{slot}].complete()")
    compiler.produce(plan.input, site, needed, consume)


def recursive_union(
    compiler: Compiler, plan: n.RecursiveUnion, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """`first` once; then `again` over what the round before has found, until that is nothing."""
    slot = compiler.cte_slots[-plan.cte - 1] = compiler.slot()
    first = _side(compiler, plan.first, plan.first_columns, site)
    again = _side(compiler, plan.again, plan.again_columns, site)
    key = row_key(plan.first_columns)
    key_name = "None" if key is None else site.name(key, "f")
    helper = site.name(rounds, "f")
    row = compiler.module.fresh("r")
    call = f"{helper}(run, {slot}, {first}, lambda: {again}, {key_name}, {plan.is_all})"
    with site.function.loop(f"for {row} in {call}:"):
        consume(site.with_columns(_columns(plan.relation, len(plan.first_columns), row)))


def rounds(
    run, slot: int, first: Iterable, again: Callable, key: Callable | None, is_all: bool
) -> Iterator[tuple]:
    """# Real: ExecRecursiveUnion(), with the work table in a slot of the run."""
    seen: set = set()
    rows = first
    while True:
        found = []
        for row in run.paced(rows):
            if not is_all:
                mark = row if key is None else key(row)
                if mark in seen:
                    continue
                seen.add(mark)
            found.append(row)
            yield row
        if not found:
            return
        run.slots[slot] = found
        rows = again()


PRODUCERS = {
    n.SetOperation: set_operation,
    n.With: with_,
    n.RecursiveUnion: recursive_union,
}
