"""Text to statements: `parse(sql)` gives the statements of a text, as nodes.

The way of a text: the lexer makes tokens of it (lexer.py), the parser reads them with a `Cursor` by
one function per rule of the grammar, named after what it reads; the first word of a statement says
which one begins. There is one file for each part of the grammar:

    parse_expressions  precedence climbing: begin to read here
    parse_primaries    literals, names, parentheses, CASE, ARRAY
    parse_functions    calls, aggregates, EXTRACT(… FROM …) and its like
    parse_types        integer, varchar(20), interval day to second
    parse_queries      SELECT, VALUES, UNION, WITH, ORDER BY, LIMIT, FOR UPDATE
    parse_from         tables, joins, subqueries, functions in FROM
    parse_windows      ORDER BY, windows and frames
    parse_changes      INSERT, UPDATE, DELETE, MERGE, TRUNCATE
    parse_copy         COPY, and the options of other statements
    parse_tables       CREATE TABLE, columns, constraints
    parse_alter        ALTER of tables and everything else
    parse_definitions  CREATE of the rest
    parse_dropping     DROP, COMMENT ON
    parse_routines     CREATE FUNCTION, CALL
    parse_roles        roles, GRANT, REVOKE
    parse_settings     SET, RESET, SHOW
    parse_utility      transactions, prepared statements, cursors, upkeep

The files need each other (a query contains expressions, an expression contains queries), so they
import each other as modules.

Nothing here knows tables or types: what a name means is the binder's business. An error says what
PostgreSQL says, at the same place.
"""

from collections.abc import Callable

from services.sqldb.errors import STATEMENT_TOO_COMPLEX, SqlError
from services.sqldb.syntax import (
    lexer,
    parse_alter,
    parse_changes,
    parse_copy,
    parse_definitions,
    parse_dropping,
    parse_expressions,
    parse_queries,
    parse_roles,
    parse_types,
    parse_utility,
)
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import Expression, ParsedStatement, Statement, TypeName

STATEMENTS = {
    "select": parse_queries.query,
    "values": parse_queries.query,
    "table": parse_queries.query,
    "(": parse_queries.query,
    "with": parse_changes.preparable_statement,
    **parse_changes.CHANGES,
    "truncate": parse_changes.truncate,
    "copy": parse_copy.copy,
    "create": parse_definitions.create,
    "drop": parse_dropping.drop,
    "comment": parse_dropping.comment,
    "alter": parse_alter.alter,
    "grant": parse_roles.grant,
    "revoke": parse_roles.revoke,
    **parse_utility.STATEMENTS,
}


def parse(sql: str, check: Callable[[], None] = lambda: None) -> list[ParsedStatement]:
    """The statements of a text that are separated by semicolons; empty ones do not count.

    `check` is called now and then in long ones: it may raise what interrupts the statement.
    Raises SqlError 42601 for what is no SQL, and 54001 for what is nested too deeply.
    """
    cursor = Cursor(lexer.tokenize(sql, check), check)
    statements = []
    try:
        while True:
            while cursor.accept(";"):
                pass
            if cursor.kind == lexer.END:
                return statements
            start = cursor.position
            statement = statement_rule(cursor)
            statements.append(ParsedStatement(statement, start, cursor.previous_end))
            if not len(statements) & 63:
                check()
            if cursor.kind not in (";", lexer.END):
                cursor.fail()
    except RecursionError:
        raise too_deep() from None


def statement_rule(cursor: Cursor) -> Statement:
    rule = STATEMENTS.get(cursor.kind)
    if rule is None:
        cursor.fail()
    return rule(cursor)


def parse_expression(sql: str) -> Expression:
    """One expression and nothing else: a default or a check condition of the catalog."""
    cursor = Cursor(lexer.tokenize(sql))
    return _whole(cursor, parse_expressions.expression)


def parse_type_name(text: str) -> TypeName:
    """One type and nothing else, as in 'int[]'::regtype."""
    return _whole(Cursor(lexer.tokenize(text)), parse_types.type_name)


def _whole(cursor: Cursor, rule: object) -> object:
    try:
        result = rule(cursor)
    except RecursionError:
        raise too_deep() from None
    if cursor.kind != lexer.END:
        cursor.fail()
    return result


def too_deep() -> SqlError:
    """Python's recursion limit is our stack limit. # Real: check_stack_depth()"""
    return SqlError(
        STATEMENT_TOO_COMPLEX,
        "stack depth limit exceeded",
        hint='Increase the configuration parameter "max_stack_depth" (currently 2048kB), after '
        "ensuring the platform's stack depth limit is adequate.",
    )
