"""Changes of views: INSERT, UPDATE and DELETE on a view become changes of the table below it.

    CREATE VIEW cheap AS SELECT id, price AS cost FROM item WHERE price < 10
    UPDATE cheap SET cost = 5 WHERE id = 1
                                   Update item #1  SET price = 5
                                     Filter #1.price < 10, id = 1
                                       Scan #1 item

That works for a view of one table (or of such a view) without grouping, DISTINCT, LIMIT and the
like. Its columns are expressions over a row of the table; those that are plain columns can be
assigned to. WITH CHECK OPTION adds a condition that each new row must meet.
# Real: view_query_is_auto_updatable(), rewriteTargetView() in rewriteHandler.c
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.sqldb.binder import expressions
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.scope import Item, Scope, ScopeColumn
from services.sqldb.binder.statement import Statement
from services.sqldb.binder.targets import bind_targets
from services.sqldb.binder.trees import find
from services.sqldb.catalog.definitions import Table, TableKind
from services.sqldb.errors import (
    FEATURE_NOT_SUPPORTED,
    OBJECT_NOT_IN_PREREQUISITE_STATE,
    UNDEFINED_COLUMN,
    WITH_CHECK_OPTION_VIOLATION,
    SqlError,
)
from services.sqldb.functions.definition import Function
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.accesses import Access
from services.sqldb.syntax import nodes, parse
from services.sqldb.types import BOOL, SessionContext

_TRIGGERS = {
    "insert into": ("inserting into", "INSERT"),
    "update": ("updating", "UPDATE"),
    "delete from": ("deleting from", "DELETE"),
}


@dataclass(frozen=True, slots=True)
class ViewRows:
    """The rows of a view as rows of the table below, which is the relation of a number."""

    view: Table
    table: Table
    item: Item  # the view's columns, over that relation
    conditions: tuple[ex.Expression, ...]
    checks: tuple[tuple[str, ex.Expression], ...]  # view's name, what its check option demands

    def base_column(self, name: str) -> int | None:
        """The index of the table's column that a column of the view is; None: an expression."""
        for column in self.item.columns:
            if column.name == name:
                expression = column.expression
                return expression.index if isinstance(expression, ex.Column) else None
        raise KeyError(name)


def check_option_of(view: Table) -> str:
    """ "", "local" or "cascaded"."""
    for option in view.options:
        name, _, value = option.partition("=")
        if name == "check_option":
            return value
    return ""


def view_rows(
    statement: Statement, view: Table, number: int, verb: str, access: Access | None = None
) -> ViewRows:
    """The view over the relation of this number. Raises SqlError 55000 if it has no such form."""
    from services.sqldb.binder.tables import find_table, table_item, view_role

    [parsed] = parse(view.definition)
    select = parsed.statement.body
    problem = why_not_updatable(parsed.statement)
    if problem:
        raise _not_updatable(view, verb, problem)
    source = select.from_items[0]
    below = find_table(statement, source.relation)
    before, statement.as_role = statement.as_role, view_role(statement, view)
    below_access = _access_below(statement, access, below)
    if below.kind is TableKind.VIEW:
        inner = view_rows(statement, below, number, verb, below_access)
    elif below.kind is TableKind.TABLE:
        item = table_item(statement, below, number, below_access)
        inner = ViewRows(below, below, item, (), ())
    else:
        raise _not_updatable(view, verb, _NOT_SINGLE)
    scope = Scope(statement)
    named = replace(inner.item, alias=source.alias.name if source.alias else below.name)
    scope.add(named)
    targets = bind_targets(scope, select.targets)
    if any(next(find(one.expression, ex.SetReturningCall), None) for one in targets):
        raise _not_updatable(view, verb, "Views that return set-returning functions are not "
                             "automatically updatable.")  # fmt: skip
    if scope.has_aggregates or scope.has_windows:
        what = "aggregate functions" if scope.has_aggregates else "window functions"
        detail = f"Views that return {what} are not automatically updatable."
        raise _not_updatable(view, verb, detail)
    own: tuple[ex.Expression, ...] = ()
    if select.where is not None:
        with scope.with_clause(Clause.WHERE):
            own = (expressions.bind_condition(scope, select.where, "WHERE"),)
    statement.as_role = before
    names = [column.name for _, column in view.live_columns()]
    columns = [
        ScopeColumn(name, target.expression, view.oid, place, access=access)
        for place, (name, target) in enumerate(zip(names, targets, strict=False), 1)
    ]
    if access is not None:
        access.numbers = {
            one.expression.index: one.attribute
            for one in columns
            if isinstance(one.expression, ex.Column)
        }
    schema = statement.lookup.schema_name(view.schema_oid)
    row_type = statement.lookup.row_type(view)
    made = Item(view.name, columns, number, view, schema, row_type=row_type, access=access)
    return ViewRows(view, inner.table, made, (*inner.conditions, *own), _checks(view, inner, own))


