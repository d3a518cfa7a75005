"""Which conditions an index answers.

An index on (a, b, c) answers conditions on its first columns: equality on a, or on a and b, and
then a range on the next. The rest of the conditions is asked of each row that it gives.

    WHERE a = 5 AND b > 3 AND d = 1      Index Cond: a = 5 AND b > 3        Filter: d = 1

Equality is also IN with a list (several look-ups), IS NULL, and a boolean column by itself. A range
may have both ends; LIKE 'abc%' is the range from 'abc' to 'abd'. Some ranges let more through than
the condition does: then the condition is asked again.

    (a, b) > (5, 3)     Index Cond: a >= 5      Filter: (a, b) > (5, 3)
# Real: indxpath.c, match_clause_to_index()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from services.sqldb.catalog.definitions import Index
from services.sqldb.optimizer.conditions import is_volatile, like_prefix, unlabelled
from services.sqldb.optimizer.index_forms import IndexForm
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import needs
from services.sqldb.types import BOOL, TEXT

Parts = list[ex.Expression]
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}


class Kind(Enum):
    EQUAL = "="
    ARRAY = "= ANY"
    NULL = "IS NULL"
    LOWER = ">"
    UPPER = "<"
    NOT_NULL = "IS NOT NULL"
    BETWEEN = "LIKE"


@dataclass(frozen=True, slots=True)
class Match:
    """One condition on one column. `shown`: as EXPLAIN has it, if not as it was written.

    `is_lossy`: what the index gives has to be asked the condition again.
    """

    part: ex.Expression
    kind: Kind
    value: ex.Expression | None = None
    is_inclusive: bool = True
    upper: ex.Expression | None = None
    is_lossy: bool = False
    shown: tuple[ex.Expression, ...] = ()


class IndexMatch(NamedTuple):
    """`used` as shown; `rest` has what is to be asked of each row."""

    range: n.KeyRange
    used: Parts
    rest: Parts


def match_index(index: Index, form: IndexForm, parts: Parts, relation: int) -> IndexMatch:
    """What of the conditions the index can answer; nothing, if none concerns its first column."""
    equal: list[ex.Expression] = []
    arrays: list[int] = []
    nulls: list[int] = []
    matches: list[Match] = []
    bounds: dict[str, object] = {}
    for key in form.keys:
        here = [found for part in parts if (found := match_part(part, key, relation)) is not None]
        match = next((one for one in here if one.kind in _EQUALITIES), None)
        if match is None:
            _add_bounds(bounds, here, matches)
            break
        if match.kind is Kind.ARRAY:
            arrays.append(len(equal))
        elif match.kind is Kind.NULL:
            nulls.append(len(equal))
        equal.append(match.value)
        matches.append(match)
    if not matches:
        return IndexMatch(n.KeyRange(), [], parts)
    asked = n.KeyRange(tuple(equal), arrays=tuple(arrays), nulls=tuple(nulls), **bounds)
    answered = [match.part for match in matches if not match.is_lossy]
    rest = [part for part in parts if not any(part is one for one in answered)]
    used = [one for match in matches for one in match.shown or (match.part,)]
    return IndexMatch(asked, used, rest)


_EQUALITIES = (Kind.EQUAL, Kind.ARRAY, Kind.NULL)


def _add_bounds(bounds: dict[str, object], here: Sequence[Match], matches: list[Match]) -> None:
    """The ends of a range, by the names that KeyRange has for them."""
    for match in here:
        if match.kind is Kind.LOWER and "lower" not in bounds:
            bounds |= {"lower": match.value, "lower_inclusive": match.is_inclusive}
        elif match.kind is Kind.UPPER and "upper" not in bounds:
            bounds |= {"upper": match.value, "upper_inclusive": match.is_inclusive}
        elif match.kind is Kind.BETWEEN and not bounds.keys() & {"lower", "upper"}:
            bounds |= {"lower": match.value, "upper": match.upper, "upper_inclusive": False}
        elif match.kind is Kind.NOT_NULL:
            bounds["is_not_null"] = True
        else:
            continue
        matches.append(match)


def match_part(part: ex.Expression, key: ex.Expression, relation: int) -> Match | None:
    """The condition as one on this key of an index, with a value that no row of it decides."""
    match part:
        case ex.Call():
            return _call(part, key, relation)
        case ex.Quantified():
            return _quantified(part, key, relation)
        case ex.IsNull() if is_key(part.argument, key):
            if part.is_negated:
                return Match(part, Kind.NOT_NULL)
            return Match(part, Kind.NULL, ex.Constant(key.type, None))
        case ex.RowComparison():
            return _row_comparison(part, key, relation)
        case ex.Column() if is_key(part, key):
            return Match(part, Kind.EQUAL, ex.Constant(BOOL, True))
        case ex.Not() if is_key(part.argument, key):
            return Match(part, Kind.EQUAL, ex.Constant(BOOL, False))
    return None


def _call(part: ex.Call, key: ex.Expression, relation: int) -> Match | None:
    operator = part.function.comparison
    if operator not in _MIRRORED:
        return _like(part, key) if part.spelling == "~~" else None
    left, right = part.arguments
    shown: tuple[ex.Expression, ...] = ()
    is_turned = is_key(right, key)
    if is_turned:
        left, right, operator = right, left, _MIRRORED[operator]
    elif not is_key(left, key):
        return None
    if not _is_given(right, relation) or not fits_index(key.type, right.type):
        return None
    if is_turned:
        shown = (_comparison(operator, left, right),)
    kind = Kind.EQUAL if operator == "=" else Kind.LOWER if operator[0] == ">" else Kind.UPPER
    return Match(part, kind, right, len(operator) == 2, shown=shown)


def _like(part: ex.Call, key: ex.Expression) -> Match | None:
    if not is_key(part.arguments[0], key):
        return None
    found = like_prefix(part)
    if found is None:
        return None
    text, follower, is_exact = found
    lower, upper = ex.Constant(TEXT, text), ex.Constant(TEXT, follower)
    left = part.arguments[0]
    if is_exact:
        shown = (_comparison("=", left, lower),)
        return Match(part, Kind.EQUAL, lower, is_lossy=True, shown=shown)
    shown = _comparison(">=", left, lower), _comparison("<", left, upper)
    return Match(part, Kind.BETWEEN, lower, upper=upper, is_lossy=True, shown=shown)


def _comparison(operator: str, left: ex.Expression, right: ex.Expression) -> ex.Call:
    from services.sqldb.functions import resolve_operator

    found = resolve_operator(operator, left.type, right.type)
    return ex.Call(BOOL, found.function, (left, right), spelling=operator)


def _quantified(part: ex.Quantified, key: ex.Expression, relation: int) -> Match | None:
    if part.is_all or part.comparison.comparison != "=" or not is_key(part.left, key):
        return None
    element = part.array.type.element
    if element is None or not fits_index(key.type, element):
        return None
    return Match(part, Kind.ARRAY, part.array) if _is_given(part.array, relation) else None


def _row_comparison(part: ex.RowComparison, key: ex.Expression, relation: int) -> Match | None:
    """By its first items: (a, b) > (5, 3) is nowhere true but where a >= 5."""
    if part.spelling not in ("<", ">", "<=", ">="):
        return None
    left, right = part.left[0], part.right[0]
    side = part.spelling[0]
    if is_key(right, key):
        left, right, side = right, left, _MIRRORED[side]
    if not is_key(left, key) or not _is_given(right, relation):
        return None
    if not fits_index(key.type, right.type):
        return None
    kind = Kind.LOWER if side == ">" else Kind.UPPER
    return Match(part, kind, right, is_lossy=True)


def is_key(expression: ex.Expression, key: ex.Expression) -> bool:
    """Whether it is what the index is over."""
    expression = unlabelled(expression)
    if type(key) is ex.Column:
        return (
            type(expression) is ex.Column
            and expression.relation == key.relation
            and expression.index == key.index
        )
    return type(expression) is not ex.Column and expression == unlabelled(key)


def _is_given(expression: ex.Expression, relation: int) -> bool:
    """Whether the value is known before a row of the relation is looked at."""
    if type(expression) is ex.Constant or type(expression) is ex.Parameter:
        return True
    if any(key[0] == relation for key in needs(expression)):
        return False
    return not is_volatile(expression)


_FAMILIES = (
    frozenset({"int2", "int4", "int8", "oid"}),
    frozenset({"text", "varchar", "name"}),
    frozenset({"float4", "float8"}),
)


def fits_index(column, value) -> bool:
    """Whether values of both types are the same parts of keys."""
    if column is value or column == value:
        return True
    names = {column.name, value.name}
    return any(names <= family for family in _FAMILIES)
