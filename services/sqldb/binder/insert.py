"""INSERT: a row for each one of the source, completed by defaults; ON CONFLICT.

# Real: transformInsertStmt(), transformOnConflictClause(), infer_arbiter_indexes()
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.binder import definitions, expressions, queries
from services.sqldb.binder.assignments import (
    assign,
    bind_assignments,
    column_types,
    refuse_generated,
    target_index,
    target_table,
)
from services.sqldb.binder.changes import bind_returning, target_item
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import convert_type
from services.sqldb.binder.part_assignments import assign_part, part_type
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Item, Scope
from services.sqldb.binder.statement import Statement
from services.sqldb.binder.tables import table_item
from services.sqldb.binder.trees import fingerprint
from services.sqldb.binder.updatable_views import (
    base_assignments,
    check_options,
    insert_targets,
    view_rows,
)
from services.sqldb.catalog.definitions import Constraint, Index, Table, TableKind
from services.sqldb.errors import (
    DUPLICATE_COLUMN,
    GENERATED_ALWAYS,
    INVALID_COLUMN_REFERENCE,
    SYNTAX_ERROR,
    UNDEFINED_OBJECT,
    WRONG_OBJECT_TYPE,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import Overriding, SortDirection
from services.sqldb.syntax.parser import parse_expression


def bind_insert(scope: Scope, node: nodes.Insert) -> BoundQuery:
    statement = scope.statement
    named = table = target_table(statement, node.relation, "insert into")
    number = statement.new_relation()
    access = statement.access(table, "a")
    view = None
    if table.kind is TableKind.VIEW:
        view = view_rows(statement, table, number, "insert into", access)
        table = view.table
        statement.lock(table, "RowExclusiveLock")
        node = replace(node, columns=insert_targets(view, node.columns, _source_width(scope, node)))
    access.note_inserted(_target_columns(node, table) if node.source is not None else ())
    rows, source = _bind_rows(scope, node, table)
    item = table_item(statement, table, number, access) if view is None else view.item
    if node.alias is not None:
        item.alias, item.hidden_name = node.alias.name, named.name
    conflict = None
    if node.on_conflict is not None:
        conflict = _bind_conflict(scope, node.on_conflict, table, item)
    checks = definitions.checks_of(statement, table, number)
    if view is not None:
        checks = (*checks, *check_options(statement, view))
    scope.items, scope.relations = [item], {number}
    returning = bind_returning(scope, node.returning, item, number)
    made = plan.Insert(
        rows,
        table,
        number,
        source,
        definitions.generated_columns(statement, table, number),
        checks,
        conflict,
        returning.expressions,
        returning.relation,
    )
    return BoundQuery(made, returning.columns)


# Rows.


def _source_width(scope: Scope, node: nodes.Insert) -> int:
    """How many values each row has: so many columns of a view are filled."""
    if node.source is None:
        return 0
    body = node.source.body
    if isinstance(body, nodes.Values):
        return len(body.rows[0])
    return len(queries.bind_query(scope.child(), node.source, resolves_unknown=False).columns)


def _bind_rows(
    scope: Scope, node: nodes.Insert, table: Table
) -> tuple[plan.Plan, tuple[ex.Column, ...]]:
    """The plan of the new rows, with a column for each of the table."""
    indexes = _target_columns(node, table)
    if node.source is None:
        return _complete(scope, table, plan.OneRow(), {})
    body = node.source.body
    query = node.source
    is_plain = not (query.with_clause or query.order_by or query.limit or query.offset)
    if isinstance(body, nodes.Values) and is_plain:
        return _bind_values(scope, node, table, indexes, body)
    return _bind_query(scope, node, table, indexes)


def _target_columns(node: nodes.Insert, table: Table) -> list[int]:
    """The indexes of the columns that get values, as the statement lists them."""
    if not node.columns:
        return [index for index, _ in table.live_columns()]
    found: list[int] = []
    whole: set[int] = set()
    for target in node.columns:
        index = target_index(table, target)
        is_repeated = index in (whole if target.steps else found)
        if not target.steps:
            whole.add(index)
        if is_repeated:
            message = f'column "{target.column}" specified more than once'
            raise SqlError(DUPLICATE_COLUMN, message, position=target.position)
        found.append(index)
    return found


def _check_width(node: nodes.Insert, indexes: list[int], width: int, extra_position: int) -> None:
    if width > len(indexes):
        message = "INSERT has more expressions than target columns"
        raise SqlError(SYNTAX_ERROR, message, position=extra_position)
    if node.columns and width < len(indexes):
        message = "INSERT has more target columns than expressions"
        raise SqlError(SYNTAX_ERROR, message, position=node.columns[width].position)


def _bind_values(
    scope: Scope, node: nodes.Insert, table: Table, indexes: list[int], body: nodes.Values
) -> tuple[plan.Plan, tuple[ex.Column, ...]]:
    """VALUES with DEFAULT allowed, each value converted to its column at once."""
    width = len(body.rows[0])
    rows = []
    scope = scope.child()
    with scope.with_clause(Clause.VALUES):
        for row in body.rows:
            queries.check_row_width(row, width)
            _check_width(
                node, indexes, width, leftmost(row[len(indexes)]) if width > len(indexes) else -1
            )
            rows.append(_bind_row(scope, node, table, indexes, row))
    number = scope.statement.new_relation()
    used = indexes[:width]
    names = tuple(table.columns[index].name for index in used)
    values = plan.Values(number, tuple(rows), names)
    given: dict[int, ex.Expression] = {}
    for place, index in enumerate(used):
        value = ex.Column(
            rows[0][place].type, number, place, names[place], table.columns[index].typmod
        )
        given[index] = _with_part(scope, node, table, index, place, given, value)
    return _complete(scope, table, values, given)


def _steps_at(node: nodes.Insert, place: int) -> tuple:
    return node.columns[place].steps if node.columns else ()


def _with_part(
    scope: Scope,
    node: nodes.Insert,
    table: Table,
    index: int,
    place: int,
    given: dict[int, ex.Expression],
    value: ex.Expression,
) -> ex.Expression:
    """The value itself, or what the column is with this as one of its parts."""
    if not _steps_at(node, place):
        return value
    column = table.columns[index]
    type_ = definitions.column_type(scope.statement, column)
    base = given.get(index) or ex.Constant(type_, None, column.typmod)
    return assign_part(scope, base, node.columns[place], value)


def _bind_row(
    scope: Scope,
    node: nodes.Insert,
    table: Table,
    indexes: list[int],
    row: tuple[nodes.Expression, ...],
) -> tuple[ex.Expression, ...]:
    statement = scope.statement
    values = []
    for place, (index, value) in enumerate(zip(indexes, row, strict=False)):
        if steps := _steps_at(node, place):
            values.append(_part_value(scope, table, index, steps, value))
            continue
        if isinstance(value, nodes.Default) or _takes_default(node, table, index):
            values.append(definitions.default_of(statement, table, index))
            continue
        check_given(node, table, index)
        bound = expressions.bind(scope, value)
        values.append(assign(statement, table, index, bound, leftmost(value)))
    return tuple(values)


def _part_value(
    scope: Scope, table: Table, index: int, steps: tuple, value: nodes.Expression
) -> ex.Expression:
    """A value for a part of a column: of the part's type, where it goes there."""
    type_ = part_type(definitions.column_type(scope.statement, table.columns[index]), steps)
    bound = expressions.bind(scope, value)
    return convert_type(scope.statement, bound, type_, "a", leftmost(value)) or bound


