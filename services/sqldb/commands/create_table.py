"""CREATE TABLE: columns, their defaults and sequences, then the table, then its constraints.

The order matters: a constraint needs the table in the catalog, a foreign key the primary key of its
own table, if it points there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import (
    Column,
    CompositeType,
    ConstraintKind,
    Schema,
    Table,
    TableKind,
)
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.commands import sequences
from services.sqldb.commands.constraints import add_constraint
from services.sqldb.commands.default_privileges import give_defaults
from services.sqldb.commands.indexes import add_index
from services.sqldb.commands.names import relation_name
from services.sqldb.commands.row_expressions import (
    check_default,
    check_generated,
    expression_text,
)
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.deparse import quote_identifier
from services.sqldb.types import INT2, INT4, INT8, SqlType
from services.sqldb.types.sql_type import NO_TYPMOD

_SERIALS: dict[str, SqlType] = {
    "serial": INT4,
    "serial4": INT4,
    "bigserial": INT8,
    "serial8": INT8,
    "smallserial": INT2,
    "serial2": INT2,
}
MAX_COLUMNS = 1600
_SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")


def create_table(session: Session, node: nodes.CreateTable) -> Result:
    if node.inherits:
        raise errors.not_supported("table inheritance", node.position)
    is_temporary = node.persistence is nodes.Persistence.TEMPORARY
    schema = session.creation_schema(node.relation, is_temporary=is_temporary)
    if session.refuse_taken_name(schema, node.relation.name, if_not_exists=node.if_not_exists):
        return Result("CREATE TABLE")
    draft = _Draft(session, schema, node.relation.name)
    for element in node.elements:
        draft.add(element)
    table = make_table(
        session,
        schema,
        node.relation.name,
        tuple(draft.columns),
        is_temporary=is_temporary,
        on_commit=ON_COMMIT[node.on_commit],
        options=tuple(f"{option.name}={option.value}" for option in node.options),
    )
    draft.finish(table)
    return Result("CREATE TABLE")


ON_COMMIT = {
    nodes.OnCommit.PRESERVE_ROWS: "",
    nodes.OnCommit.DELETE_ROWS: "delete",
    nodes.OnCommit.DROP: "drop",
}


def make_table(
    session: Session,
    schema: Schema,
    name: str,
    columns: tuple[Column, ...],
    *,
    is_temporary: bool = False,
    on_commit: str = "",
    options: tuple[str, ...] = (),
    kind: TableKind = TableKind.TABLE,
    definition: str = "",
    references: tuple[int, ...] = (),
) -> Table:
    """Put a table or view, its row type and its heap there."""
    if len(columns) > MAX_COLUMNS:
        message = f"tables can have at most {MAX_COLUMNS} columns"
        raise SqlError(errors.TOO_MANY_COLUMNS, message)
    view = session.lookup.view
    oid = view.new_oid()
    row_type = CompositeType(view.new_oid(), view.new_oid(), schema.oid, name, columns, oid)
    table = Table(
        oid,
        schema.oid,
        name,
        columns,
        kind,
        session.role.oid,
        definition,
        references,
        is_temporary=is_temporary,
        on_commit=on_commit,
        options=options,
        storage_oid=oid if kind is TableKind.TABLE else 0,
        row_type_oid=row_type.oid,
    )
    view.put(table)
    view.put(row_type)
    if not is_temporary:
        give_defaults(session, table)
    if kind is TableKind.TABLE:
        session.engine.create_heap(session, table, schema.name)
    return table


def put_columns(session: Session, table: Table, columns: tuple[Column, ...]) -> Table:
    """Give a table other columns, and its row type, too."""
    from services.sqldb.commands.composites import put_composite

    view = session.lookup.view
    changed = replace(table, columns=columns)
    view.put(changed)
    row_type = view.state.get(table.row_type_oid)
    if row_type is not None:
        put_composite(session, row_type, columns)
    return changed


@dataclass(slots=True)
class ColumnDraft:
    """A column, and what its definition asks for beside it."""

    column: Column
    constraints: list[nodes.TableConstraint] = field(default_factory=list)
    sequence_oid: int = 0
    default: nodes.Expression | None = None
    generated: nodes.Expression | None = None


def draft_column(
    session: Session, schema: Schema, table: str, node: nodes.ColumnDefinition
) -> ColumnDraft:
    """A column as it was written; constraints behind it become constraints of the table."""
    if node.name in _SYSTEM_COLUMNS:
        message = f'column name "{node.name}" conflicts with a system column name'
        raise SqlError(errors.DUPLICATE_COLUMN, message, position=node.position)
    serial = _serial_type(node.type_name)
    if serial is not None:
        type_, typmod = serial, NO_TYPMOD
    else:
        type_, typmod = resolve_type(session.lookup, node.type_name)
    if type_.is_pseudo:
        message = f'column "{node.name}" has pseudo-type {type_}'
        raise SqlError(errors.INVALID_TABLE_DEFINITION, message, position=node.position)
    draft = ColumnDraft(Column(node.name, type_.oid, typmod, collation=".".join(node.collation)))
    if serial is not None:
        sequence = sequences.create_owned_sequence(session, schema, table, node.name, type_)
        draft.column = replace(draft.column, is_not_null=True, sequence_oid=sequence.oid)
        draft.sequence_oid = sequence.oid
    for constraint in node.constraints:
        _apply(session, schema, table, draft, type_, constraint)
    return draft


def _serial_type(written: nodes.TypeName) -> SqlType | None:
    if written.names[:-1] in ((), ("pg_catalog",)) and not written.array_bounds:
        return _SERIALS.get(written.names[-1])
    return None


def _apply(
    session: Session,
    schema: Schema,
    table: str,
    draft: ColumnDraft,
    type_: SqlType,
    node: nodes.ColumnConstraint,
) -> None:
    name = draft.column.name
    match node:
        case nodes.NotNull():
            draft.column = replace(draft.column, is_not_null=True)
        case nodes.Nullable():
            if draft.column.is_not_null:
                message = (
                    f'conflicting NULL/NOT NULL declarations for column "{name}" of table "{table}"'
                )
                raise SqlError(errors.SYNTAX_ERROR, message, position=node.position)
        case nodes.DefaultValue():
            if draft.default is not None or draft.sequence_oid:
                message = f'multiple default values specified for column "{name}"'
                raise SqlError(errors.SYNTAX_ERROR, f'{message} of table "{table}"')
            draft.default = node.expression
        case nodes.GeneratedStored():
            draft.generated = node.expression
        case nodes.Identity():
            _make_identity(session, schema, table, draft, type_, node)
        case nodes.Unique():
            draft.column = replace(
                draft.column, is_not_null=draft.column.is_not_null or node.is_primary
            )
            draft.constraints.append(replace(node, columns=(name,)))
        case nodes.ForeignKey():
            draft.constraints.append(replace(node, columns=(name,)))
        case nodes.Check():
            draft.constraints.append(node)


def _make_identity(
    session: Session,
    schema: Schema,
    table: str,
    draft: ColumnDraft,
    type_: SqlType,
    node: nodes.Identity,
) -> None:
    if type_.oid not in (INT2.oid, INT4.oid, INT8.oid):
        message = "identity column type must be smallint, integer, or bigint"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    if draft.sequence_oid or draft.default is not None:
        what = "default and identity" if draft.default is not None else "multiple identity"
        message = f'{what} specified for column "{draft.column.name}" of table "{table}"'
        raise SqlError(errors.SYNTAX_ERROR, message, position=node.position)
    sequence = sequences.create_owned_sequence(
        session, schema, table, draft.column.name, type_, node.options, is_identity=True
    )
    draft.sequence_oid = sequence.oid
    draft.column = replace(
        draft.column,
        is_not_null=True,
        identity="a" if node.is_always else "d",
        sequence_oid=sequence.oid,
    )


def finish_column(session: Session, table: Table, index: int, draft: ColumnDraft) -> Table:
    """Bind its default, now that the table is there, and give it its sequence."""
    column = table.columns[index]
    if draft.default is not None:
        check_default(session, table, column, draft.default)
        sequence_oid = sequences.sequence_of_default(session, draft.default)
        column = (
            replace(column, sequence_oid=sequence_oid)
            if sequence_oid
            else replace(column, default=expression_text(session, draft.default))
        )
    if draft.generated is not None:
        check_generated(session, table, index, draft.generated)
        column = replace(column, generated=expression_text(session, draft.generated))
    if column is not table.columns[index]:
        columns = (*table.columns[:index], column, *table.columns[index + 1 :])
        table = put_columns(session, table, columns)
    if draft.sequence_oid:
        sequence = session.lookup.view.state.get(draft.sequence_oid)
        sequences.own(session, sequence, table, index)
    return table


class _Draft:
    """A table while its elements are gone through."""

    def __init__(self, session: Session, schema: Schema, name: str):
        self._session = session
        self._schema = schema
        self._name = name
        self._drafts: list[tuple[int, ColumnDraft]] = []
        self._constraints: list[nodes.TableConstraint] = []
        self._copied_indexes: list[tuple[Table, frozenset[str]]] = []
        self.columns: list[Column] = []

    def add(self, element: object) -> None:
        match element:
            case nodes.ColumnDefinition():
                draft = draft_column(self._session, self._schema, self._name, element)
                self._drafts.append((len(self.columns), draft))
                self._constraints += draft.constraints
                self._add_column(draft.column)
            case nodes.LikeTable():
                self._copy(element)
            case _:
                self._constraints.append(element)

    def _add_column(self, column: Column) -> None:
        if any(one.name == column.name for one in self.columns):
            message = f'column "{column.name}" specified more than once'
            raise SqlError(errors.DUPLICATE_COLUMN, message)
        self.columns.append(column)

    def _copy(self, node: nodes.LikeTable) -> None:
        """LIKE: columns with NOT NULL always, the rest as INCLUDING says."""
        written = node.relation
        lookup = self._session.lookup
        source = lookup.expect_table(written.schema, written.name, written.position)
        including = node.including
        for _, column in source.live_columns():
            copied = replace(column, identity="", sequence_oid=0)
            if column.sequence_oid and not column.identity:
                copied = replace(copied, default=self._next_of(column.sequence_oid))
            if "defaults" not in including:
                copied = replace(copied, default=None)
            if "generated" not in including:
                copied = replace(copied, generated=None)
            if column.identity and "identity" in including:
                copied = self._copy_identity(copied, column)
            self._add_column(copied)
        self._copied_indexes.append((source, including))

    def _next_of(self, sequence_oid: int) -> str:
        """A serial column's default: the copy draws from the same sequence."""
        sequence = self._session.lookup.view.state.get(sequence_oid)
        schema = self._session.lookup.schema_name(sequence.schema_oid)
        name = f"{quote_identifier(schema)}.{quote_identifier(sequence.name)}"
        text = name.replace("'", "''")
        return f"nextval('{text}'::regclass)"

    def _copy_identity(self, copied: Column, column: Column) -> Column:
        """An identity column gets a sequence of its own, made as the other's was."""
        session = self._session
        old = session.lookup.view.state.get(column.sequence_oid)
        options = {
            "increment": old.increment,
            "minvalue": old.minimum,
            "maxvalue": old.maximum,
            "start": old.start,
            "cache": old.cache,
            "cycle": old.cycles,
        }
        node = nodes.Identity(
            column.identity == "a",
            tuple(nodes.SequenceOption(name, value) for name, value in options.items()),
        )
        draft = ColumnDraft(replace(copied, default=None))
        type_ = session.lookup.types.by_oid(column.type_oid)
        _make_identity(session, self._schema, self._name, draft, type_, node)
        self._drafts.append((len(self.columns), draft))
        return draft.column

    def finish(self, table: Table) -> None:
        session = self._session
        table = self._with_primary_key_not_null(table)
        for index, draft in self._drafts:
            table = finish_column(session, table, index, draft)
        # Keys before foreign keys, which may point to them.
        foreign = [one for one in self._constraints if isinstance(one, nodes.ForeignKey)]
        for constraint in self._constraints:
            if not isinstance(constraint, nodes.ForeignKey):
                add_constraint(session, table, constraint)
        for source, including in self._copied_indexes:
            _copy_parts(session, session.lookup, source, table, including)
        for constraint in foreign:
            add_constraint(session, table, constraint)

    def _with_primary_key_not_null(self, table: Table) -> Table:
        names = {
            name
            for one in self._constraints
            if isinstance(one, nodes.Unique) and one.is_primary
            for name in one.columns
        }
        if not names:
            return table
        columns = tuple(
            replace(column, is_not_null=True) if column.name in names else column
            for column in table.columns
        )
        return put_columns(self._session, table, columns)


