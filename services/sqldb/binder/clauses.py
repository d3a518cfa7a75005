"""The clauses in which an expression can stand, and what each of them forbids.

# Real: ParseExprKind
"""

from enum import Enum

from services.sqldb.errors import (
    FEATURE_NOT_SUPPORTED,
    GROUPING_ERROR,
    UNDEFINED_COLUMN,
    WINDOWING_ERROR,
    SqlError,
)


class Clause(Enum):
    """The value is how messages name the clause: "… are not allowed in WHERE"."""

    SELECT = "SELECT"
    DISTINCT_ON = "DISTINCT ON"
    FROM_FUNCTION = "functions in FROM"
    FROM_SUBQUERY = "FROM clause of their own query level"
    WHERE = "WHERE"
    JOIN_ON = "JOIN conditions"
    GROUP_BY = "GROUP BY"
    HAVING = "HAVING"
    ORDER_BY = "ORDER BY"
    LIMIT = "LIMIT"
    OFFSET = "OFFSET"
    FILTER = "FILTER"
    WINDOW_PARTITION = "window PARTITION"
    WINDOW_ORDER = "window ORDER BY"
    WINDOW_FRAME = "window frame"
    VALUES = "VALUES"
    RETURNING = "RETURNING"
    UPDATE = "UPDATE"
    MERGE_WHEN = "MERGE WHEN conditions"
    DEFAULT = "DEFAULT expressions"
    CHECK = "check constraints"
    GENERATED = "column generation expressions"
    INDEX_EXPRESSION = "index expressions"
    INDEX_PREDICATE = "index predicates"
    TRANSFORM = "transform expressions"
    EXECUTE = "EXECUTE parameters"
    COPY_WHERE = "COPY FROM WHERE conditions"
    AGGREGATE_ARGUMENT = "aggregate arguments"


_WITH_AGGREGATES = frozenset(
    (
        Clause.SELECT,
        Clause.DISTINCT_ON,
        Clause.HAVING,
        Clause.ORDER_BY,
        Clause.WINDOW_PARTITION,
        Clause.WINDOW_ORDER,
    )
)
_WITH_WINDOWS = frozenset((Clause.SELECT, Clause.DISTINCT_ON, Clause.ORDER_BY))
_WITH_SETS = frozenset(
    (
        Clause.SELECT,
        Clause.DISTINCT_ON,
        Clause.FROM_FUNCTION,
        Clause.GROUP_BY,
        Clause.ORDER_BY,
        Clause.WINDOW_PARTITION,
        Clause.WINDOW_ORDER,
    )
)
# Clauses of definitions: evaluated for one row, without a query around them.
_DEFINITIONS = {
    Clause.DEFAULT: "DEFAULT expression",
    Clause.CHECK: "check constraint",
    Clause.GENERATED: "column generation expression",
    Clause.INDEX_EXPRESSION: "index expression",
    Clause.INDEX_PREDICATE: "index predicate",
    Clause.TRANSFORM: "transform expression",
    Clause.EXECUTE: "EXECUTE parameter",
    Clause.COPY_WHERE: "COPY FROM WHERE condition",
}


def check_aggregate(clause: Clause, position: int, what: str = "aggregate functions") -> None:
    if clause is Clause.AGGREGATE_ARGUMENT:
        message = "aggregate function calls cannot be nested"
        raise SqlError(GROUPING_ERROR, message, position=position)
    if clause not in _WITH_AGGREGATES:
        message = f"{what} are not allowed in {_name(clause)}"
        raise SqlError(GROUPING_ERROR, message, position=position)


def check_window(clause: Clause, position: int) -> None:
    if clause is Clause.AGGREGATE_ARGUMENT:
        message = "aggregate function calls cannot contain window function calls"
        raise SqlError(GROUPING_ERROR, message, position=position)
    if clause in (Clause.WINDOW_PARTITION, Clause.WINDOW_ORDER, Clause.WINDOW_FRAME):
        message = "window functions are not allowed in window definitions"
        raise SqlError(WINDOWING_ERROR, message, position=position)
    if clause not in _WITH_WINDOWS:
        message = f"window functions are not allowed in {_name(clause)}"
        raise SqlError(WINDOWING_ERROR, message, position=position)


def check_set_returning(clause: Clause, position: int) -> None:
    if clause is Clause.AGGREGATE_ARGUMENT:
        raise SqlError(
            FEATURE_NOT_SUPPORTED,
            "aggregate function calls cannot contain set-returning function calls",
            hint="You might be able to move the set-returning function into a LATERAL FROM item.",
            position=position,
        )
    if clause in _WITH_SETS:
        return
    message = f"set-returning functions are not allowed in {_name(clause)}"
    raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)


def check_subquery(clause: Clause, position: int) -> None:
    if clause in _DEFINITIONS:
        message = f"cannot use subquery in {_DEFINITIONS[clause]}"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)


def check_column(clause: Clause, position: int) -> None:
    if clause is Clause.DEFAULT:
        message = "cannot use column reference in DEFAULT expression"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    if clause is Clause.EXECUTE:
        message = "cannot use column reference in EXECUTE parameter"
        raise SqlError(UNDEFINED_COLUMN, message, position=position)


def _name(clause: Clause) -> str:
    return "window definitions" if clause is Clause.WINDOW_FRAME else clause.value
