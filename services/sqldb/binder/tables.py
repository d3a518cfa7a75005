"""A name in FROM: a WITH query, a table, a virtual table of the catalog, or a view.

A view is its query, bound in the place of the name, in a scope of its own.
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.binder.scope import Item, Scope, ScopeColumn
from services.sqldb.binder.statement import Statement
from services.sqldb.catalog.definitions import Sequence, Table, TableKind
from services.sqldb.catalog.system_tables import sequence_table
from services.sqldb.errors import (
    FEATURE_NOT_SUPPORTED,
    INVALID_OBJECT_DEFINITION,
    UNDEFINED_TABLE,
    WRONG_OBJECT_TYPE,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.plan.accesses import Access
from services.sqldb.syntax import nodes, parse


def bind_table(scope: Scope, node: nodes.TableReference) -> tuple[plan.Plan, Item]:
    from services.sqldb.binder import with_queries
    from services.sqldb.binder.from_items import rename_columns

    relation = node.relation
    if relation.schema is None:
        cte = scope.find_cte(relation.name)
        if cte is not None:
            return with_queries.bind_reference(scope, cte, node)
    table = _find_source(scope, relation)
    schema = scope.statement.lookup.schema_name(table.schema_oid)
    scope.statement.meanings[id(relation)] = replace(relation, schema=schema or None)
    scope.statement.lock(table, "AccessShareLock")
    made, item = scan(scope.statement, table, scope.statement.access(table, "r"))
    if node.alias is not None:
        item.alias, item.hidden_name = node.alias.name, table.name
        item.columns = rename_columns(item.columns, node.alias)
        if isinstance(made, plan.Scan | plan.SystemScan):
            made = replace(made, alias=item.alias)  # EXPLAIN calls it so.
    scope.relations.add(item.relation)
    scope.relations.update(
        column.expression.relation
        for column in item.columns
        if isinstance(column.expression, ex.Column)
    )
    return made, item


def _find_source(scope: Scope, relation: nodes.RelationName) -> Table:
    try:
        return find_table(scope.statement, relation)
    except SqlError as error:
        name = relation.name
        if error.sqlstate == WRONG_OBJECT_TYPE:
            found = scope.statement.lookup.relation(relation.schema, name)
            if isinstance(found, Sequence):
                return sequence_table(found)
        if error.sqlstate == UNDEFINED_TABLE and scope.is_later_cte(name):
            error.detail = (
                f'There is a WITH item named "{name}", but it cannot be referenced from this part '
                "of the query."
            )
            error.hint = (
                "Use WITH RECURSIVE, or re-order the WITH items to remove forward references."
            )
        raise


def find_table(statement: Statement, relation: nodes.RelationName) -> Table:
    """The table of this name; 42P01 if there is none."""
    if relation.catalog is not None:
        current = getattr(statement.session, "database", None)
        if relation.catalog != current:
            full = f"{relation.catalog}.{relation.schema}.{relation.name}"
            message = f'cross-database references are not implemented: "{full}"'
            raise SqlError(FEATURE_NOT_SUPPORTED, message, position=relation.position)
    lookup = statement.lookup
    if (
        relation.schema is not None
        and lookup.used_schema(relation.schema, relation.position) is None
    ):
        full = f"{relation.schema}.{relation.name}"
        message = f'relation "{full}" does not exist'
        raise SqlError(UNDEFINED_TABLE, message, position=relation.position)
    return lookup.expect_table(relation.schema, relation.name, relation.position)


def scan(
    statement: Statement, table: Table, access: Access | None = None
) -> tuple[plan.Plan, Item]:
    """All rows of a table or view, and the item with its columns."""
    if table.kind is TableKind.VIEW:
        return _expand_view(statement, table, access)
    number = statement.new_relation()
    item = table_item(statement, table, number, access)
    kind = plan.SystemScan if table.kind is TableKind.SYSTEM else plan.Scan
    return kind(number, table, table.name), item


def table_item(
    statement: Statement, table: Table, number: int, access: Access | None = None
) -> Item:
    """The names of a table's columns, under the relation of this number."""
    columns = [
        ScopeColumn(
            column.name,
            table_column(statement, table, index, number),
            table.oid,
            index + 1,
            access=access,
        )
        for index, column in table.live_columns()
    ]
    lookup = statement.lookup
    statement.tables_of_relations[number] = table.oid
    return Item(
        table.name,
        columns,
        number,
        table,
        lookup.schema_name(table.schema_oid),
        row_type=lookup.row_type(table),
        access=access,
    )


def table_column(statement: Statement, table: Table, index: int, number: int) -> ex.Column:
    column = table.columns[index]
    type_ = statement.lookup.types.by_oid(column.type_oid)
    return ex.Column(type_, number, index, column.name, column.typmod)


def view_role(statement: Statement, view: Table) -> int:
    """Whose rights count for what a view reads: its owner's, or those of whoever asks."""
    is_invoker = any(
        name == "security_invoker" and value.lower() in ("true", "on", "yes", "1")
        for name, _, value in (option.partition("=") for option in view.options)
    )
    return statement.as_role if is_invoker else view.owner


def _expand_view(
    statement: Statement, view: Table, access: Access | None
) -> tuple[plan.Plan, Item]:
    from services.sqldb.binder.queries import bind_query

    if view.oid in statement.open_views:
        message = f'infinite recursion detected in rules for relation "{view.name}"'
        raise SqlError(INVALID_OBJECT_DEFINITION, message)
    statement.open_views.append(view.oid)
    [parsed] = parse(view.definition)
    before, statement.as_role = statement.as_role, view_role(statement, view)
    inner = bind_query(Scope(statement), parsed.statement)
    statement.as_role = before
    statement.open_views.pop()
    names = [column.name for _, column in view.live_columns()]
    columns = [
        ScopeColumn(name, column.expression, view.oid, number, access=access)
        for number, (name, column) in enumerate(zip(names, inner.columns, strict=False), 1)
    ]
    schema = statement.lookup.schema_name(view.schema_oid)
    row_type = statement.lookup.row_type(view)
    item = Item(view.name, columns, 0, None, schema, row_type=row_type, access=access)
    return inner.plan, item
