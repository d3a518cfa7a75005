"""$setWindowFields: for each document, something of those around it.

    partitionBy     the documents are taken apart into partitions
    sortBy          and put in order within each
    window          documents: [-2, 0]     the two before it, and itself
                    range: [-1, 1], unit   those whose sort value is that near

Each output is evaluated for each document over its window: simple, and slow for wide windows
($sum over an unbounded window is quadratic; a running total is not kept).
"""

import math
from collections.abc import Callable
from itertools import groupby, pairwise

from services.docdb.bson.types import Date, Document
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.expressions.accumulators import compile_accumulator, is_accumulator
from services.docdb.expressions.compiler import compile_expression
from services.docdb.expressions.dates_and_zones import UNIT_MONTHS, UNIT_MS, add_units, parse_zone
from services.docdb.expressions.numbers import as_int, is_number
from services.docdb.pipeline.shaping import with_value
from services.docdb.pipeline.stage import (
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    need_fields,
    need_object,
)
from services.docdb.query.comparison import MISSING
from services.docdb.query.paths import value_in
from services.docdb.query.sorting import SortOrder, parse_sort

Output = Callable[[list[Document], int], object]
"""A partition in order and a place in it, to the value for the document at that place."""


def set_window_fields(operand: object, context: PipelineContext) -> Stage:
    spec = need_object("$setWindowFields", operand)
    need_fields("$setWindowFields", spec, {"output"}, {"partitionBy", "sortBy"})
    by = compile_expression(spec.get("partitionBy"), context.scope)
    order = parse_sort(spec["sortBy"], context.scope.key) if spec.get("sortBy") else None
    outputs: list[tuple[tuple[str, ...], Output]] = [
        (tuple(path.split(".")), _compile_output(need_object("output", inner), order, context))
        for path, inner in need_object("output", spec["output"]).items()
    ]
    key, variables = context.scope.key, context.variables

    def run(documents: Documents) -> Documents:
        held = list(context.memory_of("$setWindowFields").of(documents))
        held.sort(key=lambda document: key(by(document, variables)))
        for _, members in groupby(held, key=lambda document: key(by(document, variables))):
            partition = list(members)
            if order:
                partition = order.sort(partition)
            for place, document in enumerate(partition):
                for parts, output in outputs:
                    document = with_value(document, parts, output(partition, place))
                yield document

    return run


def _compile_output(spec: Document, order: SortOrder | None, context: PipelineContext) -> Output:
    names = [name for name in spec if name != "window"]
    if len(names) != 1:
        raise failed_to_parse("'output' must specify one function for each field")
    name, operand = names[0], spec[names[0]]
    if name in _RANKS:
        if "window" in spec:
            raise MongoError(5371601, "Rank style window functions take no other arguments")
        if operand != {}:
            raise MongoError(5371603, f"{name} must be specified with '{{}}' as the value")
    if name in _RANKED:
        if order is None or len(order.fields) != 1:
            raise MongoError(
                5371602, f"{name} must be specified with a top level sortBy with one field"
            )
        return _RANKED[name](operand, order, context)
    window = _compile_window(spec.get("window"), order)
    if name in ("$derivative", "$integral"):
        return _calculus(name, operand, order, context, window)
    if name not in ("$covariancePop", "$covarianceSamp") and not is_accumulator(name):
        raise failed_to_parse(f"Unrecognized window function, {name}")
    variables = context.variables
    if name.startswith("$covariance"):
        return _covariance(name, operand, context, window)
    take, result = compile_accumulator(name, operand, context.scope)

    def output(partition: list[Document], place: int) -> object:
        start, end = window(partition, place)
        return result([take(document, variables) for document in partition[start:end]], {})

    return output


Window = Callable[[list[Document], int], tuple[int, int]]


