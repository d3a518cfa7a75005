"""`$jsonSchema`: draft 4 with `bsonType`, as validators of collections use it.

Each keyword makes a test of a value; a schema is all of its tests. A keyword says nothing about
values of other types than its own: `minLength` lets a number pass.
"""

from collections.abc import Callable

from services.docdb.errors import MongoError, bad_value, failed_to_parse, type_mismatch
from services.docdb.expressions.numbers import as_int, is_finite, is_number, to_decimal
from services.docdb.query.comparison import MISSING, equal, sort_key
from services.docdb.query.operators import Test
from services.docdb.query.regexes import compile_regex
from services.docdb.query.type_names import NUMERIC, parse_types, type_name

_JSON_TYPES = {
    "object": {"object"},
    "array": {"array"},
    "number": set(NUMERIC),
    "boolean": {"bool"},
    "string": {"string"},
    "null": {"null"},
}


def compile_schema(schema: object) -> Test:
    """A test of a value. Raises MongoError where the schema is no schema."""
    if type(schema) is not dict:
        raise MongoError(14, "$jsonSchema must be an object")
    tests: list[Test] = []
    for keyword, operand in schema.items():
        if keyword not in KEYWORDS and keyword not in _BESIDE:
            raise failed_to_parse(f"Unknown $jsonSchema keyword: {keyword}")
        _check_operand(keyword, operand, schema)
        if keyword in KEYWORDS:
            tests.append(KEYWORDS[keyword](operand, schema))
    return lambda value: all(test(value) for test in tests)


_BESIDE = {"title", "description", "exclusiveMinimum", "exclusiveMaximum", "additionalItems"}
"""Keywords that test nothing: they describe, or another keyword looks at them."""

_OPERANDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("title", "description", "pattern"), (str,)),
    **dict.fromkeys(("properties", "patternProperties", "dependencies", "not"), (dict,)),
    **dict.fromkeys(("required", "enum", "allOf", "anyOf", "oneOf"), (list,)),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum", "uniqueItems"), (bool,)),
    **dict.fromkeys(("additionalProperties", "additionalItems"), (bool, dict)),
    "items": (dict, list),
}
_NEEDS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def _check_operand(keyword: str, operand: object, schema: dict) -> None:
    """Whether what a keyword is given is of its type. Raises MongoError."""
    wanted = _OPERANDS.get(keyword)
    if wanted is not None and type(operand) not in wanted:
        names = " or ".join(f"'{kind.__name__}'" for kind in wanted)
        raise type_mismatch(f"$jsonSchema keyword '{keyword}' must be of type {names}, but is "
                            f"'{type_name(operand)}'")  # fmt: skip
    if keyword in _NEEDS and _NEEDS[keyword] not in schema:
        raise failed_to_parse(
            f"$jsonSchema keyword '{_NEEDS[keyword]}' must be present if {keyword} is present"
        )
    if keyword == "type" and "bsonType" in schema:
        raise failed_to_parse("Cannot specify both $jsonSchema keywords 'type' and 'bsonType'")
    if keyword in ("required", "enum") and not operand:
        raise failed_to_parse(f"$jsonSchema keyword '{keyword}' cannot be an empty array")
    if keyword in ("allOf", "anyOf", "oneOf") and not operand:
        raise bad_value(f"$jsonSchema keyword '{keyword}' must be a non-empty array")


def _of(kind: type, test: Test) -> Test:
    return lambda value: type(value) is not kind or test(value)


def _of_number(test: Test) -> Test:
    return lambda value: not is_number(value) or test(value)


def _bson_type(operand: object, schema: dict) -> Test:
    wanted = parse_types(operand)
    return lambda value: type_name(value) in wanted


def _type(operand: object, schema: dict) -> Test:
    names = operand if type(operand) is list else [operand]
    for name in names:
        if type(name) is not str:
            raise type_mismatch("$jsonSchema keyword 'type' must be named by a string")
        if name == "integer":
            raise failed_to_parse("$jsonSchema type 'integer' is not currently supported.")
        if name not in _JSON_TYPES:
            raise bad_value(f"Unknown type name alias: {name}")
    wanted = set().union(*(_JSON_TYPES[name] for name in names))
    return lambda value: type_name(value) in wanted


def _required(operand: object, schema: dict) -> Test:
    if any(type(name) is not str for name in operand):
        raise type_mismatch("$jsonSchema keyword 'required' must be an array of strings")
    if len(set(operand)) < len(operand):
        raise failed_to_parse(
            "$jsonSchema keyword 'required' array cannot contain duplicate values"
        )
    return _of(dict, lambda value: all(name in value for name in operand))


def _properties(operand: object, schema: dict) -> Test:
    tests = {name: compile_schema(inner) for name, inner in operand.items()}
    return _of(
        dict,
        lambda value: all(test(value[name]) for name, test in tests.items() if name in value),
    )


