"""What a function, an operator, a cast, an aggregate and a window function are.

The library writes them down by their signatures, in the terms of pg_type:

    define = Definitions()

    @define.function("left(text, int4) -> text")
    def left(text: str, count: int) -> str: ...

    define.operator("int4 < int8 -> bool", lambda a, b: a < b, template="{0} < {1}")

`implementation` takes Python values and gives one; a strict function (all but a few) is never
called with NULL. `template` is the same as the text of a Python expression, for the code that the
executor generates: no call, no look-up.

    {0} {1} …   the arguments; each stands there once, so an argument may be any expression
    {t} {u} {v} temporaries, fresh names for each use
    other names are given by `names`, and mean the same object in all templates
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.sqldb.types import ANY, SqlType, array_of
from services.sqldb.types.arrays import array_of_elements, flat

IMMUTABLE, STABLE, VOLATILE = "i", "s", "v"
NO_NAMES: Mapping[str, object] = {}

# fmt: off
COMMUTATORS = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<=",
               "@>": "<@", "<@": "@>", "&&": "&&"}
NEGATORS = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
            "~~": "!~~", "!~~": "~~", "~~*": "!~~*", "!~~*": "~~*",
            "~": "!~", "!~": "~", "~*": "!~*", "!~*": "~*"}
# fmt: on
# The numbers that B-tree operator classes give to comparisons.
STRATEGIES = {"<": 1, "<=": 2, "=": 3, ">=": 4, ">": 5}


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """One row of pg_proc. What resolution returns is made concrete: see `for_types`."""

    name: str
    argument_types: tuple[SqlType, ...]
    result_type: SqlType
    implementation: Callable[..., Any]
    is_strict: bool = True
    volatility: str = IMMUTABLE
    # The last argument may come any number of times; its type is then the type of one of them.
    is_variadic: bool = False
    defaults: tuple[Any, ...] = ()  # of the last arguments
    argument_names: tuple[str, ...] = ()
    returns_set: bool = False
    # The columns of a result that is a row, by name and type: json_each(key, value).
    columns: tuple[tuple[str, SqlType], ...] = ()
    # The implementation takes the SessionContext before its arguments.
    needs_context: bool = False
    # `implementation` is a function of (argument types, result type) that gives the real one.
    needs_types: bool = False
    template: str = ""
    # The template where the last argument is a constant above zero, which may stand there twice.
    positive_template: str = ""
    names: Mapping[str, object] = field(default_factory=dict)
    # "=", "<" …: this is how values of the types compare, and an index on them helps.
    comparison: str = ""
    schema: str = "pg_catalog"
    oid: int = 0  # 0: not fixed; see `services.sqldb.functions.oids`

    def __repr__(self) -> str:
        return f"<{self.signature}>"

    @property
    def signature(self) -> str:
        """left(text, integer)"""
        return f"{self.name}({', '.join(str(type_) for type_ in self.argument_types)})"

    def for_types(
        self, argument_types: tuple[SqlType, ...], result_type: SqlType, given: int | None = None
    ) -> Function:
        """The function for one call: with real types in place of polymorphic ones.

        `given` arguments are there; defaults stand in for the rest.
        """
        implementation = self.implementation
        if self.needs_types:
            implementation = implementation(argument_types, result_type)
        if given is not None and given < len(argument_types):
            missing = len(argument_types) - given
            implementation = _with_defaults(implementation, self.defaults[-missing:])
            argument_types = argument_types[:given]
        elif not self.needs_types and argument_types == self.argument_types:
            return (
                self if result_type is self.result_type else replace(self, result_type=result_type)
            )
        return replace(
            self,
            argument_types=argument_types,
            result_type=result_type,
            implementation=implementation,
            is_variadic=False,
            defaults=(),
            needs_types=False,
            template=""
            if given is not None and given < len(self.argument_types)
            else self.template,
        )

    def for_array_call(self, given: tuple[SqlType, ...], result_type: SqlType) -> Function:
        """The function of variadic "any" for f(VARIADIC array)."""
        return replace(
            self,
            argument_types=given,
            result_type=result_type,
            implementation=_spreading(self, given, result_type),
            is_variadic=False,
            needs_types=False,
            template="",
        )

    def for_variadic_call(self, given: tuple[SqlType, ...], result_type: SqlType) -> Function:
        """The function for arguments in a row where it is declared with an array of them.

        A function of variadic "any" takes them as they are.
        """
        fixed = len(self.argument_types) - 1
        if self.argument_types[-1] == ANY:
            implementation = self.implementation
            if self.needs_types:
                implementation = implementation(given, result_type)
        else:
            element = given[-1]
            declared = (*given[:fixed], array_of(element))
            implementation = self.implementation
            if self.needs_types:
                implementation = implementation(declared, result_type)
            implementation = _collecting(implementation, fixed + self.needs_context)
        return replace(
            self,
            argument_types=given,
            result_type=result_type,
            implementation=implementation,
            is_variadic=False,
            needs_types=False,
            template="",
        )


def _spreading(function: Function, given: tuple[SqlType, ...], result: SqlType) -> Callable:
    """f(a, VARIADIC array) of a variadic "any": how many arguments that is, the array says."""
    fixed = len(given) - 1 + function.needs_context

    def call(*arguments: Any) -> Any:
        *first, array = arguments
        if array is None:
            return None
        elements = tuple(flat(array))
        implementation = function.implementation
        if function.needs_types:
            element = given[-1].element or given[-1]
            implementation = implementation((*given[:-1], *(element,) * len(elements)), result)
        return implementation(*first[:fixed], *elements)

    return call


def _with_defaults(implementation: Callable[..., Any], defaults: tuple) -> Callable[..., Any]:
    return lambda *arguments: implementation(*arguments, *defaults)


def _collecting(implementation: Callable[..., Any], fixed: int) -> Callable[..., Any]:
    return lambda *arguments: implementation(
        *arguments[:fixed], array_of_elements(arguments[fixed:])
    )


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One row of pg_operator; `left` is None for a prefix operator such as -x."""

    name: str
    left: SqlType | None
    right: SqlType
    function: Function

    def __repr__(self) -> str:
        return f"<{self.left or ''} {self.name} {self.right}>"

    @property
    def result_type(self) -> SqlType:
        return self.function.result_type

    @property
    def commutator(self) -> str:
        """b > a is a < b."""
        return COMMUTATORS.get(self.name, "")

    @property
    def negator(self) -> str:
        return NEGATORS.get(self.name, "")

    @property
    def strategy(self) -> int:
        """The number of a B-tree strategy, 0 for an operator that no index serves."""
        return STRATEGIES.get(self.function.comparison, 0)

    @property
    def is_hashable(self) -> bool:
        return self.function.comparison == "="


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """source::target. Contexts: "i" without being asked, "a" in assignments, "e" only by ::.

    `function` None: the same Python value under another type.
    """

    source: SqlType
    target: SqlType
    context: str
    function: Function | None = None


