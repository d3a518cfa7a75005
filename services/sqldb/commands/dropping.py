"""DROP, and what depends on what: RESTRICT refuses, CASCADE goes on to the dependents.

    schema ◀─ everything in it            table ◀─ views that read it, foreign keys to it
    type   ◀─ columns of it               table ── its indexes, constraints, sequences: always
# Real: dependency.c, which follows pg_depend
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import (
    AccessList,
    Comment,
    CompositeType,
    Constraint,
    DefaultAccess,
    Definition,
    DomainType,
    EnumType,
    Index,
    Role,
    Schema,
    Sequence,
    SqlRoutine,
    Statistics,
    Table,
    TableKind,
)
from services.sqldb.catalog.routine_names import find_routine, missing_routine, routine_text
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import ObjectKind
from services.sqldb.transactions.lock_modes import LockMode


def drop(session: Session, node: nodes.Drop) -> Result:
    tag = f"DROP {node.kind.value.upper()}"
    find = _FINDERS.get(node.kind)
    if find is None:
        _skip_unknown(session, node)
        return Result(tag)
    found = []
    for names in node.names:
        definition = find(session, names)
        if definition is None:
            _missing(session, node, names)
        else:
            _expect_kind(node.kind, definition)
            found.append(definition)
    drop_all(session, found, cascade=node.cascade)
    return Result(tag)


def drop_all(session: Session, found: list[Definition], *, cascade: bool) -> None:
    """Drop these together, with what belongs to them. Raises SqlError 2BP01."""
    dropping = _Dropping(session, found)
    dropping.collect(cascade=cascade)
    dropping.run()


def notice_cascade(session: Session, dropped: list[str]) -> None:
    """Say what goes as well."""
    lines = [f"drop cascades to {words}" for words in dropped]
    if len(lines) == 1:
        session.notice(lines[0])
    elif lines:
        message = f"drop cascades to {len(lines)} other objects"
        session.notice(message, detail="\n".join(lines))


def _skip_unknown(session: Session, node: nodes.Drop) -> None:
    """Kinds of objects of which there are none: functions, triggers, extensions …"""
    for names in node.names:
        _missing(session, node, names)


def _missing(session: Session, node: nodes.Drop, names: tuple[str, ...]) -> None:
    full = ".".join(names)
    message = f'{node.kind.value} "{full}" does not exist'
    if node.kind in (ObjectKind.FUNCTION, ObjectKind.PROCEDURE, ObjectKind.ROUTINE):
        message = missing_routine(session, node.kind.value, names)
    if not node.if_exists:
        raise SqlError(_UNDEFINED.get(node.kind, errors.UNDEFINED_OBJECT), message)
    session.notice(f"{message}, skipping")


_UNDEFINED = {
    ObjectKind.TABLE: errors.UNDEFINED_TABLE,
    ObjectKind.VIEW: errors.UNDEFINED_TABLE,
    ObjectKind.SEQUENCE: errors.UNDEFINED_TABLE,
    ObjectKind.SCHEMA: errors.INVALID_SCHEMA_NAME,
    ObjectKind.DATABASE: errors.INVALID_CATALOG_NAME,
    ObjectKind.FUNCTION: errors.UNDEFINED_FUNCTION,
    ObjectKind.PROCEDURE: errors.UNDEFINED_FUNCTION,
    ObjectKind.ROUTINE: errors.UNDEFINED_FUNCTION,
}


def _find_relation(session: Session, names: tuple[str, ...]) -> Definition | None:
    *schema, name = names
    return session.lookup.relation(schema[-1] if schema else None, name)


def _find_type(session: Session, names: tuple[str, ...]) -> Definition | None:
    *schema, name = names
    found = session.lookup.type(schema[-1] if schema else None, name)
    return None if found is None else session.lookup.view.state.get(found.oid)


def _find_schema(session: Session, names: tuple[str, ...]) -> Definition | None:
    return session.lookup.schema(names[-1])


def _find_role(session: Session, names: tuple[str, ...]) -> Definition | None:
    return session.lookup.view.state.find("role", 0, names[-1])


_FINDERS: dict[ObjectKind, Callable[[Session, tuple[str, ...]], Definition | None]] = {
    ObjectKind.TABLE: _find_relation,
    ObjectKind.VIEW: _find_relation,
    ObjectKind.INDEX: _find_relation,
    ObjectKind.SEQUENCE: _find_relation,
    ObjectKind.TYPE: _find_type,
    ObjectKind.DOMAIN: _find_type,
    ObjectKind.FUNCTION: find_routine,
    ObjectKind.PROCEDURE: find_routine,
    ObjectKind.ROUTINE: find_routine,
    ObjectKind.SCHEMA: _find_schema,
    ObjectKind.ROLE: _find_role,
}


def _is_kind(kind: ObjectKind, definition: Definition) -> bool:
    match kind, definition:
        case (ObjectKind.TABLE, Table(kind=TableKind.TABLE)):
            return True
        case (ObjectKind.VIEW, Table(kind=TableKind.VIEW)):
            return True
        case (ObjectKind.INDEX, Index()) | (ObjectKind.SEQUENCE, Sequence()):
            return True
        case (ObjectKind.SCHEMA, Schema()) | (ObjectKind.ROLE, Role()):
            return True
        case (ObjectKind.TYPE, EnumType() | CompositeType() | DomainType()):
            return True
        case (ObjectKind.DOMAIN, DomainType()):
            return True
        case (ObjectKind.ROUTINE, SqlRoutine()):
            return True
        case (ObjectKind.FUNCTION | ObjectKind.PROCEDURE, SqlRoutine(is_procedure=is_procedure)):
            return is_procedure == (kind is ObjectKind.PROCEDURE)
    return False


def kind_of(definition: Definition) -> ObjectKind:
    return next(kind for kind in _FINDERS if _is_kind(kind, definition))


def _expect_kind(kind: ObjectKind, definition: Definition) -> None:
    if isinstance(definition, CompositeType) and definition.table_oid:
        message = f"cannot drop type {definition.name} because table {definition.name} requires it"
        hint = f"You can drop table {definition.name} instead."
        raise SqlError(errors.DEPENDENT_OBJECTS_STILL_EXIST, message, hint=hint)
    if isinstance(definition, Table) and definition.kind is TableKind.SYSTEM:
        message = f'permission denied: "{definition.name}" is a system catalog'
        raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)
    if _is_kind(kind, definition):
        return
    article = "an" if kind is ObjectKind.INDEX else "a"
    actual = kind_of(definition).value
    raise SqlError(
        errors.WRONG_OBJECT_TYPE,
        f'"{definition.name}" is not {article} {kind.value}',
        hint=f"Use DROP {actual.upper()} to remove {'an' if actual == 'index' else 'a'} {actual}.",
    )


class _Dropping:
    """A set of objects that goes together; grown by what depends on them."""

    def __init__(self, session: Session, found: list[Definition]):
        self._session = session
        self._lookup = session.lookup
        self._state = self._lookup.view.state
        self._gone: dict[int, Definition] = {}
        self._named = {one.oid for one in found}
        # Columns whose type goes: (table oid, column index).
        self._columns: list[tuple[Table, int]] = []
        self._queue = list(found)

    def collect(self, *, cascade: bool) -> None:
        found: list[tuple[Definition, str, str]] = []
        seen: set[int] = set()
        while self._queue:
            for definition in self._take_with_parts():
                for dependent, words in self._dependents(definition):
                    if dependent.oid not in self._gone and dependent.oid not in seen:
                        seen.add(dependent.oid)
                        found.append((dependent, words, self._describe(definition)))
                        self._queue.append(dependent)
        # A column of a table that goes as well needs no words of its own.
        dependents = [
            (words, what)
            for one, words, what in found
            if not (isinstance(one, _DroppedColumn) and one.table.oid in self._gone)
        ]
        if dependents and not cascade:
            self._refuse(dependents)
        notice_cascade(self._session, [words for words, _ in dependents])

    def _take_with_parts(self) -> list[Definition]:
        """All in the queue, and all parts of them; parts are nobody's dependents."""
        taken = []
        while self._queue:
            definition = self._queue.pop(0)
            if definition.oid not in self._gone:
                self._gone[definition.oid] = definition
                taken.append(definition)
                self._lock(definition)
                self._queue += self._parts(definition)
        return taken

    def _lock(self, definition: Definition) -> None:
        transaction = self._session.expect_transaction()
        match definition:
            case Table():
                transaction.lock_table(definition.oid, LockMode.ACCESS_EXCLUSIVE)
            case Index():
                transaction.lock_table(definition.table_oid, LockMode.ACCESS_EXCLUSIVE)
            case Constraint():
                transaction.lock_table(definition.table_oid, LockMode.ACCESS_EXCLUSIVE)

    def _refuse(self, dependents: list[tuple[str, str]]) -> None:
        first = next(iter(self._gone.values()))
        details = "\n".join(f"{words} depends on {what}" for words, what in dependents)
        what = self._describe(first)
        message = (
            f"cannot drop {what} because other objects depend on it"
            if len(self._named) == 1
            else "cannot drop desired object(s) because other objects depend on them"
        )
        raise SqlError(
            errors.DEPENDENT_OBJECTS_STILL_EXIST,
            message,
            detail=details,
            hint="Use DROP ... CASCADE to drop the dependent objects too.",
        )

    def _describe(self, definition: Definition) -> str:
        if isinstance(definition, Constraint):
            table = self._state.get(definition.table_oid)
            return f"constraint {definition.name} on table {table.name}"
        name = definition.name
        if isinstance(definition, SqlRoutine):
            name = routine_text(self._session, definition)
        return f"{kind_of(definition).value} {name}"

    def _parts(self, definition: Definition) -> Iterator[Definition]:
        """What is a part of an object and goes silently."""
        state = self._state
        match definition:
            case Table():
                yield from state.parts(definition.oid, Index)
                yield from self._lookup.constraints_of(definition)
                yield from state.parts(definition.oid, Sequence)
                yield from state.parts(definition.oid, CompositeType)
                yield from state.parts(definition.oid, Statistics)
            case Constraint(index_oid=index_oid) if index_oid and not definition.foreign_table_oid:
                index = state.get(index_oid)
                if index is not None:
                    yield index
            case Schema():
                for one in state.all(DefaultAccess):
                    if one.schema_oid == definition.oid:
                        yield one
        yield from state.parts(definition.oid, Comment)
        yield from state.parts(definition.oid, AccessList)

    def _dependents(self, definition: Definition) -> Iterator[tuple[Definition, str]]:
        match definition:
            case Schema():
                kinds = (Table, Sequence, EnumType, CompositeType, DomainType, SqlRoutine)
                inside = [
                    one
                    for kind in kinds
                    for one in self._state.all(kind)
                    if one.schema_oid == definition.oid and not self._is_part(one)
                ]
                for one in sorted(inside, key=lambda one: one.oid):
                    yield one, self._words(one)
            case Table():
                yield from self._dependents_of_table(definition)
            case Index():
                for constraint in self._state.parts(definition.table_oid, Constraint):
                    if constraint.index_oid == definition.oid:
                        yield constraint, self._describe(constraint)
            case EnumType() | CompositeType() | DomainType():
                for domain in self._state.all(DomainType):
                    if domain.base_oid in (definition.oid, definition.array_oid):
                        yield domain, f"type {domain.name}"
                yield from self._columns_of_type(definition)
                yield from self._routines_of_type(definition)
            case Sequence():
                yield from self._defaults_of(definition)

    def _words(self, definition: Definition) -> str:
        if isinstance(definition, SqlRoutine):
            return self._describe(definition)
        return f"{kind_of(definition).value} {self._full_name(definition)}"

    def _is_part(self, definition: Definition) -> bool:
        return bool(
            getattr(definition, "owner_table_oid", 0) or getattr(definition, "table_oid", 0)
        )

    def _full_name(self, definition: Definition) -> str:
        """With its schema where the bare name would not find it."""
        if definition.name and self._lookup.relation(None, definition.name) is definition:
            return definition.name
        if isinstance(definition, EnumType | CompositeType | DomainType):
            found = self._lookup.type(None, definition.name)
            if found is not None and found.oid == definition.oid:
                return definition.name
        return f"{self._lookup.schema_name(definition.schema_oid)}.{definition.name}"

    def _dependents_of_table(self, table: Table) -> Iterator[tuple[Definition, str]]:
        for view in self._state.all(Table):
            if table.oid in view.references:
                yield view, f"view {view.name}"
        for constraint in self._lookup.references_to(table):
            if constraint.table_oid != table.oid:
                yield constraint, self._describe(constraint)

    def _routines_of_type(
        self, definition: EnumType | CompositeType | DomainType
    ) -> Iterator[tuple[Definition, str]]:
        oids = {definition.oid, definition.array_oid}
        for routine in self._state.all(SqlRoutine):
            if oids & {routine.result_oid, *(one.type_oid for one in routine.arguments)}:
                yield routine, self._describe(routine)

    def _columns_of_type(
        self, definition: EnumType | CompositeType | DomainType
    ) -> Iterator[tuple[Definition, str]]:
        oids = (definition.oid, definition.array_oid)
        for table in self._state.all(Table):
            for index, column in table.live_columns():
                if column.type_oid in oids:
                    yield (
                        _DroppedColumn(-table.oid * 10_000 - index, column.name, table, index),
                        f"column {column.name} of table {table.name}",
                    )

    def _defaults_of(self, sequence: Sequence) -> Iterator[tuple[Definition, str]]:
        for table in self._state.all(Table):
            if table.oid in self._gone:
                continue
            for index, column in table.live_columns():
                if column.sequence_oid == sequence.oid:
                    yield (
                        _DroppedDefault(-table.oid * 10_000 - index, column.name, table, index),
                        f"default value for column {column.name} of table {table.name}",
                    )

    def run(self) -> None:
        from services.sqldb.commands.alter_table import drop_column

        session, view = self._session, self._lookup.view
        for definition in self._gone.values():
            match definition:
                case _DroppedColumn(table=table, index=index):
                    if table.oid not in self._gone:
                        drop_column(session, view.state.get(table.oid), index, cascade=True)
                case _DroppedDefault(table=table, index=index):
                    _forget_default(session, table.oid, index)
                case _:
                    _remove(session, definition)