def _access_below(statement: Statement, access: Access | None, table: Table) -> Access | None:
    """What the view's owner must be allowed to do with the table below."""
    if access is None:
        return None
    if access.below is None:
        access.below = statement.access(table, "")
        access.below.view = access
    return access.below


def _checks(
    view: Table, inner: ViewRows, own: tuple[ex.Expression, ...]
) -> tuple[tuple[str, ex.Expression], ...]:
    """The views below first; CASCADED demands their conditions too, under their names."""
    option = check_option_of(view)
    found = list(inner.checks)
    if option == "cascaded":
        known = {id(condition) for _, condition in found}
        found += [(inner.view.name, one) for one in inner.conditions if id(one) not in known]
    if option:
        found += [(view.name, condition) for condition in own]
    return tuple(found)


_NOT_SINGLE = (
    "Views that do not select from a single table or view are not automatically updatable."
)


def why_not_updatable(query: nodes.Query) -> str:
    """Why the query of a view cannot be changed; "" if it can."""
    body = query.body
    if not isinstance(body, nodes.Select):
        if isinstance(body, nodes.SetOperation):
            return ("Views containing UNION, INTERSECT, or EXCEPT are not automatically "
                    "updatable.")  # fmt: skip
        return _NOT_SINGLE
    for is_there, words in (
        (body.distinct is not None, "DISTINCT"),
        (bool(body.group_by), "GROUP BY"),
        (body.having is not None, "HAVING"),
        (query.with_clause is not None, "WITH"),
        (query.limit is not None or query.offset is not None, "LIMIT or OFFSET"),
    ):
        if is_there:
            return f"Views containing {words} are not automatically updatable."
    if len(body.from_items) != 1 or not isinstance(body.from_items[0], nodes.TableReference):
        return _NOT_SINGLE
    return ""


def _not_updatable(view: Table, verb: str, detail: str) -> SqlError:
    doing, event = _TRIGGERS.get(verb, _TRIGGERS["update"])
    return SqlError(
        OBJECT_NOT_IN_PREREQUISITE_STATE,
        f'cannot {verb} view "{view.name}"',
        detail=detail,
        hint=f"To enable {doing} the view, provide an INSTEAD OF {event} trigger or an "
        f"unconditional ON {event} DO INSTEAD rule.",
    )


def base_target(
    rows: ViewRows, target: nodes.AssignmentTarget, verb: str
) -> nodes.AssignmentTarget:
    """What is assigned to, as a column of the table."""
    try:
        index = rows.base_column(target.column)
    except KeyError:
        message = f'column "{target.column}" of relation "{rows.view.name}" does not exist'
        raise SqlError(UNDEFINED_COLUMN, message, position=target.position) from None
    if index is None:
        raise SqlError(
            FEATURE_NOT_SUPPORTED,
            f'cannot {verb} column "{target.column}" of view "{rows.view.name}"',
            detail="View columns that are not columns of their base relation are not updatable.",
        )
    return replace(target, column=rows.table.columns[index].name)


def base_assignments(
    rows: ViewRows, assignments: tuple[nodes.Assignment, ...]
) -> tuple[nodes.Assignment, ...]:
    return tuple(
        replace(one, targets=tuple(base_target(rows, target, "update") for target in one.targets))
        for one in assignments
    )


def insert_targets(
    rows: ViewRows, columns: tuple[nodes.AssignmentTarget, ...], width: int
) -> tuple[nodes.AssignmentTarget, ...]:
    """The columns of the table that an INSERT into the view fills: the first `width` of it."""
    if not columns:
        names = [column.name for column in rows.item.columns][:width]
        columns = tuple(nodes.AssignmentTarget(name) for name in names)
    return tuple(base_target(rows, target, "insert into") for target in columns)


def check_options(statement: Statement, rows: ViewRows) -> tuple[tuple[str, ex.Expression], ...]:
    """What WITH CHECK OPTION demands of a new row, as conditions that raise by themselves."""
    from services.sqldb.binder.tables import table_item

    new_row = table_item(statement, rows.table, rows.item.relation)
    values = tuple(column.expression for column in new_row.columns)
    return tuple((name, _demanded(name, condition, values)) for name, condition in rows.checks)


def _demanded(
    view: str, condition: ex.Expression, values: tuple[ex.Expression, ...]
) -> ex.Expression:
    types = tuple(value.type for value in values)

    def demand(context: SessionContext, holds: bool | None, *row: object) -> bool:
        if holds is not True:
            texts = (
                "null" if value is None else type_.format(value, context)
                for type_, value in zip(types, row, strict=True)
            )
            raise SqlError(
                WITH_CHECK_OPTION_VIOLATION,
                f'new row violates check option for view "{view}"',
                detail=f"Failing row contains ({', '.join(texts)}).",
            )
        return True

    # Volatile: it is more than its value.
    function = Function(
        "",
        (BOOL, *types),
        BOOL,
        demand,
        is_strict=False,
        volatility="v",
        needs_context=True,
    )
    return ex.Call(BOOL, function, (condition, *values))
