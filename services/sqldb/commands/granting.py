"""GRANT and REVOKE of rights: access lists are changed.

    REVOKE GRANT OPTION FOR SELECT ON staff FROM ann      what ann has granted on goes as well with
                                                          CASCADE; without it that is an error
Who grants must be the owner, or have got the right WITH GRANT OPTION; what is granted stands in the
list under the name of who could. # Real: ExecuteGrantStmt(), aclupdate(), recursive_revoke()
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.sqldb import errors
from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import AccessList, Sequence, SqlRoutine, Table
from services.sqldb.catalog.privileges import PUBLIC, AclItem, Protected
from services.sqldb.catalog.routine_names import missing_routine
from services.sqldb.commands.permissions import find_object, named_role
from services.sqldb.errors import SqlError
from services.sqldb.functions.oids import builtin_oids, signature
from services.sqldb.session.permissions import denied
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import ObjectKind

_ROUTINES = (ObjectKind.FUNCTION, ObjectKind.PROCEDURE, ObjectKind.ROUTINE)
_TYPES = (ObjectKind.TYPE, ObjectKind.DOMAIN)
_KINDS = {
    ObjectKind.TABLE: "table",
    ObjectKind.SEQUENCE: "sequence",
    ObjectKind.DATABASE: "database",
    ObjectKind.SCHEMA: "schema",
    ObjectKind.LANGUAGE: "language",
    ObjectKind.TABLESPACE: "tablespace",
    ObjectKind.TYPE: "type",
    ObjectKind.DOMAIN: "type",
} | dict.fromkeys(_ROUTINES, "function")


@dataclass(frozen=True, slots=True)
class Change:
    """One GRANT or REVOKE, with its roles found."""

    is_grant: bool
    grantees: tuple[int, ...]
    option: bool
    cascade: bool


def grant(session: Session, node: nodes.Grant) -> Result:
    tag = "GRANT" if node.is_grant else "REVOKE"
    change = Change(
        node.is_grant,
        grantees_of(session, node.roles, node.is_grant and node.with_grant_option),
        node.with_grant_option,
        node.cascade,
    )
    for one, kind in _objects(session, node):
        _change_object(session, one, kind, node.privileges, change)
    return Result(tag)


def grantees_of(session: Session, names: tuple[str, ...], with_option: bool) -> tuple[int, ...]:
    found = tuple(PUBLIC if name == "public" else named_role(session, name).oid for name in names)
    if with_option and PUBLIC in found:
        message = "grant options can only be granted to roles"
        raise SqlError("0LP01", message)
    return found


# The objects.


def _objects(session: Session, node: nodes.Grant) -> list[tuple[Protected, str]]:
    """What the statement names, and as which kind of object."""
    kind = _KINDS[node.kind]
    if node.in_schema:
        return [(one, kind) for names in node.names for one in _all_in(session, node.kind, names)]
    found = [_object(session, node.kind, names) for names in node.names]
    # GRANT … ON TABLE takes sequences as well.
    return [(one, "sequence" if one.kind == "sequence" else kind) for ones in found for one in ones]


def _all_in(session: Session, kind: ObjectKind, names: tuple[str, ...]) -> list[Protected]:
    state = session.lookup.view.state
    schema = session.lookup.expect_schema(names[-1])
    if kind is ObjectKind.TABLE:
        found: list = list(state.all(Table))
    elif kind is ObjectKind.SEQUENCE:
        found = list(state.all(Sequence))
    else:
        found = [
            one
            for one in state.all(SqlRoutine)
            if kind is ObjectKind.ROUTINE or one.is_procedure == (kind is ObjectKind.PROCEDURE)
        ]
    return [privileges.protected(one) for one in found if one.schema_oid == schema.oid]


def _object(session: Session, kind: ObjectKind, names: tuple[str, ...]) -> list[Protected]:
    name = names[-1]
    match kind:
        case ObjectKind.DATABASE:
            if name != session.database:
                message = f'database "{name}" does not exist'
                raise SqlError(errors.INVALID_CATALOG_NAME, message)
            return [privileges.database(name)]
        case ObjectKind.LANGUAGE:
            oid = {"internal": 12, "c": 13, "sql": 14, "plpgsql": 13_501}.get(name)
            if oid is None:
                message = f'language "{name}" does not exist'
                raise SqlError(errors.UNDEFINED_OBJECT, message)
            return [privileges.language(oid, name)]
        case ObjectKind.TABLESPACE:
            raise errors.not_supported("GRANT ON TABLESPACE", -1)
        case ObjectKind.SCHEMA:
            return [privileges.protected(session.lookup.expect_schema(name))]
    found = find_object(session, kind, names)
    if found is None and kind in _ROUTINES:
        return _builtin_functions(session, kind, names)
    one = None if found is None else privileges.protected(found)
    if kind in _TYPES and found is None:
        one = _builtin_type(session, names)
    if one is None:
        raise _missing(session, kind, names, found)
    if kind is ObjectKind.SEQUENCE and one.kind != "sequence":
        raise SqlError(errors.WRONG_OBJECT_TYPE, f'"{name}" is not a sequence')
    return [one]


def _builtin_type(session: Session, names: tuple[str, ...]) -> Protected | None:
    *schema, name = names
    found = session.lookup.type(schema[-1] if schema else None, name)
    if found is None:
        return None
    return Protected("type", "type", privileges.TYPE_CLASS, found.oid, found.name, 10)


def _missing(session: Session, kind: ObjectKind, names: tuple[str, ...], found: object) -> SqlError:
    name = ".".join(names)
    if kind in _TYPES:
        return SqlError(errors.UNDEFINED_OBJECT, f'type "{name}" does not exist')
    if found is not None:
        return SqlError(errors.WRONG_OBJECT_TYPE, f'"{names[-1]}" is an index')
    return SqlError(errors.UNDEFINED_TABLE, f'relation "{name}" does not exist')


def _builtin_functions(
    session: Session, kind: ObjectKind, names: tuple[str, ...]
) -> list[Protected]:
    """Those of pg_catalog, all of a name where no arguments are written."""
    known = builtin_oids()
    oids = {
        getattr(one, "oid", 0) or known.get(signature(one), 0)
        for one in session.library.named(names[-1])
    } - {0}
    if not oids:
        message = missing_routine(session, kind.value, names)
        raise SqlError(errors.UNDEFINED_FUNCTION, message)
    return [privileges.builtin_function(oid, names[-1]) for oid in sorted(oids)]


# The rights.


def letters_of(kind: str, written: tuple[nodes.Privilege, ...]) -> tuple[str, dict[str, list[str]]]:
    """The letters for the object, and for its columns by their names. Raises SqlError 0LP01."""
    whole: set[str] = set()
    columns: dict[str, list[str]] = {}
    for privilege in written:
        allowed = privileges.RIGHTS["column" if privilege.columns else kind]
        if privilege.columns and kind not in ("table", "view"):
            message = "column privileges are only valid for relations"
            raise SqlError("0LP01", message)
        if privilege.name == "all":
            letters = allowed
        else:
            letters = privileges.LETTERS.get(privilege.name, "")
            if not letters:
                message = f'unrecognized privilege type "{privilege.name}"'
                raise SqlError(errors.SYNTAX_ERROR, message)
            if letters not in allowed:
                noun = "column" if privilege.columns else kind
                if kind == "table" and letters != "U":
                    noun = "relation"  # USAGE is something that a sequence has.
                word = privileges.WORDS[letters]
                raise SqlError("0LP01", f"invalid privilege type {word} for {noun}")
        for name in privilege.columns:
            columns.setdefault(name, []).extend(letters)
        if not privilege.columns:
            whole.update(letters)
    return privileges.sorted_letters(whole), columns


def _change_object(
    session: Session,
    one: Protected,
    kind: str,
    written: tuple[nodes.Privilege, ...],
    change: Change,
) -> None:
    state = session.lookup.view.state
    letters, columns = letters_of(kind, written)
    is_all = any(privilege.name == "all" for privilege in written)
    table = state.get(one.oid)
    if letters:
        _change_list(session, one, 0, letters, change, is_all=is_all, name=one.name)
        if not change.is_grant and isinstance(table, Table):
            # What is revoked from the table is revoked from its columns.
            of_columns = set(letters) & set(privileges.RIGHTS["column"])
            for index, _ in table.live_columns():
                if privileges.list_of(state, one, index + 1) is not None:
                    columns.setdefault(table.columns[index].name, []).extend(of_columns)
    for name, some in columns.items():
        index = table.column_index(name) if isinstance(table, Table) else None
        if index is None:
            message = f'column "{name}" of relation "{one.name}" does not exist'
            raise SqlError(errors.UNDEFINED_COLUMN, message)
        wanted = privileges.sorted_letters(some)
        _change_list(session, one, index + 1, wanted, change, is_all=is_all or bool(letters),
                     name=name)  # fmt: skip


def _change_list(
    session: Session,
    one: Protected,
    column: int,
    letters: str,
    change: Change,
    *,
    is_all: bool,
    name: str,
) -> None:
    state = session.lookup.view.state
    grantor, available = _best_grantor(session, one, column, letters)
    usable = privileges.sorted_letters(set(letters) & set(available))
    if usable != letters:
        _warn_of_less(session, one, column, usable, change, is_all=is_all, name=name)
    if not usable:
        return
    items = list(privileges.items_of(state, one, column))
    for grantee in change.grantees:
        if change.is_grant:
            items = granted(items, grantee, grantor, usable, change.option)
        else:
            items = revoked(items, grantee, grantor, usable, change, one.owner)
    put_list(session, one, column, tuple(items))


def put_list(session: Session, one: Protected, column: int, items: tuple[AclItem, ...]) -> None:
    view = session.lookup.view
    old = privileges.list_of(view.state, one, column)
    if column and not items:
        if old is not None:
            view.remove(old.oid)
        return
    if old is not None:
        if old.items != items:
            view.put(replace(old, items=items))
        return
    view.put(AccessList(view.new_oid(), one.class_oid, one.oid, column, items))


def _best_grantor(session: Session, one: Protected, column: int, letters: str) -> tuple[int, str]:
    """In whose name it is done, and which of the letters they may grant.

    # Real: select_best_grantor()
    """
    state, role_oid = session.lookup.view.state, session.role.oid
    if privileges.owns(state, role_oid, one.owner):
        return one.owner, letters
    best, most = role_oid, ""
    for role in sorted(privileges.rights_of(state, role_oid), key=lambda oid: oid != role_oid):
        options: set[str] = set()
        for place in {0, column}:
            for grantee, _, _, grantable in privileges.items_of(state, one, place):
                if grantee == role:
                    options |= set(grantable) & set(letters)
        if len(options) > len(most):
            best, most = role, privileges.sorted_letters(options)
    return best, most


def _warn_of_less(
    session: Session,
    one: Protected,
    column: int,
    usable: str,
    change: Change,
    *,
    is_all: bool,
    name: str,
) -> None:
    """Raises SqlError 42501 if the role may do nothing with the object at all."""
    if not usable:
        state, role_oid = session.lookup.view.state, session.role.oid
        own = set("".join(privileges.held(state, one, role_oid)))
        if column:
            own |= set("".join(privileges.held(state, one, role_oid, column)))
        if not own:
            raise denied(one)
    elif is_all:
        return
    what = "no" if not usable else "not all"
    shown = f'column "{name}" of relation "{one.name}"' if column else f'"{one.name}"'
    if change.is_grant:
        session.warn("01007", f"{what} privileges were granted for {shown}")
    else:
        session.warn("01006", f"{what} privileges could be revoked for {shown}")


# Lists, item by item.


def granted(
    items: list[AclItem], grantee: int, grantor: int, letters: str, with_option: bool
) -> list[AclItem]:
    options = letters if with_option else ""
    for place, (whom, by, old, old_options) in enumerate(items):
        if (whom, by) == (grantee, grantor):
            merged = privileges.sorted_letters(set(old) | set(letters))
            grantable = privileges.sorted_letters(set(old_options) | set(options))
            return [*items[:place], (whom, by, merged, grantable), *items[place + 1 :]]
    return [*items, (grantee, grantor, letters, options)]


def revoked(
    items: list[AclItem], grantee: int, grantor: int, letters: str, change: Change, owner: int
) -> list[AclItem]:
    """Without these rights, or their options; with CASCADE without what hangs on the options.

    Raises SqlError 2BP01.
    """
    found: list[AclItem] = []
    lost: set[str] = set()
    for whom, by, old, old_options in items:
        if (whom, by) != (grantee, grantor):
            found.append((whom, by, old, old_options))
            continue
        options = privileges.sorted_letters(set(old_options) - set(letters))
        lost |= set(old_options) & set(letters)
        kept = old if change.option else privileges.sorted_letters(set(old) - set(letters))
        if kept:
            found.append((whom, by, kept, options))
    if grantee in (PUBLIC, owner):
        return found
    # Another may have granted the same option.
    still = {letter for whom, _, _, some in found if whom == grantee for letter in some}
    return _dependent_revoked(found, grantee, lost - still, change, owner)


def _dependent_revoked(
    items: list[AclItem], grantor: int, lost: set[str], change: Change, owner: int
) -> list[AclItem]:
    """# Real: recursive_revoke()"""
    for whom, by, letters, _ in list(items):
        hanging = privileges.sorted_letters(set(letters) & lost)
        if by != grantor or not hanging:
            continue
        if not change.cascade:
            raise SqlError(
                errors.DEPENDENT_OBJECTS_STILL_EXIST,
                "dependent privileges exist",
                hint="Use CASCADE to revoke them too.",
            )
        items = revoked(items, whom, by, hanging, replace(change, option=False), owner)
    return items
