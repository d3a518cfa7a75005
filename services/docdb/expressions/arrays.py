"""Arrays: `$arrayElemAt` to `$zip`, and those that run an expression for each element."""

from functools import partial

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.arguments import (
    Compile,
    compile_arguments,
    function,
    is_nullish,
    named_operands,
    strict,
)
from services.docdb.expressions.compiler import (
    Evaluate,
    Scope,
    Variables,
    compile_expression,
)
from services.docdb.expressions.logic import check_variable
from services.docdb.expressions.numbers import as_int, fits_int32, is_number
from services.docdb.query.comparison import MISSING
from services.docdb.query.operators import is_truthy
from services.docdb.query.sorting import parse_sort
from services.docdb.query.type_names import type_name


def _array(name: str, value: object, code: int) -> list:
    if type(value) is not list:
        raise MongoError(code, f"{name} requires an array, found: {type_name(value)}")
    return value


def _whole(name: str, value: object, not_number: int, not_whole: int) -> int:
    """A whole number of 32 bits; the codes for what is no number, and for other numbers."""
    if not is_number(value):
        raise MongoError(not_number, f"{name} requires a number, found: {type_name(value)}")
    if not fits_int32(value):
        raise MongoError(
            not_whole, f"{name} requires a number that is a 32-bit integer, found: {value}"
        )
    return int(value)


def _element_at(array: object, index: object) -> object:
    items = _array("$arrayElemAt", array, 28689)
    place = _whole("$arrayElemAt", index, 28690, 28691)
    return items[place] if -len(items) <= place < len(items) else MISSING


def _end(name: str, place: int) -> Compile:
    def evaluate(array: object) -> object:
        items = _array(name, array, 28689)
        return items[place] if items else MISSING

    return strict(1, 1, evaluate)


def _concat_arrays(*arrays: object) -> object:
    if any(map(is_nullish, arrays)):
        return None
    return [item for array in arrays for item in _array("$concatArrays", array, 28664)]


def _size(value: object) -> int:
    if type(value) is not list:
        raise MongoError(
            17124, f"The argument to $size must be an array, but was of type: {type_name(value)}"
        )
    return len(value)


def _slice(array: object, first: object, count: object = MISSING) -> object:
    items, start = _array("$slice", array, 28724), _whole("$slice", first, 28725, 28726)
    if count is MISSING:
        return items[:start] if start >= 0 else items[start:]
    wanted = _whole("$slice", count, 28727, 28728)
    if wanted <= 0:
        raise MongoError(28729, "Third argument to $slice must be positive")
    start = max(len(items) + start, 0) if start < 0 else start
    return items[start : start + wanted]


def _range(start: object, end: object, step: object = 1) -> list:
    first, last = _whole("$range", start, 34443, 34444), _whole("$range", end, 34445, 34446)
    by = _whole("$range", step, 34447, 34448)
    if by == 0:
        raise MongoError(34449, "$range requires a non-zero step value")
    if len(range(first, last, by)) > 4_000_000:
        raise MongoError(146, "$range would use too much memory")
    return list(range(first, last, by))


def _reverse(array: object) -> list:
    return _array("$reverseArray", array, 34435)[::-1]


def _in(name: str, operand: object, scope: Scope) -> Evaluate:
    wanted, array = compile_arguments(name, operand, scope, 2, 2)
    key = scope.key

    def evaluate(document: Document, variables: Variables) -> bool:
        items = array(document, variables)
        if type(items) is not list:
            raise MongoError(40081, "$in requires an array as a second argument, found: "
                             f"{type_name(items)}")  # fmt: skip
        looked_for = key(wanted(document, variables))
        return any(key(item) == looked_for for item in items)

    return evaluate


def _index_of(name: str, operand: object, scope: Scope) -> Evaluate:
    arguments = compile_arguments(name, operand, scope, 2, 4)
    key = scope.key

    def evaluate(document: Document, variables: Variables) -> object:
        array, wanted, *bounds = [it(document, variables) for it in arguments]
        if is_nullish(array):
            return None
        items, looked_for = _array(name, array, 40090), key(wanted)
        limits = [_whole(name, bound, 40096, 40096) for bound in bounds]
        if any(limit < 0 for limit in limits):
            raise MongoError(40097, f"{name} requires nonnegative indexes")
        start, end = (*limits, *(0, len(items))[len(limits) :])
        for index in range(start, min(end, len(items))):
            if key(items[index]) == looked_for:
                return index
        return -1

    return evaluate


