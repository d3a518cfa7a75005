"""Arithmetic: `$add` to `$trunc`, trigonometry, and bits."""

import math
import random
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from functools import reduce

from services.docdb.bson.decimal128 import CONTEXT
from services.docdb.bson.types import Date, Int64
from services.docdb.errors import MongoError
from services.docdb.expressions import numbers
from services.docdb.expressions.arguments import Compile, function, is_nullish, strict
from services.docdb.expressions.compiler import Evaluate, Scope
from services.docdb.expressions.numbers import as_int, is_number, to_decimal
from services.docdb.query.type_names import type_name


def _check_number(name: str, value: object, code: int = 28765) -> None:
    if not is_number(value):
        raise MongoError(code, f"{name} only supports numeric types, not {type_name(value)}")


def _add(*values: object) -> object:
    total: object = 0
    date: Date | None = None
    for value in values:
        if is_nullish(value):
            return None
        if type(value) is Date:
            if date is not None:
                raise MongoError(16612, "only one date allowed in an $add expression")
            date = value
        elif is_number(value):
            total = numbers.add(total, value)
        else:
            raise MongoError(
                14, f"$add only supports numeric or date types, not {type_name(value)}"
            )
    return total if date is None else Date(date.ms + round(total))


def _subtract(left: object, right: object) -> object:
    if type(left) is Date:
        if type(right) is Date:
            return Int64(left.ms - right.ms)
        if is_number(right):
            return Date(left.ms - round(right))
    if is_number(left) and is_number(right):
        return numbers.subtract(left, right)
    raise MongoError(14, f"can't $subtract {type_name(right)} from {type_name(left)}")


def _multiply(*values: object) -> object:
    if any(map(is_nullish, values)):
        return None
    for value in values:
        _check_number("$multiply", value, 14)
    return reduce(numbers.multiply, values, 1)


def _divide(left: object, right: object) -> object:
    if not (is_number(left) and is_number(right)):
        raise MongoError(14, "$divide only supports numeric types, not "
                         f"{type_name(left)} and {type_name(right)}")  # fmt: skip
    if right == 0:
        raise MongoError(2, "can't $divide by zero")
    if type(left) is Decimal or type(right) is Decimal:
        return CONTEXT.divide(to_decimal(left), to_decimal(right))
    return float(left) / float(right)


def _mod(left: object, right: object) -> object:
    if not (is_number(left) and is_number(right)):
        raise MongoError(16611, "$mod only supports numeric types, not "
                         f"{type_name(left)} and {type_name(right)}")  # fmt: skip
    if right == 0:
        raise MongoError(16610, "can't $mod by zero")
    if type(left) is Decimal or type(right) is Decimal:
        return CONTEXT.remainder(to_decimal(left), to_decimal(right))
    if type(left) is float or type(right) is float:
        return math.fmod(left, right)
    rest = abs(int(left)) % abs(int(right))
    is_long = type(left) is Int64 or type(right) is Int64
    return numbers.fitted(-rest if left < 0 else rest, is_long)


def _abs(value: object) -> object:
    _check_number("$abs", value)
    if isinstance(value, int):
        if value == -(1 << 63):
            raise MongoError(28680, "can't take $abs of long long min")
        return numbers.fitted(abs(value), type(value) is Int64)
    return abs(value)


def _rounding(name: str, call: Callable[[object], int]) -> Compile:
    def evaluate(value: object) -> object:
        _check_number(name, value)
        if isinstance(value, int) or value != value or math.isinf(value):
            return value
        whole = call(value)
        return Decimal(whole) if type(value) is Decimal else float(whole)

    return strict(1, 1, evaluate)


def _round_or_trunc(name: str, mode: str) -> Compile:
    def evaluate(value: object, place: object = 0) -> object:
        _check_number(name, value, 51081)
        digits = as_int(place)
        if digits is None:
            raise MongoError(51082, f"precision argument to {name} must be a integral value")
        if not -20 <= digits <= 100:
            raise MongoError(51083, f"cannot apply {name} with precision value {digits}")
        if (isinstance(value, int) and digits >= 0) or value != value or math.isinf(value):
            return value
        rounded = _quantized(Decimal(value), digits, mode)
        if type(value) is Decimal:
            return rounded
        if type(value) is float:
            return float(rounded)
        return numbers.fitted(int(rounded), type(value) is Int64)

    return strict(1, 2, evaluate)


def _quantized(value: Decimal, digits: int, mode: str) -> Decimal:
    if digits >= 0 and -value.as_tuple().exponent <= digits:
        return value
    return value.quantize(Decimal((0, (1,), -digits)), rounding=mode)


def _pow(base: object, exponent: object) -> object:
    _check_number("$pow", base, 28762)
    _check_number("$pow", exponent, 28763)
    if base == 0 and exponent < 0:
        raise MongoError(28764, "$pow cannot take a base of 0 and a negative exponent")
    if type(base) is Decimal or type(exponent) is Decimal:
        return CONTEXT.power(to_decimal(base), to_decimal(exponent))
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if abs(base) > 1 and exponent > 64:
            return _float_power(base, exponent)
        is_long = type(base) is Int64 or type(exponent) is Int64
        return numbers.fitted(int(base) ** int(exponent), is_long)
    return _float_power(base, exponent)


def _float_power(base: object, exponent: object) -> float:
    try:
        result = float(base) ** float(exponent)
    except OverflowError:
        return math.inf
    return math.nan if isinstance(result, complex) else result


