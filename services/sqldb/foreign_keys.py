"""Foreign keys: each child has its parent, at the end of every statement or transaction.

Two things are watched, when rows of a table are written:

    the table references another    a new key must be there: its row is locked FOR KEY SHARE, so
                                    that nobody deletes it before this transaction has ended
    another references the table    a key that is gone must not be used any more (NO ACTION,
                                    RESTRICT), or the children go with it (CASCADE), or are changed
                                    (SET NULL, SET DEFAULT)

Both are done by SQL statements, prepared once a session for each constraint. So they use indexes,
wait for others, obey constraints and set off further actions as any statement does. They look at
what is committed now, whatever the transaction's snapshot: a constraint must hold for all.
# Real: ri_triggers.c, which does the same by SPI
"""
# Statements are put together of quoted names; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog.definitions import (
    Constraint,
    ConstraintKind,
    ForeignKeyAction,
    Table,
)
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.errors import SqlError
from services.sqldb.syntax.deparse import quote_identifier

if TYPE_CHECKING:
    from services.sqldb.session.session import Session
    from services.sqldb.transactions.mvcc import Version


def foreign_key_watch(session: Session, lookup: Lookup, table: Table) -> ForeignKeyWatch | None:
    """What watches the changes of a table; None: it has nothing to do with foreign keys."""
    own = [one for one in lookup.constraints_of(table) if one.kind is ConstraintKind.FOREIGN_KEY]
    others = lookup.references_to(table)
    if not own and not others:
        return None
    return ForeignKeyWatch(session, lookup, table, own, others)


