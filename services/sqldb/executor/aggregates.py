"""Aggregate calls: how the state of each is kept, stepped and ended in generated code.

`count`, `sum` and their like stand in the code as text (`AggregateTemplate`); others are called.
DISTINCT keeps a set of the values it has had, ORDER BY inside an aggregate keeps all rows until the
end. Where the states live, in local variables or in a dict of groups, is decided in `groups`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from services.sqldb.executor.distinct_rows import DistinctValues
from services.sqldb.executor.expressions import fill
from services.sqldb.executor.ordered_rows import Folding, OrderedRows
from services.sqldb.executor.rows import hashable
from services.sqldb.executor.site import Code, Site
from services.sqldb.executor.sorting import Order, Part
from services.sqldb.interruption import check_for_interrupts, paced
from services.sqldb.plan import expressions as ex


@dataclass(slots=True)
class State:
    """How one aggregate call is kept: initial values of its slots, and code for steps and end."""

    call: ex.AggregateCall
    initial: list[str]
    step: Callable[[Site, list[str]], None]
    final: Callable[[Site, list[str]], str]
    # Statements before `final`: steps for values that were put off.
    rest: Callable[[Site, list[str]], None] = lambda site, slots: None


def step(site: Site, state: State, slots: list[str]) -> None:
    if state.call.filter is None:
        state.step(site, slots)
        return
    with site.function.block(f"if {site.test(state.call.filter)}:"):
        state.step(site, slots)


def named(site: Site, code: Code) -> Code:
    if code.is_simple:
        return code
    name = site.temporary()
    site.function.line(f"{name} = {code.text}")
    return Code(name, code.nullable, True)


class Keeping(Enum):
    """Where an aggregate keeps the values that it needs again."""

    IN_MEMORY = "in memory: there are few"
    OF_ONE = "of one group at a time; on the disk, if there are many"
    OF_ALL = "of all groups together; on the disk, if there are many"


def state_of(site: Site, call: ex.AggregateCall, keeping: Keeping = Keeping.IN_MEMORY) -> State:
    if getattr(call.function, "kind", "n") in ("o", "h"):
        return _ordered_set(site, call)
    if _is_in_order(call):
        return _collected(site, call, keeping)
    return _running(site, call, keeping)


def _is_in_order(call: ex.AggregateCall) -> bool:
    function = call.function
    in_order = bool(call.order_by) and not function.ignores_order
    return in_order or (call.is_distinct and function.template is None)


def keeps_values(call: ex.AggregateCall) -> bool:
    """Whether the state grows with the values, and could be on the disk."""
    if getattr(call.function, "kind", "n") in ("o", "h"):
        return False
    return _is_in_order(call) or _has_seen(call)


def _has_seen(call: ex.AggregateCall) -> bool:
    return call.is_distinct and not _repeats_are_harmless(call.function)


def _running(site: Site, call: ex.AggregateCall, keeping: Keeping) -> State:
    """Step by step, as the rows come."""
    function, template = call.function, call.function.template
    if template is not None:
        site.compiler.module.namespace.update(template.names)
        initial = list(template.slots)
    else:
        initial = [f"{site.name(function.initial, 'f')}()"]
    has_seen = _has_seen(call)
    if has_seen:
        return _running_once(site, call, initial, keeping)

    def step(at: Site, slots: list[str]) -> None:
        codes = [named(at, at.value(argument)) for argument in call.arguments]
        _guarded(at, function, codes, lambda: _one_step(at, call, codes, slots))

    return State(call, initial, step, lambda at, slots: _final(at, call, slots))


def _running_once(
    site: Site, call: ex.AggregateCall, initial: list[str], keeping: Keeping
) -> State:
    """DISTINCT: a value that has come already is passed over.

    In the last slot: the values; where those of all groups are together, the group's number.
    """
    made = f"{site.name(DistinctValues, 'f')}(run)"
    distinct = site.compiler.module.fresh("distinct")
    own = {Keeping.IN_MEMORY: "set()", Keeping.OF_ONE: made, Keeping.OF_ALL: "len(groups)"}
    initial = [*initial, own[keeping]]
    types = [argument.type for argument in call.arguments]

    def step(at: Site, slots: list[str]) -> None:
        codes = [named(at, at.value(argument)) for argument in call.arguments]
        keys = [hashable(at, code, type_) for code, type_ in zip(codes, types, strict=True)]
        key, seen, function = at.temporary(), slots[-1], at.function
        values = "".join(f"{code.text}, " for code in codes)

        def write() -> None:
            text = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
            match keeping:
                case Keeping.IN_MEMORY:
                    test = f"{key} not in {seen}"
                case Keeping.OF_ONE:
                    test = f"{seen}.is_new({key}, ({values}))"
                case Keeping.OF_ALL:
                    text = f"({seen}, {text})"
                    test = f"{function.bind(distinct, made)}.is_new({key}, ({seen}, {values}))"
            function.line(f"{key} = {text}")
            with function.block(f"if {test}:"):
                if keeping is Keeping.IN_MEMORY:
                    function.line(f"{seen}.add({key})")
                _one_step(at, call, codes, slots)

        _guarded(at, call.function, codes, write)

    def rest(at: Site, slots: list[str]) -> None:
        row, is_shared = at.temporary(), keeping is Keeping.OF_ALL
        places = range(is_shared, len(call.arguments) + is_shared)
        codes = [Code(f"{row}[{place}]", False, True) for place in places]
        values = slots[-1]
        if is_shared:
            at.function.line("by_number = list(groups.values())")
            values = at.function.bind(distinct, made)
        with at.function.loop(f"for {row} in {values}.rest():"):
            if is_shared:
                at.function.line(f"s = by_number[{row}[0]]")
            _one_step(at, call, codes, slots)

    state = State(call, initial, step, lambda at, slots: _final(at, call, slots))
    if keeping is not Keeping.IN_MEMORY:
        state.rest = rest
    return state


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


def _collected(site: Site, call: ex.AggregateCall, keeping: Keeping) -> State:
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

    folding = site.name(Folding(call, order))
    made = f"{site.name(OrderedRows, 'f')}(run, {folding})"
    ordered = site.compiler.module.fresh("ordered")
    in_memory = keeping is Keeping.IN_MEMORY

    def step(at: Site, slots: list[str]) -> None:
        codes = [named(at, at.value(argument)) for argument in call.arguments]
        texts = [code.text for code in codes] + [at.value(key.expression).text for key in keys]
        values = "".join(f"{text}, " for text in texts)

        def write() -> None:
            if in_memory:
                at.function.line(f"{slots[0]}.append(({values}))")
            else:
                rows = at.function.bind(ordered, made)
                at.function.line(f"{rows}.append(({slots[0]}, {values}))")

        _guarded(at, call.function, codes, write)

    def final(at: Site, slots: list[str]) -> str:
        if in_memory:
            return f"{folding}.fold({slots[0]}, run.context)"
        return f"{at.function.bind(ordered, made)}.result({slots[0]})"

    number = "len(groups)" if keeping is Keeping.OF_ALL else "0"
    return State(call, ["[]" if in_memory else number], step, final)


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
        codes = [named(at, at.value(key.expression)) for key in keys]

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
    order.sort(rows, check_for_interrupts)
    state = function.initial()
    for row in paced(rows):
        state = function.step(state, *row)
    return function.final(state, *direct)


def hypothetical(function, order: Order, rows: list[tuple], direct: tuple) -> object:
    """The place that a row of the direct arguments would have among the others."""
    key = order.merge_key
    state = function.initial()
    for row in paced(rows):
        state = function.step(state, key(row))
    return function.final(state, key(direct))
