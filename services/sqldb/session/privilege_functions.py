"""has_table_privilege and its like: what a role may do; access lists as rows.

Each takes a role (by name or oid; without one: the current one), an object (by name or oid) and
rights as text, 'SELECT, INSERT WITH GRANT OPTION': true if one of them is there. An oid of nothing
gives NULL. # Real: acl.c
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import DATABASE_OID, Role, SqlRoutine, Table
from services.sqldb.catalog.privileges import LETTERS, PUBLIC, Protected
from services.sqldb.errors import SqlError
from services.sqldb.functions import Definitions
from services.sqldb.session.object_names import object_oid
from services.sqldb.session.session_settings import split_names
from services.sqldb.types import type_by_oid
from services.sqldb.values import Array, Row

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}


def _role_oid(session: Session, which: object) -> int:
    """Raises SqlError 42704."""
    if isinstance(which, int):
        return which
    if which == "public":
        return PUBLIC
    found = session.lookup.view.state.find("role", 0, which)
    if not isinstance(found, Role):
        found = session.named_roles.get(which)
    if found is None:
        raise SqlError(errors.UNDEFINED_OBJECT, f'role "{which}" does not exist')
    return found.oid


def _wanted(text: str, allowed: str) -> list[tuple[str, bool]]:
    """Each right as a letter, and whether with its grant option. Raises SqlError 22023."""
    found = []
    for part in text.split(","):
        words = " ".join(part.split()).lower()
        plain = words.removesuffix(" with grant option")
        letter = LETTERS.get(plain, "")
        if not letter or letter not in allowed:
            message = f'unrecognized privilege type: "{part.strip()}"'
            raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
        found.append((letter, plain != words))
    return found


def _has_one(
    session: Session, one: Protected, role_oid: int, wanted: list[tuple[str, bool]], column: int = 0
) -> bool:
    state = session.lookup.view.state
    own = privileges.held(state, one, role_oid, column)
    return any(letter in own[with_option] for letter, with_option in wanted)


# Which object is meant.


def _by_oid(session: Session, oid: int) -> Protected | None:
    state = session.lookup.view.state
    definition = state.get(oid)
    if definition is None:
        system = session.engine.system_tables.by_oid.get(oid)
        definition = None if system is None else system.table
    return None if definition is None else privileges.protected(definition)


def _relation(session: Session, which: object) -> Protected | None:
    """Raises SqlError 42P01."""
    if isinstance(which, int):
        return _by_oid(session, which)
    *schema, name = split_names(which.replace(".", ","))
    found = session.lookup.relation(schema[-1] if schema else None, name)
    if found is None:
        message = f'relation "{which}" does not exist'
        raise SqlError(errors.UNDEFINED_TABLE, message)
    return privileges.protected(found)


def _sequence(session: Session, which: object) -> Protected | None:
    found = _relation(session, which)
    if found is not None and found.kind != "sequence":
        raise SqlError(errors.WRONG_OBJECT_TYPE, f'"{found.name}" is not a sequence')
    return found


def _schema(session: Session, which: object) -> Protected | None:
    if isinstance(which, int):
        return _by_oid(session, which)
    return privileges.protected(session.lookup.expect_schema(which))


def _database(session: Session, which: object) -> Protected | None:
    if which not in (session.database, DATABASE_OID):
        if isinstance(which, int):
            return None
        message = f'database "{which}" does not exist'
        raise SqlError(errors.INVALID_CATALOG_NAME, message)
    return privileges.database(session.database)


def _function(session: Session, which: object) -> Protected | None:
    oid = which if isinstance(which, int) else object_oid(session, "regprocedure", which)
    if oid is None:
        message = f'function "{which}" does not exist'
        raise SqlError(errors.UNDEFINED_FUNCTION, message)
    found = session.lookup.view.state.get(oid)
    if isinstance(found, SqlRoutine):
        return privileges.protected(found)
    return privileges.builtin_function(oid, "")


def _type(session: Session, which: object) -> Protected | None:
    oid = which if isinstance(which, int) else object_oid(session, "regtype", which)
    if oid is None:
        raise SqlError(errors.UNDEFINED_OBJECT, f'type "{which}" does not exist')
    found = _by_oid(session, oid)
    if found is None and (isinstance(which, str) or type_by_oid(oid) is not None):
        found = Protected("type", "type", privileges.TYPE_CLASS, oid, "", 10)
    return found


def _language(session: Session, which: object) -> Protected | None:
    return privileges.language(0, str(which))


def _tablespace(session: Session, which: object) -> Protected | None:
    return Protected("tablespace", "tablespace", privileges.TABLESPACE_CLASS, 0, "", 10)


# The functions.

_KINDS: dict[str, tuple[str, Callable[[Session, object], Protected | None]]] = {
    "table": (privileges.RIGHTS["table"], _relation),
    "sequence": (privileges.RIGHTS["sequence"], _sequence),
    "schema": (privileges.RIGHTS["schema"], _schema),
    "database": (privileges.RIGHTS["database"], _database),
    "function": (privileges.RIGHTS["function"], _function),
    "type": (privileges.RIGHTS["type"], _type),
    "language": (privileges.RIGHTS["language"], _language),
    "tablespace": (privileges.RIGHTS["tablespace"], _tablespace),
}


def _signatures(name: str, *objects: str) -> list[str]:
    """With each kind of role: none, by name, by oid; each object by name and by oid."""
    columns = objects[1:]
    for_object = [(one, *more) for one in ("text", "oid") for more in _products(columns)]
    return [
        f"{name}({', '.join((*role, *given, 'text'))}) -> bool"
        for role in ((), ("name",), ("oid",))
        for given in for_object
    ]


def _products(columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [("text",), ("int2",)] if columns else [()]


def _define_kind(kind: str) -> None:
    allowed, find = _KINDS[kind]

    def has_privilege(session: Session, *given: object) -> bool | None:
        *role, which, text = given
        role_oid = _role_oid(session, role[0]) if role else session.role.oid
        wanted = _wanted(text, allowed)
        one = find(session, which)
        return None if one is None else _has_one(session, one, role_oid, wanted)

    define.function(*_signatures(f"has_{kind}_privilege", kind), **_STABLE)(has_privilege)


for _kind in _KINDS:
    _define_kind(_kind)


@define.function(*_signatures("has_column_privilege", "table", "column"), **_STABLE)
def has_column_privilege(session: Session, *given: object) -> bool | None:
    *role, which, column, text = given
    role_oid = _role_oid(session, role[0]) if role else session.role.oid
    wanted = _wanted(text, privileges.RIGHTS["column"])
    one = _relation(session, which)
    if one is None:
        return None
    number = _column_number(session, one, column)
    if number is None:
        return None
    whole = _has_one(session, one, role_oid, wanted)
    return whole or _has_one(session, one, role_oid, wanted, number)


def _column_number(session: Session, one: Protected, column: object) -> int | None:
    """Raises SqlError 42703 for a name that no column has; None for such a number."""
    table = session.lookup.view.state.get(one.oid) or session.engine.system_tables.by_oid[
        one.oid].table  # fmt: skip
    if isinstance(column, int):
        return column if 0 < column <= len(table.columns) else None
    index = table.column_index(column) if isinstance(table, Table) else None
    if index is None:
        message = f'column "{column}" of relation "{one.name}" does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message)
    return index + 1


@define.function(*_signatures("has_any_column_privilege", "table"), **_STABLE)
def has_any_column_privilege(session: Session, *given: object) -> bool | None:
    *role, which, text = given
    role_oid = _role_oid(session, role[0]) if role else session.role.oid
    wanted = _wanted(text, privileges.RIGHTS["column"])
    one = _relation(session, which)
    if one is None:
        return None
    if _has_one(session, one, role_oid, wanted):
        return True
    table = session.lookup.view.state.get(one.oid)
    width = len(table.columns) if isinstance(table, Table) else 0
    return any(_has_one(session, one, role_oid, wanted, at) for at in range(1, width + 1))


_ROLE_RIGHTS = re.compile(r"\s*(usage|member)(\s+with\s+(grant|admin)\s+option)?\s*", re.IGNORECASE)


@define.function(
    *(
        f"pg_has_role({', '.join((*role, other, 'text'))}) -> bool"
        for role in ((), ("name",), ("oid",))
        for other in ("name", "oid")
    ),
    **_STABLE,
)
def pg_has_role(session: Session, *given: object) -> bool:
    *role, other, text = given
    role_oid = _role_oid(session, role[0]) if role else session.role.oid
    other_oid = _role_oid(session, other)
    state = session.lookup.view.state
    for part in text.split(","):
        found = _ROLE_RIGHTS.fullmatch(part)
        if found is None:
            message = f'unrecognized privilege type: "{part.strip()}"'
            raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
        if found[2]:
            has = privileges.may_administer(state, role_oid, other_oid)
        elif found[1].lower() == "usage":
            has = privileges.has_rights_of(state, role_oid, other_oid)
        else:
            has = privileges.is_member(state, role_oid, other_oid)
        if has:
            return True
    return False


# Access lists as they are shown.

_KIND_OF_LETTER = {
    "c": "column",
    "r": "table",
    "s": "sequence",
    "d": "database",
    "f": "function",
    "l": "language",
    "n": "schema",
    "t": "tablespace",
    "T": "type",
    "L": "large object",
    "F": "wrapper",
    "S": "server",
    "p": "parameter",
}


@define.function("acldefault(char, oid) -> aclitem[]", **_STABLE)
def acldefault(session: Session, letter: str, owner: int) -> Array:
    kind = _KIND_OF_LETTER.get(letter)
    if kind is None:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f"unrecognized object type: {letter}")
    state = session.lookup.view.state
    items = privileges.default_items(kind, owner)
    return Array(tuple(privileges.item_text(state, one) for one in items), (1,) if items else ())


_ITEM = re.compile(r'((?:"(?:[^"]|"")*"|[^="])*)=((?:[a-zA-Z]\*?)*)/(.+)', re.DOTALL)


@define.function(
    "aclexplode(aclitem[]) -> "
    "table(grantor oid, grantee oid, privilege_type text, is_grantable bool)",
    **_STABLE,
)
def aclexplode(session: Session, items: Array) -> Iterator[Row]:
    for item in items.elements:
        found = _ITEM.fullmatch(item)
        if found is None:
            raise SqlError("22P02", f'invalid input syntax for type aclitem: "{item}"')
        grantee, letters, grantor = (part or "" for part in found.groups())
        for letter in re.finditer(r"([a-zA-Z])(\*?)", letters):
            yield Row(
                (
                    _role_oid(session, _bare(grantor)),
                    _role_oid(session, _bare(grantee)) if grantee else PUBLIC,
                    privileges.WORDS[letter[1]],
                    letter[2] == "*",
                )
            )


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
