"""Joins.

    hash join      the right side becomes a dict from key to rows; each left row looks its own up
    nested loop    the right side's loop stands inside the left side's
    merge join     both sides come in order, and are walked in step

A left row without a match goes on with NULLs in an outer join: the look-up then gives one row of
NULLs in place of none. RIGHT is LEFT with the sides exchanged. SEMI and ANTI (EXISTS and NOT
EXISTS) only ask whether there is a match.

Hash joins that may need the disk, FULL ones and merge joins are done by functions of the runtime
(`hash_joins`, `merge_joins`), which give pairs of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from services.sqldb.executor.bounds import bound_of
from services.sqldb.executor.hash_joins import hash_joined
from services.sqldb.executor.kept_rows import KeptRows
from services.sqldb.executor.merge_joins import merged_rows
from services.sqldb.executor.rows import hashable, ordered_input
from services.sqldb.executor.site import Site, local_name
from services.sqldb.executor.sorting import Order
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import Key, free_keys, needs, needs_of_all, relations_in

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume, Packed

Kind = n.JoinKind


def hash_join(
    compiler: Compiler, plan: n.HashJoin, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    if plan.kind is Kind.RIGHT:
        plan = replace(
            plan, kind=Kind.LEFT, left=plan.right, right=plan.left,
            left_keys=plan.right_keys, right_keys=plan.left_keys,
        )  # fmt: skip
    condition = needs(plan.condition) if plan.condition is not None else set()
    if plan.kind is Kind.FULL or compiler.spills:
        _spilling_join(compiler, plan, site, frozenset(needed | condition), consume)
        return
    compiler.hashed.append(bound_of(plan.right))
    kept = frozenset(needed | condition)
    if plan.kind in (Kind.SEMI, Kind.ANTI):
        kept = frozenset(condition)
    call, packed = _build(compiler, plan, site, kept)
    function = site.function
    table = compiler.module.fresh("table")
    function.line(f"{table} = {call}")
    if compiler.is_analyzed:
        function.line(f"run.instruments.note_hash({table})")
    below = frozenset(needed | condition | needs_of_all(plan.left_keys))

    def use(at: Site) -> None:
        key = _key_text(at, plan.left_keys)
        _PROBES[plan.kind](plan, at, f"{table}.get({key}, ())", packed, consume)

    compiler.produce(plan.left, site, below, use)


def _build(
    compiler: Compiler, plan: n.HashJoin, site: Site, needed: frozenset[Key]
) -> tuple[str, Packed]:
    """The function that makes the dict: key → rows. A key with a NULL is equal to nothing."""
    keys, arguments = site.arguments(free_keys(plan.right))
    function = compiler.module.function("build", [local_name(key) for key in keys])
    made = []
    function.line("table = {}")

    def consume(at: Site) -> None:
        packed = compiler.pack(at, needed)
        made.append(packed)
        codes = [at.value(key) for key in plan.right_keys]
        texts = [
            hashable(at, code, key.type) for code, key in zip(codes, plan.right_keys, strict=True)
        ]
        function.line(f"key = {texts[0] if len(texts) == 1 else '(' + ', '.join(texts) + ')'}")
        guard = "key is not None" if len(texts) == 1 else "None not in key"
        if not any(code.nullable for code in codes):
            guard = ""
        if guard:
            with function.block(f"if {guard}:"):
                _add(function, packed)
        else:
            _add(function, packed)

    below = frozenset(needed | needs_of_all(plan.right_keys))
    compiler.produce(plan.right, site.enter(function, keys), below, consume)
    function.line("return table")
    return f"{function.name}({arguments})", made[0]


def _add(function, packed: Packed) -> None:
    with function.block("if (bucket := table.get(key)) is None:"):
        function.line(f"table[key] = [{packed.text}]")
    with function.block("else:"):
        function.line(f"bucket.append({packed.text})")


def _key_text(site: Site, keys: tuple[ex.Expression, ...]) -> str:
    texts = [hashable(site, site.value(key), key.type) for key in keys]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _probe_inner(plan, site: Site, bucket: str, packed: Packed, consume: Consume) -> None:
    row = site.compiler.module.fresh("r")
    at = site.with_columns(packed.columns(row))
    with site.function.loop(f"for {row} in {bucket}:"):
        if plan.condition is None:
            consume(at)
        else:
            with site.function.block(f"if {at.test(plan.condition)}:"):
                consume(at)


def _matches(plan, site: Site, bucket: str, packed: Packed) -> str:
    """The rows of a bucket that also fulfil the rest of the condition."""
    if plan.condition is None:
        return bucket
    row = site.compiler.module.fresh("r")
    test = site.with_columns(packed.columns(row)).test(plan.condition)
    return f"[{row} for {row} in {bucket} if {test}]"


def _probe_left(plan, site: Site, bucket: str, packed: Packed, consume: Consume) -> None:
    row = site.compiler.module.fresh("r")
    nulls = site.name(((None,) * packed.width,))
    at = site.with_columns(packed.columns(row, nullable=True))
    with site.function.loop(f"for {row} in {_matches(plan, site, bucket, packed)} or {nulls}:"):
        consume(at)


def _probe_semi(plan, site: Site, bucket: str, packed: Packed, consume: Consume) -> None:
    with site.function.block(f"if {_matches(plan, site, bucket, packed)}:"):
        consume(site)


def _probe_anti(plan, site: Site, bucket: str, packed: Packed, consume: Consume) -> None:
    with site.function.block(f"if not {_matches(plan, site, bucket, packed)}:"):
        consume(site)


_PROBES = {
    Kind.INNER: _probe_inner,
    Kind.LEFT: _probe_left,
    Kind.SEMI: _probe_semi,
    Kind.ANTI: _probe_anti,
}


def _condition_function(
    compiler: Compiler, condition: ex.Expression | None, left: Packed, right: Packed, site: Site
) -> str:
    """The name of a function (left row, right row) that says whether the condition is true."""
    if condition is None:
        return "None"
    keys, arguments = site.arguments(needs(condition))
    function = compiler.module.function("match", [local_name(key) for key in keys] + ["a", "b"])
    at = site.enter(function, keys).with_columns({**left.columns("a"), **right.columns("b")})
    function.line(f"return {at.test(condition)}")
    return f"{site.name(partial, 'f')}({function.name}, {arguments})"


def _pairs(
    compiler: Compiler, helper: Callable, plan: n.HashJoin | n.MergeJoin, site: Site,
    left: tuple[str, Packed], right: tuple[str, Packed], keys: str, consume: Consume,
) -> None:  # fmt: skip
    """A join whose pairs of rows come from a function of the runtime."""
    match = _condition_function(compiler, plan.condition, left[1], right[1], site)
    a, b = compiler.module.fresh("r"), compiler.module.fresh("r")
    widths = f"{left[1].width}, {right[1].width}"
    call = (
        f"{site.name(helper, 'f')}(run, {left[0]}, {right[0]}, {match}, {keys}, {widths}, "
        f"{site.name(plan.kind)})"
    )
    may_lack_left = plan.kind in (Kind.RIGHT, Kind.FULL)
    may_lack_right = plan.kind in (Kind.LEFT, Kind.FULL)
    columns = left[1].columns(a, nullable=may_lack_left)
    if plan.kind not in (Kind.SEMI, Kind.ANTI):
        columns.update(right[1].columns(b, nullable=may_lack_right))
    with site.function.loop(f"for {a}, {b} in {call}:"):
        consume(site.with_columns(columns))


def _row_key(
    compiler: Compiler, site: Site, packed: Packed, keys: tuple[ex.Expression, ...]
) -> str:
    """A function from a packed row to the join's key; None if a part is NULL."""
    places = _plain_places(packed, keys)
    if places:
        return site.name(itemgetter(*places))
    known, arguments = site.arguments(needs_of_all(keys))
    function = compiler.module.function("key", [local_name(key) for key in known] + ["row"])
    at = site.enter(function, known).with_columns(packed.columns("row"))
    texts = [hashable(at, at.value(key), key.type) for key in keys]
    if len(texts) == 1:
        function.line(f"return {texts[0]}")
    else:
        function.line(f"key = ({''.join(f'{text}, ' for text in texts)})")
        function.line("return None if None in key else key")
    return f"{site.name(partial, 'f')}({function.name}, {arguments})"