def _takes_default(node: nodes.Insert, table: Table, index: int) -> bool:
    """OVERRIDING USER VALUE: an identity column takes its own number."""
    return node.overriding is Overriding.USER and table.columns[index].identity != ""


def check_given(node: nodes.Insert | nodes.MergeWhen, table: Table, index: int) -> None:
    """Whether the column may be given a value at all."""
    column = table.columns[index]
    refuse_generated(table, index, "insert")
    if column.identity == "a" and node.overriding is not Overriding.SYSTEM:
        raise SqlError(
            GENERATED_ALWAYS,
            f'cannot insert a non-DEFAULT value into column "{column.name}"',
            detail=f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.',
            hint="Use OVERRIDING SYSTEM VALUE to override.",
        )


def _bind_query(
    scope: Scope, node: nodes.Insert, table: Table, indexes: list[int]
) -> tuple[plan.Plan, tuple[ex.Column, ...]]:
    statement = scope.statement
    bound = queries.bind_query(scope.child(), node.source, resolves_unknown=False)
    width = len(bound.columns)
    places = _positions(node.source, width)
    extra = places[len(indexes)] if width > len(indexes) else -1
    _check_width(node, indexes, width, extra)
    used = indexes[:width]
    types = column_types(statement, table, used)
    wanted = [part_type(one, _steps_at(node, place)) for place, one in enumerate(types)]
    bound = queries.convert_columns(statement, bound, wanted)
    given: dict[int, ex.Expression] = {}
    for number, (index, column, place) in enumerate(zip(used, bound.columns, places, strict=False)):
        if _takes_default(node, table, index):
            continue
        check_given(node, table, index)
        if _steps_at(node, number):
            value = column.expression
            given[index] = _with_part(scope, node, table, index, number, given, value)
            continue
        given[index] = assign(statement, table, index, column.expression, place)
    return _complete(scope, table, bound.plan, given)


