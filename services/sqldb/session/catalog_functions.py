"""Functions that ask the catalog or the session: nextval, pg_get_indexdef, current_setting …

They are part of the same library as all others; the SessionContext that they get is the session.

    sequence_functions      nextval, currval, setval
    definition_functions    pg_get_indexdef, pg_get_viewdef, format_type, comments
    name_functions          to_regclass, current_schema, visibility
    backend_functions       settings, other sessions, advisory locks
    object_functions        sizes
    privilege_functions     has_table_privilege and its like
    routine_functions       pg_get_functiondef
    dump_functions          what only pg_dump asks for
"""

from services.sqldb.functions import Library, builtin_library
from services.sqldb.session import (
    backend_functions,
    definition_functions,
    dump_functions,
    name_functions,
    object_functions,
    privilege_functions,
    routine_functions,
    sequence_functions,
)

_MODULES = (
    sequence_functions,
    definition_functions,
    dump_functions,
    name_functions,
    backend_functions,
    object_functions,
    privilege_functions,
    routine_functions,
)


def session_library() -> Library:
    """The built-in functions, and these."""
    return builtin_library().with_definitions(*(module.define for module in _MODULES))
