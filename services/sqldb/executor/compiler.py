"""A plan becomes Python functions: one loop for each pipeline.

The classical way to run a plan is to give each operator a `next()` that asks the operator below it
for a row: simple, and in Python hopeless, since every row pays several calls per operator. The
other way, taken here, is to let the operators *write the program* that one would write by hand.

**produce and consume.** Every operator knows how to write code in two halves. `produce` is asked
from above to write what makes rows; where a row is at hand it calls back `consume`, and the
operator above writes what is to be done with it, right there, inside the loop:

    Aggregate sum(o.total)                       def aggregate1(run):
      HashJoin o.customer = c.id                     heap1 = run.heap(k1); …
        Filter o.total > 10                          table1 = build1(run)
          Scan orders o                              a1 = None
        Scan customers c                             … for h1 in b1:                    Scan orders
                                                         v1 = h1.values
    def build1(run):                                     if v1[2] > k2:                 Filter
        table = {}                                           for r1 in table1.get(v1[1], ()):  join
        … for h2 in b2:                                          a1 = v1[2] if a1 is None else …
            v2 = h2.values                           return (a1,)
            table[v2[0]] = [v2]
        return table                             def execute(run):
                                                     r2 = aggregate1(run)
                                                     yield (r2[0],)

Columns are Python locals or items of a row's tuple; a filter is an `if`, a join a `for`. Nothing is
called per row that need not be. A **pipeline** ends where all rows must be there before the next
step (the table of a hash join, a sort, an aggregate); there a new function begins. Where rows must
flow one by one between two functions (LIMIT, which has to stop all loops of its input, or more
loops than Python can nest), the first is a generator.

The source depends on the shape of the plan alone, see `source`. It is made once for a prepared
statement and run with any parameters; what belongs to one run stands in `run`, an `Execution`.

A statement has two forms. The one above keeps the tables of hashes in memory, in the loop itself.
It is used where the tables it reads are so small that work_mem suffices for certain (`bounds`,
asked when a run begins); else the form that can go to the disk (`hash_joins`, `groups`,
`distinct_rows`), compiled when first needed.

`Analyzed` plans (EXPLAIN ANALYZE) are compiled with a generator for every operator, so that rows
and times can be told apart; that is slower, as it is in PostgreSQL.
# Real: HyPer (Neumann, Efficiently Compiling Efficient Query Plans for Modern Hardware, 2011)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

from services.sqldb.executor import changes, groups, joins, rows, scans, sets, windows
from services.sqldb.executor.bounds import Bound, fits
from services.sqldb.executor.execution import BATCH_ROWS, CHANGED_ROWS, Execution
from services.sqldb.executor.expressions import test_of, value_of
from services.sqldb.executor.instruments import Instruments, measured
from services.sqldb.executor.site import Code, Site, local_name
from services.sqldb.executor.source import ModuleSource, load
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import FreeKeys, Key, needs_of_all, outputs, walk_plan
from services.sqldb.plan.expressions import Expression

Consume = Callable[[Site], None]
NO_KEYS: frozenset[Key] = frozenset()


class Packed(NamedTuple):
    """Some columns as one Python value: its text, and what each column is of such a row."""

    text: str
    places: dict[Key, int]
    nullable: dict[Key, bool]
    width: int

    def columns(self, row: str, *, nullable: bool = False) -> dict[Key, Code]:
        return {
            key: Code(f"{row}[{place}]", nullable or self.nullable[key], True)
            for key, place in self.places.items()
        }


class Compiler:
    """Writes the functions of one plan. `produce` writes the loop that makes a plan's rows."""

    def __init__(self, is_analyzed: bool = False, spills: bool = False):
        # Called now and then: a large plan takes its time.
        self.check: Callable[[], None] = lambda: None
        self.module = ModuleSource()
        self.made: dict[object, str] = {}
        self.is_analyzed = is_analyzed
        # Whether hash tables may go to the disk; if not, how large each of them can get.
        self.spills = spills
        self.hashed: list[Bound] = []
        # The statement that changes data, if it is one: its rows are counted, not those of a WITH.
        self.root: n.Plan | None = None
        self.batch_rows = BATCH_ROWS
        # Whether something has to be closed at the end of a run: `Execution.at_end`.
        self.has_end = False
        self.nodes: dict[int, n.Plan] = {}
        self._slots: dict[int, int] = {}
        self._kept: list[object] = []
        self.cte_slots: dict[int, int] = {}
        self.free_keys = FreeKeys().of
        self._table_oids: dict[int, int] = {}
        # Functions that are called for each row of a loop have their own names here.
        self.value_of = value_of
        self.test_of = test_of
        self.module.namespace["islice"] = islice

    def produce(self, plan: n.Plan, site: Site, needed: frozenset[Key], consume: Consume) -> None:
        """Write code that makes the plan's rows at `site`; `consume` writes what is done with one.

        Where `consume` is called, all columns in `needed` are known, and it is called once.
        """
        self.check()
        function = site.function
        if self.is_analyzed or function.is_deep:
            self.produce_apart(plan, site, needed, consume)
        else:
            # Each operator on the way down may open a loop on the way up.
            function.pending += 1
            _PRODUCERS[type(plan)](self, plan, site, needed, consume)
            function.pending -= 1

    def produce_apart(
        self, plan: n.Plan, site: Site, needed: frozenset[Key], consume: Consume
    ) -> None:
        """The same with a generator in between."""
        call, packed = self.generator(plan, site, needed)
        row = self.module.fresh("r")
        with site.function.loop(f"for {row} in {call}:"):
            consume(site.with_columns(packed.columns(row)))

    def generator(
        self,
        plan: n.Plan,
        site: Site,
        needed: frozenset[Key],
        extra: tuple[Expression, ...] = (),
        prefix: str = "rows",
    ) -> tuple[str, Packed]:
        """A function that yields the plan's rows: the text of its call, and what a row holds.

        Values of `extra` expressions follow the columns (the keys of a sort).
        """
        keys = self.free_keys(plan) | (needs_of_all(extra) & site.columns.keys())
        known, arguments = site.arguments(keys)
        function = self.module.function(prefix, [local_name(key) for key in known])
        inner = site.enter(function, known)
        made: list[Packed] = []

        def consume(at: Site) -> None:
            made.append(self.pack(at, needed, extra))
            function.line(f"yield {made[0].text}")

        number = self.number_of(plan) if self.is_analyzed else 0
        _PRODUCERS[type(plan)](self, plan, inner, needed, consume)
        self.check()
        if not made:
            # A statement that changes data and gives no rows.
            made.append(Packed("()", {}, {}, 0))
            function.line("yield from ()")
        call = f"{function.name}({arguments})"
        if self.is_analyzed:
            call = f"{site.name(measured, 'f')}(run, {number}, {call})"
        return call, made[0]

    def number_of(self, plan: n.Plan) -> int:
        """The number under which EXPLAIN ANALYZE counts this operator."""
        self.nodes.setdefault(id(plan), plan)
        return list(self.nodes).index(id(plan))

    def pack(
        self, site: Site, needed: frozenset[Key], extra: tuple[Expression, ...] = ()
    ) -> Packed:
        """The needed columns as one value: the stored row itself, if it has them all."""
        keys = sorted(key for key in needed if key in site.columns and key not in site.outer)
        codes = [site.columns[key] for key in keys]
        codes += [site.value(expression) for expression in extra]
        nullable = {key: code.nullable for key, code in zip(keys, codes, strict=False)}
        if codes:
            base, bracket, _ = codes[0].text.partition("[")
            start = base + bracket
            if (
                bracket
                and base.isidentifier()
                and all(
                    code.text.startswith(start) and code.text[len(start) : -1].isdecimal()
                    for code in codes
                )
                and not extra
            ):
                spots = [int(code.text[len(start) : -1]) for code in codes]
                places = dict(zip(keys, spots, strict=False))
                return Packed(base, places, nullable, max(spots) + 1)
        text = "(" + "".join(f"{code.text}, " for code in codes) + ")"
        return Packed(text, {key: at for at, key in enumerate(keys)}, nullable, len(codes))

    def outputs(self, plan: n.Plan) -> list[Key]:
        return outputs(plan) or []

    def keep(self, thing: object) -> None:
        """Hold on to an object whose id stands for it in `made`."""
        self._kept.append(thing)

    def slot(self, thing: object = None) -> int:
        """A place in `run.slots`: the same one for the same object."""
        if thing is None:
            thing = object()
        self.keep(thing)
        return self._slots.setdefault(id(thing), len(self._slots))

    @property
    def slot_count(self) -> int:
        return len(self._slots)

    def remember_table(self, relation: int, oid: int) -> None:
        self._table_oids[relation] = oid

    def table_oid(self, relation: int) -> str:
        return self.module.constant(self._table_oids.get(relation, 0))


