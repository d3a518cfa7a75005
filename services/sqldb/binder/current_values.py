"""current_user, current_timestamp and the other words that are functions without parentheses."""

from __future__ import annotations

from services.sqldb.binder.conversion import (
    apply_typmod,
    convert_type,
)
from services.sqldb.binder.scope import (
    Scope,
)
from services.sqldb.functions import resolve_function
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.types import (
    DATE,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
)

_FUNCTIONS = {
    nodes.CurrentValueKind.CURRENT_ROLE: "current_user",
    nodes.CurrentValueKind.CURRENT_USER: "current_user",
    nodes.CurrentValueKind.USER: "current_user",
    nodes.CurrentValueKind.SESSION_USER: "session_user",
    nodes.CurrentValueKind.CURRENT_CATALOG: "current_database",
    nodes.CurrentValueKind.CURRENT_SCHEMA: "current_schema",
}
# The others are parts of the moment at which the transaction began.
_MOMENTS = {
    nodes.CurrentValueKind.CURRENT_DATE: DATE,
    nodes.CurrentValueKind.CURRENT_TIME: TIMETZ,
    nodes.CurrentValueKind.CURRENT_TIMESTAMP: TIMESTAMPTZ,
    nodes.CurrentValueKind.LOCALTIME: TIME,
    nodes.CurrentValueKind.LOCALTIMESTAMP: TIMESTAMP,
}
_LARGEST_PRECISION = 6


def current_value(scope: Scope, node: nodes.CurrentValue) -> ex.Expression:
    statement = scope.statement
    name = _FUNCTIONS.get(node.kind, "now")
    resolved = resolve_function(name, (), library=statement.library)
    call = ex.Call(resolved.result_type, resolved.function, (), spelling=node.kind.value)
    if node.kind not in _MOMENTS:
        return call
    moment = convert_type(statement, call, _MOMENTS[node.kind], "e")
    if node.precision is None:
        return moment
    return apply_typmod(moment, min(node.precision, _LARGEST_PRECISION), False)
