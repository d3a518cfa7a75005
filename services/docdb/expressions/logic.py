"""Comparisons, booleans, conditions, and variables."""

from collections.abc import Callable

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.arguments import (
    Compile,
    compile_arguments,
    is_nullish,
    named_operands,
)
from services.docdb.expressions.compiler import (
    Evaluate,
    Scope,
    Variables,
    compile_expression,
    constant,
)
from services.docdb.query.comparison import MISSING
from services.docdb.query.operators import is_truthy


def _comparable(key: Callable[[object], tuple]) -> Callable[[object], tuple]:
    """Expressions, unlike filters, tell nothing from null: it comes before it."""
    return lambda value: (4,) if value is MISSING else key(value)


def _comparison(holds: Callable[[tuple, tuple], object]) -> Compile:
    def compile_it(name: str, operand: object, scope: Scope) -> Evaluate:
        left, right = compile_arguments(name, operand, scope, 2, 2)
        key = _comparable(scope.key)
        return lambda document, variables: holds(
            key(left(document, variables)), key(right(document, variables))
        )

    return compile_it


def _and(name: str, operand: object, scope: Scope) -> Evaluate:
    arguments = compile_arguments(name, operand, scope, 0, None)
    return lambda document, variables: all(
        is_truthy(argument(document, variables)) for argument in arguments
    )


def _or(name: str, operand: object, scope: Scope) -> Evaluate:
    arguments = compile_arguments(name, operand, scope, 0, None)
    return lambda document, variables: any(
        is_truthy(argument(document, variables)) for argument in arguments
    )


def _not(name: str, operand: object, scope: Scope) -> Evaluate:
    (argument,) = compile_arguments(name, operand, scope, 1, 1)
    return lambda document, variables: not is_truthy(argument(document, variables))


def _cond(name: str, operand: object, scope: Scope) -> Evaluate:
    if type(operand) is dict:
        given = named_operands(name, operand, ["if", "then", "else"], [])
        operand = [given["if"], given["then"], given["else"]]
    condition, then, otherwise = compile_arguments(name, operand, scope, 3, 3)
    return lambda document, variables: (
        then(document, variables)
        if is_truthy(condition(document, variables))
        else otherwise(document, variables)
    )


def _if_null(name: str, operand: object, scope: Scope) -> Evaluate:
    arguments = compile_arguments(name, operand, scope, 2, None)

    def evaluate(document: Document, variables: Variables) -> object:
        value: object = MISSING
        for argument in arguments:
            value = argument(document, variables)
            if not is_nullish(value):
                return value
        return value

    return evaluate


def _switch(name: str, operand: object, scope: Scope) -> Evaluate:
    if type(operand) is not dict:
        raise MongoError(40060, "$switch requires an object as an argument")
    specs = operand.get("branches", [])
    if type(specs) is not list:
        raise MongoError(40061, f"$switch expected an array for 'branches', found: {specs}")
    branches = [_branch(branch, scope) for branch in specs]
    for key in operand:
        if key not in ("branches", "default"):
            raise MongoError(40067, f"$switch found an unknown argument: {key}")
    if not branches:
        raise MongoError(40068, "$switch requires at least one branch.")
    default = compile_expression(operand["default"], scope) if "default" in operand else None

    def evaluate(document: Document, variables: Variables) -> object:
        for condition, then in branches:
            if is_truthy(condition(document, variables)):
                return then(document, variables)
        if default is None:
            raise MongoError(40066, "$switch could not find a matching branch for an input, and "
                             "no default was specified.")  # fmt: skip
        return default(document, variables)

    return evaluate


def _branch(spec: object, scope: Scope) -> tuple[Evaluate, Evaluate]:
    if type(spec) is not dict:
        raise MongoError(40062, f"$switch expected each branch to be an object, found: {spec}")
    for key in spec:
        if key not in ("case", "then"):
            raise MongoError(40063, f"$switch found an unknown argument to a branch: {key}")
    if "case" not in spec:
        raise MongoError(40064, "$switch requires each branch have a 'case' expression")
    if "then" not in spec:
        raise MongoError(40065, "$switch requires each branch have a 'then' expression.")
    return compile_expression(spec["case"], scope), compile_expression(spec["then"], scope)


def _literal(name: str, operand: object, scope: Scope) -> Evaluate:
    return constant(operand)


def check_variable(name: object) -> None:
    if type(name) is not str:
        raise MongoError(9, "the name of a variable has to be a string")
    if (
        not name
        or not (name[0].islower() or name[0] > "\x7f")
        or not name.replace("_", "a").isalnum()
    ):
        raise MongoError(9, f"'{name}' is not a valid name for a user variable")


def _let(name: str, operand: object, scope: Scope) -> Evaluate:
    given = named_operands(name, operand, ["vars", "in"], [])
    if type(given["vars"]) is not dict:
        raise MongoError(10065, "invalid parameter: expected an object (vars)")
    for variable in given["vars"]:
        if variable != "CURRENT":
            check_variable(variable)
    bound = [(key, compile_expression(value, scope)) for key, value in given["vars"].items()]
    inner = compile_expression(given["in"], scope.with_names(*given["vars"]))

    def evaluate(document: Document, variables: Variables) -> object:
        values = {key: value(document, variables) for key, value in bound}
        return inner(document, variables | values)

    return evaluate


OPERATORS: dict[str, Compile] = {
    "$eq": _comparison(lambda a, b: a == b),
    "$ne": _comparison(lambda a, b: a != b),
    "$gt": _comparison(lambda a, b: a > b),
    "$gte": _comparison(lambda a, b: a >= b),
    "$lt": _comparison(lambda a, b: a < b),
    "$lte": _comparison(lambda a, b: a <= b),
    "$cmp": _comparison(lambda a, b: (a > b) - (a < b)),
    "$and": _and,
    "$or": _or,
    "$not": _not,
    "$cond": _cond,
    "$ifNull": _if_null,
    "$switch": _switch,
    "$literal": _literal,
    "$const": _literal,
    "$let": _let,
}