@dataclass(frozen=True, slots=True)
class AggregateTemplate:
    """An aggregate as statements for generated code; NULLs have been left out before `step`.

    `slots` are expressions for the state of an empty group. In `step` and `final`, {s0}, {s1} …
    are the slots, {0} the argument (a name, so it may stand there twice).
    """

    slots: tuple[str, ...]
    step: str
    final: str
    names: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """A function of many rows: state = step(state, *arguments) for each, then final(state).

    `initial()` makes a new state. A strict aggregate does not see rows where an argument is NULL.
    Kinds: "n" ordinary; "o" ordered-set, percentile_cont(0.5) WITHIN GROUP (ORDER BY x), where
    `step` takes the ordered values alone and `final(state, *direct arguments)` the direct ones;
    "h" hypothetical-set, rank(3) WITHIN GROUP (ORDER BY x), where `step` takes the sort keys and
    final(state, *direct) has to say where a row of the direct arguments would stand.
    """

    name: str
    argument_types: tuple[SqlType, ...]
    result_type: SqlType
    initial: Callable[[], Any]
    step: Callable[..., Any]
    final: Callable[..., Any]
    is_strict: bool = True
    kind: str = "n"
    direct_types: tuple[SqlType, ...] = ()
    is_variadic: bool = False
    # Makes (initial, step, final) for real argument types; the fields above are then empty.
    make: Callable[[tuple[SqlType, ...], SqlType], tuple[Callable, Callable, Callable]] | None = (
        None
    )
    # step and final take the SessionContext first.
    needs_context: bool = False
    template: AggregateTemplate | None = None
    # The rows' order or repetition changes nothing: DISTINCT and ORDER BY inside can be dropped.
    ignores_order: bool = False
    is_window_only: bool = False
    oid: int = 0

    def __repr__(self) -> str:
        return f"<aggregate {self.name}({', '.join(str(t) for t in self.argument_types)})>"

    def for_types(self, argument_types: tuple[SqlType, ...], result_type: SqlType) -> Aggregate:
        if self.make is None:
            return replace(self, argument_types=argument_types, result_type=result_type)
        initial, step, final = self.make(argument_types, result_type)
        return replace(
            self,
            argument_types=argument_types,
            result_type=result_type,
            initial=initial,
            step=step,
            final=final,
            make=None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class WindowFunction:
    """row_number(), lag(x): `implementation(window)` gives the value for the current row.

    `window` is what `services.sqldb.functions.windows.WindowView` describes.
    """

    name: str
    argument_types: tuple[SqlType, ...]
    result_type: SqlType
    implementation: Callable[[Any], Any]
    # first_value and its kin look at the frame, row_number and rank at the partition alone.
    uses_frame: bool = False
    oid: int = 0

    def for_types(
        self, argument_types: tuple[SqlType, ...], result_type: SqlType
    ) -> WindowFunction:
        return replace(self, argument_types=argument_types, result_type=result_type)
