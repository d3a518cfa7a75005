"""The tree of a projection, walked together with a document.

    {name: 1, address: {city: 1}}  ─▶  Node ─┬─ name     keep
                                             └─ address  Node ── city  keep

`include` keeps what the tree names, `exclude` all else, and `compute` adds to either.
"""

from dataclasses import dataclass, field

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import Evaluate, Variables
from services.docdb.query.comparison import MISSING


@dataclass(slots=True)
class Node:
    """What is said about the fields of one document: a leaf's mark, or the node below it."""

    children: "dict[str, Node]" = field(default_factory=dict)
    leaves: set[str] = field(default_factory=set)
    computed: dict[str, Evaluate] = field(default_factory=dict)
    has_computed: bool = False

    def place(self, path: str) -> "tuple[Node, str]":
        """The node that holds the last name of a path; made on the way."""
        *parents, name = path.split(".")
        node = self
        for part in parents:
            if part in node.leaves or part in node.computed:
                raise MongoError(31249, f"Path collision at {path} remaining portion {name}")
            node = node.children.setdefault(part, Node())
        if name in node.children or name in node.leaves or name in node.computed:
            raise MongoError(31250, f"Path collision at {path}")
        return node, name

    def settle(self) -> bool:
        """Whether something is computed here or below."""
        below = [child.settle() for child in self.children.values()]
        self.has_computed = bool(self.computed) or any(below)
        return self.has_computed


def include(node: Node, value: Document) -> Document:
    kept: Document = {}
    leaves, children = node.leaves, node.children
    for name, item in value.items():
        if name in leaves:
            kept[name] = item
        elif name in children:
            child = children[name]
            if type(item) is dict:
                kept[name] = include(child, item)
            elif type(item) is list:
                kept[name] = _include_in_array(child, item)
    return kept


def _include_in_array(node: Node, array: list) -> list:
    kept: list[object] = []
    for item in array:
        if type(item) is dict:
            kept.append(include(node, item))
        elif type(item) is list:
            kept.append(_include_in_array(node, item))
    return kept


def exclude(node: Node, value: Document) -> Document:
    kept: Document = {}
    leaves, children = node.leaves, node.children
    for name, item in value.items():
        if name in leaves:
            continue
        if name in children and type(item) is dict:
            item = exclude(children[name], item)
        elif name in children and type(item) is list:
            item = _exclude_in_array(children[name], item)
        kept[name] = item
    return kept


def _exclude_in_array(node: Node, array: list) -> list:
    return [
        exclude(node, item)
        if type(item) is dict
        else _exclude_in_array(node, item)
        if type(item) is list
        else item
        for item in array
    ]


def compute(node: Node, target: Document, root: Document, variables: Variables) -> Document:
    """`target` with what is computed for `root` in it; in arrays, for each element."""
    changed = dict(target)
    for name, child in node.children.items():
        if child.has_computed:
            value = _compute_below(child, changed.get(name, MISSING), root, variables)
            if value is not MISSING:
                changed[name] = value
    for name, evaluate in node.computed.items():
        value = evaluate(root, variables)
        if value is MISSING:
            changed.pop(name, None)
        else:
            changed[name] = value
    return changed


def _compute_below(node: Node, value: object, root: Document, variables: Variables) -> object:
    if type(value) is list:
        return [_compute_below(node, item, root, variables) for item in value]
    return compute(node, value if type(value) is dict else {}, root, variables)