class _DroppedColumn:
    """A column that goes with its type; it has no definition of its own."""

    __match_args__ = ("oid", "name", "table", "index")

    def __init__(self, oid: int, name: str, table: Table, index: int):
        self.oid, self.name, self.table, self.index = oid, name, table, index


class _DroppedDefault(_DroppedColumn):
    """A default that goes with its sequence."""


def _forget_default(session: Session, table_oid: int, index: int) -> None:
    from services.sqldb.commands.create_table import put_columns

    table = session.lookup.view.state.get(table_oid)
    column = replace(table.columns[index], sequence_oid=0)
    put_columns(session, table, (*table.columns[:index], column, *table.columns[index + 1 :]))


def _remove(session: Session, definition: Definition) -> None:
    engine, transaction = session.engine, session.expect_transaction()
    match definition:
        case Table(kind=TableKind.TABLE):
            engine.storage.drop_heap(transaction, definition.storage_oid)
        case Sequence():
            engine.storage.drop_sequence(transaction, definition.oid)
        case Index():
            table = session.lookup.view.state.get(definition.table_oid)
            if table is not None:
                heap = engine.storage.heap(table.storage_oid)
                for index in [one for one in heap.indexes if one.oid == definition.oid]:
                    engine.storage.drop_index(transaction, index)
        case Role() if definition.oid == session.role.oid:
            raise SqlError(errors.OBJECT_IN_USE, "current user cannot be dropped")
    session.lookup.view.remove(definition.oid)
