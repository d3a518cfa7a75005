"""SEARCH and CYCLE of WITH RECURSIVE: columns that tell the way on which a row was found.

    WITH RECURSIVE t (id) AS (SELECT 1 UNION ALL SELECT e.to FROM e, t WHERE e.from = t.id)
      SEARCH DEPTH FIRST BY id SET seq                seq    {(1)}, {(1),(2)} …       sorts by depth
      CYCLE id SET is_cycle USING path                path   the same; is_cycle: id is on it already

Both sides of the UNION get these columns on top; the recursive side makes its own from those of the
row that it comes from, which the query itself does not see. Rows whose mark says that they close a
circle find no others. # Real: rewriteSearchAndCycle() in rewriteSearchCycle.c
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.sqldb.binder import expressions
from services.sqldb.binder.conversion import common_type_at, convert_type
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Item, Scope, ScopeColumn
from services.sqldb.errors import (
    DUPLICATE_COLUMN,
    FEATURE_NOT_SUPPORTED,
    SYNTAX_ERROR,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.syntax.deparse import deparse, quote_identifier
from services.sqldb.syntax.parser import parse_expression
from services.sqldb.types import INT8 as _INT8

if TYPE_CHECKING:
    from services.sqldb.binder.with_queries import Cte


@dataclass(frozen=True, slots=True)
class _Extra:
    """A column: its name, and its expression on each side, as SQL over that side's columns."""

    name: str
    first: str
    again: str


def is_asked(node: nodes.CommonTable) -> bool:
    return node.search is not None or node.cycle is not None


def check_form(cte: Cte) -> None:
    """Raises SqlError where the query is not one that these clauses can be about."""
    node = cte.node
    body = getattr(node.statement, "body", None)
    if not cte.is_recursive or not isinstance(body, nodes.SetOperation):
        raise SqlError(SYNTAX_ERROR, "WITH query is not recursive", position=node.position)
    for side, name in ((body.left, "left"), (body.right, "right")):
        if not isinstance(side.body, nodes.Select | nodes.Values):
            message = (
                f"with a SEARCH or CYCLE clause, the {name} side of the UNION must be a SELECT"
            )
            raise SqlError(SYNTAX_ERROR, message)


def check_names(node: nodes.CommonTable, columns: tuple[ScopeColumn, ...]) -> None:
    """Raises SqlError."""
    names = [column.name for column in columns]
    added: list[tuple[str, str]] = []
    if node.search is not None:
        _check_columns("search", node.search.columns, names, node.search.position)
        added.append(("search sequence", node.search.sequence))
    if node.cycle is not None:
        _check_columns("cycle", node.cycle.columns, names, node.cycle.position)
        added.append(("cycle mark", node.cycle.mark))
        added.append(("cycle path", node.cycle.path))
    for index, (what, name) in enumerate(added):
        position = (node.search or node.cycle).position
        if name in names:
            message = f'{what} column name "{name}" already used in WITH query column list'
            raise SqlError(SYNTAX_ERROR, message, position=position)
        for other, taken in added[:index]:
            if name == taken:
                message = f"{other} column name and {what} column name are the same"
                raise SqlError(SYNTAX_ERROR, message, position=position)


def _check_columns(what: str, wanted: tuple[str, ...], names: list[str], position: int) -> None:
    for index, name in enumerate(wanted):
        if name not in names:
            message = f'{what} column "{name}" not in WITH query column list'
            raise SqlError(SYNTAX_ERROR, message, position=position)
        if name in wanted[:index]:
            message = f'{what} column "{name}" specified more than once'
            raise SqlError(DUPLICATE_COLUMN, message, position=position)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(quote_identifier(name) for name in names)


def _before(name: str) -> str:
    """The name under which the row that one comes from has the column."""
    return quote_identifier(f"{name} before")


def _extras(node: nodes.CommonTable) -> list[_Extra]:
    found = []
    search, cycle = node.search, node.cycle
    if search is not None:
        columns, before = _list(search.columns), _before(search.sequence)
        if search.is_breadth_first:
            # How deep it is comes first; the row before has its own depth there.
            depth = _before(f"{search.sequence} depth")
            first, again = f"ROW(0::bigint, {columns})", f"ROW({depth} + 1, {columns})"
        else:
            first = f"ARRAY[ROW({columns})]"
            again = f"{before} || {first}"
        found.append(_Extra(search.sequence, first, again))
    if cycle is not None:
        columns, path = _list(cycle.columns), _before(cycle.path)
        value, default = deparse(cycle.value), deparse(cycle.default)
        again = f"CASE WHEN ROW({columns}) = ANY ({path}) THEN {value} ELSE {default} END"
        found.append(_Extra(cycle.mark, default, again))
        made = f"ARRAY[ROW({columns})]"
        found.append(_Extra(cycle.path, made, f"{path} || {made}"))
    return found


