"""Operators that take rows as they come: filter, projection, order, limit, distinct."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from services.sqldb.errors import not_supported
from services.sqldb.executor import locking, sorting
from services.sqldb.executor.bounds import bound_of
from services.sqldb.executor.distinct_rows import without_duplicates
from services.sqldb.executor.scans import set_call, side_by_side
from services.sqldb.executor.site import Code, Site, local_name
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import Key, needs, needs_of_all, parts, rewrite, walk

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume

MOST_COLUMNS = 200
"""How many expressions are computed in one function."""


def filter_(
    compiler: Compiler, plan: n.Filter, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """Conditions that need no column of the input are asked once, before it."""
    below = needed | needs(plan.condition)
    once, each = [], []
    for condition in conjuncts(plan.condition):
        own = needs(condition) - site.columns.keys()
        (each if own or is_volatile(condition) else once).append(condition)

    def use(at: Site) -> None:
        if not each:
            consume(at)
            return
        with at.function.block(f"if {' and '.join(at.test(item) for item in each)}:"):
            consume(at)

    if not once:
        compiler.produce(plan.input, site, below, use)
        return
    with site.function.block(f"if {' and '.join(site.test(item) for item in once)}:"):
        compiler.produce(plan.input, site, below, use)


def conjuncts(condition: ex.Expression) -> list[ex.Expression]:
    if isinstance(condition, ex.And):
        return [part for argument in condition.arguments for part in conjuncts(argument)]
    return [condition]


def is_volatile(expression: ex.Expression) -> bool:
    return any(
        isinstance(part, ex.NextValue)
        or getattr(getattr(part, "function", None), "volatility", "") == "v"
        for part in walk(expression)
    )


def project(
    compiler: Compiler, plan: n.Project, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """A column that is a column below keeps its text; others are computed into locals.

    A column that nobody needs is not computed at all.
    """
    wanted = [
        (place, expression)
        for place, expression in enumerate(plan.expressions)
        if (plan.relation, place) in needed
    ]
    below = needs_of_all(expression for _, expression in wanted) | needed

    def use(at: Site) -> None:
        columns = {}
        plain = [one for one in wanted if isinstance(one[1], ex.Column)]
        computed = [one for one in wanted if not isinstance(one[1], ex.Column)]
        if len(computed) > MOST_COLUMNS:
            columns = _columns_apart(plan, at, computed)
            computed = []
        for place, expression in [*plain, *computed]:
            code = at.value(expression)
            if not code.is_simple:
                name = at.temporary()
                at.function.line(f"{name} = {code.text}")
                code = Code(name, code.nullable, True)
            columns[plan.relation, place] = code
        consume(at.with_columns(columns))

    compiler.produce(plan.input, site, frozenset(below), use)


def _columns_apart(
    plan: n.Project, site: Site, wanted: list[tuple[int, ex.Expression]]
) -> dict[Key, Code]:
    """Some columns in each of several functions: one of all takes long to compile."""
    compiler, columns = site.compiler, {}
    for first in range(0, len(wanted), MOST_COLUMNS):
        compiler.check()
        some = wanted[first : first + MOST_COLUMNS]
        keys, arguments = site.arguments(needs_of_all(expression for _, expression in some))
        function = compiler.module.function("columns", [local_name(key) for key in keys])
        inner, row = site.enter(function, keys), site.temporary()
        codes = [inner.value(expression) for _, expression in some]
        function.line(f"return ({''.join(f'{code.text}, ' for code in codes)})")
        site.function.line(f"{row} = {function.name}({arguments})")
        for at, ((place, _), code) in enumerate(zip(some, codes, strict=True)):
            columns[plan.relation, place] = Code(f"{row}[{at}]", code.nullable, True)
    return columns


def project_set(
    compiler: Compiler, plan: n.ProjectSet, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """unnest(x) in a select list: calls at the top or inside of expressions run side by side."""
    below = needs_of_all(plan.expressions) | needed
    calls: list[ex.SetReturningCall] = []
    inner_relation = -plan.relation - 1_000_000

    def found(part: ex.Expression) -> ex.Expression:
        if isinstance(part, ex.SetReturningCall):
            calls.append(part)
            return ex.Column(part.type, inner_relation, len(calls) - 1)
        return part

    expressions = [rewrite(expression, found) for expression in plan.expressions]

    def use(at: Site) -> None:
        items = [compiler.module.fresh("x") for _ in calls]
        sources = [set_call(at, call) for call in calls]
        # A call whose argument is a call itself: the inner one is unrolled first.
        nested = any(isinstance(part, ex.SetReturningCall) for c in calls for part in parts(c))
        if nested:
            raise not_supported("a set-returning function as the argument of another")
        source, target = sources[0], items[0]
        if len(calls) > 1:
            widths = (1,) * len(calls)
            source = f"{at.name(side_by_side, 'f')}({widths!r}, {', '.join(sources)})"
            target = ", ".join(items)
        with at.function.loop(f"for {target} in run.paced({source}):"):
            inner = at.with_columns(
                {
                    (inner_relation, place): Code(item, True, True)
                    for place, item in enumerate(items)
                }
            )
            columns = {}
            for place, expression in enumerate(expressions):
                code = inner.value(expression)
                if not code.is_simple:
                    name = inner.temporary()
                    inner.function.line(f"{name} = {code.text}")
                    code = Code(name, code.nullable, True)
                columns[plan.relation, place] = code
            consume(inner.with_columns(columns))

    compiler.produce(plan.input, site, frozenset(below), use)


def sort(
    compiler: Compiler, plan: n.Sort, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    call, packed, order = ordered_input(compiler, plan.input, plan.keys, site, needed)
    helper, row = site.name(sorting.sorted_rows, "f"), compiler.module.fresh("r")
    with site.function.loop(f"for {row} in {helper}(run, {call}, {site.name(order)}):"):
        consume(site.with_columns(packed.columns(row)))


def ordered_input(
    compiler: Compiler,
    plan: n.Plan,
    keys: tuple[ex.SortKey, ...],
    site: Site,
    needed: frozenset[Key],
):
    """A generator of the rows, with what is sorted by in them, and the order over such rows."""
    below = set(needed)
    computed = []
    for key in keys:
        below |= needs(key.expression)
        if not isinstance(key.expression, ex.Column):
            computed.append(key.expression)
    call, packed = compiler.generator(plan, site, frozenset(below), tuple(computed))
    parts = []
    extra = packed.width - len(computed)
    for key in keys:
        expression = key.expression
        sort_key = expression.type.sort_key
        if isinstance(expression, ex.Column):
            column = (expression.relation, expression.index)
            if column not in packed.places:
                continue  # Of a query around this one: the same for all rows.
            place, nullable = packed.places[column], packed.nullable[column]
        else:
            place, nullable = extra, True
            extra += 1
        part = sorting.Part(place, nullable, key.is_descending, key.nulls_first, sort_key)
        parts.append(part)
    return call, packed, sorting.Order(parts)


def top_n(
    compiler: Compiler, plan: n.TopN, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    call, packed, order = ordered_input(compiler, plan.input, plan.keys, site, needed)
    limits = _limits(site, plan.limit, plan.offset)
    helper, row = site.name(sorting.top_rows, "f"), compiler.module.fresh("r")
    with site.function.loop(f"for {row} in {helper}(run, {call}, {site.name(order)}, {limits}):"):
        consume(site.with_columns(packed.columns(row)))


def _limits(site: Site, limit: ex.Expression | None, offset: ex.Expression | None) -> str:
    texts = ["None" if item is None else site.value(item).text for item in (limit, offset)]
    return ", ".join(texts)


def limit(
    compiler: Compiler, plan: n.Limit, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    limits = _limits(site, plan.limit, plan.offset)
    row = compiler.module.fresh("r")
    if plan.with_ties:
        call, packed, order = ordered_input(compiler, plan.input, plan.with_ties, site, needed)
        helper = site.name(sorting.limited_with_ties, "f")
        text = f"{helper}({call}, {site.name(order)}, {limits})"
    else:
        call, packed = compiler.generator(plan.input, site, needed)
        text = f"{site.name(sorting.limited, 'f')}({call}, {limits})"
    with site.function.loop(f"for {row} in {text}:"):
        consume(site.with_columns(packed.columns(row)))


def distinct(
    compiler: Compiler, plan: n.Distinct, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """The keys that have come already are kept in a set; the first of each goes on.

    Ordered input needs the last key alone. A set that may not fit into memory is kept by a function
    of the runtime.
    """
    if compiler.spills and not plan.is_ordered:
        _distinct_spilling(compiler, plan, site, needed, consume)
        return
    function, key = site.function, site.temporary()
    seen = compiler.module.fresh("seen")
    if plan.is_ordered:
        function.line(f"{seen} = {site.name(object())}")
        test, keep = f"if {key} != {seen}:", f"{seen} = {key}"
    else:
        compiler.hashed.append(bound_of(plan.input))
        function.line(f"{seen} = set()")
        test, keep = f"if {key} not in {seen}:", f"{seen}.add({key})"

    def use(at: Site) -> None:
        at.function.line(f"{key} = {key_text(at, plan.on)}")
        with at.function.block(test):
            at.function.line(keep)
            consume(at)

    compiler.produce(plan.input, site, needed | needs_of_all(plan.on), use)
    if compiler.is_analyzed and not plan.is_ordered:
        function.line(f"run.instruments.note_hash({seen})")


def _distinct_spilling(
    compiler: Compiler, plan: n.Distinct, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    call, packed = compiler.generator(plan.input, site, needed | needs_of_all(plan.on))
    keys, arguments = site.arguments(needs_of_all(plan.on))
    function = compiler.module.function("key", [local_name(key) for key in keys] + ["row"])
    at = site.enter(function, keys).with_columns(packed.columns("row"))
    function.line(f"return {key_text(at, plan.on)}")
    key = f"{site.name(partial, 'f')}({function.name}, {arguments})"
    row = compiler.module.fresh("r")
    helper = site.name(without_duplicates, "f")
    with site.function.loop(f"for {row} in {helper}(run, {call}, {key}):"):
        consume(site.with_columns(packed.columns(row)))


def key_text(site: Site, expressions: tuple[ex.Expression, ...]) -> str:
    """What is equal and hashes as the values are equal in SQL, NULL being equal to NULL."""
    texts = []
    for expression in expressions:
        texts.append(hashable(site, site.value(expression), expression.type))
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def hashable(site: Site, code: Code, type_) -> str:
    if type_.sort_key is None:
        return code.text
    helper = site.name(type_.sort_key, "f")
    if not code.nullable:
        return f"{helper}({code.text})"
    if code.is_simple:
        return f"(None if {code.text} is None else {helper}({code.text}))"
    name = site.temporary()
    return f"(None if ({name} := {code.text}) is None else {helper}({name}))"


PRODUCERS = {
    n.Filter: filter_,
    n.Project: project,
    n.ProjectSet: project_set,
    n.Sort: sort,
    n.TopN: top_n,
    n.Limit: limit,
    n.Distinct: distinct,
    n.LockRows: locking.lock_rows,
}
