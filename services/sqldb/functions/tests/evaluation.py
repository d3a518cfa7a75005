"""A small evaluator of SQL expressions, straight on types and functions: no plan, no executor.

It reads an expression with the real parser and does what the binder does with it in the simplest
way: find the function, convert the arguments, call it. So the library can be tested by itself, with
expressions that PostgreSQL can be asked for as well.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions import (
    EXPLICIT,
    Aggregate,
    Function,
    common_type,
    comparison_function,
    find_cast,
    require_cast,
    resolve_function,
    resolve_operator,
    typmod_function,
)
from services.sqldb.functions.array_functions import array_from_arrays, element_at, slice_of
from services.sqldb.syntax import parse_expression
from services.sqldb.syntax.nodes import expressions as n
from services.sqldb.types import (
    BOOL,
    INT4,
    INT8,
    NUMERIC,
    TEXT,
    UNKNOWN,
    PlainContext,
    SqlType,
    array_of,
    make_record_type,
    type_by_name,
)
from services.sqldb.types.arrays import array_of_elements, flat
from services.sqldb.types.intervals import FIELD_BITS, interval_typmod
from services.sqldb.types.numeric import decimal_from_text
from services.sqldb.types.zones import find_zone
from services.sqldb.values import Row

Typed = tuple[SqlType, Any]

_KINDS = {
    n.LikeKind.LIKE: ("~~", "!~~"),
    n.LikeKind.ILIKE: ("~~*", "!~~*"),
    n.LikeKind.SIMILAR: ("~", "!~"),
}


def context_in(zone: str = "UTC") -> PlainContext:
    return PlainContext(time_zone=find_zone(zone), time_zone_name=zone)


def evaluate_text(sql: str, context: PlainContext | None = None) -> tuple[str, str | None]:
    """(the name of the type, the value as text) of an expression."""
    context = context or PlainContext()
    type_, value = Evaluation(context).value_of(parse_expression(sql))
    if type_.oid == UNKNOWN.oid:
        type_ = TEXT
    return str(type_), None if value is None else type_.format(value, context)


class Evaluation:
    def __init__(self, context: PlainContext):
        self.context = context

    def value_of(self, node: Any) -> Typed:
        return getattr(self, f"_{type(node).__name__}")(node)

    def call(self, function: Function, arguments: list[Any]) -> Any:
        if function.is_strict and any(argument is None for argument in arguments):
            return None
        leading = [self.context] if function.needs_context else []
        if function.template:
            return self._by_template(function, arguments, leading)
        result = function.implementation(*leading, *arguments)
        return list(result) if function.returns_set else result

    def _by_template(self, function: Function, arguments: list[Any], leading: list[Any]) -> Any:
        """What generated code gives, which has to be the same as the plain implementation."""
        names = [f"a{index}" for index in range(len(arguments))]
        text = function.template.format(*names, t="t", u="u", v="v")
        scope = dict(function.names) | dict(zip(names, arguments, strict=True))
        try:
            by_template: Any = eval(text, scope)
        except SqlError as error:
            by_template = error.sqlstate
        try:
            result = function.implementation(*leading, *arguments)
        except SqlError as error:
            assert error.sqlstate == by_template, (function, arguments)
            raise
        assert repr(result) == repr(by_template), (function, text, arguments)
        return result

    def convert(self, typed: Typed, target: SqlType, how: str = "i", typmod: int = -1) -> Any:
        source, value = typed
        if source.oid == UNKNOWN.oid:
            if value is None:
                return None
            # A cast cuts to the length silently; only intervals are read by their typmod.
            value = target.parse(value, typmod if target.name == "interval" else -1, self.context)
            shape = typmod_function(target, typmod, how == EXPLICIT)
            return value if shape is None else shape.implementation(value)
        if source.fields is not None and target.name == "record":
            return value
        cast = require_cast(source, target, how)
        if value is not None and cast.function is not None:
            value = self.call(cast.function, [value])
        shape = typmod_function(target, typmod, how == EXPLICIT)
        return value if shape is None or value is None else shape.implementation(value)

    def _Literal(self, node: n.Literal) -> Typed:
        match node.kind:
            case n.LiteralKind.INTEGER:
                if -(1 << 31) <= node.value < 1 << 31:
                    return INT4, node.value
                if -(1 << 63) <= node.value < 1 << 63:
                    return INT8, node.value
                return NUMERIC, Decimal(node.value)
            case n.LiteralKind.NUMERIC:
                return NUMERIC, decimal_from_text(node.value)
            case n.LiteralKind.BOOLEAN:
                return BOOL, node.value
        return UNKNOWN, node.value

    def _typed(self, call_types: tuple, arguments: list[Typed]) -> list[Any]:
        return [
            argument[1] if type_.oid == argument[0].oid else self.convert(argument, type_)
            for argument, type_ in zip(arguments, call_types, strict=True)
        ]

    def operate(self, name: str, left: Typed | None, right: Typed) -> Typed:
        found = resolve_operator(name, left and left[0], right[0])
        given = [right] if left is None else [left, right]
        types = (found.right,) if left is None else (found.left, found.right)
        return found.result_type, self.call(found.function, self._typed(types, given))

    def _OperatorCall(self, node: n.OperatorCall) -> Typed:
        left = None if node.left is None else self.value_of(node.left)
        return self.operate(node.name[-1], left, self.value_of(node.right))

    def _FunctionCall(self, node: n.FunctionCall) -> Typed:
        names = [a.name for a in node.arguments if isinstance(a, n.NamedArgument)]
        arguments = [
            self.value_of(a.value if isinstance(a, n.NamedArgument) else a) for a in node.arguments
        ]
        found = resolve_function(
            node.name[-1],
            [argument[0] for argument in arguments],
            argument_names=names,
            is_variadic_call=node.is_variadic,
        )
        if isinstance(found.function, Aggregate):
            return self._aggregate(node, arguments)
        values = self._typed(found.argument_types, arguments)
        result = self.call(found.function, values)
        if found.function.returns_set:
            return self._table(found, result)
        return found.result_type, result

    def _table(self, found: Any, rows: list | None) -> Typed:
        """Rows as an array of texts, as array_agg over the function would show them."""
        columns = found.function.columns
        type_ = found.result_type
        if columns:
            type_ = make_record_type(tuple((name, t, -1) for name, t in columns))
            rows = [Row(row) for row in rows or []]
        texts = [None if row is None else type_.format(row, self.context) for row in rows or []]
        return array_of(TEXT), array_of_elements(texts) if texts else None

    def _aggregate(self, node: n.FunctionCall, arguments: list[Typed]) -> Typed:
        """agg(array[…]): over the elements of the array, whatever the aggregate is."""
        rows_type, rows = arguments[-1]
        values = [] if rows is None else list(flat(rows))
        others = arguments[:-1]
        return self.aggregate(node.name[-1], [rows_type.element], [[v] for v in values], others)

    def aggregate(
        self, name: str, types: list[SqlType], rows: list[list], direct: list[Typed] | None = None
    ) -> Typed:
        direct = direct or []
        found = resolve_function(name, [d[0] for d in direct] + types)
        aggregate = found.function
        leading = [self.context] if aggregate.needs_context else []
        own = found.argument_types[len(direct) :]
        state = aggregate.initial()
        for row in rows:
            converted = [self.convert((t, v), w) for t, v, w in zip(types, row, own, strict=True)]
            if aggregate.is_strict and None in converted:
                continue
            state = aggregate.step(*leading, state, *converted)
        first = [
            self.convert(d, t)
            for d, t in zip(direct, found.argument_types[: len(direct)], strict=True)
        ]
        return found.result_type, aggregate.final(*leading, state, *first)

    def _Cast(self, node: n.Cast) -> Typed:
        target, typmod = self._type(node.type_name)
        source = self.value_of(node.operand)
        return target, self.convert(source, target, EXPLICIT, typmod)

    def _type(self, name: n.TypeName) -> tuple[SqlType, int]:
        type_ = type_by_name(name.names[-1])
        numbers = [modifier.value for modifier in name.modifiers]
        typmod = -1
        if name.interval_fields:
            words = name.interval_fields.split(" to ")
            order = list(FIELD_BITS)
            first, last = order.index(words[0]), order.index(words[-1])
            if words == ["year", "month"]:
                first, last = 0, 1
            bits = sum(FIELD_BITS[field] for field in order[first : last + 1])
            typmod = interval_typmod(bits, numbers[0] if numbers else None)
        elif numbers:
            typmod = type_.modifier.from_numbers(numbers)
        elif type_.name == "bpchar" and name.names[0] == "pg_catalog" and len(name.names) == 2:
            typmod = 5
        return (array_of(type_) if name.array_bounds else type_), typmod

    def _And(self, node: n.And) -> Typed:
        values = [self.convert(self.value_of(o), BOOL) for o in node.operands]
        return BOOL, False if False in values else None if None in values else True

    def _Or(self, node: n.Or) -> Typed:
        values = [self.convert(self.value_of(o), BOOL) for o in node.operands]
        return BOOL, True if True in values else None if None in values else False

    def _Not(self, node: n.Not) -> Typed:
        value = self.convert(self.value_of(node.operand), BOOL)
        return BOOL, None if value is None else not value

    def _IsNull(self, node: n.IsNull) -> Typed:
        return BOOL, (self.value_of(node.operand)[1] is None) != node.is_negated

    def _Like(self, node: n.Like) -> Typed:
        operand, pattern = self.value_of(node.operand), self.value_of(node.pattern)
        if node.kind is n.LikeKind.SIMILAR or node.escape is not None:
            name = "similar_to_escape" if node.kind is n.LikeKind.SIMILAR else "like_escape"
            arguments = [pattern] + ([self.value_of(node.escape)] if node.escape else [])
            values = [self.convert(argument, TEXT) for argument in arguments]
            found = resolve_function(name, [TEXT] * len(values))
            pattern = TEXT, self.call(found.function, values)
        return self.operate(_KINDS[node.kind][node.is_negated], operand, pattern)

    def _ArrayConstructor(self, node: n.ArrayConstructor) -> Typed:
        items = [self.value_of(element) for element in node.elements]
        common = common_type([item[0] for item in items], "ARRAY")
        values = [self.convert(item, common) for item in items]
        if common.is_array:
            return common, array_from_arrays(values)
        return array_of(common), array_of_elements(values)

    def _Subscript(self, node: n.Subscript) -> Typed:
        steps: list[n.Subscript] = []
        while isinstance(node, n.Subscript):
            steps.append(node)
            node = node.operand
        steps.reverse()
        type_, array = self.value_of(node)
        if not any(step.is_slice for step in steps):
            places = [self.convert(self.value_of(step.lower), INT4) for step in steps]
            return type_.element, element_at(array, places)
        lowers, uppers, given = [], [], []
        for step in steps:
            low = None if step.lower is None else self.convert(self.value_of(step.lower), INT4)
            high = None if step.upper is None else self.convert(self.value_of(step.upper), INT4)
            if not step.is_slice:
                low, high = 1, low
                given.append((True, True))
            else:
                given.append((step.lower is not None, step.upper is not None))
            lowers.append(low)
            uppers.append(high)
        return type_, slice_of(array, lowers, uppers, given)

    def _RowConstructor(self, node: n.RowConstructor) -> Typed:
        items = [self.value_of(item) for item in node.items]
        fields = tuple(
            (f"f{index}", TEXT if t.oid == UNKNOWN.oid else t, -1)
            for index, (t, _) in enumerate(items, 1)
        )
        return make_record_type(fields), Row(value for _, value in items)

    def _Case(self, node: n.Case) -> Typed:
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, "CASE")

    def _MinMax(self, node: n.MinMax) -> Typed:
        items = [self.value_of(argument) for argument in node.arguments]
        common = common_type([item[0] for item in items], "GREATEST")
        values = [v for v in (self.convert(item, common) for item in items) if v is not None]
        less = comparison_function("<", common).implementation
        best = None
        for value in values:
            if best is None or less(best, value) == node.is_greatest:
                best = value
        return common, best

    def _QuantifiedArray(self, node: n.QuantifiedArray) -> Typed:
        left, (type_, array) = self.value_of(node.left), self.value_of(node.array)
        if array is None:
            return BOOL, None
        results = [
            self.operate(node.operator[-1], left, (type_.element, item))[1] for item in flat(array)
        ]
        decisive = not node.is_all
        return BOOL, decisive if decisive in results else None if None in results else not decisive


__all__ = ["Evaluation", "context_in", "evaluate_text", "find_cast"]
