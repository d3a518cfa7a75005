"""INSERT, UPDATE, DELETE and MERGE.

    for each row of the input:
        the new row: values, generated columns, NOT NULL, CHECK
        UPDATE and DELETE: claim the row; if it has changed meanwhile, look again (`locking`)
        heap.insert / update / delete, which keeps the indexes and their uniqueness
        the hooks of the table are told (foreign keys, triggers)
        RETURNING: the row goes on to the operator above
    the hooks' end of statement

The statement does not see what it has written itself: the rows have its own command number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb.executor.locking import Recheck, held_columns, version_scan
from services.sqldb.executor.row_checks import check_violation, not_null_violation, second_change
from services.sqldb.executor.site import Code, Site
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import ROW, Key, needs_of_all

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Table
    from services.sqldb.executor.compiler import Compiler, Consume
    from services.sqldb.plan.expressions import Expression


class Target:
    """The names in the source that belong to the table which is changed."""

    def __init__(self, compiler: Compiler, site: Site, table: Table):
        number = compiler.module.fresh("target")[6:]
        function = site.function
        oid = site.name(table.oid)
        self.table = table
        self.table_name = site.name(table)
        self.heap = function.bind(f"heap_{number}", f"run.heap({oid})")
        self.watch = function.bind(f"watch_{number}", f"run.watcher({oid})")
        function.bind("transaction", "run.transaction")
        self.new = f"new_{number}"
        self.version = f"version_{number}"

    def columns(self, relation: int, row: str, version: str) -> dict[Key, Code]:
        columns = {
            (relation, at): Code(f"{row}[{at}]", not column.is_not_null, True)
            for at, column in enumerate(self.table.columns)
        }
        columns[relation, ROW] = Code(version, False, True)
        return columns


def _check_new(site: Site, target: Target, plan, relation: int) -> None:
    """Generated columns, then NOT NULL, then CHECK: `new` is complete and may be stored."""
    function, table = site.function, target.table
    at = site.with_columns(
        {(relation, i): Code(f"{target.new}[{i}]", True, True) for i in range(len(table.columns))}
    )
    if plan.generated:
        made = dict(plan.generated)
        items = [
            at.value(made[i]).text if i in made else f"{target.new}[{i}]"
            for i in range(len(table.columns))
        ]
        function.line(f"{target.new} = ({''.join(f'{item}, ' for item in items)})")
    required = [
        f"{target.new}[{i}] is None" for i, column in table.live_columns() if column.is_not_null
    ]
    if required:
        with function.block(f"if {' or '.join(required)}:"):
            error = site.name(not_null_violation, "f")
            function.line(f"raise {error}(run, {target.table_name}, {target.new})")
    for name, condition in plan.checks:
        with function.block(f"if {at.test(condition, False)}:"):
            error, constraint = site.name(check_violation, "f"), site.name(name)
            function.line(f"raise {error}(run, {target.table_name}, {target.new}, {constraint})")


def _changed(
    compiler: Compiler, site: Site, target: Target, plan, old: str, new: str, consume: Consume
) -> None:
    """A row has been written: count it, tell the hooks, compute RETURNING."""
    function = site.function
    if plan is compiler.root:
        function.line("run.affected += 1")
    with function.block(f"if {target.watch} is not None:"):
        function.line(f"{target.watch}.after({old}, {new})")
    returning = getattr(plan, "returning", None)
    if returning is None:
        return
    columns = {}
    for place, expression in enumerate(returning):
        code = site.value(expression)
        name = site.temporary()
        function.line(f"{name} = {code.text}")
        columns[plan.returning_relation, place] = Code(name, code.nullable, True)
    consume(site.with_columns(columns))


def _finish(site: Site, target: Target) -> None:
    with site.function.block(f"if {target.watch} is not None:"):
        site.function.line(f"{target.watch}.finish()")


def _returning_needs(plan) -> set[Key]:
    return needs_of_all(plan.returning or ())


def insert(
    compiler: Compiler, plan: n.Insert, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    target = Target(compiler, site, plan.table)
    compiler.remember_table(plan.relation, plan.table.oid)
    below = frozenset(needs_of_all(plan.source))

    def use(at: Site) -> None:
        function = at.function
        texts = "".join(f"{at.value(column).text}, " for column in plan.source)
        function.line(f"{target.new} = ({texts})")
        _check_new(at, target, plan, plan.relation)
        if plan.conflict is not None:
            _upsert(compiler, plan, at, target, consume)
            return
        function.line(f"{target.version} = {target.heap}.insert(transaction, {target.new})")
        stored = at.with_columns(target.columns(plan.relation, target.new, target.version))
        _changed(compiler, stored, target, plan, "None", target.version, consume)

    compiler.produce(plan.input, site, below, use)
    _finish(site, target)


def unique_indexes(heap, oids: tuple[int, ...]) -> list:
    """The indexes whose conflicts count: those named, or all unique ones."""
    return [index for index in heap.indexes if index.is_unique and (not oids or index.oid in oids)]


def _upsert(
    compiler: Compiler, plan: n.Insert, site: Site, target: Target, consume: Consume
) -> None:
    """Insert, unless a row is in the way; then nothing, or an update of that row.

    Round and round, until one of the two has happened while nobody else came in between.
    """
    function, conflict = site.function, plan.conflict
    indexes = function.bind(
        f"unique_{target.new}",
        f"{site.name(unique_indexes, 'f')}({target.heap}, {site.name(conflict.indexes)})",
    )
    rival, old, updates = site.temporary(), site.temporary(), conflict.assignments is not None
    function.line(f"{target.version} = None")
    function.line(f"{old} = None")
    with function.loop("while True:"):
        function.line(
            f"{rival} = {target.heap}.find_conflict(transaction, {target.new}, {indexes}, "
            f"is_to_be_updated={updates})"
        )
        with function.block(f"if {rival} is None:"):
            function.line(f"{target.version} = {target.heap}.insert(transaction, {target.new})")
            function.line("break")
        if updates:
            _update_rival(plan, site, target, rival, old)
        else:
            function.line("break")
    with function.block(f"if {target.version} is not None:"):
        row = site.temporary()
        function.line(f"{row} = {target.version}.values")
        stored = site.with_columns(target.columns(plan.relation, row, target.version))
        _changed(compiler, stored, target, plan, old, target.version, consume)


def _update_rival(plan: n.Insert, site: Site, target: Target, rival: str, old: str) -> None:
    function, conflict = site.function, plan.conflict
    there, updated = site.temporary(), site.temporary()
    function.line(f"{there} = {rival}.values")
    columns = target.columns(conflict.target_relation, there, rival)
    columns |= target.columns(conflict.excluded_relation, target.new, "None")
    at = site.with_columns(columns)
    if conflict.condition is not None:
        with function.block(f"if not {at.test(conflict.condition)}:"):
            # The row stays locked all the same, as in PostgreSQL.
            function.line("break")
    function.line(f"{updated} = {_assigned(at, conflict.assignments, there, target.table)}")
    inner = Target.__new__(Target)
    inner.table, inner.table_name, inner.new = target.table, target.table_name, updated
    _check_new(at, inner, plan, plan.relation)
    with function.block(f"if {target.heap}.claim(transaction, {rival}, {updated}) is {rival}:"):
        update = f"{target.heap}.update(transaction, {rival}, {updated})"
        function.line(f"{old}, {target.version} = {rival}, {update}")
        function.line("break")


def _assigned(
    site: Site, assignments: tuple[tuple[int, Expression], ...], old: str, table: Table
) -> str:
    """The new row: what is assigned, and the rest of the old one."""
    given = dict(assignments)
    items = [
        site.value(given[at]).text if at in given else f"{old}[{at}]"
        for at in range(len(table.columns))
    ]
    return f"({''.join(f'{item}, ' for item in items)})"


def update(
    compiler: Compiler, plan: n.Update, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    target = Target(compiler, site, plan.table)
    values = [expression for _, expression in plan.assignments]
    below = frozenset(needs_of_all(values) | _returning_needs(plan) | {(plan.relation, ROW)})
    new_relation = plan.new_relation or plan.relation

    def use(at: Site) -> None:
        function = at.function
        keys, names, inner = _held(at, below, plan.relation)
        version = inner.columns[plan.relation, ROW].text
        recheck = at.name(Recheck(plan.input, plan.relation, keys))
        old, claimed = at.temporary(), at.temporary()
        with function.loop("while True:"):
            function.line(f"{old} = {version}.values")
            row = _assigned(inner, plan.assignments, old, plan.table)
            function.line(f"{target.new} = {row}")
            _check_new(inner, target, plan, new_relation)
            claim = f"{target.heap}.claim(transaction, {version}, {target.new})"
            function.line(f"{claimed} = {claim}")
            with function.block(f"if {claimed} is {version}:"):
                write = f"{target.heap}.update(transaction, {version}, {target.new})"
                function.line(f"{target.version} = {write}")
                stored = inner.with_columns(
                    target.columns(new_relation, target.new, target.version)
                )
                _changed(compiler, stored, target, plan, version, target.version, consume)
                function.line("break")
            _look_again(function, recheck, claimed, names)

    compiler.produce(plan.input, site, below, use)
    _finish(site, target)


def _held(site: Site, needed: frozenset[Key], relation: int) -> tuple[list[Key], list[str], Site]:
    keys, names = held_columns(site, needed, relation)
    columns = {
        key: Code(name, site.columns[key].nullable, True)
        for key, name in zip(keys, names, strict=True)
    }
    return keys, names, site.with_columns(columns)


def _look_again(function, recheck: str, claimed: str, names: list[str]) -> None:
    """Somebody has changed the row: go on with it as it is now, if it still fits."""
    with function.block(
        f"if {claimed} is None or ({claimed} := {recheck}.first(run, {claimed})) is None:"
    ):
        function.line("break")
    function.line(f"{''.join(f'{name}, ' for name in names)}= {claimed}")


def delete(
    compiler: Compiler, plan: n.Delete, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    target = Target(compiler, site, plan.table)
    below = frozenset(_returning_needs(plan) | {(plan.relation, ROW)})

    def use(at: Site) -> None:
        function = at.function
        keys, names, inner = _held(at, below, plan.relation)
        version = inner.columns[plan.relation, ROW].text
        recheck = at.name(Recheck(plan.input, plan.relation, keys))
        claimed = at.temporary()
        with function.loop("while True:"):
            function.line(f"{claimed} = {target.heap}.claim(transaction, {version})")
            with function.block(f"if {claimed} is {version}:"):
                function.line(f"{target.heap}.delete(transaction, {version})")
                _changed(compiler, inner, target, plan, version, "None", consume)
                function.line("break")
            _look_again(function, recheck, claimed, names)

    compiler.produce(plan.input, site, below, use)
    _finish(site, target)


def merge(
    compiler: Compiler, plan: n.Merge, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """For each pair of source and target row the first WHEN that fits; none: nothing happens."""
    target = Target(compiler, site, plan.table)
    expressions = [
        expression
        for when in plan.whens
        for expression in (when.condition, *(value for _, value in when.assignments))
        if expression is not None
    ]
    below = frozenset(needs_of_all(expressions) | {(plan.relation, ROW)})

    def use(at: Site) -> None:
        function = at.function
        keys, names, inner = _held(at, below, plan.relation)
        version = inner.columns[plan.relation, ROW].text
        recheck = at.name(Recheck(plan.input, plan.relation, keys))
        with function.loop("while True:"):
            with function.block(f"if {version} is not None:"):
                _whens(compiler, plan, inner, target, version, True, (recheck, names))
            with function.block("else:"):
                _whens(compiler, plan, inner, target, version, False, (recheck, names))
            function.line("break")

    compiler.produce(plan.input, site, below, use)
    _finish(site, target)


def _whens(
    compiler: Compiler, plan: n.Merge, site: Site, target: Target, version: str,
    is_matched: bool, again: tuple[str, list[str]],
) -> None:  # fmt: skip
    function = site.function
    for when in plan.whens:
        if when.is_matched is not is_matched:
            continue
        test = "True" if when.condition is None else site.test(when.condition)
        with function.block(f"if {test}:"):
            _merge_action(compiler, plan, when, site, target, version, again)
            function.line("break")


def _merge_action(
    compiler: Compiler, plan: n.Merge, when: n.MergeWhen, site: Site, target: Target,
    version: str, again: tuple[str, list[str]],
) -> None:  # fmt: skip
    function, action = site.function, when.action
    if action is n.MergeAction.NOTHING:
        return
    new_relation = plan.new_relation or plan.relation
    if action is n.MergeAction.INSERT:
        given = dict(when.assignments)
        width = len(plan.table.columns)
        items = [site.value(given[at]).text if at in given else "None" for at in range(width)]
        function.line(f"{target.new} = ({''.join(f'{item}, ' for item in items)})")
        _check_new(site, target, plan, new_relation)
        function.line(f"{target.version} = {target.heap}.insert(transaction, {target.new})")
        _changed(compiler, site, target, plan, "None", target.version, _nothing)
        return
    new = target.new
    if action is n.MergeAction.UPDATE:
        old = site.temporary()
        function.line(f"{old} = {version}.values")
        function.line(f"{new} = {_assigned(site, when.assignments, old, plan.table)}")
        _check_new(site, target, plan, new_relation)
        claim = f"{target.heap}.claim(transaction, {version}, {new})"
    else:
        claim = f"{target.heap}.claim(transaction, {version})"
    claimed = site.temporary()
    function.line(f"{claimed} = {claim}")
    with function.block(f"if {claimed} is not {version}:"):
        with function.block(f"if {claimed} is None and {version}.xmax == transaction.xid:"):
            function.line(f"raise {site.name(second_change, 'f')}()")
        recheck, names = again
        with function.block(
            f"if {claimed} is None or ({claimed} := {recheck}.first(run, {claimed})) is None:"
        ):
            function.line("break")
        function.line(f"{''.join(f'{name}, ' for name in names)}= {claimed}")
        function.line("continue")
    if action is n.MergeAction.UPDATE:
        write = f"{target.heap}.update(transaction, {version}, {new})"
        function.line(f"{target.version} = {write}")
        _changed(compiler, site, target, plan, version, target.version, _nothing)
    else:
        function.line(f"{target.heap}.delete(transaction, {version})")
        _changed(compiler, site, target, plan, version, "None", _nothing)


def _nothing(site: Site) -> None:
    """MERGE has no RETURNING."""


PRODUCERS = {
    n.Insert: insert,
    n.Update: update,
    n.Delete: delete,
    n.Merge: merge,
    n.VersionScan: version_scan,
}
