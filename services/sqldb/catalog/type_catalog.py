"""pg_type and pg_enum: the types that are built in, and those of users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    BOOTSTRAP_ROLE_OID,
    PG_CATALOG_OID,
    CompositeType,
    DomainType,
    EnumType,
)
from services.sqldb.catalog.privileges import TYPE_CLASS
from services.sqldb.catalog.system_catalog import DEFAULT_COLLATION_OID, acl, define
from services.sqldb.types import BUILTIN_TYPES, SqlType
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session


@define(
    "pg_type",
    "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, "
    "typtype char, typcategory char, typispreferred bool, typisdefined bool, typdelim char, "
    "typrelid oid, typsubscript regproc, typelem oid, typarray oid, typinput regproc, "
    "typoutput regproc, typreceive regproc, typsend regproc, typmodin regproc, typmodout regproc, "
    "typanalyze regproc, typalign char, typstorage char, typnotnull bool, typbasetype oid, "
    "typtypmod int4, typndims int4, typcollation oid, typdefaultbin text, typdefault text, "
    "typacl _aclitem",
    1247,
)
def pg_type(session: Session) -> Iterator[tuple]:
    for type_ in BUILTIN_TYPES.values():
        yield _type_row(type_, PG_CATALOG_OID, 0)
    lookup = session.lookup
    for kind in (EnumType, CompositeType, DomainType):
        for definition in lookup.view.state.all(kind):
            relation_oid = 0
            if isinstance(definition, CompositeType):
                relation_oid = definition.table_oid or definition.oid
            for oid in (definition.oid, definition.array_oid):
                type_ = lookup.types.find(oid)
                if type_ is not None:
                    is_array = oid == definition.array_oid
                    yield _type_row(
                        *(type_, definition.schema_oid, 0 if is_array else relation_oid),
                        definition.owner,
                        None if is_array else definition,
                        None if is_array else acl(session, TYPE_CLASS, oid),
                    )


def _storage(type_: SqlType) -> str:
    """Where long values go: p in the row, m in the row if it can be, x elsewhere."""
    if type_.length > 0:
        return "p"
    return "m" if type_.name == "numeric" else "x"


def _type_row(
    type_: SqlType,
    schema_oid: int,
    relation_oid: int,
    owner: int = BOOTSTRAP_ROLE_OID,
    definition: object = None,
    access: Array | None = None,
) -> tuple:
    domain = definition if isinstance(definition, DomainType) else None
    element = type_.element.oid if type_.element is not None else 0
    return (
        *(type_.oid, type_.name, schema_oid, owner, type_.length),
        *(0 < type_.length <= 8, type_.kind, type_.category, type_.is_preferred, True),
        *(type_.delimiter, relation_oid, 0, element, type_.array_oid),
        *(0, 0, 0, 0, 0, 0, 0, type_.alignment, _storage(type_)),
        *(domain is not None and domain.is_not_null, 0 if domain is None else domain.base_oid),
        *(-1 if domain is None else domain.typmod, 0),
        *(DEFAULT_COLLATION_OID if type_.is_collatable else 0,),
        None if domain is None else domain.default,
        *(None if domain is None else domain.default, access),
    )


@define("pg_enum", "oid oid, enumtypid oid, enumsortorder float4, enumlabel name", 3501)
def pg_enum(session: Session) -> Iterator[tuple]:
    for enum in session.lookup.view.state.all(EnumType):
        for number, (order, label) in enumerate(enum.labels):
            yield enum.oid * 2000 + number, enum.oid, order, label
