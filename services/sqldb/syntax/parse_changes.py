"""The grammar of INSERT, UPDATE, DELETE, MERGE and TRUNCATE."""

from services.sqldb.errors import not_supported
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_functions as functions
from services.sqldb.syntax import parse_primaries as primaries
from services.sqldb.syntax import parse_queries as queries
from services.sqldb.syntax import parse_windows as windows
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES
from services.sqldb.syntax.nodes import (
    Alias,
    Assignment,
    AssignmentTarget,
    CurrentOf,
    Delete,
    Expression,
    FieldStep,
    InferenceItem,
    Insert,
    Merge,
    MergeAction,
    MergeWhen,
    OnConflict,
    Overriding,
    Query,
    SubscriptStep,
    TableReference,
    Target,
    Truncate,
    Update,
    With,
)


def preparable_statement(cursor: Cursor) -> Query | Insert | Update | Delete | Merge:
    """A query or a statement that changes rows, with its WITH. # Real: PreparableStmt"""
    if cursor.kind != "with":
        rule = CHANGES.get(cursor.kind, queries.query)
        return rule(cursor)
    position = cursor.position
    with_clause = queries.with_queries(cursor)
    rule = CHANGES.get(cursor.kind)
    if rule is not None:
        return rule(cursor, with_clause)
    return queries.query_after_with(cursor, with_clause, position)


def insert(cursor: Cursor, with_clause: With | None = None) -> Insert:
    position = cursor.position
    cursor.expect("insert", "into")
    relation = from_clause.relation_name(cursor)
    alias = None
    if cursor.accept("as"):
        place = cursor.position
        alias = Alias(cursor.column_name(), (), place)
    columns: tuple[AssignmentTarget, ...] = ()
    source: Query | None = None
    overriding = Overriding.NONE
    if not cursor.accept_phrase("default", "values"):
        columns, overriding = _insert_columns(cursor)
        source = queries.query(cursor)
    on_conflict = _on_conflict(cursor) if cursor.kind == "on" else None
    return Insert(
        relation,
        alias,
        columns,
        source,
        overriding,
        on_conflict,
        returning(cursor),
        with_clause,
        position,
    )


def _insert_columns(cursor: Cursor) -> tuple[tuple[AssignmentTarget, ...], Overriding]:
    columns: tuple[AssignmentTarget, ...] = ()
    if cursor.kind == "(" and cursor.peek() not in ("select", "values", "with", "table", "("):
        columns = cursor.in_parentheses(_assignment_target)
    overriding = _overriding(cursor)
    return columns, overriding


def _overriding(cursor: Cursor) -> Overriding:
    if not cursor.accept("overriding"):
        return Overriding.NONE
    kind = cursor.expect_one_of(("user", "system"))
    cursor.expect("value")
    return Overriding.USER if kind == "user" else Overriding.SYSTEM


def _assignment_target(cursor: Cursor) -> AssignmentTarget:
    """a, a.field or a[1]. # Real: set_target, insert_column_item"""
    position = cursor.position
    column = cursor.column_name()
    steps: list[FieldStep | SubscriptStep] = []
    while cursor.kind in (".", "["):
        place = cursor.position
        if cursor.take() == ".":
            steps.append(FieldStep(cursor.label(), place))
        else:
            lower, upper, is_slice = primaries.subscript_bounds(cursor)
            steps.append(SubscriptStep(lower, upper, is_slice, place))
    return AssignmentTarget(column, tuple(steps), position)


def _on_conflict(cursor: Cursor) -> OnConflict:
    position = cursor.position
    cursor.expect("on", "conflict")
    items: tuple[InferenceItem, ...] = ()
    index_where: Expression | None = None
    constraint: str | None = None
    if cursor.kind == "(":
        items = cursor.in_parentheses(index_item)
        index_where = queries.where_clause(cursor)
    elif cursor.accept("on"):
        cursor.expect("constraint")
        constraint = cursor.column_name()
    cursor.expect("do")
    if cursor.accept("nothing"):
        return OnConflict(False, items, index_where, constraint, position=position)
    cursor.expect("update", "set")
    assignments = cursor.list_of(_assignment)
    where = queries.where_clause(cursor)
    return OnConflict(True, items, index_where, constraint, assignments, where, position)


def index_item(cursor: Cursor) -> InferenceItem:
    """A column, function call or (expression) with COLLATE, operator class and direction.

    # Real: index_elem
    """
    position = cursor.position
    if cursor.accept("("):
        expression = expressions.expression(cursor)
        cursor.expect(")")
    elif cursor.kind in COLUMN_NAMES and cursor.peek() not in ("(", "."):
        expression = primaries.column(cursor)
    else:
        expression = functions.windowless(cursor)
    collation = cursor.any_name() if cursor.accept("collate") else ()
    operator_class: tuple[str, ...] = ()
    if cursor.kind in COLUMN_NAMES and not _is_nulls_order(cursor):
        operator_class = cursor.any_name()
        if cursor.kind == "(":
            raise not_supported("an operator class with parameters", cursor.position)
    return InferenceItem(
        expression,
        collation,
        operator_class,
        windows.sort_direction(cursor),
        windows.nulls_order(cursor),
        position,
    )


