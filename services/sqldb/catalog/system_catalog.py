"""The tables of pg_catalog, computed from the definitions.

Columns are those that clients read (see their documentation in PostgreSQL's chapter 53), in
PostgreSQL's order, without those that nobody asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    BOOTSTRAP_ROLE_OID,
    DATABASE_OID,
    FIRST_USER_OID,
    PG_CATALOG_OID,
    Column,
    Comment,
    CompositeType,
    Constraint,
    ConstraintKind,
    DomainCheck,
    DomainType,
    Index,
    Schema,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.catalog.name_forms import type_text
from services.sqldb.catalog.privileges import (
    DATABASE_CLASS,
    SCHEMA_CLASS,
    TABLE_CLASS,
    is_system_view,
    item_text,
    list_text,
    owner_of,
    system_items,
)
from services.sqldb.catalog.system_tables import SystemDefinitions
from services.sqldb.catalog.texts import relation_text
from services.sqldb.types import SqlType
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

definitions = SystemDefinitions(PG_CATALOG_OID)
define, define_empty = definitions.define, definitions.define_empty

BTREE_OID, HEAP_AM_OID = 403, 2
INDEX_METHOD_OIDS = {"btree": BTREE_OID, "hash": 405, "gist": 783, "gin": 2742, "spgist": 4000,
                     "brin": 3580}  # fmt: skip
DEFAULT_TABLESPACE_OID = 1663
DEFAULT_COLLATION_OID = 100


def vector(numbers: list[int]) -> Array:
    return Array(tuple(numbers), (0,))


def text_array(items: list) -> Array:
    return Array(tuple(items), (1,) if items else ())


def acl(
    session: Session, class_oid: int, oid: int, name: str = "", column: int = 0
) -> Array | None:
    """The access list of an object, if it is not the default."""
    state = session.lookup.view.state
    texts = list_text(state, class_oid, oid, column)
    if texts is None and name.startswith("pg_") and oid < FIRST_USER_OID:
        texts = [item_text(state, item) for item in system_items(name)]
    return None if texts is None else text_array(texts)


@define("pg_namespace", "oid oid, nspname name, nspowner oid, nspacl _aclitem", 2615)
def pg_namespace(session: Session) -> Iterator[tuple]:
    for schema in session.lookup.view.state.all(Schema):
        yield schema.oid, schema.name, schema.owner, acl(session, SCHEMA_CLASS, schema.oid)


@define(
    "pg_class",
    "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid, "
    "relfilenode oid, reltablespace oid, relpages int4, reltuples float4, relallvisible int4, "
    "reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence char, relkind char, "
    "relnatts int2, relchecks int2, relhasrules bool, relhastriggers bool, relhassubclass bool, "
    "relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, relreplident char, "
    "relispartition bool, relrewrite oid, relfrozenxid xid, relminmxid xid, relacl _aclitem, "
    "reloptions _text, relpartbound text",
    1259,
)
def pg_class(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    tables = [one.table for one in session.engine.system_tables.by_oid.values()]
    for table in (*tables, *state.all(Table)):
        yield _class_row(
            session,
            table.oid,
            table.name,
            table.schema_oid,
            "v" if table.kind is TableKind.VIEW or is_system_view(table) else "r",
            len(table.columns),
            row_type_oid=table.row_type_oid,
            owner=table.owner,
            am_oid=0 if table.kind is TableKind.VIEW or is_system_view(table) else HEAP_AM_OID,
            has_index=bool(state.parts(table.oid, Index)),
            checks=_check_count(session, table),
            persistence="t" if table.is_temporary else "p",
            rows=_row_estimate(session, table),
            has_rules=table.kind is TableKind.VIEW,
            has_triggers=_has_foreign_keys(session, table),
            options=table.options,
        )
    for index in state.all(Index):
        am_oid = INDEX_METHOD_OIDS[index.method]
        yield _class_row(
            *(session, index.oid, index.name, index.schema_oid, "i", len(index.keys)),
            am_oid=am_oid,
            owner=owner_of(state, index),
            options=index.options,
        )
    for sequence in state.all(Sequence):
        yield _class_row(
            session,
            sequence.oid,
            sequence.name,
            sequence.schema_oid,
            "S",
            3,
            owner=sequence.owner,
            persistence="t" if sequence.is_temporary else "p",
            rows=1,
        )
    for one in state.all(CompositeType):
        if not one.table_oid:
            yield _class_row(
                *(session, one.oid, one.name, one.schema_oid, "c", len(one.columns)),
                row_type_oid=one.oid,
                owner=one.owner,
            )


def _check_count(session: Session, table: Table) -> int:
    found = session.lookup.constraints_of(table)
    return sum(one.kind is ConstraintKind.CHECK for one in found)


def _has_foreign_keys(session: Session, table: Table) -> bool:
    found = session.lookup.view.state.parts(table.oid, Constraint)
    return any(one.kind is ConstraintKind.FOREIGN_KEY for one in found)


def _row_estimate(session: Session, table: Table) -> float:
    for statistics in session.lookup.statistics_of(table):
        if statistics.column == -1:
            return statistics.row_count
    return -1.0


def _class_row(
    session: Session,
    oid: int,
    name: str,
    schema_oid: int,
    kind: str,
    columns: int,
    *,
    row_type_oid: int = 0,
    owner: int = BOOTSTRAP_ROLE_OID,
    am_oid: int = 0,
    has_index: bool = False,
    checks: int = 0,
    persistence: str = "p",
    rows: float = 0.0,
    has_rules: bool = False,
    has_triggers: bool = False,
    options: tuple[str, ...] = (),
) -> tuple:
    return (
        *(oid, name, schema_oid, row_type_oid, 0, owner, am_oid, oid, 0),
        *(max(0, int(rows) // 100), rows, 0, 0, has_index, False, persistence, kind),
        *(columns, checks, has_rules, has_triggers, False, False, False, True),
        *("d" if kind == "r" else "n", False, 0, 0, 0, acl(session, TABLE_CLASS, oid, name)),
        *(text_array(list(options)) if options else None, None),
    )


@define(
    "pg_attribute",
    "attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2, "
    "attndims int4, attcacheoff int4, atttypmod int4, attbyval bool, attalign char, "
    "attstorage char, attcompression char, attnotnull bool, atthasdef bool, atthasmissing bool, "
    "attidentity char, attgenerated char, attisdropped bool, attislocal bool, attinhcount int4, "
    "attcollation oid, attacl _aclitem, attoptions _text, attfdwoptions _text, attmissingval _text",
    1249,
)
def pg_attribute(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    tables = [one.table for one in session.engine.system_tables.by_oid.values()]
    for table in (*tables, *state.all(Table)):
        for number, column in enumerate(table.columns, 1):
            yield _attribute_row(session, table.oid, number, column)
    for index in state.all(Index):
        table = state.get(index.table_oid)
        for number, key in enumerate(index.keys, 1):
            if key.column >= 0:
                source = table.columns[key.column]
                column = Column(source.name, source.type_oid, source.typmod)
            else:
                from services.sqldb.commands.row_expressions import expression_type

                type_ = expression_type(session, table, key.expression)
                column = Column("expr", type_.oid)
            yield _attribute_row(session, index.oid, number, column)
    for composite in state.all(CompositeType):
        if not composite.table_oid:
            for number, column in enumerate(composite.columns, 1):
                yield _attribute_row(session, composite.oid, number, column)


def _attribute_row(session: Session, oid: int, number: int, column: Column) -> tuple:
    type_ = session.lookup.types.find(column.type_oid)
    has_default = bool(column.default or column.generated) or (
        bool(column.sequence_oid) and not column.identity
    )
    is_known = type_ is not None and not column.is_dropped
    return (
        *(oid, column.name, 0 if column.is_dropped else column.type_oid),
        column.statistics_target,
        *(type_.length if is_known else 0, number, int(is_known and type_.is_array), -1),
        *(column.typmod, is_known and 0 < type_.length <= 8),
        *(type_.alignment if is_known else "i", _storage(type_ if is_known else None), ""),
        *(column.is_not_null, has_default, False, column.identity),
        *("s" if column.generated else "", column.is_dropped, True, 0),
        *(_collation_of(column) if is_known and type_.is_collatable else 0,),
        *(acl(session, TABLE_CLASS, oid, column=number), None, None, None),
    )


def _storage(type_: SqlType | None) -> str:
    """Where long values go: p in the row, m in the row if it can be, x elsewhere."""
    if type_ is None:
        return "x"
    if type_.length > 0:
        return "p"
    return "m" if type_.name == "numeric" else "x"


def _collation_of(column: Column) -> int:
    return _COLLATIONS.get(column.collation.rpartition(".")[2], DEFAULT_COLLATION_OID)


_COLLATIONS = {"C": 950, "POSIX": 951}


@define("pg_attrdef", "oid oid, adrelid oid, adnum int2, adbin text", 2604)
def pg_attrdef(session: Session) -> Iterator[tuple]:
    for table in session.lookup.view.state.all(Table):
        for index, column in table.live_columns():
            text = default_text(session, column)
            if text:
                yield table.oid * 2000 + index, table.oid, index + 1, text


def default_text(session: Session, column: Column) -> str:
    """The default of a column, or how it is generated, as SQL; "": it has none."""
    if column.generated:
        return column.generated
    if column.default:
        return _with_type(session, column)
    if column.sequence_oid and not column.identity:
        sequence = session.lookup.view.state.get(column.sequence_oid)
        return f"nextval('{relation_text(session.lookup, sequence)}'::regclass)"
    return ""


_STRING = re.compile(r"'(?:[^']|'')*'|NULL")


def _with_type(session: Session, column: Column) -> str:
    """A default that is a string says of what type it is: 'x'::text."""
    if _STRING.fullmatch(column.default) is None:
        return column.default
    type_ = session.lookup.types.find(column.type_oid)
    if type_ is None:
        return column.default
    return f"{column.default}::{type_text(session.lookup, type_)}"


@define(
    "pg_index",
    "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, "
    "indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool, "
    "indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool, "
    "indisreplident bool, indkey int2vector, indcollation oidvector, indclass oidvector, "
    "indoption int2vector, indexprs text, indpred text",
    2610,
)
def pg_index(session: Session) -> Iterator[tuple]:
    for index in session.lookup.view.state.all(Index):
        keys = [key.column + 1 for key in index.keys] + [one + 1 for one in index.included]
        options = [key.is_descending + 2 * key.nulls_first for key in index.keys]
        expressions = [key.expression for key in index.keys if key.column < 0]
        yield (
            *(index.oid, index.table_oid, len(keys), len(index.keys), index.is_unique),
            *(index.nulls_not_distinct, index.is_primary, False, not index.is_deferrable),
            *(False, True, False, True, True, False, vector(keys)),
            *(vector([0] * len(index.keys)), vector([0] * len(index.keys)), vector(options)),
            *(", ".join(expressions) or None, index.predicate or None),
        )


@define(
    "pg_constraint",
    "oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool, "
    "convalidated bool, conrelid oid, contypid oid, conindid oid, conparentid oid, confrelid oid, "
    "confupdtype char, confdeltype char, confmatchtype char, conislocal bool, coninhcount int4, "
    "connoinherit bool, conkey _int2, confkey _int2, conpfeqop _oid, conppeqop _oid, "
    "conffeqop _oid, confdelsetcols _int2, conexclop _oid, conbin text",
    2606,
)
def pg_constraint(session: Session) -> Iterator[tuple]:
    for one in session.lookup.view.state.all(Constraint):
        is_foreign = one.kind is ConstraintKind.FOREIGN_KEY
        yield (
            *(one.oid, one.name, one.schema_oid, one.kind.value, one.is_deferrable),
            *(one.initially_deferred, one.is_validated, one.table_oid, 0, one.index_oid, 0),
            *(one.foreign_table_oid, one.on_update.value if is_foreign else " "),
            *(one.on_delete.value if is_foreign else " ",),
            *(("f" if one.match_full else "s") if is_foreign else " ", True, 0, True),
            *(text_array([column + 1 for column in one.columns]),),
            *(text_array([column + 1 for column in one.foreign_columns]) if is_foreign else None,),
            *(None, None, None),
            *(
                text_array([c + 1 for c in one.on_delete_columns])
                if one.on_delete_columns
                else None,
            ),
            *(None, one.expression or None),
        )
    for domain in session.lookup.view.state.all(DomainType):
        for number, check in enumerate(domain.checks):
            yield (
                *(domain.oid * 2000 + number, check.name, domain.schema_oid, "c", False, False),
                *(check.is_validated, 0, domain.oid, 0, 0, 0, " ", " ", " ", True, 0, False),
                *(None, None, None, None, None, None, None, check.expression),
            )


def domain_check_of(session: Session, oid: int) -> DomainCheck | None:
    """The check of a domain by the number that pg_constraint gives it."""
    domain = session.lookup.view.state.get(oid // 2000)
    if not isinstance(domain, DomainType) or oid % 2000 >= len(domain.checks):
        return None
    return domain.checks[oid % 2000]


@define(
    "pg_sequence",
    "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, "
    "seqcache int8, seqcycle bool",
    2224,
)
def pg_sequence(session: Session) -> Iterator[tuple]:
    for one in session.lookup.view.state.all(Sequence):
        yield (
            *(one.oid, one.type_oid, one.start, one.increment, one.maximum, one.minimum),
            *(one.cache, one.cycles),
        )


@define("pg_description", "objoid oid, classoid oid, objsubid int4, description text", 2609)
def pg_description(session: Session) -> Iterator[tuple]:
    for comment in session.lookup.view.state.all(Comment):
        yield comment.object_oid, comment.class_oid, comment.column, comment.text


@define("pg_am", "oid oid, amname name, amhandler regproc, amtype char", 2601)
def pg_am(session: Session) -> Iterator[tuple]:
    yield HEAP_AM_OID, "heap", 0, "t"
    for name, oid in INDEX_METHOD_OIDS.items():
        yield oid, name, 0, "i"


@define(
    "pg_database",
    "oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, "
    "datallowconn bool, datconnlimit int4, datfrozenxid xid, datminmxid xid, dattablespace oid, "
    "datcollate text, datctype text, daticulocale text, datcollversion text, datacl _aclitem",
    1262,
)
def pg_database(session: Session) -> Iterator[tuple]:
    yield (
        *(DATABASE_OID, session.database, BOOTSTRAP_ROLE_OID, 6, "c", False, True, -1, 0, 0),
        *(DEFAULT_TABLESPACE_OID, "C", "C", None, None),
        acl(session, DATABASE_CLASS, DATABASE_OID),
    )


@define(
    "pg_tablespace", "oid oid, spcname name, spcowner oid, spcacl _aclitem, spcoptions _text", 1213
)
def pg_tablespace(session: Session) -> Iterator[tuple]:
    yield DEFAULT_TABLESPACE_OID, "pg_default", BOOTSTRAP_ROLE_OID, None, None
    yield 1664, "pg_global", BOOTSTRAP_ROLE_OID, None, None


@define(
    "pg_collation",
    "oid oid, collname name, collnamespace oid, collowner oid, collprovider char, "
    "collisdeterministic bool, collencoding int4, collcollate text, collctype text, "
    "colliculocale text, collversion text",
    3456,
)
def pg_collation(session: Session) -> Iterator[tuple]:
    for oid, name in ((100, "default"), (950, "C"), (951, "POSIX")):
        provider = "d" if name == "default" else "c"
        yield (
            *(oid, name, PG_CATALOG_OID, BOOTSTRAP_ROLE_OID, provider, True, -1),
            *(name if oid != 100 else None, name if oid != 100 else None, None, None),
        )


@define("pg_extension", "oid oid, extname name, extowner oid, extnamespace oid, extrelocatable "
        "bool, extversion text, extconfig _oid, extcondition _text", 3079)  # fmt: skip
def pg_extension(session: Session) -> Iterator[tuple]:
    yield 13_500, "plpgsql", BOOTSTRAP_ROLE_OID, PG_CATALOG_OID, False, "1.0", None, None
