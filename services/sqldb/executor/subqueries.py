"""Queries inside expressions.

A subquery becomes a function of its own, whose parameters are the columns that it uses of the
queries around it:

    EXISTS      return True at the first row              ANY     return True at the first true
    SCALAR      the one row's value                       ARRAY   all of them

One that uses none is run once per execution, when its value is first asked for (# Real: InitPlan);
`x IN (such a query)` then is a look-up in a set (hashed SubPlan). One that uses outer columns keeps
its results by the values of those, as long as they aren't too many (Memoize).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.executor.bounds import bound_of
from services.sqldb.executor.site import Code, Site, local_name
from services.sqldb.executor.value_set import ValueSet
from services.sqldb.functions.aggregates import stack_arrays
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import Key, expressions_of, free_keys, walk, walk_plan
from services.sqldb.types.arrays import array_of_elements
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.executor.source import FunctionSource

MEMO_LIMIT = 10_000
Sets = tuple[set | ValueSet, set | ValueSet]
UNKNOWN = object()
"""What no subquery gives: this one has not been run yet."""


def more_than_one_row() -> SqlError:
    return SqlError(
        errors.CARDINALITY_VIOLATION,
        "more than one row returned by a subquery used as an expression",
    )


def subquery(site: Site, expression: ex.Subquery) -> Code:
    """The text that gives the value of a subquery here."""
    keys = [key for key in free_keys(expression.plan) if key in site.columns]
    if expression.kind in (ex.SubqueryKind.ANY, ex.SubqueryKind.ALL):
        if not keys and _is_hashable(expression):
            return _hashed(site, expression)
        return _quantified(site, expression, keys)
    lefts = [site.value(item) for item in expression.left]
    if lefts:
        return _call(site, _row_function(site, expression, keys), keys, lefts)
    nullable = expression.kind in (ex.SubqueryKind.SCALAR, ex.SubqueryKind.ROW)
    name = _made(site, expression, keys, _BODIES[expression.kind])
    if not keys:
        return Code(_once(site, expression, name), nullable)
    if _may_be_kept(site, expression, keys):
        return Code(_kept(site, expression, name, keys), nullable)
    return _call(site, name, keys, [])._replace(nullable=nullable)


def _call(site: Site, name: str, keys: list[Key], lefts: list[Code]) -> Code:
    _, arguments = site.arguments(keys)
    return Code(f"{name}({', '.join([arguments, *(left.text for left in lefts)])})")


def _made(site: Site, expression: ex.Subquery, keys: list[Key], body) -> str:
    """The function of a subquery, made once however often the expression stands in the plan."""
    made = site.compiler.made
    name = made.get(id(expression))
    if name is None:
        known, _ = site.arguments(keys)
        function = site.compiler.module.function("query", [local_name(key) for key in known])
        site.compiler.keep(expression)
        body(site.enter(function, known), expression)
        name = made[id(expression)] = function.name
    return name


def _produce(site: Site, expression: ex.Subquery, consume) -> None:
    outputs = site.compiler.outputs(expression.plan)
    site.compiler.produce(expression.plan, site, frozenset(outputs), consume)


def _exists(site: Site, expression: ex.Subquery) -> None:
    site.compiler.produce(
        expression.plan, site, frozenset(), lambda inner: inner.function.line("return True")
    )
    site.function.line("return False")


def _scalar(site: Site, expression: ex.Subquery) -> None:
    key = site.compiler.outputs(expression.plan)[0]
    name = site.temporary()
    unknown = site.name(UNKNOWN)
    site.function.line(f"{name} = {unknown}")

    def consume(inner: Site) -> None:
        with inner.function.block(f"if {name} is not {unknown}:"):
            inner.function.line(f"raise {site.name(more_than_one_row, 'f')}()")
        inner.function.line(f"{name} = {inner.columns[key].text}")

    _produce(site, expression, consume)
    site.function.line(f"return None if {name} is {unknown} else {name}")


def _array(site: Site, expression: ex.Subquery) -> None:
    key = site.compiler.outputs(expression.plan)[0]
    name = site.temporary()
    site.function.line(f"{name} = []")
    _produce(
        site,
        expression,
        lambda inner: inner.function.line(f"{name}.append({inner.columns[key].text})"),
    )
    element = expression.type.element
    if element is not None and element.element is not None:
        from services.sqldb.executor.nested import nested_array

        site.function.line(f"return {site.name(nested_array, 'f')}(tuple({name}))")
    else:
        site.function.line(f"return {site.name(_array_of, 'f')}({name})")


def _array_of(values: list) -> Array:
    """Arrays stand side by side, in one dimension more. # Real: accumArrayResultAny()"""
    if any(isinstance(value, Array) for value in values):
        return stack_arrays(values)
    return array_of_elements(values)