def _positions(query: nodes.Query, width: int) -> list[int]:
    from services.sqldb.binder.set_operations import column_position

    return [column_position(query, index) for index in range(width)]


def _complete(
    scope: Scope, table: Table, input_: plan.Plan, given: dict[int, ex.Expression]
) -> tuple[plan.Plan, tuple[ex.Column, ...]]:
    """The rows with a value for each column of the table: given, or the default."""
    statement = scope.statement
    names = tuple(column.name for column in table.columns)
    if isinstance(input_, plan.Values) and list(given) == list(range(len(table.columns))):
        return input_, tuple(given.values())
    values = tuple(
        given[index] if index in given else definitions.default_of(statement, table, index)
        for index in range(len(table.columns))
    )
    number = statement.new_relation()
    columns = tuple(
        ex.Column(value.type, number, index, names[index], table.columns[index].typmod)
        for index, value in enumerate(values)
    )
    return plan.Project(input_, number, values, names), columns


# ON CONFLICT.


def _bind_conflict(
    scope: Scope, node: nodes.OnConflict, table: Table, item: Item
) -> plan.ConflictClause:
    """Which unique indexes decide, and what happens to the row that is there."""
    statement = scope.statement
    if node.is_update and not node.items and node.constraint is None:
        raise SqlError(
            SYNTAX_ERROR,
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            hint="For example, ON CONFLICT (column_name).",
            position=node.position,
        )
    indexes = _arbiters(scope, node, table)
    _note_arbiters(scope.statement, item, indexes)
    target_relation = statement.new_relation()
    excluded_relation = statement.new_relation()
    if not node.is_update:
        return plan.ConflictClause(indexes, None, None, target_relation, excluded_relation)
    inner = scope.child()
    inner.skips_parent = True
    existing, view = target_item(statement, item.table, target_relation, item.access)
    existing.alias, existing.hidden_name = item.alias, item.hidden_name
    excluded, _ = target_item(statement, item.table, excluded_relation, item.access)
    excluded.alias, excluded.schema, excluded.hidden_name = "excluded", "", "excluded"
    inner.add(existing)
    inner.add(excluded)
    written = node.assignments if view is None else base_assignments(view, node.assignments)
    assignments = bind_assignments(inner, table, written)
    item.access.note_updated(index for index, _ in assignments)
    condition = None
    if node.where is not None:
        with inner.with_clause(Clause.WHERE):
            condition = expressions.bind_condition(inner, node.where, "WHERE")
    return plan.ConflictClause(indexes, assignments, condition, target_relation, excluded_relation)


