"""Expressions become Python expressions.

    price * quantity > $1   over columns that may be NULL, as a condition:

    ((t1 := (None if v1[2] is None or v1[3] is None else mul(v1[2], v1[3]))) is not None
     and p1 is not None and t1 > p1)

NULL is None. A strict function is not called when an argument is NULL, and its text is put in place
where the function has a template (`{0} > {1}`); columns that cannot be NULL are not asked. What SQL
evaluates only when needed (CASE, COALESCE, the right side of AND) Python does not evaluate either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from services.sqldb.executor import nested
from services.sqldb.executor.site import NULL, Code, Site
from services.sqldb.executor.subqueries import subquery
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import ROW

if TYPE_CHECKING:
    from services.sqldb.functions import Function

Handler = Callable[[Site, ex.Expression], Code]


def value_of(site: Site, expression: ex.Expression) -> Code:
    return _VALUES[type(expression)](site, expression)


def test_of(site: Site, expression: ex.Expression, wanted: bool) -> str:
    """What is true exactly if the value is `wanted`; NULL is neither."""
    match expression:
        case ex.And():
            return _junction(site, expression.arguments, " and " if wanted else " or ", wanted)
        case ex.Or():
            return _junction(site, expression.arguments, " or " if wanted else " and ", wanted)
        case ex.Not():
            return site.test(expression.argument, not wanted)
        case ex.Constant():
            return str(expression.value is wanted)
        case ex.Call() if expression.function.is_strict:
            return _test_call(site, expression, wanted)
    code = site.value(expression)
    if not code.nullable:
        return f"({code.text})" if wanted else f"(not {code.text})"
    return f"({code.text} is {wanted})"


def _junction(site: Site, parts: tuple, word: str, wanted: bool) -> str:
    return "(" + word.join(site.test(part, wanted) for part in parts) + ")"


def _test_call(site: Site, call: ex.Call, wanted: bool) -> str:
    guards, text, nullable = strict_call(
        site, specialised(call), [site.value(argument) for argument in call.arguments]
    )
    if text == "None":
        return "False"
    conditions = [f"{guard} is not None" for guard in guards]
    if wanted:
        conditions.append(text)
    else:
        conditions.append(f"{text} is False" if nullable else f"not {text}")
    return "(" + " and ".join(conditions) + ")"


def strict_call(site: Site, function: Function, codes: list[Code]) -> tuple[list[str], str, bool]:
    """What must not be None, the call's text for when none is, and whether that may be NULL."""
    guards, arguments = [], []
    for code in codes:
        if code.text == "None":
            return [], "None", True
        text = code.text
        if code.nullable and not code.is_simple:
            name = site.temporary()
            guards.append(f"({name} := {text})")
            text = name
        elif code.nullable:
            guards.append(text)
        arguments.append(text)
    return guards, call_text(site, function, arguments), not function.template


def call_text(site: Site, function: Function, arguments: list[str]) -> str:
    """The function applied to arguments of which none is NULL (or that may be, if not strict)."""
    if function.template:
        site.compiler.module.namespace.update(function.names)
        return f"({fill(site, function.template, arguments)})"
    if function.needs_context:
        arguments = [site.function.bind("context", "run.context"), *arguments]
    return f"{site.name(function.implementation, 'f')}({', '.join(arguments)})"


def fill(site: Site, template: str, arguments: list[str], **slots: str) -> str:
    """A template of the library with texts for its arguments and fresh names for t, u, v."""
    for letter in "tuv":
        if f"{{{letter}}}" in template:
            slots[letter] = site.temporary()
    return template.format(*arguments, **slots)


def apply(site: Site, function: Function, codes: list[Code]) -> Code:
    """A call with three-valued logic: None in, None out, if the function is strict."""
    if not function.is_strict:
        return Code(call_text(site, function, [code.text for code in codes]))
    guards, text, nullable = strict_call(site, function, codes)
    if text == "None":
        return NULL
    if not guards:
        return Code(text, nullable)
    condition = " or ".join(f"{guard} is None" for guard in guards)
    may_be_null = nullable or any(code.nullable for code in codes)
    return Code(f"(None if {condition} else {text})", may_be_null)


