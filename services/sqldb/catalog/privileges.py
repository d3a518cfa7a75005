"""Who may do what: access lists, their defaults, and the roles whose rights a role has.

    GRANT SELECT, INSERT ON staff TO ann WITH GRANT OPTION        {postgres=arwdDxt/postgres,
    GRANT SELECT ON staff TO PUBLIC                                ann=a*r*/postgres,=r/postgres}

An access list has an item for each grantee and grantor: letters of rights, and those of them that
the grantee may grant on. An object without a list has the default of its kind: all for its owner,
and what everybody (PUBLIC) begins with: to connect to a database, to call functions, to use types.
A superuser may do everything; nobody looks at a list for them. A role has the rights of the roles
that it is a member of, of those in turn, as far as each of them inherits (`rights_of`).

Here is the algebra alone, over a `CatalogState`; `session.permissions` refuses, `commands.granting`
changes lists. # Real: acl.c, aclchk.c
"""

from __future__ import annotations

from dataclasses import dataclass

from services.sqldb.catalog.definitions import (
    BOOTSTRAP_ROLE_OID,
    DATABASE_OID,
    DATABASE_OWNER_ROLE_OID,
    FIRST_USER_OID,
    INFORMATION_SCHEMA_OID,
    PG_CATALOG_OID,
    PUBLIC_SCHEMA_OID,
    AccessList,
    CompositeType,
    DomainType,
    EnumType,
    Index,
    Role,
    Schema,
    Sequence,
    SqlRoutine,
    Table,
    TableKind,
)
from services.sqldb.catalog.state import CatalogState
from services.sqldb.syntax.deparse import quote_identifier

AclItem = tuple[int, int, str, str]
PUBLIC = 0

# In the order in which PostgreSQL writes them.
LETTERS = {
    "insert": "a",
    "select": "r",
    "update": "w",
    "delete": "d",
    "truncate": "D",
    "references": "x",
    "trigger": "t",
    "execute": "X",
    "usage": "U",
    "create": "C",
    "temporary": "T",
    "temp": "T",
    "connect": "c",
    "set": "s",
    "alter system": "A",
}
WORDS = {letter: word.upper() for word, letter in LETTERS.items() if word != "temp"}
_ORDER = "arwdDxtXUCTcsA"

RIGHTS = {
    "table": "arwdDxt",
    "view": "arwdDxt",
    "sequence": "rwU",
    "database": "CTc",
    "function": "X",
    "language": "U",
    "schema": "UC",
    "tablespace": "C",
    "type": "U",
    "column": "arwx",
    # Of these there are none; pg_dump asks for their defaults all the same.
    "large object": "rw",
    "wrapper": "U",
    "server": "U",
    "parameter": "sA",
}
_OF_PUBLIC = {"database": "Tc", "function": "X", "language": "U", "type": "U"}

TABLE_CLASS, TYPE_CLASS, FUNCTION_CLASS, SCHEMA_CLASS = 1259, 1247, 1255, 2615
DATABASE_CLASS, LANGUAGE_CLASS, TABLESPACE_CLASS = 1262, 2612, 1213

READ_ALL_ROLE_OID, WRITE_ALL_ROLE_OID = 6181, 6182
PREDEFINED_ROLES = {
    DATABASE_OWNER_ROLE_OID: "pg_database_owner",
    READ_ALL_ROLE_OID: "pg_read_all_data",
    WRITE_ALL_ROLE_OID: "pg_write_all_data",
    3373: "pg_monitor",
    3374: "pg_read_all_settings",
    3375: "pg_read_all_stats",
    3377: "pg_stat_scan_tables",
    4569: "pg_read_server_files",
    4570: "pg_write_server_files",
    4571: "pg_execute_server_program",
    4200: "pg_signal_backend",
    4544: "pg_checkpoint",
}
_MONITORS = (3374, 3375, 3377)

# Of the system's tables, those that only a superuser reads.
_SECRET_TABLES = frozenset(
    ("pg_authid", "pg_shadow", "pg_statistic", "pg_user_mapping", "pg_subscription",
     "pg_statistic_ext_data", "pg_largeobject", "pg_hba_file_rules")
)  # fmt: skip


