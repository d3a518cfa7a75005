"""The update operators: one function each, from a value and an operand to the new value.

    operator(current, operand, context) ─▶ new value, or MISSING to remove the field

`current` is MISSING where there is no such field. Nothing is changed in place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from services.docdb.bson.types import Date, Int64, Timestamp
from services.docdb.errors import MongoError, bad_value
from services.docdb.expressions import numbers
from services.docdb.expressions.numbers import as_int, is_number
from services.docdb.query.comparison import MISSING, KeyMaker, sort_key
from services.docdb.query.filters import FilterContext, compile_filter, is_operators
from services.docdb.query.operators import equals
from services.docdb.query.sorting import parse_sort
from services.docdb.query.type_names import type_name


@dataclass(slots=True)
class UpdateContext:
    """What operators need beside values: the time, the order of values, and names for errors."""

    now_ms: int = 0
    key: KeyMaker = sort_key
    timestamp: Timestamp | None = None
    path: str = ""
    document_id: object = None


Operator = Callable[[object, object, UpdateContext], object]


def _set(current: object, operand: object, context: UpdateContext) -> object:
    return operand


def _unset(current: object, operand: object, context: UpdateContext) -> object:
    return MISSING


def _arithmetic(name: str, start: object, call: Callable[[object, object], object]) -> Operator:
    def apply(current: object, operand: object, context: UpdateContext) -> object:
        if current is MISSING:
            return start(operand)
        if not is_number(current):
            raise MongoError(
                14,
                f"Cannot apply {name} to a value of non-numeric type. "
                f"{{_id: {context.document_id}}} has the field '{context.path}' of "
                f"non-numeric type {type_name(current)}",
            )
        result = call(current, operand)
        if isinstance(result, float) and type(current) is not float and type(operand) is not float:
            raise bad_value(
                f"Failed to apply {name} operations to current value ({current}) for document "
                f"{{_id: {context.document_id}}}"
            )
        return result

    return apply


def _zero_like(operand: object) -> object:
    """`$mul` of a field that is not there: zero, of the operand's kind."""
    if type(operand) is Int64:
        return Int64(0)
    return Decimal(0) if type(operand) is Decimal else type(operand)(0)


def _extreme(wins: Callable[[tuple, tuple], bool]) -> Operator:
    def apply(current: object, operand: object, context: UpdateContext) -> object:
        if current is MISSING or wins(context.key(operand), context.key(current)):
            return operand
        return current

    return apply


def _current_date(current: object, operand: object, context: UpdateContext) -> object:
    if operand is True or operand is False or operand == {"$type": "date"}:
        return Date(context.now_ms)
    return context.timestamp


def _bit(current: object, operand: object, context: UpdateContext) -> object:
    value: object = 0 if current is MISSING else current
    if type(value) not in (int, Int64):
        raise bad_value(
            f"Cannot apply $bit to a value of non-integral type. _id: {context.document_id} has "
            f"the field {context.path} of non-integer type {type_name(value)}"
        )
    is_long = type(value) is Int64
    for name, bits in operand.items():
        is_long = is_long or type(bits) is Int64
        value = {"and": value & bits, "or": value | bits, "xor": value ^ bits}[name]
    return numbers.fitted(int(value), is_long)


# Arrays.


def _array(name: str, current: object, context: UpdateContext) -> list:
    if current is MISSING:
        return []
    if type(current) is not list:
        code = 14 if name == "$pop" else 2
        raise MongoError(
            code,
            f"The field '{context.path}' must be an array but is of type {type_name(current)} in "
            f"document {{_id: {context.document_id}}}",
        )
    return current


def _each(name: str, operand: object) -> list | None:
    if type(operand) is not dict or "$each" not in operand:
        return None
    if type(operand["$each"]) is not list:
        code = 14 if name == "$addToSet" else 2
        raise MongoError(code, f"The argument to $each in {name} must be an array but it was of "
                         f"type: {type_name(operand['$each'])}")  # fmt: skip
    return operand["$each"]


def _push(current: object, operand: object, context: UpdateContext) -> object:
    array = _array("$push", current, context)
    added = _each("$push", operand)
    if added is None:
        return [*array, operand]
    unknown = set(operand) - {"$each", "$slice", "$sort", "$position"}
    if unknown:
        raise bad_value(f"Unrecognized clause in $push: {unknown.pop()}")
    place = len(array)
    if "$position" in operand:
        position = as_int(operand["$position"])
        if position is None:
            raise bad_value("The value for $position must be an integer value")
        place = position if position >= 0 else max(len(array) + position, 0)
    result = [*array[:place], *added, *array[place:]]
    if "$sort" in operand:
        result = _sorted(result, operand["$sort"], context)
    if "$slice" in operand:
        count = as_int(operand["$slice"])
        if count is None:
            raise bad_value("The value for $slice must be an integer value")
        result = result[:count] if count >= 0 else result[count:]
    return result