def _copy_parts(
    session: Session, lookup: Lookup, source: Table, table: Table, including: frozenset[str]
) -> None:
    """LIKE … INCLUDING CONSTRAINTS and INDEXES."""
    view = lookup.view
    places = {index: table.column_index(column.name) for index, column in source.live_columns()}
    for constraint in lookup.constraints_of(source):
        if constraint.kind is ConstraintKind.CHECK and "constraints" in including:
            columns = tuple(places[column] for column in constraint.columns)
            copied = replace(constraint, oid=view.new_oid(), table_oid=table.oid, columns=columns)
            view.put(copied)
    if "indexes" not in including:
        return
    for index in lookup.indexes_of(source):
        names = [source.columns[key.column].name for key in index.keys if key.column >= 0]
        keys = tuple(replace(key, column=places.get(key.column, -1)) for key in index.keys)
        label = "pkey" if index.is_primary else "key" if index.is_unique else "idx"
        name = relation_name(
            lookup, table.schema_oid, table.name, [] if index.is_primary else names, label
        )
        copied_index = replace(
            index,
            oid=view.new_oid(),
            name=name,
            table_oid=table.oid,
            keys=keys,
            included=tuple(places[column] for column in index.included),
        )
        add_index(session, table, copied_index)
        owner = next(
            (
                one
                for one in lookup.constraints_of(source)
                if one.index_oid == index.oid and one.kind is not ConstraintKind.FOREIGN_KEY
            ),
            None,
        )
        if owner is not None:
            columns = tuple(places[column] for column in owner.columns)
            view.put(
                replace(
                    owner,
                    oid=view.new_oid(),
                    name=name,
                    table_oid=table.oid,
                    columns=columns,
                    index_oid=copied_index.oid,
                )
            )