def _constant(site: Site, constant: ex.Constant) -> Code:
    if constant.value is None:
        return NULL
    if constant.value is True or constant.value is False:
        return Code(str(constant.value), False, True)
    return Code(site.name(constant.value), False, True)


def _parameter(site: Site, parameter: ex.Parameter) -> Code:
    number = parameter.number
    return Code(site.function.bind(f"p{number}", f"run.parameters[{number - 1}]"), True, True)


def _column(site: Site, column: ex.Column | ex.CurrentRowOf) -> Code:
    return site.columns[column.relation, column.index]


def _system_column(site: Site, column: ex.SystemColumn) -> Code:
    version = site.columns[column.relation, ROW]
    if not column.name:
        return version
    if column.name == "tableoid":
        return Code(site.compiler.table_oid(column.relation), version.nullable)
    field = site.name(nested.SYSTEM_COLUMNS[column.name], "f")
    return _unless_null(site, version, lambda text: f"{field}({text})")


def _unless_null(site: Site, code: Code, use: Callable[[str], str]) -> Code:
    if not code.nullable:
        return Code(use(code.text), False)
    if code.is_simple:
        return Code(f"(None if {code.text} is None else {use(code.text)})")
    name = site.temporary()
    return Code(f"(None if ({name} := {code.text}) is None else {use(name)})")


def _whole_row(site: Site, row: ex.WholeRow) -> Code:
    text = f"{site.name(nested.Row, 'f')}({_tuple(site, row.columns)})"
    version = site.columns.get((row.relation, ROW))
    if version is not None and version.nullable:
        return Code(f"(None if {version.text} is None else {text})")
    return Code(text, False)


def _tuple(site: Site, items: tuple[ex.Expression, ...]) -> str:
    return "(" + "".join(f"{site.value(item).text}, " for item in items) + ")"


def _call(site: Site, call: ex.Call) -> Code:
    function = specialised(call)
    return apply(site, function, [site.value(argument) for argument in call.arguments])


def specialised(call: ex.Call) -> Function:
    """The function with the template for its constant: n % 10 needs no look at the signs of 10."""
    function = call.function
    if function.positive_template:
        last = call.arguments[-1]
        if isinstance(last, ex.Constant) and last.value is not None and last.value > 0:
            return replace(function, template=function.positive_template)
    return function


def _relabel(site: Site, relabel: ex.Relabel) -> Code:
    return site.value(relabel.argument)


def _and_or(site: Site, expression: ex.And | ex.Or) -> Code:
    """AND: false if one is false, else NULL if one is NULL; OR with true in its place."""
    decisive = isinstance(expression, ex.Or)
    codes = [site.value(argument) for argument in expression.arguments]
    if not any(code.nullable for code in codes):
        return Code(
            "(" + (" or " if decisive else " and ").join(c.text for c in codes) + ")", False
        )
    tests, nulls = [], []
    for code in codes:
        if code.is_simple or not code.nullable:
            tests.append(f"{code.text} is {decisive}")
            name = code.text
        else:
            name = site.temporary()
            tests.append(f"({name} := {code.text}) is {decisive}")
        if code.nullable:
            nulls.append(f"{name} is None")
    return Code(
        f"({decisive} if {' or '.join(tests)} else None if {' or '.join(nulls)} "
        f"else {not decisive})"
    )


def _not(site: Site, expression: ex.Not) -> Code:
    code = site.value(expression.argument)
    negated = _unless_null(site, code, lambda text: f"not {text}")
    return Code(f"({negated.text})", code.nullable)


def _is_null(site: Site, expression: ex.IsNull) -> Code:
    code = site.value(expression.argument)
    if expression.argument.type.category == "C" or isinstance(expression.argument, ex.RowValue):
        wanted = nested.is_row_not_null if expression.is_negated else nested.is_row_null
        return Code(f"{site.name(wanted, 'f')}({code.text})", False)
    return Code(f"({code.text} is {'not ' if expression.is_negated else ''}None)", False)


