"""Where types are looked up: by oid, by name, as the array of another type.

The built-in types are the same for all databases; what users create comes from the catalog, which
gives each registry its way to them.
"""

from __future__ import annotations

from collections.abc import Callable

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.arrays import make_array_type
from services.sqldb.types.builtin import BUILTIN_TYPES, SQL_ALIASES
from services.sqldb.types.sql_type import SqlType

_BUILTIN_BY_NAME = {type_.name: type_ for type_ in BUILTIN_TYPES.values()}


def undefined_type(name: str) -> SqlError:
    return SqlError(errors.UNDEFINED_OBJECT, f'type "{name}" does not exist')


class TypeRegistry:
    """The built-in types, then those that `find_user_type` knows (by oid or by name)."""

    __slots__ = ("_find_user_type",)

    def __init__(self, find_user_type: Callable[[int | str], SqlType | None] | None = None):
        self._find_user_type = find_user_type

    def find(self, oid: int) -> SqlType | None:
        found = BUILTIN_TYPES.get(oid)
        if found is None and self._find_user_type is not None:
            found = self._find_user_type(oid)
        return found

    def by_oid(self, oid: int) -> SqlType:
        """The type, or 42704."""
        found = self.find(oid)
        if found is None:
            raise SqlError(errors.UNDEFINED_OBJECT, f"type with OID {oid} does not exist")
        return found

    def by_name(self, name: str) -> SqlType | None:
        """By the name in pg_type ("int4", "_text") or in SQL ("integer", "text[]")."""
        found = _BUILTIN_BY_NAME.get(SQL_ALIASES.get(name, name))
        if found is None and self._find_user_type is not None:
            found = self._find_user_type(name)
        if found is None and name.endswith("[]"):
            element = self.by_name(name[:-2])
            return self.array_of(element) if element is not None else None
        return found

    def array_of(self, element: SqlType) -> SqlType:
        """The type of arrays of `element`; an array is its own, having dimensions instead."""
        if element.is_array and element.category == "A" and element.name.startswith("_"):
            return element
        if not element.array_oid:
            raise SqlError(
                errors.UNDEFINED_OBJECT, f"could not find array type for data type {element}"
            )
        if element.fields is not None:
            # Each anonymous row has fields of its own, and so has the array of such rows.
            return make_array_type(element)
        return self.find(element.array_oid) or make_array_type(element)


BUILTIN_REGISTRY = TypeRegistry()


def type_by_oid(oid: int) -> SqlType:
    """A built-in type."""
    return BUILTIN_REGISTRY.by_oid(oid)


def type_by_name(name: str) -> SqlType:
    """A built-in type."""
    found = BUILTIN_REGISTRY.by_name(name)
    if found is None:
        raise undefined_type(name)
    return found


def array_of(element: SqlType) -> SqlType:
    """The array type of any type, also of one that a user has made."""
    return BUILTIN_REGISTRY.array_of(element)
