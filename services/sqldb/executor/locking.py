"""Rows that are to be changed or locked: whose turn it is, and whether they still fit.

Under READ COMMITTED somebody else may have changed a row between the moment when this statement has
seen it and the moment when it wants to change it. It then waits for him, takes the row as it is
now, and asks again whether the row fulfils the conditions: the plan below is run once more with
just this version in place of the scan of its table.
# Real: EvalPlanQual()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.sqldb.executor.site import Code, Site
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import ROW, Key, walk_plan
from services.sqldb.transactions.row_locks import RowLock, WaitPolicy

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume

STRENGTHS = {
    n.RowLockMode.KEY_SHARE: RowLock.KEY_SHARE,
    n.RowLockMode.SHARE: RowLock.SHARE,
    n.RowLockMode.NO_KEY_UPDATE: RowLock.NO_KEY_UPDATE,
    n.RowLockMode.UPDATE: RowLock.UPDATE,
}
POLICIES = {
    n.LockWait.BLOCK: WaitPolicy.BLOCK,
    n.LockWait.NOWAIT: WaitPolicy.NOWAIT,
    n.LockWait.SKIP_LOCKED: WaitPolicy.SKIP,
}


class Recheck:
    """The second look: the plan with one version in place of a table, compiled when first
    needed."""

    def __init__(self, plan: n.Plan, relation: int, keys: list[Key]):
        self._plan = plan
        self._relation = relation
        self._keys = keys
        self._compiled: Any = None

    def first(self, run, version) -> tuple | None:
        """The columns `keys` of the first row that this version makes; None: it fits no more."""
        if self._compiled is None:
            self._compiled = _compile_recheck(self._plan, self._relation, self._keys)
        nested = run.nested(self._compiled.slot_count)
        nested.recheck_version = version
        return next(self._compiled.rows(nested), None)


def _compile_recheck(plan: n.Plan, relation: int, keys: list[Key]) -> Any:
    from services.sqldb.executor.compiler import compile_plan
    from services.sqldb.types import BOOL

    def one_version(item: n.Plan) -> n.Plan:
        if isinstance(item, n.Scan) and item.relation == relation:
            return n.VersionScan(relation, item.table)
        if isinstance(item, n.IndexScan | n.BitmapScan) and item.relation == relation:
            implied = getattr(item, "implied", None)
            asked = (item.condition, item.filter, implied)
            conditions = [part for part in asked if part is not None]
            scan = n.VersionScan(relation, item.table)
            if not conditions:
                return scan
            return n.Filter(scan, ex.And(BOOL, tuple(conditions)))
        if isinstance(item, n.LockRows):
            return item.input
        return item

    output = tuple(
        ex.SystemColumn(BOOL, key[0], "") if key[1] == ROW else ex.Column(BOOL, *key)
        for key in keys
    )
    return compile_plan(n.rewrite_plan(plan, one_version), output)


def version_scan(
    compiler: Compiler, plan: Any, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """The row of which `run.recheck_version` is the version."""
    from services.sqldb.executor.index_scans import table_columns

    head, row = compiler.module.fresh("h"), compiler.module.fresh("v")
    site.function.line(f"{head} = run.recheck_version")
    site.function.line(f"{row} = {head}.values")
    consume(site.with_columns(table_columns(plan, row, head)))


def held_columns(site: Site, needed: frozenset[Key], relation: int) -> tuple[list[Key], list[str]]:
    """Put the needed columns into locals that a second look can set anew."""
    keys = sorted(
        key for key in needed | {(relation, ROW)} if key in site.columns and key not in site.outer
    )
    names = [site.temporary() for _ in keys]
    targets = "".join(f"{name}, " for name in names)
    values = "".join(f"{site.columns[key].text}, " for key in keys)
    site.function.line(f"{targets}= {values}")
    return keys, names


def lock_rows(
    compiler: Compiler, plan: n.LockRows, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    """FOR UPDATE and its like. A row that has changed goes on as it is now, if it still fits."""
    below = frozenset(needed | {(relation, ROW) for relation in plan.relations})
    tables = {
        item.relation: item.table.oid
        for item in walk_plan(plan.input)
        if isinstance(item, n.Scan | n.IndexScan | n.BitmapScan)
    }

    def use(at: Site) -> None:
        function = at.function
        keys, names = held_columns(at, below, plan.relations[0])
        columns = {
            key: Code(name, at.columns[key].nullable, True)
            for key, name in zip(keys, names, strict=True)
        }
        inner = at.with_columns(columns)
        locked = at.temporary()
        function.line(f"{locked} = True")
        for relation in plan.relations:
            version = columns[relation, ROW].text
            lock = RowLocker(plan, relation, tables[relation], Recheck(plan.input, relation, keys))
            targets = "".join(f"{name}, " for name in names)
            with function.block(f"if {locked} and {version} is not None:"):
                result = at.temporary()
                function.line(f"{result} = {at.name(lock)}.lock(run, {version})")
                with function.block(f"if {result} is None:"):
                    function.line(f"{locked} = False")
                with function.block(f"elif {result} is not True:"):
                    function.line(f"{targets}= {result}")
        with function.block(f"if {locked}:"):
            consume(inner)

    compiler.produce(plan.input, site, below, use)


class RowLocker:
    """Locks the rows of one relation of a FOR UPDATE."""

    def __init__(self, plan: n.LockRows, relation: int, table_oid: int, recheck: Recheck):
        self._strength = STRENGTHS[plan.mode]
        self._policy = POLICIES[plan.wait]
        self._oid = table_oid
        self._recheck = recheck
        self._relation = relation

    def lock(self, run, version) -> tuple | bool | None:
        """True: locked as it was seen. A tuple: the columns as they are now. None: leave it out."""
        heap = run.heap(self._oid)
        seen = version
        while True:
            newest = heap.lock_row(run.transaction, version, self._strength, self._policy)
            if newest is None:
                return None
            if newest is version:
                return True if version is seen else self._recheck.first(run, version)
            version = newest
