"""Accumulators: `$sum` and its kin, which take one value after the other and give a result.

The same classes serve `$group`, the windows of `$setWindowFields`, and the expressions of the
same name, which run over the elements of an array.
"""

import math
from collections.abc import Callable
from decimal import Decimal

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions import numbers
from services.docdb.expressions.arguments import Compile, is_nullish, named_operands
from services.docdb.expressions.compiler import Evaluate, Scope, Variables, compile_expression
from services.docdb.expressions.numbers import as_int, is_number
from services.docdb.expressions.objects import merge
from services.docdb.query.comparison import MISSING, KeyMaker
from services.docdb.query.sorting import parse_sort

Accumulate = Callable[[list[object], Document], object]
"""All values of a group, in their order, and its `_id` where that is a document: to the result."""
Plain = Callable[[list[object]], object]


def total(values: list[object]) -> object:
    """`$sum`: what is no number does not count."""
    kinds = set(map(type, values))
    if kinds <= {int} or kinds <= {float, int}:
        # One kind, or doubles among them: Python adds them exactly and in C.
        return (
            numbers.fitted(sum(values), False)
            if float not in kinds
            else math.fsum(values)
            if _all_finite(values)
            else float(sum(values))
        )
    result: object = 0
    for value in values:
        if is_number(value):
            result = numbers.add(result, value)
    return result


def _all_finite(values: list) -> bool:
    return all(map(math.isfinite, values))


def average(values: list[object]) -> object:
    counted = [value for value in values if is_number(value)]
    if not counted:
        return None
    amount = total(counted)
    if type(amount) is Decimal:
        return amount / len(counted)
    return float(amount) / len(counted)


def _extreme(pick: Callable) -> Callable[[list[object], KeyMaker], object]:
    def evaluate(values: list[object], key: KeyMaker) -> object:
        present = [value for value in values if not is_nullish(value)]
        return pick(present, key=key) if present else None

    return evaluate


largest, smallest = _extreme(max), _extreme(min)


def _deviation(values: list[object], is_sample: bool) -> object:
    counted = [float(value) for value in values if is_number(value)]
    if len(counted) < (2 if is_sample else 1):
        return None
    mean = math.fsum(counted) / len(counted)
    squares = math.fsum((value - mean) ** 2 for value in counted)
    return math.sqrt(squares / (len(counted) - is_sample))


def _add_to_set(values: list[object], key: KeyMaker) -> list:
    return list({key(v): v for v in reversed(values) if v is not MISSING}.values())[::-1]


def _percentile(values: list[object], fraction: float) -> object:
    counted = sorted(float(value) for value in values if is_number(value) and value == value)
    if not counted:
        return None
    return counted[max(0, math.ceil(fraction * len(counted)) - 1)]


def _plain(name: str, key: KeyMaker) -> Plain | None:
    """The accumulators that take one expression and have no settings."""
    table: dict[str, Plain] = {
        "$sum": total,
        "$avg": average,
        "$min": lambda values: smallest(values, key),
        "$max": lambda values: largest(values, key),
        "$first": lambda values: _null(values[0]) if values else None,
        "$last": lambda values: _null(values[-1]) if values else None,
        "$push": lambda values: [value for value in values if value is not MISSING],
        "$addToSet": lambda values: _add_to_set(values, key),
        "$stdDevPop": lambda values: _deviation(values, False),
        "$stdDevSamp": lambda values: _deviation(values, True),
        "$mergeObjects": lambda values: merge(*values),
        "$count": len,
    }
    return table.get(name)


def _null(value: object) -> object:
    return None if value is MISSING else value


def compile_accumulator(name: str, operand: object, scope: Scope) -> tuple[Evaluate, Accumulate]:
    """What is taken from each document, and what becomes of all of it."""
    plain = _plain(name, scope.key)
    if name == "$count":
        if operand != {}:
            raise MongoError(14, "$count takes no arguments, i.e. $count:{}")
        return (lambda document, variables: 1), _of_values(plain)
    if plain is not None:
        if type(operand) is list and len(operand) != 1:
            raise MongoError(40237, f"The {name} accumulator is a unary operator")
        operand = operand[0] if type(operand) is list else operand
        return compile_expression(operand, scope), _of_values(plain)
    settings = _WITH_SETTINGS.get(name)
    if settings is None:
        if name == "$accumulator":
            raise MongoError(31264, f"{name} needs JavaScript, which this server does not run")
        raise MongoError(15952, f"unknown group operator '{name}'")
    return settings(name, operand, scope)


def _of_values(plain: Plain) -> Accumulate:
    """What `_id` a group has does not matter to most."""
    return lambda values, group: plain(values)


