"""CREATE INDEX, and how an index of the catalog becomes one of a heap.

The catalog keeps expressions of keys and predicates as SQL text; `attached_index` binds and
compiles them, when an index is created and when the server starts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from services.sqldb import errors
from services.sqldb.catalog.definitions import Index, IndexKey, Schema, Table, TableKind
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.commands.index_methods import check_class, check_method
from services.sqldb.commands.names import relation_name
from services.sqldb.commands.row_expressions import (
    compile_row,
    expression_text,
    immutable_expression,
    row_expression,
)
from services.sqldb.errors import SqlError
from services.sqldb.interruption import interrupted_by
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.storage.index_key import IndexKey as StorageKey
from services.sqldb.storage.index_key import KeyColumn
from services.sqldb.syntax import nodes
from services.sqldb.syntax.deparse import quote_identifier
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.types import BOOL, SqlType


def create_index(session: Session, node: nodes.CreateIndex) -> Result:
    written = node.relation
    lookup = session.lookup
    table = lookup.expect_table(written.schema, written.name)
    if table.kind is not TableKind.TABLE:
        message = f'cannot create index on relation "{table.name}"'
        detail = "This operation is not supported for views."
        raise SqlError(errors.WRONG_OBJECT_TYPE, message, detail=detail)
    check_method(node)
    schema = lookup.view.state.get(table.schema_oid)
    if node.name is not None and session.refuse_taken_name(
        schema, node.name, if_not_exists=node.if_not_exists
    ):
        return Result("CREATE INDEX")
    session.expect_transaction().lock_table(table.oid, LockMode.SHARE)
    keys = tuple(_key(session, table, item, node.method) for item in node.items)
    index = Index(
        lookup.view.new_oid(),
        table.schema_oid,
        node.name or _chosen_name(lookup, schema, table, node.items),
        table.oid,
        keys,
        is_unique=node.is_unique,
        included=tuple(_column_index(table, name) for name in node.include),
        predicate=_predicate(session, table, node.where),
        nulls_not_distinct=node.nulls_not_distinct,
        method=node.method,
        options=tuple(f"{option.name}={option.value}" for option in node.options),
    )
    add_index(session, table, index)
    return Result("CREATE INDEX")


def _chosen_name(
    lookup: Lookup, schema: Schema, table: Table, items: tuple[nodes.InferenceItem, ...]
) -> str:
    parts = []
    for item in items:
        match item.expression:
            case nodes.ColumnReference(names=names):
                parts.append(names[-1])
            case nodes.FunctionCall(name=name):
                parts.append(name[-1])
            case _:
                parts.append("expr")
    return relation_name(lookup, schema.oid, table.name, parts, "idx")


def _column_index(table: Table, name: str) -> int:
    index = table.column_index(name)
    if index is None:
        message = f'column "{name}" does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message)
    return index


def _key(session: Session, table: Table, item: nodes.InferenceItem, method: str) -> IndexKey:
    is_descending = item.direction is nodes.SortDirection.DESCENDING
    nulls_first = (
        is_descending
        if item.nulls is nodes.NullsOrder.DEFAULT
        else item.nulls is nodes.NullsOrder.FIRST
    )
    column, text = -1, ""
    if isinstance(item.expression, nodes.ColumnReference) and len(item.expression.names) == 1:
        column = _column_index(table, item.expression.names[0])
        type_ = session.lookup.types.by_oid(table.columns[column].type_oid)
    else:
        bound = immutable_expression(session, table, item.expression, "index expression")
        text, type_ = expression_text(session, item.expression), bound.type
    check_class(method, type_, item.operator_class or ())
    operator_class = ".".join(item.operator_class) if item.operator_class else ""
    return IndexKey(column, text, is_descending, nulls_first, operator_class)


def _predicate(session: Session, table: Table, where: nodes.Expression | None) -> str:
    if where is None:
        return ""
    immutable_expression(session, table, where, "index predicate", BOOL)
    return expression_text(session, where)


def add_index(session: Session, table: Table, index: Index) -> None:
    """Put it into the catalog and build it. Raises SqlError 23505 where it can't be unique."""
    session.lookup.view.put(index)
    if not index.is_built:
        return
    heap = session.engine.storage.heap(table.storage_oid)
    made = attached_index(session, session.lookup, heap, table, index)
    session.engine.storage.create_index(session.expect_transaction(), made)


