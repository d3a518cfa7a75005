"""The grammar of queries: WITH, SELECT, VALUES, TABLE, UNION and the clauses behind them.

Set operations are read by precedence climbing as well (INTERSECT binds tighter than UNION and
EXCEPT), with a SELECT, VALUES, TABLE or a query in parentheses as operand.
"""

from dataclasses import replace
from typing import NamedTuple

from services.sqldb.errors import SYNTAX_ERROR, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_changes as changes
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_primaries as primaries
from services.sqldb.syntax import parse_windows as windows
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import BARE_LABELS
from services.sqldb.syntax.nodes import (
    CommonTable,
    CycleClause,
    Expression,
    GroupingSet,
    GroupingSetKind,
    IntoTable,
    Literal,
    LiteralKind,
    Locking,
    LockStrength,
    LockWait,
    Query,
    SearchClause,
    Select,
    SetOperation,
    SetOperator,
    Star,
    TableReference,
    Target,
    Values,
    With,
)

_SET_OPERATORS = {
    "union": (1, SetOperator.UNION),
    "except": (1, SetOperator.EXCEPT),
    "intersect": (2, SetOperator.INTERSECT),
}
_CLAUSES = ("from", "where", "group", "having", "window", "into")
_TAILS = ("order", "limit", "offset", "fetch", "for")
_TARGET_LIST_ENDS = frozenset((*_CLAUSES, *_SET_OPERATORS, *_TAILS, ")", ";", lexer.END))


def query(cursor: Cursor) -> Query:
    """Any query, in parentheses or not. # Real: SelectStmt"""
    if cursor.kind == "(":
        inner = primaries.query_in_parentheses(cursor)
        return continue_query(cursor, inner)
    return query_without_parentheses(cursor)


def query_without_parentheses(cursor: Cursor) -> Query:
    """# Real: select_no_parens"""
    if cursor.kind != "with":
        return _with_tail(cursor, _set_operations(cursor, None, 0))
    position = cursor.position
    return query_after_with(cursor, with_queries(cursor), position)


def query_after_with(cursor: Cursor, with_clause: With, position: int) -> Query:
    result = _with_tail(cursor, _set_operations(cursor, None, 0))
    if result.with_clause is not None:
        message = "multiple WITH clauses not allowed"
        raise SqlError(SYNTAX_ERROR, message, position=with_clause.position)
    return replace(result, with_clause=with_clause, position=position)


def continue_query(cursor: Cursor, first: Query) -> Query:
    """The rest of a query that begins with one in parentheses."""
    return _with_tail(cursor, _set_operations(cursor, first, 0))


def _set_operations(cursor: Cursor, left: Query | None, minimum: int) -> Query:
    if left is None:
        left = _operand(cursor)
    while (found := _SET_OPERATORS.get(cursor.kind)) and found[0] > minimum:
        level, operator = found
        cursor.advance()
        is_all = cursor.accept("all")
        if not is_all:
            cursor.accept("distinct")
        right = _set_operations(cursor, None, level)
        left = Query(
            SetOperation(operator, is_all, left, right, left.position), position=left.position
        )
    return left


def _operand(cursor: Cursor) -> Query:
    position = cursor.position
    match cursor.kind:
        case "select":
            return Query(_select(cursor), position=position)
        case "values":
            return Query(_values(cursor), position=position)
        case "table":
            cursor.advance()
            table = TableReference(*from_clause.relation_expression(cursor), position=position)
            body = Select((Target(Star(), position=position),), (table,), position=position)
            return Query(body, position=position)
        case "(":
            return primaries.query_in_parentheses(cursor)
    return cursor.fail()


# SELECT and its clauses.


def _select(cursor: Cursor) -> Select:
    position = cursor.position
    cursor.advance()
    distinct = _distinct(cursor)
    if distinct is None and cursor.kind in _TARGET_LIST_ENDS:
        targets: tuple[Target, ...] = ()
    else:
        targets = cursor.list_of(target)
    into = _into(cursor)
    from_items = from_clause.from_list(cursor) if cursor.accept("from") else ()
    where = where_clause(cursor)
    group_by, is_group_distinct = _group_by(cursor)
    having = expressions.expression(cursor) if cursor.accept("having") else None
    return Select(
        targets,
        from_items,
        where,
        group_by,
        having,
        windows.window_clause(cursor),
        distinct,
        is_group_distinct,
        into,
        position,
    )


def _distinct(cursor: Cursor) -> tuple[Expression, ...] | None:
    if cursor.accept("all") or not cursor.accept("distinct"):
        return None
    if cursor.accept("on"):
        return cursor.in_parentheses(expressions.expression)
    return ()


def target(cursor: Cursor) -> Target:
    """expression [[AS] label], or a star. # Real: target_el"""
    position = cursor.position
    if cursor.accept("*"):
        return Target(Star((), position), None, position)
    expression = expressions.expression(cursor)
    if cursor.accept("as"):
        return Target(expression, cursor.label(), position)
    if cursor.kind in BARE_LABELS:
        return Target(expression, cursor.take(), position)
    return Target(expression, None, position)


