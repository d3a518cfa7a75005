"""The operators of the algebra: each takes rows and makes rows.

    logical     what the binder writes
    physical    how that may be done, which the optimizer puts in its place

The executor knows both kinds. Everybody imports them from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from services.sqldb.plan.accesses import Access
from services.sqldb.plan.logical import (
    Aggregate,
    ConflictClause,
    CteDefinition,
    CteScan,
    Delete,
    Distinct,
    Filter,
    FunctionScan,
    Insert,
    Join,
    JoinKind,
    Limit,
    LockRows,
    LockWait,
    Merge,
    MergeAction,
    MergeWhen,
    NoRows,
    OneRow,
    OutputColumn,
    Plan,
    Project,
    ProjectSet,
    RecursiveUnion,
    RowLockMode,
    Scan,
    SetKind,
    SetOperation,
    Sort,
    SystemScan,
    Update,
    Values,
    Window,
    With,
    WorkTableScan,
)
from services.sqldb.plan.physical import (
    BitmapPart,
    BitmapScan,
    HashAggregate,
    HashJoin,
    IndexScan,
    KeyRange,
    MergeJoin,
    NestedLoop,
    SortedAggregate,
    TopN,
    VersionScan,
)

__all__ = [
    "Access",
    "Aggregate",
    "BitmapPart",
    "BitmapScan",
    "BoundStatement",
    "ConflictClause",
    "CteDefinition",
    "CteScan",
    "Delete",
    "Distinct",
    "Filter",
    "FunctionScan",
    "HashAggregate",
    "HashJoin",
    "IndexScan",
    "Insert",
    "Join",
    "JoinKind",
    "KeyRange",
    "Limit",
    "LockRows",
    "LockWait",
    "Merge",
    "MergeAction",
    "MergeJoin",
    "MergeWhen",
    "NestedLoop",
    "NoRows",
    "OneRow",
    "OutputColumn",
    "Plan",
    "Project",
    "ProjectSet",
    "RecursiveUnion",
    "RowLockMode",
    "Scan",
    "SetKind",
    "SetOperation",
    "Sort",
    "SortedAggregate",
    "SystemScan",
    "TopN",
    "Update",
    "Values",
    "VersionScan",
    "Window",
    "With",
    "WorkTableScan",
    "rewrite_plan",
]


def rewrite_plan(plan: Plan, change: Callable[[Plan], Plan]) -> Plan:
    """The plan with `change` applied to each operator, from the leaves upward."""
    changes = {}
    for field in fields(plan):
        old = getattr(plan, field.name)
        if isinstance(old, Plan):
            new: object = rewrite_plan(old, change)
        elif isinstance(old, tuple) and any(isinstance(item, Plan) for item in old):
            new = tuple(rewrite_plan(item, change) for item in old)
            if all(mine is theirs for mine, theirs in zip(new, old, strict=True)):
                new = old
        else:
            continue
        if new is not old:
            changes[field.name] = new
    return change(replace(plan, **changes) if changes else plan)


@dataclass(frozen=True, slots=True)
class BoundStatement:
    """What the binder makes of a SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES.

    `output` are the columns for the client, expressions over the plan's columns (junk columns of
    ORDER BY are not among them); None for a statement that gives no rows. `parameter_types` in
    the order of $1, $2, …. `tables` are all tables it reads or writes with the lock it needs.
    """

    plan: Plan
    output: tuple[OutputColumn, ...] | None
    parameter_types: tuple
    # "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE": the word of CommandComplete.
    command: str
    is_read_only: bool
    # (table oid, lock mode name such as "AccessShareLock")
    table_locks: tuple[tuple[int, str], ...] = ()
    # What it does with which table, and the oids of functions that it calls: for permissions.
    accesses: tuple[Access, ...] = ()
    called: frozenset[int] = frozenset()
