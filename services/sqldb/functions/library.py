"""All that can be called by name: the tables of the modules, put together and indexed.

A `Library` is what resolution searches. The built-in one is the same for all databases; the
catalog's own functions (nextval, pg_get_indexdef …) are defined elsewhere in the same form and
join it by `with_definitions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from services.sqldb.functions.definition import (
    Aggregate,
    Cast,
    Function,
    Operator,
    WindowFunction,
)
from services.sqldb.functions.definitions import Definitions

Callable_ = Function | Aggregate | WindowFunction


class Library:
    """Functions of all kinds by name, operators by name, casts by their two types."""

    def __init__(self, definitions: Iterable[Definitions]):
        self._definitions = tuple(definitions)
        self.callables: dict[str, list[Callable_]] = {}
        self.operators: dict[str, list[Operator]] = {}
        self.casts: dict[tuple[int, int], Cast] = {}
        # What resolution found for the built-in types: a look-up instead of 100 µs of search.
        self.resolved: dict[tuple, Any] = {}
        for table in self._definitions:
            for item in (*table.functions, *table.aggregates, *table.window_functions):
                self.callables.setdefault(item.name, []).append(item)
            for operator in table.operators:
                self.operators.setdefault(operator.name, []).append(operator)
                self._name_function(operator.function)
            for cast in table.casts:
                self.casts[cast.source.oid, cast.target.oid] = cast

    def _name_function(self, function: Function) -> None:
        """What an operator does can be called by a name too: like(a, b), jsonb_contains(a, b)."""
        if not function.name.isidentifier():
            return
        known = self.callables.setdefault(function.name, [])
        if all(one.argument_types != function.argument_types for one in known):
            known.append(function)

    def with_definitions(self, *more: Definitions) -> Library:
        """A library that knows more."""
        return Library((*self._definitions, *more))

    def with_callables(self, more: dict[str, list[Callable_]]) -> Library:
        """A library with functions of users before its own; operators and casts are shared."""
        made = Library(())
        made._definitions = self._definitions
        made.operators, made.casts = self.operators, self.casts
        made.callables = self.callables | {
            name: [*functions, *self.named(name)] for name, functions in more.items()
        }
        return made

    def named(self, name: str) -> list[Callable_]:
        """All functions, aggregates and window functions of a name."""
        return self.callables.get(name, [])

    def all_callables(self) -> Iterable[Callable_]:
        """Everything that pg_proc would list, but for the functions behind operators."""
        for overloads in self.callables.values():
            yield from overloads


def builtin_definitions() -> tuple[Definitions, ...]:
    """The tables of all modules of this package."""
    from services.sqldb.functions import (
        aggregates,
        arithmetic,
        array_functions,
        bit_functions,
        byte_functions,
        casts,
        comparison,
        date_arithmetic,
        date_fields,
        date_formats,
        date_parsing,
        formatting,
        interval_arithmetic,
        json_access,
        json_changes,
        json_records,
        json_values,
        jsonpath_functions,
        mathematics,
        number_formats,
        numeric_arithmetic,
        patterns,
        series,
        statistics,
        strings,
        windows,
    )

    modules = (
        *(arithmetic, numeric_arithmetic, mathematics, interval_arithmetic, comparison, casts),
        *(strings, patterns, formatting, byte_functions, bit_functions),
        *(
            date_arithmetic,
            date_fields,
            date_formats,
            date_parsing,
            number_formats,
            json_access,
            json_changes,
            json_records,
            json_values,
            jsonpath_functions,
        ),
        *(array_functions, series),
        *(aggregates, statistics, windows),
    )
    return tuple(module.define for module in modules)


@cache
def builtin_library() -> Library:
    """The library of every database, made when first asked for."""
    return Library(builtin_definitions())