def _boolean_test(site: Site, expression: ex.BooleanTest) -> Code:
    negation = "not " if expression.is_negated else ""
    if expression.wanted is None:
        return Code(f"({site.value(expression.argument).text} is {negation}None)", False)
    return Code(f"({negation}{site.test(expression.argument, expression.wanted)})", False)


def _is_distinct(site: Site, expression: ex.IsDistinct) -> Code:
    names = [site.temporary(), site.temporary()]
    left, right = site.value(expression.left), site.value(expression.right)
    equal = call_text(site, expression.equals, names)
    same = (
        f"((({names[0]} := {left.text}) is None) is (({names[1]} := {right.text}) is None)"
        f" and ({names[0]} is None or {equal}))"
    )
    return Code(same if expression.is_negated else f"(not {same})", False)


def _case(site: Site, case: ex.Case) -> Code:
    parts, nullable = [], False
    for condition, result in case.branches:
        test, code = site.test(condition), site.value(result)
        nullable |= code.nullable
        parts.append(f"{code.text} if {test} else ")
    otherwise = site.value(case.otherwise)
    return Code(f"({''.join(parts)}{otherwise.text})", nullable or otherwise.nullable)


def _coalesce(site: Site, expression: ex.Coalesce) -> Code:
    parts = []
    for argument in expression.arguments[:-1]:
        code = site.value(argument)
        if code.is_simple:
            parts.append(f"{code.text} if {code.text} is not None else ")
        else:
            name = site.temporary()
            parts.append(f"{name} if ({name} := {code.text}) is not None else ")
    last = site.value(expression.arguments[-1])
    return Code(f"({''.join(parts)}{last.text})", last.nullable)


def _null_if(site: Site, expression: ex.NullIf) -> Code:
    name, left, right = site.temporary(), site.value(expression.left), site.value(expression.right)
    equal = apply(site, expression.equals, [Code(name, True, True), right])
    return Code(f"(None if (({name} := {left.text}) is None or {equal.text}) else {name})")


def _extreme(site: Site, expression: ex.Extreme) -> Code:
    items = _tuple(site, expression.arguments)
    key = expression.type.sort_key
    chooser = "max" if expression.is_greatest else "min"
    keyed = f", key={site.name(key, 'f')}" if key else ""
    return Code(f"{chooser}({site.name(nested.without_nulls, 'f')}({items}), default=None{keyed})")


def _quantified(site: Site, expression: ex.Quantified) -> Code:
    """x = ANY (array): over a constant array of hashable values a look-up in a set."""
    left, array = site.value(expression.left), site.value(expression.array)
    compare = function_of_two(site, expression.comparison)
    decisive = not expression.is_all
    if isinstance(expression.array, ex.Constant) and expression.array.value is not None:
        known = nested.known_set(expression)
        if known is not None and left.text != "None":
            values, has_null = known
            if not values and not has_null:
                return Code("False", False, True)
            miss = f"None if {has_null} else False"
            name = site.temporary()
            found = f"({name} := {left.text}) in {site.name(values)}"
            return Code(
                f"(True if {found} else None if {name} is None else {miss})",
                left.nullable or has_null,
            )
    helper = site.name(nested.quantified, "f")
    return Code(f"{helper}({left.text}, {array.text}, {compare}, {decisive})")


def function_of_two(site: Site, function: Function) -> str:
    """The name of a Python function (left, right) that compares with three-valued logic."""
    module = site.compiler.module
    key = f"compare {id(function)}"
    made = site.compiler.made.get(key)
    if made is None:
        source = module.function("compare", ["a", "b"])
        inner = Site(site.compiler, source, {})
        code = apply(inner, function, [Code("a", True, True), Code("b", True, True)])
        source.line(f"return {code.text}")
        made = site.compiler.made[key] = source.name
    return site.function.bind(f"{made}_here", f"{site.name(nested.partial, 'f')}({made}, run)")