def _compile_window(spec: object, order: SortOrder | None) -> Window:
    """From a place to the places where its window begins and ends."""
    if spec is None:
        return lambda partition, place: (0, len(partition))
    window = need_object("window", spec)
    for name in window:
        if name not in ("documents", "range", "unit"):
            raise failed_to_parse(f"'window' knows 'documents', 'range' and 'unit', not {name!r}")
    if "documents" in window and "range" in window:
        raise failed_to_parse("Window bounds can specify either 'documents' or 'range', not both.")
    if "unit" in window and "range" not in window:
        raise failed_to_parse("Window bounds can only specify 'unit' with range-based bounds.")
    if "range" in window:
        return _range_window(window, order)
    low, high = _two_bounds(window.get("documents", ["unbounded", "unbounded"]))
    if order is None and (low, high) != ("unbounded", "unbounded"):
        raise MongoError(5339901, "Document-based bounds require a sortBy")
    for bound in (low, high):
        if is_number(bound) and as_int(bound) is None:
            raise failed_to_parse(f"Numeric document-based bounds must be an integer: {bound}")
    _check_order(low, high)

    def bounds(partition: list[Document], place: int) -> tuple[int, int]:
        start = 0 if low == "unbounded" else place + (0 if low == "current" else int(low))
        end = len(partition) - 1
        if high != "unbounded":
            end = place + (0 if high == "current" else int(high))
        return max(start, 0), max(end + 1, 0)

    return bounds


def _check_order(low: object, high: object) -> None:
    ends = [0 if bound == "current" else bound for bound in (low, high)]
    if "unbounded" not in ends and ends[0] > ends[1]:
        raise MongoError(5339900, f"Lower bound must not exceed upper bound: [{low}, {high}]")


def _two_bounds(bounds: object) -> tuple[object, object]:
    if type(bounds) is not list or len(bounds) != 2:
        raise failed_to_parse("Window bounds must be an array of exactly two elements")
    for bound in bounds:
        if bound not in ("unbounded", "current") and not is_number(bound):
            raise failed_to_parse("Window bounds are 'unbounded', 'current', or numbers")
    return bounds[0], bounds[1]


def _range_window(window: Document, order: SortOrder | None) -> Window:
    if order is None or len(order.fields) != 1:
        raise MongoError(5339902, "Range-based bounds require sortBy a single field")
    low, high = _two_bounds(window["range"])
    unit, parts = window.get("unit"), tuple(order.fields[0][0].split("."))

    def edge(value: object, bound: object, default: float) -> float:
        if bound == "unbounded":
            return default
        step = 0 if bound == "current" else bound
        if unit is None:
            return value + step
        return add_units(value, unit, int(step), parse_zone("UTC"))

    def bounds(partition: list[Document], place: int) -> tuple[int, int]:
        values = [_sortable(value_in(document, parts), unit) for document in partition]
        here = values[place]
        least, most = edge(here, low, -math.inf), edge(here, high, math.inf)
        inside = [i for i, value in enumerate(values) if least <= value <= most]
        return (inside[0], inside[-1] + 1) if inside else (0, 0)

    return bounds


def _sortable(value: object, unit: str | None) -> float:
    if unit is not None:
        if type(value) is not Date:
            raise MongoError(5429413, "windows with a unit need dates to sort by")
        return value.ms
    if not is_number(value):
        raise MongoError(5429414, "windows by range need numbers to sort by")
    return value


# Functions of the place.


def _rank(operand: object, order: SortOrder, context: PipelineContext) -> Output:
    key = order.full_key()

    def output(partition: list[Document], place: int) -> int:
        here = key(partition[place])
        return 1 + next(i for i, document in enumerate(partition) if key(document) == here)

    return output


def _dense_rank(operand: object, order: SortOrder, context: PipelineContext) -> Output:
    key = order.full_key()
    return lambda partition, place: len({key(d) for d in partition[: place + 1]})


def _document_number(operand: object, order: SortOrder, context: PipelineContext) -> Output:
    return lambda partition, place: place + 1


def _shift(operand: object, order: SortOrder, context: PipelineContext) -> Output:
    spec = need_object("$shift", operand)
    by = as_int(spec.get("by"))
    if by is None or "output" not in spec:
        raise failed_to_parse("$shift requires 'output' and an integer 'by'")
    take = compile_expression(spec["output"], context.scope)
    default = compile_expression(spec.get("default"), context.scope)({}, context.variables)

    def output(partition: list[Document], place: int) -> object:
        if not 0 <= place + by < len(partition):
            return default
        value = take(partition[place + by], context.variables)
        return None if value is MISSING else value

    return output


