"""Joins.

    hash join      the right side becomes a dict from key to rows; each left row looks its own up
    nested loop    the right side's loop stands inside the left side's
    merge join     both sides come in order, and are walked in step

A left row without a match goes on with NULLs in an outer join: the look-up then gives one row of
NULLs in place of none. RIGHT is LEFT with the sides exchanged; FULL walks the left side and then
gives those rows of the table that no look-up has met. SEMI and ANTI (EXISTS and NOT EXISTS) only
ask whether there is a match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from services.sqldb.executor.rows import hashable
from services.sqldb.executor.site import Site, local_name
from services.sqldb.executor.sorting import Order, Part
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
    if plan.kind is Kind.FULL:
        _full_join(compiler, plan, site, frozenset(needed | condition), consume)
        return
    kept = frozenset(needed | condition)
    if plan.kind in (Kind.SEMI, Kind.ANTI):
        kept = frozenset(condition)
    call, packed = _build(compiler, plan, site, kept)
    function = site.function
    table = compiler.module.fresh("table")
    function.line(f"{table} = {call}")
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
    keys, _ = site.arguments(needs(condition))
    function = compiler.module.function("match", [local_name(key) for key in keys] + ["a", "b"])
    at = site.enter(function, keys).with_columns({**left.columns("a"), **right.columns("b")})
    function.line(f"return {at.test(condition)}")
    from services.sqldb.executor.nested import partial

    _, arguments = site.arguments(keys)
    return f"{site.name(partial, 'f')}({function.name}, {arguments})"


def _pairs(
    compiler: Compiler, helper: Callable, plan, site: Site, needed: frozenset[Key],
    consume: Consume, extra: Callable[[Packed, Packed], str],
) -> None:  # fmt: skip
    """A join whose pairs of rows come from a function of the runtime."""
    left_call, left = compiler.generator(plan.left, site, needed)
    right_call, right = compiler.generator(plan.right, site, needed)
    match = _condition_function(compiler, plan.condition, left, right, site)
    a, b = compiler.module.fresh("r"), compiler.module.fresh("r")
    call = (
        f"{site.name(helper, 'f')}(run, {left_call}, {right_call}, {match}, {extra(left, right)})"
    )
    columns = {**left.columns(a, nullable=True), **right.columns(b, nullable=True)}
    with site.function.loop(f"for {a}, {b} in {call}:"):
        consume(site.with_columns(columns))


def _row_key(compiler: Compiler, packed: Packed, keys: tuple[ex.Expression, ...]) -> str:
    """The name of a function from a packed row to the join's key; None if a part is NULL."""
    function = compiler.module.function("key", ["row"])
    at = Site(compiler, function, packed.columns("row"))
    texts = "".join(f"{hashable(at, at.value(key), key.type)}, " for key in keys)
    function.line(f"key = ({texts})")
    function.line("return None if None in key else key")
    return function.name


def _full_join(compiler: Compiler, plan, site: Site, needed: frozenset[Key], consume) -> None:
    below = frozenset(needed | needs_of_all((*plan.left_keys, *plan.right_keys)))

    def extra(left: Packed, right: Packed) -> str:
        names = _row_key(compiler, left, plan.left_keys), _row_key(compiler, right, plan.right_keys)
        return f"{', '.join(names)}, {left.width}, {right.width}"

    _pairs(compiler, full_rows, plan, site, below, consume, extra)


def full_rows(
    run, left: Iterable, right: Iterable, match: Callable | None,
    left_key: Callable, right_key: Callable, left_width: int, right_width: int,
) -> Iterator[tuple]:  # fmt: skip
    """FULL JOIN: pairs, left rows alone, and in the end the right rows that nobody has met."""
    no_left, no_right = (None,) * left_width, (None,) * right_width
    table: dict[object, list] = {}
    entries = []
    for row in run.paced(right):
        entry = [row, False]
        entries.append(entry)
        key = right_key(run, row)
        if key is not None:
            table.setdefault(key, []).append(entry)
    for row in run.paced(left):
        is_met = False
        for entry in table.get(left_key(run, row), ()):
            if match is None or match(row, entry[0]):
                entry[1] = is_met = True
                yield row, entry[0]
        if not is_met:
            yield row, no_right
    for row, is_met in entries:
        if not is_met:
            yield no_left, row


def merge_join(
    compiler: Compiler, plan: n.MergeJoin, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """Equal keys of both sides come in groups; the right group of the moment is held."""
    keys = [key.expression for key in (*plan.left_keys, *plan.right_keys)]
    condition = needs(plan.condition) if plan.condition is not None else set()
    below = frozenset(needed | needs_of_all(keys) | condition)

    def extra(left: Packed, right: Packed) -> str:
        orders = [
            site.name(_order(packed, side))
            for packed, side in ((left, plan.left_keys), (right, plan.right_keys))
        ]
        return f"{', '.join(orders)}, {left.width}, {right.width}, {site.name(plan.kind)}"

    _pairs(compiler, merged_rows, plan, site, below, consume, extra)


def _order(packed: Packed, keys: tuple[ex.SortKey, ...]) -> Order:
    return Order(
        [
            Part(
                packed.places[key.expression.relation, key.expression.index],
                True,
                key.is_descending,
                key.nulls_first,
                key.expression.type.sort_key,
            )
            for key in keys
        ]
    )


def merged_rows(
    run, left: Iterable, right: Iterable, match: Callable | None, left_order: Order,
    right_order: Order, left_width: int, right_width: int, kind: Kind,
) -> Iterator[tuple]:  # fmt: skip
    """Walk two ordered sides in step: INNER, LEFT, SEMI and ANTI."""
    left_key, right_key = left_order.merge_key, right_order.merge_key
    no_right = (None,) * right_width
    places = [part.place for part in left_order.parts]
    ahead = iter(run.paced(right))
    pending = next(ahead, None)
    group: list[tuple] = []
    group_key = None
    for row in run.paced(left):
        key = left_key(row)
        has_null = any(row[place] is None for place in places)
        if not has_null and key != group_key:
            group, group_key = [], key
            while pending is not None and right_key(pending) < key:
                pending = next(ahead, None)
            while pending is not None and right_key(pending) == key:
                group.append(pending)
                pending = next(ahead, None)
        candidates = () if has_null else group
        found = [other for other in candidates if match is None or match(row, other)]
        if kind is Kind.SEMI or kind is Kind.ANTI:
            if bool(found) is (kind is Kind.SEMI):
                yield row, no_right
        elif found:
            for other in found:
                yield row, other
        elif kind is Kind.LEFT:
            yield row, no_right


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
        _full_join(compiler, join, site, frozenset(below), consume)
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
    """The right side depends on nothing: its rows are held, and gone through for each left row."""
    call, packed = compiler.generator(plan.right, site, below)
    held = compiler.module.fresh("held")
    site.function.line(f"{held} = list({call})")
    check = site.function.bind("check", "run.check")

    def use(at: Site) -> None:
        at.function.line(f"{check}()")
        probe = _probe_inner if plan.kind is Kind.INNER else _probe_left
        probe(plan, at, held, packed, consume)

    compiler.produce(plan.left, site, below, use)


PRODUCERS = {
    n.HashJoin: hash_join,
    n.MergeJoin: merge_join,
    n.NestedLoop: nested_loop,
    n.Join: nested_loop,
}