def is_accumulator(name: str) -> bool:
    return _plain(name, repr) is not None or name in _WITH_SETTINGS


# Those with settings.


def _count_of(name: str, spec: object, scope: Scope) -> Evaluate:
    return compile_expression(spec, scope)


def _checked_n(name: str, value: object) -> int:
    n = as_int(value)
    if n is None or n <= 0:
        raise MongoError(5787908, f"'n' must be greater than 0, found {value} ({name})")
    return n


def _n_values(pick: str) -> Callable[[str, object, Scope], tuple[Evaluate, Accumulate]]:
    def compile_it(name: str, operand: object, scope: Scope) -> tuple[Evaluate, Accumulate]:
        given = named_operands(name, operand, ["n", "input"], [])
        source = compile_expression(given["input"], scope)
        count, key = compile_expression(given["n"], scope), scope.key

        def result(values: list[object], group: Document) -> object:
            n = _checked_n(name, count(group, {}))
            if pick in ("first", "last"):
                kept = values[:n] if pick == "first" else values[-n:]
                return [_null(value) for value in kept]
            present = [value for value in values if not is_nullish(value)]
            return sorted(present, key=key, reverse=pick == "max")[:n]

        return source, result

    return compile_it


def _top(is_top: bool, many: bool) -> Callable[[str, object, Scope], tuple[Evaluate, Accumulate]]:
    def compile_it(name: str, operand: object, scope: Scope) -> tuple[Evaluate, Accumulate]:
        must = ["sortBy", "output", "n"] if many else ["sortBy", "output"]
        given = named_operands(name, operand, must, [])
        order = parse_sort(given["sortBy"], scope.key)
        output = compile_expression(given["output"], scope)
        count = compile_expression(given.get("n", 1), scope)

        def take(document: Document, variables: Variables) -> object:
            return (document, output(document, variables))

        def result(pairs: list, group: Document) -> object:
            n = _checked_n(name, count(group, {}))
            ranked = order.sort_with(pairs, lambda pair: pair[0])
            chosen = ranked[:n] if is_top else ranked[-n:]
            values = [_null(value) for _, value in chosen]
            return values if many else (values[0] if values else None)

        return take, result

    return compile_it


def _percentiles(name: str, operand: object, scope: Scope) -> tuple[Evaluate, Accumulate]:
    must = ["input", "method"] + (["p"] if name == "$percentile" else [])
    given = named_operands(name, operand, must, [])
    if given["method"] != "approximate":
        raise MongoError(2, "Currently only 'approximate' can be used as percentile 'method'.")
    fractions = given.get("p", [0.5])
    if (
        type(fractions) is not list
        or not fractions
        or not all(is_number(p) and 0 <= p <= 1 for p in fractions)
    ):
        raise MongoError(7750301, "'p' must be an array of numbers from [0.0, 1.0]")
    source = compile_expression(given["input"], scope)

    def result(values: list[object], group: Document) -> object:
        found = [_percentile(values, fraction) for fraction in fractions]
        return found if name == "$percentile" else found[0]

    return source, result


_WITH_SETTINGS: dict[str, Callable[[str, object, Scope], tuple[Evaluate, Accumulate]]] = {
    "$firstN": _n_values("first"),
    "$lastN": _n_values("last"),
    "$minN": _n_values("min"),
    "$maxN": _n_values("max"),
    "$top": _top(True, False),
    "$bottom": _top(False, False),
    "$topN": _top(True, True),
    "$bottomN": _top(False, True),
    "$percentile": _percentiles,
    "$median": _percentiles,
}

# As expressions.


def _over_arguments(name: str, operand: object, scope: Scope) -> Evaluate:
    """Of an array where there is one argument, else of the arguments."""
    plain = _plain(name, scope.key)
    items = operand if type(operand) is list else [operand]
    arguments = [compile_expression(item, scope) for item in items]

    def evaluate(document: Document, variables: Variables) -> object:
        values = [argument(document, variables) for argument in arguments]
        if len(values) == 1 and type(values[0]) is list:
            values = values[0]
        return plain(values)

    return evaluate


def _over_input(name: str, operand: object, scope: Scope) -> Evaluate:
    source, result = _percentiles(name, operand, scope)

    def evaluate(document: Document, variables: Variables) -> object:
        value = source(document, variables)
        return result(value if type(value) is list else [value], {})

    return evaluate


OPERATORS: dict[str, Compile] = {
    "$sum": _over_arguments,
    "$avg": _over_arguments,
    "$min": _over_arguments,
    "$max": _over_arguments,
    "$stdDevPop": _over_arguments,
    "$stdDevSamp": _over_arguments,
    "$percentile": _over_input,
    "$median": _over_input,
}
