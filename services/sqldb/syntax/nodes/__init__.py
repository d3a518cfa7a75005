"""The syntax tree: `from services.sqldb.syntax import nodes`, then `nodes.Select`, `nodes.Cast` …

expressions.py (values), queries.py (SELECT and its clauses), changes.py (INSERT, UPDATE, MERGE,
COPY …), tables.py (CREATE and ALTER TABLE), definitions.py (other CREATE, DROP, GRANT), utility.py
(transactions, settings, cursors).
Every node is frozen and carries the position that an error about it would point at.
"""

from services.sqldb.syntax.nodes.changes import *  # noqa: F403
from services.sqldb.syntax.nodes.definitions import *  # noqa: F403
from services.sqldb.syntax.nodes.expressions import *  # noqa: F403
from services.sqldb.syntax.nodes.queries import *  # noqa: F403
from services.sqldb.syntax.nodes.tables import *  # noqa: F403
from services.sqldb.syntax.nodes.utility import *  # noqa: F403