def _is_nulls_order(cursor: Cursor) -> bool:
    return cursor.kind == "nulls" and cursor.peek() in ("first", "last")


def returning(cursor: Cursor) -> tuple[Target, ...]:
    return cursor.list_of(queries.target) if cursor.accept("returning") else ()


def update(cursor: Cursor, with_clause: With | None = None) -> Update:
    position = cursor.position
    cursor.expect("update")
    table = from_clause.target_table(cursor)
    cursor.expect("set")
    assignments = cursor.list_of(_assignment)
    from_items = from_clause.from_list(cursor) if cursor.accept("from") else ()
    where = _where_or_current(cursor)
    return Update(table, assignments, from_items, where, returning(cursor), with_clause, position)


def _assignment(cursor: Cursor) -> Assignment:
    """a = x, or (a, b) = row or query. # Real: set_clause"""
    position = cursor.position
    if cursor.kind == "(":
        targets = cursor.in_parentheses(_assignment_target)
        cursor.expect("=")
        return Assignment(targets, expressions.expression(cursor), True, position)
    target = _assignment_target(cursor)
    cursor.expect("=")
    return Assignment((target,), expressions.expression(cursor), False, position)


def _where_or_current(cursor: Cursor) -> Expression | None:
    if not cursor.accept("where"):
        return None
    if cursor.kind == "current" and cursor.peek() == "of":
        position = cursor.position
        cursor.expect("current", "of")
        return CurrentOf(cursor.column_name(), position)
    return expressions.expression(cursor)


def delete(cursor: Cursor, with_clause: With | None = None) -> Delete:
    position = cursor.position
    cursor.expect("delete", "from")
    table = from_clause.target_table(cursor)
    using = from_clause.from_list(cursor) if cursor.accept("using") else ()
    where = _where_or_current(cursor)
    return Delete(table, using, where, returning(cursor), with_clause, position)


def merge(cursor: Cursor, with_clause: With | None = None) -> Merge:
    position = cursor.position
    cursor.expect("merge", "into")
    table = from_clause.target_table(cursor)
    cursor.expect("using")
    source = from_clause.from_item(cursor)
    cursor.expect("on")
    condition = expressions.expression(cursor)
    whens = [_merge_when(cursor)]
    while cursor.kind == "when":
        whens.append(_merge_when(cursor))
    return Merge(table, source, condition, tuple(whens), with_clause, position)


def _merge_when(cursor: Cursor) -> MergeWhen:
    position = cursor.position
    cursor.expect("when")
    is_matched = not cursor.accept("not")
    cursor.expect("matched")
    condition = expressions.expression(cursor) if cursor.accept("and") else None
    cursor.expect("then")
    if cursor.accept("do"):
        cursor.expect("nothing")
        return MergeWhen(is_matched, condition, MergeAction.DO_NOTHING, position=position)
    if not is_matched:
        return _merge_insert(cursor, condition, position)
    if cursor.accept("delete"):
        return MergeWhen(True, condition, MergeAction.DELETE, position=position)
    cursor.expect("update", "set")
    assignments = cursor.list_of(_assignment)
    return MergeWhen(True, condition, MergeAction.UPDATE, assignments, position=position)


def _merge_insert(cursor: Cursor, condition: Expression | None, position: int) -> MergeWhen:
    cursor.expect("insert")
    values: tuple[Expression, ...] | None = None
    columns: tuple[AssignmentTarget, ...] = ()
    overriding = Overriding.NONE
    if not cursor.accept_phrase("default", "values"):
        if cursor.kind == "(":
            columns = cursor.in_parentheses(_assignment_target)
        overriding = _overriding(cursor)
        cursor.expect("values")
        values = cursor.in_parentheses(expressions.expression)
    return MergeWhen(
        False, condition, MergeAction.INSERT, (), columns, values, overriding, position
    )


def truncate(cursor: Cursor) -> Truncate:
    position = cursor.position
    cursor.expect("truncate")
    cursor.accept("table")
    relations = cursor.list_of(_only_table)
    restart_identity = False
    if cursor.kind in ("restart", "continue"):
        restart_identity = cursor.take() == "restart"
        cursor.expect("identity")
    return Truncate(relations, restart_identity, drop_behavior(cursor), position)


def _only_table(cursor: Cursor) -> TableReference:
    position = cursor.position
    relation, _, is_only = from_clause.relation_expression(cursor)
    return TableReference(relation, None, is_only, position)


def drop_behavior(cursor: Cursor) -> bool:
    """CASCADE or RESTRICT, if one of them is there; whether it is CASCADE."""
    if cursor.accept("cascade"):
        return True
    cursor.accept("restrict")
    return False


CHANGES = {"insert": insert, "update": update, "delete": delete, "merge": merge}
