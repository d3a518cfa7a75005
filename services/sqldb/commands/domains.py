"""CREATE DOMAIN and ALTER DOMAIN, and the checks that values of a domain must pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from services.sqldb import errors
from services.sqldb.binder.clauses import Clause
from services.sqldb.catalog.definitions import Column, DomainCheck, DomainType, Schema, Table
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.commands.default_privileges import give_defaults
from services.sqldb.commands.row_expressions import (
    bind_over_row,
    compile_row,
    expression_text,
    parsed_expression,
)
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.syntax import nodes
from services.sqldb.types import BOOL, SqlType, format_type

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

_VALUE = "value"


def create_domain(session: Session, node: nodes.CreateDomain) -> Result:
    lookup = session.lookup
    *schema_name, name = node.name
    schema = lookup.creation_schema(schema_name[0] if schema_name else None, node.position)
    if lookup.view.state.find("type", schema.oid, name) is not None:
        raise SqlError(errors.DUPLICATE_OBJECT, f'type "{name}" already exists')
    base, typmod = resolve_type(lookup, replace(node.type_name, position=-1))
    if base.is_pseudo:
        message = f'"{format_type(base)}" is not a valid base type for a domain'
        raise SqlError(errors.DATATYPE_MISMATCH, message)
    domain = DomainType(
        lookup.view.new_oid(), lookup.view.new_oid(), schema.oid, name, base.oid, typmod,
        owner=session.role.oid,
    )  # fmt: skip
    said: dict[str, bool] = {}
    for constraint in node.constraints:
        domain = _with_constraint(session, domain, base, constraint, said)
    lookup.view.put(domain)
    give_defaults(session, domain)
    return Result("CREATE DOMAIN")


def _with_constraint(
    session: Session,
    domain: DomainType,
    base: SqlType,
    constraint: nodes.ColumnConstraint,
    said: dict[str, bool],
) -> DomainType:
    match constraint:
        case nodes.NotNull() | nodes.Nullable():
            is_not_null = isinstance(constraint, nodes.NotNull)
            if said.setdefault("null", is_not_null) != is_not_null:
                raise SqlError(errors.SYNTAX_ERROR, "conflicting NULL/NOT NULL constraints")
            return replace(domain, is_not_null=is_not_null)
        case nodes.DefaultValue():
            if said.setdefault("default", False):
                raise SqlError(errors.SYNTAX_ERROR, "multiple default expressions")
            said["default"] = True
            return replace(domain, default=_default_text(session, domain, constraint.expression))
        case nodes.Check():
            return _with_check(session, domain, base, constraint)
    kind = _KINDS.get(type(constraint), "unique")
    if kind == "generated":
        raise errors.not_supported("specifying GENERATED for domains", constraint.position)
    message = f"{kind} constraints not possible for domains"
    raise SqlError(errors.SYNTAX_ERROR, message)


_KINDS = {
    nodes.ForeignKey: "foreign key",
    nodes.Identity: "generated",
    nodes.GeneratedStored: "generated",
}


def _default_text(session: Session, domain: DomainType, node: nodes.Expression) -> str | None:
    from services.sqldb.binder.binder import new_statement
    from services.sqldb.binder.definitions import bind_default

    if isinstance(node, nodes.Literal) and node.kind is nodes.LiteralKind.NULL:
        return None
    base = session.lookup.types.by_oid(domain.base_oid)
    statement = new_statement(session, session.lookup)
    bind_default(statement, node, domain.name, base, domain.typmod)
    return expression_text(session, node)


def _with_check(
    session: Session, domain: DomainType, base: SqlType, node: nodes.Check
) -> DomainType:
    taken = {one.name for one in domain.checks}
    name, number = node.name or f"{domain.name}_check", 0
    if node.name in taken:
        message = f'constraint "{name}" for domain "{domain.name}" already exists'
        raise SqlError(errors.DUPLICATE_OBJECT, message)
    while name in taken:
        number += 1
        name = f"{domain.name}_check{number}"
    table = _value_table(domain)
    bind_over_row(session, session.lookup, table, node.expression, Clause.CHECK, BOOL)
    check = DomainCheck(
        name, expression_text(session, node.expression), not node.traits.is_not_valid
    )
    return replace(domain, checks=(*domain.checks, check))


def _value_table(domain: DomainType) -> Table:
    """The word VALUE in a check is the only column of a row."""
    return Table(0, 0, "", (Column(_VALUE, domain.base_oid, domain.typmod),))


# The checks of values.


def domain_check(chain: list[DomainType], schema: str) -> Any:
    """The check of a domain's values: its conditions, after those of the domains below it.

    `chain` begins with the domain itself; conditions are compiled when first used.
    """
    domain = chain[0]
    is_not_null = any(one.is_not_null for one in chain)
    has_checks = any(one.checks for one in chain)
    compiled: list[tuple[str, Any]] = []

    def failed(sqlstate: str, message: str, constraint: str = "") -> SqlError:
        return SqlError(
            sqlstate, message, schema=schema, datatype=domain.name, constraint=constraint
        )

    def check(session: Session, value: Any) -> Any:
        if value is None and is_not_null:
            message = f"domain {domain.name} does not allow null values"
            raise failed(errors.NOT_NULL_VIOLATION, message)
        if has_checks and not compiled:
            for one in reversed(chain):
                compiled.extend(_conditions(session, one))
        for name, holds in compiled:
            if holds((value,))[0] is False:
                message = f'value for domain {domain.name} violates check constraint "{name}"'
                raise failed(errors.CHECK_VIOLATION, message, name)
        return value

    return check


def _conditions(session: Session, domain: DomainType) -> Iterator[tuple[str, Any]]:
    table = _value_table(domain)
    for one in sorted(domain.checks, key=lambda check: check.name):
        node = parsed_expression(one.expression)
        bound = bind_over_row(session, session.lookup, table, node, Clause.CHECK, BOOL)
        yield one.name, compile_row(session, [bound])


# ALTER DOMAIN.


def expect_domain(session: Session, names: tuple[str, ...]) -> DomainType:
    *schema, name = names
    found = session.lookup.type(schema[0] if schema else None, name)
    if found is None:
        raise SqlError(errors.UNDEFINED_OBJECT, f'type "{".".join(names)}" does not exist')
    definition = session.lookup.view.state.get(found.oid)
    if not isinstance(definition, DomainType):
        raise SqlError(errors.WRONG_OBJECT_TYPE, f"{format_type(found)} is not a domain")
    return definition


def alter_domain(session: Session, node: nodes.AlterDomain) -> Result:
    domain = expect_domain(session, node.name)
    changed = domain
    match node.action:
        case nodes.SetColumnDefault(expression=None):
            changed = replace(domain, default=None)
        case nodes.SetColumnDefault(expression=expression):
            changed = replace(domain, default=_default_text(session, domain, expression))
        case nodes.SetColumnNotNull(is_not_null=is_not_null):
            changed = replace(domain, is_not_null=is_not_null)
            if is_not_null and not domain.is_not_null:
                _check_no_nulls(session, domain)
        case nodes.AddConstraint(constraint=nodes.Check() as check):
            base = session.lookup.types.by_oid(domain.base_oid)
            changed = _with_check(session, domain, base, check)
            if not check.traits.is_not_valid:
                _check_rows(session, domain, changed.checks[-1])
        case nodes.DropConstraint():
            changed = _without_check(session, domain, node.action)
        case nodes.ValidateConstraint(constraint=name):
            changed = _validated(session, domain, name)
        case _:
            raise errors.not_supported("this form of ALTER DOMAIN", node.position)
    session.lookup.view.put(changed)
    return Result("ALTER DOMAIN")


def _missing_constraint(domain: DomainType, name: str) -> str:
    return f'constraint "{name}" of domain "{domain.name}" does not exist'


def _without_check(session: Session, domain: DomainType, node: nodes.DropConstraint) -> DomainType:
    kept = tuple(one for one in domain.checks if one.name != node.constraint)
    if len(kept) == len(domain.checks):
        message = _missing_constraint(domain, node.constraint)
        if not node.if_exists:
            raise SqlError(errors.UNDEFINED_OBJECT, message)
        session.notice(f"{message}, skipping")
    return replace(domain, checks=kept)


def _validated(session: Session, domain: DomainType, name: str) -> DomainType:
    for one in domain.checks:
        if one.name == name:
            if not one.is_validated:
                _check_rows(session, domain, one)
            done = replace(one, is_validated=True)
            checks = tuple(done if other is one else other for other in domain.checks)
            return replace(domain, checks=checks)
    raise SqlError(errors.UNDEFINED_OBJECT, _missing_constraint(domain, name))


def _columns_of(session: Session, domain: DomainType) -> Iterator[tuple[Table, int]]:
    for table in session.lookup.view.state.all(Table):
        if table.storage_oid:
            for index, column in table.live_columns():
                if column.type_oid == domain.oid:
                    yield table, index


def _values(session: Session, table: Table, index: int) -> Iterator[Any]:
    from services.sqldb.commands.row_checks import rows_of

    return (version.values[index] for version in rows_of(session, table))


def _check_no_nulls(session: Session, domain: DomainType) -> None:
    for table, index in _columns_of(session, domain):
        if any(value is None for value in _values(session, table, index)):
            raise _bad_column(session, table, index, "contains null values",
                              errors.NOT_NULL_VIOLATION)  # fmt: skip


def _check_rows(session: Session, domain: DomainType, check: DomainCheck) -> None:
    ((_, holds),) = _conditions(session, replace(domain, checks=(check,)))
    for table, index in _columns_of(session, domain):
        for value in _values(session, table, index):
            if holds((value,))[0] is False:
                raise _bad_column(
                    session, table, index, "contains values that violate the new constraint",
                    errors.CHECK_VIOLATION,
                )  # fmt: skip


def _bad_column(
    session: Session, table: Table, index: int, problem: str, sqlstate: str
) -> SqlError:
    schema = session.lookup.view.state.get(table.schema_oid)
    name = table.columns[index].name
    return SqlError(
        sqlstate,
        f'column "{name}" of table "{table.name}" {problem}',
        schema=schema.name if isinstance(schema, Schema) else "",
        table=table.name,
        column=name,
    )


def rename_check(session: Session, names: tuple[str, ...], old: str, new: str) -> None:
    domain = expect_domain(session, names)
    if all(one.name != old for one in domain.checks):
        raise SqlError(errors.UNDEFINED_OBJECT, _missing_constraint(domain, old))
    checks = tuple(replace(one, name=new) if one.name == old else one for one in domain.checks)
    session.lookup.view.put(replace(domain, checks=checks))
