"""Names → definitions, as a session looks them up: search path, temporary tables, catalogs, types.

A name without a schema is looked for in the schemas of the search path, in their order. Before all
of them, unless the path names them, come the session's temporary tables and pg_catalog. That is why
`pg_class` is found everywhere, and why a table of a user's that is called so needs its schema.
# Real: namespace.c
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog.catalog import CatalogView
from services.sqldb.catalog.definitions import (
    PG_CATALOG_OID,
    Column,
    CompositeType,
    Constraint,
    Definition,
    DomainType,
    EnumType,
    Index,
    Schema,
    Sequence,
    Statistics,
    Table,
)
from services.sqldb.catalog.routines import library_of
from services.sqldb.errors import SqlError
from services.sqldb.functions.library import Library
from services.sqldb.types import (
    SqlType,
    TypeRegistry,
    make_array_type,
    make_composite_type,
    make_domain_type,
    make_enum_type,
)

if TYPE_CHECKING:
    from services.sqldb.optimizer.index_forms import IndexForm

SchemaRight = Callable[[Schema, str], bool]
SystemTables = Callable[[int, str], Table | None]
"""The virtual table of a schema's oid and a name; None: there is none."""

_NO_SYSTEM_TABLES: SystemTables = lambda schema_oid, name: None  # noqa: E731


