"""Arrays as sets: no order, and each value once. The results come in the order of values."""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.arguments import Compile, compile_arguments, is_nullish
from services.docdb.expressions.compiler import Evaluate, Scope, Variables
from services.docdb.query.comparison import KeyMaker
from services.docdb.query.operators import is_truthy
from services.docdb.query.type_names import type_name

_NOT_ARRAY = {
    "$setUnion": (17043,),
    "$setEquals": (17044,),
    "$setIntersection": (17047,),
    "$setIsSubset": (17046, 17042),
    "$setDifference": (17048, 17049),
}
"""The codes for arguments that are no arrays: for the first one, the second, …"""


def _as_set(name: str, place: int, value: object, key: KeyMaker) -> dict[tuple, object]:
    if type(value) is not list:
        codes = _NOT_ARRAY[name]
        raise MongoError(
            codes[min(place, len(codes) - 1)],
            f"All operands of {name} must be arrays. One argument is of type: {type_name(value)}",
        )
    return {key(item): item for item in value}


def _in_order(found: dict[tuple, object]) -> list:
    return [found[key] for key in sorted(found)]


def _operation(least: int, most: int | None, combine: object, *, keeps_null: bool) -> Compile:
    def compile_it(name: str, operand: object, scope: Scope) -> Evaluate:
        arguments = compile_arguments(name, operand, scope, least, most)
        key = scope.key

        def evaluate(document: Document, variables: Variables) -> object:
            values = [argument(document, variables) for argument in arguments]
            if keeps_null and any(map(is_nullish, values)):
                return None
            return combine([_as_set(name, i, value, key) for i, value in enumerate(values)])

        return evaluate

    return compile_it


def _union(sets: list[dict]) -> list:
    together: dict[tuple, object] = {}
    for one in sets:
        for key, value in one.items():
            together.setdefault(key, value)
    return _in_order(together)


def _intersection(sets: list[dict]) -> list:
    if not sets:
        return []
    first, *rest = sets
    return _in_order({key: item for key, item in first.items() if all(key in s for s in rest)})


def _difference(sets: list[dict]) -> list:
    return [item for key, item in sets[0].items() if key not in sets[1]]


def _all_or_any(call: object) -> Compile:
    def compile_it(name: str, operand: object, scope: Scope) -> Evaluate:
        (argument,) = compile_arguments(name, operand, scope, 1, 1)

        def evaluate(document: Document, variables: Variables) -> bool:
            value = argument(document, variables)
            if type(value) is not list:
                code = 17040 if call is all else 17041
                raise MongoError(
                    code, f"{name}'s argument must be an array, but is {type_name(value)}"
                )
            return call(is_truthy(item) for item in value)

        return evaluate

    return compile_it


OPERATORS: dict[str, Compile] = {
    "$setUnion": _operation(0, None, _union, keeps_null=True),
    "$setIntersection": _operation(0, None, _intersection, keeps_null=True),
    "$setDifference": _operation(2, 2, _difference, keeps_null=True),
    "$setEquals": _operation(
        2, None, lambda sets: all(s.keys() == sets[0].keys() for s in sets), keeps_null=False
    ),
    "$setIsSubset": _operation(
        2, 2, lambda sets: sets[0].keys() <= sets[1].keys(), keeps_null=False
    ),
    "$allElementsTrue": _all_or_any(all),
    "$anyElementTrue": _all_or_any(any),
}