Producer = Callable[[Compiler, n.Plan, Site, frozenset[Key], Consume], None]

_PRODUCERS: dict[type, Producer] = {
    **scans.PRODUCERS,
    **rows.PRODUCERS,
    **joins.PRODUCERS,
    **groups.PRODUCERS,
    **windows.PRODUCERS,
    **sets.PRODUCERS,
    **changes.PRODUCERS,
}


@dataclass(slots=True)
class CompiledPlan:
    """A plan that can be run any number of times, by several sessions."""

    plan: n.Plan
    source: str
    slot_count: int
    nodes: list[n.Plan] = field(default_factory=list)
    _execute: Callable[[Execution], Iterator[tuple]] | None = None
    # Sizes of hash tables that must stay in memory, and the form of the plan where they need not.
    _hashed: list[Bound] = field(default_factory=list)
    _make_spilling: Callable[[], CompiledPlan] | None = None
    _spilling: CompiledPlan | None = None
    batch_rows: int = BATCH_ROWS
    """How many rows are handled between two looks at the interrupts."""
    has_end: bool = False

    def rows(self, run: Execution) -> Iterator[tuple]:
        """The rows of the output, one tuple each; of a statement without output, none.

        Nothing is done before the first is asked for: a statement that changes data is run by
        asking until the end. `run.affected` then has the count.
        """
        if self._hashed and not fits(self._hashed, run):
            if self._spilling is None:
                self._spilling = self._make_spilling()
            return self._spilling.rows(run)
        run.begin(self.slot_count, self.batch_rows)
        if self.nodes:
            run.instruments = Instruments(self.nodes)
        rows = self._execute(run)
        return run.until_end(rows) if self.has_end else rows


