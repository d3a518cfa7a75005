"""`$jsonSchema`: draft 4 with `bsonType`, as validators of collections use it.

Each keyword makes a test of a value; a schema is all of its tests. A keyword says nothing about
values of other types than its own: `minLength` lets a number pass.
"""

from collections.abc import Callable

from services.docdb.errors import MongoError
from services.docdb.expressions.numbers import is_number
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
        if keyword in _IGNORED:
            continue
        maker = KEYWORDS.get(keyword)
        if maker is None:
            raise MongoError(9, f"Unknown $jsonSchema keyword: {keyword}")
        if keyword in _OBJECTS and type(operand) is not dict:
            raise MongoError(14, f"$jsonSchema keyword '{keyword}' must be an object")
        if keyword == "pattern" and type(operand) is not str:
            raise MongoError(14, "$jsonSchema keyword 'pattern' must be a string")
        tests.append(maker(operand, schema))
    return lambda value: all(test(value) for test in tests)


_OBJECTS = {"properties", "patternProperties", "dependencies", "not"}
_IGNORED = {"title", "description", "exclusiveMinimum", "exclusiveMaximum", "additionalItems"}


def _of(kind: type, test: Test) -> Test:
    return lambda value: type(value) is not kind or test(value)


def _of_number(test: Test) -> Test:
    return lambda value: not is_number(value) or test(value)


def _bson_type(operand: object, schema: dict) -> Test:
    wanted = parse_types(operand)
    return lambda value: type_name(value) in wanted


def _type(operand: object, schema: dict) -> Test:
    names = operand if type(operand) is list else [operand]
    if any(name not in _JSON_TYPES for name in names):
        raise MongoError(2, f"$jsonSchema type '{operand}' is not supported")
    wanted = set().union(*(_JSON_TYPES[name] for name in names))
    return lambda value: type_name(value) in wanted


def _required(operand: object, schema: dict) -> Test:
    if type(operand) is not list or not operand:
        raise MongoError(9, "$jsonSchema keyword 'required' must be a nonempty array")
    return _of(dict, lambda value: all(name in value for name in operand))


def _properties(operand: object, schema: dict) -> Test:
    if type(operand) is not dict:
        raise MongoError(14, "$jsonSchema keyword 'properties' must be an object")
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
    def check(value: dict) -> bool:
        for name, needs in operand.items():
            if name not in value:
                continue
            if type(needs) is list and not all(other in value for other in needs):
                return False
            if type(needs) is dict and not compile_schema(needs)(value):
                return False
        return True

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
            raise MongoError(14, "$jsonSchema keyword 'minimum' or 'maximum' must be a number")
        if is_least:
            return _of_number(lambda value: value > operand if excludes else value >= operand)
        return _of_number(lambda value: value < operand if excludes else value <= operand)

    return maker


def _length(kind: type, is_least: bool) -> Callable[[object, dict], Test]:
    def maker(operand: object, schema: dict) -> Test:
        if not is_number(operand) or operand < 0:
            raise MongoError(9, "lengths in $jsonSchema must be nonnegative numbers")
        if is_least:
            return _of(kind, lambda value: len(value) >= operand)
        return _of(kind, lambda value: len(value) <= operand)

    return maker


def _several(combine: Callable[[list[bool]], bool]) -> Callable[[object, dict], Test]:
    def maker(operand: object, schema: dict) -> Test:
        if type(operand) is not list or not operand:
            raise MongoError(9, "$jsonSchema keywords 'allOf', 'anyOf', 'oneOf' need an array")
        tests = [compile_schema(inner) for inner in operand]
        return lambda value: combine([test(value) for test in tests])

    return maker


def _not(operand: object, schema: dict) -> Test:
    test = compile_schema(operand)
    return lambda value: not test(value)


def _enum(operand: object, schema: dict) -> Test:
    if type(operand) is not list or not operand:
        raise MongoError(9, "$jsonSchema keyword 'enum' must be a nonempty array")
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
    "multipleOf": lambda operand, schema: _of_number(lambda value: value % operand == 0),
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