def _note_arbiters(statement: Statement, item: Item, indexes: tuple[int, ...]) -> None:
    """Whether there is such a row already is a question to the table: it takes SELECT."""
    if item.table.kind is TableKind.VIEW:
        return
    for oid in indexes:
        index = statement.lookup.view.state.get(oid)
        columns = {key.column + 1 for key in index.keys if key.column >= 0}
        item.access.selected.update(columns)


def _arbiters(scope: Scope, node: nodes.OnConflict, table: Table) -> tuple[int, ...]:
    lookup = scope.statement.lookup
    if node.constraint is not None:
        for constraint in lookup.constraints_of(table):
            if constraint.name == node.constraint:
                return (_constraint_index(constraint, node),)
        message = f'constraint "{node.constraint}" for table "{table.name}" does not exist'
        raise SqlError(UNDEFINED_OBJECT, message, position=-1)
    if not node.items:
        return ()
    wanted = {_inference_key(scope, table, item) for item in node.items}
    found = [
        index
        for index in lookup.indexes_of(table)
        if index.is_unique
        and _index_keys(scope, table, index) == wanted
        and _predicate_fits(scope, table, index, node)
    ]
    if not found:
        message = (
            "there is no unique or exclusion constraint matching the ON CONFLICT specification"
        )
        raise SqlError(INVALID_COLUMN_REFERENCE, message)
    if any(index.is_deferrable for index in found):
        message = (
            "ON CONFLICT does not support deferrable unique constraints/exclusion constraints "
            "as arbiters"
        )
        raise SqlError("55000", message)
    return tuple(index.oid for index in found)


def _constraint_index(constraint: Constraint, node: nodes.OnConflict) -> int:
    if not constraint.index_oid or constraint.foreign_table_oid:
        message = "constraint in ON CONFLICT clause has no associated index"
        raise SqlError(WRONG_OBJECT_TYPE, message)
    if constraint.is_deferrable:
        message = (
            "ON CONFLICT does not support deferrable unique constraints/exclusion constraints "
            "as arbiters"
        )
        raise SqlError("55000", message)
    return constraint.index_oid


# Any number will do where expressions of the same table are only compared.
_COMPARED_RELATION = 0


def _inference_key(scope: Scope, table: Table, item: nodes.InferenceItem) -> object:
    if item.direction is not SortDirection.DEFAULT:
        message = "ASC/DESC is not allowed in ON CONFLICT clause"
        raise SqlError(INVALID_COLUMN_REFERENCE, message, position=item.position)
    if item.nulls is not nodes.NullsOrder.DEFAULT:
        message = "NULLS FIRST/LAST is not allowed in ON CONFLICT clause"
        raise SqlError(INVALID_COLUMN_REFERENCE, message, position=item.position)
    bound = definitions.bind_table_expression(
        scope.statement, table, item.expression, _COMPARED_RELATION, Clause.INDEX_EXPRESSION
    )
    return fingerprint(bound)


def _index_keys(scope: Scope, table: Table, index: Index) -> set[object]:
    keys = set()
    for key in index.keys:
        if key.column >= 0:
            node: nodes.Expression = nodes.ColumnReference((table.columns[key.column].name,))
        else:
            node = parse_expression(key.expression)
        bound = definitions.bind_table_expression(
            scope.statement, table, node, _COMPARED_RELATION, Clause.INDEX_EXPRESSION
        )
        keys.add(fingerprint(bound))
    return keys


def _predicate_fits(scope: Scope, table: Table, index: Index, node: nodes.OnConflict) -> bool:
    """A partial index counts only for the same condition, an index of all rows for any."""
    if not index.predicate:
        return True
    if node.index_where is None:
        return False
    own, given = (
        fingerprint(
            definitions.bind_table_condition(
                scope.statement, table, condition, _COMPARED_RELATION, Clause.INDEX_PREDICATE
            )
        )
        for condition in (parse_expression(index.predicate), node.index_where)
    )
    return own == given