def _row(site: Site, expression: ex.Subquery) -> None:
    """The only row as a tuple."""
    outputs = site.compiler.outputs(expression.plan)
    name = site.temporary()
    site.function.line(f"{name} = None")

    def consume(inner: Site) -> None:
        with inner.function.block(f"if {name} is not None:"):
            inner.function.line(f"raise {site.name(more_than_one_row, 'f')}()")
        items = "".join(f"{inner.columns[key].text}, " for key in outputs)
        inner.function.line(f"{name} = ({items})")

    _produce(site, expression, consume)
    site.function.line(f"return {name}")


_BODIES = {
    ex.SubqueryKind.EXISTS: _exists,
    ex.SubqueryKind.SCALAR: _scalar,
    ex.SubqueryKind.ARRAY: _array,
    ex.SubqueryKind.ROW: _row,
}


def _once(site: Site, expression: ex.Subquery, name: str) -> str:
    """The value of a query that depends on nothing: a local name, computed at its first use."""
    function, unknown = site.function, site.name(UNKNOWN)
    slot = site.compiler.slot(expression)
    local = function.bind(f"s{slot}", f"run.slots[{slot}]")
    return f"({local} if {local} is not {unknown} else ({local} := run.once({slot}, {name})))"


def _is_volatile(expression: ex.Subquery) -> bool:
    for plan in walk_plan(expression.plan):
        for item in expressions_of(plan):
            for part in walk(item):
                function = getattr(part, "function", None)
                if getattr(function, "volatility", "i") == "v" or isinstance(part, ex.NextValue):
                    return True
                if isinstance(part, ex.Subquery) and _is_volatile(part):
                    return True
    return False


def _may_be_kept(site: Site, expression: ex.Subquery, keys: list[Key]) -> bool:
    # Equal numbers may look different (1.0 and 1.00): what they give is not kept.
    types = {
        (part.relation, part.index): part.type
        for plan in walk_plan(expression.plan)
        for item in expressions_of(plan)
        for part in walk(item)
        if isinstance(part, ex.Column)
    }
    plain = all(
        key in types and types[key].name in _PLAIN and types[key].sort_key is None for key in keys
    )
    return plain and not _is_volatile(expression)


_PLAIN = frozenset(
    [
        "bool",
        "int2",
        "int4",
        "int8",
        "oid",
        "text",
        "varchar",
        "name",
        "date",
        "timestamp",
        "timestamptz",
        "time",
        "uuid",
        "bytea",
    ]
)


def _kept(site: Site, expression: ex.Subquery, name: str, keys: list[Key]) -> str:
    """A look-up by the outer values; `run.memo` forgets all of them when there are too many."""
    known, arguments = site.arguments(keys)
    slot = site.compiler.slot(expression)
    memo = site.function.bind(f"memo{slot}", f"run.memo({slot})")
    texts = [site.columns[key].text for key in known]
    key_text = texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
    key, value = site.temporary(), site.temporary()
    unknown = site.name(UNKNOWN)
    return (
        f"({value} if ({value} := {memo}.get(({key} := {key_text}), {unknown})) is not {unknown}"
        f" else run.keep({memo}, {key}, {name}({arguments})))"
    )


def _is_hashable(expression: ex.Subquery) -> bool:
    wanted = "=" if expression.kind is ex.SubqueryKind.ANY else "<>"
    return all(
        function.comparison == wanted
        and function.argument_types[0] == function.argument_types[1]
        and function.argument_types[0].sort_key is None
        for function in expression.comparisons
    )


def _hashed(site: Site, expression: ex.Subquery) -> Code:
    """x IN (query): `run.once` gives all rows, as (the set of those without NULL, those with)."""
    name = _made(site, expression, [], _set_of_rows)
    table = _once(site, expression, name)
    lefts = [site.value(item) for item in expression.left]
    helper = _in_rows if len(lefts) > 1 else _in_values
    value = "".join(f"{left.text}, " for left in lefts) if len(lefts) > 1 else lefts[0].text
    if len(lefts) > 1:
        value = f"({value})"
    found = f"{site.name(helper, 'f')}({value}, {table})"
    if expression.kind is ex.SubqueryKind.ANY:
        return Code(found)
    negated = site.temporary()
    return Code(f"(None if ({negated} := {found}) is None else not {negated})")


