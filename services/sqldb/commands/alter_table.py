"""ALTER TABLE: one function for each action, in the order in which they are written.

A dropped column stays in the rows and is passed over, so that dropping it touches the catalog
alone. What concerns the rows (a new column, another type, a new constraint) goes through all of
them, under the table's strongest lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import (
    Column,
    Constraint,
    ConstraintKind,
    Index,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.commands import sequences
from services.sqldb.commands.column_uses import (
    column_dependents,
    column_words,
    default_as,
    expect_fit,
    generated_from,
    indexes_using,
    recheck_rows,
    refuse_generated,
    views_of_column,
)
from services.sqldb.commands.composites import refuse_if_stored
from services.sqldb.commands.constraints import add_constraint
from services.sqldb.commands.create_table import (
    draft_column,
    finish_column,
    put_columns,
)
from services.sqldb.commands.dropping import drop_all, notice_cascade
from services.sqldb.commands.indexes import attached_index
from services.sqldb.commands.owned import give
from services.sqldb.commands.permissions import named_role
from services.sqldb.commands.row_checks import (
    check_constraint_of_rows,
    check_foreign_key_of_rows,
    check_not_null_of_rows,
    rewrite_rows,
)
from services.sqldb.commands.row_expressions import (
    cast_expression,
    check_default,
    default_value,
    expression_text,
)
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.transactions.lock_modes import LockMode


def alter_table(session: Session, node: nodes.AlterTable) -> Result:
    tag = f"ALTER {node.kind.value.upper()}"
    written = node.table.relation
    found = session.lookup.relation(written.schema, written.name)
    if found is None and node.if_exists:
        session.notice(f'relation "{written.name}" does not exist, skipping')
        return Result(tag)
    if isinstance(found, Sequence | Index):
        # ALTER SEQUENCE s OWNER TO …, ALTER INDEX i SET (…): accepted.
        return Result(tag)
    table = session.lookup.expect_table(written.schema, written.name)
    if table.kind is TableKind.SYSTEM:
        message = f'permission denied: "{table.name}" is a system catalog'
        raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)
    session.expect_transaction().lock_table(table.oid, LockMode.ACCESS_EXCLUSIVE)
    for action in node.actions:
        table = session.lookup.view.state.get(table.oid)
        _ACTIONS[type(action)](session, table, action)
    return Result(tag)


def expect_column(table: Table, name: str) -> int:
    index = table.column_index(name)
    if index is None:
        message = f'column "{name}" of relation "{table.name}" does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message)
    return index


def _put_column(session: Session, table: Table, index: int, column: Column) -> Table:
    return put_columns(session, table, _with_column(table, index, column).columns)


def _with_column(table: Table, index: int, column: Column) -> Table:
    columns = (*table.columns[:index], column, *table.columns[index + 1 :])
    return replace(table, columns=columns)


# Columns.


def _add_column(session: Session, table: Table, action: nodes.AddColumn) -> None:
    node = action.column
    if table.column_index(node.name) is not None:
        message = f'column "{node.name}" of relation "{table.name}" already exists'
        if not action.if_not_exists:
            raise SqlError(errors.DUPLICATE_COLUMN, message)
        session.notice(f"{message}, skipping", errors.DUPLICATE_COLUMN)
        return
    schema = session.lookup.view.state.get(table.schema_oid)
    draft = draft_column(session, schema, table.name, node)
    if any(isinstance(one, nodes.DefaultValue) for one in node.constraints):
        _refuse_if_stored(session, table)
    index = len(table.columns)
    table = put_columns(session, table, (*table.columns, draft.column))
    table = finish_column(session, table, index, draft)
    _fill(session, table, index)
    if table.columns[index].is_not_null:
        check_not_null_of_rows(session, table, index)
    for constraint in draft.constraints:
        add_constraint(session, table, constraint)


def _refuse_if_stored(session: Session, table: Table) -> None:
    """Rows that other tables hold as values would stay as they are. Raises SqlError 0A000."""
    row_type = session.lookup.view.state.get(table.row_type_oid)
    if row_type is not None:
        refuse_if_stored(session, row_type, "table", table.name)


def _fill(session: Session, table: Table, index: int) -> None:
    """Give the rows that are there a value of the new column.

    # Real: a constant default is kept in pg_attribute.attmissingval, and rows stay as they are;
    ours are tuples in memory, and a read that has nothing to look up is worth the one pass.
    """
    rewrite_rows(session, table, default_value(session, table, index))


def _drop_column(session: Session, table: Table, action: nodes.DropColumn) -> None:
    index = table.column_index(action.column)
    if index is None:
        message = f'column "{action.column}" of relation "{table.name}" does not exist'
        if not action.if_exists:
            raise SqlError(errors.UNDEFINED_COLUMN, message)
        session.notice(f"{message}, skipping")
        return
    drop_column(session, table, index, cascade=action.cascade)


def drop_column(session: Session, table: Table, index: int, *, cascade: bool) -> None:
    """Drop a column with its indexes, constraints and sequences. Raises SqlError 2BP01."""
    dependents = column_dependents(session, table, index)
    if dependents and not cascade:
        raise SqlError(
            errors.DEPENDENT_OBJECTS_STILL_EXIST,
            f"cannot drop {column_words(table, index)} because other objects depend on it",
            detail="\n".join(f"{words} depends on {what}" for words, what in dependents),
            hint="Use DROP ... CASCADE to drop the dependent objects too.",
        )
    notice_cascade(session, [words for words, _ in dependents])
    _drop_column_along(session, table, index)


def _drop_column_along(session: Session, table: Table, index: int) -> None:
    """Drop it, and all that depends on it."""
    for number in generated_from(session, table, index):
        _drop_column_along(session, table, number)
        table = session.lookup.view.state.get(table.oid)
    lookup = session.lookup
    column = table.columns[index]
    parts: list = views_of_column(session, table, index)
    for constraint in lookup.constraints_of(table):
        if index in constraint.columns:
            parts.append(constraint)
    for constraint in lookup.references_to(table):
        if index in constraint.foreign_columns:
            parts.append(constraint)
    parts += indexes_using(session, table, index)
    for sequence in lookup.view.state.parts(table.oid, Sequence):
        if sequence.owner_column == index:
            parts.append(sequence)
    dropped = replace(
        column,
        name=f"........pg.dropped.{index + 1}........",
        is_dropped=True,
        is_not_null=False,
        default=None,
        generated=None,
        identity="",
        sequence_oid=0,
    )
    _put_column(session, table, index, dropped)
    drop_all(session, parts, cascade=True)


def _set_default(session: Session, table: Table, action: nodes.SetColumnDefault) -> None:
    index = expect_column(table, action.column)
    column = table.columns[index]
    if column.identity:
        message = f'column "{column.name}" of relation "{table.name}" is an identity column'
        hint = "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead."
        raise SqlError(errors.SYNTAX_ERROR, message, hint=hint)
    if column.generated is not None:
        message = f'column "{column.name}" of relation "{table.name}" is a generated column'
        raise SqlError(errors.SYNTAX_ERROR, message)
    default, sequence_oid = None, 0
    if action.expression is not None:
        check_default(session, table, column, action.expression)
        sequence_oid = sequences.sequence_of_default(session, action.expression)
        if not sequence_oid:
            default = expression_text(session, action.expression)
    changed = replace(column, default=default, sequence_oid=sequence_oid)
    _put_column(session, table, index, changed)


def _set_not_null(session: Session, table: Table, action: nodes.SetColumnNotNull) -> None:
    index = expect_column(table, action.column)
    column = table.columns[index]
    if action.is_not_null:
        check_not_null_of_rows(session, table, index)
    else:
        for constraint in session.lookup.constraints_of(table):
            if constraint.kind is ConstraintKind.PRIMARY_KEY and index in constraint.columns:
                message = f'column "{column.name}" is in a primary key'
                raise SqlError(errors.INVALID_TABLE_DEFINITION, message)
        if column.identity:
            message = f'column "{column.name}" of relation "{table.name}" is an identity column'
            raise SqlError(errors.SYNTAX_ERROR, message)
    indexes = detach_indexes(session, table, index)
    table = _put_column(session, table, index, replace(column, is_not_null=action.is_not_null))
    build_indexes(session, table, indexes)


def _set_type(session: Session, table: Table, action: nodes.SetColumnType) -> None:
    index = expect_column(table, action.column)
    column = table.columns[index]
    type_, typmod = resolve_type(session.lookup, action.type_name)
    _refuse_if_stored(session, table)
    default = default_as(session, table, column, type_)
    for view in views_of_column(session, table, index):
        message = "cannot alter type of a column used by a view or rule"
        detail = f'rule _RETURN on view {view.name} depends on column "{column.name}"'
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, message, detail=detail)
    refuse_generated(session, table, index)
    convert = cast_expression(session, table, index, type_, typmod, action.using)
    changed = replace(
        column,
        type_oid=type_.oid,
        typmod=typmod,
        collation=".".join(action.collation),
        default=default,
    )
    expect_fit(session, _with_column(table, index, changed), index)
    indexes = detach_indexes(session, table, index)
    rewrite_rows(session, table, convert)
    table = _put_column(session, table, index, changed)
    build_indexes(session, table, indexes)
    recheck_rows(session, table, index)


def detach_indexes(session: Session, table: Table, column: int) -> list[Index]:
    """Indexes that know the column's type, or that it is never null, are put aside."""
    storage, transaction = session.engine.storage, session.expect_transaction()
    heap = storage.heap(table.storage_oid)
    indexes = [
        index
        for index in session.lookup.indexes_of(table)
        if index.is_built
        and (index.predicate or any(key.column in (column, -1) for key in index.keys))
    ]
    for index in indexes:
        for old in [one for one in heap.indexes if one.oid == index.oid]:
            storage.drop_index(transaction, old)
    return indexes


