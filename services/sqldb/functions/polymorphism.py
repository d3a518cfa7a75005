"""anyelement, anyarray and their kin: which real types they stand for in a call.

In array_append(anycompatiblearray, anycompatible) called with (int4[], int8), both become int8,
the common type; in functions of anyelement all arguments must have the same type to begin with.
# Real: check_generic_type_consistency(), enforce_generic_type_consistency()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.sqldb.functions.coercion import common_type_or_none
from services.sqldb.functions.library import Library
from services.sqldb.types import (
    ANYARRAY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLEARRAY,
    ANYCOMPATIBLENONARRAY,
    ANYELEMENT,
    ANYENUM,
    ANYNONARRAY,
    TEXT,
    UNKNOWN,
    SqlType,
    array_of,
)

_ELEMENTS = frozenset({ANYELEMENT.oid, ANYNONARRAY.oid, ANYENUM.oid})
_COMPATIBLE = frozenset({ANYCOMPATIBLE.oid, ANYCOMPATIBLENONARRAY.oid})
_POLYMORPHIC = _ELEMENTS | _COMPATIBLE | {ANYARRAY.oid, ANYCOMPATIBLEARRAY.oid}


@dataclass(frozen=True, slots=True)
class Solution:
    """What the two families stand for; None: the call says nothing of it."""

    element: SqlType | None
    compatible: SqlType | None

    def concrete(self, declared: SqlType, actual: SqlType) -> SqlType:
        """The real type of a declared one."""
        if declared.oid in _ELEMENTS:
            return self.element or actual
        if declared.oid == ANYARRAY.oid:
            return array_of(self.element) if self.element is not None else actual
        if declared.oid in _COMPATIBLE:
            return self.compatible or TEXT
        if declared.oid == ANYCOMPATIBLEARRAY.oid:
            return array_of(self.compatible or TEXT)
        return declared


def is_polymorphic(type_: SqlType) -> bool:
    return type_.oid in _POLYMORPHIC


def is_of_elements(type_: SqlType) -> bool:
    """anyelement and anyarray, which need a type; anycompatible is text without one."""
    return type_.oid in _ELEMENTS or type_.oid == ANYARRAY.oid


def solve(
    actual: Sequence[SqlType], declared: Sequence[SqlType], library: Library | None = None
) -> Solution | None:
    """The types that polymorphic arguments stand for, or None if they contradict each other."""
    elements: set[SqlType] = set()
    compatible: list[SqlType] = []
    must_be_scalar = must_be_enum = compatible_scalar = False
    for given, wanted in zip(actual, declared, strict=True):
        if wanted.oid not in _POLYMORPHIC:
            continue
        must_be_scalar |= wanted.oid == ANYNONARRAY.oid
        must_be_enum |= wanted.oid == ANYENUM.oid
        compatible_scalar |= wanted.oid == ANYCOMPATIBLENONARRAY.oid
        if given.oid == UNKNOWN.oid:
            continue
        if wanted.oid in _ELEMENTS:
            elements.add(given)
        elif wanted.oid in _COMPATIBLE:
            compatible.append(given)
        elif given.element is None:
            return None
        elif wanted.oid == ANYARRAY.oid:
            elements.add(given.element)
        else:
            compatible.append(given.element)
    if len(elements) > 1:
        return None
    element = elements.pop() if elements else None
    if element is not None and must_be_scalar and element.is_array:
        return None
    if element is not None and must_be_enum and element.kind != "e":
        return None
    common: SqlType | None = None
    if compatible:
        found = common_type_or_none(compatible, library)
        if not isinstance(found, SqlType) or (compatible_scalar and found.is_array):
            return None
        common = found
    return Solution(element, common)
