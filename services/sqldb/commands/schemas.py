"""CREATE SCHEMA, and the schema of temporary objects."""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.catalog.definitions import Schema
from services.sqldb.commands.default_privileges import give_defaults
from services.sqldb.commands.permissions import named_role
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes


def create_schema(session: Session, node: nodes.CreateSchema) -> Result:
    name = node.name or named_role(session, node.role).name
    view = session.lookup.view
    if name.startswith("pg_"):
        raise SqlError(
            errors.RESERVED_NAME,
            f'unacceptable schema name "{name}"',
            detail='The prefix "pg_" is reserved for system schemas.',
        )
    if session.lookup.schema(name) is not None:
        message = f'schema "{name}" already exists'
        if not node.if_not_exists:
            raise SqlError(errors.DUPLICATE_SCHEMA, message)
        session.notice(f"{message}, skipping", errors.DUPLICATE_SCHEMA)
        return Result("CREATE SCHEMA")
    owner = session.role if node.role is None else named_role(session, node.role)
    made = Schema(view.new_oid(), name, owner.oid)
    view.put(made)
    give_defaults(session, made)
    if node.elements:
        _create_elements(session, name, node.elements)
    return Result("CREATE SCHEMA")


def _create_elements(session: Session, name: str, elements: tuple[object, ...]) -> None:
    """CREATE SCHEMA s CREATE TABLE t …: names without a schema mean the new one."""
    from services.sqldb.commands.table import run_command

    mark = session.settings.mark()
    session.settings.set("search_path", f'"{name}", {session.settings["search_path"]}')
    for element in elements:
        run_command(session, element)
    session.settings.undo_to(mark)
