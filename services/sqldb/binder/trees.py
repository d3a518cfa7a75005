"""Walks over bound expressions and plans: equality, levels, rewriting from the top.

The functions of plan/ stop at the plans of subqueries or change things from the leaves upward; the
binder has to go into subqueries, because what it puts in the place of an outer column may stand
there, and from the top down, because `a + b` of GROUP BY has to be found before its `a`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache

from services.sqldb.binder.pending import PendingAggregate
from services.sqldb.functions import Aggregate, Function, WindowFunction
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.types import SqlType

# What does not count when two expressions are compared.
_INCIDENTAL = frozenset(("position", "spelling", "name", "names", "is_implicit", "owner"))
_TREES = (ex.Expression, plan.Plan, ex.SortKey, ex.Frame, plan.ConflictClause, plan.MergeWhen)


@lru_cache(maxsize=256)
def field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def fingerprint(value: object) -> Hashable:
    """Equal for expressions that mean the same, wherever in the statement they stand."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is tuple:
        return tuple([fingerprint(item) for item in value])
    match value:
        case SqlType():
            return value.oid
        case Function() | Aggregate() | WindowFunction():
            types = tuple([type_.oid for type_ in value.argument_types])
            return value.name, types, value.result_type.oid
        case ex.Constant():
            return "constant", value.type.oid, type(value.value), _hashable(value.value)
    names = _meaningful_fields(kind)
    if names is None:
        return _hashable(value)
    return kind.__name__, *[fingerprint(getattr(value, name)) for name in names]


_SCALARS = frozenset((int, str, bool, type(None)))


@lru_cache(maxsize=256)
def _meaningful_fields(kind: type) -> tuple[str, ...] | None:
    """None: not a dataclass, but a plain value."""
    if not is_dataclass(kind) or kind is type:
        return None
    is_all = issubclass(kind, ex.SystemColumn)
    return tuple(name for name in field_names(kind) if is_all or name not in _INCIDENTAL)


def _hashable(value: object) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def is_same(left: ex.Expression, right: ex.Expression) -> bool:
    return left is right or fingerprint(left) == fingerprint(right)


def columns_in(value: object) -> Iterator[ex.Column | ex.SystemColumn | ex.WholeRow]:
    """All columns that an expression names, those in the plans of its subqueries included."""
    if isinstance(value, ex.Column | ex.SystemColumn):
        yield value
    elif isinstance(value, _TREES):
        if isinstance(value, ex.WholeRow):
            yield value
        for name in field_names(type(value)):
            if name not in ("outer", "table", "owner"):
                yield from columns_in(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from columns_in(item)


def contains(value: object, kinds: type | tuple[type, ...]) -> bool:
    """Whether an expression of the kinds stands in this one; not looking into subqueries."""
    return next(find(value, kinds), None) is not None


def find(value: object, kinds: type | tuple[type, ...]) -> Iterator[ex.Expression]:
    if isinstance(value, kinds):
        yield value
    if isinstance(value, ex.Expression | ex.SortKey | ex.Frame):
        for name in field_names(type(value)):
            part = getattr(value, name)
            if isinstance(part, tuple | ex.Expression | ex.SortKey | ex.Frame):
                yield from find(part, kinds)
    elif isinstance(value, tuple):
        for item in value:
            yield from find(item, kinds)


def made_relations(value: object) -> set[int]:
    """The numbers of all relations made in a plan, at any depth."""
    found: set[int] = set()
    _collect_made(value, found)
    return found


def _collect_made(value: object, found: set[int]) -> None:
    if isinstance(value, plan.Plan | plan.ConflictClause):
        for name in field_names(type(value)):
            part = getattr(value, name)
            if name.endswith("relation") and isinstance(part, int):
                found.add(part)
            else:
                _collect_made(part, found)
    elif isinstance(value, ex.Expression | ex.SortKey):
        for name in field_names(type(value)):
            _collect_made(getattr(value, name), found)
    elif isinstance(value, tuple):
        for item in value:
            _collect_made(item, found)


def outer_columns(inner: plan.Plan) -> tuple[ex.Column, ...]:
    """The columns of queries around it that a plan uses, each once."""
    made = made_relations(inner)
    found: dict[tuple[int, int], ex.Column] = {}
    for column in columns_in(inner):
        if isinstance(column, ex.Column) and column.relation not in made:
            found.setdefault((column.relation, column.index), column)
    return tuple(found.values())


Change = Callable[[ex.Expression], ex.Expression | None]


def replace_down(value: object, change: Change) -> object:
    """The expression or plan with what `change` gives in place of its parts, from the top.

    Where `change` gives None, its parts are asked.
    """
    if isinstance(value, tuple):
        items = tuple([replace_down(item, change) for item in value])
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if isinstance(value, ex.Expression):
        changed = change(value)
        if changed is not None:
            return changed
    elif not isinstance(value, _TREES):
        return value
    return _replace_parts(value, change)


def _replace_parts(value: object, change: Change) -> object:
    changes = {}
    for name in field_names(type(value)):
        old = getattr(value, name)
        if not isinstance(old, (tuple, *_TREES)) or name in ("outer", "names", "types"):
            continue
        new = replace_down(old, change)
        if new is not old:
            changes[name] = new
    if not changes:
        return value
    if isinstance(value, ex.Subquery) and "plan" in changes:
        changes["outer"] = outer_columns(changes["plan"])
    return replace(value, **changes)


def pending_of(value: object, owner: object) -> Iterator[PendingAggregate]:
    """The aggregates of a query that stand in an expression, also in its subqueries."""
    if isinstance(value, PendingAggregate) and value.owner is owner:
        yield value
    elif isinstance(value, _TREES):
        for name in field_names(type(value)):
            if name not in ("outer", "table", "owner"):
                yield from pending_of(getattr(value, name), owner)
    elif isinstance(value, tuple):
        for item in value:
            yield from pending_of(item, owner)
