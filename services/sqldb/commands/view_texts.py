"""Views follow the tables that they read to a new name or schema.

A view is kept as the text of its query, with all tables by schema and name (see
`binder.normal_form`). # Real: pg_rewrite keeps a tree with oids, to which names mean nothing
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

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