def _into(cursor: Cursor) -> IntoTable | None:
    """INTO [TEMP | UNLOGGED] [TABLE] name"""
    if not cursor.accept("into"):
        return None
    if cursor.kind in ("local", "global") and cursor.peek() in ("temporary", "temp"):
        cursor.advance()
    is_unlogged = is_temporary = False
    if cursor.kind in ("temporary", "temp", "unlogged") and cursor.peek() not in _AFTER_INTO:
        is_unlogged = cursor.take() == "unlogged"
        is_temporary = not is_unlogged
    cursor.accept("table")
    return IntoTable(from_clause.relation_name(cursor), is_temporary, is_unlogged)


_AFTER_INTO = frozenset((".", *_TARGET_LIST_ENDS))


def where_clause(cursor: Cursor) -> Expression | None:
    return expressions.expression(cursor) if cursor.accept("where") else None


def _group_by(cursor: Cursor) -> tuple[tuple[Expression | GroupingSet, ...], bool]:
    if cursor.kind != "group":
        return (), False
    cursor.expect("group", "by")
    is_distinct = cursor.accept("distinct")
    if not is_distinct:
        cursor.accept("all")
    return cursor.list_of(_grouping_item), is_distinct


def _grouping_item(cursor: Cursor) -> Expression | GroupingSet:
    """An expression, (), ROLLUP (…), CUBE (…) or GROUPING SETS (…)."""
    position = cursor.position
    if cursor.accept_words("(", ")"):
        return GroupingSet(GroupingSetKind.EMPTY, (), position)
    if cursor.kind in ("rollup", "cube") and cursor.peek() == "(":
        kind = GroupingSetKind.ROLLUP if cursor.take() == "rollup" else GroupingSetKind.CUBE
        return GroupingSet(kind, cursor.in_parentheses(expressions.expression), position)
    if cursor.accept_words("grouping", "sets"):
        items = cursor.in_parentheses(_grouping_item)
        return GroupingSet(GroupingSetKind.SETS, items, position)
    return expressions.expression(cursor)


def _values(cursor: Cursor) -> Values:
    position = cursor.position
    cursor.advance()
    return Values(cursor.list_of(_values_row), position)


def _values_row(cursor: Cursor) -> tuple[Expression, ...]:
    """(a, b, c). The loop is written out, because a bulk INSERT is made of nothing else."""
    cursor.expect("(")
    expression = expressions.expression
    items = [expression(cursor)]
    while cursor.kind == ",":
        cursor.advance()
        items.append(expression(cursor))
    cursor.expect(")")
    return tuple(items)


# WITH.


def with_queries(cursor: Cursor) -> With | None:
    """WITH [RECURSIVE] a AS (…), b AS (…), if it is there."""
    position = cursor.position
    if cursor.kind != "with":
        return None
    cursor.advance()
    is_recursive = cursor.accept("recursive")
    return With(cursor.list_of(_common_table), is_recursive, position)


def _common_table(cursor: Cursor) -> CommonTable:
    position = cursor.position
    name = cursor.column_name()
    columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
    cursor.expect("as")
    is_materialized = None
    if cursor.accept_phrase("not", "materialized"):
        is_materialized = False
    elif cursor.accept("materialized"):
        is_materialized = True
    cursor.expect("(")
    statement = changes.preparable_statement(cursor)
    cursor.expect(")")
    search = _search_clause(cursor) if cursor.kind == "search" else None
    cycle = _cycle_clause(cursor) if cursor.kind == "cycle" else None
    return CommonTable(name, columns, statement, is_materialized, position, search, cycle)


def _column_name(cursor: Cursor) -> str:
    return cursor.column_name()


def _search_clause(cursor: Cursor) -> SearchClause:
    position = cursor.position
    cursor.expect("search")
    is_breadth_first = cursor.expect_one_of(("breadth", "depth")) == "breadth"
    cursor.expect("first", "by")
    columns = cursor.list_of(_column_name)
    cursor.expect("set")
    return SearchClause(columns, is_breadth_first, cursor.column_name(), position)


def _cycle_clause(cursor: Cursor) -> CycleClause:
    position = cursor.position
    cursor.expect("cycle")
    columns = cursor.list_of(_column_name)
    cursor.expect("set")
    mark = cursor.column_name()
    value: Expression = Literal(LiteralKind.BOOLEAN, True)
    default: Expression = Literal(LiteralKind.BOOLEAN, False)
    if cursor.accept("to"):
        value = primaries.primary(cursor)
        cursor.expect("default")
        default = primaries.primary(cursor)
    cursor.expect("using")
    return CycleClause(columns, mark, value, default, cursor.column_name(), position)


# ORDER BY, LIMIT, FOR UPDATE: what follows a whole query.


class _Limits(NamedTuple):
    limit: Expression | None = None
    offset: Expression | None = None
    with_ties: bool = False
    limit_position: int = -1
    offset_position: int = -1


