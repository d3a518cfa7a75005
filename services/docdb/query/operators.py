"""The tests of single values: each function here makes one of an operator's operand.

A test answers yes or no for one value, which may be MISSING. Which values it is given, where a
path leads through arrays, is the matter of `conditions`.

Equality and order are compared with Python's own operators where both sides are numbers or
both strings, which is nearly always, and by `sort_key` else: that halves the cost of a scan.
"""

import math
import operator
from collections.abc import Callable
from decimal import Decimal

from services.docdb.bson.types import MAX_KEY, MIN_KEY, Binary, Int64, Regex
from services.docdb.errors import MongoError, bad_value
from services.docdb.query.comparison import MISSING, KeyMaker, sort_key
from services.docdb.query.regexes import compile_regex
from services.docdb.query.type_names import parse_types, type_name

Test = Callable[[object], bool]

_NUMBERS = frozenset({int, Int64, float})


def equals(operand: object, key: KeyMaker = sort_key) -> Test:
    if key is sort_key:
        kind = type(operand)
        if kind in _NUMBERS and operand == operand:
            return lambda value: value == operand and type(value) is not bool
        if kind is str and operand:
            return lambda value: (
                value == operand or (type(value) not in _PLAIN and sort_key(value) == (15, operand))
            )
    wanted = key(operand)
    return lambda value: key(value) == wanted


_PLAIN = frozenset({str, int, float, bool, type(None), dict, list, Int64})

_COMPARISONS = {
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
}


def compares(name: str, operand: object, key: KeyMaker = sort_key) -> Test:
    """`$lt` and its kin: only values of the operand's own kind are compared at all."""
    compare = _COMPARISONS[name]
    wanted = key(operand)
    if operand is MIN_KEY or operand is MAX_KEY:
        return lambda value: compare(key(value), wanted)
    if type(operand) in _NUMBERS and operand == operand:
        return lambda value: (
            compare(value, operand)
            if type(value) in _NUMBERS
            else type(value) is Decimal and not value.is_nan() and compare(value, operand)
        )
    if type(operand) is str and key is sort_key:
        return lambda value: type(value) is str and compare(value, operand)
    rank = wanted[0]

    def test(value: object) -> bool:
        found = key(value)
        return found[0] == rank and compare(found, wanted)

    return test


def is_in(operands: list[object], key: KeyMaker = sort_key) -> Test:
    """`$in`: equal to one of them, or matched by a regular expression among them."""
    patterns = [matches_regex(item) for item in operands if type(item) is Regex]
    keys = {key(item) for item in operands}
    if not patterns:
        return lambda value: key(value) in keys
    return lambda value: key(value) in keys or any(pattern(value) for pattern in patterns)


def matches_regex(operand: Regex) -> Test:
    search = compile_regex(operand.pattern, operand.options).search
    return lambda value: (type(value) is str and search(value) is not None) or value == operand


def has_type(operand: object) -> Test:
    wanted = parse_types(operand)
    return lambda value: type_name(value) in wanted


def has_size(operand: object) -> Test:
    size = whole_number(operand, "$size")
    if size < 0:
        raise bad_value(f"Failed to parse $size. Expected a non-negative number in: $size: {size}")
    return lambda value: type(value) is list and len(value) == size


def whole_number(operand: object, name: str) -> int:
    is_number = isinstance(operand, int | float | Decimal) and type(operand) is not bool
    if not is_number or operand != operand or operand in (math.inf, -math.inf):
        raise bad_value(f"Failed to parse {name}. Expected a number in: {name}: {operand}")
    if operand != int(operand):
        raise bad_value(f"Failed to parse {name}. Expected an integer: {name}: {operand}")
    return int(operand)


def has_remainder(operand: object) -> Test:
    """`$mod: [divisor, remainder]`; the remainder has the sign of the value, as in C."""
    if type(operand) is not list:
        raise bad_value("malformed mod, needs to be an array")
    if len(operand) != 2:
        few = len(operand) < 2
        raise bad_value(f"malformed mod, {'not enough' if few else 'too many'} elements")
    divisor, remainder = (_truncated(item) for item in operand)
    if divisor == 0:
        raise bad_value("divisor cannot be 0")

    def test(value: object) -> bool:
        if not isinstance(value, int | float | Decimal) or type(value) is bool:
            return False
        if value != value or value in (math.inf, -math.inf):
            return False
        return int(math.fmod(int(value), divisor)) == remainder

    return test


def _truncated(operand: object) -> int:
    is_number = isinstance(operand, int | float | Decimal) and type(operand) is not bool
    if not is_number:
        raise bad_value("malformed mod, divisor and remainder must be numbers")
    if operand != operand or operand in (math.inf, -math.inf):
        raise bad_value("malformed mod, divisor value is invalid")
    return int(operand)


def has_bits(name: str, operand: object) -> Test:
    """`$bitsAllSet` and its kin; the bits are a number, bytes, or a list of positions."""
    mask = _bit_mask(name, operand)
    checks: dict[str, Callable[[int], bool]] = {
        "$bitsAllSet": lambda bits: bits & mask == mask,
        "$bitsAllClear": lambda bits: bits & mask == 0,
        "$bitsAnySet": lambda bits: bits & mask != 0,
        "$bitsAnyClear": lambda bits: bits & mask != mask,
    }
    check = checks[name]

    def test(value: object) -> bool:
        if type(value) is Binary:
            return check(int.from_bytes(value.data, "little"))
        if type(value) is float or type(value) is Decimal:
            if value != value or abs(value) >= 1 << 63 or value != int(value):
                return False
            return check(int(value))
        return type(value) in (int, Int64) and check(value)

    return test


def _bit_mask(name: str, operand: object) -> int:
    if type(operand) is Binary:
        return int.from_bytes(operand.data, "little")
    if type(operand) is list:
        mask = 0
        for position in operand:
            if type(position) is bool or not isinstance(position, int | float):
                raise bad_value(f"bit positions must be an integer, {name}")
            if position < 0 or position != int(position):
                raise bad_value(f"bit positions must be >= 0 but got {position}")
            mask |= 1 << min(int(position), 1 << 16)
        return mask
    if isinstance(operand, int | float) and type(operand) is not bool:
        if operand != int(operand):
            raise MongoError(9, f"Expected an integer: {name}: {operand}")
        if operand < 0:
            raise MongoError(9, f"Expected a non-negative number in: {name}: {operand}")
        return int(operand)
    raise bad_value(f"{name} takes an Array, a number, or a BinData")


def exists(operand: object) -> Test:
    from_true = is_truthy(operand)
    if from_true:
        return lambda value: value is not MISSING
    return lambda value: value is MISSING


def is_truthy(value: object) -> bool:
    """What counts as true: all but false, zero, null, undefined and nothing."""
    if value is None or value is False or value is MISSING:
        return False
    if isinstance(value, int | float | Decimal):
        return value != 0
    return type_name(value) != "undefined"
