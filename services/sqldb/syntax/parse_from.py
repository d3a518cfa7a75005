"""The grammar of FROM: tables, subqueries, functions, joins and their aliases.

Joins lean to the left: `a JOIN b ON x JOIN c ON y` is (a JOIN b) JOIN c. A join whose condition is
still to come takes the following join as its right side: `a JOIN b JOIN c ON x ON y` is
a JOIN (b JOIN c ON x) ON y.
"""

from services.sqldb.errors import SYNTAX_ERROR, SqlError, not_supported
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_functions as functions
from services.sqldb.syntax import parse_primaries as primaries
from services.sqldb.syntax import parse_queries as queries
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import (
    Alias,
    ColumnDefinitionItem,
    FromItem,
    FunctionReference,
    Join,
    JoinKind,
    Query,
    RelationName,
    SubqueryReference,
    TableFunction,
    TableReference,
    Values,
)

_JOIN_KINDS = {"left": JoinKind.LEFT, "right": JoinKind.RIGHT, "full": JoinKind.FULL}
_JOIN_STARTS = frozenset(("join", "inner", "left", "right", "full", "cross", "natural"))


def from_list(cursor: Cursor) -> tuple[FromItem, ...]:
    return cursor.list_of(from_item)


def from_item(cursor: Cursor) -> FromItem:
    """A table with all joins behind it. # Real: table_ref"""
    return _joins(cursor, _single_item(cursor))


def _joins(cursor: Cursor, left: FromItem) -> FromItem:
    while cursor.kind in _JOIN_STARTS:
        position = cursor.position
        if cursor.accept("cross"):
            cursor.expect("join")
            left = Join(JoinKind.CROSS, left, _single_item(cursor), position=position)
        elif cursor.accept("natural"):
            kind = _join_kind(cursor)
            left = Join(kind, left, _single_item(cursor), is_natural=True, position=position)
        else:
            left = _qualified_join(cursor, left, position)
    return left


def _join_kind(cursor: Cursor) -> JoinKind:
    """[INNER | {LEFT | RIGHT | FULL} [OUTER]] JOIN"""
    kind = _JOIN_KINDS.get(cursor.kind, JoinKind.INNER)
    if cursor.kind in _JOIN_KINDS:
        cursor.advance()
        cursor.accept("outer")
    else:
        cursor.accept("inner")
    cursor.expect("join")
    return kind


def _qualified_join(cursor: Cursor, left: FromItem, position: int) -> FromItem:
    kind = _join_kind(cursor)
    right = from_item(cursor)
    if cursor.accept("on"):
        condition = expressions.expression(cursor)
        return Join(kind, left, right, on=condition, position=position)
    cursor.expect("using")
    columns = cursor.names_in_parentheses()
    using_alias = None
    if cursor.accept("as"):
        place = cursor.position
        using_alias = Alias(cursor.column_name(), (), place)
    return Join(kind, left, right, using=columns, using_alias=using_alias, position=position)


def _single_item(cursor: Cursor) -> FromItem:
    if cursor.kind == "(":
        return _parenthesized_item(cursor)
    position = cursor.position
    if cursor.accept("lateral"):
        if cursor.kind == "(":
            query = primaries.query_in_parentheses(cursor)
            return _subquery(cursor, query, position, is_lateral=True)
        return _function(cursor, position, is_lateral=True)
    if cursor.kind == "rows" and cursor.peek() == "from":
        return _function(cursor, position)
    if cursor.kind == "xmltable" and cursor.peek() == "(":
        raise not_supported("XMLTABLE", position)
    if cursor.kind in TYPE_FUNCTION_NAMES and cursor.kind not in COLUMN_NAMES:
        return _function(cursor, position)
    if cursor.kind != "only" and functions.starts_windowless(cursor):
        return _function(cursor, position)
    return table_reference(cursor)


def _parenthesized_item(cursor: Cursor) -> FromItem:
    """A subquery, or a join in parentheses."""
    position = cursor.position
    inner = _query_or_join(cursor)
    if isinstance(inner, Query):
        return _subquery(cursor, inner, position)
    return _aliased_join(cursor, inner)


def _aliased_join(cursor: Cursor, join: Join) -> Join:
    alias = _alias(cursor)
    if alias is None:
        return join
    return Join(
        join.kind,
        join.left,
        join.right,
        join.is_natural,
        join.using,
        join.using_alias,
        join.on,
        alias,
        join.position,
    )


def _query_or_join(cursor: Cursor) -> Query | Join:
    """What stands in parentheses, those taken. Two open ones may begin a query or a join:

    `((SELECT 1) UNION SELECT 2) x` or `((SELECT 1) a JOIN b ON true)`: what follows the inner
    parentheses decides.
    """
    cursor.expect("(")
    if cursor.kind in ("select", "values", "with", "table"):
        inner: Query | Join = queries.query_without_parentheses(cursor)
        cursor.expect(")")
        return inner
    if cursor.kind == "(":
        position = cursor.position
        inner = _query_or_join(cursor)
        if isinstance(inner, Query):
            if cursor.accept(")"):
                return inner
            if cursor.kind in primaries.QUERY_TAILS:
                query = queries.continue_query(cursor, inner)
                cursor.expect(")")
                return query
            first: FromItem = _subquery(cursor, inner, position)
        elif cursor.accept(")"):
            return inner
        else:
            first = _aliased_join(cursor, inner)
    else:
        first = _single_item(cursor)
    if cursor.kind not in _JOIN_STARTS:
        cursor.fail()
    joined = _joins(cursor, first)
    cursor.expect(")")
    return joined


