"""Expressions that belong to a table and not to a query: defaults, checks, generated columns,
index keys and predicates. The catalog has them as text; here they are bound to the table's columns.
"""

from __future__ import annotations

from services.sqldb.binder import expressions
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import convert, resolve_unknown
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.statement import Statement
from services.sqldb.binder.tables import table_item
from services.sqldb.binder.trees import contains, replace_down
from services.sqldb.catalog.definitions import Column, ConstraintKind, Table
from services.sqldb.errors import (
    DATATYPE_MISMATCH,
    FEATURE_NOT_SUPPORTED,
    INVALID_COLUMN_REFERENCE,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.syntax.parser import parse_expression
from services.sqldb.types import INT8, SqlType, format_type


def column_type(statement: Statement, column: Column) -> SqlType:
    return statement.lookup.types.by_oid(column.type_oid)


def default_of(statement: Statement, table: Table, index: int) -> ex.Expression:
    """What a column gets when an INSERT gives it nothing: its default, a number, or NULL."""
    column = table.columns[index]
    type_ = column_type(statement, column)
    if column.is_dropped:
        return ex.Constant(type_, None)
    if column.sequence_oid:
        value = ex.NextValue(INT8, column.sequence_oid)
        return convert(statement, value, type_, column.typmod, "a")
    domain = statement.lookup.view.state.get(type_.oid) if type_.base is not None else None
    if column.default is None and domain is not None:
        # Of a domain, the default; without one, NULL goes past the checks.
        text = getattr(domain, "default", None) or "NULL"
        return bind_default(statement, parse_expression(text), column.name, type_, -1)
    if column.default is None:
        return ex.Constant(type_, None)
    return bind_default(
        statement, parse_expression(column.default), column.name, type_, column.typmod
    )


def bind_default(
    statement: Statement, node: nodes.Expression, name: str, type_: SqlType, typmod: int
) -> ex.Expression:
    """DEFAULT node of a column of this type; 42804 if it does not fit."""
    scope = Scope(statement, clause=Clause.DEFAULT)
    value = expressions.bind(scope, node)
    return _assigned(statement, value, name, type_, typmod, leftmost(node), "default expression")


def _assigned(
    statement: Statement,
    value: ex.Expression,
    name: str,
    type_: SqlType,
    typmod: int,
    position: int,
    what: str,
) -> ex.Expression:
    converted = convert(statement, value, type_, typmod, "a", position)
    if converted is None:
        raise SqlError(
            DATATYPE_MISMATCH,
            f'column "{name}" is of type {format_type(type_)} but {what} is of type {value.type}',
            hint="You will need to rewrite or cast the expression.",
            position=-1,
        )
    return converted


def table_scope(statement: Statement, table: Table, relation: int, clause: Clause) -> Scope:
    """The scope of an expression over one row of the table."""
    scope = Scope(statement, clause=clause)
    scope.add(table_item(statement, table, relation))
    return scope


def bind_table_expression(
    statement: Statement, table: Table, node: nodes.Expression, relation: int, clause: Clause
) -> ex.Expression:
    """Any expression over a row of the table, which is the relation of this number."""
    value = expressions.bind(table_scope(statement, table, relation, clause), node)
    return resolve_unknown(statement, without_system_columns(table, value, node, clause))


def bind_table_condition(
    statement: Statement, table: Table, node: nodes.Expression, relation: int, clause: Clause
) -> ex.Expression:
    construct = {
        Clause.CHECK: "CHECK",
        Clause.COPY_WHERE: "WHERE",
        Clause.INDEX_PREDICATE: "WHERE",
    }.get(clause, clause.value)
    scope = table_scope(statement, table, relation, clause)
    condition = expressions.bind_condition(scope, node, construct)
    return without_system_columns(table, condition, node, clause)


def without_system_columns(
    table: Table, value: ex.Expression, node: nodes.Expression, clause: Clause
) -> ex.Expression:
    """tableoid is known beforehand; no other system column means anything for a new row."""

    def change(part: ex.Expression) -> ex.Expression | None:
        if not isinstance(part, ex.SystemColumn):
            return None
        if clause in (Clause.INDEX_EXPRESSION, Clause.INDEX_PREDICATE):
            message = "index creation on system columns is not supported"
            raise SqlError(FEATURE_NOT_SUPPORTED, message)
        if part.name == "tableoid":
            return ex.Constant(part.type, table.oid)
        from services.sqldb.binder.grouping import references

        position = next(
            (one.position for one in references(node) if one.names[-1] == part.name), -1
        )
        message = f'system column "{part.name}" reference in check constraint is invalid'
        if clause is Clause.GENERATED:
            message = f'cannot use system column "{part.name}" in column generation expression'
        raise SqlError(INVALID_COLUMN_REFERENCE, message, position=position)

    return replace_down(value, change) if contains(value, ex.SystemColumn) else value


def bind_generated(
    statement: Statement, table: Table, column: Column, node: nodes.Expression, relation: int
) -> ex.Expression:
    """The expression of GENERATED ALWAYS AS (…), as the type of the column."""
    value = bind_table_expression(statement, table, node, relation, Clause.GENERATED)
    type_ = column_type(statement, column)
    return _assigned(
        statement, value, column.name, type_, column.typmod, leftmost(node), "default expression"
    )


def generated_columns(
    statement: Statement, table: Table, relation: int
) -> tuple[tuple[int, ex.Expression], ...]:
    """All generated columns with what computes them from the new row."""
    return tuple(
        (
            index,
            bind_generated(statement, table, column, parse_expression(column.generated), relation),
        )
        for index, column in table.live_columns()
        if column.generated is not None
    )


def checks_of(
    statement: Statement, table: Table, relation: int
) -> tuple[tuple[str, ex.Expression], ...]:
    """The CHECK constraints by name, as conditions on the new row; in the order of their names."""
    found = [
        constraint
        for constraint in statement.lookup.constraints_of(table)
        if constraint.kind is ConstraintKind.CHECK
    ]
    return tuple(
        (
            constraint.name,
            bind_table_condition(
                statement,
                table,
                parse_expression(constraint.expression),
                relation,
                Clause.CHECK,
            ),
        )
        for constraint in sorted(found, key=lambda one: one.name)
    )
