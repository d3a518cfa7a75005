"""A query as a view keeps it: every star written out, every table with its schema.

So it means the same when the tables have got more columns, and under any search path.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from services.sqldb.binder.binder import new_statement
from services.sqldb.binder.queries import bind_query
from services.sqldb.binder.scope import Scope
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.catalog.name_forms import qualified
from services.sqldb.syntax import nodes
from services.sqldb.types.context import SessionContext


def normal_form(session: SessionContext, lookup: Lookup, query: nodes.Query) -> nodes.Query:
    """The query with what the binder has found in the place of stars and names.

    Raises SqlError, if the query means nothing.
    """
    statement = new_statement(session, lookup)
    bind_query(Scope(statement), query)
    return qualified(lookup, _rewritten(query, statement.meanings))


def _rewritten(value: object, meanings: dict[int, object]) -> object:
    if isinstance(value, tuple):
        return tuple(part for item in value for part in _parts(item, meanings))
    if isinstance(value, nodes.RelationName):
        return meanings.get(id(value), value)
    if not is_dataclass(value):
        return value
    changes = {}
    for field in fields(value):
        old = getattr(value, field.name)
        if isinstance(old, tuple) or is_dataclass(old):
            new = _rewritten(old, meanings)
            if new is not old:
                changes[field.name] = new
    return replace(value, **changes) if changes else value


def _parts(item: object, meanings: dict[int, object]) -> tuple:
    """The item, or all targets that a star stands for."""
    if isinstance(item, nodes.Target) and isinstance(item.expression, nodes.Star):
        return meanings.get(id(item.expression), (item,))
    return (_rewritten(item, meanings),)
