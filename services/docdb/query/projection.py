"""Projections: which fields of a document a reply has, and which are computed.

    {name: 1, "address.city": 1}      inclusion: these, and _id
    {password: 0}                     exclusion: all but these
    {total: {$add: ["$a", "$b"]}}     computed, beside either
    {"tags.$": 1}, {tags: {$slice: 2}}, {tags: {$elemMatch: …}}      in `find` alone

All become one tree of names (`projection_tree`), and steps that are done behind it. `$project`,
`$addFields` and `$unset` walk the same tree.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import Scope, Variables, compile_expression
from services.docdb.query import metadata
from services.docdb.query.comparison import MISSING
from services.docdb.query.conditions import And
from services.docdb.query.filters import FilterContext, compile_filter
from services.docdb.query.operators import is_truthy
from services.docdb.query.projection_tree import Node, compute, exclude, include
from services.docdb.query.type_names import type_name

Project = Callable[[Document, Variables], Document]


def _is_flag(value: object) -> bool:
    return isinstance(value, bool | int | float | Decimal)


@dataclass(slots=True)
class ProjectionContext:
    """With what a projection is parsed; `condition` is the query's filter, for `$`."""

    scope: Scope = field(default_factory=Scope)
    condition: And | None = None
    filters: FilterContext = field(default_factory=FilterContext)
    is_find: bool = True


DOLLAR_NAMES = frozenset({"$id", "$ref", "$db", "$sortKey", "$textScore", "$recordId"})
"""Names that may begin with a dollar: those of references and of metadata."""


def _check_names(path: str, is_find: bool) -> None:
    for part in path.split("."):
        if part == "$" and is_find and not path.startswith("$"):
            raise MongoError(31394, "As of 4.4, it's illegal to specify positional operator in "
                             f"the middle of a path: {path}")  # fmt: skip
        if part.startswith("$") and part not in DOLLAR_NAMES:
            raise MongoError(16410, f"FieldPath field names may not start with '$': {path}")


class _Parser:
    def __init__(self, spec: Document, context: ProjectionContext):
        self.context = context
        self.tree = Node()
        self.is_inclusion: bool | None = None
        self.id_flag: bool | None = None
        self.after: list[Callable[[Document, Document], Document]] = []
        """What is done last: with the projected document and the whole one."""
        self.positional = ""
        self.sliced: list[str] = []
        for path, value in spec.items():
            self.read(path, value)
        if self.is_inclusion:
            for path in self.sliced:
                node, name = self.tree.place(path)
                node.leaves.add(name)
        self.tree.settle()

    def read(self, path: str, value: object) -> None:
        if not path:
            raise MongoError(40352, "An empty field name is not allowed in a projection")
        if path.endswith(".$") and self.context.is_find:
            if not is_truthy(value):
                raise MongoError(31395, "positional projection cannot be used with an exclusion")
            self._positional(path.removesuffix(".$"))
            return
        _check_names(path, self.context.is_find)
        if _is_flag(value):
            self._flag(path, is_truthy(value))
        elif type(value) is dict and value and next(iter(value)).startswith("$"):
            self._operator(path, value)
        elif type(value) is dict:
            if not value:
                raise MongoError(51270, "An empty sub-projection is not a valid value.")
            for name, inner in value.items():
                self.read(f"{path}.{name}", inner)
        else:
            self._computed(path, value)

    def _flag(self, path: str, wanted: bool) -> None:
        if path == "_id":
            self.id_flag = wanted
            return
        self._decide(path, wanted)
        node, name = self.tree.place(path)
        node.leaves.add(name)

    def _decide(self, path: str, inclusion: bool) -> None:
        if self.is_inclusion is None:
            self.is_inclusion = inclusion
        elif self.is_inclusion != inclusion:
            mode = ("inclusion", 31253) if not inclusion else ("exclusion", 31254)
            raise MongoError(
                31254 if mode[0] == "inclusion" else 31253,
                f"Cannot do {'exclusion' if not inclusion else 'inclusion'} on field {path} in "
                f"{mode[0]} projection",
            )

    def _operator(self, path: str, value: Document) -> None:
        name, operand = next(iter(value.items()))
        if self.context.is_find and name == "$slice" and not _is_expression_slice(operand):
            self._slice(path, operand)
        elif self.context.is_find and name == "$elemMatch":
            self._elem_match(path, operand)
        elif name == "$meta":
            self._meta(path, operand)
        else:
            self._computed(path, value)

    def _computed(self, path: str, value: object) -> None:
        if self.is_inclusion is False:
            raise MongoError(31252, f"Cannot use an expression in an exclusion projection: {path}")
        self.is_inclusion = True
        if path == "_id":
            self.id_flag = True
        node, name = self.tree.place(path)
        node.computed[name] = compile_expression(value, self.context.scope)

    def _meta(self, path: str, operand: object) -> None:
        if type(operand) is not str:
            raise MongoError(17307, "$meta only supports string arguments")
        node, name = self.tree.place(path)
        if operand in metadata.NAMES:
            if self.context.is_find and not self.context.filters.metadata.is_kept:
                raise MongoError(
                    40218, f"query requires {operand} metadata, but it is not available"
                )
            node.computed[name] = compile_expression({"$meta": operand}, self.context.scope)
        elif operand in ("indexKey", "recordId", "sortKey", "randVal"):
            node.computed[name] = lambda document, variables: variables.get(operand, MISSING)
        else:
            raise MongoError(17308, f"Unsupported $meta field: {operand}")

    def _slice(self, path: str, operand: object) -> None:
        cut = _slicer(operand)
        self.after.append(lambda kept, whole: _replaced(kept, path.split("."), cut))
        self.sliced.append(path)

    def _elem_match(self, path: str, operand: object) -> None:
        if "." in path:
            raise MongoError(31275, "Cannot use $elemMatch projection on a nested field")
        if type(operand) is not dict:
            raise MongoError(31274, "elemMatch: Invalid argument, object required, but got "
                             f"{type_name(operand)}")  # fmt: skip
        self._decide(path, True)
        self.tree.place(path)
        find = compile_filter({path: {"$elemMatch": operand}}, self.context.filters)

        def pick(kept: Document, whole: Document) -> Document:
            array = whole.get(path)
            if type(array) is list:
                found = next((item for item in array if find({path: [item]})), MISSING)
                if found is not MISSING:
                    kept[path] = [found]
            return kept

        self.after.append(pick)

    def _positional(self, path: str) -> None:
        if self.positional:
            raise MongoError(31276, "Cannot specify more than one positional projection per query.")
        self.positional = path
        self._flag(path, True)
        condition = self.context.condition

        def pick(kept: Document, whole: Document) -> Document:
            index = condition.matched_index(whole) if condition else None
            if index is None:
                raise MongoError(51246, "Executor error during find command :: caused by :: "
                                 "positional operator '.$' couldn't find a matching element in "
                                 "the array")  # fmt: skip
            return _replaced(kept, path.split("."), lambda array: array[index : index + 1])

        self.after.append(pick)