def compile_plan(
    plan: n.Plan,
    output: tuple[Expression, ...] | None,
    *,
    is_analyzed: bool = False,
    spills: bool = False,
    check: Callable[[], None] = lambda: None,
) -> CompiledPlan:
    """Make the functions of a plan. `output` are the client's columns over the plan's columns.

    `check` is called now and then: it may raise what interrupts the statement.
    """
    compiler = Compiler(is_analyzed, spills)
    compiler.check = check
    function = compiler.module.function("execute", [])
    site = Site(compiler, function, {})

    def consume(at: Site) -> None:
        function.line(f"yield {_output_tuple(compiler, at, output or ())}")

    compiler.root = plan.input if isinstance(plan, n.With) else plan
    if any(isinstance(item, sets.CHANGES) for item in walk_plan(plan)):
        compiler.batch_rows = CHANGED_ROWS
    compiler.produce(plan, site, frozenset(needs_of_all(output or ())), consume)
    if not any("yield" in line for line in function.lines):
        function.line("yield from ()")
    namespace = load(compiler.module, check)
    return CompiledPlan(
        plan,
        compiler.module.text(),
        compiler.slot_count,
        list(compiler.nodes.values()),
        namespace[function.name],
        [] if spills else compiler.hashed,
        partial(compile_plan, plan, output, is_analyzed=is_analyzed, spills=True),
        batch_rows=compiler.batch_rows,
        has_end=compiler.has_end,
    )


def _output_tuple(compiler: Compiler, site: Site, output: tuple[Expression, ...]) -> str:
    texts = [site.value(expression).text for expression in output]
    return "(" + "".join(f"{text}, " for text in texts) + ")"


def explain_source(plan: n.Plan, output: tuple[Expression, ...] | None) -> str:
    """The generated Python of a plan, for EXPLAIN's debug option."""
    return compile_plan(plan, output).source