def _set_of_rows(site: Site, expression: ex.Subquery) -> None:
    keys = site.compiler.outputs(expression.plan)
    whole, partly = site.temporary(), site.temporary()
    function, compiler = site.function, site.compiler
    made = "set()"
    if compiler.spills:
        compiler.has_end = True
        made = f"{site.name(ValueSet, 'f')}(run)"
    else:
        compiler.hashed.append(bound_of(expression.plan))
    function.line(f"{whole} = {made}")
    function.line(f"{partly} = {made}")

    def consume(inner: Site) -> None:
        codes, row = [inner.columns[key] for key in keys], site.temporary()
        if len(codes) == 1:
            inner.function.line(f"{row} = {codes[0].text}")
            is_partly = f"{row} is None"
        else:
            inner.function.line(f"{row} = ({''.join(f'{code.text}, ' for code in codes)})")
            is_partly = f"None in {row}"
        inner.function.line(f"({partly} if {is_partly} else {whole}).add({row})")

    _produce(site, expression, consume)
    if compiler.spills:
        function.line(f"{whole}.seal()")
        function.line(f"{partly}.seal()")
    function.line(f"return ({whole}, {partly})")


def _in_values(value: object, table: Sets) -> bool | None:
    whole, partly = table
    if value in whole:
        return True
    if partly or (value is None and whole):
        return None
    return False


def _in_rows(row: tuple, table: Sets) -> bool | None:
    """(a, b) IN (…): a row with NULLs may be equal to one that agrees with it elsewhere."""
    whole, partly = table
    if None not in row:
        if row in whole:
            return True
        rivals = partly
    else:
        rivals = chain(whole, partly)
    for rival in rivals:
        pairs = zip(row, rival, strict=True)
        if all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs):
            return None
    return False


def _left_parameters(expression: ex.Subquery) -> list[str]:
    return [f"left{place}" for place in range(len(expression.left))]


def _quantified(site: Site, expression: ex.Subquery, keys: list[Key]) -> Code:
    """x < ANY (query): compares row by row, and stops where the answer is known."""
    lefts = [site.value(item) for item in expression.left]
    return _call(site, _row_function(site, expression, keys), keys, lefts)


def _row_function(site: Site, expression: ex.Subquery, keys: list[Key]) -> str:
    made = site.compiler.made
    name = made.get(id(expression))
    if name is not None:
        return name
    known, _ = site.arguments(keys)
    parameters = [*(local_name(key) for key in known), *_left_parameters(expression)]
    function = site.compiler.module.function("query", parameters)
    site.compiler.keep(expression)
    _compare_rows(site.enter(function, known), function, expression)
    made[id(expression)] = function.name
    return function.name


def _compare_rows(site: Site, function: FunctionSource, expression: ex.Subquery) -> None:
    from services.sqldb.executor.expressions import compare_rows

    outputs = site.compiler.outputs(expression.plan)
    lefts = [Code(name, True, True) for name in _left_parameters(expression)]
    kind = expression.kind
    has_null = site.temporary()
    function.line(f"{has_null} = False")
    decisive = kind is not ex.SubqueryKind.ALL

    def consume(inner: Site) -> None:
        rights = [inner.columns[key] for key in outputs]
        result = site.temporary()
        compared = compare_rows(inner, expression.spelling, lefts, rights, expression)
        inner.function.line(f"{result} = {compared.text}")
        with inner.function.block(f"if {result} is {decisive}:"):
            inner.function.line(f"return {decisive}")
        with inner.function.block(f"if {result} is None:"):
            inner.function.line(f"{has_null} = True")

    if kind is ex.SubqueryKind.ROW:
        _one_row_compared(site, function, expression, lefts)
        return
    _produce(site, expression, consume)
    function.line(f"return None if {has_null} else {not decisive}")


def _one_row_compared(
    site: Site, function: FunctionSource, expression: ex.Subquery, lefts: list[Code]
) -> None:
    """(a, b) = (query of at most one row); no row gives NULL."""
    from services.sqldb.executor.expressions import compare_rows

    outputs = site.compiler.outputs(expression.plan)
    row = site.temporary()
    function.line(f"{row} = None")

    def consume(inner: Site) -> None:
        with inner.function.block(f"if {row} is not None:"):
            inner.function.line(f"raise {site.name(more_than_one_row, 'f')}()")
        items = "".join(f"{inner.columns[key].text}, " for key in outputs)
        inner.function.line(f"{row} = ({items})")

    _produce(site, expression, consume)
    with function.block(f"if {row} is None:"):
        function.line("return None")
    rights = [Code(f"{row}[{place}]", True, True) for place in range(len(outputs))]
    compared = compare_rows(site, expression.spelling, lefts, rights, expression)
    function.line(f"return {compared.text}")