def predefined_definitions() -> tuple[Role | AccessList, ...]:
    """The roles that every database has, and the lists of its schemas."""
    roles = tuple(
        Role(oid, name, can_login=False, member_of=_MONITORS if name == "pg_monitor" else ())
        for oid, name in PREDEFINED_ROLES.items()
    )
    owner = DATABASE_OWNER_ROLE_OID
    lists = []
    for number, schema_oid in enumerate((PG_CATALOG_OID, INFORMATION_SCHEMA_OID)):
        items = (_owner_item(BOOTSTRAP_ROLE_OID, "UC"), (PUBLIC, BOOTSTRAP_ROLE_OID, "U", ""))
        lists.append(AccessList(13_600 + number, SCHEMA_CLASS, schema_oid, 0, items))
    items = (_owner_item(owner, "UC"), (PUBLIC, owner, "U", ""))
    lists.append(AccessList(13_602, SCHEMA_CLASS, PUBLIC_SCHEMA_OID, 0, items))
    return (*roles, *lists)


@dataclass(frozen=True, slots=True)
class Protected:
    """An object that has an access list. `kind` is a key of RIGHTS; `noun` what errors call it."""

    kind: str
    noun: str
    class_oid: int
    oid: int
    name: str
    owner: int


def protected(definition: object) -> Protected | None:
    """A definition as an object with rights; None: its kind has none."""
    match definition:
        case Table():
            is_view = definition.kind is TableKind.VIEW or is_system_view(definition)
            kind = "view" if is_view else "table"
            return _protected(definition, kind, kind, TABLE_CLASS)
        case Sequence():
            return _protected(definition, "sequence", "sequence", TABLE_CLASS)
        case Schema():
            return _protected(definition, "schema", "schema", SCHEMA_CLASS)
        case SqlRoutine():
            noun = "procedure" if definition.is_procedure else "function"
            return _protected(definition, "function", noun, FUNCTION_CLASS)
        case EnumType() | CompositeType() | DomainType():
            return _protected(definition, "type", "type", TYPE_CLASS)
    return None


def is_system_view(table: Table) -> bool:
    """pg_tables and its like, in distinction from pg_class: they have no fixed oids."""
    return table.kind is TableKind.SYSTEM and 12_000 <= table.oid < FIRST_USER_OID


def _protected(definition: object, kind: str, noun: str, class_oid: int) -> Protected:
    return Protected(kind, noun, class_oid, definition.oid, definition.name, definition.owner)


def database(name: str) -> Protected:
    return Protected("database", "database", DATABASE_CLASS, DATABASE_OID, name, BOOTSTRAP_ROLE_OID)


def language(oid: int, name: str) -> Protected:
    return Protected("language", "language", LANGUAGE_CLASS, oid, name, BOOTSTRAP_ROLE_OID)


def builtin_function(oid: int, name: str) -> Protected:
    return Protected("function", "function", FUNCTION_CLASS, oid, name, BOOTSTRAP_ROLE_OID)


def owner_of(state: CatalogState, definition: object) -> int:
    """Who may change and drop it: an index belongs to whom its table belongs to."""
    if isinstance(definition, Index):
        definition = state.get(definition.table_oid)
    return getattr(definition, "owner", BOOTSTRAP_ROLE_OID)


# Lists.


def _owner_item(owner: int, letters: str) -> AclItem:
    return owner, owner, letters, ""


def default_items(kind: str, owner: int) -> tuple[AclItem, ...]:
    """What an object of the kind begins with. # Real: acldefault()"""
    if kind == "column":
        return ()
    everybody = _OF_PUBLIC.get(kind)
    first = ((PUBLIC, owner, everybody, ""),) if everybody else ()
    return (*first, _owner_item(owner, RIGHTS[kind]))


def list_of(state: CatalogState, one: Protected, column: int = 0) -> AccessList | None:
    """The list that somebody has made; None: it has the default of its kind."""
    for found in state.parts(one.oid, AccessList):
        if found.column == column and found.class_oid == one.class_oid:
            return found
    return None


def items_of(state: CatalogState, one: Protected, column: int = 0) -> tuple[AclItem, ...]:
    found = list_of(state, one, column)
    if found is not None:
        return found.items
    if column:
        return ()
    if one.oid < FIRST_USER_OID and one.kind in ("table", "view"):
        return system_items(one.name)
    return default_items(one.kind, one.owner)


def system_items(name: str) -> tuple[AclItem, ...]:
    owner = _owner_item(BOOTSTRAP_ROLE_OID, RIGHTS["table"])
    return (owner,) if name in _SECRET_TABLES else (owner, (PUBLIC, BOOTSTRAP_ROLE_OID, "r", ""))


def sorted_letters(letters: object) -> str:
    return "".join(letter for letter in _ORDER if letter in letters)


