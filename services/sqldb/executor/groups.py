"""GROUP BY, and aggregates without it.

Without groups the state of each aggregate is a local variable of the loop:

    a1 = 0                                  groups = {}
    … for each row:                         … for each row:
        a1 += 1                                 if (s := groups.get(key := v1[2])) is None:
                                                    s = groups[key] = [v1[2], 0, None]
                                                s[1] += 1

With groups a dict gives the list of states: first the values grouped by, then the slots. If it may
outgrow work_mem (`bounds`), a row whose group is not there any more goes to the disk when the dict
is full; what was written is grouped in the same way afterwards, a partition at a time.
# Real: hash aggregation with spilling, nodeAgg.c

GROUPING SETS are one dict with the number of the set in front of the key: a row goes into each.
Where the input comes ordered by the groups, one list of states is enough: a group is done when the
next one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from services.sqldb.executor.aggregates import (
    Keeping,
    State,
    keeps_values,
    named,
    state_of,
    step,
)
from services.sqldb.executor.bounds import bound_of
from services.sqldb.executor.rows import hashable
from services.sqldb.executor.site import Code, Site, local_name
from services.sqldb.executor.spill import MAX_LEVEL, Partitions, Room, SpillFile
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import ROW, Key, free_keys, needs_of_all

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume, Packed
    from services.sqldb.executor.execution import Execution
    from services.sqldb.executor.source import FunctionSource

Produce = Callable[[Site, Callable[[Site], None]], None]


def aggregate(
    compiler: Compiler, plan: n.Aggregate, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    keys, arguments = site.arguments(free_keys(plan))
    function = compiler.module.function("aggregate", [local_name(key) for key in keys])
    inner = site.enter(function, keys)
    is_only_group = not plan.groups and getattr(plan, "grouping_sets", None) is None
    keeping = _keeping(compiler, plan, is_only_group=is_only_group)
    states = [state_of(inner, call, keeping) for call in plan.calls]
    row = compiler.module.fresh("r")
    call = f"{function.name}({arguments})"
    width = len(plan.groups) + len(plan.calls) + len(getattr(plan, "groupings", ()))
    columns = {(plan.relation, at): Code(f"{row}[{at}]", True, True) for at in range(width)}
    if is_only_group:
        _ungrouped(compiler, plan, inner, states)
        site.function.line(f"{row} = {call}")
        consume(site.with_columns(columns))
        return
    if isinstance(plan, n.SortedAggregate):
        _sorted(compiler, plan, inner, states)
    else:
        _Grouping(compiler, plan, states, keys).write(inner)
    with site.function.loop(f"for {row} in run.paced({call}):"):
        consume(site.with_columns(columns))


def _keeping(compiler: Compiler, plan: n.Aggregate, *, is_only_group: bool) -> Keeping:
    if not any(map(keeps_values, plan.calls)):
        return Keeping.IN_MEMORY
    if not compiler.spills:
        compiler.hashed.append(bound_of(plan.input))
        return Keeping.IN_MEMORY
    one_at_a_time = is_only_group or isinstance(plan, n.SortedAggregate)
    return Keeping.OF_ONE if one_at_a_time else Keeping.OF_ALL


def _below(plan: n.Aggregate) -> frozenset[Key]:
    needed = needs_of_all((*plan.groups, *plan.calls))
    return frozenset(key for key in needed if key[0] != plan.relation)


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
            step(at, state, names)

    compiler.produce(plan.input, site, _below(plan), use)
    for state, names in zip(states, slots, strict=True):
        state.rest(site, names)
    results = [state.final(site, names) for state, names in zip(states, slots, strict=True)]
    function.line(f"return ({''.join(f'{text}, ' for text in results)})")


def _slots_of(states: list[State], width: int) -> tuple[list[list[str]], list[str]]:
    """Where the slots of each state are in the list `s`, and the initial values of all."""
    slots, initial = [], []
    for state in states:
        first = width + len(initial)
        initial += state.initial
        slots.append([f"s[{place}]" for place in range(first, width + len(initial))])
    return slots, initial


def _group_keys(site: Site, plan: n.Aggregate) -> tuple[list[Code], list[str]]:
    """The values grouped by, and what is equal and hashes as they are equal in SQL."""
    codes = [named(site, site.value(group)) for group in plan.groups]
    keys = [hashable(site, code, g.type) for code, g in zip(codes, plan.groups, strict=True)]
    return codes, keys


def _key_text(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"({''.join(f'{key}, ' for key in keys)})"


def _sorted(compiler: Compiler, plan: n.SortedAggregate, site: Site, states: list[State]) -> None:
    function = site.function
    slots, initial = _slots_of(states, len(plan.groups))

    def give() -> None:
        for state, names in zip(states, slots, strict=True):
            state.rest(site, names)
        results = [f"s[{place}]" for place in range(len(plan.groups))]
        done = _with_groups(site, plan, 0)
        results += [state.final(done, names) for state, names in zip(states, slots, strict=True)]
        function.line(f"yield ({''.join(f'{text}, ' for text in results)})")

    def use(at: Site) -> None:
        codes, keys = _group_keys(at, plan)
        function.line(f"key = {_key_text(keys)}")
        with function.block("if s is None or key != last:"):
            with function.block("if s is not None:"):
                give()
            head = "".join(f"{code.text}, " for code in codes)
            function.line(f"s = [{head}{', '.join(initial)}]")
            function.line("last = key")
        for state, names in zip(states, slots, strict=True):
            step(at, state, names)

    function.line("s = last = None")
    compiler.produce(plan.input, site, _below(plan), use)
    with function.block("if s is not None:"):
        give()


def _with_groups(site: Site, plan: n.Aggregate, first: int) -> Site:
    """Where a group is done: its values are known, for direct arguments of ordered sets."""
    groups = range(len(plan.groups))
    return site.with_columns(
        {(plan.relation, at): Code(f"s[{first + at}]", True, True) for at in groups}
    )


class _Grouping:
    """Writes the functions of one hash aggregation: over its input, and over what was spilled."""

    def __init__(self, compiler: Compiler, plan: n.Aggregate, states: list[State], keys: list[Key]):
        self._compiler = compiler
        self._plan = plan
        self._states = states
        self._keys = keys
        self._sets: tuple | None = getattr(plan, "grouping_sets", None)
        self._width = len(plan.groups) + (self._sets is not None)
        self._slots, self._initial = _slots_of(states, self._width)
        self._packed: Packed | None = None
        below = _below(plan)
        # Stored versions cannot leave the memory.
        self._spills = compiler.spills and all(key[1] != ROW for key in below)
        if not self._spills:
            compiler.hashed.append(bound_of(plan.input))

    def write(self, site: Site) -> None:
        again = None
        if self._spills:
            parameters = [*(local_name(key) for key in self._keys), "source", "level"]
            again = self._compiler.module.function("aggregate", parameters)

        def produce(at: Site, use: Callable[[Site], None]) -> None:
            self._compiler.produce(self._plan.input, at, _below(self._plan), use)

        self._loop(site, produce, again, "0")
        if again is None:
            return

        def reread(at: Site, use: Callable[[Site], None]) -> None:
            target = "r" if self._sets is None else "(number, r)"
            with at.function.loop(f"for {target} in source:"):
                use(at.with_columns(self._packed.columns("r")))

        columns = {key: Code(local_name(key), True, True) for key in self._keys}
        second = Site(self._compiler, again, columns, frozenset(columns))
        self._loop(second, reread, again, "level")

    def _loop(self, site: Site, produce: Produce, again: FunctionSource | None, level: str) -> None:
        function = site.function
        function.line("groups = {}")
        if again is not None:
            function.line(f"room = {site.name(Room, 'f')}(run, {level})")
            function.line("entries = room.entries")
            function.line("spilled = None")
        is_first = level == "0"
        if self._sets is not None and () in self._sets and is_first:
            self._empty_sets(function)

        def use(at: Site) -> None:
            codes, keys = _group_keys(at, self._plan)
            if self._sets is None:
                at.function.line(f"key = {_key_text(keys)}")
                self._update(at, "".join(f"{c.text}, " for c in codes), again)
                return
            with at.function.loop(f"for key, head in ({_set_keys(self._sets, codes, keys)}):"):
                if not is_first:
                    with at.function.block("if key[0] != number:"):
                        at.function.line("continue")
                self._update(at, "*head, ", again)

        produce(site, use)
        for state, names in zip(self._states, self._slots, strict=True):
            state.rest(site, names)
        if self._compiler.is_analyzed:
            file = "" if again is None else ", spilled and spilled.file"
            function.line(f"run.instruments.note_hash(groups{file})")
        self._results(site)
        if again is not None:
            _, arguments = site.arguments(self._keys)
            with function.block("if spilled is not None:"):
                function.line("groups.clear()")
                with function.loop("for part, deeper in spilled.parts():"):
                    function.line(f"yield from {again.name}({arguments}, part, deeper)")

    def _update(self, at: Site, head: str, again: FunctionSource | None) -> None:
        function = at.function
        made = f"s = groups[key] = [{head}{', '.join(self._initial)}]"
        if again is None:
            with function.block("if (s := groups.get(key)) is None:"):
                function.line(made)
            self._steps(at)
            return
        packed = self._compiler.pack(at, _below(self._plan))
        row = packed.text if self._sets is None else f"(key[0], {packed.text})"
        # What was spilled is packed in the same way when it is spilled again.
        self._packed = self._packed or packed
        room = "(len(groups) < entries or len(groups) < (entries := room.grow(groups)))"
        with function.block(f"if (s := groups.get(key)) is None and {room}:"):
            function.line(made)
        with function.block("if s is None:"):
            with function.block("if spilled is None:"):
                function.line(f"spilled = {at.name(SpilledGroups, 'f')}(run, room.level)")
            function.line(f"spilled.add(key, {row})")
        with function.block("else:"):
            self._steps(at)

    def _steps(self, at: Site) -> None:
        for state, names in zip(self._states, self._slots, strict=True):
            step(at, state, names)

    def _results(self, site: Site) -> None:
        plan, sets = self._plan, self._sets
        with site.function.loop("for s in groups.values():"):
            first = int(sets is not None)
            results = [f"s[{first + place}]" for place in range(len(plan.groups))]
            done = _with_groups(site, plan, first)
            for state, names in zip(self._states, self._slots, strict=True):
                results.append(state.final(done, names))
            results += _groupings(plan, site, sets)
            site.function.line(f"yield ({''.join(f'{text}, ' for text in results)})")

    def _empty_sets(self, function: FunctionSource) -> None:
        """The set of no columns has one row, even of no input."""
        nulls = "None, " * len(self._plan.groups)
        for number, members in enumerate(self._sets):
            if not members:
                state = f"[{number}, {nulls}{', '.join(self._initial)}]"
                function.line(f"groups[{number}, {nulls}] = {state}")


def _set_keys(sets: tuple, codes: list[Code], keys: list[str]) -> str:
    """For each grouping set: the key, and the values shown, NULL for what is not in the set."""
    texts = []
    for number, members in enumerate(sets):
        places = range(len(codes))
        key = "".join(f"{keys[p] if p in members else None}, " for p in places)
        head = "".join(f"{codes[p].text if p in members else None}, " for p in places)
        texts.append(f"(({number}, {key}), ({number}, {head})), ")
    return "".join(texts)


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


class SpilledGroups:
    """Rows of groups for which there was no room."""

    def __init__(self, run: Execution, level: int):
        self.file = SpillFile(run)
        self._level = level
        self._partitions = Partitions(self.file, level)
        self.add = self._partitions.add

    def parts(self) -> Iterator[tuple]:
        """Each partition, and the level at which it is grouped."""
        try:
            for part in self._partitions.parts:
                if part.count:
                    yield part, min(self._level + 1, MAX_LEVEL)
        finally:
            self.file.close()


PRODUCERS = {
    n.Aggregate: aggregate,
    n.HashAggregate: aggregate,
    n.SortedAggregate: aggregate,
}