def build_indexes(session: Session, table: Table, indexes: list[Index]) -> None:
    storage, transaction = session.engine.storage, session.expect_transaction()
    heap = storage.heap(table.storage_oid)
    for index in indexes:
        made = attached_index(session, session.lookup, heap, table, index)
        storage.create_index(transaction, made)


def _add_identity(session: Session, table: Table, action: nodes.AddIdentity) -> None:
    index = expect_column(table, action.column)
    column = table.columns[index]
    if not column.is_not_null:
        message = f'column "{column.name}" of relation "{table.name}" must be declared NOT NULL'
        raise SqlError(
            errors.OBJECT_NOT_IN_PREREQUISITE_STATE, f"{message} before identity can be added"
        )
    if column.identity or column.default is not None or column.sequence_oid:
        what = "is already an identity column" if column.identity else "already has a default value"
        message = f'column "{column.name}" of relation "{table.name}" {what}'
        raise SqlError(errors.OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    schema = session.lookup.view.state.get(table.schema_oid)
    type_ = session.lookup.types.by_oid(column.type_oid)
    sequence = sequences.create_owned_sequence(
        session, schema, table.name, column.name, type_, action.identity.options, is_identity=True
    )
    letter = "a" if action.identity.is_always else "d"
    changed = replace(column, identity=letter, sequence_oid=sequence.oid)
    table = _put_column(session, table, index, changed)
    sequences.own(session, sequence, table, index)


def _expect_identity(table: Table, name: str) -> int:
    index = expect_column(table, name)
    if not table.columns[index].identity:
        message = f'column "{name}" of relation "{table.name}" is not an identity column'
        raise SqlError(errors.OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    return index


def _alter_identity(session: Session, table: Table, action: nodes.AlterIdentity) -> None:
    index = _expect_identity(table, action.column)
    column = table.columns[index]
    if action.is_always is not None:
        letter = "a" if action.is_always else "d"
        _put_column(session, table, index, replace(column, identity=letter))
    if action.options:
        sequence = session.lookup.view.state.get(column.sequence_oid)
        sequences.change_sequence(session, sequence, action.options)


def _drop_identity(session: Session, table: Table, action: nodes.DropIdentity) -> None:
    if action.if_exists and not table.columns[expect_column(table, action.column)].identity:
        message = f'column "{action.column}" of relation "{table.name}" is not an identity column'
        session.notice(f"{message}, skipping")
        return
    index = _expect_identity(table, action.column)
    column = table.columns[index]
    _put_column(session, table, index, replace(column, identity="", sequence_oid=0))
    drop_all(session, [session.lookup.view.state.get(column.sequence_oid)], cascade=True)


def _drop_expression(session: Session, table: Table, action: nodes.DropExpression) -> None:
    index = expect_column(table, action.column)
    column = table.columns[index]
    if column.generated is None:
        message = (
            f'column "{column.name}" of relation "{table.name}" is not a stored generated column'
        )
        if not action.if_exists:
            raise SqlError(errors.OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        session.notice(f"{message}, skipping")
        return
    _put_column(session, table, index, replace(column, generated=None))


# Constraints.


def _add_constraint(session: Session, table: Table, action: nodes.AddConstraint) -> None:
    if isinstance(action.constraint, nodes.Unique) and action.constraint.is_primary:
        for name in action.constraint.columns:
            index = expect_column(table, name)
            if not table.columns[index].is_not_null:
                _set_not_null(session, table, nodes.SetColumnNotNull(name, True))
                table = session.lookup.view.state.get(table.oid)
    constraint = add_constraint(session, table, action.constraint)
    if constraint.is_validated:
        _validate(session, table, constraint)


def _validate(session: Session, table: Table, constraint: Constraint) -> None:
    match constraint.kind:
        case ConstraintKind.CHECK:
            check_constraint_of_rows(session, table, constraint)
        case ConstraintKind.FOREIGN_KEY:
            check_foreign_key_of_rows(session, table, constraint)


def expect_constraint(session: Session, table: Table, name: str) -> Constraint:
    for constraint in session.lookup.constraints_of(table):
        if constraint.name == name:
            return constraint
    message = f'constraint "{name}" of relation "{table.name}" does not exist'
    raise SqlError(errors.UNDEFINED_OBJECT, message)


def _drop_constraint(session: Session, table: Table, action: nodes.DropConstraint) -> None:
    try:
        constraint = expect_constraint(session, table, action.constraint)
    except SqlError as error:
        if not action.if_exists:
            raise
        session.notice(f"{error.message}, skipping")
        return
    drop_all(session, [constraint], cascade=action.cascade)


def _validate_constraint(session: Session, table: Table, action: nodes.ValidateConstraint) -> None:
    constraint = expect_constraint(session, table, action.constraint)
    if not constraint.is_validated:
        _validate(session, table, constraint)
        session.lookup.view.put(replace(constraint, is_validated=True))


def _alter_constraint(session: Session, table: Table, action: nodes.AlterConstraint) -> None:
    constraint = expect_constraint(session, table, action.constraint)
    if constraint.kind is not ConstraintKind.FOREIGN_KEY:
        message = f'constraint "{constraint.name}" of relation "{table.name}" is not a foreign key'
        raise SqlError(errors.WRONG_OBJECT_TYPE, f"{message} constraint")
    is_deferred = bool(action.traits.is_initially_deferred)
    is_deferrable = bool(action.traits.is_deferrable) or is_deferred
    changed = replace(constraint, is_deferrable=is_deferrable, initially_deferred=is_deferred)
    session.lookup.view.put(changed)


# The rest.


def _change_owner(session: Session, table: Table, action: nodes.ChangeOwner) -> None:
    give(session, table, named_role(session, action.role).oid)


def _set_options(session: Session, table: Table, action: nodes.SetTableOptions) -> None:
    names = {option.name for option in action.options}
    kept = tuple(one for one in table.options if one.partition("=")[0] not in names)
    if not action.is_reset:
        kept += tuple(f"{option.name}={option.value}" for option in action.options)
    session.lookup.view.put(replace(table, options=kept))


def _set_statistics(session: Session, table: Table, action: nodes.SetColumnStatistics) -> None:
    """SET STATISTICS is kept; nothing here depends on SET STORAGE and the like."""
    if action.what == "statistics" and action.column:
        index = expect_column(table, action.column)
        changed = replace(table.columns[index], statistics_target=action.value)
        _put_column(session, table, index, changed)


def _accept(session: Session, table: Table, action: object) -> None:
    """SET LOGGED: nothing here depends on it."""


def _refuse(session: Session, table: Table, action: nodes.OtherTableAction) -> None:
    raise errors.not_supported(f"ALTER TABLE ... {action.what}", action.position)


_ACTIONS: dict[type, Callable[[Session, Table, object], None]] = {
    nodes.AddColumn: _add_column,
    nodes.DropColumn: _drop_column,
    nodes.SetColumnDefault: _set_default,
    nodes.SetColumnNotNull: _set_not_null,
    nodes.SetColumnType: _set_type,
    nodes.AddIdentity: _add_identity,
    nodes.AlterIdentity: _alter_identity,
    nodes.DropIdentity: _drop_identity,
    nodes.DropExpression: _drop_expression,
    nodes.SetColumnStatistics: _set_statistics,
    nodes.AddConstraint: _add_constraint,
    nodes.DropConstraint: _drop_constraint,
    nodes.ValidateConstraint: _validate_constraint,
    nodes.AlterConstraint: _alter_constraint,
    nodes.ChangeOwner: _change_owner,
    nodes.SetTableOptions: _set_options,
    nodes.SetLogged: _accept,
    nodes.OtherTableAction: _refuse,
}