class ForeignKeyWatch:
    """The changes that one statement makes to one table, see executor.execution.RowChanges."""

    def __init__(
        self,
        session: Session,
        lookup: Lookup,
        table: Table,
        own: list[Constraint],
        others: list[Constraint],
    ):
        self._session = session
        self._lookup = lookup
        self._table = table
        self._own = own
        self._others = others
        self._actions: list[Callable[[], None]] = []

    def after(self, old: Version | None, new: Version | None) -> None:
        if new is not None:
            for constraint in self._own:
                key = _key(new.values, constraint.columns)
                if old is None or _key(old.values, constraint.columns) != key:
                    self._watch_child(constraint, new, key)
        if old is not None:
            for constraint in self._others:
                key = _key(old.values, constraint.foreign_columns)
                is_same = new is not None and _key(new.values, constraint.foreign_columns) == key
                if not is_same and None not in key:
                    self._watch_parent(constraint, old, new, key)

    def finish(self) -> None:
        actions, self._actions = self._actions, []
        for action in actions:
            action()

    # The child's side.

    def _watch_child(self, constraint: Constraint, row: Version, key: tuple) -> None:
        nulls = key.count(None)
        if nulls:
            if constraint.match_full and nulls < len(key):
                raise self._violation(
                    constraint, "MATCH FULL does not allow mixing of null and nonnull key values."
                )
            return
        transaction = self._session.expect_transaction()
        heap = self._session.engine.storage.heap(self._table.storage_oid)

        def check() -> None:
            # Only if the row is still there, and has still this key.
            newest = heap.rows[row.row_id]
            if newest is row or _key(newest.values, constraint.columns) == key:
                if newest.xmax and not transaction.is_running(newest.xmax):
                    return
                self.check_child(constraint, key)

        transaction.defer(constraint, check)

    def check_child(self, constraint: Constraint, key: tuple) -> None:
        parent = self._lookup.view.state.get(constraint.foreign_table_oid)
        sql = (
            f"SELECT 1 FROM {_name(self._lookup, parent)} "
            f"WHERE {_condition(parent, constraint.foreign_columns)} FOR KEY SHARE"
        )
        types = _types(self._lookup, parent, constraint.foreign_columns)
        if not self._session.run_internal(sql, types, key):
            shown = _shown(self._session, self._lookup, self._table, constraint.columns, key)
            raise self._violation(
                constraint, f'Key {shown} is not present in table "{parent.name}".'
            )

    def _violation(self, constraint: Constraint, detail: str) -> SqlError:
        return SqlError(
            errors.FOREIGN_KEY_VIOLATION,
            f'insert or update on table "{self._table.name}" violates foreign key constraint '
            f'"{constraint.name}"',
            detail=detail,
            schema=self._lookup.schema_name(self._table.schema_oid),
            table=self._table.name,
            constraint=constraint.name,
        )

    # The parent's side.

    def _watch_parent(
        self, constraint: Constraint, old: Version, new: Version | None, key: tuple
    ) -> None:
        action = constraint.on_delete if new is None else constraint.on_update
        child = self._lookup.view.state.get(constraint.table_oid)
        match action:
            case ForeignKeyAction.NO_ACTION:
                check = self._parent_check(constraint, child, key)
                self._session.expect_transaction().defer(constraint, check)
            case ForeignKeyAction.RESTRICT:
                self._actions.append(self._parent_check(constraint, child, key))
            case ForeignKeyAction.CASCADE if new is None:
                sql = (
                    f"DELETE FROM {_name(self._lookup, child)} WHERE {self._of(constraint, child)}"
                )
                self._act(constraint, child, sql, key)
            case ForeignKeyAction.CASCADE:
                new_key = _key(new.values, constraint.foreign_columns)
                count = len(key)
                assigned = ", ".join(
                    f"{quote_identifier(child.columns[column].name)} = ${count + place}"
                    for place, column in enumerate(constraint.columns, 1)
                )
                self._act(
                    constraint, child, self._update(constraint, child, assigned), key + new_key
                )
            case ForeignKeyAction.SET_NULL | ForeignKeyAction.SET_DEFAULT:
                word = "NULL" if action is ForeignKeyAction.SET_NULL else "DEFAULT"
                columns = constraint.columns
                if new is None and constraint.on_delete_columns:
                    columns = constraint.on_delete_columns
                assigned = ", ".join(
                    f"{quote_identifier(child.columns[column].name)} = {word}" for column in columns
                )
                self._act(constraint, child, self._update(constraint, child, assigned), key)
                # The default may be the very key that goes.
                self._actions.append(self._parent_check(constraint, child, key))

    def _of(self, constraint: Constraint, child: Table) -> str:
        return _condition(child, constraint.columns)

    def _update(self, constraint: Constraint, child: Table, assigned: str) -> str:
        name = _name(self._lookup, child)
        return f"UPDATE {name} SET {assigned} WHERE {self._of(constraint, child)}"

    def _act(self, constraint: Constraint, child: Table, sql: str, values: tuple) -> None:
        types = _types(self._lookup, self._table, constraint.foreign_columns)
        types *= len(values) // len(types)
        self._actions.append(lambda: self._session.run_internal(sql, types, values))

    def _parent_check(self, constraint: Constraint, child: Table, key: tuple) -> Callable[[], None]:
        lookup, session, table = self._lookup, self._session, self._table
        types = _types(lookup, table, constraint.foreign_columns)

        def check() -> None:
            # Another row may have taken the key over.
            same = (
                f"SELECT 1 FROM {_name(lookup, table)} "
                f"WHERE {_condition(table, constraint.foreign_columns)} FOR KEY SHARE"
            )
            if constraint.on_delete is not ForeignKeyAction.RESTRICT and session.run_internal(
                same, types, key
            ):
                return
            used = (
                f"SELECT 1 FROM {_name(lookup, child)} WHERE {self._of(constraint, child)} "
                "LIMIT 1 FOR KEY SHARE"
            )
            if session.run_internal(used, types, key):
                shown = _shown(session, lookup, table, constraint.foreign_columns, key)
                raise SqlError(
                    errors.FOREIGN_KEY_VIOLATION,
                    f'update or delete on table "{table.name}" violates foreign key constraint '
                    f'"{constraint.name}" on table "{child.name}"',
                    detail=f'Key {shown} is still referenced from table "{child.name}".',
                    schema=lookup.schema_name(child.schema_oid),
                    table=child.name,
                    constraint=constraint.name,
                )

        return check


def _key(values: tuple, columns: tuple[int, ...]) -> tuple:
    return tuple([values[column] for column in columns])


def _name(lookup: Lookup, table: Table) -> str:
    schema = quote_identifier(lookup.schema_name(table.schema_oid))
    return f"{schema}.{quote_identifier(table.name)}"


def _condition(table: Table, columns: tuple[int, ...]) -> str:
    return " AND ".join(
        f"{quote_identifier(table.columns[column].name)} = ${number}"
        for number, column in enumerate(columns, 1)
    )


def _types(lookup: Lookup, table: Table, columns: tuple[int, ...]) -> tuple:
    return tuple(lookup.types.by_oid(table.columns[column].type_oid) for column in columns)


def _shown(
    session: Session, lookup: Lookup, table: Table, columns: tuple[int, ...], key: tuple
) -> str:
    names = ", ".join(table.columns[column].name for column in columns)
    values = ", ".join(
        type_.format(value, session)
        for type_, value in zip(_types(lookup, table, columns), key, strict=True)
    )
    return f"({names})=({values})"


def check_all_rows(
    session: Session, table: Table, constraint: Constraint, rows: Iterable[Version]
) -> None:
    """ALTER TABLE … ADD FOREIGN KEY: each row that is there must have its parent."""
    watch = ForeignKeyWatch(session, session.lookup, table, [constraint], [])
    for row in rows:
        key = _key(row.values, constraint.columns)
        if None not in key:
            watch.check_child(constraint, key)
