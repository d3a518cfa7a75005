"""Where an error about an expression points: at its leftmost part.

# Real: exprLocation() in nodeFuncs.c
"""

from services.sqldb.syntax import nodes

Syntax = object

# The fields in which an operand can stand left of the node's own sign.
_LEFT_FIELDS: dict[type, tuple[str, ...]] = {
    nodes.OperatorCall: ("left",),
    nodes.Cast: ("operand", "type_name"),
    nodes.IsNull: ("operand",),
    nodes.IsTruth: ("operand",),
    nodes.IsDistinct: ("left",),
    nodes.Like: ("operand",),
    nodes.Between: ("operand",),
    nodes.InList: ("operand",),
    nodes.QuantifiedArray: ("left",),
    nodes.Subquery: ("left",),
    nodes.Collate: ("operand",),
    nodes.FieldSelection: ("operand",),
    nodes.RowExpansion: ("operand",),
    nodes.Subscript: ("operand",),
}


def leftmost(node: Syntax) -> int:
    """The smallest position in the node and what stands left in it; -1 if nothing has one."""
    if isinstance(node, nodes.Literal | nodes.ColumnReference):
        return node.position
    best = getattr(node, "position", -1)
    while node is not None:
        following = None
        if isinstance(node, nodes.And | nodes.Or):
            following = node.operands[0]
        elif isinstance(node, nodes.FunctionCall) and node.has_sql_syntax and node.arguments:
            best = _lesser(best, min(_known(leftmost(a) for a in node.arguments), default=-1))
        for name in _LEFT_FIELDS.get(type(node), ()):
            part = getattr(node, name)
            if part is not None:
                following = following or part
                best = _lesser(best, getattr(part, "position", -1))
        node = following
        best = _lesser(best, getattr(node, "position", -1))
    return best


def _known(positions: object) -> list[int]:
    return [position for position in positions if position >= 0]


def _lesser(left: int, right: int) -> int:
    if left < 0:
        return right
    return left if right < 0 else min(left, right)
