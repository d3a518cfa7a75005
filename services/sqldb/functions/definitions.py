"""The table that each module of the library fills: signatures as text, next to their code.

    name(type, name type, type = default, variadic type) -> [setof] type
    name(…) -> table(key text, value json)

Types are named as in pg_type (int4, timestamptz), an array is int4[], `any` is "any".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.sqldb.functions.definition import (
    IMMUTABLE,
    NO_NAMES,
    Aggregate,
    AggregateTemplate,
    Cast,
    Function,
    Operator,
    WindowFunction,
)
from services.sqldb.types import BOOL, RECORD, PlainContext, SqlType, type_by_name

_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})


class Definitions:
    """Functions, operators, casts, aggregates and window functions of one module."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self.operators: list[Operator] = []
        self.casts: list[Cast] = []
        self.aggregates: list[Aggregate] = []
        self.window_functions: list[WindowFunction] = []

    def function(self, *signatures: str, **properties: Any) -> Callable[[Callable], Callable]:
        """Decorator: the function below under one or more signatures; properties of `Function`."""

        def register(implementation: Callable) -> Callable:
            for signature in signatures:
                self.functions.append(make_function(signature, implementation, **properties))
            return implementation

        return register

    def operator(
        self, signature: str, implementation: Callable | None = None, **properties: Any
    ) -> Callable[[Callable], Callable]:
        """Decorator, or a direct call with the implementation: "int4 + int4 -> int4"."""

        def register(implementation: Callable) -> Callable:
            self.operators.append(make_operator(signature, implementation, **properties))
            return implementation

        return register if implementation is None else register(implementation)

    def operators_for(self, *signatures: str, **properties: Any) -> Callable[[Callable], Callable]:
        """Decorator: one implementation for several operators."""

        def register(implementation: Callable) -> Callable:
            for signature in signatures:
                self.operators.append(make_operator(signature, implementation, **properties))
            return implementation

        return register

    def cast(
        self, text: str, context: str, implementation: Callable | None = None, **properties: Any
    ) -> None:
        """ "int4 int8" from one to the other; without implementation the value stays as it is."""
        source, target = (type_by_name(name) for name in text.split())
        function = None
        if implementation is not None:
            function = Function(target.name, (source,), target, implementation, **properties)
        self.casts.append(Cast(source, target, context, function))

    def aggregate(
        self,
        *signatures: str,
        initial: Callable[[], Any] = lambda: None,
        step: Callable[..., Any] = lambda state: state,
        final: Callable[..., Any] = lambda state: state,
        direct: str = "",
        template: AggregateTemplate | None = None,
        **properties: Any,
    ) -> None:
        for signature in signatures:
            parsed = parse_signature(signature)
            self.aggregates.append(
                Aggregate(
                    name=parsed["name"],
                    argument_types=parsed["argument_types"],
                    result_type=parsed["result_type"],
                    initial=initial,
                    step=step,
                    final=final,
                    is_variadic=parsed["is_variadic"],
                    direct_types=tuple(type_by_name(name) for name in direct.split()),
                    template=template,
                    **properties,
                )
            )

    def window_function(self, *signatures: str, uses_frame: bool = False) -> Callable:
        def register(implementation: Callable) -> Callable:
            for signature in signatures:
                parsed = parse_signature(signature)
                self.window_functions.append(
                    WindowFunction(
                        parsed["name"],
                        parsed["argument_types"],
                        parsed["result_type"],
                        implementation,
                        uses_frame,
                    )
                )
            return implementation

        return register


def make_function(
    signature: str,
    implementation: Callable,
    *,
    strict: bool = True,
    volatility: str = IMMUTABLE,
    context: bool = False,
    types: bool = False,
    template: str = "",
    names: Mapping[str, object] = NO_NAMES,
) -> Function:
    return Function(
        **parse_signature(signature),
        implementation=implementation,
        is_strict=strict,
        volatility=volatility,
        needs_context=context,
        needs_types=types,
        template=f"({template})" if template else "",
        names=names,
    )


def make_operator(
    signature: str,
    implementation: Callable,
    *,
    function: str = "",
    strict: bool = True,
    context: bool = False,
    types: bool = False,
    volatility: str = IMMUTABLE,
    template: str = "",
    positive_template: str = "",
    names: Mapping[str, object] = NO_NAMES,
    compares: bool = False,
) -> Operator:
    """`function`: the name in pg_proc; `compares`: in the way that sorts and indexes do."""
    # From the right: -> is an operator of json as well. Without a result it is boolean.
    operands, arrow, result = signature.rpartition(" -> ")
    if not arrow:
        operands, result = result, ""
    *left, name, right = operands.split()
    left_type = type_by_name(left[0]) if left else None
    right_type = type_by_name(right)
    implemented = Function(
        name=function or name,
        argument_types=(right_type,) if left_type is None else (left_type, right_type),
        result_type=type_by_name(result) if result else BOOL,
        implementation=implementation,
        is_strict=strict,
        volatility=volatility,
        needs_context=context,
        needs_types=types,
        template=f"({template})" if template else "",
        positive_template=positive_template,
        names=names,
        comparison=name if compares and name in _COMPARISONS else "",
    )
    return Operator(name, left_type, right_type, implemented)


def parse_signature(signature: str) -> dict[str, Any]:
    """The fields of a Function that a signature says."""
    head, _, result = signature.partition(" -> ")
    name, _, arguments = head.partition("(")
    types: list[SqlType] = []
    argument_names: list[str] = []
    defaults: list[Any] = []
    is_variadic = False
    for argument in filter(None, (part.strip() for part in arguments[:-1].split(","))):
        declaration, equals, default = argument.partition("=")
        words = declaration.split()
        if words[0] == "variadic":
            is_variadic = True
            words = words[1:]
        types.append(type_by_name(words[-1]))
        argument_names.append(words[0] if len(words) > 1 else "")
        if equals:
            defaults.append(_default_value(types[-1], default.strip()))
    parsed: dict[str, Any] = {
        "name": name.strip(),
        "argument_types": tuple(types),
        "argument_names": tuple(argument_names) if any(argument_names) else (),
        "defaults": tuple(defaults),
        "is_variadic": is_variadic,
    }
    return parsed | _parse_result(result.strip())


def _default_value(type_: SqlType, text: str) -> Any:
    return None if text == "null" else type_.parse(text.strip("'"), -1, PlainContext())


def _parse_result(result: str) -> dict[str, Any]:
    if result.startswith("setof "):
        return {"result_type": type_by_name(result[6:]), "returns_set": True}
    if result.startswith(("table(", "row(")):
        kind, _, rest = result.partition("(")
        columns = tuple(
            (words[0], type_by_name(words[1]))
            for words in (column.split() for column in rest[:-1].split(","))
        )
        return {"result_type": RECORD, "returns_set": kind == "table", "columns": columns}
    return {"result_type": type_by_name(result)}