def _sorted(array: list, by: object, context: UpdateContext) -> list:
    if type(by) is dict:
        return parse_sort(by, context.key).sort(array)
    if as_int(by) not in (1, -1):
        raise bad_value("The $sort element value must be either 1 or -1")
    return sorted(array, key=context.key, reverse=by < 0)


def _add_to_set(current: object, operand: object, context: UpdateContext) -> object:
    array = _array("$addToSet", current, context)
    added = _each("$addToSet", operand)
    seen = {context.key(item) for item in array}
    result = list(array)
    for item in [operand] if added is None else added:
        if context.key(item) not in seen:
            seen.add(context.key(item))
            result.append(item)
    return result


def _pop(current: object, operand: object, context: UpdateContext) -> object:
    if current is MISSING:
        return MISSING
    array = _array("$pop", current, context)
    return array[1:] if operand < 0 else array[:-1]


def _pull(current: object, operand: object, context: UpdateContext) -> object:
    if current is MISSING:
        return MISSING
    if type(current) is not list:
        raise bad_value("Cannot apply $pull to a non-array value")
    matches = pull_condition(operand, context.key)
    return [item for item in current if not matches(item)]


def pull_condition(operand: object, key: KeyMaker) -> Callable[[object], bool]:
    """Which elements a `$pull` takes: equal ones, or those that a condition holds for."""
    filters = FilterContext(key=key)
    if is_operators(operand) or type_name(operand) == "regex":
        holds = compile_filter({"element": operand}, filters)
        return lambda item: holds({"element": item})
    if type(operand) is dict:
        holds = compile_filter(operand, filters)
        return lambda item: type(item) is dict and holds(item)
    return equals(operand, key)


def _pull_all(current: object, operand: object, context: UpdateContext) -> object:
    if current is MISSING:
        return MISSING
    if type(current) is not list:
        raise bad_value("Cannot apply $pull to a non-array value")
    removed = {context.key(item) for item in operand}
    return [item for item in current if context.key(item) not in removed]


OPERATORS: dict[str, Operator] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
    "$inc": _arithmetic("$inc", lambda operand: operand, numbers.add),
    "$mul": _arithmetic("$mul", _zero_like, numbers.multiply),
    "$min": _extreme(lambda new, old: new < old),
    "$max": _extreme(lambda new, old: new > old),
    "$currentDate": _current_date,
    "$bit": _bit,
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pop": _pop,
    "$pull": _pull,
    "$pullAll": _pull_all,
}

NEVER_CREATES = frozenset({"$unset", "$pop", "$pull", "$pullAll", "$rename"})
"""These leave a document alone that has no such path."""


def check_operand(name: str, path: str, operand: object) -> None:
    """What can be said without a document. Raises MongoError."""
    if name in ("$inc", "$mul") and not is_number(operand):
        verb = "increment" if name == "$inc" else "multiply"
        raise MongoError(14, f"Cannot {verb} with non-numeric argument: {{{path}: {operand!r}}}")
    if name == "$pop" and as_int(operand) not in (1, -1):
        raise MongoError(9, f"$pop expects 1 or -1, found: {operand}")
    if name == "$pullAll" and type(operand) is not list:
        raise bad_value("$pullAll requires an array argument but was given a "
                        f"{type_name(operand)}")  # fmt: skip
    if name == "$bit":
        _check_bit(operand)
    if name == "$currentDate":
        _check_current_date(operand)
    if name == "$pull":
        pull_condition(operand, sort_key)
    if name == "$rename" and type(operand) is not str:
        raise bad_value(f"The 'to' field for $rename must be a string: {path}: {operand}")


def _check_bit(operand: object) -> None:
    if type(operand) is not dict or not operand:
        raise bad_value("The $bit modifier is not compatible with a "
                        f"{type_name(operand)}. You must pass in an embedded document")  # fmt: skip
    for name, bits in operand.items():
        if name not in ("and", "or", "xor"):
            raise bad_value(f"The $bit modifier only supports 'and', 'or', and 'xor', not '{name}'")
        if type(bits) not in (int, Int64):
            raise bad_value("The $bit modifier field must be an Integer(32/64 bit)")


def _check_current_date(operand: object) -> None:
    if type(operand) is bool:
        return
    if type(operand) is not dict:
        raise bad_value(f"{type_name(operand)} is not valid type for $currentDate.")
    if set(operand) != {"$type"} or operand["$type"] not in ("date", "timestamp"):
        raise bad_value("The '$type' string field is required to be 'date' or 'timestamp'")
