"""information_schema: the same definitions as the SQL standard names them.

Columns that say nothing here are NULL, as they often are in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    INFORMATION_SCHEMA_OID,
    Column,
    Constraint,
    ConstraintKind,
    ForeignKeyAction,
    Schema,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.catalog.privileges import held, protected
from services.sqldb.catalog.system_catalog import default_text
from services.sqldb.catalog.system_tables import SystemDefinitions
from services.sqldb.errors import SqlError
from services.sqldb.types import SqlType, format_type

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

definitions = SystemDefinitions(INFORMATION_SCHEMA_OID, 12_600)
define, define_empty = definitions.define, definitions.define_empty

_KINDS = {
    ConstraintKind.PRIMARY_KEY: "PRIMARY KEY",
    ConstraintKind.UNIQUE: "UNIQUE",
    ConstraintKind.CHECK: "CHECK",
    ConstraintKind.FOREIGN_KEY: "FOREIGN KEY",
}
_ACTIONS = {
    ForeignKeyAction.NO_ACTION: "NO ACTION",
    ForeignKeyAction.RESTRICT: "RESTRICT",
    ForeignKeyAction.CASCADE: "CASCADE",
    ForeignKeyAction.SET_NULL: "SET NULL",
    ForeignKeyAction.SET_DEFAULT: "SET DEFAULT",
}
_BITS = {"int2": 16, "int4": 32, "int8": 64, "float4": 24, "float8": 53}


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


def _tables(session: Session) -> Iterator[tuple[str, Table]]:
    """Those that the role has any right to."""
    lookup = session.lookup
    system = [one.table for one in session.engine.system_tables.by_oid.values()]
    for table in (*lookup.view.state.all(Table), *system):
        if _is_accessible(session, table):
            yield lookup.schema_name(table.schema_oid), table


def _is_accessible(session: Session, table: Table) -> bool:
    if session.role.is_superuser:
        return True
    state, role_oid = session.lookup.view.state, session.role.oid
    one = protected(table)
    return any(held(state, one, role_oid)) or any(
        held(state, one, role_oid, index + 1)[0] for index, _ in table.live_columns()
    )


@define("schemata", "catalog_name name, schema_name name, schema_owner name, "
        "default_character_set_catalog name, default_character_set_schema name, "
        "default_character_set_name name, sql_path text")  # fmt: skip
def schemata(session: Session) -> Iterator[tuple]:
    for schema in session.lookup.view.state.all(Schema):
        owner = session.lookup.view.state.get(schema.owner)
        yield session.database, schema.name, owner.name if owner else None, None, None, None, None


@define(
    "tables",
    "table_catalog name, table_schema name, table_name name, table_type text, "
    "self_referencing_column_name name, reference_generation text, user_defined_type_catalog name, "
    "user_defined_type_schema name, user_defined_type_name name, is_insertable_into text, "
    "is_typed text, commit_action text",
)
def tables(session: Session) -> Iterator[tuple]:
    for schema, table in _tables(session):
        kind = "VIEW" if table.kind is TableKind.VIEW else "BASE TABLE"
        if table.is_temporary:
            kind = "LOCAL TEMPORARY"
        yield (
            *(session.database, schema, table.name, kind, None, None, None, None, None),
            *(_yes(bool(updatable_columns(session, table))), "NO", None),
        )


def updatable_columns(session: Session, table: Table) -> set[str]:
    """The columns that UPDATE can set: all of a table, of a view those that are columns below."""
    from services.sqldb.binder.binder import new_statement
    from services.sqldb.binder.updatable_views import view_rows

    names = {column.name for _, column in table.live_columns()}
    if table.kind is TableKind.TABLE:
        return names
    if table.kind is not TableKind.VIEW:
        return set()
    try:
        rows = view_rows(new_statement(session, session.lookup), table, 1, "update")
    except SqlError:
        return set()
    return {name for name in names if rows.base_column(name) is not None}


@define("views", "table_catalog name, table_schema name, table_name name, view_definition text, "
        "check_option text, is_updatable text, is_insertable_into text, "
        "is_trigger_updatable text, is_trigger_deletable text, "
        "is_trigger_insertable_into text")  # fmt: skip
def views(session: Session) -> Iterator[tuple]:
    from services.sqldb.binder.updatable_views import check_option_of

    for schema, table in _tables(session):
        if table.kind is TableKind.VIEW:
            can = _yes(bool(updatable_columns(session, table)))
            option = check_option_of(table).upper() or "NONE"
            yield (
                *(session.database, schema, table.name, f" {table.definition};", option),
                *(can, can, "NO", "NO", "NO"),
            )


@define(
    "columns",
    "table_catalog name, table_schema name, table_name name, column_name name, "
    "ordinal_position int4, column_default text, is_nullable text, data_type text, "
    "character_maximum_length int4, character_octet_length int4, numeric_precision int4, "
    "numeric_precision_radix int4, numeric_scale int4, datetime_precision int4, "
    "interval_type text, interval_precision int4, character_set_catalog name, "
    "character_set_schema name, character_set_name name, collation_catalog name, "
    "collation_schema name, collation_name name, domain_catalog name, domain_schema name, "
    "domain_name name, udt_catalog name, udt_schema name, udt_name name, scope_catalog name, "
    "scope_schema name, scope_name name, maximum_cardinality int4, dtd_identifier name, "
    "is_self_referencing text, is_identity text, identity_generation text, identity_start text, "
    "identity_increment text, identity_maximum text, identity_minimum text, identity_cycle text, "
    "is_generated text, generation_expression text, is_updatable text",
)
def columns(session: Session) -> Iterator[tuple]:
    for schema, table in _tables(session):
        updatable = updatable_columns(session, table)
        for index, column in table.live_columns():
            type_ = session.lookup.types.by_oid(column.type_oid)
            has_default = column.generated is None and default_text(session, column)
            yield (
                *(session.database, schema, table.name, column.name, index + 1),
                *(has_default or None, _yes(not column.is_not_null), _data_type(type_)),
                *_sizes(type_, column.typmod),
                *(None, None, None, None, None, None, None, None, None, None, None),
                *(session.database, type_.schema, type_.name, None, None, None, None),
                *(str(index + 1), "NO", *_identity(session, column)),
                *("ALWAYS" if column.generated else "NEVER", column.generated),
                _yes(column.name in updatable),
            )


def _data_type(type_: SqlType) -> str:
    if type_.is_array and type_.category == "A":
        return "ARRAY"
    # format_type() says bpchar, so that nobody reads character(1).
    return "USER-DEFINED" if type_.kind in "ec" else str(type_)


def _sizes(type_: SqlType, typmod: int) -> tuple:
    """Length, octets, precision, radix, scale, precision of times."""
    name = type_.name
    if name in ("varchar", "bpchar"):
        length = typmod - 4 if typmod >= 0 else None
        return length, length * 4 if length else 1_073_741_824, None, None, None, None
    if name == "text":
        return None, 1_073_741_824, None, None, None, None
    if name in _BITS:
        scale = 0 if name.startswith("int") else None
        return None, None, _BITS[name], 2, scale, None
    if name == "numeric":
        if typmod < 0:
            return None, None, None, 10, None, None
        return None, None, (typmod - 4) >> 16, 10, (typmod - 4) & 0x7FF, None
    if type_.category in "DT":
        digits = 0 if name == "date" else typmod if 0 <= typmod <= 6 else 6
        return None, None, None, None, None, digits
    return None, None, None, None, None, None


def _identity(session: Session, column: Column) -> tuple:
    if not column.identity:
        return "NO", None, None, None, None, None, "NO"
    one = session.lookup.view.state.get(column.sequence_oid)
    generation = "ALWAYS" if column.identity == "a" else "BY DEFAULT"
    numbers = (one.start, one.increment, one.maximum, one.minimum)
    return "YES", generation, *map(str, numbers), _yes(one.cycles)


def _constraints(session: Session) -> Iterator[tuple[str, Table, Constraint]]:
    lookup = session.lookup
    for one in lookup.view.state.all(Constraint):
        table = lookup.view.state.get(one.table_oid)
        yield lookup.schema_name(one.schema_oid), table, one


@define(
    "table_constraints",
    "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, "
    "table_schema name, table_name name, constraint_type text, is_deferrable text, "
    "initially_deferred text, enforced text, nulls_distinct text",
)
def table_constraints(session: Session) -> Iterator[tuple]:
    for schema, table, one in _constraints(session):
        yield (
            *(session.database, schema, one.name, session.database),
            *(session.lookup.schema_name(table.schema_oid), table.name, _KINDS[one.kind]),
            *(_yes(one.is_deferrable), _yes(one.initially_deferred), "YES", None),
        )
    for schema, table in _tables(session):
        for index, column in table.live_columns():
            if column.is_not_null and table.kind is TableKind.TABLE:
                name = f"{table.schema_oid}_{table.oid}_{index + 1}_not_null"
                yield (
                    *(session.database, schema, name, session.database, schema, table.name),
                    *("CHECK", "NO", "NO", "YES", None),
                )


@define(
    "key_column_usage",
    "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, "
    "table_schema name, table_name name, column_name name, ordinal_position int4, "
    "position_in_unique_constraint int4",
)
def key_column_usage(session: Session) -> Iterator[tuple]:
    for schema, table, one in _constraints(session):
        if one.kind is ConstraintKind.CHECK:
            continue
        for number, column in enumerate(one.columns, 1):
            is_foreign = one.kind is ConstraintKind.FOREIGN_KEY
            yield (
                *(session.database, schema, one.name, session.database),
                *(session.lookup.schema_name(table.schema_oid), table.name),
                *(table.columns[column].name, number, number if is_foreign else None),
            )


@define(
    "constraint_column_usage",
    "table_catalog name, table_schema name, table_name name, column_name name, "
    "constraint_catalog name, constraint_schema name, constraint_name name",
)
def constraint_column_usage(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    for schema, own_table, one in _constraints(session):
        is_foreign = one.kind is ConstraintKind.FOREIGN_KEY
        table = state.get(one.foreign_table_oid) if is_foreign else own_table
        for column in one.foreign_columns if is_foreign else one.columns:
            yield (
                *(session.database, session.lookup.schema_name(table.schema_oid), table.name),
                *(table.columns[column].name, session.database, schema, one.name),
            )


@define(
    "referential_constraints",
    "constraint_catalog name, constraint_schema name, constraint_name name, "
    "unique_constraint_catalog name, unique_constraint_schema name, unique_constraint_name name, "
    "match_option text, update_rule text, delete_rule text",
)
def referential_constraints(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    for schema, _, one in _constraints(session):
        if one.kind is ConstraintKind.FOREIGN_KEY:
            index = state.get(one.index_oid)
            yield (
                *(session.database, schema, one.name, session.database),
                *(session.lookup.schema_name(index.schema_oid), index.name),
                *("FULL" if one.match_full else "NONE",),
                *(_ACTIONS[one.on_update], _ACTIONS[one.on_delete]),
            )


@define("check_constraints", "constraint_catalog name, constraint_schema name, "
        "constraint_name name, check_clause text")  # fmt: skip
def check_constraints(session: Session) -> Iterator[tuple]:
    for schema, _, one in _constraints(session):
        if one.kind is ConstraintKind.CHECK:
            yield session.database, schema, one.name, f"({one.expression})"


@define(
    "sequences",
    "sequence_catalog name, sequence_schema name, sequence_name name, data_type text, "
    "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, start_value text, "
    "minimum_value text, maximum_value text, increment text, cycle_option text",
)
def sequences(session: Session) -> Iterator[tuple]:
    for one in session.lookup.view.state.all(Sequence):
        type_ = session.lookup.types.by_oid(one.type_oid)
        yield (
            *(session.database, session.lookup.schema_name(one.schema_oid), one.name),
            *(format_type(type_), _BITS[type_.name], 2, 0, str(one.start), str(one.minimum)),
            *(str(one.maximum), str(one.increment), _yes(one.cycles)),
        )


define_empty("routines", "specific_catalog name, specific_schema name, specific_name name, "
             "routine_catalog name, routine_schema name, routine_name name, routine_type text, "
             "data_type text")  # fmt: skip
define_empty("triggers", "trigger_catalog name, trigger_schema name, trigger_name name, "
             "event_manipulation text, event_object_schema name, event_object_table name, "
             "action_statement text, action_timing text")  # fmt: skip
