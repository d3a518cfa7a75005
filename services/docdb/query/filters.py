"""Filters: the document of a query becomes a tree of conditions.

    {name: value}                 equality, or a regular expression
    {name: {$gt: 1, $lt: 5}}      operators on one field, all of which must hold
    {$or: […]}                    conditions on the whole document

What an operator does with one value is in `operators`; how the tree is run in `conditions`.
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
    Computed,
    Condition,
    Field,
    Never,
    Not,
    Or,
    Predicate,
    Reach,
)
from services.docdb.query.json_schema import compile_schema
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


def parse_filter(spec: object, context: FilterContext | None = None) -> And:
    """The conditions of a filter. Raises MongoError."""
    if type(spec) is not dict:
        raise MongoError(14, "the filter must be an object")
    return And(_parse(spec, context or FilterContext()))


def compile_filter(spec: object, context: FilterContext | None = None) -> Predicate:
    return parse_filter(spec, context).compile()


def _parse(spec: Document, context: FilterContext) -> list[Condition]:
    conditions: list[Condition] = []
    for name, operand in spec.items():
        if name.startswith("$"):
            parser = TOP_LEVEL.get(name)
            if parser is None:
                raise bad_value(f"unknown top level operator: {name}. If you have a field name "
                                "that starts with a '$' symbol, consider using $getField or "
                                "$setField.")  # fmt: skip
            condition = parser(operand, context)
            if condition is not None:
                conditions.append(condition)
        else:
            conditions += parse_field(name, operand, context)
    return conditions


# The whole document.


def _clauses(name: str, operand: object, context: FilterContext) -> list[Condition]:
    if type(operand) is not list:
        raise bad_value(f"{name} must be an array")
    if not operand:
        raise bad_value("$and/$or/$nor must be a nonempty array")
    if any(type(item) is not dict for item in operand):
        raise bad_value("$or/$and/$nor entries need to be full objects")
    return [And(_parse(item, context)) for item in operand]


def _and(operand: object, context: FilterContext) -> Condition:
    return And(_clauses("$and", operand, context))


def _or(operand: object, context: FilterContext) -> Condition:
    return Or(_clauses("$or", operand, context))


def _nor(operand: object, context: FilterContext) -> Condition:
    return Not(Or(_clauses("$nor", operand, context)))


def _expr(operand: object, context: FilterContext) -> Condition:
    from services.docdb.expressions.compiler import Scope, compile_expression

    scope = context.scope or Scope(key=context.key)
    evaluate, variables = compile_expression(operand, scope), context.variables
    truthy = operators.is_truthy
    return Computed("$expr", operand, lambda document: truthy(evaluate(document, variables)))


def _json_schema(operand: object, context: FilterContext) -> Condition:
    return Computed("$jsonSchema", operand, compile_schema(operand))


def _comment(operand: object, context: FilterContext) -> None:
    return None


def _needs_javascript(operand: object, context: FilterContext) -> Condition:
    raise MongoError(2, "no globalScriptEngine: this server runs no JavaScript ($where)")


def _text(operand: object, context: FilterContext) -> Condition:
    if context.text_search is None:
        raise MongoError(27, "text index required for $text query")
    return context.text_search(operand)


def _always(result: bool) -> Callable[[object, FilterContext], Condition]:
    return lambda operand, context: And([]) if result else Never()


def _sample_rate(operand: object, context: FilterContext) -> Condition:
    import random

    if not isinstance(operand, int | float) or not 0 <= operand <= 1:
        raise bad_value("argument to $sampleRate must be in [0, 1]")
    return Computed("$sampleRate", operand, lambda document: random.random() < operand)


TOP_LEVEL: dict[str, Callable[[object, FilterContext], Condition | None]] = {
    "$and": _and,
    "$or": _or,
    "$nor": _nor,
    "$expr": _expr,
    "$jsonSchema": _json_schema,
    "$comment": _comment,
    "$where": _needs_javascript,
    "$text": _text,
    "$alwaysTrue": _always(True),
    "$alwaysFalse": _always(False),
    "$sampleRate": _sample_rate,
}

# One field.


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
    if {"$near", "$nearSphere", "$geoWithin", "$geoIntersects", "$within"} & set(operand):
        raise MongoError(238, "geospatial queries are not implemented by this server")
    conditions = []
    for name, value in operand.items():
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
    return Not(And(parse_field(path, operand, context)))


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
    is_value = is_operators(operand) and next(iter(operand)) not in TOP_LEVEL
    if is_value:
        inner = And(parse_field("element", operand, context)).compile()
        test = _any_value(inner)
    else:
        test = _any_document(And(_parse(operand, context)).compile())
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


def equalities(conditions: list[Condition]) -> dict[str, object]:
    """The fields that a filter fixes to one value: an upsert begins with them."""
    fixed: dict[str, object] = {}
    for condition in conditions:
        match condition:
            case Field(operator="$eq"):
                found = {condition.path: condition.operand}
            case Field(operator="$in", operand=[only]) if type(only) is not Regex:
                found = {condition.path: only}
            case And(children) | Or([And(children)]):
                found = equalities(children)
            case _:
                continue
        for path, value in found.items():
            if path in fixed:
                raise MongoError(
                    54, f"cannot infer query fields to set, path '{path}' is matched twice"
                )
            fixed[path] = value
    return fixed