def _subquery(
    cursor: Cursor, query: Query, position: int, is_lateral: bool = False
) -> SubqueryReference:
    alias = _alias(cursor)
    if alias is None:
        is_values = isinstance(query.body, Values)
        what = "VALUES" if is_values else "subquery"
        form = "(VALUES ...)" if is_values else "(SELECT ...)"
        raise SqlError(
            SYNTAX_ERROR,
            f"{what} in FROM must have an alias",
            hint=f"For example, FROM {form} [AS] foo.",
            position=position,
        )
    return SubqueryReference(query, alias, is_lateral, position)


def _function(cursor: Cursor, position: int, is_lateral: bool = False) -> FunctionReference:
    """f(…) or ROWS FROM (f(…), g(…)), WITH ORDINALITY, alias and column definitions."""
    is_rows_from = cursor.kind == "rows" and cursor.peek() == "from"
    if is_rows_from:
        cursor.expect("rows", "from")
        called = cursor.in_parentheses(_rows_from_item)
    else:
        called = (TableFunction(functions.windowless(cursor)),)
    with_ordinality = cursor.accept_words("with", "ordinality")
    alias, columns = _function_alias(cursor)
    return FunctionReference(
        called, alias, columns, is_rows_from, with_ordinality, is_lateral, position
    )


def _rows_from_item(cursor: Cursor) -> TableFunction:
    called = functions.windowless(cursor)
    columns: tuple[ColumnDefinitionItem, ...] = ()
    if cursor.accept("as"):
        columns = cursor.in_parentheses(_column_definition)
    return TableFunction(called, columns)


def _column_definition(cursor: Cursor) -> ColumnDefinitionItem:
    position = cursor.position
    name = cursor.column_name()
    type_name = types.type_name(cursor)
    if cursor.accept("collate"):
        cursor.any_name()
    return ColumnDefinitionItem(name, type_name, position)


def _function_alias(cursor: Cursor) -> tuple[Alias | None, tuple[ColumnDefinitionItem, ...]]:
    """[AS] name, [AS] name (a, b), [AS] name (a int, b text) or AS (a int, b text)."""
    position = cursor.position
    if cursor.accept("as"):
        if cursor.kind == "(":
            return None, cursor.in_parentheses(_column_definition)
    elif cursor.kind not in COLUMN_NAMES:
        return None, ()
    name = cursor.column_name()
    if cursor.kind != "(":
        return Alias(name, (), position), ()
    # (a, b) are names alone, (a int) has a type behind each.
    if cursor.peek() in COLUMN_NAMES and cursor.peek(2) not in (",", ")"):
        return Alias(name, (), position), cursor.in_parentheses(_column_definition)
    return Alias(name, cursor.names_in_parentheses(), position), ()


def _alias(cursor: Cursor) -> Alias | None:
    """[AS] name [(columns)] # Real: opt_alias_clause"""
    position = cursor.position
    if not cursor.accept("as") and cursor.kind not in COLUMN_NAMES:
        return None
    name = cursor.column_name()
    columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
    return Alias(name, columns, position)


# Tables.


def relation_name(cursor: Cursor) -> RelationName:
    """name, schema.name or database.schema.name. # Real: qualified_name"""
    position = cursor.position
    names = [cursor.column_name()]
    while cursor.accept("."):
        names.append(cursor.label())
    if len(names) > 3:
        written = ".".join(names)
        message = f"improper qualified name (too many dotted names): {written}"
        raise SqlError(SYNTAX_ERROR, message, position=position)
    schema = names[-2] if len(names) > 1 else None
    catalog = names[-3] if len(names) > 2 else None
    return RelationName(names[-1], schema, catalog, position)


def relation_expression(cursor: Cursor) -> tuple[RelationName, None, bool]:
    """name, name * or ONLY name: the name, no alias, and whether ONLY stands there."""
    if cursor.accept("only"):
        if cursor.accept("("):
            relation = relation_name(cursor)
            cursor.expect(")")
            return relation, None, True
        return relation_name(cursor), None, True
    relation = relation_name(cursor)
    cursor.accept("*")
    return relation, None, False


def table_reference(cursor: Cursor) -> TableReference:
    position = cursor.position
    relation, _, is_only = relation_expression(cursor)
    alias = _alias(cursor)
    if cursor.kind == "tablesample":
        raise not_supported("TABLESAMPLE", cursor.position)
    return TableReference(relation, alias, is_only, position)


def target_table(cursor: Cursor) -> TableReference:
    """The table of UPDATE, DELETE and MERGE; SET cannot be its alias without AS."""
    position = cursor.position
    relation, _, is_only = relation_expression(cursor)
    alias = None
    place = cursor.position
    if cursor.accept("as") or (cursor.kind in COLUMN_NAMES and cursor.kind != "set"):
        alias = Alias(cursor.column_name(), (), place)
    return TableReference(relation, alias, is_only, position)
