"""The place in the source where code is being written, and which columns are known there, as what.

A `Code` is the Python text of a value. `Site.value(expression)` gives the text that computes it,
`Site.test(expression, wanted)` a text that is true exactly if the value is `wanted`: conditions
need no third truth value, and `a is not None and a < 5` is faster than making NULL and testing it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from services.sqldb.plan.analysis import ROW, Key, needs

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler
    from services.sqldb.executor.source import FunctionSource
    from services.sqldb.plan.expressions import Expression

# Parentheses inside each other: Python's own parser gives up at 200.
MAX_DEPTH = 24


class Code(NamedTuple):
    """`is_simple`: a name or an item of a row, which may be written twice."""

    text: str
    nullable: bool = True
    is_simple: bool = False


NULL = Code("None", True, True)


def local_name(key: Key) -> str:
    """c3_1 for column 1 of relation 3, c3_row for its stored version."""
    relation, index = key
    return f"c{relation}_{'row' if index == ROW else index}"


class Site:
    """A function under construction and the columns that its current line can use."""

    __slots__ = ("columns", "compiler", "depth", "function", "outer")

    def __init__(
        self,
        compiler: Compiler,
        function: FunctionSource,
        columns: dict[Key, Code],
        outer: frozenset[Key] = frozenset(),
    ):
        self.compiler = compiler
        self.function = function
        self.columns = columns
        # Those that came in from around: arguments of the function, not part of its rows.
        self.outer = outer
        self.depth = 0

    def with_columns(self, columns: dict[Key, Code]) -> Site:
        """The same place with more columns in sight."""
        return Site(self.compiler, self.function, {**self.columns, **columns}, self.outer)

    def value(self, expression: Expression) -> Code:
        """Python text of an expression's value, None for NULL."""
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                return self._apart(expression)
            return self.compiler.value_of(self, expression)
        finally:
            self.depth -= 1

    def test(self, expression: Expression, wanted: bool = True) -> str:
        """Python text that is true exactly when the expression's value is `wanted`."""
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                return f"{self._apart(expression).text} is {wanted}"
            return self.compiler.test_of(self, expression, wanted)
        finally:
            self.depth -= 1

    def temporary(self) -> str:
        return self.compiler.module.fresh("t")

    def name(self, value: object, prefix: str = "k") -> str:
        """The name of an object of the plan in the source."""
        return self.compiler.module.constant(value, prefix)

    def arguments(self, keys: Iterable[Key]) -> tuple[list[Key], str]:
        """What a function that uses these columns is called with: run, then their values."""
        known = sorted(key for key in keys if key in self.columns)
        return known, ", ".join(["run", *(self.columns[key].text for key in known)])

    def enter(self, function: FunctionSource, keys: Iterable[Key]) -> Site:
        """A site in another function that has these columns of this one as parameters."""
        columns = {key: Code(local_name(key), self.columns[key].nullable, True) for key in keys}
        return Site(self.compiler, function, columns, frozenset(columns))

    def _apart(self, expression: Expression) -> Code:
        """A deep expression goes on in a function of its own."""
        keys, arguments = self.arguments(needs(expression))
        function = self.compiler.module.function("part", [local_name(key) for key in keys])
        function.line(f"return {self.enter(function, keys).value(expression).text}")
        return Code(f"{function.name}({arguments})")