def _bound(scope: Scope, text: str, columns: list[ScopeColumn]) -> ex.Expression:
    inner = Scope(scope.statement)
    inner.add(Item("", columns))
    return expressions.bind(inner, parse_expression(text))


def _with_columns(scope: Scope, bound: BoundQuery, more: list[tuple[str, ex.Expression]]):
    """The query with more columns, in a projection of its own."""
    number = scope.statement.new_relation()
    values = (*(one.expression for one in bound.columns), *(value for _, value in more))
    names = (*(one.name for one in bound.columns), *(name for name, _ in more))
    columns = tuple(
        ScopeColumn(name, ex.Column(value.type, number, index, name, getattr(value, "typmod", -1)))
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    )
    return BoundQuery(plan.Project(bound.plan, number, values, names), columns)


def extend_first(
    scope: Scope, node: nodes.CommonTable, first: BoundQuery, named: tuple[ScopeColumn, ...]
) -> BoundQuery:
    """The side that begins, with its extra columns; `named`: its own under the query's names."""
    columns = list(named)
    more = []
    for extra in _extras(node):
        value = _bound(scope, extra.first, columns)
        if node.cycle is not None and extra.name == node.cycle.mark:
            value = _as_mark(scope, node.cycle, value)
        more.append((extra.name, value))
    return _with_columns(scope, BoundQuery(first.plan, named), more)


def _as_mark(scope: Scope, cycle: nodes.CycleClause, default: ex.Expression) -> ex.Expression:
    """The default as one of the type that it has in common with the value."""
    value = _bound(scope, deparse(cycle.value), [])
    types = [value.type, default.type]
    places = [leftmost(cycle.value), leftmost(cycle.default)]
    common = common_type_at(scope.statement, types, "CYCLE", places)
    return convert_type(scope.statement, default, common)


def extend_again(
    scope: Scope,
    cte: Cte,
    again: BoundQuery,
    first: BoundQuery,
    names: tuple[str, ...],
) -> BoundQuery:
    """The recursive side: its extra columns are made from those of the row that it comes from."""
    node = cte.node
    width = len(names)
    project = again.plan
    if not isinstance(project, plan.Project) or not _is_on_top(project.input, cte.number):
        message = (
            "with a SEARCH or CYCLE clause, the recursive reference to WITH query "
            f'"{node.name}" must be at the top level of its right-hand SELECT'
        )
        raise SqlError(FEATURE_NOT_SUPPORTED, message)
    carried = [
        ex.Column(one.expression.type, cte.work_relation, width + index, one.name)
        for index, one in enumerate(first.columns[width:])
    ]
    input_ = project.input
    if node.cycle is not None:
        place = 1 if node.search is not None else 0
        mark = ScopeColumn("mark", carried[place])
        input_ = plan.Filter(input_, _bound(scope, f"mark <> {deparse(node.cycle.value)}", [mark]))
    widened = replace(
        project,
        input=input_,
        expressions=(*project.expressions, *carried),
        names=(*project.names, *(f"{one.name} before" for one in carried)),
    )
    before = [
        ScopeColumn(f"{one.name} before", replace(one, relation=project.relation,
                    index=len(project.expressions) + index))
        for index, one in enumerate(carried)
    ]  # fmt: skip
    own = [replace(one, name=name) for one, name in zip(again.columns, names, strict=True)]
    visible = [*own, *before]
    if node.search is not None and node.search.is_breadth_first:
        depth = ex.Field(_INT8, before[0].expression, 0, "f1", -1)
        visible.append(ScopeColumn(f"{node.search.sequence} depth before", depth))
    more = [(extra.name, _bound(scope, extra.again, visible)) for extra in _extras(node)]
    return _with_columns(scope, BoundQuery(widened, tuple(own)), more)


def _is_on_top(input_: plan.Plan, number: int) -> bool:
    """Whether the rows of the last round are joined at the level of the query itself."""
    match input_:
        case plan.WorkTableScan():
            return input_.cte == number
        case plan.Filter():
            return _is_on_top(input_.input, number)
        case plan.Join():
            return _is_on_top(input_.left, number) or _is_on_top(input_.right, number)
    return False