def _real(
    name: str,
    call: Callable[[float], float],
    decimal: Callable[[Decimal], Decimal] | None = None,
    domain: Callable[[float], bool] = lambda value: True,
    code: int = 50989,
    text: str = "",
) -> Compile:
    """A function of one real number."""

    def evaluate(value: object) -> object:
        _check_number(name, value)
        if value != value:
            return value
        if not domain(value):
            raise MongoError(code, text or f"cannot apply {name} to {value}")
        if type(value) is Decimal and decimal:
            return decimal(value)
        try:
            result = call(float(value))
        except (OverflowError, ValueError):
            result = math.inf
        return Decimal(repr(result)) if type(value) is Decimal else result

    return strict(1, 1, evaluate)


def _log(value: object, base: object) -> object:
    _check_number("$log", value, 28756)
    _check_number("$log", base, 28757)
    if value == value and value <= 0:
        raise MongoError(28758, f"$log's argument must be a positive number, but is {value}")
    if base == base and (base <= 0 or base == 1):
        raise MongoError(
            28759, f"$log's base must be a positive number not equal to 1, but is {base}"
        )
    if Decimal in (type(value), type(base)):
        return CONTEXT.divide(CONTEXT.ln(to_decimal(value)), CONTEXT.ln(to_decimal(base)))
    return math.log(value) / math.log(base) if base != 2 else math.log2(value)


def _atan2(y: object, x: object) -> object:
    _check_number("$atan2", y, 51044)
    _check_number("$atan2", x, 51045)
    result = math.atan2(y, x)
    return Decimal(repr(result)) if Decimal in (type(y), type(x)) else result


def _bits(name: str, start: int, call: Callable[[int, int], int]) -> Compile:
    def evaluate(*values: object) -> object:
        if any(type(value) not in (int, Int64) for value in values):
            raise MongoError(14, f"{name} only supports int and long operands.")
        is_long = any(type(value) is Int64 for value in values)
        return numbers.fitted(reduce(call, map(int, values), start), is_long)

    return strict(0, None, evaluate)


def _bit_not(value: object) -> object:
    if type(value) not in (int, Int64):
        raise MongoError(14, "$bitNot only supports int and long")
    return numbers.fitted(~value, type(value) is Int64)


def _is_finite(value: float) -> bool:
    return not math.isinf(value)


def _times(factor: Decimal) -> Callable[[Decimal], Decimal]:
    return lambda value: CONTEXT.multiply(value, factor)


_DEGREE = Decimal("0.01745329251994329576923690768488613")
_RADIAN = Decimal("57.29577951308232087679815481410517")


def _within_one(value: float) -> bool:
    return -1 <= value <= 1


def _rand(name: str, operand: object, scope: Scope) -> Evaluate:
    if operand not in ({}, []):
        raise MongoError(3040501, "$rand does not currently accept arguments")
    return lambda document, variables: random.random()


OPERATORS: dict[str, Compile] = {
    "$add": function(0, None, _add),
    "$subtract": strict(2, 2, _subtract),
    "$multiply": function(0, None, _multiply),
    "$divide": strict(2, 2, _divide),
    "$mod": strict(2, 2, _mod),
    "$abs": strict(1, 1, _abs),
    "$ceil": _rounding("$ceil", math.ceil),
    "$floor": _rounding("$floor", math.floor),
    "$round": _round_or_trunc("$round", ROUND_HALF_EVEN),
    "$trunc": _round_or_trunc("$trunc", ROUND_DOWN),
    "$pow": strict(2, 2, _pow),
    "$exp": _real("$exp", math.exp, CONTEXT.exp),
    "$ln": _real("$ln", math.log, CONTEXT.ln, lambda v: v > 0, 28766,
                 "$ln's argument must be a positive number"),
    "$log": strict(2, 2, _log),
    "$log10": _real("$log10", math.log10, CONTEXT.log10, lambda v: v > 0, 28761,
                    "$log10's argument must be a positive number"),
    "$sqrt": _real("$sqrt", math.sqrt, CONTEXT.sqrt, lambda v: v >= 0, 28714,
                   "$sqrt's argument must be greater than or equal to 0"),
    "$sin": _real("$sin", math.sin, domain=_is_finite),
    "$cos": _real("$cos", math.cos, domain=_is_finite),
    "$tan": _real("$tan", math.tan, domain=_is_finite),
    "$asin": _real("$asin", math.asin, domain=_within_one),
    "$acos": _real("$acos", math.acos, domain=_within_one),
    "$atan": _real("$atan", math.atan),
    "$atan2": strict(2, 2, _atan2),
    "$sinh": _real("$sinh", math.sinh),
    "$cosh": _real("$cosh", math.cosh),
    "$tanh": _real("$tanh", math.tanh),
    "$asinh": _real("$asinh", math.asinh),
    "$acosh": _real("$acosh", math.acosh, domain=lambda v: v >= 1),
    "$atanh": _real("$atanh", math.atanh, domain=_within_one),
    "$degreesToRadians": _real("$degreesToRadians", math.radians, _times(_DEGREE)),
    "$radiansToDegrees": _real("$radiansToDegrees", math.degrees, _times(_RADIAN)),
    "$bitAnd": _bits("$bitAnd", -1, lambda a, b: a & b),
    "$bitOr": _bits("$bitOr", 0, lambda a, b: a | b),
    "$bitXor": _bits("$bitXor", 0, lambda a, b: a ^ b),
    "$bitNot": strict(1, 1, _bit_not),
    "$rand": _rand,
}  # fmt: skip