def _is_expression_slice(operand: object) -> bool:
    return type(operand) is list and bool(operand) and not all(map(_is_flag, operand))


def _slicer(operand: object) -> Callable[[list], list]:
    if type(operand) is list:
        if len(operand) != 2 or not all(map(_is_flag, operand)):
            raise MongoError(28724, "$slice takes a number, or two")
        skip, limit = int(operand[0]), int(operand[1])
        if limit <= 0:
            raise MongoError(28729, "Third argument to $slice must be positive")

        def cut(array: list) -> list:
            start = max(len(array) + skip, 0) if skip < 0 else skip
            return array[start : start + limit]

        return cut
    if not _is_flag(operand):
        raise MongoError(28667, "$slice takes a number, or two")
    count = int(operand)
    return lambda array: array[:count] if count >= 0 else array[count:]


def _replaced(document: Document, parts: list[str], change: Callable[[list], list]) -> Document:
    """A copy in which the array at a path is another one."""
    name, *rest = parts
    if name not in document:
        return document
    value = document[name]
    if not rest:
        if type(value) is not list:
            return document
        return {**document, name: change(value)}
    if type(value) is dict:
        return {**document, name: _replaced(value, rest, change)}
    if type(value) is list:
        items = [_replaced(item, rest, change) if type(item) is dict else item for item in value]
        return {**document, name: items}
    return document


def parse_projection(spec: object, context: ProjectionContext | None = None) -> Project | None:
    """A function from a document to what is shown of it; None where all of it is."""
    context = context or ProjectionContext()
    if type(spec) is not dict:
        raise MongoError(14, "the projection must be an object")
    if not spec:
        return None
    parsed = _Parser(spec, context)
    is_inclusion = parsed.is_inclusion
    if is_inclusion is None:
        # Only _id was spoken of, or only operators.
        is_inclusion = bool(parsed.id_flag) and not parsed.after
    tree = parsed.tree
    if is_inclusion:
        if (
            parsed.id_flag is not False
            and "_id" not in tree.computed
            and "_id" not in tree.children
        ):
            tree.leaves.add("_id")
        walk = include
    else:
        if parsed.id_flag is False:
            tree.leaves.add("_id")
        walk = exclude
    return _combined(tree, walk, parsed.after)


def shown_paths(spec: Document) -> frozenset[str] | None:
    """The paths of a plain inclusion; None where more than these fields is shown."""
    wanted = set()
    for path, value in spec.items():
        if not _is_flag(value) or path.endswith(".$"):
            return None
        if is_truthy(value):
            wanted.add(path)
        elif path != "_id":
            return None
    if not wanted:
        return None
    return frozenset(wanted if "_id" in spec else wanted | {"_id"})


def _combined(tree: Node, walk: Callable, after: list[Callable]) -> Project:
    if not tree.has_computed and not after:
        return lambda document, variables: walk(tree, document)

    def project(document: Document, variables: Variables) -> Document:
        shown = walk(tree, document)
        if tree.has_computed:
            shown = compute(tree, shown, document, variables)
        for step in after:
            shown = step(shown, document)
        return shown

    return project


def parse_added_fields(spec: object, scope: Scope) -> Project:
    """`$addFields`: all of the document, with computed fields in it."""
    if type(spec) is not dict:
        raise MongoError(40272, "$addFields specification stage must be an object")
    tree = Node()
    _read_added(tree, "", spec, scope)
    tree.settle()
    return lambda document, variables: compute(tree, document, document, variables)


def _read_added(tree: Node, prefix: str, spec: Document, scope: Scope) -> None:
    for name, value in spec.items():
        path = prefix + name
        if not name or name.startswith("$") or "" in path.split("."):
            raise MongoError(
                16410 if name else 40352,
                f"FieldPath field names may not start with '$' or be empty: {path}",
            )
        is_nested = type(value) is dict and value and not next(iter(value)).startswith("$")
        if is_nested:
            _read_added(tree, f"{path}.", value, scope)
        else:
            node, last = tree.place(path)
            node.computed[last] = compile_expression(value, scope)


def parse_unset(paths: list[str]) -> Project:
    """`$unset`: all but these."""
    tree = Node()
    for path in paths:
        node, name = tree.place(path)
        node.leaves.add(name)
    return lambda document, variables: exclude(tree, document)