def item_text(state: CatalogState, item: AclItem) -> str:
    """ann=a*r*/postgres"""
    grantee, grantor, letters, options = item
    shown = "".join(
        letter + ("*" if letter in options else "") for letter in _ORDER if letter in letters
    )
    return f"{role_text(state, grantee)}={shown}/{role_text(state, grantor)}"


def role_text(state: CatalogState, oid: int) -> str:
    if oid == PUBLIC:
        return ""
    role = state.get(oid)
    return quote_identifier(role.name) if isinstance(role, Role) else str(oid)


def list_text(state: CatalogState, class_oid: int, oid: int, column: int = 0) -> list[str] | None:
    """As relacl and its like have it; None: the default."""
    for found in state.parts(oid, AccessList):
        if found.column == column and found.class_oid == class_oid:
            return [item_text(state, item) for item in found.items]
    return None


# Roles.


def rights_of(state: CatalogState, role_oid: int) -> set[int]:
    """The role and all whose rights it has: those that do not inherit stop the way.

    # Real: roles_is_member_of(ROLERECURSE_PRIVS)
    """
    return _roles_of(state, role_oid, only_inherited=True)


def memberships(state: CatalogState, role_oid: int) -> set[int]:
    """The role and all that it may SET ROLE to. # Real: ROLERECURSE_MEMBERS"""
    return _roles_of(state, role_oid, only_inherited=False)


def _roles_of(state: CatalogState, role_oid: int, *, only_inherited: bool) -> set[int]:
    found, waiting = {role_oid}, [role_oid]
    while waiting:
        role = state.get(waiting.pop())
        if not isinstance(role, Role) or (only_inherited and not role.inherits):
            continue
        above = role.member_of
        if role.oid == BOOTSTRAP_ROLE_OID:
            above = (*above, DATABASE_OWNER_ROLE_OID)
        for oid in above:
            if oid not in found:
                found.add(oid)
                waiting.append(oid)
    return found


def is_superuser(state: CatalogState, role_oid: int) -> bool:
    role = state.get(role_oid)
    return isinstance(role, Role) and role.is_superuser


def has_rights_of(state: CatalogState, role_oid: int, other: int) -> bool:
    """Whether what `other` may do the role may, too."""
    return is_superuser(state, role_oid) or other in rights_of(state, role_oid)


def is_member(state: CatalogState, role_oid: int, other: int) -> bool:
    return is_superuser(state, role_oid) or other in memberships(state, role_oid)


def may_administer(state: CatalogState, role_oid: int, other: int) -> bool:
    """Whether the role may grant membership in `other`."""
    if is_superuser(state, role_oid):
        return True
    found = (state.get(one) for one in memberships(state, role_oid))
    return any(isinstance(one, Role) and other in one.admin_of for one in found)


# Questions.


def held(state: CatalogState, one: Protected, role_oid: int, column: int = 0) -> tuple[str, str]:
    """The letters of what the role may do with the object, and of what it may grant on.

    # Real: aclmask(), and the predefined roles of pg_class_aclmask() and pg_namespace_aclmask()
    """
    every = RIGHTS["column" if column else one.kind]
    if is_superuser(state, role_oid):
        return every, every
    roles = rights_of(state, role_oid)
    letters: set[str] = set()
    options: set[str] = set()
    for grantee, _, some, grantable in items_of(state, one, column):
        if grantee == PUBLIC or grantee in roles:
            letters.update(some)
            options.update(grantable)
    if one.owner in roles and not column:
        # An owner may grant everything, even what they have taken from themselves.
        options.update(every)
    if READ_ALL_ROLE_OID in roles:
        letters.update(
            {"table": "r", "view": "r", "sequence": "r", "schema": "U"}.get(one.kind, "")
        )
    if WRITE_ALL_ROLE_OID in roles:
        letters.update({"table": "awd", "view": "awd", "sequence": "w", "schema": "U"}.get(
            one.kind, ""))  # fmt: skip
    return sorted_letters(letters), sorted_letters(options)


def has(
    state: CatalogState, one: Protected, role_oid: int, letters: str, *, with_option: bool = False
) -> bool:
    """Whether the role has all of these rights."""
    return set(letters) <= set(held(state, one, role_oid)[with_option])


def has_on_column(
    state: CatalogState, one: Protected, role_oid: int, letter: str, column: int
) -> bool:
    """By the column's own list; the table's is not looked at."""
    return letter in held(state, one, role_oid, column)[0]


def owns(state: CatalogState, role_oid: int, owner: int) -> bool:
    return has_rights_of(state, role_oid, owner)
