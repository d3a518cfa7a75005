"""The compiler: an expression, which is a document, becomes a Python function.

    {$add: ["$price", {$multiply: ["$tax", 2]}]}

    add(─ field "price"
        ─ multiply(─ field "tax"
                   ─ constant 2))          each a closure: evaluate(document, variables)

It is compiled once for a query; then a document costs one call for each node, and nothing is
looked up by name any more. `variables` is a plain dict of what `$$name` can mean; `$let` and
its kin hand a copy with more in it to what they enclose.

What a path leads to may be nothing: MISSING, which most operators treat as null, and which
leaves its field out where a document is built.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.query.comparison import MISSING, KeyMaker, sort_key
from services.docdb.query.paths import value_in

Variables = dict[str, object]
Evaluate = Callable[[Document, Variables], object]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may refer to while it is compiled."""

    key: KeyMaker = sort_key
    names: frozenset[str] = field(default_factory=frozenset)

    def with_names(self, *names: str) -> "Scope":
        return replace(self, names=self.names | set(names))


SYSTEM_VARIABLES = frozenset({"ROOT", "CURRENT", "NOW", "CLUSTER_TIME", "REMOVE", "SEARCH_META"})
_DESCEND, _PRUNE, _KEEP = "$$DESCEND", "$$PRUNE", "$$KEEP"
REDACT_VARIABLES = {"DESCEND": _DESCEND, "PRUNE": _PRUNE, "KEEP": _KEEP}


def compile_expression(spec: object, scope: Scope) -> Evaluate:
    """Raises MongoError."""
    if type(spec) is str:
        return _compile_text(spec, scope)
    if type(spec) is dict:
        return _compile_document(spec, scope)
    if type(spec) is list:
        return _compile_array(spec, scope)
    return constant(spec)


def constant(value: object) -> Evaluate:
    return lambda document, variables: value


def _compile_text(spec: str, scope: Scope) -> Evaluate:
    if not spec.startswith("$"):
        return constant(spec)
    if not spec.startswith("$$"):
        return field_path(spec[1:])
    name, _, path = spec[2:].partition(".")
    return _variable(name, path, scope)


def check_path(path: str) -> tuple[str, ...]:
    parts = tuple(path.split("."))
    if not path:
        raise MongoError(16872, "'$' by itself is not a valid FieldPath")
    if "" in parts:
        code = 40353 if path.endswith(".") else 15998
        raise MongoError(code, "FieldPath must not end with a '.' or have empty field names.")
    if any(part.startswith("$") for part in parts):
        raise MongoError(16410, f"FieldPath field names may not start with '$'. Path: {path}")
    if "\0" in path:
        raise MongoError(16411, "FieldPath field names may not contain '\\0'.")
    return parts


def field_path(path: str) -> Evaluate:
    """`$a.b`: the value in the document at hand."""
    parts = check_path(path)
    if len(parts) == 1:
        return lambda document, variables: document.get(path, MISSING)
    return lambda document, variables: value_in(document, parts)


def _variable(name: str, path: str, scope: Scope) -> Evaluate:
    parts = check_path(path) if path else ()
    if name in ("ROOT", "CURRENT") and name not in scope.names:
        if parts:
            return lambda document, variables: value_in(document, parts)
        return lambda document, variables: document
    if name == "REMOVE":
        return constant(MISSING)
    if name not in scope.names and name not in SYSTEM_VARIABLES:
        if not name or not (name[0].islower() or name[0] > "\x7f" or name in REDACT_VARIABLES):
            raise failed_to_parse(
                f"'{name}' starts with an invalid character for a user variable name"
            )
        raise MongoError(17276, f"Use of undefined variable: {name}")
    if parts:
        return lambda document, variables: value_in(variables.get(name, MISSING), parts)
    return lambda document, variables: variables.get(name, MISSING)


def _compile_document(spec: Document, scope: Scope) -> Evaluate:
    first = next(iter(spec), "")
    if first.startswith("$"):
        if len(spec) != 1:
            raise MongoError(
                15983,
                f"an object representing an expression must have exactly one field: {list(spec)}",
            )
        return compile_operator(first, spec[first], scope)
    members = []
    for name, value in spec.items():
        if name.startswith("$"):
            raise MongoError(16410, f"FieldPath field names may not start with '$': {name}")
        if "." in name:
            raise MongoError(16412, f"FieldPath field names may not contain '.': {name}")
        members.append((name, compile_expression(value, scope)))

    def build(document: Document, variables: Variables) -> Document:
        built = {}
        for name, evaluate in members:
            value = evaluate(document, variables)
            if value is not MISSING:
                built[name] = value
        return built

    return build


def _compile_array(spec: list, scope: Scope) -> Evaluate:
    items = [compile_expression(item, scope) for item in spec]

    def build(document: Document, variables: Variables) -> list:
        values = [evaluate(document, variables) for evaluate in items]
        return [None if value is MISSING else value for value in values]

    return build


def compile_operator(name: str, operand: object, scope: Scope) -> Evaluate:
    compile_it = operator_table().get(name)
    if compile_it is None:
        if name in ("$function", "$accumulator"):
            raise MongoError(31264, f"{name} needs JavaScript, which this server does not run")
        raise MongoError(168, f"Unrecognized expression '{name}'")
    return compile_it(name, operand, scope)


@cache
def operator_table() -> dict[str, Callable[[str, object, Scope], Evaluate]]:
    """All families together; put together late, because they use this module themselves."""
    from services.docdb.expressions import (
        accumulators,
        arithmetic,
        arrays,
        conversion,
        dates,
        logic,
        objects,
        sets,
        strings,
    )

    families = (arithmetic, logic, strings, arrays, sets, objects, dates, conversion, accumulators)
    return {name: entry for family in families for name, entry in family.OPERATORS.items()}
