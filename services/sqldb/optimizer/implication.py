"""Whether conditions of a query imply the predicate of a partial index.

    CREATE INDEX … WHERE total > 100          total > 500               yes
    CREATE INDEX … WHERE shipped IS NULL      total > 500               no
    CREATE INDEX … WHERE note IS NOT NULL     note = 'fragile'          yes: not true of NULL
    CREATE INDEX … WHERE kind IN (1, 2, 3)    kind = 2                  yes

What cannot be shown is taken for a no: the index is then not used, which is slower, never wrong.
# Real: predtest.c, predicate_implied_by()
"""

from __future__ import annotations

from collections.abc import Sequence

from services.sqldb.optimizer.conditions import conjuncts, unlabelled
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import needs

Parts = Sequence[ex.Expression]
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "<>": "<>"}


def implies(parts: Parts, wanted: ex.Expression | None) -> bool:
    """Whether `wanted` is true for each row for which all parts are true."""
    if wanted is None:
        return True
    if isinstance(wanted, ex.And):
        return all(implies(parts, item) for item in wanted.arguments)
    if any(_one_implies(part, wanted) for part in parts):
        return True
    return isinstance(wanted, ex.Or) and any(implies(parts, item) for item in wanted.arguments)


def _one_implies(part: ex.Expression, wanted: ex.Expression) -> bool:
    if part == wanted:
        return True
    if isinstance(part, ex.Or):
        return all(implies(conjuncts(item), wanted) for item in part.arguments)
    if isinstance(part, ex.And):
        return implies(part.arguments, wanted)
    if isinstance(wanted, ex.IsNull) and wanted.is_negated:
        return _is_true_only_if_given(part, unlabelled(wanted.argument))
    own, other = _comparisons(part), _comparisons(wanted)
    if not own or not other or own[0][0] != other[0][0]:
        return False
    # Each value that the part lets through must be let through.
    return all(any(_follows(have, want) for want in other) for have in own)


def _is_true_only_if_given(part: ex.Expression, expression: ex.Expression) -> bool:
    """Whether a condition is never true where the expression is NULL."""
    match part:
        case ex.Call():
            return part.function.is_strict and any(
                _is_null_with(item, expression) for item in part.arguments
            )
        case ex.Quantified():
            return not part.is_all and _is_null_with(part.left, expression)
        case ex.Not():
            return _is_null_with(part.argument, expression)
        case ex.IsNull():
            return part.is_negated and unlabelled(part.argument) == expression
    return unlabelled(part) == expression


def _is_null_with(value: ex.Expression, expression: ex.Expression) -> bool:
    value = unlabelled(value)
    if value == expression:
        return True
    return (
        isinstance(value, ex.Call)
        and value.function.is_strict
        and any(_is_null_with(item, expression) for item in value.arguments)
    )


Comparison = tuple[ex.Expression, str, object]


def _comparisons(part: ex.Expression) -> list[Comparison]:
    """(expression, operator, constant) of a comparison; of x IN (…) one for each element."""
    if isinstance(part, ex.Quantified):
        array = unlabelled(part.array)
        is_list = not part.is_all and part.comparison.comparison == "="
        if not is_list or not isinstance(array, ex.Constant) or array.value is None:
            return []
        items = [item for item in array.value.elements if item is not None]
        return [(unlabelled(part.left), "=", item) for item in items]
    if not isinstance(part, ex.Call) or part.function.comparison not in _MIRRORED:
        return []
    left, right = part.arguments
    operator = part.function.comparison
    if isinstance(unlabelled(left), ex.Constant):
        left, right, operator = right, left, _MIRRORED[operator]
    left, right = unlabelled(left), unlabelled(right)
    if not isinstance(right, ex.Constant) or right.value is None or not needs(left):
        return []
    if right.type.sort_key is not None:
        return []
    return [(left, operator, right.value)]


def _follows(have: Comparison, want: Comparison) -> bool:
    """Whether x op₁ a means x op₂ b. # Real: the table BT_implic_table"""
    (_, own, mine), (_, other, theirs) = have, want
    try:
        match own, other:
            case ("=", "="):
                return mine == theirs
            case ("=", "<>"):
                return mine != theirs
            case (("=" | "<" | "<="), "<"):
                return mine < theirs or (own == "<" and mine == theirs)
            case (("=" | "<" | "<="), "<="):
                return mine <= theirs
            case (("=" | ">" | ">="), ">"):
                return mine > theirs or (own == ">" and mine == theirs)
            case (("=" | ">" | ">="), ">="):
                return mine >= theirs
            case ("<", "<>"):
                return mine <= theirs
            case ("<=", "<>"):
                return mine < theirs
            case (">", "<>"):
                return mine >= theirs
            case (">=", "<>"):
                return mine > theirs
            case ("<>", "<>"):
                return mine == theirs
    except TypeError:
        return False
    return False