def _pattern_properties(operand: object, schema: dict) -> Test:
    tests = [(compile_regex(p, "").search, compile_schema(inner)) for p, inner in operand.items()]
    return _of(
        dict,
        lambda value: all(
            test(item) for name, item in value.items() for search, test in tests if search(name)
        ),
    )


def _additional_properties(operand: object, schema: dict) -> Test:
    known = set(schema.get("properties", {}))
    searches = [
        compile_regex(pattern, "").search for pattern in schema.get("patternProperties", {})
    ]
    test = compile_schema(operand) if type(operand) is dict else lambda value: operand is not False

    def check(value: dict) -> bool:
        return all(
            test(item)
            for name, item in value.items()
            if name not in known and not any(search(name) for search in searches)
        )

    return _of(dict, check)


def _dependencies(operand: object, schema: dict) -> Test:
    tests: dict[str, Test] = {}
    for name, needs in operand.items():
        if type(needs) is dict:
            tests[name] = compile_schema(needs)
        elif type(needs) is list:
            tests[name] = _required(needs, schema)
        else:
            raise type_mismatch(f"$jsonSchema keyword 'dependencies': '{name}' must be an object "
                                "or an array")  # fmt: skip

    def check(value: dict) -> bool:
        return all(test(value) for name, test in tests.items() if name in value)

    return _of(dict, check)


def _items(operand: object, schema: dict) -> Test:
    if type(operand) is dict:
        test = compile_schema(operand)
        return _of(list, lambda value: all(map(test, value)))
    tests = [compile_schema(inner) for inner in operand]
    rest = schema.get("additionalItems", True)
    more = compile_schema(rest) if type(rest) is dict else lambda value: rest is not False

    def check(value: list) -> bool:
        known = all(test(item) for test, item in zip(tests, value, strict=False))
        return known and all(map(more, value[len(tests) :]))

    return _of(list, check)


def _unique(operand: object, schema: dict) -> Test:
    if not operand:
        return lambda value: True
    return _of(list, lambda value: len(set(map(sort_key, value))) == len(value))


def _bound(is_least: bool) -> Callable[[object, dict], Test]:
    def maker(operand: object, schema: dict) -> Test:
        excludes = schema.get("exclusiveMinimum" if is_least else "exclusiveMaximum", False)
        if not is_number(operand):
            raise type_mismatch("$jsonSchema keyword 'minimum' or 'maximum' must be a number")
        if is_least:
            return _of_number(lambda value: value > operand if excludes else value >= operand)
        return _of_number(lambda value: value < operand if excludes else value <= operand)

    return maker


def _multiple_of(operand: object, schema: dict) -> Test:
    if not is_number(operand):
        raise type_mismatch("$jsonSchema keyword 'multipleOf' must be a number")
    if not operand > 0:
        raise failed_to_parse("$jsonSchema keyword 'multipleOf' must have a positive value")
    divisor = to_decimal(operand)
    return _of_number(lambda value: is_finite(value) and to_decimal(value) % divisor == 0)


def _length(kind: type, is_least: bool) -> Callable[[object, dict], Test]:
    def maker(operand: object, schema: dict) -> Test:
        if as_int(operand) is None or operand < 0:
            raise failed_to_parse("lengths in $jsonSchema must be nonnegative whole numbers")
        if is_least:
            return _of(kind, lambda value: len(value) >= operand)
        return _of(kind, lambda value: len(value) <= operand)

    return maker


def _several(combine: Callable[[list[bool]], bool]) -> Callable[[object, dict], Test]:
    def maker(operand: object, schema: dict) -> Test:
        tests = [compile_schema(inner) for inner in operand]
        return lambda value: combine([test(value) for test in tests])

    return maker


def _not(operand: object, schema: dict) -> Test:
    test = compile_schema(operand)
    return lambda value: not test(value)


def _enum(operand: object, schema: dict) -> Test:
    if len(set(map(sort_key, operand))) < len(operand):
        raise failed_to_parse("$jsonSchema keyword 'enum' array cannot contain duplicate values.")
    return lambda value: value is not MISSING and any(equal(value, item) for item in operand)


KEYWORDS: dict[str, Callable[[object, dict], Test]] = {
    "bsonType": _bson_type,
    "type": _type,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "dependencies": _dependencies,
    "items": _items,
    "uniqueItems": _unique,
    "minimum": _bound(True),
    "maximum": _bound(False),
    "multipleOf": _multiple_of,
    "minLength": _length(str, True),
    "maxLength": _length(str, False),
    "minItems": _length(list, True),
    "maxItems": _length(list, False),
    "minProperties": _length(dict, True),
    "maxProperties": _length(dict, False),
    "pattern": lambda operand, schema: _of(
        str, lambda value: compile_regex(operand, "").search(value) is not None
    ),
    "allOf": _several(all),
    "anyOf": _several(any),
    "oneOf": _several(lambda held: sum(held) == 1),
    "not": _not,
    "enum": _enum,
}
