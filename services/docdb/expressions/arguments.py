"""How most operators take their arguments: a list of expressions, or one without brackets.

function(2, 2, power)       a Python function of the values, called for each document
strict(…)                   the same, but null where one of the values is null or missing
named("input", …)           {input: …, find: …}: arguments by name
"""

from collections.abc import Callable

from services.docdb.bson.types import UNDEFINED, Document
from services.docdb.errors import MongoError
from services.docdb.expressions.argument_codes import FAILED_TO_PARSE, codes_of, wrong_count
from services.docdb.expressions.compiler import (
    Evaluate,
    Scope,
    Variables,
    compile_expression,
)
from services.docdb.query.comparison import MISSING

Compile = Callable[[str, object, Scope], Evaluate]


def is_nullish(value: object) -> bool:
    return value is None or value is MISSING or value is UNDEFINED


def compile_arguments(
    name: str, operand: object, scope: Scope, least: int, most: int | None
) -> list[Evaluate]:
    """The arguments, of which there have to be from `least` to `most`."""
    items = operand if type(operand) is list else [operand]
    if len(items) < least or (most is not None and len(items) > most):
        raise wrong_count(name, len(items), least, most)
    return [compile_expression(item, scope) for item in items]


def function(least: int, most: int | None, call: Callable[..., object]) -> Compile:
    """An operator that is a function of its arguments' values."""

    def compile_it(name: str, operand: object, scope: Scope) -> Evaluate:
        arguments = compile_arguments(name, operand, scope, least, most)
        if len(arguments) == 1:
            only = arguments[0]
            return lambda document, variables: call(only(document, variables))
        if len(arguments) == 2:
            first, second = arguments
            return lambda document, variables: call(
                first(document, variables), second(document, variables)
            )

        def evaluate(document: Document, variables: Variables) -> object:
            return call(*[argument(document, variables) for argument in arguments])

        return evaluate

    return compile_it


def strict(least: int, most: int | None, call: Callable[..., object]) -> Compile:
    """The same, but null where an argument is null or missing."""

    def guarded(*values: object) -> object:
        for value in values:
            if value is None or value is MISSING or value is UNDEFINED:
                return None
        return call(*values)

    return function(least, most, guarded)


def named(required: str, optional: str, call: Callable[..., object]) -> Compile:
    """An operator whose arguments have names; those left out are MISSING."""
    must, may = required.split(), optional.split()

    def compile_it(name: str, operand: object, scope: Scope) -> Evaluate:
        given = named_operands(name, operand, must, may)
        evaluators = [
            compile_expression(given[key], scope) if key in given else _missing
            for key in (*must, *may)
        ]

        def evaluate(document: Document, variables: Variables) -> object:
            return call(*[it(document, variables) for it in evaluators])

        return evaluate

    return compile_it


def _missing(document: Document, variables: Variables) -> object:
    return MISSING


def named_operands(name: str, operand: object, must: list[str], may: list[str]) -> Document:
    """The operand as a document that has all of `must` and nothing beside `may`."""
    codes = codes_of(name)
    if type(operand) is not dict:
        raise MongoError(codes.not_object, f"{name} only supports an object as its argument")
    for key in operand:
        if key not in must and key not in may:
            raise MongoError(codes.unknown, f"{name} found an unknown argument: {key}")
    for key in must:
        if key not in operand:
            code = codes.missing.get(key, FAILED_TO_PARSE)
            raise MongoError(code, f"{name} requires '{key}' to be specified")
    return operand
