"""Expressions over one row: defaults, checks, generated columns, keys and predicates of indexes.

In the catalog they are SQL text; here the text is bound to the columns of its table and compiled to
a function of the row's values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.binder import expressions as binder
from services.sqldb.binder.binder import new_statement
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import convert, resolve_unknown
from services.sqldb.binder.definitions import (
    bind_default,
    bind_generated,
    without_system_columns,
)
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.tables import table_item
from services.sqldb.catalog.definitions import Column, Constraint, Table
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.catalog.name_forms import qualified
from services.sqldb.errors import SqlError
from services.sqldb.executor.compiler import compile_plan
from services.sqldb.executor.execution import Execution
from services.sqldb.optimizer.folding import fold_one
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import rewrite, walk
from services.sqldb.plan.nodes import OneRow
from services.sqldb.syntax import nodes, parse
from services.sqldb.syntax.deparse import deparse
from services.sqldb.types import SqlType

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

_ROW = 1
RowFunction = Callable[[tuple], tuple]


def expression_text(session: Session, node: nodes.Expression) -> str:
    """As the catalog keeps it: it means the same under every search path."""
    return deparse(qualified(session.lookup, node))


def parsed_expression(text: str) -> nodes.Expression:
    (parsed,) = parse(f"SELECT {text}")
    return parsed.statement.body.targets[0].expression


def bind_over_row(
    session: Session,
    lookup: Lookup,
    table: Table,
    node: nodes.Expression,
    clause: Clause,
    type_: SqlType | None = None,
) -> ex.Expression:
    """Bind an expression; Column(1, n) is the n-th column of the table. Raises SqlError."""
    statement = new_statement(session, lookup)
    scope = Scope(statement)
    item = table_item(statement, table, _ROW)
    scope.add(item)
    with scope.with_clause(clause):
        bound = binder.bind(scope, node)
    bound = resolve_unknown(statement, without_system_columns(table, bound, node, clause))
    if type_ is None or bound.type == type_:
        return bound
    converted = convert(statement, bound, type_, context="a")
    if converted is None:
        message = f"argument of {clause.value} must be type {type_}, not type {bound.type}"
        raise SqlError(errors.DATATYPE_MISMATCH, message)
    return converted


def row_expression(
    session: Session, lookup: Lookup, table: Table, text: str, type_: SqlType | None = None
) -> ex.Expression:
    """What the catalog has as text."""
    node = parsed_expression(text)
    return bind_over_row(session, lookup, table, node, Clause.INDEX_EXPRESSION, type_)


def expression_type(session: Session, table: Table, text: str) -> SqlType:
    return row_expression(session, session.lookup, table, text).type


_CLAUSES = {
    "index expression": Clause.INDEX_EXPRESSION,
    "index predicate": Clause.INDEX_PREDICATE,
    "check constraint": Clause.CHECK,
}


def immutable_expression(
    session: Session,
    table: Table,
    node: nodes.Expression,
    what: str,
    type_: SqlType | None = None,
    *,
    allows_stable: bool = False,
) -> ex.Expression:
    """An expression whose value depends on the row alone. Raises SqlError 42P17."""
    bound = bind_over_row(session, session.lookup, table, node, _CLAUSES[what], type_)
    if not allows_stable:
        _refuse_mutable(bound, what)
    return bound


def _refuse_mutable(bound: ex.Expression, what: str) -> None:
    for part in walk(bound):
        if isinstance(part, ex.Call) and part.function.volatility != "i":
            message = f"functions in {what} must be marked IMMUTABLE"
            raise SqlError(errors.INVALID_OBJECT_DEFINITION, message)


def compile_row(session: Session, expressions: Sequence[ex.Expression]) -> RowFunction:
    """A function from a row's values to those of the expressions, about 3 µs a call."""
    output = tuple(rewrite(rewrite(one, _column_as_parameter), fold_one) for one in expressions)
    compiled = compile_plan(OneRow(), output)
    database = session.database_view

    def compute(values: tuple) -> tuple:
        return next(compiled.rows(Execution(database, None, None, session, values)))

    return compute


def _column_as_parameter(part: ex.Expression) -> ex.Expression:
    if isinstance(part, ex.Column) and part.relation == _ROW:
        return ex.Parameter(part.type, part.index + 1)
    return part


# Defaults and generated columns.


def check_default(session: Session, table: Table, column: Column, node: nodes.Expression) -> None:
    """Raises SqlError where the default cannot be a value of the column."""
    _default(session, column, node)


def _default(session: Session, column: Column, node: nodes.Expression) -> ex.Expression:
    type_ = session.lookup.types.by_oid(column.type_oid)
    statement = new_statement(session, session.lookup)
    return bind_default(statement, node, column.name, type_, column.typmod)


def check_generated(session: Session, table: Table, index: int, node: nodes.Expression) -> None:
    column = table.columns[index]
    statement = new_statement(session, session.lookup)
    bound = bind_generated(statement, table, column, node, _ROW)
    for part in walk(bound):
        if isinstance(part, ex.Call) and part.function.volatility != "i":
            message = "generation expression is not immutable"
            raise SqlError(errors.INVALID_OBJECT_DEFINITION, message)
        if isinstance(part, ex.Column):
            other = table.columns[part.index]
            if part.index == index or other.generated is not None:
                message = (
                    f'cannot use generated column "{other.name}" in column generation expression'
                )
                raise SqlError(errors.INVALID_OBJECT_DEFINITION, message)


