"""Updates: what a client wants changed becomes a function from a document to the new one.

    {$set: {a: 1}, $push: {"b.$[x].c": 5}}     operators, each at a path
    {a: 1, b: 2}                               a replacement, which keeps _id
    [{$set: {a: "$b"}}]                        a pipeline (`services.docdb.pipeline`)

Paths step into documents and, by number, into arrays. Three kinds of steps stand for elements:

    $          the element that the query has matched
    $[]        all elements
    $[name]    those for which the array filter of that name holds

Changes are made in the order of their paths, as MongoDB does, on a copy in which only what lies
on a path is new: the stored document stays as it was, also when a later operator fails.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, bad_value, failed_to_parse
from services.docdb.query.comparison import MISSING
from services.docdb.query.conditions import Predicate
from services.docdb.query.filters import FilterContext, compile_filter
from services.docdb.query.type_names import type_name
from services.docdb.query.update_operators import (
    NEVER_CREATES,
    OPERATORS,
    UpdateContext,
    check_operand,
)

MAX_PADDING = 1_500_000


@dataclass(slots=True)
class Change:
    """One operator at one path."""

    operator: str
    parts: tuple[str, ...]
    operand: object

    @property
    def path(self) -> str:
        return ".".join(self.parts)


@dataclass(slots=True)
class Update:
    """A parsed update by operators."""

    changes: list[Change] = field(default_factory=list)
    on_insert: list[Change] = field(default_factory=list)
    array_filters: dict[str, Predicate] = field(default_factory=dict)

    def apply(
        self,
        document: Document,
        context: UpdateContext,
        position: Callable[[], int | None] = lambda: None,
        *,
        is_insert: bool = False,
    ) -> Document:
        """The new document; `position` says which element the query has matched."""
        context.document_id = document.get("_id")
        changes = self.changes
        if is_insert and self.on_insert:
            changes = sorted([*changes, *self.on_insert], key=_order)
        for change in changes:
            context.path = change.path
            if change.operator == "$rename":
                document = _rename(document, change)
            else:
                document = _Walk(self, change, context, position).into(document, 0)
        return document


def _order(change: Change) -> tuple:
    """Numbers in paths count as numbers."""
    return tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in change.parts)


class _Walk:
    """One change on its way down a document."""

    __slots__ = ("_change", "_context", "_creates", "_operate", "_position", "_update")

    def __init__(self, update: Update, change: Change, context: UpdateContext, position: Callable):
        self._update = update
        self._change = change
        self._context = context
        self._position = position
        self._operate = OPERATORS[change.operator]
        self._creates = change.operator not in NEVER_CREATES

    def into(self, value: object, depth: int) -> object:
        """A copy of a document or an array with the change in it."""
        part = self._change.parts[depth]
        if type(value) is dict:
            if part.startswith("$") and (part == "$" or part.startswith("$[")):
                self._not_an_array(part, value, depth)
            return self._in_document(value, part, depth)
        if type(value) is list:
            return self._in_array(value, part, depth)
        if not self._creates:
            return value
        name = self._change.parts[depth - 1]
        if part.startswith("$["):
            raise bad_value(
                f"Cannot apply array updates to non-array element {name}: {_shown(value)}"
            )
        raise MongoError(28, f"Cannot create field '{part}' in element {{{name}: {_shown(value)}}}")

    def _not_an_array(self, part: str, value: object, depth: int) -> None:
        if part == "$":
            raise bad_value("The positional operator did not find the match needed from the query.")
        path = ".".join(self._change.parts[:depth])
        raise bad_value(
            f"The path '{path}' must exist in the document in order to apply array updates."
        )

    def _below(self, value: object, depth: int) -> object:
        """The new value one step further down: the change itself, at the end of the path."""
        if depth == len(self._change.parts):
            return self._operate(value, self._change.operand, self._context)
        if value is MISSING:
            if not self._creates:
                return MISSING
            value = {}
        return self.into(value, depth)

    def _in_document(self, document: Document, part: str, depth: int) -> Document:
        current = document.get(part, MISSING)
        value = self._below(current, depth + 1)
        if value is current:
            return document
        changed = dict(document)
        if value is MISSING:
            changed.pop(part, None)
        else:
            changed[part] = value
        return changed

    def _in_array(self, array: list, part: str, depth: int) -> list:
        if part == "$":
            index = self._position()
            if index is None:
                raise bad_value(
                    "The positional operator did not find the match needed from the query."
                )
            return self._at(array, index, depth)
        if part == "$[]":
            return [_null(self._below(item, depth + 1)) for item in array]
        if part.startswith("$["):
            matches = self._update.array_filters[part[2:-1]]
            return [
                _null(self._below(item, depth + 1)) if matches(item) else item for item in array
            ]
        if part.isdigit():
            return self._at(array, int(part), depth)
        if not self._creates:
            return array
        name = self._change.parts[depth - 1]
        raise MongoError(28, f"Cannot create field '{part}' in element {{{name}: {_shown(array)}}}")

    def _at(self, array: list, index: int, depth: int) -> list:
        current = array[index] if index < len(array) else MISSING
        value = self._below(current, depth + 1)
        if value is current:
            return array
        if value is MISSING and index >= len(array):
            return array
        if index - len(array) > MAX_PADDING:
            raise bad_value("can't backfill array to larger than 1500000 elements")
        changed = [*array, *[None] * (index + 1 - len(array))]
        changed[index] = _null(value)
        return changed


def _null(value: object) -> object:
    """An element that is taken away leaves its place behind."""
    return None if value is MISSING else value


def _shown(value: object) -> str:
    text = f'"{value}"' if type(value) is str else str(value)
    return text if len(text) < 100 else text[:97] + "..."


def _rename(document: Document, change: Change) -> Document:
    source, target = change.parts, tuple(change.operand.split("."))
    value = _plain(document, source)
    if value is MISSING:
        return document
    context, update = UpdateContext(), Update()
    nothing = lambda: None  # noqa: E731
    document = _Walk(update, Change("$unset", source, ""), context, nothing).into(document, 0)
    return _Walk(update, Change("$set", target, value), context, nothing).into(document, 0)


def _plain(document: Document, parts: tuple[str, ...]) -> object:
    value: object = document
    for part in parts:
        if type(value) is list:
            raise bad_value("The source field of a $rename cannot be an array element")
        value = value.get(part, MISSING) if type(value) is dict else MISSING
    return value


# Parsing.


def is_replacement(spec: Document) -> bool:
    return not next(iter(spec), "").startswith("$")


def parse_update(
    spec: Document, array_filters: object = None, filters: FilterContext | None = None
) -> Update:
    """An update by operators. Raises MongoError."""
    update = Update(array_filters=_parse_array_filters(array_filters, filters))
    for name, operands in spec.items():
        if name != "$rename" and name not in OPERATORS:
            raise failed_to_parse(
                f"Unknown modifier: {name}. Expected a valid update modifier or pipeline-style "
                "update specified as an array"
            )
        if type(operands) is not dict:
            raise failed_to_parse(
                f"Modifiers operate on fields but we found type {type_name(operands)} instead. For "
                f"example: {{$mod: {{<field>: ...}}}} not {{{name}: {operands!r}}}"
            )
        target = update.on_insert if name == "$setOnInsert" else update.changes
        target += [_parse_change(name, path, operand) for path, operand in operands.items()]
    _check_conflicts([*update.changes, *update.on_insert])
    _check_identifiers(update)
    update.changes.sort(key=_order)
    return update


def _parse_change(name: str, path: str, operand: object) -> Change:
    parts = tuple(path.split("."))
    if not path:
        raise MongoError(56, "An empty update path is not valid.")
    if "" in parts:
        raise MongoError(
            56, f"The update path '{path}' contains an empty field name, which is not allowed."
        )
    if parts[0].startswith("$") and parts[0] not in ("$ref", "$id", "$db"):
        if parts[0] == "$" or parts[0].startswith("$["):
            raise bad_value(
                f"Cannot have array filter identifier or positional operator in the first "
                f"position: '{path}'"
            )
        raise MongoError(
            52, f"The dollar ($) prefixed field '{parts[0]}' in '{path}' is not valid for storage."
        )
    if parts.count("$") > 1:
        raise bad_value(f"Too many positional (i.e. '$') elements found in path '{path}'")
    check_operand(name, path, operand)
    if name == "$rename":
        _check_rename(path, operand)
    return Change(name, parts, operand)


def _check_rename(path: str, target: str) -> None:
    if path == target:
        raise bad_value(f'The source and target field for $rename must differ: {path}: "{target}"')
    if "$" in path or "$" in target:
        raise bad_value("$rename fields may not be dynamic: " + path)
    if not target or "" in target.split("."):
        raise MongoError(
            56, "The update path '' contains an empty field name, which is not allowed."
        )


def _check_conflicts(changes: list[Change]) -> None:
    paths = [change.parts for change in changes]
    paths += [tuple(c.operand.split(".")) for c in changes if c.operator == "$rename"]
    paths.sort()
    for first, second in pairwise(paths):
        if second[: len(first)] == first:
            raise MongoError(
                40,
                f"Updating the path '{'.'.join(second)}' would create a conflict at "
                f"'{'.'.join(first)}'",
            )


def _parse_array_filters(specs: object, filters: FilterContext | None) -> dict[str, Predicate]:
    parsed: dict[str, Predicate] = {}
    if specs is not None and type(specs) is not list:
        raise MongoError(14, "arrayFilters has to be an array")
    for spec in specs or []:
        if type(spec) is not dict:
            raise MongoError(14, "each of arrayFilters has to be an object")
        names = _identifiers(spec)
        if len(names) != 1:
            raise failed_to_parse("Error parsing array filter :: caused by :: Expected a single "
                                  f"top-level field name, found {sorted(names)}")  # fmt: skip
        name = names.pop()
        if name in parsed:
            raise failed_to_parse(
                f"Found multiple array filters with the same top-level field name {name}"
            )
        if not name[:1].islower() or not name.isalnum():
            raise bad_value("Error parsing array filter :: caused by :: The top-level field "
                            "name must be an "
                            f"alphanumeric string beginning with a lowercase letter, found "
                            f"'{name}'")  # fmt: skip
        holds = compile_filter(spec, filters)
        parsed[name] = lambda item, name=name, holds=holds: holds({name: item})
    return parsed


def _identifiers(spec: Document) -> set[str]:
    names: set[str] = set()
    for name, operand in spec.items():
        if name in ("$and", "$or", "$nor"):
            for inner in operand if type(operand) is list else []:
                names |= _identifiers(inner) if type(inner) is dict else set()
        else:
            names.add(name.split(".")[0])
    return names


def _check_identifiers(update: Update) -> None:
    used = {
        part[2:-1]
        for change in (*update.changes, *update.on_insert)
        for part in change.parts
        if part.startswith("$[") and part != "$[]"
    }
    for name in used - set(update.array_filters):
        raise bad_value(f"No array filter found for identifier '{name}' in path")
    for name in set(update.array_filters) - used:
        raise failed_to_parse(
            f"The array filter for identifier '{name}' was not used in the update"
        )
