"""Syntax → plan: `bind_statement` gives a statement's meaning, with all names and types known.

    SELECT name FROM staff WHERE pay > $1

    Project #2 (#1.1)                     targets
      Filter #1.2 > $1                    $1 is numeric, as pay is
        Scan #1 staff(id, name, pay)

The clauses of a statement are bound one after the other over one growing `Scope`, and each puts its
operator on the plan. The files, in the order of that way:

    from_items, tables, table_functions   FROM: relations get numbers, names get into the scope
    with_queries, search_cycle            WITH
    expressions                           names, literals, casts, CASE, rows, arrays: begin here
    operators, calls, windows, subqueries what stands in expressions
    arrays, current_values, range_frames  the same
    sets                                  functions of many rows inside of expressions
    conversion                            literals read, casts put in, common types
    targets, grouping, locking, select    a SELECT as a whole
    set_operations, queries               UNION, VALUES, ORDER BY and LIMIT of them
    changes, insert, assignments, merge   INSERT, UPDATE, DELETE, MERGE
    part_assignments, updatable_views     parts of columns; views as targets
    cursor_rows                           WHERE CURRENT OF
    definitions                           defaults, checks, index expressions of tables

Errors are PostgreSQL's, in words, SQLSTATE and place.
Left out: TABLESAMPLE, user-made operators, rules.
# Real: parse_analyze() in analyze.c
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.sqldb.binder import changes, expressions, queries
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Scope, ScopeColumn
from services.sqldb.binder.statement import Parameters, Statement
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.errors import CANNOT_COERCE, SqlError
from services.sqldb.functions import ASSIGNMENT, builtin_library
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.nodes import BoundStatement, OneRow, OutputColumn, Project
from services.sqldb.syntax import nodes
from services.sqldb.syntax.parser import too_deep
from services.sqldb.types import SqlType
from services.sqldb.types.context import SessionContext

Bindable = nodes.Query | nodes.Insert | nodes.Update | nodes.Delete | nodes.Merge


def bind_statement(
    session: SessionContext,
    lookup: Lookup,
    node: Bindable,
    parameter_types: Sequence[SqlType | None] | None = None,
    check: Callable[[], None] | None = None,
) -> BoundStatement:
    """The plan of a statement. Raises SqlError.

    parameter_types: what the client says of $1, $2 …, None for each that is to be found out;
    without any (None) the statement can have no parameters. `check` is called now and then: it may
    raise what interrupts the statement.
    """
    state = new_statement(session, lookup, parameter_types)
    state.check = check
    try:
        return _bind(state, node)
    except RecursionError:
        raise too_deep() from None


def bind_scalar(
    session: SessionContext, lookup: Lookup, expression: nodes.Expression, type_: SqlType
) -> BoundStatement:
    """A plan of one row with the value of an expression without columns, as the type."""
    state = new_statement(session, lookup)
    scope = Scope(state, clause=Clause.EXECUTE)
    value = expressions.bind_as(scope, expression, type_, ASSIGNMENT)
    if value is None:
        found = expressions.bind(scope, expression).type
        message = f"cannot cast type {found} to {type_}"
        raise SqlError(CANNOT_COERCE, message, position=leftmost(expression))
    relation = state.new_relation()
    made = Project(OneRow(), relation, (value,), ("value",))
    output = (OutputColumn("value", ex.Column(value.type, relation, 0, "value")),)
    return BoundStatement(made, output, (), "SELECT", True)


def new_statement(
    session: SessionContext,
    lookup: Lookup,
    parameter_types: Sequence[SqlType | None] | None = None,
) -> Statement:
    """The state of one binding; the session's library, where it has one of its own."""
    library = getattr(session, "library", None) or builtin_library()
    library = lookup.library(library)
    names = getattr(session, "function_parameters", None)
    return Statement(lookup, session, library, Parameters(parameter_types), parameter_names=names)


def _bind(state: Statement, statement: Bindable) -> BoundStatement:
    scope = Scope(state)
    if isinstance(statement, nodes.Query):
        bound = queries.bind_query(scope, statement)
        command, output = "SELECT", _output(bound.columns)
    else:
        bound = changes.bind_change(scope, statement)
        command = type(statement).__name__.upper()
        has_rows = bool(getattr(statement, "returning", ()))
        output = _output(bound.columns) if has_rows else None
    return BoundStatement(
        bound.plan,
        output,
        state.parameters.types(),
        command,
        not state.changes_data and not state.locks_rows,
        tuple(state.table_locks.items()),
        tuple(state.accesses),
        frozenset(state.called),
    )


def _output(columns: tuple[ScopeColumn, ...]) -> tuple[OutputColumn, ...]:
    return tuple(
        OutputColumn(column.name, column.expression, column.table_oid, column.attribute)
        for column in columns
    )