def _exp_moving_average(operand: object, order: SortOrder, context: PipelineContext) -> Output:
    spec = need_object("$expMovingAvg", operand)
    take = compile_expression(spec["input"], context.scope)
    alpha = spec["alpha"] if "alpha" in spec else 2 / (spec["N"] + 1)

    def output(partition: list[Document], place: int) -> object:
        average = None
        for document in partition[: place + 1]:
            value = take(document, context.variables)
            if is_number(value):
                average = value if average is None else alpha * value + (1 - alpha) * average
        return average

    return output


def _filled(is_linear: bool) -> Callable[[object, SortOrder, PipelineContext], Output]:
    def compile_it(operand: object, order: SortOrder, context: PipelineContext) -> Output:
        take, variables = compile_expression(operand, context.scope), context.variables
        parts = tuple(order.fields[0][0].split("."))

        def output(partition: list[Document], place: int) -> object:
            values = [take(document, variables) for document in partition]
            if values[place] is not MISSING and values[place] is not None:
                return values[place]
            known = [i for i, v in enumerate(values) if v is not MISSING and v is not None]
            before = max((i for i in known if i < place), default=None)
            if not is_linear:
                return None if before is None else values[before]
            after = min((i for i in known if i > place), default=None)
            if before is None or after is None:
                return None
            x0, x, x1 = (_position(value_in(partition[i], parts)) for i in (before, place, after))
            return values[before] + (values[after] - values[before]) * ((x - x0) / (x1 - x0))

        return output

    return compile_it


def _position(value: object) -> float:
    return value.ms if type(value) is Date else value


_RANKS = frozenset({"$rank", "$denseRank", "$documentNumber"})
_RANKED: dict[str, Callable[[object, SortOrder, PipelineContext], Output]] = {
    "$rank": _rank,
    "$denseRank": _dense_rank,
    "$documentNumber": _document_number,
    "$shift": _shift,
    "$expMovingAvg": _exp_moving_average,
    "$locf": _filled(False),
    "$linearFill": _filled(True),
}


WINDOW_FUNCTIONS = frozenset({*_RANKED, "$derivative", "$integral", "$covariancePop",
                              "$covarianceSamp"})  # fmt: skip
"""What a window can have and a group cannot."""


def _calculus(
    name: str, operand: object, order: SortOrder | None, context: PipelineContext, window: Window
) -> Output:
    spec = need_object(name, operand)
    take, unit = compile_expression(spec["input"], context.scope), spec.get("unit")
    if order is None or (unit is not None and unit in UNIT_MONTHS):
        raise failed_to_parse(f"{name} needs a sortBy, and a unit of fixed length")
    parts, scale = tuple(order.fields[0][0].split(".")), UNIT_MS.get(unit, 1)

    def output(partition: list[Document], place: int) -> object:
        start, end = window(partition, place)
        points = [
            (_position(value_in(d, parts)) / scale, take(d, context.variables))
            for d in partition[start:end]
        ]
        if name == "$derivative":
            if len(points) < 2:
                return None
            (x0, y0), (x1, y1) = points[0], points[-1]
            return (y1 - y0) / (x1 - x0)
        return sum(
            ((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points)),
            0.0,
        )

    return output


def _covariance(name: str, operand: object, context: PipelineContext, window: Window) -> Output:
    if type(operand) is not list or len(operand) != 2:
        raise failed_to_parse(f"{name} takes two expressions")
    first, second = (compile_expression(item, context.scope) for item in operand)
    variables, is_sample = context.variables, name == "$covarianceSamp"

    def output(partition: list[Document], place: int) -> object:
        start, end = window(partition, place)
        pairs = [(first(d, variables), second(d, variables)) for d in partition[start:end]]
        pairs = [pair for pair in pairs if is_number(pair[0]) and is_number(pair[1])]
        count = len(pairs) - is_sample
        if count <= 0:
            return None
        mean_x, mean_y = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
        return sum((x - mean_x) * (y - mean_y) for x, y in pairs) / count

    return output


STAGES: dict[str, CompileStage] = {"$setWindowFields": set_window_fields}