def _with_tail(cursor: Cursor, inner: Query) -> Query:
    """The query with the clauses that follow it; none of them twice."""
    order_position = cursor.position
    order_by = windows.sort_clause(cursor)
    locking = _locking_clauses(cursor)
    limits = _limits(cursor)
    if not locking:
        locking = _locking_clauses(cursor)
    if not (order_by or locking or limits.limit or limits.offset):
        return inner
    for mine, theirs, name, position in (
        (order_by, inner.order_by, "ORDER BY", order_position),
        (limits.offset, inner.offset, "OFFSET", limits.offset_position),
        (limits.limit, inner.limit, "LIMIT", limits.limit_position),
    ):
        if mine and theirs:
            message = f"multiple {name} clauses not allowed"
            raise SqlError(SYNTAX_ERROR, message, position=position)
    whole = Query(
        inner.body,
        inner.with_clause,
        order_by or inner.order_by,
        limits.limit or inner.limit,
        limits.offset or inner.offset,
        limits.with_ties or inner.with_ties,
        inner.locking + locking,
        inner.position,
    )
    _check_ties(whole, limits)
    return whole


def _check_ties(whole: Query, limits: _Limits) -> None:
    if not limits.with_ties:
        return
    if not whole.order_by:
        message = "WITH TIES cannot be specified without ORDER BY clause"
        raise SqlError(SYNTAX_ERROR, message)
    if any(clause.wait is LockWait.SKIP_LOCKED for clause in whole.locking):
        message = "SKIP LOCKED and WITH TIES options cannot be used together"
        raise SqlError(SYNTAX_ERROR, message)


def _limits(cursor: Cursor) -> _Limits:
    """LIMIT n OFFSET m, OFFSET m ROWS FETCH FIRST n ROWS ONLY, each in either order."""
    found = _Limits()
    while True:
        position = cursor.position
        if cursor.kind == "limit" and found.limit is None:
            found = found._replace(limit=_limit(cursor), limit_position=position)
        elif cursor.kind == "fetch" and found.limit is None:
            count, with_ties = _fetch_first(cursor)
            found = found._replace(limit=count, with_ties=with_ties, limit_position=position)
        elif cursor.kind == "offset" and found.offset is None:
            found = found._replace(offset=_offset(cursor), offset_position=position)
        else:
            return found


def _limit(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.advance()
    limit = ALL_ROWS if cursor.accept("all") else expressions.expression(cursor)
    if cursor.kind == ",":
        raise SqlError(
            SYNTAX_ERROR,
            "LIMIT #,# syntax is not supported",
            hint="Use separate LIMIT and OFFSET clauses.",
            position=position,
        )
    return limit


# LIMIT ALL is LIMIT NULL.
ALL_ROWS = Literal(LiteralKind.NULL, None)


def _offset(cursor: Cursor) -> Expression:
    cursor.advance()
    offset = expressions.expression(cursor)
    if cursor.kind in ("row", "rows"):
        cursor.advance()
    return offset


def _fetch_first(cursor: Cursor) -> tuple[Expression, bool]:
    cursor.advance()
    cursor.expect_one_of(("first", "next"))
    if cursor.kind in ("row", "rows"):
        count: Expression = Literal(LiteralKind.INTEGER, 1)
    elif cursor.kind in ("+", "-"):
        sign = cursor.take()
        position = cursor.position
        if cursor.kind not in (lexer.INTEGER, lexer.NUMBER):
            cursor.fail()
        count = primaries.primary(cursor)
        if sign == "-":
            count = Literal(count.kind, _minus(count.value), position)
    else:
        count = primaries.primary(cursor)
    cursor.expect_one_of(("row", "rows"))
    if cursor.accept("only"):
        return count, False
    cursor.expect("with", "ties")
    return count, True


def _minus(value: int | str) -> int | str:
    return -value if isinstance(value, int) else f"-{value}"


_STRENGTHS = {
    ("update",): LockStrength.UPDATE,
    ("no", "key", "update"): LockStrength.NO_KEY_UPDATE,
    ("share",): LockStrength.SHARE,
    ("key", "share"): LockStrength.KEY_SHARE,
}


def _locking_clauses(cursor: Cursor) -> tuple[Locking, ...]:
    clauses: list[Locking] = []
    while cursor.kind == "for":
        position = cursor.position
        cursor.advance()
        if cursor.kind == "read" and not clauses:
            cursor.expect("read", "only")
            return ()
        strength = _strength(cursor)
        tables = cursor.list_of(from_clause.relation_name) if cursor.accept("of") else ()
        wait = LockWait.BLOCK
        if cursor.accept("nowait"):
            wait = LockWait.NOWAIT
        elif cursor.accept("skip"):
            cursor.expect("locked")
            wait = LockWait.SKIP_LOCKED
        clauses.append(Locking(strength, tables, wait, position))
    return tuple(clauses)


def _strength(cursor: Cursor) -> LockStrength:
    for words, strength in _STRENGTHS.items():
        if cursor.kind == words[0]:
            cursor.expect(*words)
            return strength
    return cursor.fail()
