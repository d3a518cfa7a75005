"""GROUP BY and aggregates.

Without groups the state of each aggregate is a local variable of the loop:

    a1 = 0                                  groups = {}
    … for each row:                         … for each row:
        a1 += 1                                 if (s := groups.get(key := v1[2])) is None:
                                                    s = groups[key] = [v1[2], 0, None]
                                                s[1] += 1

With groups a dict gives the list of states: first the values grouped by, then the slots. `count`,
`sum` and their like stand in the code as text (`AggregateTemplate`); others are called. DISTINCT
keeps a set of the values it has had, ORDER BY inside an aggregate keeps all rows until the end.
GROUPING SETS are one dict with the number of the set in front of the key: a row goes into each.

The dict gives the groups in the order in which they came, so that sorted input makes sorted groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.sqldb.executor.expressions import fill
from services.sqldb.executor.rows import hashable
from services.sqldb.executor.site import Code, Site, local_name
from services.sqldb.executor.sorting import Order, Part
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import Key, free_keys, needs_of_all

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume
    from services.sqldb.executor.source import FunctionSource


@dataclass(slots=True)
class State:
    """How one aggregate call is kept: initial values of its slots, and code for steps and end."""

    call: ex.AggregateCall
    initial: list[str]
    step: Callable[[Site, list[str]], None]
    final: Callable[[Site, list[str]], str]


def aggregate(
    compiler: Compiler, plan: n.Aggregate, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    keys, arguments = site.arguments(free_keys(plan))
    function = compiler.module.function("aggregate", [local_name(key) for key in keys])
    inner = site.enter(function, keys)
    states = [_state(inner, call) for call in plan.calls]
    sets = getattr(plan, "grouping_sets", None)
    row = compiler.module.fresh("r")
    call = f"{function.name}({arguments})"
    width = len(plan.groups) + len(plan.calls) + len(getattr(plan, "groupings", ()))
    columns = {(plan.relation, at): Code(f"{row}[{at}]", True, True) for at in range(width)}
    if not plan.groups and sets is None:
        _ungrouped(compiler, plan, inner, states)
        site.function.line(f"{row} = {call}")
        consume(site.with_columns(columns))
        return
    _grouped(compiler, plan, inner, states, sets)
    with site.function.loop(f"for {row} in run.paced({call}):"):
        consume(site.with_columns(columns))


def _below(plan: n.Aggregate) -> frozenset[Key]:
    return frozenset(needs_of_all((*plan.groups, *plan.calls)))


def _ungrouped(compiler: Compiler, plan: n.Aggregate, site: Site, states: list[State]) -> None:
    function = site.function
    slots = []
    for state in states:
        names = [compiler.module.fresh("a") for _ in state.initial]
        for name, initial in zip(names, state.initial, strict=True):
            function.line(f"{name} = {initial}")
        slots.append(names)

    def use(at: Site) -> None:
        for state, names in zip(states, slots, strict=True):
            _step(at, state, names)

    compiler.produce(plan.input, site, _below(plan), use)
    results = [state.final(site, names) for state, names in zip(states, slots, strict=True)]
    function.line(f"return ({''.join(f'{text}, ' for text in results)})")


def _step(site: Site, state: State, slots: list[str]) -> None:
    if state.call.filter is None:
        state.step(site, slots)
        return
    with site.function.block(f"if {site.test(state.call.filter)}:"):
        state.step(site, slots)


def _grouped(
    compiler: Compiler, plan: n.Aggregate, site: Site, states: list[State], sets: tuple | None
) -> None:
    function = site.function
    function.line("groups = {}")
    width = len(plan.groups) + (sets is not None)
    slots, initial = [], []
    for state in states:
        first = width + len(initial)
        initial += state.initial
        slots.append([f"s[{place}]" for place in range(first, width + len(initial))])

    def update(at: Site, head: str) -> None:
        with at.function.block("if (s := groups.get(key)) is None:"):
            at.function.line(f"s = groups[key] = [{head}{', '.join(initial)}]")
        for state, names in zip(states, slots, strict=True):
            _step(at, state, names)

    def use(at: Site) -> None:
        codes = [_named(at, at.value(group)) for group in plan.groups]
        keys = [hashable(at, code, g.type) for code, g in zip(codes, plan.groups, strict=True)]
        if sets is None:
            at.function.line(f"key = {keys[0] if len(keys) == 1 else '(' + ', '.join(keys) + ')'}")
            update(at, "".join(f"{code.text}, " for code in codes))
            return
        with at.function.loop(f"for key, head in ({_set_keys(sets, codes, keys)}):"):
            update(at, "*head, ")

    compiler.produce(plan.input, site, _below(plan), use)
    if sets is not None and () in sets:
        _empty_sets(plan, function, sets, initial)
    with function.loop("for s in groups.values():"):
        results = [f"s[{place + (sets is not None)}]" for place in range(len(plan.groups))]
        results += [state.final(site, names) for state, names in zip(states, slots, strict=True)]
        results += _groupings(plan, site, sets)
        function.line(f"yield ({''.join(f'{text}, ' for text in results)})")


def _named(site: Site, code: Code) -> Code:
    if code.is_simple:
        return code
    name = site.temporary()
    site.function.line(f"{name} = {code.text}")
    return Code(name, code.nullable, True)


def _set_keys(sets: tuple, codes: list[Code], keys: list[str]) -> str:
    """For each grouping set: the key, and the values shown, NULL for what is not in the set."""
    texts = []
    for number, members in enumerate(sets):
        places = range(len(codes))
        key = "".join(f"{keys[p] if p in members else None}, " for p in places)
        head = "".join(f"{codes[p].text if p in members else None}, " for p in places)
        texts.append(f"(({number}, {key}), ({number}, {head})), ")
    return "".join(texts)


def _empty_sets(
    plan: n.Aggregate, function: FunctionSource, sets: tuple, initial: list[str]
) -> None:
    """The set of no columns has one row, even of no input."""
    nulls = "None, " * len(plan.groups)
    for number, members in enumerate(sets):
        if not members:
            with function.block(f"if ({number}, {nulls}) not in groups:"):
                state = f"[{number}, {nulls}{', '.join(initial)}]"
                function.line(f"groups[{number}, {nulls}] = {state}")


def _groupings(plan: n.Aggregate, site: Site, sets: tuple | None) -> list[str]:
    """GROUPING(a, b): for each set a number with a bit for every column that is not in it."""
    texts = []
    for arguments in getattr(plan, "groupings", ()):
        table = []
        for members in sets or (tuple(range(len(plan.groups))),):
            bits = "".join("0" if argument in members else "1" for argument in arguments)
            table.append(int(bits, 2))
        texts.append(f"{site.name(tuple(table))}[{'s[0]' if sets is not None else 0}]")
    return texts


def _state(site: Site, call: ex.AggregateCall) -> State:
    function = call.function
    if getattr(function, "kind", "n") in ("o", "h"):
        return _ordered_set(site, call)
    in_order = bool(call.order_by) and not function.ignores_order
    if in_order or (call.is_distinct and function.template is None):
        return _collected(site, call)
    return _running(site, call)


def _running(site: Site, call: ex.AggregateCall) -> State:
    """Step by step, as the rows come."""
    function, template = call.function, call.function.template
    if template is not None:
        site.compiler.module.namespace.update(template.names)
        initial = list(template.slots)
    else:
        initial = [f"{site.name(function.initial, 'f')}()"]
    has_seen = call.is_distinct and not _repeats_are_harmless(function)
    if has_seen:
        initial.append("set()")

    def step(at: Site, slots: list[str]) -> None:
        codes = [_named(at, at.value(argument)) for argument in call.arguments]
        if has_seen:
            types = [argument.type for argument in call.arguments]
            keys = [hashable(at, code, type_) for code, type_ in zip(codes, types, strict=True)]
            _unless_seen(at, call, codes, keys, slots)
            return
        _guarded(at, function, codes, lambda: _one_step(at, call, codes, slots))

    return State(call, initial, step, lambda at, slots: _final(at, call, slots))


def _repeats_are_harmless(function) -> bool:
    return function.name in ("min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or")


def _guarded(site: Site, function, codes: list[Code], write: Callable[[], None]) -> None:
    """A strict aggregate does not see NULLs."""
    nullable = [code.text for code in codes if code.nullable]
    if not function.is_strict or not nullable:
        write()
        return
    with site.function.block(f"if {' and '.join(f'{text} is not None' for text in nullable)}:"):
        write()


def _unless_seen(site: Site, call: ex.AggregateCall, codes, keys: list[str], slots) -> None:
    seen, key = slots[-1], site.temporary()

    def write() -> None:
        text = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
        site.function.line(f"{key} = {text}")
        with site.function.block(f"if {key} not in {seen}:"):
            site.function.line(f"{seen}.add({key})")
            _one_step(site, call, codes, slots)

    _guarded(site, call.function, codes, write)


def _one_step(site: Site, call: ex.AggregateCall, codes: list[Code], slots: list[str]) -> None:
    function, template = call.function, call.function.template
    if template is not None:
        names = {f"s{place}": slot for place, slot in enumerate(slots)}
        for line in fill(site, template.step, [code.text for code in codes], **names).split("\n"):
            site.function.line(line)
        return
    arguments = [slots[0], *(code.text for code in codes)]
    if function.needs_context:
        arguments.insert(0, site.function.bind("context", "run.context"))
    step = site.name(function.step, "f")
    site.function.line(f"{slots[0]} = {step}({', '.join(arguments)})")


def _final(site: Site, call: ex.AggregateCall, slots: list[str], direct: str = "") -> str:
    function, template = call.function, call.function.template
    if template is not None:
        return fill(site, template.final, [], **{f"s{at}": slot for at, slot in enumerate(slots)})
    context = ""
    if function.needs_context:
        context = f"{site.function.bind('context', 'run.context')}, "
    return f"{site.name(function.final, 'f')}({context}{slots[0]}{direct})"


def _collected(site: Site, call: ex.AggregateCall) -> State:
    """ORDER BY or DISTINCT where the order shows: the rows are kept, and folded at the end.

    DISTINCT sorts by the arguments, as PostgreSQL does.
    """
    keys = call.order_by
    if call.is_distinct:
        written = [key.expression for key in keys]
        rest = [argument for argument in call.arguments if argument not in written]
        keys = (*keys, *(ex.SortKey(argument) for argument in rest))
    width = len(call.arguments)
    order = Order(
        [
            Part(width + at, True, k.is_descending, k.nulls_first, k.expression.type.sort_key)
            for at, k in enumerate(keys)
        ]
    )

    def step(at: Site, slots: list[str]) -> None:
        codes = [_named(at, at.value(argument)) for argument in call.arguments]
        texts = [code.text for code in codes] + [at.value(key.expression).text for key in keys]

        def write() -> None:
            at.function.line(f"{slots[0]}.append(({''.join(f'{text}, ' for text in texts)}))")

        _guarded(at, call.function, codes, write)

    folding = site.name(Folding(call, width, order))

    def final(at: Site, slots: list[str]) -> str:
        return f"{folding}.fold({slots[0]}, run.context)"

    return State(call, ["[]"], step, final)


class Folding:
    """An aggregate over rows that were kept, in their order."""

    def __init__(self, call: ex.AggregateCall, width: int, order: Order):
        self._function = call.function
        self._is_distinct = call.is_distinct
        self._width = width
        self._order = order
        self._sort_keys = [argument.type.sort_key for argument in call.arguments]

    def fold(self, rows: list[tuple], context: object) -> object:
        self._order.sort(rows)
        function = self._function
        first = (context,) if function.needs_context else ()
        state = function.initial()
        seen = set()
        for row in rows:
            arguments = row[: self._width]
            if self._is_distinct:
                key = self._key(arguments)
                if key in seen:
                    continue
                seen.add(key)
            state = function.step(*first, state, *arguments)
        return function.final(*first, state)

    def _key(self, arguments: tuple) -> tuple:
        return tuple(
            [
                value if key is None or value is None else key(value)
                for value, key in zip(arguments, self._sort_keys, strict=True)
            ]
        )


def _ordered_set(site: Site, call: ex.AggregateCall) -> State:
    """percentile_cont(0.5) WITHIN GROUP (ORDER BY x), rank(3) WITHIN GROUP (ORDER BY x)."""
    keys = call.order_by
    order = Order(
        [
            Part(at, True, k.is_descending, k.nulls_first, k.expression.type.sort_key)
            for at, k in enumerate(keys)
        ]
    )
    function = call.function

    def step(at: Site, slots: list[str]) -> None:
        codes = [_named(at, at.value(key.expression)) for key in keys]

        def write() -> None:
            texts = "".join(f"{code.text}, " for code in codes)
            at.function.line(f"{slots[0]}.append(({texts}))")

        _guarded(at, function, codes, write)

    helper = hypothetical if function.kind == "h" else ordered_set
    folding = site.name(helper, "f")
    order_name, function_name = site.name(order), site.name(function)

    def final(at: Site, slots: list[str]) -> str:
        direct = "".join(f"{at.value(item).text}, " for item in call.direct_arguments)
        return f"{folding}({function_name}, {order_name}, {slots[0]}, ({direct}))"

    return State(call, ["[]"], step, final)


def ordered_set(function, order: Order, rows: list[tuple], direct: tuple) -> object:
    order.sort(rows)
    state = function.initial()
    for row in rows:
        state = function.step(state, *row)
    return function.final(state, *direct)


def hypothetical(function, order: Order, rows: list[tuple], direct: tuple) -> object:
    """The place that a row of the direct arguments would have among the others."""
    key = order.merge_key
    state = function.initial()
    for row in rows:
        state = function.step(state, key(row))
    return function.final(state, key(direct))


PRODUCERS = {
    n.Aggregate: aggregate,
    n.HashAggregate: aggregate,
    n.SortedAggregate: aggregate,
}