# An expression for each element.


def _filter(name: str, operand: object, scope: Scope) -> Evaluate:
    given = named_operands(name, operand, ["input", "cond"], ["as", "limit"])
    variable = given.get("as", "this")
    check_variable(variable)
    source = compile_expression(given["input"], scope)
    condition = compile_expression(given["cond"], scope.with_names(variable))
    limit = compile_expression(given.get("limit"), scope)

    def evaluate(document: Document, variables: Variables) -> object:
        items = source(document, variables)
        if is_nullish(items):
            return None
        if type(items) is not list:
            raise MongoError(28651, f"input to $filter must be an array not {type_name(items)}")
        most = limit(document, variables)
        if most is not None and _whole(name, most, 327391, 327391) < 1:
            raise MongoError(327392, "$filter: limit must be greater than 0")
        inner, kept = dict(variables), []
        for item in items:
            inner[variable] = item
            if is_truthy(condition(document, inner)):
                kept.append(item)
                if most is not None and len(kept) >= most:
                    break
        return kept

    return evaluate


def _map(name: str, operand: object, scope: Scope) -> Evaluate:
    given = named_operands(name, operand, ["input", "in"], ["as"])
    variable = given.get("as", "this")
    check_variable(variable)
    source = compile_expression(given["input"], scope)
    body = compile_expression(given["in"], scope.with_names(variable))

    def evaluate(document: Document, variables: Variables) -> object:
        items = source(document, variables)
        if is_nullish(items):
            return None
        if type(items) is not list:
            raise MongoError(16883, f"input to $map must be an array not {type_name(items)}")
        inner, mapped = dict(variables), []
        for item in items:
            inner[variable] = item
            value = body(document, inner)
            mapped.append(None if value is MISSING else value)
        return mapped

    return evaluate


def _reduce(name: str, operand: object, scope: Scope) -> Evaluate:
    given = named_operands(name, operand, ["input", "initialValue", "in"], [])
    source = compile_expression(given["input"], scope)
    initial = compile_expression(given["initialValue"], scope)
    body = compile_expression(given["in"], scope.with_names("this", "value"))

    def evaluate(document: Document, variables: Variables) -> object:
        items = source(document, variables)
        if is_nullish(items):
            return None
        if type(items) is not list:
            raise MongoError(40080, f"$reduce requires that 'input' be an array, found: {items}")
        inner = dict(variables)
        value = initial(document, variables)
        for item in items:
            inner["this"], inner["value"] = item, value
            value = body(document, inner)
        return value

    return evaluate


def _zip(name: str, operand: object, scope: Scope) -> Evaluate:
    given = named_operands(name, operand, ["inputs"], ["useLongestLength", "defaults"])
    if type(given["inputs"]) is not list:
        raise MongoError(34461, "inputs must be an array of expressions, found "
                         f"{type_name(given['inputs'])}")  # fmt: skip
    if type(given.get("defaults", [])) is not list:
        raise MongoError(34462, "defaults must be an array of expressions, found "
                         f"{type_name(given['defaults'])}")  # fmt: skip
    longest = given.get("useLongestLength", False)
    if type(longest) is not bool:
        raise MongoError(34463, "useLongestLength must be a bool")
    if not given["inputs"]:
        raise MongoError(34465, "$zip requires at least one input array")
    if given.get("defaults") and not longest:
        raise MongoError(34466, "cannot specify defaults unless useLongestLength is true")
    sources = [compile_expression(item, scope) for item in given["inputs"]]
    fillers = given.get("defaults") or [None] * len(sources)
    if len(fillers) != len(sources):
        raise MongoError(34467, "defaults and inputs must have the same length")
    defaults = compile_expression(fillers, scope)

    def evaluate(document: Document, variables: Variables) -> object:
        arrays = [source(document, variables) for source in sources]
        if any(map(is_nullish, arrays)):
            return None
        lengths = [len(_array("$zip", array, 34468)) for array in arrays]
        filler = defaults(document, variables)
        length = max(lengths) if longest else min(lengths)
        return [
            [a[i] if i < len(a) else default for a, default in zip(arrays, filler, strict=True)]
            for i in range(length)
        ]

    return evaluate


