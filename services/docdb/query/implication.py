"""Implication: whether all that a query can find is in a partial index.

    index {age: 1}, partialFilterExpression {age: {$gte: 18}}

    {age: {$gt: 20}}                       yes
    {age: 30, city: "Rome"}                yes
    {$or: [{age: 20}, {age: 30}]}          yes: each of its clauses
    {age: {$gt: 10}}, {city: "Rome"}       no: the index may lack some of it

What cannot be proved counts as no: the query then reads more than it has to, and nothing false.
# Real: expression::isSubsetOf()
"""

from services.docdb.errors import MongoError
from services.docdb.query.conditions import And, Condition, Field, Not, Or

_UPWARD, _DOWNWARD = ("$gt", "$gte"), ("$lt", "$lte")
_NEEDS_A_FIELD = frozenset({"$regex", "$mod", "$size", "$type", "$elemMatch", "$bitsAllSet",
                            "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear", "$geoWithin",
                            "$geoIntersects", "$near"})  # fmt: skip
_ALLOWED = frozenset({"$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$type", "$exists",
                      "$geoWithin", "$geoIntersects"})  # fmt: skip


def check_expression(condition: Condition) -> None:
    """What a partial index may be defined by. Raises MongoError 67."""
    match condition:
        case And(children) | Or(children):
            for child in children:
                check_expression(child)
        case Field(operator=operator, operand=operand) if operator in _ALLOWED:
            if operator == "$exists" and not operand:
                raise _unsupported("$not $exists")
        case Field(operator=operator):
            raise _unsupported(operator)
        case Not():
            raise _unsupported("$not")
        case _:
            raise _unsupported(type(condition).__name__)


def _unsupported(what: str) -> MongoError:
    return MongoError(67, f"unsupported expression in partial index: {what}")


def implies(given: Condition, needed: Condition) -> bool:
    """Whether `needed` holds for every document for which `given` does."""
    match needed:
        case And(children):
            return all(implies(given, child) for child in children)
        case Or(children) if any(implies(given, child) for child in children):
            return True
    match given:
        case And(children):
            return any(implies(child, needed) for child in children)
        case Or(children):
            return bool(children) and all(implies(child, needed) for child in children)
        case Field() if type(needed) is Field and given.path == needed.path:
            return _stronger(given, needed)
    return False


def _stronger(have: Field, need: Field) -> bool:
    if have.operator == need.operator and have.operand == need.operand:
        return type(have.operand) is type(need.operand)
    if have.operator == "$eq":
        # null is also found where there is no field.
        return have.operand is not None and type(have.operand) is not list and need.test(
            have.operand
        )  # fmt: skip
    if have.operator == "$in":
        values = have.operand
        return all(_stronger(_equality(have, value), need) for value in values)
    if need.operator == "$exists" and need.operand:
        is_range = have.operator in _UPWARD + _DOWNWARD and have.operand is not None
        return is_range or have.operator in _NEEDS_A_FIELD
    for family in (_UPWARD, _DOWNWARD):
        if have.operator in family and need.operator in family:
            return have.operand is not None and _is_inside(have, need)
    return False


def _is_inside(have: Field, need: Field) -> bool:
    if need.test(have.operand):
        return True
    # {$gt: 5} finds nothing that {$gt: 5} does not, and 5 itself is in neither.
    return have.operator in ("$gt", "$lt") and have.operand == need.operand


def _equality(field: Field, value: object) -> Field:
    return Field(field.path, field.parts, "$eq", value, field.test)
