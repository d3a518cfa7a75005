"""ALTER DEFAULT PRIVILEGES: the access lists of what a role is going to make, and its new owners.

A list for all schemas stands in the place of the kind's default; one for a single schema adds to
it. # Real: pg_default_acl, SetDefaultACL()
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import AccessList, DefaultAccess
from services.sqldb.commands.granting import (
    Change,
    granted,
    grantees_of,
    letters_of,
    put_list,
    revoked,
)
from services.sqldb.commands.permissions import named_role
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes

_DEFAULT_KINDS = {"tables": "r", "sequences": "S", "functions": "f", "routines": "f",
                  "types": "T", "schemas": "n"}  # fmt: skip
_KIND_OF_LETTER = {"r": "table", "S": "sequence", "f": "function", "T": "type", "n": "schema"}


def alter_default_privileges(session: Session, node: nodes.AlterDefaultPrivileges) -> Result:
    roles = [named_role(session, name) for name in node.for_roles] or [session.role]
    state = session.lookup.view.state
    for role in roles:
        if not privileges.is_member(state, session.role.oid, role.oid):
            message = f'must be member of role "{role.name}"'
            raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)
    schemas = [session.lookup.expect_schema(name).oid for name in node.schemas] or [0]
    letter = _DEFAULT_KINDS[node.object_kind]
    if letter == "n" and node.schemas:
        message = "cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS"
        raise SqlError("0LP01", message)
    kind = _KIND_OF_LETTER[letter]
    letters, _ = letters_of(kind, node.privileges)
    given_to = grantees_of(session, node.roles, node.is_grant and node.with_grant_option)
    change = Change(node.is_grant, given_to, node.with_grant_option, node.cascade)
    for role in roles:
        for schema_oid in schemas:
            _change_default(session, role.oid, schema_oid, letter, letters, change)
    return Result("ALTER DEFAULT PRIVILEGES")


def _change_default(
    session: Session, role_oid: int, schema_oid: int, letter: str, letters: str, change: Change
) -> None:
    view = session.lookup.view
    kind = _KIND_OF_LETTER[letter]
    start = () if schema_oid else privileges.default_items(kind, role_oid)
    old = _default_of(session, role_oid, schema_oid, letter)
    items = list(old.items if old is not None else start)
    for grantee in change.grantees:
        if change.is_grant:
            items = granted(items, grantee, role_oid, letters, change.option)
        else:
            items = revoked(items, grantee, role_oid, letters, change, role_oid)
    if sorted(items) == sorted(start):
        if old is not None:
            view.remove(old.oid)
    elif old is not None:
        view.put(replace(old, items=tuple(items)))
    else:
        made = DefaultAccess(view.new_oid(), role_oid, schema_oid, letter, tuple(items))
        view.put(made)


def _default_of(
    session: Session, role_oid: int, schema_oid: int, letter: str
) -> DefaultAccess | None:
    for one in session.lookup.view.state.all(DefaultAccess):
        if (one.role_oid, one.schema_oid, one.kind) == (role_oid, schema_oid, letter):
            return one
    return None


_LETTER_OF_KIND = {"table": "r", "view": "r", "sequence": "S", "function": "f", "type": "T",
                   "schema": "n"}  # fmt: skip


def give_defaults(session: Session, definition: object) -> None:
    """Of a new object: the list that ALTER DEFAULT PRIVILEGES has laid down for its owner.

    # Real: get_user_default_acl()
    """
    one = privileges.protected(definition)
    letter = _LETTER_OF_KIND[one.kind]
    places = (0, getattr(definition, "schema_oid", 0))
    found = [_default_of(session, one.owner, place, letter) for place in dict.fromkeys(places)]
    if not any(found):
        return
    everywhere = found[0]
    items = list(everywhere.items if everywhere else privileges.default_items(one.kind, one.owner))
    for more in (one for one in found[1:] if one is not None):
        for grantee, grantor, letters, options in more.items:
            items = granted(items, grantee, grantor, letters, False)
            if options:
                items = granted(items, grantee, grantor, options, True)
    if sorted(items) != sorted(privileges.default_items(one.kind, one.owner)):
        put_list(session, one, 0, tuple(items))


def change_owner_in_lists(session: Session, definition: object, new_owner: int) -> None:
    """What the old owner had and granted, the new one has and has granted.

    # Real: aclnewowner()
    """
    view = session.lookup.view
    old_owner = definition.owner
    for found in view.state.parts(definition.oid, AccessList):
        merged: dict[tuple[int, int], tuple[set[str], set[str]]] = {}
        for grantee, grantor, letters, options in found.items:
            key = tuple(new_owner if one == old_owner else one for one in (grantee, grantor))
            have, may = merged.setdefault(key, (set(), set()))
            have.update(letters)
            may.update(options)
        items = tuple(
            (*key, privileges.sorted_letters(have), privileges.sorted_letters(may))
            for key, (have, may) in merged.items()
        )
        view.put(replace(found, items=items))