def _plain_places(packed: Packed, keys: tuple[ex.Expression, ...]) -> list[int]:
    """Where the keys stand in the row, if they can be taken as they are; else nothing."""
    columns = [(key.relation, key.index) for key in keys if isinstance(key, ex.Column)]
    if len(columns) < len(keys) or any(key.type.sort_key for key in keys):
        return []
    if not all(column in packed.places for column in columns):
        return []
    # One NULL is None by itself; a tuple with a NULL in it is not.
    if len(columns) > 1 and any(packed.nullable[column] for column in columns):
        return []
    return [packed.places[column] for column in columns]


def _spilling_join(
    compiler: Compiler, plan: n.HashJoin, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    left = compiler.generator(plan.left, site, needed | needs_of_all(plan.left_keys))
    right = compiler.generator(plan.right, site, needed | needs_of_all(plan.right_keys))
    left_key = _row_key(compiler, site, left[1], plan.left_keys)
    right_key = _row_key(compiler, site, right[1], plan.right_keys)
    keys = f"{left_key}, {right_key}"
    _pairs(compiler, hash_joined, plan, site, left, right, keys, consume)


def merge_join(
    compiler: Compiler, plan: n.MergeJoin, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    condition = needs(plan.condition) if plan.condition is not None else set()
    below = frozenset(needed | condition)
    *left, left_order = ordered_input(compiler, plan.left, plan.left_keys, site, below)
    *right, right_order = ordered_input(compiler, plan.right, plan.right_keys, site, below)
    # Keys of both sides are compared, so both have the form for NULLs if one has.
    orders = [
        Order([replace(part, nullable=True) for part in order.parts])
        for order in (left_order, right_order)
    ]
    keys = ", ".join(site.name(order) for order in orders)
    _pairs(compiler, merged_rows, plan, site, left, right, keys, consume)


def nested_loop(
    compiler: Compiler, plan: n.NestedLoop | n.Join, site: Site, needed: frozenset[Key],
    consume: Consume,
) -> None:  # fmt: skip
    is_lateral = bool({key[0] for key in free_keys(plan.right)} & relations_in(plan.left))
    if plan.kind is Kind.RIGHT and not is_lateral:
        plan = n.NestedLoop(Kind.LEFT, plan.right, plan.left, plan.condition)
    if plan.kind is Kind.FULL:
        join = n.HashJoin(Kind.FULL, plan.left, plan.right, (), (), plan.condition)
        below = needed | (needs(plan.condition) if plan.condition is not None else set())
        _spilling_join(compiler, join, site, frozenset(below), consume)
        return
    condition = needs(plan.condition) if plan.condition is not None else set()
    below = frozenset(needed | condition | free_keys(plan.right))
    right = plan.right
    if plan.condition is not None:
        right = n.Filter(plan.right, plan.condition)
    if plan.kind in (Kind.SEMI, Kind.ANTI):
        _exists_join(compiler, plan, right, site, below, consume)
    elif is_lateral or isinstance(plan.right, n.IndexScan):
        _dependent_join(compiler, plan, right, site, needed, below, consume)
    else:
        _held_join(compiler, plan, site, below, consume)


def _dependent_join(
    compiler: Compiler, plan, right: n.Plan, site: Site, needed, below, consume: Consume
) -> None:
    """The right side begins anew for each left row, whose columns it uses."""

    def use(at: Site) -> None:
        if plan.kind is Kind.INNER:
            compiler.produce(right, at, needed, consume)
            return
        call, packed = compiler.generator(right, at, needed)
        row = compiler.module.fresh("r")
        nulls = at.name((None,) * packed.width)
        helper = at.name(or_nulls, "f")
        with at.function.loop(f"for {row} in {helper}({call}, {nulls}):"):
            consume(at.with_columns(packed.columns(row, nullable=True)))

    compiler.produce(plan.left, site, below, use)


def or_nulls(rows: Iterator[tuple], nulls: tuple) -> Iterator[tuple]:
    """The rows, or one of NULLs if there is none."""
    for row in rows:
        yield row
        yield from rows
        return
    yield nulls


def _exists_join(compiler: Compiler, plan, right: n.Plan, site: Site, below, consume) -> None:
    """SEMI and ANTI without a key: a function that returns at the first match."""

    def use(at: Site) -> None:
        keys, arguments = at.arguments(free_keys(right))
        function = compiler.module.function("exists", [local_name(key) for key in keys])
        compiler.produce(
            right, at.enter(function, keys), frozenset(),
            lambda inner: inner.function.line("return True"),
        )  # fmt: skip
        function.line("return False")
        negation = "" if plan.kind is Kind.SEMI else "not "
        with at.function.block(f"if {negation}{function.name}({arguments}):"):
            consume(at)

    compiler.produce(plan.left, site, below, use)


def _held_join(compiler: Compiler, plan, site: Site, below, consume: Consume) -> None:
    """The right side depends on nothing: its rows are kept, and gone through for each left row."""
    call, packed = compiler.generator(plan.right, site, below)
    kept = compiler.module.fresh("kept")
    site.function.line(f"{kept} = {site.name(KeptRows, 'f')}(run, {call})")
    piece = compiler.module.fresh("piece")

    def use(at: Site) -> None:
        if plan.kind is Kind.INNER:
            with at.function.loop(f"for {piece} in {kept}.pieces():"):
                _probe_inner(plan, at, piece, packed, consume)
        else:
            _left_with_kept(plan, at, kept, packed, consume)

    site.function.pending += 1  # A loop over pieces, and one over their rows.
    compiler.produce(plan.left, site, below, use)
    site.function.pending -= 1
    site.function.line(f"{kept}.close()")


def _left_with_kept(plan, site: Site, kept: str, packed: Packed, consume: Consume) -> None:
    row, rows = site.compiler.module.fresh("r"), f"iter({kept})"
    if plan.condition is not None:
        test = site.with_columns(packed.columns(row)).test(plan.condition)
        some = f"[{row} for {row} in piece if {test}]"
        joined = site.name(chain.from_iterable, "f")
        rows = f"{joined}({some} for piece in {kept}.pieces())"
    nulls = site.name((None,) * packed.width)
    with site.function.loop(f"for {row} in {site.name(or_nulls, 'f')}({rows}, {nulls}):"):
        consume(site.with_columns(packed.columns(row, nullable=True)))


PRODUCERS = {
    n.HashJoin: hash_join,
    n.MergeJoin: merge_join,
    n.NestedLoop: nested_loop,
    n.Join: nested_loop,
}
