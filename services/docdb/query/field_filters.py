"""Filters of single fields: `{age: {$gt: 1, $lt: 5}}` becomes conditions, all of which must hold.

What an operator does with one value is in `operators`; filters of the whole document are in
`filters`, which comes back here for each field.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.docdb.bson.types import UNDEFINED, Document, Regex
from services.docdb.errors import MongoError, bad_value
from services.docdb.query import operators
from services.docdb.query.comparison import KeyMaker, sort_key
from services.docdb.query.conditions import (
    And,
    Condition,
    Field,
    Never,
    Not,
    Predicate,
    Reach,
)
from services.docdb.query.geo_conditions import BESIDE_NEAR, NEAR_OPERATORS, parse_geo
from services.docdb.query.geo_conditions import OPERATORS as GEO_OPERATORS
from services.docdb.query.metadata import Metadata
from services.docdb.query.paths import split

if TYPE_CHECKING:
    from services.docdb.expressions.compiler import Scope


@dataclass(slots=True)
class FilterContext:
    """What a filter is parsed with: the order of values, and what `$expr` can see."""

    key: KeyMaker = sort_key
    scope: "Scope | None" = None
    text_search: Callable[[object], Condition] | None = None
    variables: dict[str, object] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)


def has_near(condition: Condition) -> bool:
    """Whether documents are asked for in the order of their distance."""
    if type(condition) is And:
        return any(map(has_near, condition.children))
    return type(condition) is Field and condition.operator == "$near"


def refuse_near(condition: Condition) -> None:
    """There is one order of distance, for all that is found. Raises MongoError."""
    if has_near(condition):
        raise bad_value("geo $near must be top-level expr")


def is_operators(operand: object) -> bool:
    """Whether a document is `{$gt: …}` rather than a value to be equal to."""
    if type(operand) is not dict or not operand:
        return False
    first = next(iter(operand))
    return first.startswith("$") and first not in ("$ref", "$id", "$db")


def parse_field(path: str, operand: object, context: FilterContext) -> list[Condition]:
    """The conditions on one path."""
    if not is_operators(operand):
        return [_equality(path, operand, context)]
    if "$regex" in operand or "$options" in operand:
        operand = _joined_regex(operand)
    conditions: list[Condition] = []
    is_near = not NEAR_OPERATORS.isdisjoint(operand)
    for name, value in operand.items():
        if name in GEO_OPERATORS:
            conditions.append(parse_geo(path, name, operand))
            context.metadata.is_kept |= is_near
            continue
        if is_near and name in BESIDE_NEAR:
            continue
        parser = FIELD_OPERATORS.get(name)
        if parser is None:
            raise bad_value(f"unknown operator: {name}")
        condition = parser(path, value, context)
        if condition is not None:
            conditions.append(condition)
    return conditions


def _field(path: str, name: str, operand: object, test: operators.Test, **reach: Reach) -> Field:
    return Field(path, split(path), name, operand, test, **reach)


def _equality(path: str, operand: object, context: FilterContext) -> Condition:
    if type(operand) is Regex:
        return _field(path, "$regex", operand, operators.matches_regex(operand))
    return _eq(path, operand, context)


def _eq(path: str, operand: object, context: FilterContext) -> Condition:
    if operand is UNDEFINED:
        raise bad_value("cannot compare to undefined")
    return _field(path, "$eq", operand, operators.equals(operand, context.key))


def _ne(path: str, operand: object, context: FilterContext) -> Condition:
    if type(operand) is Regex:
        raise bad_value("Can't have regex as arg to $ne.")
    return Not(_eq(path, operand, context))


def _comparison(name: str) -> Callable[[str, object, FilterContext], Condition]:
    def parse(path: str, operand: object, context: FilterContext) -> Condition:
        if type(operand) is Regex:
            raise bad_value(f"Can't have RegEx as arg to predicate over field '{path}'.")
        return _field(path, name, operand, operators.compares(name, operand, context.key))

    return parse


def _in(path: str, operand: object, context: FilterContext, name: str = "$in") -> Condition:
    if type(operand) is not list:
        raise bad_value(f"{name} needs an array")
    if any(is_operators(item) for item in operand):
        raise bad_value(f"cannot nest $ under {name}")
    return _field(path, "$in", operand, operators.is_in(operand, context.key))


def _nin(path: str, operand: object, context: FilterContext) -> Condition:
    return Not(_in(path, operand, context, "$nin"))


def _not(path: str, operand: object, context: FilterContext) -> Condition:
    if type(operand) is Regex:
        return Not(_equality(path, operand, context))
    if type(operand) is not dict:
        raise bad_value("$not needs a regex or a document")
    if not operand:
        raise bad_value("$not cannot be empty")
    if not is_operators(operand):
        raise bad_value(f"unknown operator: {next(iter(operand))}")
    inner = And(parse_field(path, operand, context))
    refuse_near(inner)
    return Not(inner)


def _exists(path: str, operand: object, context: FilterContext) -> Condition:
    wanted = operators.is_truthy(operand)
    return _field(path, "$exists", wanted, operators.exists(operand), reach=Reach.WHOLE)


def _type(path: str, operand: object, context: FilterContext) -> Condition:
    return _field(path, "$type", operand, operators.has_type(operand))


def _size(path: str, operand: object, context: FilterContext) -> Condition:
    return _field(path, "$size", operand, operators.has_size(operand), reach=Reach.WHOLE)


def _mod(path: str, operand: object, context: FilterContext) -> Condition:
    return _field(path, "$mod", operand, operators.has_remainder(operand))


def _bits(name: str) -> Callable[[str, object, FilterContext], Condition]:
    return lambda path, operand, context: _field(
        path, name, operand, operators.has_bits(name, operand)
    )


def _joined_regex(operand: Document) -> Document:
    """`{$regex: "a", $options: "i"}` as one regular expression."""
    pattern, options = operand.get("$regex"), operand.get("$options")
    if pattern is None:
        raise bad_value("$options needs a $regex")
    if options is not None and type(options) is not str:
        raise bad_value("$options has to be a string")
    if type(pattern) is Regex:
        if options is not None and pattern.options:
            raise MongoError(51075, "options set in both $regex and $options")
        pattern, options = pattern.pattern, options or pattern.options
    if type(pattern) is not str:
        raise bad_value("$regex has to be a string")
    joined = Regex(pattern, "".join(sorted(options or "")))
    rest = {name: value for name, value in operand.items() if name != "$options"}
    return rest | {"$regex": joined}


def _regex(path: str, operand: object, context: FilterContext) -> Condition:
    return _field(path, "$regex", operand, operators.matches_regex(operand))


def _all(path: str, operand: object, context: FilterContext) -> Condition:
    if type(operand) is not list:
        raise bad_value("$all needs an array")
    if not operand:
        return Never()
    conditions: list[Condition] = []
    for item in operand:
        if type(item) is dict and "$elemMatch" in item:
            conditions.append(_elem_match(path, item["$elemMatch"], context))
        elif is_operators(item):
            raise bad_value("no $ expressions in $all")
        else:
            conditions.append(_equality(path, item, context))
    return And(conditions)


def _elem_match(path: str, operand: object, context: FilterContext) -> Condition:
    """One element for which all of it holds: as a value, or as a document."""
    if type(operand) is not dict:
        raise bad_value("$elemMatch needs an Object")
    from services.docdb.query.filters import TOP_LEVEL, parse_document

    is_value = is_operators(operand) and next(iter(operand)) not in TOP_LEVEL
    if is_value:
        inner = And(parse_field("element", operand, context)).compile()
        test = _any_value(inner)
    else:
        test = _any_document(And(parse_document(operand, context)).compile())
    return _field(path, "$elemMatch", operand, test, reach=Reach.WHOLE)


def _any_value(holds: Predicate) -> operators.Test:
    return lambda value: type(value) is list and any(holds({"element": item}) for item in value)


def _any_document(holds: Predicate) -> operators.Test:
    def test(value: object) -> bool:
        if type(value) is not list:
            return False
        return any(holds(_as_document(item)) for item in value if type(item) in (dict, list))

    return test


def _as_document(item: object) -> Document:
    if type(item) is list:  # An array within the array: its places are its names.
        return {str(index): value for index, value in enumerate(item)}
    return item


def _no_operand(path: str, operand: object, context: FilterContext) -> None:
    return None


FIELD_OPERATORS: dict[str, Callable[[str, object, FilterContext], Condition | None]] = {
    "$eq": _eq,
    "$ne": _ne,
    "$gt": _comparison("$gt"),
    "$gte": _comparison("$gte"),
    "$lt": _comparison("$lt"),
    "$lte": _comparison("$lte"),
    "$in": _in,
    "$nin": _nin,
    "$not": _not,
    "$exists": _exists,
    "$type": _type,
    "$size": _size,
    "$mod": _mod,
    "$regex": _regex,
    "$all": _all,
    "$elemMatch": _elem_match,
    "$comment": _no_operand,
    "$bitsAllSet": _bits("$bitsAllSet"),
    "$bitsAllClear": _bits("$bitsAllClear"),
    "$bitsAnySet": _bits("$bitsAnySet"),
    "$bitsAnyClear": _bits("$bitsAnyClear"),
}
