"""Filters: the document of a query becomes a tree of conditions.

    {name: value}                 equality, or a regular expression
    {name: {$gt: 1, $lt: 5}}      operators on one field, all of which must hold
    {$or: […]}                    conditions on the whole document

The conditions on one field are made in `field_filters`; how the tree is run is in `conditions`.
"""

from collections.abc import Callable

from services.docdb.bson.types import Document, Regex
from services.docdb.errors import MongoError, bad_value
from services.docdb.query import operators
from services.docdb.query.conditions import (
    And,
    Computed,
    Condition,
    Field,
    Never,
    Not,
    Or,
    Predicate,
)
from services.docdb.query.field_filters import (
    FilterContext,
    has_near,
    is_operators,
    parse_field,
    refuse_near,
)
from services.docdb.query.json_schema import compile_schema

__all__ = [
    "FilterContext",
    "compile_filter",
    "compile_validator",
    "equalities",
    "has_near",
    "is_operators",
    "parse_document",
    "parse_field",
    "parse_filter",
]


def parse_filter(spec: object, context: FilterContext | None = None) -> And:
    """The conditions of a filter. Raises MongoError."""
    if type(spec) is not dict:
        raise MongoError(14, "the filter must be an object")
    return And(parse_document(spec, context or FilterContext()))


def compile_filter(spec: object, context: FilterContext | None = None) -> Predicate:
    """A filter that no plan stands behind."""
    condition = parse_filter(spec, context)
    if has_near(condition):
        raise MongoError(
            5626500, "$geoNear, $near, and $nearSphere are not allowed in this context"
        )
    return condition.compile()


def compile_validator(spec: Document) -> Predicate:
    """What a collection demands of its documents: each stands for itself. Raises MongoError."""
    return compile_filter(spec, FilterContext(text_search=_not_in_validators))


def _not_in_validators(operand: object) -> Condition:
    raise bad_value("$text is not allowed in this context")


def parse_document(spec: Document, context: FilterContext) -> list[Condition]:
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
    clauses = [And(parse_document(item, context)) for item in operand]
    if name != "$and":
        refuse_near(And(clauses))
    return clauses


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