class Lookup:
    """What the names of one statement mean. Made anew when the catalog or the path has changed."""

    def __init__(
        self,
        view: CatalogView,
        search_path: tuple[str, ...] = ("public",),
        temp_schema: str = "",
        system_tables: SystemTables = _NO_SYSTEM_TABLES,
        has_right: SchemaRight | None = None,
    ):
        """has_right: whether the role may use (U) or fill (C) a schema; None: a superuser's."""
        self.view = view
        self.temp_schema = temp_schema
        self._has_right = has_right
        self._system_tables = system_tables
        self._path = self._schemas_of(search_path)
        self.types = TypeRegistry(self._user_type)
        self._made_types: dict[int, SqlType] = {}
        self._libraries: dict[str | None, Library] = {}
        self.index_forms: dict[int, IndexForm] = {}
        """What the optimizer has bound of indexes, by their oids."""

    def _schemas_of(self, search_path: tuple[str, ...]) -> list[Schema]:
        names = [self.temp_schema if name == "pg_temp" else name for name in search_path]
        if "pg_catalog" not in names:
            names.insert(0, "pg_catalog")
        if self.temp_schema and self.temp_schema not in names:
            names.insert(0, self.temp_schema)
        found = (self.schema(name) for name in names)
        return [schema for schema in found if schema is not None and self._may(schema, "U")]

    def _may(self, schema: Schema, letter: str) -> bool:
        return (
            self._has_right is None
            or schema.name == self.temp_schema
            or self._has_right(schema, letter)
        )

    def used_schema(self, name: str, position: int = -1) -> Schema | None:
        """A schema in front of a name. Raises SqlError 42501 if the role may not look into it."""
        schema = self.schema(name)
        if schema is not None and not self._may(schema, "U"):
            raise _denied(schema, position)
        return schema

    def library(self, base: Library, schema: str | None = None) -> Library:
        """The functions that a call finds: the built-in ones, and those of users."""
        found = self._libraries.get(schema)
        if found is None:
            found = self._libraries[schema] = library_of(self, base, schema)
        return found

    # Schemas.

    def schema(self, name: str) -> Schema | None:
        if name == "pg_temp" and self.temp_schema:
            name = self.temp_schema
        found = self.view.state.find("schema", 0, name)
        return found if isinstance(found, Schema) else None

    def expect_schema(self, name: str, position: int = -1) -> Schema:
        """Raises SqlError 3F000."""
        schema = self.schema(name)
        if schema is None:
            message = f'schema "{name}" does not exist'
            raise SqlError(errors.INVALID_SCHEMA_NAME, message, position=position)
        return schema

    def schema_name(self, oid: int) -> str:
        schema = self.view.state.get(oid)
        return schema.name if isinstance(schema, Schema) else ""

    def path_names(self, *, with_implicit: bool) -> list[str]:
        """current_schemas(with_implicit)."""
        return [
            schema.name
            for schema in self._path
            if with_implicit or schema.name not in ("pg_catalog", self.temp_schema)
        ]

    def creation_schema(self, name: str | None = None, position: int = -1) -> Schema:
        """Where a new object goes: the schema that is named, or the first of the path."""
        if name is not None:
            return self._to_fill(self.expect_schema(name, position), position)
        for schema in self._path:
            if schema.oid != PG_CATALOG_OID and schema.name != self.temp_schema:
                return self._to_fill(schema, position)
        raise SqlError(errors.INVALID_SCHEMA_NAME, "no schema has been selected to create in")

    def _to_fill(self, schema: Schema, position: int) -> Schema:
        """Raises SqlError 42501."""
        if not self._may(schema, "C"):
            raise _denied(schema, position)
        return schema

    # Relations.

    def relation(self, schema: str | None, name: str) -> Definition | None:
        """A table, view, index, sequence or system table; None: nothing has that name."""
        if schema is None:
            places = self._path
        else:
            place = self.used_schema(schema)
            places = [] if place is None else [place]
        for place in places:
            found = self.view.state.find("relation", place.oid, name) or self._system_tables(
                place.oid, name
            )
            if found is not None:
                return found
        return None

    def table(self, schema: str | None, name: str) -> Table | None:
        """What can stand in FROM."""
        found = self.relation(schema, name)
        return found if isinstance(found, Table) else None

    def expect_table(self, schema: str | None, name: str, position: int = -1) -> Table:
        """Raises SqlError 42P01, or 42809 for what is no table or view."""
        found = self.relation(schema, name)
        if isinstance(found, Table):
            return found
        if found is None:
            raise undefined_relation(schema, name, position)
        kind = "indexes" if isinstance(found, Index) else "sequences"
        message = f'cannot open relation "{name}"'
        detail = f"This operation is not supported for {kind}."
        raise SqlError(errors.WRONG_OBJECT_TYPE, message, detail=detail, position=position)

    def expect_sequence(self, schema: str | None, name: str, position: int = -1) -> Sequence:
        found = self.relation(schema, name)
        if found is None:
            raise undefined_relation(schema, name, position)
        if not isinstance(found, Sequence):
            message = f'"{name}" is not a sequence'
            raise SqlError(errors.WRONG_OBJECT_TYPE, message, position=position)
        return found

    def is_visible(self, definition: Table | Index | Sequence) -> bool:
        """Whether its bare name means this very object."""
        return self.relation(None, definition.name) is definition

    def indexes_of(self, table: Table) -> list[Index]:
        return self.view.state.parts(table.oid, Index)

    def constraints_of(self, table: Table) -> list[Constraint]:
        """The constraints on the table itself."""
        found = self.view.state.parts(table.oid, Constraint)
        return [constraint for constraint in found if constraint.table_oid == table.oid]

    def references_to(self, table: Table) -> list[Constraint]:
        """The foreign keys of any table that point here."""
        found = self.view.state.parts(table.oid, Constraint)
        return [constraint for constraint in found if constraint.foreign_table_oid == table.oid]

    def statistics_of(self, table: Table) -> list[Statistics]:
        return self.view.state.parts(table.oid, Statistics)

    # Types.

    def type(self, schema: str | None, name: str) -> SqlType | None:
        """By its name, as in pg_type: "int4", "_int4", "mood"."""
        if schema in (None, "pg_catalog"):
            found = self.types.by_name(name)
            if found is not None or schema is not None:
                return found
            return None
        place = self.used_schema(schema)
        return None if place is None else self._type_in(place, name)

    def _user_type(self, key: int | str) -> SqlType | None:
        """For TypeRegistry: a type of the catalog, by oid or by bare name."""
        if isinstance(key, int):
            return self._type_by_oid(key)
        for place in self._path:
            found = self._type_in(place, key)
            if found is not None:
                return found
        return None

    def _type_in(self, schema: Schema, name: str) -> SqlType | None:
        state = self.view.state
        found = state.find("type", schema.oid, name)
        if found is not None:
            return self._type_by_oid(found.oid)
        if name.startswith("_"):
            element = state.find("type", schema.oid, name[1:])
            if element is not None:
                return self._type_by_oid(element.array_oid)
        return None

    def _type_by_oid(self, oid: int) -> SqlType | None:
        made = self._made_types.get(oid)
        if made is None:
            made = self._make_type(oid)
            if made is not None:
                self._made_types[oid] = made
        return made

    def _make_type(self, oid: int) -> SqlType | None:
        definition = self.view.state.get(oid)
        match definition:
            case EnumType():
                return make_enum_type(
                    oid,
                    definition.name,
                    list(definition.labels),
                    array_oid=definition.array_oid,
                    schema=self.schema_name(definition.schema_oid),
                )
            case CompositeType():
                return make_composite_type(
                    oid,
                    definition.name,
                    self._fields(definition.columns),
                    array_oid=definition.array_oid,
                    schema=self.schema_name(definition.schema_oid),
                )
            case DomainType():
                return self._make_domain(definition)
        for kind in (EnumType, CompositeType, DomainType):
            for element in self.view.state.all(kind):
                if element.array_oid == oid:
                    return make_array_type(self._type_by_oid(element.oid))
        return None

    def _make_domain(self, definition: DomainType) -> SqlType:
        # Late: the checks are expressions, whose binding begins with a look-up.
        from services.sqldb.commands.domains import domain_check

        schema = self.schema_name(definition.schema_oid)
        base = self.types.by_oid(definition.base_oid)
        typmod = definition.typmod if base.base is None else base.base_typmod
        chain = [definition]
        while isinstance(below := self.view.state.get(chain[-1].base_oid), DomainType):
            chain.append(below)
        return make_domain_type(
            definition.oid,
            definition.name,
            base.plain,
            typmod,
            domain_check(chain, schema),
            array_oid=definition.array_oid,
            schema=schema,
        )

    def _fields(self, columns: tuple[Column, ...]) -> tuple[tuple[str, SqlType, int], ...]:
        return tuple(
            (column.name, self.types.by_oid(column.type_oid), column.typmod)
            for column in columns
            if not column.is_dropped
        )

    def row_type(self, table: Table) -> SqlType | None:
        """The composite type of a table's rows."""
        return self._type_by_oid(table.row_type_oid) if table.row_type_oid else None


def _denied(schema: Schema, position: int) -> SqlError:
    message = f"permission denied for schema {schema.name}"
    return SqlError(errors.INSUFFICIENT_PRIVILEGE, message, position=position)


def undefined_relation(schema: str | None, name: str, position: int = -1) -> SqlError:
    full = f"{schema}.{name}" if schema else name
    message = f'relation "{full}" does not exist'
    return SqlError(errors.UNDEFINED_TABLE, message, position=position)