def default_value(session: Session, table: Table, index: int) -> RowFunction:
    """A function that puts the column's default, or its generated value, into a row."""
    column = table.columns[index]
    if column.sequence_oid:
        database = session.database_view
        return lambda values: (
            *values[:index],
            database.next_value(column.sequence_oid, session),
            *values[index + 1 :],
        )
    text = column.generated or column.default
    if text is None:
        return lambda values: (*values[:index], None, *values[index + 1 :])
    node = parsed_expression(text)
    if column.generated:
        statement = new_statement(session, session.lookup)
        expression = bind_generated(statement, table, column, node, _ROW)
    else:
        expression = _default(session, column, node)
    compute = compile_row(session, [expression])
    return lambda values: (*values[:index], *compute(values), *values[index + 1 :])


def cast_expression(
    session: Session,
    table: Table,
    index: int,
    type_: SqlType,
    typmod: int,
    using: nodes.Expression | None,
) -> RowFunction:
    """A function that brings one column of a row into another type. Raises SqlError 42804."""
    column = table.columns[index]
    statement = new_statement(session, session.lookup)
    node = using or nodes.ColumnReference((column.name,))
    bound = bind_over_row(session, session.lookup, table, node, Clause.TRANSFORM)
    context = "a" if using is None else "e"
    converted = convert(statement, bound, type_, typmod, context)
    if converted is None:
        message = f'column "{column.name}" cannot be cast automatically to type {type_}'
        hint = f'You might need to specify "USING {column.name}::{type_}".'
        raise SqlError(errors.DATATYPE_MISMATCH, message, hint=hint)
    compute = compile_row(session, [converted])
    return lambda values: (*values[:index], *compute(values), *values[index + 1 :])


# A column gets another name.


def rename_in_texts(session: Session, table: Table, old: str, new: str) -> None:
    """Rename a column in all texts over rows of its table. Raises SqlError 0A000 for views."""
    from services.sqldb.commands.view_texts import follow_column

    lookup = session.lookup
    view = lookup.view
    index = table.column_index(old)
    if table.storage_oid:
        follow_column(session, table, index, new)
    for other in () if table.storage_oid else view.state.all(Table):
        if table.oid in other.references and view_uses_column(session, other, table, index):
            message = f'renaming a column that view "{other.name}" reads'
            raise errors.not_supported(message)
    for constraint in lookup.constraints_of(table):
        if constraint.expression:
            text = renamed_text(constraint.expression, old, new)
            view.put(replace(constraint, expression=text))
    for index_definition in lookup.indexes_of(table):
        keys = tuple(
            replace(key, expression=renamed_text(key.expression, old, new))
            if key.column < 0
            else key
            for key in index_definition.keys
        )
        predicate = index_definition.predicate
        predicate = renamed_text(predicate, old, new) if predicate else ""
        view.put(replace(index_definition, keys=keys, predicate=predicate))


def renamed_text(text: str, old: str, new: str) -> str:
    return deparse(_with_name(parsed_expression(text), old, new))


def _with_name(node: object, old: str, new: str) -> object:
    from dataclasses import fields, is_dataclass

    if isinstance(node, nodes.ColumnReference) and node.names[-1] == old:
        return replace(node, names=(*node.names[:-1], new))
    if isinstance(node, tuple):
        return tuple(_with_name(item, old, new) for item in node)
    if not is_dataclass(node):
        return node
    changes = {
        one.name: _with_name(getattr(node, one.name), old, new)
        for one in fields(node)
        if is_dataclass(getattr(node, one.name)) or isinstance(getattr(node, one.name), tuple)
    }
    return replace(node, **changes) if changes else node


def view_uses_column(session: Session, view: Table, table: Table, index: int) -> bool:
    """Whether a view names a column; one that cannot be bound any more counts as well."""
    from services.sqldb.binder import bind_statement
    from services.sqldb.plan.analysis import expressions_of, walk_plan
    from services.sqldb.plan.nodes import Scan

    (parsed,) = parse(view.definition)
    bound = bind_statement(session, session.lookup, parsed.statement)
    relations = {
        one.relation
        for one in walk_plan(bound.plan)
        if isinstance(one, Scan) and one.table.oid == table.oid
    }
    used = (
        part
        for one in walk_plan(bound.plan)
        for expression in expressions_of(one)
        for part in walk(expression)
    )
    return any(
        isinstance(part, ex.Column) and part.relation in relations and part.index == index
        for part in used
    )


def constraint_condition(session: Session, table: Table, constraint: Constraint) -> RowFunction:
    """A function from a row's values to whether the check holds: (True,), (False,) or (None,)."""
    node = parsed_expression(constraint.expression)
    bound = bind_over_row(session, session.lookup, table, node, Clause.CHECK)
    return compile_row(session, [bound])
