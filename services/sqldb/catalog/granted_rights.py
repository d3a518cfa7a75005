"""information_schema about rights: who has been granted what on tables, columns and schemas.

Only what concerns roles that the one who asks belongs to. # Real: information_schema.sql
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import Role, SqlRoutine, Table
from services.sqldb.catalog.information_schema import define
from services.sqldb.catalog.privileges import PUBLIC, AclItem, Protected

if TYPE_CHECKING:
    from services.sqldb.session.session import Session


def _grants(
    session: Session, one: Protected, column: int, *, with_public: bool
) -> Iterator[tuple[str, str, str, bool]]:
    """Grantor, grantee, right, and whether it may be granted on."""
    state = session.lookup.view.state
    enabled = privileges.rights_of(state, session.role.oid)
    for item in privileges.items_of(state, one, column):
        grantee, grantor, letters, options = item
        is_mine = grantee in enabled or grantor in enabled
        if is_mine or (with_public and grantee == PUBLIC):
            for letter in letters:
                may_grant = letter in options or grantee == one.owner
                yield _name(session, grantor), _grantee(session, item), letter, may_grant


def _name(session: Session, oid: int) -> str:
    role = session.lookup.view.state.get(oid)
    return role.name if isinstance(role, Role) else str(oid)


def _grantee(session: Session, item: AclItem) -> str:
    return "PUBLIC" if item[0] == PUBLIC else _name(session, item[0])


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


_TABLE_COLUMNS = (
    "grantor name, grantee name, table_catalog name, table_schema name, table_name name, "
    "privilege_type text, is_grantable text, with_hierarchy text"
)


def _table_rows(session: Session, *, with_public: bool) -> Iterator[tuple]:
    lookup = session.lookup
    for table in lookup.view.state.all(Table):
        one = privileges.protected(table)
        schema = lookup.schema_name(table.schema_oid)
        for grantor, grantee, letter, may in _grants(session, one, 0, with_public=with_public):
            yield (
                *(grantor, grantee, session.database, schema, table.name),
                *(privileges.WORDS[letter], _yes(may), _yes(letter == "r")),
            )


@define("table_privileges", _TABLE_COLUMNS)
def table_privileges(session: Session) -> Iterator[tuple]:
    return _table_rows(session, with_public=True)


@define("role_table_grants", _TABLE_COLUMNS)
def role_table_grants(session: Session) -> Iterator[tuple]:
    return (row for row in _table_rows(session, with_public=False) if row[1] != "PUBLIC")


@define(
    "column_privileges",
    "grantor name, grantee name, table_catalog name, table_schema name, table_name name, "
    "column_name name, privilege_type text, is_grantable text",
)
def column_privileges(session: Session) -> Iterator[tuple]:
    """What is granted on a table is granted on all its columns."""
    lookup = session.lookup
    for table in lookup.view.state.all(Table):
        one = privileges.protected(table)
        schema = lookup.schema_name(table.schema_oid)
        for index, column in table.live_columns():
            seen = set()
            for place in (0, index + 1):
                for grant in _grants(session, one, place, with_public=True):
                    grantor, grantee, letter, may = grant
                    if letter not in privileges.RIGHTS["column"] or grant in seen:
                        continue
                    seen.add(grant)
                    yield (
                        *(grantor, grantee, session.database, schema, table.name, column.name),
                        *(privileges.WORDS[letter], _yes(may)),
                    )


@define(
    "routine_privileges",
    "grantor name, grantee name, specific_catalog name, specific_schema name, "
    "specific_name name, routine_catalog name, routine_schema name, routine_name name, "
    "privilege_type text, is_grantable text",
)
def routine_privileges(session: Session) -> Iterator[tuple]:
    lookup = session.lookup
    for routine in lookup.view.state.all(SqlRoutine):
        one = privileges.protected(routine)
        schema = lookup.schema_name(routine.schema_oid)
        for grantor, grantee, _, may in _grants(session, one, 0, with_public=True):
            yield (
                *(grantor, grantee, session.database, schema, f"{routine.name}_{routine.oid}"),
                *(session.database, schema, routine.name, "EXECUTE", _yes(may)),
            )


@define("enabled_roles", "role_name name")
def enabled_roles(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    for oid in sorted(privileges.rights_of(state, session.role.oid)):
        yield (_name(session, oid),)


@define("applicable_roles", "grantee name, role_name name, is_grantable text")
def applicable_roles(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    for oid in sorted(privileges.memberships(state, session.role.oid)):
        role = state.get(oid)
        for above in role.member_of if isinstance(role, Role) else ():
            yield role.name, _name(session, above), _yes(above in role.admin_of)