def _row_value(site: Site, row: ex.RowValue) -> Code:
    return Code(f"{site.name(nested.Row, 'f')}({_tuple(site, row.items)})", False)


def _row_comparison(site: Site, expression: ex.RowComparison) -> Code:
    lefts = [site.value(item) for item in expression.left]
    rights = [site.value(item) for item in expression.right]
    return compare_rows(site, expression.spelling, lefts, rights, expression)


def compare_rows(
    site: Site,
    spelling: str,
    lefts: list[Code],
    rights: list[Code],
    how: ex.RowComparison | ex.Subquery,
) -> Code:
    """Equality: AND over the pairs. Order: the first pair that is not equal decides."""
    pairs = list(zip(lefts, rights, strict=True))
    if len(pairs) == 1:
        return apply(site, how.comparisons[0], list(pairs[0]))
    if spelling in ("=", "<>"):
        parts = [
            apply(site, function, list(pair))
            for function, pair in zip(how.comparisons, pairs, strict=True)
        ]
        every = site.name(nested.all_true if spelling == "=" else nested.any_true, "f")
        return Code(f"{every}(({''.join(f'{part.text}, ' for part in parts)}))")
    text = ""
    for place, (compares, equals, pair) in enumerate(
        zip(how.comparisons, how.equals, pairs, strict=True)
    ):
        if place == len(pairs) - 1:
            text += apply(site, compares, list(pair)).text
            break
        equal, name = apply(site, equals, list(pair)), site.temporary()
        decided = apply(site, compares, list(pair)).text
        text += f"None if ({name} := {equal.text}) is None else {decided} if not {name} else "
    return Code(f"({text})")


def _array_value(site: Site, array: ex.ArrayValue) -> Code:
    make = nested.nested_array if array.is_nested else nested.array_of_elements
    return Code(f"{site.name(make, 'f')}({_tuple(site, array.items)})", False)


def _subscript(site: Site, subscript: ex.Subscript) -> Code:
    base = site.value(subscript.base)

    def bounds(items: tuple) -> str:
        texts = ["NotGiven" if item is None else site.value(item).text for item in items]
        return "(" + "".join(f"{text}, " for text in texts) + ")"

    site.compiler.module.namespace["NotGiven"] = nested.NOT_GIVEN
    if subscript.is_slice:
        helper = site.name(nested.array_slice, "f")
        return Code(
            f"{helper}({base.text}, {bounds(subscript.lowers)}, {bounds(subscript.uppers)})"
        )
    helper = site.name(nested.array_item, "f")
    return Code(f"{helper}({base.text}, {bounds(subscript.lowers)})")


def _field(site: Site, field: ex.Field) -> Code:
    return _unless_null(
        site, site.value(field.base), lambda text: f"{text}[{field.index}]"
    )._replace(nullable=True)


def _next_value(site: Site, expression: ex.NextValue) -> Code:
    return Code(f"run.next_value({site.name(expression.sequence_oid)})", False)


_VALUES: dict[type, Handler] = {
    ex.Constant: _constant,
    ex.Parameter: _parameter,
    ex.Column: _column,
    ex.CurrentRowOf: _column,
    ex.SystemColumn: _system_column,
    ex.WholeRow: _whole_row,
    ex.Call: _call,
    ex.Relabel: _relabel,
    ex.And: _and_or,
    ex.Or: _and_or,
    ex.Not: _not,
    ex.IsNull: _is_null,
    ex.BooleanTest: _boolean_test,
    ex.IsDistinct: _is_distinct,
    ex.Case: _case,
    ex.Coalesce: _coalesce,
    ex.NullIf: _null_if,
    ex.Extreme: _extreme,
    ex.Quantified: _quantified,
    ex.RowValue: _row_value,
    ex.RowComparison: _row_comparison,
    ex.ArrayValue: _array_value,
    ex.Subscript: _subscript,
    ex.Field: _field,
    ex.Subquery: subquery,
    ex.NextValue: _next_value,
}
