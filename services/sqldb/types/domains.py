"""CREATE DOMAIN: a type under a name of its own, with conditions on its values.

A value of a domain is held, shown, sorted and sent as one of the type below, its base; what is new
is that every way in goes past a check. Functions and operators see the base: see
`functions.coercion`. # Real: domains.c
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.sqldb.types.context import SessionContext
from services.sqldb.types.sql_type import SqlType

Check = Callable[[SessionContext, Any], Any]
"""Gives the value back, or raises SqlError 23502 or 23514."""


def make_domain_type(
    oid: int, name: str, base: SqlType, typmod: int, check: Check, *, array_oid: int, schema: str
) -> SqlType:
    """The type of a domain over base(typmod)."""

    def parse(text: str, _: int, context: SessionContext) -> Any:
        value = base.parse(text, typmod, context)
        if typmod >= 0 and base.modifier is not None:
            value = base.modifier.coerce(value, typmod, False)
        return check(context, value)

    return replace(
        base,
        oid=oid,
        name=name,
        sql_name="",
        kind="d",
        parse=parse,
        array_oid=array_oid,
        modifier=None,
        is_preferred=False,
        base=base,
        base_typmod=typmod,
        check=check,
        schema=schema,
    )
