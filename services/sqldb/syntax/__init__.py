"""Text of SQL to a tree of nodes, and back: `parse`, `nodes`, `deparse`. See parser.py for the map.

from services.sqldb.syntax import nodes, parse
[statement] = parse("SELECT 1")
"""

from services.sqldb.syntax import nodes
from services.sqldb.syntax.parser import parse, parse_expression, parse_type_name

__all__ = ["nodes", "parse", "parse_expression", "parse_type_name"]