def _sort_array(name: str, operand: object, scope: Scope) -> Evaluate:
    given = named_operands(name, operand, ["input", "sortBy"], [])
    source, by = compile_expression(given["input"], scope), given["sortBy"]
    key = scope.key
    if type(by) is dict:
        in_order = parse_sort(by, key).sort
    elif as_int(by) in (1, -1):
        in_order = partial(sorted, key=key, reverse=by < 0)
    else:
        raise MongoError(2942507, "The $sort element value must be either 1 or -1")

    def evaluate(document: Document, variables: Variables) -> object:
        items = source(document, variables)
        if is_nullish(items):
            return None
        return in_order(_array(name, items, 2942504))

    return evaluate


def _count_of(value: object) -> int:
    if not is_number(value):
        raise MongoError(
            5787902, f"Value for 'n' must be of integral type, but found {type_name(value)}"
        )
    if as_int(value) is None:
        raise MongoError(5787903, f"Value for 'n' must be of integral type, but found {value}")
    return int(value)


def _n_of(pick: str) -> Compile:
    """`$firstN`, `$lastN`, `$maxN` and `$minN` of an array."""

    def compile_it(name: str, operand: object, scope: Scope) -> Evaluate:
        given = named_operands(name, operand, ["n", "input"], [])
        count, source = (
            compile_expression(given["n"], scope),
            compile_expression(given["input"], scope),
        )
        key = scope.key

        def evaluate(document: Document, variables: Variables) -> object:
            items = _array(name, source(document, variables), 5788200)
            n = _count_of(count(document, variables))
            if n <= 0:
                raise MongoError(5787908, f"'n' must be greater than 0, found {n}")
            if pick == "first":
                return items[:n]
            if pick == "last":
                return items[-n:]
            present = [item for item in items if not is_nullish(item)]
            return sorted(present, key=key, reverse=pick == "max")[:n]

        return evaluate

    return compile_it


def _array_to_object(value: object) -> object:
    """What the first element is, a pair or a document of `k` and `v`, the others have to be."""
    items = _array("$arrayToObject", value, 40386)
    if not items:
        return {}
    if type(items[0]) not in (list, dict):
        raise MongoError(40398, "Unrecognised input type format for $arrayToObject: "
                         f"{type_name(items[0])}")  # fmt: skip
    pair = _pair_of_list if type(items[0]) is list else _pair_of_document
    return dict(map(pair, items))


def _pair_of_list(item: object) -> tuple[str, object]:
    if type(item) is not list:
        raise MongoError(40396, "$arrayToObject requires a consistent input format: all arrays, "
                         f"but found {type_name(item)}")  # fmt: skip
    if len(item) != 2:
        raise MongoError(40397, "$arrayToObject requires an array of size 2 arrays, found one of "
                         f"size {len(item)}")  # fmt: skip
    return _key("$arrayToObject", item[0], 40395, 4940400), item[1]


def _pair_of_document(item: object) -> tuple[str, object]:
    if type(item) is not dict:
        raise MongoError(40391, "$arrayToObject requires a consistent input format: all objects, "
                         f"but found {type_name(item)}")  # fmt: skip
    if len(item) != 2:
        raise MongoError(40392, "$arrayToObject requires objects of the two keys 'k' and 'v', "
                         f"found {len(item)} keys")  # fmt: skip
    if "k" not in item or "v" not in item:
        raise MongoError(40393, "$arrayToObject requires objects with the keys 'k' and 'v'")
    return _key("$arrayToObject", item["k"], 40394, 4940401), item["v"]


def _key(name: str, value: object, not_text: int, has_zero: int) -> str:
    if type(value) is not str:
        raise MongoError(not_text, f"{name} requires keys that are strings, found "
                         f"{type_name(value)}")  # fmt: skip
    if "\0" in value:
        raise MongoError(has_zero, "Key field cannot contain an embedded null byte")
    return value


OPERATORS: dict[str, Compile] = {
    "$arrayElemAt": strict(2, 2, _element_at),
    "$first": _end("$first", 0),
    "$last": _end("$last", -1),
    "$concatArrays": function(0, None, _concat_arrays),
    "$size": function(1, 1, _size),
    "$slice": strict(2, 3, _slice),
    "$range": function(2, 3, _range),
    "$reverseArray": strict(1, 1, _reverse),
    "$isArray": function(1, 1, lambda value: type(value) is list),
    "$in": _in,
    "$indexOfArray": _index_of,
    "$filter": _filter,
    "$map": _map,
    "$reduce": _reduce,
    "$zip": _zip,
    "$sortArray": _sort_array,
    "$firstN": _n_of("first"),
    "$lastN": _n_of("last"),
    "$maxN": _n_of("max"),
    "$minN": _n_of("min"),
    "$arrayToObject": strict(1, 1, _array_to_object),
}
