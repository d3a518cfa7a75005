"""Views follow the tables that they read to a new name or schema, and their columns to theirs.

A view is kept as the text of its query, with all tables by schema and name (see
`binder.normal_form`). # Real: pg_rewrite keeps a tree with oids, to which names mean nothing
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from services.sqldb import errors
from services.sqldb.binder.binder import new_statement
from services.sqldb.binder.queries import bind_query
from services.sqldb.binder.scope import Scope
from services.sqldb.catalog.definitions import Table
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes, parse
from services.sqldb.syntax.deparse import deparse_query

Name = tuple[str, str]
"""Schema and name."""


def follow_in_views(session: Session, table: Table, old: Name, new: Name) -> None:
    """Write the new name of a table or view into the views that read it."""
    view = session.lookup.view
    for reader in list(view.state.all(Table)):
        if table.oid in reader.references and reader.definition:
            [parsed] = parse(reader.definition)
            text = deparse_query(_followed(parsed.statement, old, new))
            view.put(replace(reader, definition=text))


def follow_column(session: Session, table: Table, index: int, new_name: str) -> None:
    """Write the new name of a table's column into the views that read it.

    Raises SqlError 0A000 where two tables are joined by this name.
    """
    view = session.lookup.view
    old_name = table.columns[index].name
    followed: list[Table] = []
    for reader in list(view.state.all(Table)):
        if table.oid not in reader.references or not reader.definition:
            continue
        [parsed] = parse(reader.definition)
        statement = new_statement(session, session.lookup)
        statement.named_columns = {}
        bind_query(Scope(statement), parsed.statement)
        relations = statement.tables_of_relations
        changed = {
            key
            for key, (relation, place) in statement.named_columns.items()
            if place == index and relations.get(relation) == table.oid
        }
        if _joins_by(parsed.statement, old_name):
            message = f'renaming a column by which view "{reader.name}" joins'
            raise errors.not_supported(message)
        query = _with_column(parsed.statement, changed, old_name, new_name)
        followed.append(replace(reader, definition=deparse_query(query)))
    # Only now: views that read these have to be bound as they were.
    for reader in followed:
        view.put(reader)


def _joins_by(value: object, name: str) -> bool:
    if isinstance(value, tuple):
        return any(_joins_by(item, name) for item in value)
    if not is_dataclass(value):
        return False
    if isinstance(value, nodes.Join) and (value.is_natural or name in (value.using or ())):
        return True
    if isinstance(value, nodes.Alias) and name in value.columns:
        return True
    return any(_joins_by(getattr(value, field.name), name) for field in fields(value))


def _with_column(value: object, changed: set[int], old: str, new: str) -> object:
    """With the new name in these references; a column of a result keeps its name."""
    if isinstance(value, tuple):
        return tuple(_with_column(item, changed, old, new) for item in value)
    if not is_dataclass(value):
        return value
    if isinstance(value, nodes.ColumnReference):
        # Under AS t (x) the column has a name that stays.
        is_meant = id(value) in changed and value.names[-1] == old
        return replace(value, names=(*value.names[:-1], new)) if is_meant else value
    changes = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if isinstance(part, tuple) or is_dataclass(part):
            changes[field.name] = _with_column(part, changed, old, new)
    if isinstance(value, nodes.Target) and not value.alias:
        is_column = isinstance(value.expression, nodes.ColumnReference)
        if is_column and changes["expression"] != value.expression:
            changes["alias"] = old
    return replace(value, **changes) if changes else value


def _followed(value: object, old: Name, new: Name) -> object:
    if isinstance(value, tuple):
        return tuple(_followed(item, old, new) for item in value)
    if not is_dataclass(value):
        return value
    if isinstance(value, nodes.TableReference):
        relation = value.relation
        if (relation.schema, relation.name) != old:
            return value
        schema, name = new
        # Its columns are still called by the old name.
        alias = value.alias or (nodes.Alias(old[1]) if name != old[1] else None)
        return replace(value, relation=replace(relation, schema=schema, name=name), alias=alias)
    changes = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if isinstance(part, tuple) or is_dataclass(part):
            changes[field.name] = _followed(part, old, new)
    return replace(value, **changes) if changes else value