def attached_index(
    session: Session, lookup: Lookup, heap: Heap, table: Table, index: Index
) -> HeapIndex:
    """The index of a heap that the definition describes, not yet built."""
    types = _key_types(session, lookup, table, index)
    columns = [
        KeyColumn(
            type_.sort_key,
            key.is_descending,
            key.nulls_first,
            is_nullable=key.column < 0 or not table.columns[key.column].is_not_null,
        )
        for key, type_ in zip(index.keys, types, strict=True)
    ]
    is_plain = all(key.column >= 0 for key in index.keys)
    if is_plain:
        storage_key = StorageKey(columns, [key.column for key in index.keys])
        extract = _extractor([key.column for key in index.keys])
    else:
        extract = _computed_keys(session, lookup, table, index)
        storage_key = StorageKey(columns, extract=extract)
    predicate = None
    if index.predicate:
        condition = row_expression(session, lookup, table, index.predicate, BOOL)
        test = compile_row(session, [condition])

        def predicate(values: tuple) -> bool:
            with interrupted_by(None):  # In the middle of a change to the table.
                return test(values)[0] is True

    return HeapIndex(
        heap,
        index.oid,
        index.name,
        storage_key,
        is_unique=index.is_unique,
        nulls_distinct=not index.nulls_not_distinct,
        is_deferrable=index.is_deferrable,
        initially_deferred=index.initially_deferred,
        identifies=index.is_unique and is_plain and not index.predicate,
        predicate=predicate,
        describe=_describer(session, table, index, types, extract),
    )


def _extractor(columns: list[int]) -> Callable[[tuple], tuple]:
    return lambda values: tuple([values[column] for column in columns])


def _key_types(session: Session, lookup: Lookup, table: Table, index: Index) -> list[SqlType]:
    return [
        lookup.types.by_oid(table.columns[key.column].type_oid)
        if key.column >= 0
        else row_expression(session, lookup, table, key.expression).type
        for key in index.keys
    ]


def _computed_keys(
    session: Session, lookup: Lookup, table: Table, index: Index
) -> Callable[[tuple], tuple]:
    compute = compile_row(
        session,
        [
            row_expression(session, lookup, table, key.expression or _quoted(table, key.column))
            for key in index.keys
        ],
    )

    def keys(values: tuple) -> tuple:
        with interrupted_by(None):  # In the middle of a change to the table.
            return compute(values)

    return keys


def _quoted(table: Table, column: int) -> str:
    return '"' + table.columns[column].name.replace('"', '""') + '"'


def key_names(table: Table, index: Index) -> list[str]:
    return [
        quote_identifier(table.columns[key.column].name) if key.column >= 0 else key.expression
        for key in index.keys
    ]


def describe_anew(session: Session, table: Table) -> None:
    """A column has another name: the messages of the table's indexes tell it from now on."""
    definitions = {one.oid: one for one in session.lookup.indexes_of(table)}
    heap = session.engine.storage.heap(table.storage_oid)
    for made in heap.indexes:
        index = definitions.get(made.oid)
        if index is None:
            continue
        old = made.describe
        made.describe = attached_index(session, session.lookup, heap, table, index).describe
        undo = partial(setattr, made, "describe", old)
        session.expect_transaction().on_undo(undo)


def _describer(
    session: Session,
    table: Table,
    index: Index,
    types: list[SqlType],
    extract: Callable[[tuple], tuple],
) -> Callable[[tuple], str]:
    """(id, name)=(7, ann): the key of a row, for the detail of a violation."""
    names = ", ".join(key_names(table, index))

    def describe(values: tuple) -> str:
        shown = ", ".join(
            "null" if value is None else type_.format(value, session)
            for value, type_ in zip(extract(values), types, strict=True)
        )
        return f"({names})=({shown})"

    return describe
