"""Names and types: a syntax tree becomes a plan of relational algebra. See binder.py for the map.

bound = bind_statement(session, lookup, node, parameter_types)   → plan.nodes.BoundStatement
bound = bind_scalar(session, lookup, expression, type_)          one value, without columns
    query = normal_form(session, lookup, query)   stars written out, tables with schemas: for views
"""

# `expressions` comes first: its table of rules names the functions of modules that import it.
from services.sqldb.binder import expressions
from services.sqldb.binder.binder import bind_scalar, bind_statement, new_statement
from services.sqldb.binder.normal_form import normal_form

__all__ = ["bind_scalar", "bind_statement", "expressions", "new_statement", "normal_form"]
