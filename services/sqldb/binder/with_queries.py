"""WITH: named queries before a statement, each computed once, some of them recursive.

    WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t

    With
      CteDefinition 1 t
        RecursiveUnion
          Values (1)                       first: its types are those of t
          Project n + 1                    again: over the rows of the round before
            Filter n < 5
              WorkTableScan 1
      CteScan 1

A query of WITH RECURSIVE may name any other of the list, also a later one, so they are bound when
they are first named; a name that comes up while it is being bound is a recursive reference.
# Real: parse_cte.c
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.sqldb.binder import queries, set_operations
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Item, Scope, ScopeColumn
from services.sqldb.binder.search_cycle import (
    check_form,
    check_names,
    extend_again,
    extend_first,
    is_asked,
)
from services.sqldb.binder.trees import field_names
from services.sqldb.errors import (
    DATATYPE_MISMATCH,
    DUPLICATE_ALIAS,
    FEATURE_NOT_SUPPORTED,
    INVALID_COLUMN_REFERENCE,
    INVALID_RECURSION,
    SYNTAX_ERROR,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.types import SqlType, format_type


@dataclass(slots=True)
class Cte:
    """A query of WITH on its way: not yet bound, being bound, bound."""

    node: nodes.CommonTable
    scope: Scope  # Where its own names are looked up
    number: int
    is_recursive: bool
    columns: tuple[ScopeColumn, ...] | None = None
    plan: plan.Plan | None = None
    references: int = 0
    # While it is being bound: "first" (before UNION), "again" (behind), or "" when it is not.
    phase: str = ""
    recursive_references: int = 0
    reference_position: int = -1
    work_columns: tuple[ScopeColumn, ...] = ()
    # Of SEARCH and CYCLE: the columns behind them, which the query does not see.
    hidden_columns: tuple[ScopeColumn, ...] = ()
    work_relation: int = 0
    is_change: bool = False


@dataclass(slots=True)
class Definitions:
    """The WITH clause of one query."""

    scope: Scope
    ctes: list[Cte] = field(default_factory=list)

    def bind(self, clause: nodes.With) -> None:
        names: set[str] = set()
        for table in clause.tables:
            if table.name in names:
                message = f'WITH query name "{table.name}" specified more than once'
                raise SqlError(DUPLICATE_ALIAS, message, position=table.position)
            names.add(table.name)
        made = [
            Cte(table, self.scope, self.scope.statement.new_cte(), clause.is_recursive)
            for table in clause.tables
        ]
        if clause.is_recursive:
            self.scope.ctes.update((cte.node.name, cte) for cte in made)
        else:
            self.scope.later_ctes = names
        for cte in made:
            bind_cte(cte)
            self.scope.ctes[cte.node.name] = cte
            self.scope.later_ctes.discard(cte.node.name)
        self.ctes.extend(made)

    def around(self, input_: plan.Plan) -> plan.Plan:
        """The plan with the definitions that it reads."""
        definitions = tuple(
            plan.CteDefinition(
                cte.number,
                cte.node.name,
                cte.plan,
                tuple(column.expression for column in cte.columns),
                cte.node.is_materialized,
                cte.references,
            )
            for cte in self._in_order()
        )
        return plan.With(definitions, input_)

    def _in_order(self) -> list[Cte]:
        """Each after those that it names, which WITH RECURSIVE may have put behind it."""
        placed: list[Cte] = []
        waiting = list(self.ctes)
        while waiting:
            numbers = {cte.number for cte in waiting}
            ready = next(
                (cte for cte in waiting if not _scanned(cte.plan) & numbers - {cte.number}),
                waiting[0],
            )
            waiting.remove(ready)
            placed.append(ready)
        return placed


def _scanned(value: object) -> set[int]:
    """The numbers of the WITH queries that a plan reads."""
    found: set[int] = set()
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, plan.CteScan):
            found.add(one.cte)
        elif isinstance(one, tuple):
            stack.extend(one)
        elif isinstance(one, plan.Plan | ex.Expression):
            stack.extend(getattr(one, name) for name in one.__dataclass_fields__)
    return found


def bind_cte(cte: Cte) -> None:
    """Binds the query, unless that has been done."""
    if cte.columns is not None or cte.phase:
        return
    node = cte.node
    if not isinstance(node.statement, nodes.Query):
        _bind_change(cte)
        return
    child = cte.scope.child()
    # A query of WITH does not see the FROM of the query that it belongs to.
    child.skips_parent = True
    cte.phase = "first"
    child.statement.open_ctes.append(cte)
    body = node.statement.body
    if is_asked(node):
        check_form(cte)
    is_union = isinstance(body, nodes.SetOperation) and body.operator is nodes.SetOperator.UNION
    if cte.is_recursive and is_union:
        bound = _bind_union(cte, child, node.statement, body)
    else:
        bound = queries.bind_query(child, node.statement)
    cte.phase = ""
    child.statement.open_ctes.pop()
    cte.plan = bound.plan
    cte.columns = named_columns(node, bound.columns)


def named_columns(
    node: nodes.CommonTable, columns: tuple[ScopeColumn, ...]
) -> tuple[ScopeColumn, ...]:
    if len(node.columns) > len(columns):
        message = (
            f'WITH query "{node.name}" has {len(columns)} columns available but '
            f"{len(node.columns)} columns specified"
        )
        raise SqlError(INVALID_COLUMN_REFERENCE, message, position=node.position)
    names = node.columns + tuple(column.name for column in columns[len(node.columns) :])
    return tuple(replace(column, name=name) for column, name in zip(columns, names, strict=True))


# Recursion.


def _bind_union(cte: Cte, scope: Scope, query: nodes.Query, body: nodes.SetOperation) -> BoundQuery:
    """A UNION in WITH RECURSIVE, which is recursive if its right side names the query itself."""
    inner_with = Definitions(scope)
    if query.with_clause is not None:
        inner_with.bind(query.with_clause)
    first = set_operations.bind_side(scope, body.left)
    first = queries.convert_columns(
        scope.statement, first, [_known(column.expression.type) for column in first.columns]
    )
    cte.phase = "again"
    cte.work_columns = named_columns(cte.node, first.columns)
    if is_asked(cte.node):
        check_names(cte.node, cte.work_columns)
        first = extend_first(scope, cte.node, first, cte.work_columns)
        cte.hidden_columns = first.columns[len(cte.work_columns) :]
    again = set_operations.bind_side(scope, body.right)
    if is_asked(cte.node) and cte.recursive_references:
        _check_width(body, len(cte.work_columns), again)
        names = tuple(column.name for column in cte.work_columns)
        again = extend_again(scope, cte, again, first, names)
    if not cte.recursive_references:
        bound = set_operations.combine(scope, body, first, again)
        bound = queries.with_order_and_limit(scope, query, bound, "UNION")
    else:
        _check_recursive_query(cte, query)
        _check_recursive_plan(cte, again.plan, "")
        bound = _recursive_union(cte, scope, body, first, again)
    if query.with_clause is not None:
        return BoundQuery(inner_with.around(bound.plan), bound.columns)
    return bound


def _known(type_: SqlType) -> SqlType:
    from services.sqldb.types import TEXT, UNKNOWN

    return TEXT if type_.oid == UNKNOWN.oid else type_


def _check_recursive_query(cte: Cte, query: nodes.Query) -> None:
    for is_there, what, node in (
        (query.order_by, "ORDER BY", query.order_by[0].expression if query.order_by else None),
        (query.offset, "OFFSET", query.offset),
        (query.limit, "LIMIT", query.limit),
    ):
        if is_there:
            message = f"{what} in a recursive query is not implemented"
            position = getattr(node, "position", -1)
            raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    if query.locking:
        message = "FOR UPDATE/SHARE in a recursive query is not implemented"
        raise SqlError(FEATURE_NOT_SUPPORTED, message)


def _check_recursive_plan(cte: Cte, value: object, place: str) -> None:
    """The reference to itself may not stand where a round would have to know all rows."""
    match value:
        case plan.WorkTableScan() if value.cte == cte.number and place:
            name = cte.node.name
            message = f'recursive reference to query "{name}" must not appear within {place}'
            raise SqlError(INVALID_RECURSION, message, position=cte.reference_position)
        case plan.Aggregate() if not place and _reads_work_table(cte, value.input):
            message = "aggregate functions are not allowed in a recursive query's recursive term"
            raise SqlError(INVALID_RECURSION, message)
        case plan.Join():
            outer = place or "an outer join"
            is_right_nullable = value.kind in (plan.JoinKind.LEFT, plan.JoinKind.FULL)
            is_left_nullable = value.kind in (plan.JoinKind.RIGHT, plan.JoinKind.FULL)
            _check_recursive_plan(cte, value.left, outer if is_left_nullable else place)
            _check_recursive_plan(cte, value.right, outer if is_right_nullable else place)
            _check_recursive_plan(cte, value.condition, place)
        case ex.Subquery():
            _check_recursive_plan(cte, value.plan, place or "a subquery")
            _check_recursive_plan(cte, value.left, place)
        case tuple():
            for item in value:
                _check_recursive_plan(cte, item, place)
        case plan.Plan() | ex.Expression() | ex.SortKey():
            for name in field_names(type(value)):
                _check_recursive_plan(cte, getattr(value, name), place)


def _reads_work_table(cte: Cte, input_: plan.Plan) -> bool:
    """Whether the rows of the last round are what is aggregated, at the same query level."""
    match input_:
        case plan.WorkTableScan():
            return input_.cte == cte.number
        case plan.Filter():
            return _reads_work_table(cte, input_.input)
        case plan.Join():
            return _reads_work_table(cte, input_.left) or _reads_work_table(cte, input_.right)
    return False


def _check_width(body: nodes.SetOperation, width: int, again: BoundQuery) -> None:
    if width != len(again.columns):
        message = "each UNION query must have the same number of columns"
        place = set_operations.column_position(body.right, 0)
        raise SqlError(SYNTAX_ERROR, message, position=place)


def _recursive_union(
    cte: Cte, scope: Scope, body: nodes.SetOperation, first: BoundQuery, again: BoundQuery
) -> BoundQuery:
    _check_width(body, len(first.columns), again)
    for number, (mine, other) in enumerate(zip(first.columns, again.columns, strict=True), 1):
        _check_type(cte, body, number, mine.expression, other.expression, scope)
    types = [column.expression.type for column in first.columns]
    first_plan, first_columns = set_operations.as_types(scope.statement, first, types)
    again_plan, again_columns = set_operations.as_types(scope.statement, again, types)
    number = scope.statement.new_relation()
    names = tuple(column.name for column in first.columns)
    made = plan.RecursiveUnion(
        cte.number,
        number,
        body.is_all,
        first_plan,
        again_plan,
        first_columns,
        again_columns,
        names,
    )
    columns = tuple(
        ScopeColumn(name, replace(column, relation=number, index=index))
        for index, (name, column) in enumerate(zip(names, first_columns, strict=True))
    )
    return BoundQuery(made, columns)


def _check_type(
    cte: Cte,
    body: nodes.SetOperation,
    number: int,
    first: ex.Expression,
    again: ex.Expression,
    scope: Scope,
) -> None:
    """The recursive side may not change the types that the first side has given."""
    places = [
        set_operations.column_position(body.left, number - 1),
        set_operations.column_position(body.right, number - 1),
    ]
    overall = set_operations.common_type_at(
        scope.statement, [first.type, again.type], "UNION", places
    )
    if overall.oid != first.type.oid:
        shown = format_type(first.type, getattr(first, "typmod", -1))
        raise SqlError(
            DATATYPE_MISMATCH,
            f'recursive query "{cte.node.name}" column {number} has type {shown} in '
            f"non-recursive term but type {format_type(overall)} overall",
            hint="Cast the output of the non-recursive term to the correct type.",
            position=places[0],
        )


# References.


def bind_reference(scope: Scope, cte: Cte, node: nodes.TableReference) -> tuple[plan.Plan, Item]:
    """A WITH query in FROM: what it has computed, or, inside of itself, the last round."""
    if cte.phase:
        made, columns = _recursive_reference(scope, cte, node)
    else:
        bind_cte(cte)
        cte.references += 1
        made, columns = _cte_scan(scope, cte, node)
    alias = node.alias.name if node.alias is not None else cte.node.name
    from services.sqldb.binder.from_items import rename_columns

    item = Item(alias, rename_columns(columns, node.alias), made.relation)
    if node.alias is not None:
        item.hidden_name = cte.node.name
    scope.relations.add(made.relation)
    return made, item


def _cte_scan(
    scope: Scope, cte: Cte, node: nodes.TableReference
) -> tuple[plan.Plan, list[ScopeColumn]]:
    if cte.is_change and not cte.columns:
        message = f'WITH query "{cte.node.name}" does not have a RETURNING clause'
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=node.position)
    number = scope.statement.new_relation()
    alias = node.alias.name if node.alias is not None else cte.node.name
    types = tuple(column.expression.type for column in cte.columns)
    names = tuple(column.name for column in cte.columns)
    made = plan.CteScan(number, cte.number, types, names, alias)
    return made, _columns_over(cte.columns, number)


def _columns_over(columns: tuple[ScopeColumn, ...], number: int) -> list[ScopeColumn]:
    return [
        replace(
            column,
            expression=ex.Column(
                column.expression.type,
                number,
                index,
                column.name,
                getattr(column.expression, "typmod", -1),
            ),
        )
        for index, column in enumerate(columns)
    ]


def _recursive_reference(
    scope: Scope, cte: Cte, node: nodes.TableReference
) -> tuple[plan.Plan, list[ScopeColumn]]:
    name, message = cte.node.name, ""
    if not isinstance(cte.node.statement, nodes.Query):
        message = f'recursive query "{name}" must not contain data-modifying statements'
        raise SqlError(INVALID_RECURSION, message, position=cte.node.position)
    if scope.statement.open_ctes[-1] is not cte:
        message = "mutual recursion between WITH items is not implemented"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=cte.node.position)
    body = cte.node.statement.body
    if not isinstance(body, nodes.SetOperation) or body.operator is not nodes.SetOperator.UNION:
        message = (
            f'recursive query "{name}" does not have the form non-recursive-term UNION [ALL] '
            "recursive-term"
        )
        position = cte.node.position
        raise SqlError(INVALID_RECURSION, message, position=position)
    if cte.phase == "first":
        message = (
            f'recursive reference to query "{name}" must not appear within its non-recursive term'
        )
    elif cte.recursive_references:
        message = f'recursive reference to query "{name}" must not appear more than once'
    if message:
        raise SqlError(INVALID_RECURSION, message, position=node.position)
    cte.recursive_references += 1
    cte.reference_position = node.position
    number = cte.work_relation = scope.statement.new_relation()
    every = (*cte.work_columns, *cte.hidden_columns)
    types = tuple(column.expression.type for column in every)
    names = tuple(column.name for column in every)
    made = plan.WorkTableScan(number, cte.number, types, names)
    return made, _columns_over(cte.work_columns, number)


# Statements that change data.


def _bind_change(cte: Cte) -> None:
    from services.sqldb.binder.changes import bind_change

    if cte.scope.parent is not None:
        message = "WITH clause containing a data-modifying statement must be at the top level"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=cte.node.position)
    if isinstance(cte.node.statement, nodes.Merge):
        message = "MERGE not supported in WITH query"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=cte.node.position)
    child = cte.scope.child()
    child.skips_parent = True
    cte.phase = "first"
    bound = bind_change(child, cte.node.statement)
    cte.phase = ""
    cte.is_change = True
    cte.plan = bound.plan
    cte.columns = named_columns(cte.node, bound.columns)
