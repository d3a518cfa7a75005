"""Where a new table, view or sequence goes, and whether its name is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    INFORMATION_SCHEMA_OID,
    PG_CATALOG_OID,
    Schema,
)
from services.sqldb.errors import (
    DUPLICATE_TABLE,
    INSUFFICIENT_PRIVILEGE,
    INVALID_TABLE_DEFINITION,
    SqlError,
)

if TYPE_CHECKING:
    from services.sqldb.session.session import Session
    from services.sqldb.syntax.nodes import RelationName


def creation_schema(session: Session, written: RelationName, *, is_temporary: bool) -> Schema:
    """Raises SqlError."""
    if is_temporary or written.schema == "pg_temp":
        if written.schema not in (None, "pg_temp", session.temporary.schema_name):
            message = "cannot create temporary relation in non-temporary schema"
            raise SqlError(INVALID_TABLE_DEFINITION, message, position=written.position)
        return session.temporary.schema()
    schema = session.lookup.creation_schema(written.schema, written.position)
    if schema.oid in (PG_CATALOG_OID, INFORMATION_SCHEMA_OID):
        raise SqlError(
            INSUFFICIENT_PRIVILEGE,
            f'permission denied to create "{schema.name}.{written.name}"',
            detail="System catalog modifications are currently disallowed.",
        )
    return schema


def refuse_taken_name(session: Session, schema: Schema, name: str, *, if_not_exists: bool) -> bool:
    """Raises SqlError 42P07; with IF NOT EXISTS: true and a notice."""
    view = session.lookup.view
    view.take_name(("relation", schema.oid, name))
    if view.state.find("relation", schema.oid, name) is None:
        return False
    message = f'relation "{name}" already exists'
    if not if_not_exists:
        raise SqlError(DUPLICATE_TABLE, message)
    session.notice(f"{message}, skipping", DUPLICATE_TABLE)
    return True
